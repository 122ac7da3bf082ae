"""Saved views: the state of an explorer in the page's address, or in a readable JSON file."""

import ast
import io
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.io.paths import file_name
from galviz.pages.explorer import Explorer
from galviz.pages.state import query, write_query
from galviz.tasks.target import Target
from galviz.tools.formatting import shown_error, text
from galviz.tools.viewer.stretch_controls import alert

_LONGEST = 4000  # characters; longer addresses fail in some browsers and proxies
KIND = "galviz view"
"""Value of the key ``kind`` in the file."""


class ViewState(pn.viewable.Viewer):
    """Save and restore the state of an explorer, in the address and in files.

    Parameters
    ----------
    explorer : Explorer
    key : str
        Name of the query parameter in the address.
    of : str
        What is shown. A state in the address that belongs to something else is ignored.
    about : mapping, optional
        Extra content of the file, such as the path of the table.
    target : Target, optional
        Of the run that is shown. Used to translate the column names of older views.
    """

    error = param.String(default="", doc="why a view could not be opened")
    missing = param.String(default="", doc="as of the explorer")
    too_long = param.Boolean(default=False, doc="whether the state is too long for an address")

    def __init__(
        self,
        explorer: Explorer,
        key: str,
        of: str,
        about: dict[str, Any] | None = None,
        target: Target | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.explorer, self.key, self.of, self.about, self.target = explorer, key, of, dict(about or {}), target
        explorer.param.watch(lambda event: setattr(self, "missing", event.new), "missing")
        self.restore_address()
        explorer.param.watch(self._write_address, "changed")

    def content(self) -> dict[str, Any]:
        """Return the content of the file."""
        return {"kind": KIND, "galviz": version("galviz"), "of": self.of, **self.about, "state": self.explorer.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `Explorer.state` returned, also in an older version. Errors are as in `Explorer.restore`."""
        self.explorer.restore(with_new_names(state, self._renamed()))

    def _renamed(self) -> dict[str, str]:
        """Return old name → new name of the columns that the table does not have by their old names."""
        names = {} if self.target is None else new_names(self.target, self.explorer.table.columns)
        return {old: new for old, new in names.items() if old not in self.explorer.table and new in self.explorer.table}

    def open(self, content: bytes | str) -> None:
        """Restore the state from a file; an invalid file shows an error."""
        try:
            self.restore(read_view(content)["state"])
        except (ValueError, KeyError, TypeError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    def restore_address(self) -> None:
        """Restore the state from the address, if it belongs to what is shown."""
        try:
            given = json.loads(query().get(self.key, "{}"))
            if given.pop("of", None) == self.of:
                self.restore(given)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.error = f"Part of the view in this address could not be restored: {shown_error(error)}"

    def _write_address(self, *_: param.parameterized.Event) -> None:
        written = json.dumps({"of": self.of} | self.explorer.state(), separators=(",", ":"), ensure_ascii=False)
        self.too_long = len(urlencode({self.key: written})) > _LONGEST
        write_query(**{self.key: "" if self.too_long else written})

    @param.depends("error", "missing")
    def refused(self) -> pn.viewable.Viewable:
        """Show why a view could not be opened. It stands in the main area, as a drawer may be shut."""
        return alert(self.error or self.missing)

    @param.depends("too_long")
    def _note(self) -> str | Markup:
        long = Markup("<span class='note'>Too long for the address: save it as a file.</span>")
        return long if self.too_long else ""

    def __panel__(self) -> pn.viewable.Viewable:
        save = pn.widgets.FileDownload(
            callback=lambda: io.BytesIO(json.dumps(self.content(), indent=1, ensure_ascii=False).encode()),
            filename=file_name(f"{self.of} view.json"), label="Save this view", embed=False, width=140,
        )  # fmt: skip
        file = pn.widgets.FileInput(accept=".json", width=220)
        file.param.watch(lambda event: self.open(event.new) if event.new else None, "value")
        row = pn.FlexBox(save, text("Open a saved view:", margin=(10, 5)), file, text(self._note), align_items="center")
        return pn.Column(row, sizing_mode="stretch_width")


def read_view(content: bytes | str) -> dict[str, Any]:
    """Return the content of a saved view.

    Raises
    ------
    ValueError
        If the content is not a saved view.
    """
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"view: expected a view saved by galviz, got something else ({error}).") from None
    if not isinstance(found, dict) or found.get("kind") != KIND or not isinstance(found.get("state"), dict):
        raise ValueError("view: expected a view saved by galviz, got other JSON. Save one with 'Save this view'.")
    return found


def new_names(target: Target, columns: Iterable[str]) -> dict[str, str]:
    """Return the columns of a run's table as version 0.1 and earlier named them → as they are named now.

    Parameters
    ----------
    target : Target
        Of the run.
    columns : iterable of str
        Of the table now.
    """
    estimate = target.rules.names(target)[0]
    found = {"estimate": estimate, "truth": f"{estimate}_true", "seen": "in_training", "right": "correct"}
    found |= {error: f"{estimate}_{error}" for error in ("spread", "sigma")}
    found |= {f"{target.name}s right": f"{target.name}s_correct"}
    return found | {f"{name.removesuffix('_pred')} taken for": name for name in columns if name.endswith("_pred")}


def with_new_names(state: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return a saved state with other names of columns in its plots, its gallery and the steps of its selection.

    Parameters
    ----------
    state : mapping
        As `Explorer.state` returns it.
    names : mapping of str to str
        Old name → new name.
    """

    def renamed(expression: Any) -> Any:
        return expression if not isinstance(expression, str) else _renamed(expression, names)

    def step(name: str, given: Mapping[str, Any]) -> list[Any]:
        changed = {key: renamed(value) if key in {"expression", "x", "y"} else value for key, value in given.items()}
        if "bounds" in changed:
            changed["bounds"] = {renamed(key): value for key, value in changed["bounds"].items()}
        return [name, changed]

    if not names:
        return dict(state)
    plots = [
        {key: renamed(value) if key in {"x", "y", "colour"} else value for key, value in plot.items()}
        for plot in state.get("plots", [])
    ]
    gallery = {
        key: renamed(value) if key in {"order", "filter"} else value for key, value in state.get("gallery", {}).items()
    }
    if "captions" in gallery:
        gallery["captions"] = [names.get(name, name) for name in gallery["captions"]]
    selection = dict(state.get("selection", {}))
    selection["steps"] = [step(name, given) for name, given in selection.get("steps", [])]
    return {**state, "plots": plots, "gallery": gallery, "selection": selection}


def _renamed(expression: str, names: Mapping[str, str]) -> str:
    """Return a column's new name, or an expression with the new names of its columns."""
    if expression in names:
        return names[expression]
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return expression
    changed = _NewNames(names)
    tree = changed.visit(tree)
    return ast.unparse(tree) if changed.found else expression


class _NewNames(ast.NodeTransformer):
    """Replaces ``name`` and ``col("name")`` in a syntax tree."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self.names, self.found = names, False

    def _new(self, node: ast.AST, name: Any) -> ast.AST:
        if name not in self.names:
            return node
        self.found = True
        return ast.parse(column(self.names[name]), mode="eval").body

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._new(node, node.id)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id == "col" and len(node.args) == 1:
            return self._new(node, getattr(node.args[0], "value", None))
        return self.generic_visit(node)
