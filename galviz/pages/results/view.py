"""What the results of all tasks share: the objects shown, their explorer, metrics and diagnostics."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.io.provenance import opening_of_run
from galviz.pages.explorer import Explorer
from galviz.pages.results.baselines import BaselinesView
from galviz.pages.results.judge import JudgeView
from galviz.pages.view_state import ViewState
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.pair import pair_of
from galviz.tools.diagnostics.view import DiagnosticsView
from galviz.tools.formatting import field, text
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection


class ResultsView(pn.viewable.Viewer):
    """Predictions of a run, object by object. A task's file adds what it shows `above` and `below` the explorer.

    Parameters
    ----------
    predictions : Predictions
    selection : Selection
        Selection of the page. It shows the table of this view from now on.
    cutouts : CutoutSet, optional
        The sky of the predictions; without it there are no images and no catalogue columns.
    run : Run, optional
        The run that made the predictions.
    others : mapping of str to callable, optional
        Other runs, as in `galviz.tools.diagnostics.view.DiagnosticsView`.

    Attributes
    ----------
    table : pandas.DataFrame
        All objects, from `galviz.runs.predictions.joined`.
    explorer : Explorer
        Of the objects shown: those held out, or all if `training` is on.
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
        self.predictions, self.target, self.selection = predictions, predictions.target, selection
        self.cutouts, self.run, self.others = cutouts, run, others
        self.called = "this run" if run is None else run.name
        self.table = joined(predictions, cutouts)
        self._explorers: dict[bool, Explorer] = {}
        self._judges: dict[bool, JudgeView] = {}
        self._kept: dict[bool, ViewState] = {}
        self._bodies: dict[bool, pn.viewable.Viewable] = {}
        self._baselines: BaselinesView | None = None  # the same with and without the training objects
        self._explore()

    @property
    def estimate(self) -> str:
        """Column of the estimate."""
        return self.predictions.estimate_column

    @property
    def truth(self) -> str:
        """Column of the truth."""
        return self.predictions.truth_column

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the plots of the explorer."""
        raise NotImplementedError

    def axes(self) -> dict[str, str]:
        """Return column or expression → axis label."""
        return {}

    def above(self) -> list[Any]:
        """Return what stands above the explorer."""
        return []

    def below(self) -> list[Any]:
        """Return what stands below it: the diagnostics."""
        return [self.diagnostics()]

    def beside_baselines(self) -> list[pn.Card]:
        """Return the run's metrics beside those of baselines; nothing for a task that labels itself."""
        if self.run is None or self.target.self_labelled:
            return []
        self._baselines = self._baselines or BaselinesView(self.run)
        shut = not self._baselines.found
        return [pn.Card(self._baselines, title="Baselines", collapsed=shut, sizing_mode="stretch_width")]

    @property
    def explorer(self) -> Explorer:
        """The explorer of the objects shown."""
        return self._explorers[self.training]

    @property
    def judge(self) -> JudgeView:
        """The view that judges the objects shown."""
        if self.training not in self._judges:
            self._judges[self.training] = self.make_judge()
        return self._judges[self.training]

    def make_judge(self) -> JudgeView:
        """Return a new view that judges the objects shown."""
        raise NotImplementedError

    @property
    def kept(self) -> ViewState:
        """The saved views of the explorer."""
        return self._kept[self.training]

    @param.depends("training", watch=True)
    def _explore(self) -> None:
        """Show the objects of the other choice, with the same plots and gallery as before."""
        if self.training in self._explorers:
            self.selection.show(self.explorer.table)
        else:
            shown = self.table if self.training else self.table[~self.table["in_training"]]
            opening = run_opening(self.run, self.cutouts, in_training=self.training)
            more = {"columns": self.axes(), "labels": Labels(), "run": self.run, "opening": opening}
            explorer = Explorer(shown, self.cutouts, selection=self.selection, plots=self.plots(), **more)
            self._explorers[self.training] = explorer
            self.prepare(explorer)
        if (not self.training) in self._explorers:
            self.explorer.copy_settings(self._explorers[not self.training])
        if self.training not in self._kept:
            self._kept[self.training] = ViewState(self.explorer, "predictions", of=self.called, target=self.target)

    def prepare(self, explorer: Explorer) -> None:
        """Set up a new explorer, before a saved view is restored in it."""

    def about(self) -> Markup:
        """Return the number of objects shown, and of those in the training set."""
        count, seen = len(self.explorer.table), int(self.table["in_training"].sum())
        if not self.training:
            unseen = Markup("<b>{:,} objects that the network has not seen in training</b>; {:,} seen are left out.")
            return unseen.format(count, seen)
        all_of = Markup(
            "<b>{:,} objects, {:,} of them seen in training</b>: these results look better than they would on new "
            "objects."
        )
        return all_of.format(count, seen)

    def diagnostics(self) -> DiagnosticsView:
        """Return the diagnostics of the objects shown."""
        columns = {"truth": self.truth, "estimate": self.estimate, "classes": self.target.classes}
        more = {"measure": self.measure(), "called": self.called, "others": self.others}
        return DiagnosticsView(self.judged(), self.selection, self.cutouts, **columns, **more)

    def judged(self) -> pd.DataFrame:
        """Return the table for the diagnostics."""
        return self.explorer.table

    def measure(self) -> str:
        """Return the name of the mean error."""
        return ""

    @param.depends("training")
    def body(self) -> pn.viewable.Viewable:
        """Return metrics, explorer, diagnostics and saved views."""
        if self.training not in self._bodies:
            parts = [*self.above(), self.explorer, *self.beside_baselines(), *self.below(), self.kept]
            self._bodies[self.training] = pn.Column(*parts, sizing_mode="stretch_width")
        return self._bodies[self.training]

    def __panel__(self) -> pn.viewable.Viewable:
        switch = field(self.param.training, type=pn.widgets.Toggle)
        about = text(pn.bind(lambda _: self.about(), self.param.training))
        return pn.Column(pn.FlexBox(about, switch, align_items="center"), self.body, sizing_mode="stretch_width")


def run_opening(run: Run | None, cutouts: CutoutSet | None, *, in_training: bool) -> str:
    """Return the Python lines that make the table of a run's predictions, or ``""`` without a run."""
    return "" if run is None else opening_of_run(run.path, sky=cutouts is not None, in_training=in_training)


def pair_plots(table: pd.DataFrame, names: tuple[str, str] | None) -> list[Mapping[str, Any]]:
    """Return the plots that suit a truth and its prediction, columns of any table; none without a pair."""
    try:
        pair = None if names is None else pair_of(table, *names)
    except (ValueError, KeyError):
        return []
    if pair is None or not pair.classes:
        return [] if pair is None else judged_plots(*names)
    return [{"kind": "histogram", "x": pair.chances[pair.judged[0]]}] if pair.chances else []


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
        {"kind": "scatter", "x": truth, "y": estimate, "guide": "1:1 line", "median": True},
        {"kind": "scatter", "x": against or truth, "y": residual, "guide": "zero and medians"},
    ]
