"""Measures in ranges of a quantity: where the predictions are good and where they are not."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.measure.metrics import Metric, bootstrap

_FEWEST = 5  # objects of a range; fewer give no interval


def in_ranges(
    by: ArrayLike,
    truth: ArrayLike,
    estimate: ArrayLike,
    metrics: Mapping[str, Metric],
    *,
    ranges: int = 8,
    n: int = 300,
    seed: int = 0,
) -> pd.DataFrame:
    """Return measures of the objects in ranges of a quantity that hold about equally many objects.

    Parameters
    ----------
    by : array_like of float, shape (N,)
        The quantity: the truth, a redshift, a magnitude. Objects without a finite value are left out.
    truth, estimate : array_like, shape (N,)
        As in `galviz.measure.metrics.pairs`; pairs with a NaN are left out.
    metrics : mapping of str to callable
        Name → metric of (truth, estimate).
    ranges : int
        Number of ranges. Equal values stay together, so there may be fewer.
    n, seed : int
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        One row a range and metric: left, right (ends of `by`), middle (its median), n, metric, value,
        low, high (95 % bootstrap interval; NaN for fewer than 5 objects). Empty if no object is known.

    Raises
    ------
    ValueError
        If `ranges` is not positive.
    """
    if ranges < 1:
        raise ValueError(f"ranges: expected at least 1, got {ranges!r}.")
    by, truth, estimate = np.asarray(by, dtype=np.float64), np.asarray(truth), np.asarray(estimate)
    known = np.isfinite(by) & pd.notna(truth) & pd.notna(estimate)
    by, truth, estimate = by[known], truth[known], estimate[known]
    names, rows = list(metrics), []

    def together(truth: np.ndarray, estimate: np.ndarray) -> np.ndarray:
        return np.array([metric(truth, estimate) for metric in metrics.values()])

    edges = np.unique(np.quantile(by, np.linspace(0, 1, ranges + 1))) if len(by) else []
    place = np.clip(np.searchsorted(edges, by, side="right") - 1, 0, max(len(edges) - 2, 0))
    for k in np.unique(place):
        inside = place == k
        where = (by[inside].min(), by[inside].max(), np.median(by[inside]), int(inside.sum()))
        found = bootstrap(together, truth[inside], estimate[inside], n=n, seed=seed)
        ends = np.full((2, len(names)), np.nan) if inside.sum() < _FEWEST else np.array([found.low, found.high])
        rows += [(*where, name, *of) for name, *of in zip(names, found.value, *ends, strict=True)]
    columns = ["left", "right", "middle", "n", "metric", "value", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
