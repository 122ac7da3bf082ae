"""Results of the pretext task: the true and the predicted band of each image."""

import holoviews as hv
import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer
from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.regression import run_opening
from galviz.pages.state import SameFocus
from galviz.pages.view_state import ViewState
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import beside, field, text
from galviz.tools.labels.core import Labels
from galviz.tools.plots.figure import count_matrix
from galviz.tools.selection.core import Selection

_PLOTS = [{"kind": "histogram", "x": "bands right", "bins": 6}]


class View(pn.viewable.Viewer):
    """Confusion matrix and accuracy; a click on a cell selects its objects.

    Parameters
    ----------
    predictions : Predictions
        Of a target of kind ``"band"``.
    selection : Selection
        Its focus is kept the same as the focus of this view.
    cutouts : CutoutSet, optional
        The sky of the predictions; without it there are no images.
    run : Run, optional
        The run that made the predictions.
    """

    training = param.Boolean(default=False, label="Include objects seen in training")

    def __init__(
        self,
        predictions: Predictions,
        selection: Selection,
        cutouts: CutoutSet | None = None,
        run: Run | None = None,
        others: object = None,  # noqa: ARG002 - as every task
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.all, self.cutouts, self.run = predictions, cutouts, run
        self.table = joined(predictions, cutouts)
        found = dict.fromkeys(predictions.table.index.get_level_values("band"))
        self.bands = tuple(found) if cutouts is None else cutouts.bands
        self._focus = SameFocus(selection)
        self._make()

    @property
    def shown(self) -> Predictions:
        """The predictions shown: held-out objects, plus the training objects if `training` is on."""
        return self.all if self.training else self.all.held_out()

    @param.depends("training", watch=True)
    def _make(self) -> None:
        shown = self.table if self.training else self.table[~self.table["seen"]]
        opening = run_opening(self.run, self.cutouts, seen=self.training)
        more = {"labels": Labels(), "run": self.run, "opening": opening}
        self.explorer = Explorer(shown, self.cutouts, plots=_PLOTS, **more)
        self._focus.join(self.explorer.selection)

    @param.depends("training")
    def matrix(self) -> pn.pane.HoloViews:
        """Draw the confusion matrix."""
        bands = list(self.bands)
        counts = pd.crosstab(self.shown.truth, self.shown.estimate).reindex(index=bands, columns=bands, fill_value=0)
        source, plot = count_matrix(counts, axes=("Estimated band", "True band"))

        def tapped(x: str | None, y: str | None) -> None:
            if x in bands and y in bands:
                condition = f"{column(f'{y} taken for')} == {x!r}"
                self.explorer.bar.take(self.explorer.selection.where, condition, how=self.explorer.bar.how)

        hv.streams.Tap(source=source).add_subscriber(tapped)
        plot = plot.opts(title="Confusion of bands", height=360)
        return pn.pane.HoloViews(plot, linked_axes=False, sizing_mode="stretch_width")

    @param.depends("training")
    def measures(self) -> MeasuresView:
        """Show the accuracy; the bootstrap resamples the bands of one object together."""
        return MeasuresView(self.shown.truth, self.shown.estimate, self.shown.object_ids)

    @param.depends("training")
    def about(self) -> Markup:
        """Return the number of images shown, and of those in the training set."""
        seen = len(self.all) - len(self.all.held_out())
        left_out = "are among them" if self.training else "are left out"
        about = Markup(
            "<b>{:,} images of one band each</b>; {:,} seen in training {}. A tap on a cell chooses its objects."
        )
        return about.format(len(self.shown), seen, left_out)

    @param.depends("training")
    def body(self) -> pn.viewable.Viewable:
        """Return the matrix, the accuracy and the explorer."""
        kept = ViewState(self.explorer, "predictions", of="this run" if self.run is None else self.run.name)
        return pn.Column(beside(self.matrix, self.measures), self.explorer, kept, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        switch = field(self.param.training, type=pn.widgets.Toggle)
        return pn.Column(pn.FlexBox(text(self.about), switch, align_items="center"), self.body)
