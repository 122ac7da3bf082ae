"""Results for a numeric target: estimates against the truth, in an explorer that links points and images."""

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


class View(pn.viewable.Viewer):
    """Predictions of a numeric target, object by object.

    Parameters
    ----------
    predictions : Predictions
    selection : Selection
        Its focus is kept the same as the focus of this view.
    cutouts : CutoutSet, optional
        The sky of the predictions; without it there are no images and no catalogue columns.
    run : Run, optional
        The run that made the predictions.
    others : mapping of str to callable, optional
        Other runs, as in `galviz.tools.diagnostics.view.CloserView`.
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
        """Return the number of objects shown, and of those in the training set."""
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
        """Return the metrics of the selected objects, the explorer and the diagnostics."""
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
        """Return a note if the selection's conditions match no object, so the metrics cover all objects."""
        selection = self.explorer.selection
        if selection.mask.any() or not selection.steps:
            return ""
        return Markup("<p class='note' role='status'>No objects selected: the metrics are of all objects shown.</p>")

    def chosen(self) -> pd.DataFrame:
        """Return the selected objects, or all if none is selected."""
        mask = self.explorer.selection.mask
        return self.explorer.table[mask] if mask.any() else self.explorer.table

    def measures(self) -> MeasuresView:
        """Return the metrics of the selected objects."""
        rows = self.chosen()
        return MeasuresView(rows["truth"].to_numpy(float), rows["estimate"].to_numpy(float), target=self.target)

    def __panel__(self) -> pn.viewable.Viewable:
        switch = field(self.param.training, type=pn.widgets.Toggle)
        return pn.Column(pn.FlexBox(text(self.about), switch, align_items="center"), self.body)


def run_opening(run: Run | None, cutouts: CutoutSet | None, *, seen: bool) -> str:
    """Return the Python lines that make the table of a run's predictions, or ``""`` without a run."""
    return "" if run is None else opening_of_run(run.path, sky=cutouts is not None, seen=seen)


def judged_plots(truth: str, estimate: str, residual: str = "", against: str = "") -> list[Mapping[str, Any]]:
    """Return the plots that compare an estimate with the truth: estimate against truth, and residual.

    Parameters
    ----------
    truth, estimate : str
        Names of columns.
    residual : str
        Column of estimate − truth; computed by default.
    against : str
        Column on the x axis of the residual plot; by default `truth`.
    """
    residual = residual or f"{column(estimate)} - {column(truth)}"
    return [
        {"kind": "scatter", "x": truth, "y": estimate, "guide": "1:1 line"},
        {"kind": "scatter", "x": against or truth, "y": residual, "guide": "zero and medians"},
    ]
