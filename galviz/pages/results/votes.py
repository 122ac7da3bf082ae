"""Results for the 37 answers of Galaxy Zoo: one answer in the explorer, all of them in tables and figures."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.pages.explorer import Explorer
from galviz.pages.results.view import ResultsView
from galviz.pages.results.vote_answers import GROUPS, answer_axes, answer_plots
from galviz.pages.results.vote_figures import VoteFigures
from galviz.pages.results.vote_measures import VoteMeasures
from galviz.sky.galaxy_zoo import COLUMNS, MERGER, THRESHOLD
from galviz.tools.diagnostics.view import CloserView
from galviz.tools.formatting import field


class View(ResultsView):
    """Predicted against true vote fractions of the selected answer; parameters as in `ResultsView`."""

    answer = param.Selector(default=MERGER, objects=list(COLUMNS), label="Answer")
    threshold = param.Number(default=THRESHOLD, bounds=(0, 1), label="Votes above", doc="the paper's 0.3 was by eye")

    def plots(self) -> list[Mapping[str, Any]]:
        """Return the predicted against the true votes, and their difference."""
        return answer_plots(self.answer)

    def axes(self) -> dict[str, str]:
        """Return column or expression → axis label, for all answers."""
        return {name: words for answer in COLUMNS for name, words in answer_axes(answer).items()}

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
        if first.y in COLUMNS and first.x == f"{first.y}_true":
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

    def above(self) -> list[Any]:
        """Return metrics and figures of all answers, the controls of one answer, and its metrics."""
        answer = pn.widgets.Select(label="Answer", groups=GROUPS, value=self.answer, width=220)
        answer.link(self, value="answer", bidirectional=True)
        above = pn.widgets.Button(label="Show and select those above", on_click=self.choose_above)
        threshold = field(self.param.threshold, type=pn.widgets.FloatInput, step=0.05, width=100)
        return [*self.together(), pn.FlexBox(answer, threshold, above, align_items="flex-end"), self.measured]

    def below(self) -> list[Any]:
        """Return the diagnostics of the answer."""
        return [self.closer]

    def together(self) -> list[pn.viewable.Viewable]:
        """Return metrics and figures of all 37 answers."""
        measures = VoteMeasures(self.table, self.explorer.table)
        return [measures, VoteFigures(measures, self.selection, self.cutouts)]

    @param.depends("answer")
    def measured(self) -> pn.viewable.Viewable:
        """Show the metrics of the answer, updated with the selection."""
        return pn.panel(self.selected(self.measures))

    @param.depends("answer")
    def closer(self) -> CloserView:
        """Return the diagnostics of the answer."""
        return super().closer()

    def judged(self) -> pd.DataFrame:
        """Return the table without the other answers."""
        others = [name for name in COLUMNS if name != self.answer]
        return self.explorer.table.drop(columns=[*others, *(f"{name}_true" for name in others)])

    def measure(self) -> str:
        """Return the name of the mean error."""
        return "MAE of the vote fraction"
