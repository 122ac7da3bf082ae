"""Results for the 37 answers of Galaxy Zoo: one answer in the explorer, all of them in tables and figures."""

from collections.abc import Callable, Mapping

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer
from galviz.pages.results.measures import MeasuresView
from galviz.pages.results.regression import run_opening
from galviz.pages.results.vote_figures import VoteFigures, VoteMeasures
from galviz.pages.results.vote_html import GROUPS, answer_axes, answer_plots
from galviz.pages.state import SameFocus
from galviz.pages.view_state import ViewState
from galviz.runs.predictions import Predictions, about_answer, joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, MERGER, THRESHOLD
from galviz.tools.diagnostics.view import CloserView
from galviz.tools.formatting import field, text
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection


class View(pn.viewable.Viewer):
    """Predicted against true vote fractions.

    Parameters
    ----------
    predictions, selection, cutouts, run, others
        As in `galviz.pages.results.regression.View`; the target is of kind ``"votes"``.
    """

    training = param.Boolean(default=False, label="Include objects seen in training")
    answer = param.Selector(default=MERGER, objects=list(COLUMNS), label="Answer")
    threshold = param.Number(default=THRESHOLD, bounds=(0, 1), label="Votes above", doc="the paper's 0.3 was by eye")

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
        self.selection, self.cutouts, self.run, self.others = selection, cutouts, run, dict(others or {})
        self.table = joined(predictions, cutouts)
        self.columns = {name: words for answer in COLUMNS for name, words in answer_axes(answer).items()}
        self._focus = SameFocus(selection)
        self._make()

    @param.depends("training", watch=True)
    def _make(self) -> None:
        shown = self.table if self.training else self.table[~self.table["seen"]]
        opening = run_opening(self.run, self.cutouts, seen=self.training)
        more = {"columns": self.columns, "labels": Labels(), "run": self.run, "opening": opening}
        self.explorer = Explorer(shown, self.cutouts, plots=answer_plots(self.answer), **more)
        self.explorer.gallery.captions = self._captions = [self.answer, f"{self.answer}_true"]
        self.kept = ViewState(self.explorer, "predictions", of="this run" if self.run is None else self.run.name)
        self._focus.join(self.explorer.selection)
        self._follow()
        self.explorer.plots[0].param.watch(self._follow, ["x", "y"])

    def _follow(self, *_: param.parameterized.Event) -> None:
        """Set the answer to the one in the first plot, which a saved view or the visitor may have changed."""
        first = self.explorer.plots[0]
        if first.y in COLUMNS and first.x == f"{first.y}_true":
            self.answer = first.y

    @param.depends("answer", watch=True)
    def _show_answer(self) -> None:
        for plot, drawn in zip(self.explorer.plots, answer_plots(self.answer), strict=True):
            plot.param.update(x=drawn["x"], y=drawn["y"])
        before, self._captions = self._captions, [self.answer, f"{self.answer}_true"]
        if self.explorer.gallery.captions == before:  # captions set by the visitor stay
            self.explorer.gallery.captions = self._captions

    def choose_above(self, _: object = None) -> None:
        """Select the objects with votes above the threshold, and filter the gallery to them, largest first."""
        condition = f"{column(self.answer)} > {self.threshold!r}"
        self.explorer.bar.take(self.explorer.selection.where, condition, how=self.explorer.bar.how)
        self.explorer.gallery.param.update(filter=condition, order=self.answer, descending=True)

    @param.depends("training")
    def about(self) -> Markup:
        """Return the number of objects shown, and of those in the training set."""
        count, seen = len(self.explorer.table), int(self.table["seen"].sum())
        unseen = Markup("<b>{:,} objects that the network has not seen in training</b>; {:,} seen are left out.")
        flattered = Markup("<b>{:,} objects, {:,} of them seen in training</b>: their figures flatter it.")
        return (flattered if self.training else unseen).format(count, seen)

    @param.depends("training")
    def together(self) -> pn.viewable.Viewable:
        """Show metrics and figures of all 37 answers."""
        measures = VoteMeasures(self.table, self.explorer.table)
        figures = VoteFigures(measures, self.explorer.selection, self.cutouts)
        return pn.Column(measures, figures, sizing_mode="stretch_width")

    @param.depends("training", "answer")
    def measured(self) -> pn.viewable.Viewable:
        """Show the metrics of the answer, updated with the selection."""
        return pn.panel(pn.bind(lambda _: self.measures(), self.explorer.selection.param.version))

    def measures(self) -> MeasuresView:
        """Return the metrics of the answer over the selected objects, or over all if none is selected."""
        mask = self.explorer.selection.mask
        rows = self.explorer.table[mask] if mask.any() else self.explorer.table
        return MeasuresView(rows[f"{self.answer}_true"].to_numpy(float), rows[self.answer].to_numpy(float))

    @param.depends("training", "answer")
    def closer(self) -> CloserView:
        """Return the diagnostics of the answer."""
        called, answer = "this run" if self.run is None else self.run.name, self.answer

        def turned(read: Callable[[], pd.DataFrame | None]) -> Callable[[], pd.DataFrame | None]:
            return lambda: None if (found := read()) is None else about_answer(found, answer)

        given = about_answer(self.explorer.table, answer), self.explorer.selection, self.cutouts
        others = {name: turned(read) for name, read in self.others.items()}
        return CloserView(*given, measure="MAE of the vote fraction", called=called, others=others)

    @param.depends("training")
    def explored(self) -> pn.viewable.Viewable:
        """Return the explorer, the diagnostics and the saved views."""
        return pn.Column(self.explorer, self.closer, self.kept, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        switch = field(self.param.training, type=pn.widgets.Toggle)
        answer = pn.widgets.Select(label="Answer", groups=GROUPS, value=self.answer, width=220)
        answer.link(self, value="answer", bidirectional=True)
        above = pn.widgets.Button(label="Show and select those above", on_click=self.choose_above)
        threshold = field(self.param.threshold, type=pn.widgets.FloatInput, step=0.05, width=100)
        return pn.Column(
            pn.FlexBox(text(self.about), switch, align_items="center"),
            self.together,
            pn.FlexBox(answer, threshold, above, align_items="flex-end"),
            self.measured,
            self.explored,
            sizing_mode="stretch_width",
        )
