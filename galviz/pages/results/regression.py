"""Results of regression: the first number against its truth, and the errors that the network estimates of itself."""

from collections.abc import Mapping
from typing import Any

from galviz.io.markup import Markup
from galviz.pages.results.baselines import read_baselines
from galviz.pages.results.number_measures import REDSHIFTS, NumbersJudge
from galviz.pages.results.redshifts import methods_html
from galviz.pages.results.view import ResultsView, judged_plots
from galviz.tasks.pair import pair_of_target


class View(ResultsView):
    """Estimates against the truth; parameters as in `ResultsView`."""

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the estimate against the truth, and the residual against the redshift or the truth."""
        names = (name for name in REDSHIFTS if name in self.table and name != self.estimate)
        return judged_plots(self.truth, self.estimate, "residual", next(names, self.truth))

    def axes(self) -> dict[str, str]:
        """Return column → axis label."""
        label, errors = self.target.label_learned, {"spread": "Spread of the estimate ({})"}
        errors["sigma"] = "Estimated error, 1 σ ({})"
        axes = {self.truth: f"True {label}", self.estimate: f"Estimated {label}"}
        axes |= {"residual": f"Estimate − truth ({label})"}
        return axes | {f"{self.estimate}_{name}": words.format(label) for name, words in errors.items()}

    def make_judge(self) -> NumbersJudge:
        """Return the view that judges the objects shown."""
        pair = pair_of_target(self.target, self.truth, self.estimate, self.table)
        judge = NumbersJudge(pair, self.explorer, self.target, self.others, self.called)
        judge.compared = self._compared
        return judge

    def _compared(self) -> Markup:
        return Markup("") if self.run is None else methods_html(read_baselines(self.run))

    def measure(self) -> str:
        """Return the name of the mean error."""
        return f"MAE in {self.target.label_learned}"
