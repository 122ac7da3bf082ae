"""The scatter of a quantity around its relation with another one."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Relation:
    """A relation and the scatter around it.

    Parameters
    ----------
    rms : float
        Root of the mean squared distance from the running median; NaN without objects.
    sigma_nmad : float
        1.4826 · median |d − median d| of the distances.
    objects : int
        Number of objects with both quantities.
    """

    rms: float
    sigma_nmad: float
    objects: int


def relation(x: ArrayLike, y: ArrayLike, *, bins: int = 20) -> Relation:
    """Return the scatter of y around its running median as a function of x.

    Parameters
    ----------
    x, y : array_like of float, shape (N,)
        Objects without one of them are left out.
    bins : int
        Largest number of bins in x with equal numbers of objects, at least 10 each. Between their medians the relation
        is a straight line; a narrow relation with few bins looks wider than it is.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if not len(x):
        return Relation(np.nan, np.nan, 0)
    parts = np.array_split(np.argsort(x, kind="stable"), max(min(bins, len(x) // 10), 1))
    middles = np.array([(np.median(x[part]), np.median(y[part])) for part in parts])
    middles = middles[np.concatenate([[True], np.diff(middles[:, 0]) > 0])]
    away = y - _along(x, middles)
    nmad = 1.4826 * np.median(np.abs(away - np.median(away)))
    return Relation(float(np.sqrt(np.mean(away**2))), float(nmad), len(x))


def _along(x: np.ndarray, middles: np.ndarray) -> np.ndarray:
    """Return the line through points at x; the first and the last piece are extrapolated."""
    line = np.interp(x, *middles.T)
    if len(middles) > 1:
        for end, (a, b) in ((x < middles[0, 0], middles[:2]), (x > middles[-1, 0], middles[-2:])):
            line[end] = a[1] + (x[end] - a[0]) * (b[1] - a[1]) / (b[0] - a[0])
    return line
