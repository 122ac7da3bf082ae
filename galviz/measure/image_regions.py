"""Regions of an image: superpixels, and a region beside the same shape at random places."""

import heapq
from typing import NamedTuple

import numpy as np

from galviz.measure.attribution_regions import moved

DRAWS = 24
"""Number of random places that a region is compared with."""

_TRIED = 8 * DRAWS
_ROUNDS = 10
_COMPACT = 2.4  # weight of a distance of one superpixel against one σ of the brightness


class Effect(NamedTuple):
    """The effect of a region, and of the same shape at random places.

    Parameters
    ----------
    change : float
        The output for the whole image minus that with the region hidden.
    chance : numpy.ndarray of float, shape (D,)
        The same for D random places; empty if the region covers nearly all of the image.
    area : float
        Share of the image that the region covers.
    """

    change: float
    chance: np.ndarray
    area: float

    @property
    def beyond_chance(self) -> bool:
        """Whether the effect differs from the mean of the random places by more than two standard deviations."""
        if not len(self.chance):
            return False
        return bool(abs(self.change - self.chance.mean()) > 2 * self.chance.std(ddof=1))


def elsewhere(mask: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Return a region at random places: flipped, transposed and shifted cyclically.

    Of many tries, those are kept that overlap least with the region itself, so that what is measured there is not the
    region again.

    Parameters
    ----------
    mask : numpy.ndarray of bool, shape (H, W)
    seed : int

    Returns
    -------
    numpy.ndarray of bool, shape (24, H, W), or (0, H, W) for a region of more than 80 % of the image
    """
    if mask.mean() > 0.8:
        return np.zeros((0, *mask.shape), dtype=bool)
    rng = np.random.default_rng(seed)
    best: list[tuple[int, int, np.ndarray]] = []  # a heap, as all tries of a large image would fill the memory
    for k in range(_TRIED):
        tried = moved(mask, rng)
        heapq.heappush(best, (-np.count_nonzero(tried & mask), -k, tried))
        if len(best) > DRAWS:
            heapq.heappop(best)  # the one that overlaps most; of equal ones the last
    return np.array([tried for *_, tried in sorted(best, reverse=True)])


def part_masks(parts: np.ndarray) -> np.ndarray:
    """Return the pixels of each part of an image, as `superpixels` returns them: int (H, W) -> bool (n, H, W)."""
    return parts == np.arange(parts.max() + 1)[:, None, None]


def superpixels(image: np.ndarray, count: int) -> np.ndarray:
    """Return a division of an image into about `count` parts that are compact and even in brightness.

    As in SLIC: k-means of the brightness and the position of the pixels, which begins on a regular grid.

    Parameters
    ----------
    image : numpy.ndarray, shape (B, H, W)
    count : int
        Number of parts that is aimed at.

    Returns
    -------
    numpy.ndarray of int, shape (H, W)
        The part of each pixel, numbered from 0 without gaps.

    Raises
    ------
    ValueError
        If `count` is not between 2 and the number of pixels, or a pixel is not finite.

    References
    ----------
    Achanta et al. (2012), IEEE TPAMI 34, 2274.
    """
    from scipy.spatial import cKDTree  # a page must not wait for it before it shows

    _, height, width = image.shape
    if not 2 <= count <= height * width:
        raise ValueError(f"count: expected 2 to {height * width} superpixels, got {count}.")
    if not np.isfinite(image).all():
        raise ValueError("image: expected finite pixels, got NaN or infinity. Explain another object.")
    middle = np.median(image, axis=(1, 2), keepdims=True)
    noise = 1.4826 * np.median(np.abs(image - middle), axis=(1, 2), keepdims=True)
    bright = np.arcsinh((image - middle) / np.where(noise > 0, noise, 1.0)).mean(0)
    step = np.sqrt(height * width / count)
    y, x = np.mgrid[:height, :width] * (_COMPACT / step)
    points = np.stack([bright / (bright.std() or 1.0), y, x], axis=-1)
    tops, lefts = ((np.arange(n) + 0.5) * size / n for size in (height, width) for n in [max(1, round(size / step))])
    centres = points[tops.astype(int)][:, lefts.astype(int)].reshape(-1, 3)
    points = points.reshape(-1, 3)
    for _ in range(_ROUNDS):
        _, part = cKDTree(centres).query(points)
        size = np.bincount(part, minlength=len(centres))
        sums = np.stack([np.bincount(part, axis, minlength=len(centres)) for axis in points.T], axis=1)
        centres = np.where(size[:, None] > 0, sums / np.maximum(size, 1)[:, None], centres)
    return np.unique(part, return_inverse=True)[1].reshape(height, width)
