"""Estimates against the truth, object by object, in the explorer: a point brings its picture, a picture its point."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.io.provenance import opening_of_run
from galviz.pages.explorer import Explorer
from galviz.pages.results.measures import MeasuresView
from galviz.pages.state import SameFocus
from galviz.pages.view_state import ViewState
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.diagnostics.view import CloserView
from galviz.tools.formatting import beside, field, text
from galviz.tools.intervals.view import CoverageView
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection

_REDSHIFTS = ("z", "z_spec", "z_phot")


class PredictionsView(pn.viewable.Viewer):
    """What a network said of each object, for a target that is a number.

    Parameters
    ----------
    predictions : Predictions
    selection : Selection
        Its focus is followed, and followed by it.
    cutouts : CutoutSet, optional
        The sky that it was said of: without it there are no pictures and no columns of its catalogue.
    run : Run, optional
        Whose predictions these are.
    others : mapping of str to callable, optional
        Other runs, as `galviz.tools.diagnostics.view.CloserView` takes them.
    """

    training = param.Boolean(default=False, label="Include objects seen in training")

    def __init__(
        self,
        predictions: Predictions,
        selection: Selection,
        cutouts: CutoutSet | None = None,
        run: Run | None = None,
        others: Mapping[str, Callable[[], pd.DataFrame | None]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.selection, self.cutouts, self.run, self.others = selection, cutouts, run, others
        self.table = joined(predictions, cutouts)
        self.target, self.unit = predictions.target, predictions.target.label_learned
        label = self.unit
        self.columns = {"truth": f"True {label}", "estimate": f"Estimated {label}"}
        self.columns |= {"residual": f"Estimate − truth ({label})", "spread": f"Spread of the estimate ({label})"}
        self.columns |= {"sigma": f"Estimated error, 1 σ ({label})"}
        self._focus = SameFocus(selection)
        self._make()

    @param.depends("training", watch=True)
    def _make(self) -> None:
        shown = self.table if self.training else self.table[~self.table["seen"]]
        z = next((name for name in _REDSHIFTS if name in shown), "truth")
        plots = judged_plots("truth", "estimate", "residual", z)
        opening = run_opening(self.run, self.cutouts, seen=self.training)
        more = {"columns": self.columns, "labels": Labels(), "run": self.run, "opening": opening}
        self.explorer = Explorer(shown, self.cutouts, plots=plots, **more)
        self._focus.join(self.explorer.selection)

    @param.depends("training")
    def about(self) -> Markup:
        """Say which objects are shown."""
        count, seen = len(self.explorer.table), int(self.table["seen"].sum())
        if not self.training:
            unseen = Markup("<b>{:,} objects that the network has not seen in training</b>; {:,} seen are left out.")
            return unseen.format(count, seen)
        all_of = Markup(
            "<b>{:,} objects, {:,} of them seen in training</b>: figures over these are better than on a new sky."
        )
        return all_of.format(count, seen)

    @param.depends("training")
    def body(self) -> pn.viewable.Viewable:
        """Give the explorer, and the metrics of what is chosen in it."""
        explorer = self.explorer
        version = explorer.selection.param.version
        measures = pn.panel(pn.bind(lambda _: self.measures(), version))
        if "sigma" in explorer.table:
            measures = beside(measures, pn.bind(lambda _: CoverageView(self.chosen(), self.unit), version))
        called = "this run" if self.run is None else self.run.name
        kept = ViewState(explorer, "predictions", of=called)
        closer = CloserView(
            explorer.table,
            explorer.selection,
            self.cutouts,
            measure=f"MAE in {self.unit}",
            called=called,
            others=self.others,
        )
        return pn.Column(
            text(pn.bind(self.none_chosen, version)), measures, explorer, closer, kept, sizing_mode="stretch_width"
        )

    def none_chosen(self, _: int = 0) -> str | Markup:
        """Say what figures are of, where conditions were set and no object meets them."""
        selection = self.explorer.selection
        if selection.mask.any() or not selection.steps:
            return ""
        return Markup("<p class='note' role='status'>No objects selected: the metrics are of all objects shown.</p>")

    def chosen(self) -> pd.DataFrame:
        """Give the chosen objects, or all where none is chosen."""
        mask = self.explorer.selection.mask
        return self.explorer.table[mask] if mask.any() else self.explorer.table

    def measures(self) -> MeasuresView:
        """Measure the chosen objects."""
        rows = self.chosen()
        return MeasuresView(rows["truth"].to_numpy(float), rows["estimate"].to_numpy(float), target=self.target)

    def __panel__(self) -> pn.viewable.Viewable:
        switch = field(self.param.training, type=pn.widgets.Toggle)
        return pn.Column(pn.FlexBox(text(self.about), switch, align_items="center"), self.body)


def run_opening(run: Run | None, cutouts: CutoutSet | None, *, seen: bool) -> str:
    """Write the lines that make the table shown of a run, or none where it is not known which one that is."""
    return "" if run is None else opening_of_run(run.path, sky=cutouts is not None, seen=seen)


def judged_plots(truth: str, estimate: str, residual: str = "", against: str = "") -> list[Mapping[str, Any]]:
    """Give the plots that compare an estimate with the truth: one against the other, and the residual.

    Parameters
    ----------
    truth, estimate : str
        Columns.
    residual : str
        The column with estimate − truth; by default it is computed.
    against : str
        What the residual is drawn against; by default the truth.
    """
    residual = residual or f"{column(estimate)} - {column(truth)}"
    return [
        {"kind": "scatter", "x": truth, "y": estimate, "guide": "1:1 line"},
        {"kind": "scatter", "x": against or truth, "y": residual, "guide": "zero and medians"},
    ]
