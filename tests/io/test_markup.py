"""Text is shown as it is written: one module escapes, and nothing else in the code makes HTML of text."""

import ast
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from galviz.io.markup import Markup, as_html, as_markdown

GALVIZ = Path(__file__).parents[2] / "galviz"
IN_ONE_PLACE = {
    "pn.pane.HTML": "tools/formatting.py",
    "pn.pane.Markdown": "",
    "pn.pane.Alert": "",
    "pn.widgets.Tabulator": "tools/formatting.py",
    "pn.widgets.MultiChoice": "tools/formatting.py",
    "W.HTML": "tools/training/widget.py",
    "W.HTMLMath": "",
}
"""What reads text as HTML, and the only file that may use it; `pn.widgets.Tabulator` may be named as a return type."""


class Reader(HTMLParser):
    """What a browser would show of HTML, and how many elements it has."""

    shown, tags = "", 0

    def handle_data(self, data):
        self.shown += data

    def handle_starttag(self, *_):
        self.tags += 1


@given(st.text())
def test_text_is_shown_as_it_is_written(text):
    for html in (as_html(text), as_html(Markup("{}").format(text)), as_html(Markup("").join([text]))):
        reader = Reader()
        reader.feed(html)
        reader.close()
        assert (reader.shown, reader.tags) == (text, 0)


def test_markup_is_html_and_nothing_is_nothing():
    assert as_html(Markup("<b title='{}'>{:.1f}</b>").format("'>", 2)) == "<b title='&#39;&gt;'>2.0</b>"
    assert (as_html(None), as_html("")) == ("", "")
    assert type(as_html(Markup("a"))) is str  # the methods of a Markup escape once more


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_text_is_shown_as_it_is_written_in_markdown(text):
    shown = MarkdownIt().render(f"Columns: {as_markdown(text)}")
    words = " ".join(["Columns:", *text.split()])
    assert unescape(shown.removeprefix("<p>").removesuffix("</p>\n")) == words


def breaches(folder):
    """Give the uses, under a folder, of what reads text as HTML."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        name, tree = path.relative_to(folder).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
        hints = [
            part for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for part in [node.returns] if part
        ]
        hinted = {id(inner) for part in hints for inner in ast.walk(part)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module in {"html", "markupsafe"} and name != "io/markup.py":
                found.append(f"{name} imports {node.module}")
            if isinstance(node, ast.Attribute) and id(node) not in hinted:
                written = ast.unparse(node)
                if IN_ONE_PLACE.get(written, name) != name:
                    found.append(f"{name} uses {written}")
    return found


def test_html_is_made_in_one_place():
    assert breaches(GALVIZ) == []


@pytest.mark.parametrize(
    "line", ["from html import escape", "pn.pane.Markdown(x)", "x = W.HTML(value=x)", "pn.widgets.Tabulator(x)"]
)
def test_another_place_is_seen(tmp_path, line):
    (tmp_path / "planted.py").write_text(line)
    assert len(breaches(tmp_path)) == 1


def test_no_script_makes_html_of_text():
    """The script of `tools.repair` alone takes HTML: the traits of its widget, which hold what `as_html` returned."""
    files = [*GALVIZ.rglob("*.js"), *GALVIZ.rglob("*.py")]
    found = {
        file.relative_to(GALVIZ).as_posix()
        for file in files
        for sign in ("innerHTML", "insertAdjacentHTML", "document.write")
        if sign in file.read_text("utf-8")
    }
    assert found == {"tools/repair/client.js"}
