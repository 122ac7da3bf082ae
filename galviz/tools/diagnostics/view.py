"""Diagnostics of a table of estimates: worst slices, another run, suspect labels."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd
import panel as pn
import param

from galviz.measure.compare import error
from galviz.sky.cutouts import CutoutSet
from galviz.tools.diagnostics.compare import CompareView
from galviz.tools.diagnostics.slices import SlicesView
from galviz.tools.diagnostics.suspects import SuspectsView
from galviz.tools.formatting import error_note, field, note, shown_error
from galviz.tools.selection.buttons import held_out
from galviz.tools.selection.core import Selection

DIAGNOSTICS = ("worst slices", "another run", "suspect labels")
_ABOUT = (
    "Worst slices: the parts of the catalogue with the largest errors. Another run: both compared object by object. "
    "Suspect labels: objects whose truth may be wrong."
)


class DiagnosticsView(pn.viewable.Viewer):
    """Diagnostics of a table of estimates, computed on request.

    Parameters
    ----------
    table : pandas.DataFrame
        From `galviz.runs.predictions.joined`, or any other with a truth and an estimate.
    selection : Selection
        Selection that the buttons change.
    cutouts : CutoutSet, optional
    truth, estimate : str
        Columns of the table: numbers, or class names.
    classes : sequence of str
        Names of the classes; the probability of each is in ``p_<class>``.
    measure : str
        Name of the mean absolute residual; by default MAE, or the share of wrong classes.
    called : str
        Name of the run.
    others : mapping of str to callable
        Runs to compare with: name → function that returns a table such as `table`, or None.
    """

    at = param.Selector(default="", objects={"–": ""} | {name: name for name in DIAGNOSTICS}, label="Diagnostics")
    other = param.String(default="", label="Compare with")

    def __init__(
        self,
        table: pd.DataFrame,
        selection: Selection,
        cutouts: CutoutSet | None = None,
        *,
        truth: str = "truth",
        estimate: str = "estimate",
        classes: Sequence[str] = (),
        measure: str = "",
        called: str = "this run",
        others: Mapping[str, Callable[[], pd.DataFrame | None]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.table, self.selection, self.cutouts = table, selection, cutouts
        self.measure, self.called, self.others = measure, called, dict(others or {})
        self.truth, self.estimate, self.classes = truth, estimate, classes
        if len(self.others) == 1:  # there is nothing to choose
            (self.other,) = self.others

    @param.depends("at", "other")
    def view(self) -> pn.viewable.Viewable:
        """Return the selected diagnostics."""
        if self.at == "worst slices":
            held = held_out(self._facts(self.table))
            return SlicesView(held, error(held[self.estimate], held[self.truth]), self.selection, self.measure)
        if self.at == "suspect labels":
            columns = {"truth": self.truth, "estimate": self.estimate, "classes": self.classes}
            return SuspectsView(self.table, self.selection, **columns)
        return self._compared() if self.at == "another run" else note(_ABOUT)

    def _facts(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the table without the probabilities of all classes, which would be as many slices."""
        return table.drop(columns=[f"p_{name}" for name in self.classes], errors="ignore")

    def _compared(self) -> pn.viewable.Viewable:
        if not self.other:
            return error_note("" if self.others else "Train another run to compare with.")
        try:
            second = self.others[self.other]()
        except (ValueError, OSError, RuntimeError) as error:
            return error_note(shown_error(error))
        if second is None:
            return error_note(f"{self.other} has no predictions with one number per object yet.")
        tables, columns = (self._facts(self.table), second), {"truth": self.truth, "estimate": self.estimate}
        return CompareView(*tables, self.cutouts, self.selection, (self.called, self.other), **columns)

    def __panel__(self) -> pn.viewable.Viewable:
        options = {"–": ""} | {name: name for name in self.others}
        with_whom = field(
            self.param.other, type=pn.widgets.Select, options=options, width=220,
            visible=self.param.at.rx() == "another run",
        )  # fmt: skip
        controls = pn.FlexBox(field(self.param.at, width=160), with_whom, align_items="flex-end")
        return pn.Column(controls, self.view, sizing_mode="stretch_width")
