"""The workspace of a page: panes with tabs, cards, drawers, the search for an id, the theme in the address."""

import pandas as pd
import panel as pn
import pytest
from panel.io.location import Location
from panel.param import Param
from panel.util import edit_readonly
from shown import all_text

from galviz.pages.cards import Card, Cards
from galviz.pages.explorer import Explorer
from galviz.pages.panes import Panes
from galviz.pages.shell import Browser, page_template
from galviz.pages.state import Finder
from galviz.pages.workspace import Section, Workspace, fills
from galviz.tools.selection.core import Selection


@pytest.fixture
def made():
    return []


@pytest.fixture
def panes(made):
    """Three areas; each tab writes its name to `made` when its content is made."""

    def maker(name):
        return lambda: made.append(name) or pn.pane.Str(name)

    return Panes(
        *({name: maker(name) for name in names} for names in (("Plot", "Plot 2"), ("Picture",), ("Gallery", "Table")))
    )


@pytest.fixture
def location(monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    return location


class Twice(Workspace):
    """A workspace with something in each place."""

    def main(self):
        return fills(pn.pane.HTML("the main area"))

    def left(self):
        return [Section("Selection", pn.pane.HTML("what is selected"))]

    def right(self):
        return [Section("Measures", pn.pane.HTML("what is measured")), Section("", pn.pane.HTML("no title"))]

    def bar(self):
        return [pn.pane.HTML("in the bar")]


def test_a_tab_is_made_when_it_is_opened_first(panes, made):
    assert panes.get_root()
    assert made == ["Plot", "Picture", "Gallery"]
    panes.open("Table")
    assert panes.active == ["Plot", "Picture", "Table"]
    panes.open("Gallery")
    panes.open("Table")
    panes.open("no such tab")
    assert panes.active == ["Plot", "Picture", "Table"]
    assert made == ["Plot", "Picture", "Gallery", "Table"]


def test_an_area_without_tabs_has_no_place():
    assert Panes({"Plot": pn.Column}, {}, {"Table": pn.Column}).names == [["Plot"], ["Table"]]


def test_the_layout_is_saved_where_it_differs_and_restored(panes, made):
    assert panes.state() == {}
    panes.param.update(wide=0.3, large=1)
    panes.open("Plot 2")
    state = panes.state()
    assert state == {"active": ["Plot 2", "Picture", "Gallery"], "wide": 0.3, "large": 1}
    panes.param.update(wide=0.5, large=-1)
    panes.open("Plot")
    panes.restore(state)
    assert panes.state() == state
    panes.restore({"active": ["gone", "Picture", "Table"], "tall": 0.4, "of a later version": 1})
    assert panes.active == ["Plot 2", "Picture", "Table"]
    assert panes.tall == 0.4
    panes.restore({"active": ["only one"]})
    assert panes.active == ["Plot 2", "Picture", "Table"]
    panes.restore({"large": 3})  # there is no such area: the page would be empty
    panes.restore({"large": -2})
    assert panes.large == 1
    with pytest.raises(ValueError, match="wide"):
        panes.restore({"wide": 7})


def test_a_tab_that_needs_room_has_it_unless_a_bar_was_moved():
    panes = Panes({"Plot": pn.Column, "Diagram": pn.Column}, {"Picture": pn.Column}, roomy={"Diagram": (0.7, 0.6)})
    panes.open("Diagram")
    assert (panes.wide, panes.tall) == (0.7, 0.6)
    assert panes.state() == {"active": ["Diagram", "Picture"]}
    panes.open("Plot")
    assert (panes.wide, panes.tall) == (0.5, 0.57)
    panes.wide = 0.4
    panes.open("Diagram")
    assert panes.wide == 0.4
    assert panes.state()["wide"] == 0.4


def test_the_layout_stays_when_other_plots_come():
    explorer = Explorer(pd.DataFrame({"z": [0.1, 0.2]}, index=pd.Index(["a", "b"], name="object_id")))
    explorer.panes.param.update(tall=0.3)
    explorer.panes.open("Export")
    before = explorer.panes
    explorer.arrange({"ROC": pn.Column}, {"Diagnostics": pn.Column})
    assert explorer.panes is not before
    assert explorer.panes.names == [["ROC"], ["Plot"], ["Table", "Gallery", "Columns", "Diagnostics", "Export"]]
    assert (explorer.panes.tall, explorer.panes.active[2]) == (0.3, "Export")


def test_a_click_on_a_card_that_opens_something_is_told():
    clicked = []
    cards = Cards([Card("AUC", "0.99", opens=True), Card("objects", "12")], clicked.append)
    assert cards.get_root()
    for name in ("AUC", "objects", "nobody", None):
        cards._handle_msg({"name": name})
    cards._handle_msg({})
    assert clicked == ["AUC"]


@pytest.mark.parametrize(
    ("typed", "focus", "missing"),
    [
        ("b17", "b17", ""),
        (" b17 ", "b17", ""),
        ("a", "a", ""),
        ("17", "b17", ""),
        ("b", "", "several objects contain b"),
        ("x.*", "", "no object x.*"),
    ],
)
def test_an_id_or_the_only_one_with_what_is_typed_comes_into_focus(typed, focus, missing):
    selection = Selection(pd.DataFrame({"z": 0.1}, index=pd.Index(["a", "ab", "b17", "b2"], name="object_id")))
    finder = Finder(selection)
    finder.typed = typed
    assert (selection.focus or "", finder.missing) == (focus, missing)
    assert f"<span role='alert'>{missing}</span>" in all_text(finder) if missing else "alert" not in all_text(finder)
    finder.typed = ""
    assert finder.missing == ""


def test_what_was_typed_to_find_an_object_goes_with_it():
    selection = Selection(pd.DataFrame({"z": 0.1}, index=pd.Index(["a", "ab", "b17", "b2"], name="object_id")))
    finder = Finder(selection)
    finder.typed = "17"
    assert (selection.focus, finder.typed) == ("b17", "17")
    selection.choose(["a"])
    assert finder.typed == "17"
    selection.focus = "b2"  # as by a click in the gallery
    assert finder.typed == ""
    finder.typed = "17"  # the same once more
    assert selection.focus == "b17"
    finder.typed = "b"
    assert finder.missing
    selection.focus = "a"
    assert (finder.typed, finder.missing) == ("", "")


def test_a_notebook_shows_the_drawers_beside_the_main_area():
    shown = all_text(Twice())
    for words in ("the main area", "what is selected", "what is measured", "no title"):
        assert words in shown
    cards = pn.panel(Twice()).select(pn.Card)
    assert [(card.title, card.collapsed) for card in cards] == [("Selection", False), ("Measures", True)]


@pytest.mark.parametrize("dark", [True, False])
def test_the_theme_is_in_the_address(location, dark):
    location.search = "?theme=dark&tab=data" if dark else "?tab=data"
    page = page_template("test", Twice)
    (browser,) = page.header[-1].select(Browser)
    assert (page.dark_theme, browser.dark, browser.given) == (dark, dark, dark)
    browser.dark = not dark  # as remembered by the browser
    assert page.dark_theme is not dark
    assert f"theme={'light' if dark else 'dark'}" in location.search
    assert "tab=data" in location.search
    page.dark_theme = dark  # by the button
    assert browser.dark is dark


def test_a_page_has_the_drawers_of_its_workspace_and_closes_the_left_one_where_there_is_no_room():
    page = page_template("test", Twice)
    assert [card.title for card in page.sidebar] == ["Selection"]
    assert "what is measured" not in all_text(page.contextbar[0])  # it is built when it is opened first
    page.contextbar_open = True
    assert [words in all_text(page.contextbar[0]) for words in ("what is measured", "no title")] == [True, True]
    page.contextbar_open = False
    assert "what is measured" in all_text(page.contextbar[0])
    assert "in the bar" in " ".join(map(all_text, page.header))
    (browser,) = page.header[-1].select(Browser)
    browser.roomy = False
    assert not page.sidebar_open


def test_a_page_without_a_left_drawer_is_not_moved_aside_where_there_is_little_room():
    page = page_template("test", lambda: pn.Column("all"))
    (browser,) = page.header[-1].select(Browser)
    browser.roomy = False
    assert page.sidebar_open  # else its main area begins beyond the edge, by the width of a drawer


def test_fields_are_panels_own_whose_options_a_screen_reader_knows():
    kinds = [*Param.mapping.values(), *Param.input_widgets.values()]
    assert not [kind for kind in kinds if getattr(kind, "__module__", "").startswith("panel_material_ui.widgets")]


def test_a_poll_of_the_server_does_not_change_the_page():
    page = page_template("test", Twice)
    with edit_readonly(pn.state):
        pn.state.busy = True
    try:
        assert not page.busy
    finally:
        with edit_readonly(pn.state):
            pn.state.busy = False
