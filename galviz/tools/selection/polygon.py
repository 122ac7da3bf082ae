"""Point-in-polygon test of the lasso. It runs on the server, on all points, whether or not they were drawn.

`matplotlib.path.Path.contains_points` cannot replace it: a point on an edge between two polygons may be in both.
"""

from collections.abc import Sequence

import numpy as np


def inside(x: np.ndarray, y: np.ndarray, polygon: Sequence[tuple[float, float]]) -> np.ndarray:
    """Return which points lie in a polygon, by the even-odd rule.

    A point is inside if a ray to the right crosses an odd number of edges. Edges are half open in y and closed on
    their right side, so polygons that share edges tile the plane: no point is in two of them or in none.

    Parameters
    ----------
    x, y : array-like of float, shape (N,)
        Points; a point with a NaN is outside.
    polygon : sequence of (float, float), length M ≥ 3
        Corners in order; closed automatically; edges may cross.

    Returns
    -------
    numpy.ndarray of bool, shape (N,)

    Raises
    ------
    ValueError
        If there are fewer than 3 corners or one is not finite.
    """
    corners = np.asarray(polygon, dtype=np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2 or len(corners) < 3 or not np.isfinite(corners).all():
        raise ValueError(f"polygon: expected at least 3 finite corners (x, y), got an array of shape {corners.shape}.")
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    (left, low), (right, high) = corners.min(axis=0), corners.max(axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= low) & (y <= high))
    px, py = x[near], y[near]
    odd = np.zeros(len(near), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 > y1:  # the same arithmetic, and so the same rounding, in both directions of an edge
            x0, y0, x1, y1 = x1, y1, x0, y0  # noqa: PLW2901
        crosses = (py >= y0) & (py < y1)
        at = px[crosses], py[crosses]
        odd[crosses] ^= (x1 - x0) * (at[1] - y0) > (at[0] - x0) * (y1 - y0)
    result = np.zeros(x.shape, dtype=bool)
    result[near] = odd
    return result
