"""Diagnostics of a table of estimates: worst slices, another run, suspect labels."""

from collections.abc import Callable, Mapping

import pandas as pd
import panel as pn
import param

from galviz.sky.cutouts import CutoutSet
from galviz.tools.diagnostics.compare import CompareView
from galviz.tools.diagnostics.slices import SlicesView
from galviz.tools.diagnostics.suspects import SuspectsView
from galviz.tools.formatting import field, said, shown_error
from galviz.tools.selection.core import Selection

LOOKS = ("nothing", "worst slices", "another run", "suspect labels")


class CloserView(pn.viewable.Viewer):
    """Diagnostics of a table of estimates, computed on request.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns truth, estimate and optionally seen, as returned by `galviz.runs.predictions.joined`.
    selection : Selection
        Selection that the buttons change.
    cutouts : CutoutSet, optional
    measure : str
        Name of the mean absolute residual.
    called : str
        Name of the run.
    others : mapping of str to callable
        Runs to compare with: name → function that returns a table such as `table`, or None.
    """

    at = param.Selector(default="nothing", objects=list(LOOKS), label="Diagnostics")
    other = param.String(default="", label="Compare with")

    def __init__(
        self,
        table: pd.DataFrame,
        selection: Selection,
        cutouts: CutoutSet | None = None,
        *,
        measure: str = "MAE",
        called: str = "this run",
        others: Mapping[str, Callable[[], pd.DataFrame | None]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.table, self.selection, self.cutouts = table, selection, cutouts
        self.measure, self.called, self.others = measure, called, dict(others or {})

    @param.depends("at", "other")
    def view(self) -> pn.viewable.Viewable:
        """Return the selected diagnostics."""
        if self.at == "worst slices":
            held = self.table[~self.table["seen"]] if "seen" in self.table else self.table
            loss = (held["estimate"] - held["truth"]).abs()
            return SlicesView(held, loss, self.selection, self.measure)
        if self.at == "suspect labels":
            return SuspectsView(self.table, self.selection)
        return self._compared() if self.at == "another run" else pn.Spacer()

    def _compared(self) -> pn.viewable.Viewable:
        if not self.other:
            return said("" if self.others else "There is no other run to compare with: train one.")
        try:
            second = self.others[self.other]()
        except (ValueError, OSError, RuntimeError) as error:
            return said(shown_error(error))
        if second is None:
            return said(f"{self.other} has no predictions of one number an object yet.")
        return CompareView(self.table, second, self.cutouts, self.selection, (self.called, self.other))

    def __panel__(self) -> pn.viewable.Viewable:
        options = {"–": ""} | {name: name for name in self.others}
        with_whom = field(
            self.param.other, type=pn.widgets.Select, options=options, width=220,
            visible=self.param.at.rx() == "another run",
        )  # fmt: skip
        controls = pn.FlexBox(field(self.param.at, width=160), with_whom, align_items="flex-end")
        return pn.Column(controls, self.view, sizing_mode="stretch_width")
