"""Results for vote fractions: one answer in the explorer; Galaxy Zoo's 37 answers also in tables and figures."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.pages.explorer import Explorer
from galviz.pages.results.number_measures import NumbersJudge
from galviz.pages.results.view import ResultsView
from galviz.pages.results.vote_answers import answer_axes, answer_plots, groups_of
from galviz.pages.results.vote_figures import VoteFigures
from galviz.pages.results.vote_measures import VoteMeasures
from galviz.pages.workspace import fills
from galviz.runs.predictions import Predictions
from galviz.sky.galaxy_zoo import COLUMNS, MERGER, THRESHOLD
from galviz.tasks.pair import Pair
from galviz.tools.diagnostics.view import DiagnosticsView
from galviz.tools.formatting import field


class View(ResultsView):
    """Predicted against true vote fractions of the selected answer; parameters as in `ResultsView`.

    The answers are the columns of the target. The main one is selected first.
    """

    answer = param.Selector(default=MERGER, objects=list(COLUMNS), check_on_set=False, label="Answer")
    threshold = param.Number(default=THRESHOLD, bounds=(0, 1), label="Votes above", doc="Goh (2022) chose 0.3 by eye")

    def __init__(self, predictions: Predictions, *given: Any, **params: Any) -> None:
        self.answers = predictions.target.columns
        self.of_galaxy_zoo = self.answers == COLUMNS
        self._of_answers: dict[tuple[bool, str], NumbersJudge] = {}
        own = {"answer": predictions.estimate_column} | ({} if self.of_galaxy_zoo else {"threshold": 0.5})
        super().__init__(predictions, *given, **own | params)

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the predicted against the true votes, and their difference."""
        return answer_plots(self.answer)

    def axes(self) -> dict[str, str]:
        """Return column or expression → axis label, for all answers."""
        return {name: words for answer in self.answers for name, words in answer_axes(answer).items()}

    @property
    def estimate(self) -> str:
        """Column of the selected answer."""
        return self.answer

    @property
    def truth(self) -> str:
        """Column of its true votes."""
        return f"{self.answer}_true"

    def prepare(self, explorer: Explorer) -> None:
        """Show the answer below the pictures, and follow the first plot, which shows the answer of a saved view."""
        explorer.gallery.captions = self._captions = [self.estimate, self.truth]
        explorer.plots[0].param.watch(self._follow, ["x", "y"])

    def _follow(self, *_: param.parameterized.Event) -> None:
        first = self.explorer.plots[0]
        if first.y in self.answers and first.x == f"{first.y}_true":
            self.answer = first.y

    @param.depends("answer", watch=True)
    def _show_answer(self) -> None:
        for plot, drawn in zip(self.explorer.plots, answer_plots(self.answer), strict=True):
            plot.param.update(x=drawn["x"], y=drawn["y"])
        before, self._captions = self._captions, [self.estimate, self.truth]
        if self.explorer.gallery.captions == before:  # captions set by the visitor stay
            self.explorer.gallery.captions = self._captions

    def choose_above(self, _: object = None) -> None:
        """Select the objects with votes above the threshold, and filter the gallery to them, largest first."""
        condition = f"{column(self.answer)} > {self.threshold!r}"
        self.explorer.bar.take(self.selection.where, condition, how=self.explorer.bar.how)
        self.explorer.gallery.param.update(filter=condition, order=self.answer, descending=True)

    def leads(self) -> dict[str, Callable[[], Any]]:
        """Return the plots that judge the answer."""
        of = self.training  # the answer may change while the other objects are shown
        return {kind: partial(self._plot_of_answer, kind, training=of) for kind in self.judge_of_answer().tabs()}

    def judge_of_answer(self, *, training: bool | None = None) -> NumbersJudge:
        """Return what judges the answer: the same for the cards, the plots and the drawer.

        Parameters
        ----------
        training : bool, optional
            Whether it judges the training objects too; by default as they are shown.
        """
        key = (self.training if training is None else training, self.answer)
        if key not in self._of_answers:
            self._of_answers[key] = NumbersJudge(Pair(self.truth, self.answer), self._explorers[key[0]])
        return self._of_answers[key]

    def _plot_of_answer(self, kind: str, *, training: bool) -> pn.viewable.Viewable:
        return fills(pn.bind(lambda _: self.judge_of_answer(training=training).plot(kind), self.param.answer))

    def cards(self) -> list[Any]:
        """Return the choice of an answer, and its measures."""
        answer = pn.widgets.Select(label="Answer", groups=groups_of(self.answers), value=self.answer, width=200)
        answer.link(self, value="answer", bidirectional=True)
        above = pn.widgets.Button(label="Show and select those above", on_click=self.choose_above, margin=(12, 5))
        threshold = field(self.param.threshold, type=pn.widgets.FloatInput, step=0.05, width=90)
        of = self.training
        cards = pn.Column(pn.bind(lambda _: self.judge_of_answer(training=of).cards(), self.param.answer), min_width=0)
        cards.param.update(sizing_mode="stretch_width", styles={"min-width": "0", "flex": "1 1 560px"})
        style = {"flex-wrap": "wrap"}  # on a narrow page, the measures stand below the choice
        return [pn.Row(answer, threshold, above, cards, sizing_mode="stretch_width", margin=0, styles=style)]

    def tables(self) -> list[Any]:
        """Return the metrics of the answer."""
        return [self.measured]

    @param.depends("answer")
    def measured(self) -> pn.viewable.Viewable:
        """Return the metrics of the answer, updated with the selection."""
        return pn.Column(*self.judge_of_answer().tables(), sizing_mode="stretch_width")

    def more_tabs(self) -> dict[str, Callable[[], Any]]:
        """Return the metrics of all questions, figures of all answers, baselines, and the diagnostics of the answer."""
        found = {"All questions": lambda: pn.Column(*self.together(), sizing_mode="stretch_width")}
        return found | self.beside_baselines() | {"Diagnostics": lambda: pn.panel(self.diagnostics)}

    def together(self) -> list[pn.viewable.Viewable]:
        """Return metrics of all questions, and figures of all 37 answers of Galaxy Zoo."""
        measures = VoteMeasures(self.table, self.explorer.table, self.target)
        return [measures, *([VoteFigures(measures, self.selection, self.cutouts)] if self.of_galaxy_zoo else [])]

    @param.depends("answer")
    def diagnostics(self) -> DiagnosticsView:
        """Return the diagnostics of the answer."""
        return super().diagnostics()

    def judged(self) -> pd.DataFrame:
        """Return the table without the other answers."""
        others = [name for name in self.answers if name != self.answer]
        return self.explorer.table.drop(columns=[*others, *(f"{name}_true" for name in others)])

    def measure(self) -> str:
        """Return the name of the mean error."""
        return "MAE of the vote fraction"
