"""Metrics of estimates against the truth, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

NanRule = Literal["raise", "drop"]
Metric = Callable[[np.ndarray, np.ndarray], float | np.ndarray]

MANY = 200_000
"""Largest number of pairs that `bootstrap` resamples one by one; of more, it resamples blocks."""

_BLOCKS = 400


@dataclass(frozen=True)
class Interval:
    """A value (or K values) with the ends of its interval at a confidence `level`."""

    value: float | np.ndarray
    low: float | np.ndarray
    high: float | np.ndarray
    level: float = 0.95


def pairs(truth: ArrayLike, estimate: ArrayLike, nan: NanRule = "raise") -> tuple[np.ndarray, np.ndarray]:
    """Return truth and estimate as arrays, after checking that they match.

    Parameters
    ----------
    truth, estimate : array_like
        (N,) numbers or class names. Two pandas Series must have the same index: rows are never matched by number.
    nan : {"raise", "drop"}
        How pairs with a NaN (or None) are treated.

    Returns
    -------
    truth, estimate : np.ndarray
        (N,) or shorter. Numbers are float64.

    Raises
    ------
    ValueError
        If shapes or indices differ, nothing is left, or there is a NaN and `nan` is not ``"drop"``.
    """
    if isinstance(truth, pd.Series) and isinstance(estimate, pd.Series) and not truth.index.equals(estimate.index):
        raise ValueError(
            "estimate: expected the index of truth, got another one. Align them first: estimate.loc[truth.index]."
        )
    truth, estimate = np.asarray(truth), np.asarray(estimate)
    if truth.ndim != 1 or truth.shape != estimate.shape:
        raise ValueError(
            f"estimate: expected shape (N,) as truth, got {estimate.shape} for a truth of shape {truth.shape}. "
            "Give one value an object, both in the same order."
        )
    if nan not in ("raise", "drop"):
        raise ValueError(f"nan: expected 'raise' or 'drop', got {nan!r}.")
    bad = pd.isna(truth) | pd.isna(estimate)
    if bad.any() and nan == "raise":
        raise ValueError(
            f"estimate: expected pairs without NaN, got {bad.sum()} of {bad.size} pairs with a NaN in truth or "
            "estimate. Give nan='drop' to leave those pairs out."
        )
    if bad.all():
        raise ValueError(f"estimate: expected at least one pair without NaN, got none of {bad.size}.")
    if bad.any():
        truth, estimate = truth[~bad], estimate[~bad]
    if _are_numbers(truth, estimate):
        truth, estimate = truth.astype(np.float64, copy=False), estimate.astype(np.float64, copy=False)
    return truth, estimate


def _are_numbers(*arrays: np.ndarray) -> bool:
    return all(values.dtype.kind in "fiu" for values in arrays)


def _residual(truth: ArrayLike, estimate: ArrayLike, nan: NanRule) -> np.ndarray:
    truth, estimate = pairs(truth, estimate, nan)
    if not _are_numbers(truth, estimate):
        raise TypeError(f"truth, estimate: expected numbers, got {truth.dtype} and {estimate.dtype}. Use accuracy.")
    return estimate - truth


def mae(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Mean absolute error, mean |estimate − truth|. For arguments and errors see `pairs`."""
    return float(np.mean(np.abs(_residual(truth, estimate, nan))))


def rmse(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Root mean square error, √mean (estimate − truth)². For arguments and errors see `pairs`."""
    return float(np.sqrt(np.mean(_residual(truth, estimate, nan) ** 2)))


def bias(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Mean residual, mean (estimate − truth). For arguments and errors see `pairs`."""
    return float(np.mean(_residual(truth, estimate, nan)))


def sigma(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Scatter: standard deviation (divisor N) of the signed residual estimate − truth.

    For arguments and errors see `pairs`. A constant offset does not change it: rmse² = sigma² + bias².

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, "Sigma" of Table 1 in its likeliest reading.
    """
    return float(np.std(_residual(truth, estimate, nan)))


def sigma_nmad(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Robust scatter, 1.4826 · median |r − median r| with r = estimate − truth. For arguments and errors see `pairs`.

    References
    ----------
    Hoaglin, Mosteller & Tukey (1983), Understanding Robust and Exploratory Data Analysis.
    """
    r = _residual(truth, estimate, nan)
    return float(1.4826 * np.median(np.abs(r - np.median(r))))


def outlier_fraction(truth: ArrayLike, estimate: ArrayLike, cut: float, *, nan: NanRule = "raise") -> float:
    """Share η of the pairs with |estimate − truth| > cut.

    Parameters
    ----------
    truth, estimate, nan
        As in `pairs`.
    cut : float
        In the unit of truth. The fraction means nothing without it.

    Raises
    ------
    ValueError
        As `pairs`; and if the cut is not positive.
    """
    if not cut > 0:
        raise ValueError(f"cut: expected a positive number in the unit of truth, got {cut!r}.")
    return float(np.mean(np.abs(_residual(truth, estimate, nan)) > cut))


def usual_cut(truth: ArrayLike, estimate: ArrayLike) -> float | None:
    """Return the residual beyond which an object is usually an outlier: 3 σ_NMAD, rounded to three digits.

    Pairs with a NaN are left out. None if the scatter is 0 or no pair is known. Compare two predictions by one cut:
    with its own cut each, the worse one may have fewer outliers.
    """
    if not (pd.notna(truth) & pd.notna(estimate)).any():
        return None
    return float(f"{3 * sigma_nmad(truth, estimate, nan='drop'):.3g}") or None


def r2(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Coefficient of determination, 1 − Σ(estimate − truth)² / Σ(truth − mean truth)².

    For arguments and errors see `pairs`. 1 is perfect, 0 as good as the mean of the truth; NaN if all truths are equal.
    """
    truth, estimate = pairs(truth, estimate, nan)
    spread = np.sum((truth - truth.mean()) ** 2)
    return float(1 - np.sum((estimate - truth) ** 2) / spread) if spread > 0 else np.nan


def accuracy(truth: ArrayLike, estimate: ArrayLike, *, nan: NanRule = "raise") -> float:
    """Share of the pairs whose classes are equal. For arguments and errors see `pairs`."""
    truth, estimate = pairs(truth, estimate, nan)
    return float(np.mean(truth == estimate))


def bootstrap(
    metric: Metric,
    truth: ArrayLike,
    estimate: ArrayLike,
    *,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    groups: ArrayLike | None = None,
    nan: NanRule = "raise",
    power: ArrayLike = 1.0,
) -> Interval:
    """Percentile bootstrap interval of a metric.

    Parameters
    ----------
    metric : callable
        ``metric(truth, estimate)`` returns a float or (K,) floats: any metric of this module, or your own. Set other
        arguments with `functools.partial`.
    truth, estimate, nan
        As in `pairs`.
    n : int
        Number of resamples with replacement.
    level : float
        Confidence level of the interval, in (0, 1).
    seed : int
        Same seed, same resamples, whatever the metric.
    groups : array_like, optional
        (N,) group of each pair. Whole groups are resampled. This is necessary if the pairs of a group are not
        independent, such as the five bands of one object.
    power : float or (K,) float
        Power of the metric that is a mean over the pairs, or nearly: 2 for `rmse` and `sigma`. It matters only above
        `MANY` pairs, see the notes.

    Returns
    -------
    Interval
        The metric of all pairs, and the quantiles (1 − level)/2 and (1 + level)/2 of the resampled metric. The ends
        are NaN if the metric is NaN for a resample.

    Raises
    ------
    ValueError
        As `pairs`; and if `n`, `level` or the length of `groups` make no sense.

    Notes
    -----
    One resample is in memory at a time. `scipy.stats.bootstrap` gives the same percentiles, but has no groups.

    Above `MANY` pairs without groups, which would take minutes to hours, the metric is computed once in each of 400
    random blocks, and the blocks are resampled: the metric, to its `power`, is nearly the mean of theirs. The ends
    differ from those of resampled pairs as two seeds differ, by some per cent of the interval's width.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13; Davison & Hinkley (1997), § 3.8 (groups).
    """
    if n < 1 or not 0 < level < 1:
        raise ValueError(f"n, level: expected n ≥ 1 and 0 < level < 1, got n = {n!r} and level = {level!r}.")
    members = None if groups is None else _kept_groups(groups, truth, estimate)
    truth, estimate = pairs(truth, estimate, nan)
    rng, whole = np.random.default_rng(seed), metric(truth, estimate)
    if members is None and len(truth) > MANY:
        order = rng.permutation(np.arange(len(truth), dtype=np.int32))
        parts = np.array([metric(truth[rows], estimate[rows]) for rows in np.array_split(order, _BLOCKS)])
        values = _of_blocks(parts, whole, np.asarray(power), n, rng)
    else:
        draw = _resampler(len(truth), members, rng)
        values = np.array([metric(truth[rows], estimate[rows]) for rows in (draw() for _ in range(n))])
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return Interval(whole, low, high, level)


def _of_blocks(
    parts: np.ndarray, whole: float | np.ndarray, power: np.ndarray, n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return a metric in n resamples of blocks, centred on that of all pairs: (n,) or (n, K)."""
    parts = parts**power
    means = np.array([parts[rng.integers(len(parts), size=len(parts))].mean(axis=0) for _ in range(n)])
    values = means + (np.power(whole, power) - parts.mean(axis=0))
    return np.sign(values) * np.abs(values) ** (1 / power)  # a rounded 0 may be below 0


def _kept_groups(groups: ArrayLike, truth: ArrayLike, estimate: ArrayLike) -> np.ndarray:
    """Group number of each pair without NaN."""
    codes, _ = pd.factorize(np.asarray(groups), use_na_sentinel=False)
    if codes.shape != np.shape(truth):
        raise ValueError(f"groups: expected one a pair, shape {np.shape(truth)}, got {codes.shape}.")
    kept = ~(pd.isna(np.asarray(truth)) | pd.isna(np.asarray(estimate)))
    return pd.factorize(codes[kept])[0]


def _resampler(size: int, groups: np.ndarray | None, rng: np.random.Generator) -> Callable[[], np.ndarray]:
    """Return a function that draws the rows of one resample."""
    if groups is None:
        return lambda: rng.integers(size, size=size, dtype=np.int32)
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups)
    starts = np.cumsum(sizes) - sizes

    def draw() -> np.ndarray:
        drawn = rng.integers(len(sizes), size=len(sizes))
        lengths = sizes[drawn]
        shift = starts[drawn] - (np.cumsum(lengths) - lengths)
        return order[np.repeat(shift, lengths) + np.arange(lengths.sum())]

    return draw


_DEFINITIONS: dict[str, tuple[Metric, str]] = {
    "mae": (mae, "mean |estimate − truth|"),
    "rmse": (rmse, "root of the mean squared residual"),
    "bias": (bias, "mean (estimate − truth)"),
    "sigma": (sigma, "standard deviation of estimate − truth"),
    "sigma_nmad": (sigma_nmad, "1.4826 · median |r − median r|, r = estimate − truth"),
    "r2": (r2, "1 − squared residuals / squared deviations of the truth from its mean"),
}


def definitions(cut: float | None = None, *, numbers: bool = True) -> dict[str, tuple[Metric, str]]:
    """Return the metrics of numbers, or of class names: name → metric and its definition in words.

    Parameters
    ----------
    cut : float, optional
        Adds the outlier fraction with this cut.
    numbers : bool
        Whether the pairs are numbers.
    """
    if not numbers:
        return {"accuracy": (accuracy, "share whose class is right")}
    if cut is None:
        return dict(_DEFINITIONS)
    outliers = (partial(outlier_fraction, cut=cut), f"share with |residual| > {cut:g}")
    return _DEFINITIONS | {f"outlier_fraction({cut:g})": outliers}


def summary(
    truth: ArrayLike,
    estimate: ArrayLike,
    *,
    cut: float | None = None,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    groups: ArrayLike | None = None,
    nan: NanRule = "raise",
) -> pd.DataFrame:
    """Return all metrics with their intervals.

    Parameters
    ----------
    truth, estimate, n, level, seed, groups, nan
        As in `bootstrap`.
    cut : float, optional
        Adds the row ``outlier_fraction(cut)``.

    Returns
    -------
    pd.DataFrame
        Index `metric`; columns value, low, high and definition (in words). The rows are mae, rmse, bias, sigma,
        sigma_nmad and r2 for numbers, accuracy for class names.

    Raises
    ------
    ValueError
        As `bootstrap`.
    """
    rows = definitions(cut, numbers=_are_numbers(*pairs(truth, estimate, nan)))
    metrics, words = zip(*rows.values(), strict=True)

    def together(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        return np.array([metric(truth, estimate) for metric in metrics])

    power = np.array([2.0 if metric in (rmse, sigma) else 1.0 for metric in metrics])
    found = bootstrap(together, truth, estimate, n=n, level=level, seed=seed, groups=groups, nan=nan, power=power)
    columns = {"value": found.value, "low": found.low, "high": found.high, "definition": words}
    return pd.DataFrame(columns, index=pd.Index(rows, name="metric"))
