"""Results of a pretext task: the true and the predicted band, or order of the bands, of each image."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import holoviews as hv
import pandas as pd
import panel as pn

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.view import ResultsView
from galviz.runs.predictions import Predictions
from galviz.tools.formatting import filling
from galviz.tools.plots.figure import count_matrix


class View(ResultsView):
    """Confusion matrix and accuracy; a click on a cell selects its objects. Parameters as in `ResultsView`."""

    leading: ClassVar[bool] = True

    @property
    def shown(self) -> Predictions:
        """The predictions shown, one for each variant of an object: those held out, or all if `training` is on."""
        return self.predictions if self.training else self.predictions.held_out()

    @property
    def variants(self) -> list[str]:
        """Names of the variants: bands or orders."""
        return list(dict.fromkeys(self.predictions.table.index.get_level_values(self.target.name)))

    def plots(self) -> list[Mapping[str, Any]]:
        """Return a histogram of the number of variants that are predicted correctly."""
        return [{"kind": "histogram", "x": f"{self.target.name}s_correct", "bins": len(self.variants) + 1}]

    def axes(self) -> dict[str, str]:
        """Return column → axis label."""
        kind = self.target.name
        return {f"{kind}s_correct": f"Number of {kind}s predicted correctly"}

    def about(self) -> Markup:
        """Return the number of objects and images shown, and of objects in the training set."""
        images = Markup(" They are {:,} images of one {} each. A tap on a cell selects its objects.")
        return super().about() + images.format(len(self.shown), self.target.name)

    def leads(self) -> dict[str, Callable[[], Any]]:
        """Return the confusion matrix."""
        return {"Confusion matrix": self.matrix}

    def tables(self) -> list[Any]:
        """Return the accuracy."""
        return [self.measures()]

    def more_tabs(self) -> dict[str, Callable[[], Any]]:
        """Return nothing: diagnostics need one estimate per object."""
        return {}

    def cards(self) -> list[Any]:
        """Return the accuracy; the bootstrap resamples the variants of one object together."""
        return []

    def matrix(self) -> pn.pane.HoloViews:
        """Draw the confusion matrix."""
        kind, names = self.target.name, self.variants
        counts = pd.crosstab(self.shown.truth, self.shown.estimate).reindex(index=names, columns=names, fill_value=0)
        source, plot = count_matrix(counts, axes=(f"Estimated {kind}", f"True {kind}"))

        def tapped(x: str | None, y: str | None) -> None:
            if x in names and y in names:
                condition = f"{column(f'{y}_pred')} == {str(x)!r}"
                self.explorer.bar.take(self.selection.where, condition, how=self.explorer.bar.how)

        hv.streams.Tap(source=source).add_subscriber(tapped)
        return filling(plot.opts(title=f"Confusion of {kind}s"))

    def measures(self) -> MeasuresView:
        """Return the accuracy; the bootstrap resamples the variants of one object together."""
        what = f"images of one {self.target.name}"
        return MeasuresView(self.shown.truth, self.shown.estimate, self.shown.object_ids, what=what)
