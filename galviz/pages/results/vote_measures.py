"""Metrics over all 37 Galaxy Zoo answers, next to those of a constant guess."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.votes import guess, question_accuracy, votes_summary
from galviz.pages.results.measures import measures_html
from galviz.pages.results.vote_answers import title_of
from galviz.sky.galaxy_zoo import COLUMNS, QUESTIONS
from galviz.tools.formatting import NOT_KNOWN, text

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
        learned = table.loc[table["in_training"], _TRUE].dropna().to_numpy(float)
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
        yield "Computing the metrics …"
        judged = await asyncio.to_thread(self.judged)
        yield Markup("<div style='display: flex; flex-wrap: wrap; gap: 12px 40px'>{}</div>").format(judged)

    def __panel__(self) -> pn.viewable.Viewable:
        return text(self.html, sizing_mode="stretch_width", min_height=330)


def questions_html(table: pd.DataFrame) -> Markup:
    """Return `galviz.measure.votes.question_accuracy`, plus a column ``guess``, as an HTML table."""

    def share(value: float) -> str:
        return NOT_KNOWN if np.isnan(value) else f"{value:.3f}"

    line = Markup("<tr><th scope='row'>{}</th><td>{:,}</td><td>{}</td><td>{} to {}</td><td>{}</td></tr>")
    rows = Markup("").join(
        line.format(title_of(question), row.n, *map(share, (row.accuracy, row.low, row.high, row.guess)))
        for question, row in zip(QUESTIONS, table.itertuples(), strict=True)
    )
    head = Markup(
        "<tr><th>Question</th><th>Objects</th><th>Right</th><th>95 % interval (Wilson)</th><th>Guess</th></tr>"
    )
    caption = "Most voted answer right, where half of the votes reached the question"
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)
