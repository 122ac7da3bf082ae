"""Estimates that say how far they may be off: how often their intervals hold the truth, and how wide they must be."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import ndtri

from galviz.measure.threshold_stats import wilson

ONE_SIGMA = 0.6826894921370859
"""Probability that a normal deviate lies within 1 σ."""

LEVELS = (ONE_SIGMA, 0.9, 0.95)


def widening(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, level: float = ONE_SIGMA) -> float:
    """Compute by what to multiply σ so that intervals of this `level` hold the truth of new objects so often.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) of objects that the estimates were not learned from; one with a NaN is left out.
    level : float
        In (0, 1).

    Returns
    -------
    float
        1 where fewer than 10 objects are known.

    References
    ----------
    Lei et al. (2018), J. Am. Stat. Assoc. 113, 1094, section 5.2: of n scores |Y − Ŷ|/σ and that of a new object each
    rank is as likely. Scores between two ranks are interpolated.
    """
    score = np.sort(_known(np.abs(_pulls(truth, estimate, sigma))))
    if len(score) < 10:
        return 1.0
    rank = min((len(score) + 1) * level, len(score))
    return float(np.interp(rank - 1, np.arange(len(score)), score) / _reach(level))


def cross_widened(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, fold: ArrayLike) -> np.ndarray:
    """Multiply the σ of each fold by what the other folds need: by `widening` of what is held out there.

    Objects that are kept aside of a training lie in the fields that it learned from, and say nothing of how much worse
    a network does on other fields. Those held out in the other folds of a cross-validation by groups do.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) of all folds, each object estimated where it was held out.
    fold : array_like
        (N,).

    Returns
    -------
    numpy.ndarray of float64, shape (N,)

    References
    ----------
    Vovk (2015), Ann. Math. Artif. Intell. 74, 9 (cross-conformal prediction).
    """
    truth, estimate, sigma = (np.asarray(values, dtype=np.float64) for values in (truth, estimate, sigma))
    fold, wider = np.asarray(fold), np.empty_like(sigma)
    for k in np.unique(fold):
        here, there = fold == k, fold != k
        wider[here] = sigma[here] * widening(truth[there], estimate[there], sigma[there])
    return wider


def coverage(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
    """Count how often the intervals of a normal distribution hold the truth.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,); an object with a NaN is left out.
    levels : sequence of float
        Of the central intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        Index level; columns share (of the truths that lie inside), low, high (its 95 % interval, Wilson), n.

    Raises
    ------
    ValueError
        If a σ is not positive.
    """
    score = _known(np.abs(_pulls(truth, estimate, sigma)))
    held = np.array([(score <= _reach(level)).sum() for level in levels])
    share = wilson(held, len(score))
    columns = {"share": share.value, "low": share.low, "high": share.high, "n": len(score)}
    return pd.DataFrame(columns, index=pd.Index(levels, name="level"))


def _reach(level: float) -> float:
    """Give the half width of a central interval in σ."""
    return float(ndtri((1 + level) / 2))


def _pulls(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    truth, estimate, sigma = (np.asarray(values, dtype=np.float64) for values in (truth, estimate, sigma))
    if (sigma <= 0).any():
        raise ValueError(f"sigma: expected positive numbers, got {sigma[sigma <= 0][0]}. Leave those objects out.")
    return (truth - estimate) / sigma


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]
