"""Compressed tails: predictions of the highest values are too low, and of the lowest ones too high."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from galviz.measure.metrics import Interval, bootstrap, pairs


@dataclass(frozen=True)
class Tails:
    """How a prediction treats high and low values.

    Parameters
    ----------
    slope : Interval
        Of the straight line through the predictions as a function of the truth, with its 95 % interval. 1: high and
        low values are predicted right on average; below 1, the tails are compressed.
    pivot : float
        Truth at which the line crosses 1:1; NaN for a slope of 1.
    ends : (float, float)
        Ends of the tails: the 10th and the 90th percentile of the truth.
    shares : (float, float)
        Share of the predictions beyond each end; of the truths, it is about 0.1.
    """

    slope: Interval
    pivot: float
    ends: tuple[float, float]
    shares: tuple[float, float]


def slope(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Return the slope of the least-squares line of the estimate as a function of the truth; NaN for one truth."""
    away = truth - truth.mean()
    spread = np.sum(away**2)
    return float(np.sum(away * (estimate - estimate.mean())) / spread) if spread > 0 else np.nan


def tails(truth: ArrayLike, estimate: ArrayLike, *, n: int = 300, seed: int = 0) -> Tails:
    """Return how much the tails of a prediction are compressed.

    Parameters
    ----------
    truth, estimate : array_like of float, shape (N,)
        Pairs with a NaN are left out.
    n, seed : int
        As in `galviz.measure.metrics.bootstrap`.

    Raises
    ------
    ValueError
        If no pair is known, or all true values are equal.
    """
    truth, estimate = pairs(truth, estimate, "drop")
    if not np.isfinite(slope(truth, estimate)):
        raise ValueError("The slope is undefined: expected at least two different true values.")
    found = bootstrap(slope, truth, estimate, n=n, seed=seed)
    low, high = (float(end) for end in np.percentile(truth, [10, 90]))
    shares = float(np.mean(estimate < low)), float(np.mean(estimate > high))
    offset = estimate.mean() - found.value * truth.mean()
    return Tails(found, float(offset / (1 - found.value)) if found.value != 1 else np.nan, (low, high), shares)


def corrected(truth: ArrayLike, estimate: ArrayLike, of: ArrayLike | None = None) -> np.ndarray:
    """Return predictions stretched until high and low values are right on average, (ŷ − a) / b.

    a and b are intercept and slope of the line of the estimate as a function of the truth. Individual predictions
    get noisier: their scatter grows by 1 / b.

    Parameters
    ----------
    truth, estimate : array_like of float, shape (N,)
        Objects with known truth, which give the line. Pairs with a NaN are left out.
    of : array_like of float, shape (M,), optional
        Predictions to correct; by default `estimate`.

    Raises
    ------
    ValueError
        If no pair is known, or the slope is not above 0.
    """
    known, given = pairs(truth, estimate, "drop")
    steep = slope(known, given)
    if not steep > 0:
        raise ValueError(f"estimate: expected predictions that rise with the truth, got a slope of {steep:.3g}.")
    offset = given.mean() - steep * known.mean()
    return (np.asarray(estimate if of is None else of, dtype=np.float64) - offset) / steep
