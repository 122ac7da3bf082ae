"""What judges predicted classes: confusion matrix, scores of each class, curves and reliability of probabilities."""

from collections.abc import Callable
from functools import partial
from textwrap import fill
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.measure.class_scores import class_scores
from galviz.measure.score_curves import ScoreCurve, purity_completeness, roc
from galviz.measure.threshold_stats import reliability
from galviz.pages.cards import Card
from galviz.pages.explorer import Explorer
from galviz.pages.results.judge import JudgeView, Later
from galviz.pages.results.measures import MeasuresView
from galviz.tasks.pair import Pair
from galviz.tools.diagnostics.figure import purity_plot, roc_plot
from galviz.tools.diagram.core import suits
from galviz.tools.diagram.view import DiagramView
from galviz.tools.formatting import field, filling, note, text
from galviz.tools.plots.figure import count_matrix
from galviz.tools.threshold.figure import reliability_plot

_MOST_CELLS = 30  # a larger matrix shows the classes that are confused most
_LINE, _ROOM = 10, 15  # letters in a line of a class name, and below the matrix in a narrow pane
_LARGE = 200_000  # of more objects, fewer resamples tell as much
_GIVEN = "the predicted class"
_DIAGRAM = "Diagram"


class ClassesJudge(JudgeView):
    """Judges predicted classes; parameters as in `JudgeView`. A click on a cell of the matrix selects its objects."""

    one = param.Selector(default="", objects=[""], label="Class", doc="the positive class of a curve")
    trusted = param.Selector(default=_GIVEN, objects=[_GIVEN], label="Probability of")

    def __init__(self, pair: Pair, explorer: Explorer, **params: object) -> None:
        super().__init__(pair, explorer, **params)
        self._diagram: DiagramView | None = None
        if pair.judged:
            self.param.one.objects, self.one = pair.judged, pair.judged[0]
            whole = set(pair.judged) == set(pair.classes)  # else the predicted class may have no probability
            self.param.trusted.objects = [*([_GIVEN] if whole else []), *pair.judged]
            self.trusted = pair.positive or self.param.trusted.objects[0]

    def kinds(self) -> dict[str, Callable[[], Any]]:
        """Return the plots: curves only where there are probabilities."""
        curves = {"ROC": self.roc, "Purity–completeness": self.purity, "Reliability": self.trust}
        return {"Confusion matrix": self.matrix} | (curves if self.pair.judged else {})

    def tabs(self) -> dict[str, Callable[[], Any]]:
        """Return the plots, and a colour–magnitude diagram where the table has magnitudes."""
        return super().tabs() | ({_DIAGRAM: self.diagram} if suits(self.explorer.table, self.pair) else {})

    def diagram(self) -> DiagramView:
        """Return the colour–magnitude diagram, with the scores of its regions; the same one each time."""
        if self._diagram is None:
            explorer = self.explorer
            more = {"kept": explorer.kept.get(_DIAGRAM, {}), "on_change": partial(explorer.keep, _DIAGRAM)}
            view = DiagramView(explorer.table, self.pair, explorer.selection, lambda: explorer.bar.how, **more)
            explorer.param.watch(lambda event: view.exchange.restore(event.new.get(_DIAGRAM, {})), "kept")
            self._diagram = view
        return self._diagram

    def of(self, kind: str) -> list[param.Parameter]:
        """Return the parameter that changes a plot."""
        return {"Confusion matrix": [], "Reliability": [self.param.trusted]}.get(kind, [self.param.one])

    def controls(self, kind: str) -> list[Any]:
        """Return the choice of a class."""
        if kind == "Reliability":
            return [field(self.param.trusted, width=160)]
        return [field(self.param.one, width=160)] if kind != "Confusion matrix" and len(self.pair.judged) > 1 else []

    def matrix(self) -> pn.viewable.Viewable:
        """Draw the confusion matrix of all objects shown; of many classes, those that are confused most."""
        table, pair = self.explorer.table, self.pair
        true, given = (pd.Series(each, table.index, dtype=object) for each in (pair.true(table), pair.given(table)))
        if not (true.notna() & given.notna()).any():
            return note("The true classes are not known: there is no confusion matrix.")
        counts = pd.crosstab(true, given)
        counts = counts.reindex(index=list(pair.classes), columns=list(pair.classes), fill_value=0)
        names = most_confused(counts)
        axes = self.explorer.axes
        cut = f"Predicted {pair.truth} ({pair.positive} where {pair.estimate} ≥ 0.5)"
        predicted = cut if pair.estimate in pair.chances.values() else f"Predicted {pair.estimate}"
        labels = axes.get(pair.estimate, predicted), axes.get(pair.truth, f"True {pair.name}")
        shown = {fill(pair.text(name), _LINE, break_long_words=False): name for name in names}
        counts_shown = counts.loc[names, names].set_axis(list(shown), axis=0).set_axis(list(shown), axis=1)
        source, plot = count_matrix(counts_shown, axes=labels)
        words = all(not pd.api.types.is_numeric_dtype(table[name]) for name in (pair.truth, pair.estimate))

        def tapped(x: str | None, y: str | None) -> None:
            if x not in shown or y not in shown:
                return
            x, y = shown[x], shown[y]
            bar, selection = self.explorer.bar, self.explorer.selection
            if words:
                condition = f"{column(pair.truth)} == {y!r} and {column(pair.estimate)} == {x!r}"
                bar.take(selection.where, condition, how=bar.how)
            else:
                bar.take(selection.choose, table.index[(true == y) & (given == x)], how=bar.how)

        hv.streams.Tap(source=source).add_subscriber(tapped)
        some = "" if len(names) == len(counts) else f": the {len(names)} of {len(counts)} that are confused most"
        title = f"Confusion of classes{some}; a tap on a cell selects its objects"
        wide = sum(len(max(name.split("\n"), key=len)) for name in shown)
        plot = plot.opts(title=title, xrotation=0 if wide <= _ROOM else 30)
        return filling(plot)

    def roc(self) -> Later:
        """Draw the ROC curve of a class against all others."""
        return self._curve(roc, roc_plot)

    def purity(self) -> Later:
        """Draw purity against completeness of a class."""
        return self._curve(purity_completeness, purity_plot)

    def _curve(self, measure: Callable[..., ScoreCurve], plot: Callable[..., Any]) -> Later:
        rows, name = self.rows(), self.one
        yes, chance = self._scored(rows, name)

        def show(curve: ScoreCurve) -> pn.viewable.Viewable:
            if curve.table.empty:
                counts = f"{curve.positives:,} known objects of {name} and {curve.negatives:,} others"
                return note(f"Undefined: it needs objects of {name} and others, and there are {counts}.")
            return filling(plot(curve, name))

        return Later(partial(measure, yes, chance, n=200 if len(yes) <= _LARGE else 50), show, fills=True)

    def trust(self) -> pn.viewable.Viewable:
        """Draw how often predictions of a probability are correct, for the selected objects."""
        rows, pair = self.rows(), self.pair
        true, given = self.arrays()
        if self.trusted == _GIVEN:
            every = np.stack([pair.chance(rows, name) for name in pair.classes], axis=1)
            place = pd.Index(pair.classes).get_indexer(given)
            chance = np.where(place < 0, np.nan, every[np.arange(len(rows)), place])
            right, name, words = true == given, "correct", "the predicted class"
        else:
            chance, right, name = pair.chance(rows, self.trusted), true == self.trusted, self.trusted
            words = name
        known = pd.notna(true) & np.isfinite(chance)
        if not known.any():
            return note("Undefined: no object has a known class and a probability.")
        found = reliability(chance[known], right[known].astype(float))
        plot = reliability_plot(hv.streams.Pipe(data=found), name)
        return filling(plot.opts(title=f"Reliability of the probability of {words}; dashed: calibrated"))

    def measures(self) -> MeasuresView:
        """Return the accuracy of the selected objects."""
        return MeasuresView(*self.arrays())

    def scores(self) -> Later:
        """Return the scores of each class over the selected objects."""
        truth, estimate = self.arrays()
        styles = {"max-height": "420px", "overflow-y": "auto"}
        return Later(
            lambda: class_scores(truth, estimate, self.pair.classes).rename(self.pair.text),
            lambda found: text(scores_html(found), sizing_mode="stretch_width", styles=styles),
        )

    def measure_cards(self) -> list[Card]:
        """Return the accuracy; and of two classes, the scores and the AUC of the positive one."""
        cards, pair = super().measure_cards(), self.pair
        cards = [card._replace(opens=card.name == "accuracy") for card in cards]
        name = pair.positive or (pair.judged[0] if len(pair.classes) == 2 and pair.judged else "")
        if len(cards) < 2 or not name:
            return cards
        rows = self.rows()
        scores = class_scores(*self.arrays(), pair.classes).loc[name]
        words = {"precision": "purity", "recall": "completeness", "f1": "F1"}
        for key, label in words.items():
            ends = (scores[f"{key}{end}"] for end in ("", "_low", "_high"))
            cards.append(_score_card(label, *ends, of=pair.text(name)))
        if name in pair.judged:
            area = self._roc_of(rows, name).area
            cards.append(_score_card("AUC", area.value, area.low, area.high, of=pair.text(name)))
        return cards

    def opened_by(self, card: str) -> str:
        """Return the plot behind a number."""
        self.one = self.pair.positive or self.one
        curve = "ROC" if card == "AUC" else "Purity–completeness"
        return curve if card != "accuracy" and self.pair.judged else "Confusion matrix"

    def _roc_of(self, rows: pd.DataFrame, name: str) -> ScoreCurve:
        return roc(*self._scored(rows, name), n=200 if len(rows) <= _LARGE else 50)

    def _scored(self, rows: pd.DataFrame, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return 1 for objects of a class, 0 for others, NaN where not known; and the probability of the class."""
        true = self.pair.true(rows)
        return np.where(pd.isna(true), np.nan, (true == name).astype(float)), self.pair.chance(rows, name)

    def tables(self) -> list[Any]:
        """Return the accuracy and the scores of each class."""
        return [self.live(self.note), self.live(self.measures), self.live(self.scores)]


def _score_card(label: str, value: float, low: float, high: float, *, of: str) -> Card:
    """Return the card of a score between 0 and 1."""
    about = f"{label} of {of}; 95 % interval by bootstrap"
    if np.isnan(value):
        return Card(label, "undefined", f"of {of}", about)
    return Card(label, f"{value:.3f}", f"{low:.3f} to {high:.3f}", about, opens=True)


def scores_html(table: pd.DataFrame) -> Markup:
    """Return `galviz.measure.class_scores.class_scores` as an HTML table."""
    cell, line = Markup("<td>{}{}</td>"), Markup("<tr><th scope='row'>{}</th>{}<td>{:,}</td></tr>")

    def score(row: pd.Series, name: str) -> Markup:
        value, low, high = (row[f"{name}{end}"] for end in ("", "_low", "_high"))
        if np.isnan(value):
            return cell.format("undefined", "")
        return cell.format(f"{value:.3f}", Markup("<br><small>{:.3f} to {:.3f}</small>").format(low, high))

    rows = Markup("").join(
        line.format(name, Markup("").join(score(row, each) for each in ("precision", "recall", "f1")), int(row.support))
        for name, row in table.iterrows()
    )
    head = Markup("<tr><th>Class</th><th>Purity</th><th>Completeness</th><th>F1</th><th>Objects of it</th></tr>")
    caption = "Class by class, with 95 % intervals (bootstrap). Purity is also called precision, completeness recall."
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)


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
