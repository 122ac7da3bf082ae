"""A threshold over a score without its page: which columns can be cut, what is known, what a cut does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.labels import Labels
from galviz.runs import home
from galviz.sky.expressions import column as quoted
from galviz.sky.expressions import evaluate
from galviz.sky.fractions import AtThreshold, BinnedFractions, ThresholdCurve, reliability
from galviz.sky.metrics import Interval
from galviz.sky.votes import COLUMNS, MERGER, NAMES

NO_TRUTH = ""
BINS = 100
"""Bars of the histogram of scores, over 0…1."""

_TRUTHS = ("truth", "is_merger", "merger_true", "label", "is_merging")
_BESIDE = ("fold", "seen", "residual", "spread")
_TELLING = re.compile(r"merg|^(p|score|prob|probability|prediction|predicted|estimate)$", re.IGNORECASE)
_Z = re.compile(r"^(z|redshift|z_?spec|z_?phot|photo_?z|spec_?z)$", re.IGNORECASE)
_COLOURS = (("g", "r"), ("u", "r"), ("r", "i"))


def answers(table: pd.DataFrame) -> dict[str, str]:
    """Find the columns that a threshold can be laid on: numbers within 0…1, not only 0 and 1.

    Returns
    -------
    dict of str to str
        Words for people → column, the likeliest score first: an ``estimate``, what has a ``…_true`` beside it,
        Kaggle's ``Class8.6``, a column whose name tells; what looks like a truth last.
    """
    found = [name for name in _within(table) if name not in _BESIDE and not _two_valued(_numbers(table[name]))]

    def rank(name: str) -> tuple[bool, ...]:
        truth = name.endswith("_true") or name in _TRUTHS
        judged = f"{name}_true" in table.columns
        return truth, name != "estimate", name != MERGER, not judged, not _TELLING.search(name)

    called = {name: meaning(name) for name in sorted(found, key=rank)}
    return {name if name == said else f"{said} ({name})": name for name, said in called.items()}


def truths(table: pd.DataFrame, score: str) -> dict[str, str]:
    """Find the columns that may say what is true, the one that belongs to a score first; ``NO_TRUTH`` is always there.

    The result is as that of `answers`.
    """
    flags = [str(name) for name in table.columns if pd.api.types.is_bool_dtype(table[name].dtype)]
    known = [name for name in [*_within(table), *flags] if name not in (score, *_BESIDE)]
    merger = meaning(score) == "merger"
    own = [f"{score}_true", *(_TRUTHS if merger else ())]
    first = next((name for name in own if name in known), None)
    rest = [name for name in known if name != first]
    found = {} if first is None else {first: first}
    return found | {"none": NO_TRUTH} | {name: name for name in rest}


def meaning(score: str) -> str:
    """Say what a score is the probability of: an answer of Galaxy Zoo, else ``"merger"`` or the column's own name."""
    if score in COLUMNS:
        return NAMES[COLUMNS.index(score)]
    theirs = re.fullmatch(r"(.+?)(?:-gz2|-gzd?\d?|-dr\d+)?_(.+)_fraction", score)
    if theirs:
        return f"{theirs[1]}: {theirs[2]}".replace("-", " ")
    return "merger" if _TELLING.search(score) else score


def words(name: str) -> tuple[str, str]:
    """Give the labels for what is an object of this kind and what is not: ``("merger", "not a merger")``."""
    return name, "not a merger" if name == "merger" else f"not {name}"


def bin_column(table: pd.DataFrame) -> str:
    """Find what fractions are best binned by: a redshift, else a colour, else nothing (``""``)."""
    numbers = [str(name) for name in table.select_dtypes("number").columns]
    bands = set("ugri") & set(numbers)  # where there are other bands, z is a magnitude
    redshift = next((name for name in numbers if is_redshift(name) and not (name == "z" and bands)), "")
    return redshift or next((f"{a} - {b}" for a, b in _COLOURS if a in numbers and b in numbers), "")


def is_redshift(name: str) -> bool:
    """Say whether a column is called like a redshift."""
    return _Z.match(name) is not None


def labels_of(score: str, path: str | Path | None = None) -> Labels:
    """Open the labels about a score: ``mergers.csv`` in `galviz.runs.home`, for other answers one beside it."""
    path = home() / "mergers.csv" if path is None else Path(path)
    if meaning(score) != "merger":
        path = path.with_name(f"{path.stem}-{re.sub('[^A-Za-z0-9.]+', '-', score)}{path.suffix}")
    return Labels(path)


@dataclass(frozen=True)
class Known:
    """How many objects have a score, or none and are left out; are known to be of the kind, or not; were labelled."""

    scored: int
    missing: int
    yes: int
    no: int
    by_hand: int

    @property
    def both(self) -> bool:
        """Whether there are objects of both kinds, so that a fraction can be corrected."""
        return self.yes > 0 and self.no > 0


class Scored:
    """The scores of a table, sorted once, and what is known of its objects.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    score : str
        Column within 0…1; objects with NaN are left out.
    truth : str
        Column with truth values or vote fractions; ``NO_TRUTH`` for none. NaN is not known.
    cut : float
        A fraction above this counts as true.
    labels : mapping of str to str, optional
        Label by `object_id`; `words` of the score's meaning override the truth.

    Attributes
    ----------
    rows : numpy.ndarray of int, shape (n,)
        Rows of the table in the order of rising score.
    scores, truth : numpy.ndarray, shape (n,)
        In that order; truth is 1, 0 or NaN.

    Raises
    ------
    ValueError
        If the column is not there, is no number or leaves 0…1.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        score: str,
        truth: str = NO_TRUTH,
        cut: float = 0.5,
        labels: Mapping[str, str] | None = None,
    ) -> None:
        for name in (score, *([truth] if truth else [])):
            if name not in table.columns:
                raise ValueError(f"score, truth: expected columns of the table, got {name!r}, which it has not.")
        values = _numbers(table[score])
        there = np.flatnonzero(np.isfinite(values)).astype(np.int32)
        order = np.argsort(values[there])
        self.table, self.score, self.name = table, score, meaning(score)
        self.rows = there[order]
        self.scores = values[self.rows]
        if len(self.scores) and not (self.scores[0] >= 0 and self.scores[-1] <= 1):
            raise ValueError(f"{score}: expected scores within 0…1, got {self.scores[0]:.4g} … {self.scores[-1]:.4g}.")
        self._given = np.full(len(self.rows), np.nan, dtype=np.float32)
        if truth:
            told = _numbers(table[truth])[self.rows]
            self._given = np.where(np.isnan(told), np.nan, told > cut).astype(np.float32)
        self._mean, self._spread = (float(f(self.scores)) if len(self.rows) else np.nan for f in (np.mean, np.std))
        self._learn(labels or {})

    def relabelled(self, labels: Mapping[str, str]) -> "Scored":
        """Give the same with other labels; what was sorted stays so."""
        other = object.__new__(Scored)
        other.__dict__.update(self.__dict__)
        other._learn(labels)
        return other

    def _learn(self, labels: Mapping[str, str]) -> None:
        yes, no = words(self.name)
        told = {object_id: float(label == yes) for object_id, label in labels.items() if label in (yes, no)}
        index, by_hand, self.truth = self.table.index, 0, self._given
        if told and len(self.rows):
            found = index.get_indexer(pd.Index(list(told), dtype=index.dtype))
            values = np.fromiter(told.values(), np.float32)[found >= 0]
            place = np.full(len(index), -1, dtype=np.int32)
            place[self.rows] = np.arange(len(self.rows), dtype=np.int32)
            places = place[found[found >= 0]]
            self.truth = self._given.copy()
            self.truth[places[places >= 0]], by_hand = values[places >= 0], int((places >= 0).sum())
        counts = (int((self.truth == value).sum()) for value in (1, 0))
        self.known = Known(len(self.rows), len(index) - len(self.rows), *counts, by_hand)
        self.curve = ThresholdCurve(self.scores, self.truth)

    def at(self, threshold: float) -> AtThreshold:
        """Say what a threshold does, O(log N)."""
        return self.curve.at(threshold)

    def resampled(self, threshold: float) -> dict[str, Interval]:
        """Give bootstrap intervals, as `ThresholdCurve.resampled`; ``{}`` where not both kinds are known."""
        return self.curve.resampled(threshold) if self.known.both else {}

    def expected(self) -> Interval | None:
        """Give the mean of the calibrated scores (seconds for 10⁷ objects); None where they cannot be calibrated."""
        return self.curve.expected("isotonic", n=100) if self.known.both else None

    def plain_sum(self) -> Interval:
        """Give the mean of the scores as they are, ± 1.96 σ/√n: right only where they are calibrated."""
        room = 1.96 * self._spread / max(len(self.rows), 1) ** 0.5
        return Interval(self._mean, self._mean - room, self._mean + room)

    def near(self, threshold: float, count: int = 48) -> tuple[np.ndarray, np.ndarray]:
        """Find the rows of the table whose scores are just above and just below (or at) a threshold, nearest first."""
        k = int(np.searchsorted(self.scores, np.asarray(threshold, dtype=self.scores.dtype), side="right"))
        return self.rows[k : k + count], self.rows[max(0, k - count) : k][::-1]

    def above(self, threshold: float) -> np.ndarray:
        """Give the ids above a threshold, str, in the order of the table."""
        k = int(np.searchsorted(self.scores, np.asarray(threshold, dtype=self.scores.dtype), side="right"))
        return self.table.index.take(np.sort(self.rows[k:])).to_numpy(dtype=object)

    def histogram(self, bins: int = BINS) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Count scores in bins of 0…1 of equal width: edges (K + 1,), and (K,) of all, of the true, of the false."""
        edges = np.linspace(0, 1, bins + 1)
        parts = (self.scores, self.scores[self.truth == 1], self.scores[self.truth == 0])
        ends = [np.searchsorted(part, edges[1:-1].astype(part.dtype), side="right") for part in parts]
        counts = [np.diff([0, *end, len(part)]) for end, part in zip(ends, parts, strict=True)]
        return edges, *counts

    def reliability(self) -> pd.DataFrame:
        """Compare the scores with the truth, as `galviz.sky.fractions.reliability`."""
        known = ~np.isnan(self.truth)
        return reliability(self.scores[known], self.truth[known])

    def by(self, expression: str, bins: int = 8) -> BinnedFractions:
        """Sort into bins of a column or an expression with equal numbers of objects.

        Raises
        ------
        ValueError
            If it cannot be read, or has too few different values.
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


def _within(table: pd.DataFrame) -> list[str]:
    """Name the columns of numbers that have values, all within 0…1, and are no redshifts."""
    found = []
    for name in table.select_dtypes("number").columns:
        if is_redshift(str(name)):
            continue
        values = _numbers(table[name])
        low, high = np.fmin.reduce(values, initial=np.inf), np.fmax.reduce(values, initial=-np.inf)
        if 0 <= low <= high <= 1:
            found.append(str(name))
    return found


def _two_valued(values: np.ndarray) -> bool:
    return not ((values > 0) & (values < 1)).any()


def _numbers(values: pd.Series) -> np.ndarray:
    """Give a column as float64, or float32 where it is that; missing values are NaN."""
    kind = np.float32 if values.dtype == np.float32 else np.float64
    return values.to_numpy(dtype=kind, na_value=np.nan)
