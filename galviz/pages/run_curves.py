"""Learning curves of several runs, side by side: each metric against the epoch."""

from collections.abc import Mapping

import panel as pn
import param

from galviz.pages.library import Library
from galviz.pages.state import PageState
from galviz.runs.run import Run
from galviz.tools.formatting import Choices, beside, drawn, field, note
from galviz.tools.training.figure import metric_names, run_curves

_MOST = 6  # runs compared by default


class RunCurves(pn.viewable.Viewer):
    """Loss and metrics of several runs; by default the selected run and others with the same target.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    picked = param.ListSelector(default=[], objects=[], label="Compare the curves of")

    def __init__(self, library: Library, page: PageState, **params: object) -> None:
        super().__init__(page=page, **params)
        self.library = library
        self._given: list[str] = []
        self._offer()

    @param.depends("page.found", "page.run", watch=True)
    def _offer(self) -> None:
        """Update the list of runs; the visitor's selection stays."""
        runs = self.library.runs()[0]
        untouched, kept = self.picked == self._given, [name for name in self.picked if name in runs]
        self._given = alike(runs, self.page.run)
        self.param.picked.objects = list(runs)
        self.picked = self._given if untouched else kept

    @param.depends("picked", "page.found")
    def curves(self) -> pn.viewable.Viewable:
        """Draw the loss, and each metric that one of the runs has."""
        found = self.library.runs()[0]
        runs = {name: found[name] for name in self.picked if name in found}
        rows = {name: run.metrics() for name, run in runs.items()}
        rows = {name: table for name, table in rows.items() if len(table)}
        if not rows:
            return note("Pick runs that have finished an epoch, to see how they learned.")
        names = dict.fromkeys(["val_loss", *(name for table in rows.values() for name in metric_names(table))])
        options = {"unit": _unit(runs), "accuracy": _accuracy(runs)}
        return beside(*(drawn(run_curves(rows, name, **options)) for name in names))

    def __panel__(self) -> pn.viewable.Viewable:
        picks = field(self.param.picked, type=Choices, sizing_mode="stretch_width", max_width=900)
        return pn.Column(picks, self.curves, sizing_mode="stretch_width", margin=(12, 0))


def alike(runs: Mapping[str, Run], name: str) -> list[str]:
    """Return a run, followed by the newest runs with the same target that have metrics."""
    if name not in runs:
        return []
    own = runs[name].target
    others = [each for each, run in runs.items() if each != name and run.target == own and len(run.metrics())]
    return [name, *others[: _MOST - 1]]


def _unit(runs: Mapping[str, Run]) -> str:
    """Return the unit of the metrics, if it is the same for all runs."""
    units = {run.target.rules.unit(run.target) for run in runs.values()}
    return units.pop() if len(units) == 1 else ""


def _accuracy(runs: Mapping[str, Run]) -> str:
    """Return the axis label of the accuracy."""
    labels = {run.target.rules.ACCURACY for run in runs.values()}
    return labels.pop() if len(labels) == 1 else "Accuracy"
