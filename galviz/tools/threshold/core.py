"""A threshold over a score, without its page: what a cut selects, and how sure that is."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from galviz.io.expressions import column as quoted
from galviz.io.expressions import evaluate
from galviz.io.paths import home
from galviz.measure.metrics import Interval
from galviz.measure.score_columns import MOST_OUTSIDE, NO_TRUTH, meaning, numbers, outside, words
from galviz.measure.threshold_stats import AtThreshold, BinnedFractions, ThresholdCurve, reliability
from galviz.tools.labels.core import Labels

_BINS = (10, 20, 50, 100)  # of the histogram of scores, over 0…1: their edges are round numbers


class Meaning(NamedTuple):
    """What a score is the probability of, and what it is not: the two labels. And the name of the file for these."""

    yes: str
    no: str
    file: str = ""

    @classmethod
    def of(cls, score: str) -> "Meaning":
        """Return the meaning of a column by its name alone."""
        return cls(*words(meaning(score)))


def labels_of(score: str, path: str | Path | Callable[[str], Labels] | None = None, file: str = "") -> Labels:
    """Open the labels of a score. A page may give a function instead of a `path`: it opens those of a score.

    They are in the `file` in `galviz.io.paths.home`. If none is named, they are in ``mergers.csv`` there, or for other
    scores in a file next to it. A `path` takes the place of ``mergers.csv``.
    """
    if callable(path):
        return path(score)
    if file:
        return Labels((home() if path is None else Path(path).parent) / file)
    path = home() / "mergers.csv" if path is None else Path(path)
    if meaning(score) != "merger":
        path = path.with_name(f"{path.stem}-{re.sub('[^A-Za-z0-9.]+', '-', score)}{path.suffix}")
    return Labels(path)


@dataclass(frozen=True)
class Known:
    """Numbers of objects: with a score, left out without a valid one, true, false, labelled by hand."""

    scored: int
    missing: int
    yes: int
    no: int
    by_hand: int

    @property
    def both(self) -> bool:
        """Whether both true and false objects are known, so that a fraction can be corrected."""
        return self.yes > 0 and self.no > 0


class Scored:
    """The scores of a table, sorted once, and the truth of its objects.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    score : str
        Column within 0…1. Objects with NaN are left out, and so are a few with values outside 0…1.
    truth : str
        Column with truth values or vote fractions; ``NO_TRUTH`` for none. NaN means unknown.
    cut : float
        A fraction above this counts as true.
    labels : mapping of str to str, optional
        `object_id` → label. Labels that are the `yes` or the `no` of the meaning override the truth.
    meaning : Meaning, optional
        By default what the name of the column says.

    Attributes
    ----------
    rows : numpy.ndarray of int, shape (n,)
        Rows of the table, sorted by increasing score.
    scores, truth : numpy.ndarray, shape (n,)
        In the same order; truth is 1, 0 or NaN.
    outside : pandas.Series
        The values left out because they are outside 0…1, by `object_id`.

    Raises
    ------
    ValueError
        If the column is missing or not numeric, or more than a fraction `galviz.measure.score_columns.MOST_OUTSIDE` of
        it is outside 0…1.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        score: str,
        truth: str = NO_TRUTH,
        cut: float = 0.5,
        labels: Mapping[str, str] | None = None,
        *,
        meaning: Meaning | None = None,
    ) -> None:
        for name in (score, *([truth] if truth else [])):
            if name not in table.columns:
                raise ValueError(f"score, truth: expected columns of the table, got {name!r}, which it has not.")
        values = numbers(table[score])
        wrong = outside(values)
        if len(wrong) > MOST_OUTSIDE * len(values):
            low, high = np.nanmin(values), np.nanmax(values)
            raise ValueError(f"{score}: expected scores within 0…1, got {low:.4g} … {high:.4g}.")
        self.outside = table[score].iloc[wrong]
        there = np.flatnonzero((values >= 0) & (values <= 1)).astype(np.int32)
        order = np.argsort(values[there])
        self.table, self.score, self.meaning = table, score, meaning or Meaning.of(score)
        self.rows = there[order]
        self.scores = values[self.rows]
        self._given = np.full(len(self.rows), np.nan, dtype=np.float32)
        if truth:
            given = numbers(table[truth])[self.rows]
            self._given = np.where(np.isnan(given), np.nan, given > cut).astype(np.float32)
        self._mean, self._spread = (float(f(self.scores)) if len(self.rows) else np.nan for f in (np.mean, np.std))
        self._learn(labels or {})

    @property
    def name(self) -> str:
        """What the score is the probability of."""
        return self.meaning.yes

    def relabelled(self, labels: Mapping[str, str]) -> "Scored":
        """Return a copy with other labels, without sorting again."""
        other = object.__new__(Scored)
        other.__dict__.update(self.__dict__)
        other._learn(labels)
        return other

    def _learn(self, labels: Mapping[str, str]) -> None:
        yes, no, _ = self.meaning
        given = {object_id: float(label == yes) for object_id, label in labels.items() if label in (yes, no)}
        index, by_hand, self.truth = self.table.index, 0, self._given
        if given and len(self.rows):
            found = index.get_indexer(pd.Index(list(given), dtype=index.dtype))
            values = np.fromiter(given.values(), np.float32)[found >= 0]
            place = np.full(len(index), -1, dtype=np.int32)
            place[self.rows] = np.arange(len(self.rows), dtype=np.int32)
            places = place[found[found >= 0]]
            self.truth = self._given.copy()
            self.truth[places[places >= 0]], by_hand = values[places >= 0], int((places >= 0).sum())
        counts = (int((self.truth == value).sum()) for value in (1, 0))
        self.known = Known(len(self.rows), len(index) - len(self.rows), *counts, by_hand)
        self.curve = ThresholdCurve(self.scores, self.truth)

    def at(self, threshold: float) -> AtThreshold:
        """Return the statistics of a threshold, in O(log N)."""
        return self.curve.at(threshold)

    def resampled(self, threshold: float) -> dict[str, Interval]:
        """Return bootstrap intervals, as `ThresholdCurve.resampled`; ``{}`` unless both kinds are known."""
        return self.curve.resampled(threshold) if self.known.both else {}

    def expected(self) -> Interval | None:
        """Return the mean calibrated score, or None if calibration is impossible. Takes seconds for 10⁷ objects."""
        return self.curve.expected("isotonic", n=100) if self.known.both else None

    def plain_sum(self) -> Interval:
        """Return the mean of the raw scores, ± 1.96 σ/√n. It estimates the fraction only if they are calibrated."""
        room = 1.96 * self._spread / max(len(self.rows), 1) ** 0.5
        return Interval(self._mean, self._mean - room, self._mean + room)

    def near(self, threshold: float, count: int = 48) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows of the table with scores just above, and at or just below, a threshold; nearest first."""
        k = int(np.searchsorted(self.scores, np.asarray(threshold, dtype=self.scores.dtype), side="right"))
        return self.rows[k : k + count], self.rows[max(0, k - count) : k][::-1]

    def above(self, threshold: float) -> np.ndarray:
        """Return the ids (str) above a threshold, in table order."""
        k = int(np.searchsorted(self.scores, np.asarray(threshold, dtype=self.scores.dtype), side="right"))
        return self.table.index.take(np.sort(self.rows[k:])).to_numpy(dtype=object)

    def histogram(self, bins: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Count scores in equal bins of 0…1: returns edges (K + 1,), and counts (K,) of all, true and false objects.

        By default there are at least 2 n^⅓ bins for n objects (Rice's rule), from 10 to 100.
        """
        wanted = 2 * len(self.scores) ** (1 / 3)
        bins = bins or next((count for count in _BINS if count >= wanted), _BINS[-1])
        edges = np.linspace(0, 1, bins + 1)
        parts = (self.scores, self.scores[self.truth == 1], self.scores[self.truth == 0])
        ends = [np.searchsorted(part, edges[1:-1].astype(part.dtype), side="right") for part in parts]
        counts = [np.diff([0, *end, len(part)]) for end, part in zip(ends, parts, strict=True)]
        return edges, *counts

    def reliability(self) -> pd.DataFrame:
        """Compare the scores with the truth, as `galviz.measure.threshold_stats.reliability` does."""
        known = ~np.isnan(self.truth)
        return reliability(self.scores[known], self.truth[known])

    def by(self, expression: str, bins: int = 8) -> BinnedFractions:
        """Divide the objects into bins of a column or expression, with equal numbers of objects.

        Raises
        ------
        ValueError
            If the expression is invalid, or has too few different values.
        """
        name = expression.strip()
        values = evaluate(quoted(name) if name in self.table.columns else name, self.table)
        if values.dtype == object:
            raise ValueError(f"bins: expected numbers, got text in {expression!r}. Choose a column of numbers.")
        values = values.astype(np.float64)[self.rows]
        finite = values[np.isfinite(values)]
        edges = np.unique(np.quantile(finite, np.linspace(0, 1, bins + 1))) if len(finite) else []
        if len(edges) < 2:
            raise ValueError(f"bins: expected a column with different values, got {expression!r}, which has none.")
        return BinnedFractions(values, edges, self.scores, self.truth)
