"""Results of classification: the confusion matrix, the scores of each class, and the reliability of probabilities."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.measure.class_scores import class_scores
from galviz.measure.threshold_stats import reliability
from galviz.pages.results.view import ResultsView
from galviz.tools.formatting import NOT_KNOWN, beside, drawn, note, text
from galviz.tools.plots.figure import count_matrix
from galviz.tools.threshold.figure import reliability_plot

_MOST_CELLS = 30  # a larger matrix shows the classes that are confused most


class View(ResultsView):
    """Predicted against true classes; a click on a cell of the matrix selects its objects.

    Parameters as in `ResultsView`.
    """

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

    def about(self) -> Markup:
        """Return the number of objects shown, and of those in the training set."""
        return super().about() + " A tap on a cell selects its objects."

    def above(self) -> list[Any]:
        """Return the matrix of all objects shown, and the metrics of the selected ones."""
        judged = pn.Column(
            text(self.selected(self.none_selected)), self.selected(self.measures), self.selected(self.scores)
        )
        return [beside(self.matrix(), judged), self.selected(self.trust)]

    def matrix(self) -> pn.viewable.Viewable:
        """Draw the confusion matrix; of many classes, those that are confused most."""
        table = self.explorer.table
        counts = pd.crosstab(table[self.truth], table[self.estimate])
        counts = counts.reindex(index=list(self.classes), columns=list(self.classes), fill_value=0)
        names = most_confused(counts)
        if not table[self.truth].notna().any():
            return note("The true classes are not known: there is no confusion matrix.")
        axes = self.axes()
        source, plot = count_matrix(counts.loc[names, names], axes=(axes[self.estimate], axes[self.truth]))

        def tapped(x: str | None, y: str | None) -> None:
            if x in names and y in names:
                condition = f"{column(self.truth)} == {y!r} and {column(self.estimate)} == {x!r}"
                self.explorer.bar.take(self.selection.where, condition, how=self.explorer.bar.how)

        hv.streams.Tap(source=source).add_subscriber(tapped)
        some = "" if len(names) == len(counts) else f": the {len(names)} of {len(counts)} that are confused most"
        plot = plot.opts(title=f"Confusion of classes{some}", height=420)
        return pn.pane.HoloViews(plot, linked_axes=False, sizing_mode="stretch_width")

    def scores(self) -> "ScoresView":
        """Return the scores of each class over the selected objects."""
        rows = self.selected_rows()
        return ScoresView(rows[self.truth].to_numpy(object), rows[self.estimate].to_numpy(object), self.classes)

    def trust(self) -> pn.viewable.Viewable:
        """Draw how often predictions of a probability are correct, for the selected objects."""
        rows = self.selected_rows()
        known = rows["correct"].notna() & rows["probability"].notna()
        if not known.any():
            return pn.Spacer(height=0)
        found = reliability(rows.loc[known, "probability"].to_numpy(float), rows.loc[known, "correct"].to_numpy(float))
        plot = reliability_plot(hv.streams.Pipe(data=found), "correct")
        plot = plot.opts(title="Reliability of the probability of the predicted class; dashed: calibrated")
        return pn.Column(drawn(plot), sizing_mode="stretch_width", max_width=760)


class ScoresView(pn.viewable.Viewer):
    """Precision, recall, F1 and support of each class, computed in a thread so that the page stays responsive.

    Parameters
    ----------
    truth, estimate : numpy.ndarray of object, shape (N,)
    classes : tuple of str
    """

    def __init__(self, truth: np.ndarray, estimate: np.ndarray, classes: tuple[str, ...], **params: object) -> None:
        super().__init__(**params)
        self._given = truth, estimate, classes

    async def table(self) -> AsyncIterator[str]:
        """Yield a progress message, then the table as HTML."""
        yield "Computing class scores …"
        yield scores_html(await asyncio.to_thread(class_scores, *self._given))

    def __panel__(self) -> pn.viewable.Viewable:
        styles = {"max-height": "420px", "overflow-y": "auto"}
        return text(self.table, sizing_mode="stretch_width", min_height=80, styles=styles)


def scores_html(table: pd.DataFrame) -> Markup:
    """Return `galviz.measure.class_scores.class_scores` as an HTML table."""

    def share(value: float) -> str:
        return NOT_KNOWN if np.isnan(value) else f"{value:.3f}"

    line = Markup("<tr><th scope='row'>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{:,}</td></tr>")
    rows = Markup("").join(
        line.format(name, *map(share, (row.precision, row.recall, row.f1)), int(row.support))
        for name, row in zip(table.index, table.itertuples(), strict=True)
    )
    head = Markup("<tr><th>Class</th><th>Precision</th><th>Recall</th><th>F1</th><th>Objects of it (support)</th></tr>")
    return Markup("<table class='measures'><caption>Class by class</caption>{}{}</table>").format(head, rows)


def most_confused(counts: pd.DataFrame) -> list[str]:
    """Return the names of the classes to draw: all, or the `_MOST_CELLS` with the most wrong predictions.

    Parameters
    ----------
    counts : pandas.DataFrame, shape (K, K)
        Numbers of objects: one row per true class, one column per predicted class, in the same order.
    """
    if len(counts) <= _MOST_CELLS:
        return list(counts.index)
    wrong = counts.to_numpy() * (1 - np.eye(len(counts), dtype=int))
    most = np.sort(np.argsort(-(wrong.sum(axis=0) + wrong.sum(axis=1)), kind="stable")[:_MOST_CELLS])
    return list(counts.index[most])
