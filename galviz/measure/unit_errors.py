"""Errors of a positive quantity in four units: natural logarithm, dex, percent, and its own unit."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.measure.metrics import bootstrap, mae, sigma

_LN10 = np.log(10.0)
_RESIDUALS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ln": lambda truth, estimate: _log(estimate) - _log(truth),
    "dex": lambda truth, estimate: (_log(estimate) - _log(truth)) / _LN10,
    "percent": lambda truth, estimate: 100.0 * (estimate / truth - 1.0),
    "value": lambda truth, estimate: estimate - truth,
}
_COLUMNS = tuple(f"{name}{end}" for name in ("mae", "sigma") for end in ("", "_low", "_high"))
_WRITTEN = {"ln": "ln {}", "dex": "dex", "percent": "%", "value": "{}"}

UNITS = tuple(_RESIDUALS)
"""``"ln"``: ln Ŷ − ln Y; ``"dex"``: the same of log₁₀; ``"percent"``: 100 (Ŷ/Y − 1); ``"value"``: Ŷ − Y."""


def residual_in(unit: str, truth: ArrayLike, estimate: ArrayLike) -> np.ndarray:
    """Return the residuals of estimates in one of the `UNITS`.

    Parameters
    ----------
    unit : {"ln", "dex", "percent", "value"}
    truth, estimate : array_like of float
        Of the same shape, as in a catalogue (not their logarithm).

    Returns
    -------
    numpy.ndarray of float64
        Of the same shape. NaN stays NaN. ``"ln"`` and ``"dex"`` give NaN where an estimate is not positive.

    Raises
    ------
    ValueError
        If the unit is unknown, or a truth is not positive.
    """
    if unit not in UNITS:
        raise ValueError(f"unit: expected one of {', '.join(UNITS)}, got {unit!r}.")
    truth, estimate = (np.asarray(values, dtype=np.float64) for values in (truth, estimate))
    if (truth <= 0).any():
        raise ValueError(f"truth: expected positive numbers, got {truth[truth <= 0].flat[0]}. Measure them without it.")
    return _RESIDUALS[unit](truth, estimate)


def written(unit: str, label: str) -> str:
    """Return one of the `UNITS` as text for a quantity with this label: ``"ln λ"``, ``"dex"``, ``"%"``, ``"λ"``."""
    return _WRITTEN[unit].format(label)


def in_all_units(truth: ArrayLike, estimate: ArrayLike, *, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return MAE and Sigma in all units, with 95 % bootstrap intervals.

    Parameters
    ----------
    truth, estimate : array_like of float
        (N,) as in `residual_in`; pairs with a NaN are left out.
    n, seed : int
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        Index unit, columns mae, mae_low, mae_high, sigma, sigma_low, sigma_high. NaN in ``"ln"`` and ``"dex"`` where
        an estimate is not positive.

    Raises
    ------
    ValueError
        If a truth is not positive, or no pair is known.
    """
    truth, estimate = (np.asarray(values, dtype=np.float64) for values in (truth, estimate))
    known = ~np.isnan(truth) & ~np.isnan(estimate)
    rows = {}
    for unit in UNITS:
        residual = residual_in(unit, truth[known], estimate[known])
        if np.isnan(residual).any():
            rows[unit] = dict.fromkeys(_COLUMNS, np.nan)
            continue
        found = bootstrap(_mae_and_sigma, np.zeros_like(residual), residual, n=n, seed=seed, power=[1.0, 2.0])
        ends = np.column_stack([found.value, found.low, found.high])
        rows[unit] = dict(zip(_COLUMNS, ends.ravel().tolist(), strict=True))
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("unit")


def _mae_and_sigma(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
    return np.array([mae(truth, estimate), sigma(truth, estimate)])


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.where(values > 0, values, np.nan))
