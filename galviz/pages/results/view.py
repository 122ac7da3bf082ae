"""What the results of all tasks share: the objects shown, their explorer, metrics and diagnostics."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.io.provenance import opening_of_run
from galviz.pages.explorer import Explorer, labels_of
from galviz.pages.results.baselines import BaselinesView
from galviz.pages.results.judge import JudgeView
from galviz.pages.saved_views import ViewState
from galviz.pages.workspace import Section, Workspace, fills
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.pair import pair_of
from galviz.tools.diagnostics.view import DiagnosticsView
from galviz.tools.formatting import field, text
from galviz.tools.selection.core import Selection


class ResultsView(Workspace):
    """Predictions of a run, object by object. A task's file adds its plots (`leads`), tables and further tabs.

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

    leading: ClassVar[bool] = False
    """Whether `leads` stand before the plots of the explorer."""

    training = param.Boolean(default=False, label="Include training objects")

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
        self._mains: dict[bool, pn.viewable.Viewable] = {}
        self._baselines: BaselinesView | None = None  # the same with and without the training objects
        self.heading: list[Any] = []  # what a page says of the run, and where it leads
        self.links: list[Any] = []
        self.alerts: list[Any] = []
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

    def badges(self) -> tuple[str, str] | None:
        """Return the columns of truth and prediction, where a badge can say which predictions are right."""
        return None

    def leads(self) -> dict[str, Callable[[], Any]]:
        """Return the plots that judge the predictions: name → function that draws."""
        return self.judge.tabs()

    def tables(self) -> list[Any]:
        """Return the tables of measures."""
        return self.judge.tables()

    def more_tabs(self) -> dict[str, Callable[[], Any]]:
        """Return what stands beside gallery and table: baselines and diagnostics."""
        return self.beside_baselines() | {"Diagnostics": lambda: pn.panel(self.diagnostics())}

    def cards(self) -> list[Any]:
        """Return the line of measures."""
        return [self.judge.cards()]

    def beside_baselines(self) -> dict[str, Callable[[], Any]]:
        """Return the run's metrics beside those of baselines; nothing for a task that labels itself."""
        if self.run is None or self.target.self_labelled:
            return {}
        self._baselines = self._baselines or BaselinesView(self.run)
        return {"Baselines": lambda: self._baselines}

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
            more = {
                "columns": self.axes(),
                "labels": labels_of(self.run and self.run.data),
                "run": self.run,
                "opening": opening,
            }
            more["badges"] = self.badges()
            explorer = Explorer(shown, self.cutouts, selection=self.selection, plots=self.plots(), **more)
            self._explorers[self.training] = explorer
            explorer.leads, explorer.others, explorer.leading = self.leads(), self.more_tabs(), self.leading
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
            others = Markup("; {:,} training objects are not shown").format(seen) if seen else ""
            return Markup("<b>{:,} held-out objects</b>{}.").format(count, others)
        all_of = Markup(
            "<b>{:,} objects, {:,} of them training objects</b>: these results look better than they would on new "
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
    def _main(self) -> pn.viewable.Viewable:
        if self.training not in self._mains:
            self._mains[self.training] = fills(self.kept.refused, *self.cards(), self.explorer.main())
        return self._mains[self.training]

    @param.depends("training")
    def _left(self) -> pn.viewable.Viewable:
        sections = [*self.explorer.left(), Section("Saved views", self.kept, shut=True)]
        return pn.Column(*(section.card() for section in sections), sizing_mode="stretch_width")

    @param.depends("training")
    def _right(self) -> pn.viewable.Viewable:
        tables = pn.Column(*self.tables(), sizing_mode="stretch_width")
        sections = [Section("Measures", tables), *self.explorer.right()]
        sections += [Section("About this run", pn.Column(*self.heading))] if self.heading else []
        return pn.Column(*(section.card() for section in sections), sizing_mode="stretch_width")

    def main(self) -> pn.viewable.Viewable:
        """Return the measures, and below them the panes."""
        switch = field(self.param.training, type=pn.widgets.Toggle, margin=(2, 8))
        about = text(pn.bind(lambda _: self.about(), self.param.training), margin=(6, 8))
        head = pn.FlexBox(about, switch, *self.links, align_items="center", sizing_mode="stretch_width")
        return fills(*self.alerts, head, fills(self._main))

    def left(self) -> list[Section]:
        """Return the selection and the saved views, which follow the choice of objects."""
        return [Section("", pn.Column(self._left, sizing_mode="stretch_width"))]

    def right(self) -> list[Section]:
        """Return the measures and the settings, which follow the choice of objects."""
        return [Section("", pn.Column(self._right, sizing_mode="stretch_width"))]


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
