"""Metrics and figures over all 37 Galaxy Zoo answers; figures are drawn on request."""

import asyncio
from collections.abc import AsyncIterator

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.votes import guess, question_accuracy, votes_summary
from galviz.pages.results.measures import measures_html
from galviz.pages.results.vote_html import lazy_card, prototypes_html, questions_html
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS
from galviz.tools.formatting import drawn, note, text
from galviz.tools.selection.core import Selection
from galviz.tools.votes import figure as figures

_TRUE = [f"{name}_true" for name in COLUMNS]


class VoteMeasures(pn.viewable.Viewer):
    """RMSE over all answers next to that of a constant guess, and the accuracy per question.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `galviz.runs.predictions.joined`; the guess is the mean of its training objects.
    shown : pandas.DataFrame
        The rows to measure; those without the truth of all answers are left out.
    """

    def __init__(self, table: pd.DataFrame, shown: pd.DataFrame, **params: object) -> None:
        super().__init__(**params)
        self.estimate, self.truth = shown[list(COLUMNS)].to_numpy(float), shown[_TRUE].to_numpy(float)
        self.ids, self.known = shown.index, np.isfinite(self.truth).all(axis=1)
        learned = table.loc[table["seen"], _TRUE].dropna().to_numpy(float)
        whole = learned if len(learned) else self.truth[self.known]
        self.mean = guess(whole) if len(whole) else np.full(len(COLUMNS), np.nan)
        self.guessed = "the mean of the objects seen in training" if len(learned) else "the mean of these objects"

    def judged(self) -> Markup:
        """Return the tables of metrics as HTML."""
        truth, estimate = self.truth[self.known], self.estimate[self.known]
        every = measures_html(votes_summary(truth, estimate, self.mean), len(truth), "objects")
        each = question_accuracy(truth, estimate)
        always = question_accuracy(truth, np.broadcast_to(self.mean, truth.shape))["accuracy"]
        whole = Markup("<div>{}<p class='note'>The guess answers {} to every picture.</p></div><div>{}</div>")
        return whole.format(every, self.guessed, questions_html(each.assign(guess=always)))

    async def html(self) -> AsyncIterator[str]:
        """Yield a progress message, then the tables; computed in a thread so that the page stays responsive."""
        if not self.known.any():
            yield "The truth of these objects is not known, so nothing can be measured."
            return
        yield "Measuring …"
        judged = await asyncio.to_thread(self.judged)
        yield Markup("<div style='display: flex; flex-wrap: wrap; gap: 12px 40px'>{}</div>").format(judged)

    def __panel__(self) -> pn.viewable.Viewable:
        return text(self.html, sizing_mode="stretch_width", min_height=330)


class VoteFigures(pn.viewable.Viewer):
    """Figures of the 37 answers in collapsed cards, each drawn on first use.

    Parameters
    ----------
    measures : VoteMeasures
        Provides the objects to draw.
    selection : Selection
        Selection that a click on "Select these" changes.
    cutouts : CutoutSet, optional
        Images of the objects.
    """

    def __init__(
        self, measures: VoteMeasures, selection: Selection, cutouts: CutoutSet | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        self.of, self.selection, self.cutouts = measures, selection, cutouts
        self.cards = {
            "Predicted against true, answer by answer": self.panels,
            "Histograms of the votes, labels and predictions": self.histograms,
            "Correlation of the answers": self.correlations,
            "Prototypes: the surest object of each answer": self.prototypes,
        }

    def panels(self) -> pn.viewable.Viewable:
        """Draw predicted against true vote fractions, one panel per answer."""
        return drawn(figures.truth_panels(self.of.truth, self.of.estimate, self.of.mean))

    def histograms(self) -> pn.viewable.Viewable:
        """Draw histograms of the vote fractions, labels and predictions."""
        known = self.of.known
        if known.any():
            return drawn(figures.vote_histograms(self.of.truth[known], self.of.estimate[known]))
        words = note("Of the predictions: no labels are known.")
        return pn.Column(words, drawn(figures.vote_histograms(self.of.estimate)), sizing_mode="stretch_width")

    def correlations(self) -> pn.viewable.Viewable:
        """Draw the correlation matrix of the answers: of labels, predictions, or their difference."""
        known = self.of.known
        found = {"predictions": figures.correlation(self.of.estimate[known] if known.any() else self.of.estimate)}
        if known.any():
            found = {"labels": figures.correlation(self.of.truth[known])} | found
            found["predictions − labels"] = found["predictions"] - found["labels"]
        which = pn.widgets.RadioButtonGroup(options=list(found), value=next(iter(found)), align="start")

        def matrix(name: str) -> hv.Overlay:
            return figures.correlation_matrix(found[name], f"Correlation of answers: {name}")

        return pn.Column(which, drawn(pn.bind(matrix, which)), sizing_mode="stretch_width")

    def prototypes(self) -> pn.viewable.Viewable:
        """Show the object with the highest vote for each answer, by labels and by predictions."""
        votes = {"labels": self.of.truth, "predictions": self.of.estimate}
        found = {
            name: figures.prototypes(pd.DataFrame(each, index=self.of.ids, columns=COLUMNS))
            for name, each in votes.items()
        }
        both = pd.concat(found, names=["by"])
        choose = pn.widgets.Button(
            label="Select these", on_click=lambda _: self.selection.choose(both["object_id"].unique())
        )
        return pn.Column(choose, text(prototypes_html(both, self.cutouts), sizing_mode="stretch_width"))

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*(lazy_card(title, make) for title, make in self.cards.items()), sizing_mode="stretch_width")
