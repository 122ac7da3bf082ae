"""Curves of a score that tells positives from negatives: ROC, and purity against completeness."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.measure.metrics import Interval

_POINTS = 400  # of a drawn curve
_LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class ScoreCurve:
    """A curve with a band, and the area under it.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns x, y, low, high (a bootstrap band of y at each x) and threshold. Empty if the curve is undefined.
    area : Interval
        The area with its bootstrap interval; NaN if undefined.
    positives, negatives : int
        Number of objects.
    """

    table: pd.DataFrame
    area: Interval
    positives: int
    negatives: int


def roc(truth: ArrayLike, score: ArrayLike, *, n: int = 200, seed: int = 0) -> ScoreCurve:
    """Return the true-positive rate (y, the completeness) against the false-positive rate (x).

    Parameters
    ----------
    truth : array_like of float or bool, shape (N,)
        1 for a positive object, 0 for a negative one. Objects with a NaN are left out.
    score : array_like of float, shape (N,)
        Larger for objects that are likely to be positive.
    n, seed : int
        Number of bootstrap resamples of the objects, and the seed.

    Returns
    -------
    ScoreCurve
        The area (AUC) is the probability that a positive object has a larger score than a negative one. Undefined
        without positives or without negatives.

    References
    ----------
    Fawcett (2006), Pattern Recognition Letters 27, 861. ``sklearn.metrics.roc_curve``.
    """
    from sklearn.metrics import auc, roc_curve  # imported here because it takes a second

    def curve(yes: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, ...]:
        x, y, threshold = roc_curve(yes, score, sample_weight=weight, drop_intermediate=weight is None)
        return x, y, threshold, np.array(auc(x, y))

    def at(x: np.ndarray, y: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Return the curve at some rates; where it rises vertically, its upper end."""
        last = np.flatnonzero(np.append(np.diff(x) > 0, True))
        return np.interp(where, x[last], y[last])

    return _curve(truth, score, curve, at, n=n, seed=seed, need_negatives=True)


def purity_completeness(truth: ArrayLike, score: ArrayLike, *, n: int = 200, seed: int = 0) -> ScoreCurve:
    """Return the purity (y) against the completeness (x) of objects whose score reaches a threshold.

    Parameters and errors are as in `roc`.

    Returns
    -------
    ScoreCurve
        The area is the average precision: the mean purity over the positives. Undefined without positives.

    References
    ----------
    ``sklearn.metrics.precision_recall_curve`` and ``average_precision_score``.
    """
    from sklearn.metrics import precision_recall_curve

    def curve(yes: np.ndarray, score: np.ndarray, weight: np.ndarray | None) -> tuple[np.ndarray, ...]:
        y, x, threshold = precision_recall_curve(yes, score, sample_weight=weight)
        area = -np.sum(np.diff(x) * y[:-1])
        return x[-2::-1], y[-2::-1], threshold[::-1], area  # without its last point (0, 1), which no threshold has

    def at(x: np.ndarray, y: np.ndarray, where: np.ndarray) -> np.ndarray:
        """Return the purity of the highest threshold that reaches a completeness."""
        return y[np.minimum(np.searchsorted(x, where - 1e-12), len(x) - 1)]

    return _curve(truth, score, curve, at, n=n, seed=seed, need_negatives=False)


def _curve(
    truth: ArrayLike,
    score: ArrayLike,
    curve: Callable[[np.ndarray, np.ndarray, np.ndarray | None], tuple[np.ndarray, ...]],
    at: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    *,
    n: int,
    seed: int,
    need_negatives: bool,
) -> ScoreCurve:
    truth, score = np.asarray(truth, dtype=np.float64), np.asarray(score, dtype=np.float64)
    if truth.ndim != 1 or truth.shape != score.shape:
        raise ValueError(f"score: expected shape (N,) as truth, got {score.shape} for a truth of shape {truth.shape}.")
    known = np.isfinite(score) & ~np.isnan(truth)
    truth, score = truth[known], score[known]
    if not np.isin(truth, (0, 1)).all():
        strange = truth[~np.isin(truth, (0, 1))][0]
        raise ValueError(
            f"truth: expected 1, 0 or NaN, got {strange}. Give 1 for the positive class, 0 for the others."
        )
    order = np.argsort(-score, kind="stable")  # scikit-learn sorts again, which is fast for what is sorted
    yes, score = truth[order].astype(int), score[order]
    positives, negatives = int(yes.sum()), int((1 - yes).sum())
    if not positives or (need_negatives and not negatives):
        empty = pd.DataFrame(columns=["x", "y", "low", "high", "threshold"], dtype=np.float64)
        return ScoreCurve(empty, Interval(np.nan, np.nan, np.nan, _LEVEL), positives, negatives)
    x, y, threshold, area = curve(yes, score, None)
    some = np.unique(np.linspace(0, len(x) - 1, min(len(x), _POINTS)).round().astype(int))
    x, y, threshold = x[some], y[some], threshold[some]
    rng, bands, areas = np.random.default_rng(seed), [], []
    for _ in range(n):
        weight = np.bincount(rng.integers(len(yes), size=len(yes)), minlength=len(yes))
        drawn = weight > 0
        if yes[drawn].any() and not (need_negatives and yes[drawn].all()):
            again = curve(yes[drawn], score[drawn], weight[drawn])
            bands.append(at(again[0], again[1], x))
            areas.append(again[3])
    ends = [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2]
    low, high = np.quantile(bands, ends, axis=0) if bands else np.full((2, len(x)), np.nan)
    table = pd.DataFrame({"x": x, "y": y, "low": low, "high": high, "threshold": threshold})
    interval = np.quantile(areas, ends) if areas else (np.nan, np.nan)
    return ScoreCurve(table, Interval(float(area), *map(float, interval), _LEVEL), positives, negatives)
