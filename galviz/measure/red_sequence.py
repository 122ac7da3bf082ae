"""The red sequence: a line in a colour–magnitude diagram, and the regions on both sides of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from galviz.measure.metrics import Interval, bootstrap

_FEWEST = 10  # objects of a fit
_FOR_START = 5000  # objects that a start is found from
_STEPS, _TOLERANCE = 500, 1e-5  # mag
_NARROWEST = 1e-4  # mag; rounded magnitudes could make the scatter 0


@dataclass(frozen=True)
class Region:
    """A strip of a colour–magnitude diagram along the red sequence.

    Parameters
    ----------
    name : str
    low, high : float
        Its edges: offsets from the red sequence in units of its scatter, positive for redder objects. The lower edge
        belongs to the region, the upper one does not.
    """

    name: str
    low: float
    high: float


REGIONS = (
    Region("red shoulder", 2, np.inf),
    Region("red sequence", -2, 2),
    Region("green valley", -5, -2),
    Region("blue cloud", -np.inf, -5),
)
"""The regions of Pruitt & Romanowsky, slides "Color regions from color-magnitude relationships" and "Performance in
Different Color Regions", from red to blue. The slides show them in figures, without numbers: the edges are our own."""

TOO_RED = 3.0
"""Offset, in units of the scatter, from which an object is too red for a member (slide "Data Cleaning – Red Objects",
which has no number either: the value is our own)."""


@dataclass(frozen=True)
class RedSequence:
    """A line, colour = intercept + slope · (magnitude − pivot), and the scatter around it.

    Parameters
    ----------
    slope : float
        Change of colour with magnitude, mag per mag. Red sequences have a small negative one: faint galaxies are bluer.
    intercept : float
        Colour at the pivot, mag.
    scatter : float
        Standard deviation in colour around the line, mag. It contains the errors of the photometry.
    pivot : float
        Magnitude of the intercept.
    """

    slope: float
    intercept: float
    scatter: float
    pivot: float

    def colour(self, magnitude: ArrayLike) -> np.ndarray:
        """Return the colour of the line at magnitudes."""
        return self.intercept + self.slope * (np.asarray(magnitude, dtype=np.float64) - self.pivot)

    def offset(self, magnitude: ArrayLike, colour: ArrayLike) -> np.ndarray:
        """Return how much redder (positive) or bluer objects are than the line, mag; NaN where not known."""
        return np.asarray(colour, dtype=np.float64) - self.colour(magnitude)


@dataclass(frozen=True)
class RedSequenceFit:
    """A fitted red sequence with the intervals of its numbers.

    Parameters
    ----------
    sequence : RedSequence
    slope, intercept, scatter : Interval
        The same numbers with their bootstrap intervals; NaN ends if there were no resamples.
    share : float
        Share of the objects that belongs to the sequence.
    objects : int
        Number of objects with both quantities.
    """

    sequence: RedSequence
    slope: Interval
    intercept: Interval
    scatter: Interval
    share: float
    objects: int


def fit_red_sequence(
    magnitude: ArrayLike,
    colour: ArrayLike,
    *,
    start: RedSequence | None = None,
    pivot: float | None = None,
    width: float = 0.1,
    n: int = 200,
    level: float = 0.95,
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> RedSequenceFit:
    """Return the red sequence of objects: the narrow line that most of them crowd around.

    Parameters
    ----------
    magnitude, colour : array_like of float, shape (N,)
        Any magnitude and any colour, such as r and g − z. Objects without one of them (NaN or infinite) are left out.
    start : RedSequence, optional
        Where the fit starts, such as a line that was drawn. Needed if more objects are in the blue cloud. By default
        the line with the most objects within `width`, found by RANSAC.
    pivot : float, optional
        Magnitude of the intercept. By default that of `start`, or the median.
    width : float
        Half width of the strip that the start is found with, mag. About twice the scatter.
    n : int
        Number of bootstrap resamples; 0 for no intervals.
    level, seed, groups
        As in `galviz.measure.metrics.bootstrap`. Give groups for the objects of several clusters.

    Returns
    -------
    RedSequenceFit

    Raises
    ------
    ValueError
        If there are fewer than 10 objects, or if all have the same magnitude.

    Notes
    -----
    A mixture by expectation–maximisation: a normal distribution around the line, a broader one around another line for
    the other objects, and a constant density for outliers. An object counts as much as it probably belongs to the
    line: a blue cloud that overlaps with it shifts it less than after clipping.

    References
    ----------
    Pruitt & Romanowsky, slide "Finding a New Test Set – Color Pairplots" (r against g − z). Fischler & Bolles (1981),
    Commun. ACM 24, 381 (RANSAC). Hogg, Bovy & Lang (2010), arXiv:1008.4686, section 3 (a mixture for outliers). Hao et
    al. (2009), ApJ 702, 745 (a mixture for the red sequence).
    """
    magnitude, colour = np.asarray(magnitude, dtype=np.float64), np.asarray(colour, dtype=np.float64)
    if magnitude.ndim != 1 or magnitude.shape != colour.shape:
        raise ValueError(f"colour: expected shape (N,) as magnitude, got {colour.shape} for {magnitude.shape}.")
    known = np.isfinite(magnitude) & np.isfinite(colour)
    magnitude, colour = magnitude[known], colour[known]
    if len(colour) < _FEWEST or np.ptp(magnitude) == 0:
        raise ValueError(
            f"magnitude, colour: expected at least {_FEWEST} objects with both and different magnitudes, "
            f"got {len(colour)} objects. Select more."
        )
    if pivot is None:
        pivot = float(np.median(magnitude)) if start is None else start.pivot
    if start is None:
        start = _crowded(magnitude, colour, pivot, width, seed)
    else:
        start = RedSequence(start.slope, float(start.colour(pivot)), start.scatter, pivot)
    numbers, share = _refined(magnitude, colour, start)
    sequence = RedSequence(*map(float, numbers), pivot)
    low = high = np.full(3, np.nan)
    if n:
        own = None if groups is None else np.asarray(groups)[known]
        found = bootstrap(lambda m, c: _refined(m, c, sequence)[0], magnitude, colour,
                          n=n, level=level, seed=seed, groups=own)  # fmt: skip
        low, high = found.low, found.high
    intervals = (Interval(*map(float, ends), level) for ends in zip(numbers, low, high, strict=True))
    return RedSequenceFit(sequence, *intervals, share, len(colour))


def region_of(
    sequence: RedSequence, magnitude: ArrayLike, colour: ArrayLike, regions: tuple[Region, ...] = REGIONS
) -> np.ndarray:
    """Return the region of each object by its offset from a red sequence.

    Parameters
    ----------
    sequence : RedSequence
    magnitude, colour : array_like of float, shape (N,)
    regions : tuple of Region

    Returns
    -------
    numpy.ndarray of object, shape (N,)
        Names; None where an offset is not known, or in no region.
    """
    offset = sequence.offset(magnitude, colour) / sequence.scatter
    found = np.full(offset.shape, None, dtype=object)
    offset = np.where(np.isfinite(offset), offset, np.nan)
    for region in regions:
        found[(region.low <= offset) & (offset < region.high)] = region.name
    return found


def not_too_red(sequence: RedSequence, magnitude: ArrayLike, colour: ArrayLike, limit: float = TOO_RED) -> np.ndarray:
    """Return which objects are bluer than a limit, bool, shape (N,): offset < limit · scatter. False where not known.

    References
    ----------
    Pruitt & Romanowsky, slide "Data Cleaning – Red Objects".
    """
    offset = sequence.offset(magnitude, colour)
    return np.isfinite(offset) & (offset < limit * sequence.scatter)


def _crowded(magnitude: np.ndarray, colour: np.ndarray, pivot: float, width: float, seed: int) -> RedSequence:
    """Return the line with the most objects within `width` mag of it."""
    from sklearn.linear_model import RANSACRegressor  # imported here because it takes a second

    if len(colour) > _FOR_START:
        some = np.random.default_rng(seed).choice(len(colour), _FOR_START, replace=False)
        magnitude, colour = magnitude[some], colour[some]
    apart = np.ptp(magnitude) / 10  # a line through two objects of like magnitudes would be steep

    def far_enough(x: np.ndarray, _: np.ndarray) -> bool:
        return np.ptp(x) > apart

    fit = RANSACRegressor(min_samples=2, residual_threshold=width, max_trials=1000, stop_probability=1 - 1e-9,
                          is_data_valid=far_enough, random_state=seed)  # fmt: skip
    fit.fit((magnitude - pivot)[:, None], colour)
    line = fit.estimator_
    return RedSequence(float(line.coef_[0]), float(line.intercept_), width / 2, pivot)


def _refined(magnitude: np.ndarray, colour: np.ndarray, start: RedSequence) -> tuple[np.ndarray, float]:
    """Return slope, intercept and scatter of the most likely mixture near a start, and the share on the line."""
    x = magnitude - start.pivot
    red = np.array([start.slope, start.intercept, max(start.scatter, _NARROWEST)])
    rest = _line(x, colour, np.ones_like(x), at_least=2 * red[2])
    outliers = np.full(len(x), 1 / max(np.ptp(colour), 4 * red[2]))
    shares = np.array([0.5, 0.4, 0.1])
    for _ in range(_STEPS):
        density = shares[:, None] * np.stack([_density(x, colour, red), _density(x, colour, rest), outliers])
        chance = density / density.sum(axis=0)
        before, shares = red, chance.mean(axis=1)
        red = _line(x, colour, chance[0], at_least=_NARROWEST)
        rest = _line(x, colour, chance[1], at_least=2 * red[2])  # if narrower, the two could change places
        if np.allclose(before, red, rtol=0, atol=_TOLERANCE):
            break
    return red, float(shares[0])


def _line(x: np.ndarray, y: np.ndarray, weight: np.ndarray, at_least: float) -> np.ndarray:
    """Return slope, intercept and scatter of a line by weighted least squares; equal weights where all are 0."""
    weight = weight + 1e-12
    x_mean, y_mean = np.average(x, weights=weight), np.average(y, weights=weight)
    slope = np.average((x - x_mean) * (y - y_mean), weights=weight) / np.average((x - x_mean) ** 2, weights=weight)
    intercept = y_mean - slope * x_mean
    scatter = np.sqrt(np.average((y - intercept - slope * x) ** 2, weights=weight))
    return np.array([slope, intercept, max(scatter, at_least)])


def _density(x: np.ndarray, y: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Return the normal density of y around a line."""
    slope, intercept, sigma = line
    return np.exp(-0.5 * ((y - intercept - slope * x) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
