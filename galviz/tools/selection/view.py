"""The selection bar: number of selected objects, set operations, saved subsets, undo."""

from collections.abc import Callable
from typing import Any

import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.tools.formatting import field, shown_error, text
from galviz.tools.selection.core import HOW, Selection
from galviz.tools.viewer.stretch_controls import alert

_HOW = dict(zip(("replace", "add", "remove", "keep common"), HOW, strict=True))


class SelectionBar(pn.viewable.Viewer):
    """Count, condition, set operations, named subsets, undo and redo of a selection.

    Parameters
    ----------
    selection : Selection
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    how = param.Selector(
        default="replace", objects=_HOW, label="New selection", doc="how it combines with the current selection"
    )
    condition = param.String(default="", label="Select where", doc="a condition on columns, such as z < 0.3")
    called = param.String(default="", label="Name of a subset")
    subset = param.String(default="", label="Subsets")
    error = param.String(default="", doc="why the last step failed")
    refused = param.String(default="", doc="why the condition cannot be used; it stays as long as the condition does")

    def __init__(self, selection: Selection, **params: object) -> None:
        super().__init__(selection=selection, **params)

    @param.depends("selection.version")
    def subsets(self) -> dict[str, str]:
        """Return the names of the saved subsets, as options of a select."""
        return {"–": ""} | {name: name for name in self.selection.names}

    def take(self, step: Callable[..., Any], *given: Any, **more: Any) -> None:
        """Run a method of the selection, or show why it failed."""
        try:
            step(*given, **more)
        except (ValueError, KeyError) as error:
            self.error = shown_error(error)
        else:
            self.error = ""

    @param.depends("condition", watch=True)
    def _where(self) -> None:
        self.refused = ""
        if self.condition.strip():
            self.take(self.selection.where, self.condition, how=self.how)
            self.param.update(refused=self.error, error="")

    @param.depends("selection.version", watch=True)
    def _forgive(self) -> None:
        self.error = ""

    def _keep(self, _: object) -> None:
        self.take(self.selection.keep_as, self.called)
        if not self.error:
            self.param.update(subset=self.called.strip(), called="")

    def _recall(self, _: object) -> None:
        if self.subset:
            self.take(self.selection.recall, self.subset, how=self.how)

    def _forget(self, _: object) -> None:
        if self.subset:
            self.take(self.selection.forget, self.subset)

    @param.depends("selection.version")
    def summary(self) -> Markup:
        """Return the number of selected objects and what was done last, as HTML."""
        steps, selected, total = self.selection.steps, len(self.selection), len(self.selection.table)
        last = f" · {_short(*steps[-1])}" if steps else ""
        status = Markup("<div role='status'><b>{:,} of {:,} objects selected</b>{}</div>")
        gone = Markup("<div class='note'>{}</div>").format(absent_text(self.selection)) if self.selection.absent else ""
        return status.format(selected, total, last) + gone

    def __panel__(self) -> pn.viewable.Viewable:
        def button(label: str, act: Callable[[object], Any], about: str) -> pn.widgets.Button:
            return pn.widgets.Button(label=label, on_click=act, description=about, margin=(4, 2))

        undo = [
            button("↶ Undo", lambda _: self.selection.undo(), "undo the last step"),
            button("↷ Redo", lambda _: self.selection.redo(), "redo it"),
            button("Invert", lambda _: self.selection.invert(), "select what is not selected"),
            button("Clear", lambda _: self.selection.choose([]), "select nothing"),
        ]
        version = self.selection.param.version
        for pressed, steps in zip(undo, ("undoable", "redoable"), strict=False):
            pressed.disabled = pn.bind(lambda _, steps=steps: not getattr(self.selection, steps), version)
        wide = {"sizing_mode": "stretch_width"}
        condition = field(self.param.condition, placeholder=_example(self.selection), min_width=120, **wide)
        how = field(self.param.how, width=110)
        named = [
            field(self.param.called, placeholder="a name", min_width=80, **wide),
            button("Save subset", self._keep, "save the selection under this name"),
        ]
        subsets = [
            field(self.param.subset, type=pn.widgets.Select, options=self.subsets, min_width=80, **wide),
            button("Select subset", self._recall, "select the objects of the subset"),
            button("Delete subset", self._forget, "delete the subset; its objects stay"),
        ]
        end = {"align": "end"}
        for one in (*named, *subsets):
            one.param.update(**end)
        rows = [pn.Row(how, condition, **wide), pn.FlexBox(*undo), pn.Row(*named, **wide)]
        rows += [pn.Row(subsets[0], **wide), pn.FlexBox(*subsets[1:])]
        return pn.Column(text(self.summary), *rows, self._alert, **wide)

    @param.depends("error", "refused")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error or self.refused)


def absent_text(selection: Selection) -> str:
    """Return how many selected objects are not in the table, and what becomes of them; ``""`` if all are."""
    gone = selection.absent
    if not gone:
        return ""
    verb = "is" if gone == 1 else "are"
    those = f"{gone:,} of {gone + len(selection):,} selected objects {verb} not in this table"
    return f"{those}. Go back to the table that has them, and they are selected again."


def _example(selection: Selection) -> str:
    """Return an example of a condition on a column of the table."""
    names = [str(name) for name in selection.table.select_dtypes("number")]
    if not names:
        return ""
    some = selection.table[names[0]].iloc[:: len(selection.table) // 100_000 + 1]  # of 10⁷ it would be slow
    return f"for example {column(names[0])} < {some.median():.3g}"


_SAID = {
    "where": "where {expression}",
    "lasso": "inside a lasso over {x} and {y}",
    "invert": "inverted",
    "keep_as": "saved as the subset {name}",
    "recall": "the subset {name}",
    "forget": "the subset {name} was deleted",
}


def _short(name: str, given: dict[str, Any]) -> str:
    """Return what a step did, as short text."""
    how = {"add": " (added)", "remove": " (removed)", "keep": " (common ones kept)"}.get(given.get("how", ""), "")
    if name == "choose":
        return f"{len(given['ids']):,} by id{how}" if given["ids"] else "cleared"
    if name == "box":
        return f"inside a box over {' and '.join(given['bounds'])}{how}"
    return _SAID[name].format_map(given) + how
