"""Results of regression: the first number against its truth, and the errors that the network estimates of itself."""

from collections.abc import Mapping
from typing import Any

import panel as pn

from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.view import ResultsView, judged_plots
from galviz.tools.formatting import beside, text
from galviz.tools.intervals.view import CoverageView

_REDSHIFTS = ("z", "z_spec", "z_phot")


class View(ResultsView):
    """Estimates against the truth; parameters as in `ResultsView`."""

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the estimate against the truth, and the residual against the redshift or the truth."""
        names = (name for name in _REDSHIFTS if name in self.table and name != self.estimate)
        return judged_plots(self.truth, self.estimate, "residual", next(names, self.truth))

    def axes(self) -> dict[str, str]:
        """Return column → axis label."""
        label, errors = self.target.label_learned, {"spread": "Spread of the estimate ({})"}
        errors["sigma"] = "Estimated error, 1 σ ({})"
        axes = {self.truth: f"True {label}", self.estimate: f"Estimated {label}"}
        axes |= {"residual": f"Estimate − truth ({label})"}
        return axes | {f"{self.estimate}_{name}": words.format(label) for name, words in errors.items()}

    def above(self) -> list[Any]:
        """Return the metrics of the selected objects and, if the network estimates its errors, their coverage."""
        measures = pn.panel(self.selected(self.measures))
        if f"{self.estimate}_sigma" in self.table:
            measures = beside(measures, self.selected(self.coverage))
        return [text(self.selected(self.none_chosen)), measures]

    def measures(self) -> MeasuresView:
        """Return the metrics of the selected objects, in several units."""
        rows = self.chosen()
        return MeasuresView(rows[self.truth].to_numpy(float), rows[self.estimate].to_numpy(float), target=self.target)

    def coverage(self) -> CoverageView:
        """Return how often the intervals of the selected objects contain the truth."""
        return CoverageView(self.chosen(), self.target.label_learned, truth=self.truth, estimate=self.estimate)

    def measure(self) -> str:
        """Return the name of the mean error."""
        return f"MAE in {self.target.label_learned}"
