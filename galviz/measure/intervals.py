"""Calibration and coverage of error estimates: how often intervals contain the truth, and how wide they must be."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.measure.threshold_stats import wilson

ONE_SIGMA = 0.6826894921370859
"""Probability that a normal variable lies within 1 σ."""

LEVELS = (ONE_SIGMA, 0.9, 0.95)


def sigma_scale(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, level: float = ONE_SIGMA) -> float:
    """Return the factor on σ with which intervals contain the truth of new objects with a probability of `level`.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) values of objects that were not learned from. Objects with a NaN are left out.
    level : float
        In (0, 1).

    Returns
    -------
    float
        1 if fewer than 10 objects are known.

    References
    ----------
    Lei et al. (2018), J. Am. Stat. Assoc. 113, 1094, section 5.2: among n scores |Y − Ŷ|/σ and that of a new object,
    all ranks are equally likely. Scores between two ranks are interpolated.
    """
    score = np.sort(_known(np.abs(_pulls(truth, estimate, sigma))))
    if len(score) < 10:
        return 1.0
    rank = min((len(score) + 1) * level, len(score))
    return float(np.interp(rank - 1, np.arange(len(score)), score) / _reach(level))


def cross_widened(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, fold: ArrayLike) -> np.ndarray:
    """Return σ calibrated across folds: the σ of each fold times the `sigma_scale` of the other folds.

    Calibration objects of a training lie in the fields that it learned from. They do not show how much worse a network
    is on other fields. The held-out objects of the other folds, in a cross-validation by groups, do.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) values of all folds, each object predicted in the fold where it was held out.
    fold : array_like
        (N,) fold of each object.

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
        wider[here] = sigma[here] * sigma_scale(truth[there], estimate[there], sigma[there])
    return wider


def coverage(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike, levels: Sequence[float] = LEVELS) -> pd.DataFrame:
    """Return how often the intervals of a normal distribution contain the truth.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) values. Objects with a NaN are left out.
    levels : sequence of float
        Levels of the central intervals, in (0, 1).

    Returns
    -------
    pandas.DataFrame
        Index level; columns share (of true values inside), low, high (its 95 % Wilson interval), n.

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


def pit(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    """Return Φ((truth − estimate) / σ) of each object, its probability integral transform.

    This is the share of the normal distribution of the estimate that lies below the truth.

    Parameters
    ----------
    truth, estimate, sigma : array_like of float
        (N,) values. Objects with a NaN are left out.

    Returns
    -------
    numpy.ndarray of float64, shape (M,)
        In 0…1. If the errors are right, all values are equally likely. A histogram that is high at both ends: σ is too
        small; high in the middle: too large; high at one end: a bias.

    Raises
    ------
    ValueError
        If a σ is not positive.

    References
    ----------
    Dawid (1984), J. R. Stat. Soc. A 147, 278; Polsterer, D'Isanto & Gieseke (2016), arXiv:1608.08016 (photo-z).
    """
    from scipy.special import ndtr  # late, as below

    return ndtr(_known(_pulls(truth, estimate, sigma)))


def pit_histogram(values: ArrayLike, bins: int = 20, level: float = 0.95) -> pd.DataFrame:
    """Return the histogram of `pit`.

    Returns
    -------
    pandas.DataFrame
        One row a bin: left, right, n (objects), and low and high, between which n lies with a probability of `level`
        if the errors are right (binomial).
    """
    n, edges = np.histogram(values, bins=bins, range=(0, 1))
    from scipy.stats import binom  # late: a page shows a second earlier

    low, high = binom.interval(level, n.sum(), 1 / bins) if n.sum() else (0.0, 0.0)
    return pd.DataFrame({"left": edges[:-1], "right": edges[1:], "n": n, "low": low, "high": high})


def _reach(level: float) -> float:
    """Return the half width of a central interval in σ."""
    from scipy.special import ndtri

    return float(ndtri((1 + level) / 2))


def _pulls(truth: ArrayLike, estimate: ArrayLike, sigma: ArrayLike) -> np.ndarray:
    truth, estimate, sigma = (np.asarray(values, dtype=np.float64) for values in (truth, estimate, sigma))
    if (sigma <= 0).any():
        raise ValueError(f"sigma: expected positive numbers, got {sigma[sigma <= 0][0]}. Leave those objects out.")
    return (truth - estimate) / sigma


def _known(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]
