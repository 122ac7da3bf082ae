"""Metrics over all answers, question by question, next to those of a constant guess."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.votes import PUBLISHED, question_scores, votes_summary
from galviz.pages.results.measures import measures_html
from galviz.pages.results.vote_answers import title_of
from galviz.sky.galaxy_zoo import COLUMNS, PARENTS, QUESTIONS, SLICES
from galviz.tasks.target import Target
from galviz.tasks.votes import tree
from galviz.tools.formatting import NOT_KNOWN, text


class VoteMeasures(pn.viewable.Viewer):
    """Accuracy and RMSE of each question next to those of a constant guess; of Galaxy Zoo also over all answers.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `galviz.runs.predictions.joined`; the guess is the mean of its training objects.
    shown : pandas.DataFrame
        The rows to measure; those without the truth of all answers are left out.
    target : Target, optional
        The answers and their questions; Galaxy Zoo's 37 by default.
    """

    def __init__(
        self, table: pd.DataFrame, shown: pd.DataFrame, target: Target | None = None, **params: object
    ) -> None:
        super().__init__(**params)
        answers = list(COLUMNS if target is None else target.columns)
        self.of_galaxy_zoo, true = tuple(answers) == COLUMNS, [f"{name}_true" for name in answers]
        self.slices, self.parents = (SLICES, PARENTS) if target is None else tree(target)
        if not self.slices:
            self.slices, self.parents = [slice(k, k + 1) for k in range(len(answers))], [None] * len(answers)
        self.titles = [", ".join(answers[part]) for part in self.slices]
        if self.of_galaxy_zoo:
            self.titles = [title_of(question) for question in QUESTIONS]
        self.estimate, self.truth = shown[answers].to_numpy(float), shown[true].to_numpy(float)
        self.ids, self.known = shown.index, np.isfinite(self.truth).all(axis=1)
        learned = table.loc[table["in_training"], true].dropna().to_numpy(float)
        whole = learned if len(learned) else self.truth[self.known]
        self.mean = whole.mean(axis=0) if len(whole) else np.full(len(answers), np.nan)
        self.guessed = "the mean of the objects seen in training" if len(learned) else "the mean of these objects"

    def judged(self) -> Markup:
        """Return the tables of metrics as HTML."""
        truth, estimate = self.truth[self.known], self.estimate[self.known]
        each = question_scores(truth, estimate, self.slices, self.parents)
        always = question_scores(truth, np.broadcast_to(self.mean, truth.shape), self.slices, self.parents, n=1)
        guess = {"guess": always["accuracy"], "guess_rmse": always["rmse"]}
        table = questions_html(each.assign(**guess).set_axis(self.titles))
        note = Markup("<p class='note'>The baseline gives every picture {}.</p>").format(self.guessed)
        if not self.of_galaxy_zoo:
            return Markup("<div>{}{}</div>").format(table, note)
        summary = votes_summary(truth, estimate, self.mean)
        every = measures_html(summary, len(truth), "objects")
        rmse, accuracy = summary.loc[["RMSE of all 37", "accuracy over all 37"], "value"]
        return Markup("<div>{}{}{}</div><div>{}</div>").format(every, note, published_html(rmse**2, accuracy), table)

    async def html(self) -> AsyncIterator[str]:
        """Yield a progress message, then the tables; computed in a thread so that the page stays responsive."""
        if not self.known.any():
            yield "The truth of these objects is not known, so nothing can be measured."
            return
        yield "Computing the metrics …"
        judged = await asyncio.to_thread(self.judged)
        yield Markup("<div style='display: flex; flex-wrap: wrap; gap: 12px 40px'>{}</div>").format(judged)

    def __panel__(self) -> pn.viewable.Viewable:
        return text(self.html, sizing_mode="stretch_width", min_height=330 if self.of_galaxy_zoo else 70)


def published_html(mse: float, accuracy: float) -> Markup:
    """Return table 1 of Goh (2022) as HTML, with the mean squared error and accuracy of these objects above it."""
    line = Markup("<tr><th scope='row'>{}</th><td>{:.4g}</td><td>{:.4f}</td><td>{:.4f}</td></tr>")
    rows = [("this table of predictions", mse, accuracy), *PUBLISHED.itertuples()]
    lines = Markup("").join(line.format(name, mse, mse**0.5, accuracy) for name, mse, accuracy in rows)
    head = Markup("<tr><th>Network</th><th>MSE</th><th>RMSE = √MSE</th><th>Accuracy over all 37</th></tr>")
    caption = (
        "Beside Goh (2022), table 1: about 12,000 pictures of Kaggle's training set, held out. Other pictures have "
        "other numbers."
    )
    whole = Markup("<table class='measures'><caption>{}</caption>{}{}</table>")
    return whole.format(caption, head, lines)


def questions_html(table: pd.DataFrame) -> Markup:
    """Return scores of questions as an HTML table.

    Parameters
    ----------
    table : pandas.DataFrame
        From `galviz.measure.votes.question_scores`, with the titles of the questions as index, and the scores of a
        constant guess in columns guess (accuracy) and guess_rmse.
    """

    def share(value: float) -> str:
        return NOT_KNOWN if np.isnan(value) else f"{value:.3f}"

    cells = Markup("<td>{}</td><td>{} to {}</td><td>{}</td>")
    line = Markup("<tr><th scope='row'>{}</th><td>{:,}</td>{}{}</tr>")
    rows = Markup("").join(
        line.format(
            title,
            int(row.n),
            cells.format(*map(share, (row.accuracy, row.accuracy_low, row.accuracy_high, row.guess))),
            cells.format(*map(share, (row.rmse, row.rmse_low, row.rmse_high, row.guess_rmse))),
        )
        for title, row in zip(table.index, table.itertuples(), strict=True)
    )
    ends = "<th>95 % interval</th><th>Guess</th>"
    head = Markup(f"<tr><th>Question</th><th>Objects</th><th>Right</th>{ends}<th>RMSE</th>{ends}</tr>")
    caption = (
        "Accuracy of the top answer, and RMSE of the votes, for objects where at least half of the voters were asked"
    )
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)
