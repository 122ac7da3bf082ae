"""Results of classification: confusion matrix, scores of each class, curves and reliability of probabilities."""

from collections.abc import Mapping
from typing import Any, ClassVar

from galviz.pages.results.class_measures import ClassesJudge
from galviz.pages.results.view import ResultsView
from galviz.tasks.pair import pair_of_target


class View(ResultsView):
    """Predicted against true classes. Parameters as in `ResultsView`."""

    leading: ClassVar[bool] = True

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.target.classes

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the histogram of the probability of the predicted class."""
        return [{"kind": "histogram", "x": "probability", "bins": 20}]

    def axes(self) -> dict[str, str]:
        """Return column → axis label."""
        label = self.target.label
        axes = {self.truth: f"True {label}", self.estimate: f"Predicted {label}"}
        axes |= {"probability": "Probability of the predicted class", "correct": "Correct (1) or wrong (0)"}
        return axes | {f"p_{name}": f"Probability of {name}" for name in self.classes}

    def badges(self) -> tuple[str, str] | None:
        """Return the columns of the true and the predicted class, if any class is known."""
        return (self.truth, self.estimate) if self.table[self.truth].notna().any() else None

    def make_judge(self) -> ClassesJudge:
        """Return the view that judges the objects shown."""
        pair = pair_of_target(self.target, self.truth, self.estimate, self.table)
        return ClassesJudge(pair, self.explorer)
