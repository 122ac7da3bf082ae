"""A plot of any columns, in which objects are selected with a tap, a box, a lasso, on a bar or on a cell."""

from collections.abc import Callable, Mapping
from typing import Any

import panel as pn
import param

from galviz.tools.formatting import drawn, field, said, shown_error
from galviz.tools.plots import core as plots
from galviz.tools.plots.figure import GUIDES
from galviz.tools.selection.core import Selection

KINDS = ("scatter", "histogram", "matrix")


class PlotView(pn.viewable.Viewer):
    """One plot of the selection's table; selecting in it adds a step to the selection.

    Parameters
    ----------
    selection : Selection
        Its table is plotted. Selected objects are orange, the object in focus has a ring.
    how : callable, optional
        Returns how a new selection is combined with the present one: one of `galviz.tools.selection.core.HOW`.
    labels : mapping of str to str, optional
        Column → its name on an axis.
    """

    kind = param.Selector(default="scatter", objects=list(KINDS), label="Plot")
    x = param.String(default="", label="x", doc="a column, or an expression such as g - r")
    y = param.String(default="", label="y", doc="a column, or an expression such as g - r")
    colour = param.String(default="", label="Colour by", doc="a column, or an expression such as g - r; empty for none")
    density = param.Boolean(default=False, label="Density")
    guide = param.Selector(default="none", objects=list(GUIDES), label="Guide")
    bins = param.Integer(default=40, bounds=(2, 400), label="Bins")
    logarithmic = param.Boolean(default=False, label="Logarithmic")

    def __init__(
        self,
        selection: Selection,
        how: Callable[[], str] = lambda: "replace",
        labels: Mapping[str, str] | None = None,
        **params: object,
    ) -> None:
        self.selection, self.table, self._how, self._labels = selection, selection.table, how, dict(labels or {})
        names = [str(name) for name in selection.table.columns]
        numbers = [str(name) for name in selection.table.select_dtypes("number")]
        first = {"x": (numbers or names or [""])[0], "y": (numbers[1:] or numbers or names or [""])[0]}
        self._follow: plots.Follow = _nothing
        super().__init__(**(first | params))
        selection.param.watch(self._selected, ["version", "focus"])

    def _selected(self, *events: param.parameterized.Event) -> None:
        if self.selection.table is self.table:  # else another tab is open, with another table
            self._follow(*events)

    def _take(self, step: Callable[..., None], *given: Any) -> None:
        step(*given, how=self._how())

    def label(self, name: str) -> str:
        """Return the axis label of a column or an expression."""
        return self._labels.get(name, name)

    @param.depends("kind", "x", "y", "colour", "density", "guide", "bins", "logarithmic")
    def plot(self) -> pn.viewable.Viewable:
        """Return the plot, or an error message."""
        names, axes = (self.x, self.y), (self.label(self.x), self.label(self.y))
        try:
            if self.kind == "scatter":
                more = {"density": self.density, "guide": self.guide}
                more["colour"] = (self.colour, self.label(self.colour)) if self.colour.strip() else None
                plot, self._follow = plots.scatter(self.selection, names, axes, self._take, **more)
            elif self.kind == "histogram":
                more = {"bins": self.bins, "logarithmic": self.logarithmic}
                plot, self._follow = plots.histogram(self.selection, self.x, axes[0], self._take, **more)
            else:
                plot, self._follow = plots.matrix(self.selection, names, axes, self._take)
        except (ValueError, KeyError) as error:
            self._follow = _nothing
            return said(shown_error(error))
        return drawn(plot)

    def controls(self) -> pn.viewable.Viewable:
        """Return the controls; only those of the current kind of plot are visible."""
        names = [str(name) for name in self.table.columns]
        typed = {"type": pn.widgets.AutocompleteInput, "options": names, "restrict": False, "min_characters": 0}
        typed |= {"width": 150, "case_sensitive": False}
        scatter, counted = self.param.kind.rx() == "scatter", self.param.kind.rx() == "histogram"
        switch = {"type": pn.widgets.Toggle, "width": 100}
        looks = {"kind": {"width": 110}, "x": typed, "y": typed | {"visible": counted.rx.not_()}}
        looks |= {"colour": typed | {"options": ["", *names], "visible": scatter, "placeholder": "none"}}
        looks |= {"guide": {"width": 160, "visible": scatter}}
        looks |= {"bins": {"type": pn.widgets.IntInput, "start": 2, "end": 400, "width": 70, "visible": counted}}
        looks |= {"density": switch | {"visible": scatter}, "logarithmic": switch | {"visible": counted}}
        return pn.FlexBox(*(field(self.param[name], **look) for name, look in looks.items()), align_items="flex-end")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.controls(), self.plot, sizing_mode="stretch_width")


def _nothing(*_: object) -> None:
    """Do nothing; used when there is no plot to update."""
