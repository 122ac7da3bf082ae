"""Where the contribution in an occlusion map lies: on members, stars, detected sources or empty sky, against chance."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from galviz.sky.cutouts import CutoutSet

KINDS = {"bcg": "members", "member": "members", "field": "field galaxies", "star": "stars", "found": "sources found"}
"""Region name of each kind of source. Other kinds keep their own names."""

_ROLLS = 200


def shares(effect: np.ndarray, sources: pd.DataFrame, radius: float, *, seed: int = 0) -> pd.DataFrame:
    """Return the share of a contribution map in each region, and the share expected by chance.

    A pixel within `radius` of a source belongs to the nearest source, any other to the empty sky. For the share by
    chance, the map is flipped, transposed and shifted cyclically at random: it keeps its structure, but loses its
    relation to the sources.

    Parameters
    ----------
    effect : numpy.ndarray, shape (H, W)
        The map. Absolute values are used; NaN counts as 0.
    sources : pandas.DataFrame
        Columns x, y (pixels from 0 along W and H) and kind.
    radius : float
        Pixels.
    seed : int
        Seed of the random shifts.

    Returns
    -------
    pandas.DataFrame
        Index: the region (see `KINDS`, and ``"empty sky"``). Columns: effect and area, shares with a sum of 1; low and
        high, the 95 % range by chance.
    """
    weight = np.nan_to_num(np.abs(np.asarray(effect, dtype=np.float64)))
    names, owner = _owners(weight.shape, sources, radius)
    whole = weight.sum() or 1.0

    def parts(values: np.ndarray) -> np.ndarray:
        return np.bincount(owner.ravel(), values.ravel(), minlength=len(names))

    rng = np.random.default_rng(seed)
    chance = np.array([parts(moved(weight, rng)) for _ in range(_ROLLS)]) / whole
    low, high = np.percentile(chance, [2.5, 97.5], axis=0)
    area = parts(np.ones_like(weight)) / weight.size
    table = {"effect": parts(weight) / whole, "area": area, "low": low, "high": high}
    return pd.DataFrame(table, index=pd.Index(names, name="where"))


def _owners(shape: tuple[int, int], sources: pd.DataFrame, radius: float) -> tuple[list[str], np.ndarray]:
    """Return the names of the regions, and the index of the region of each pixel, int (H, W)."""
    kinds = sources["kind"].map(lambda kind: KINDS.get(kind, str(kind)))
    names = [*dict.fromkeys(kinds), "empty sky"]
    region_of = np.array([*(names.index(kind) for kind in kinds), len(names) - 1])
    return names, region_of[source_parts(shape, sources, radius)]


def source_parts(shape: tuple[int, int], sources: pd.DataFrame, radius: float) -> np.ndarray:
    """Divide an image among its sources.

    Parameters
    ----------
    shape : (int, int)
        Height and width, pixels.
    sources : pandas.DataFrame
        S sources: columns x and y, pixels from 0 along W and H.
    radius : float
        Pixels.

    Returns
    -------
    numpy.ndarray of int, shape (H, W)
        The number of the nearest source within `radius`; S where there is none.
    """
    nearest = np.full(shape, radius**2, dtype=np.float64)
    owner = np.full(shape, len(sources))
    y, x = np.mgrid[: shape[0], : shape[1]]
    for k, (at_x, at_y) in enumerate(zip(sources["x"], sources["y"], strict=True)):
        distance = (x - at_x) ** 2 + (y - at_y) ** 2
        closer = distance <= nearest
        nearest[closer], owner[closer] = distance[closer], k
    return owner


def sources_of(cutouts: CutoutSet, object_id: str) -> pd.DataFrame:
    """Return the known sources in a cutout (x, y, kind); if the set has no source list, detect them."""
    if cutouts.sources is not None:
        return cutouts.sources.query("object_id == @object_id").reset_index(drop=True)
    return find_sources(cutouts.images[int(cutouts.row_of([object_id])[0])])


def moved(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a map (H, W) flipped, transposed (if it is square) and shifted cyclically at random."""
    values = values[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    if values.shape[0] == values.shape[1] and rng.integers(2):
        values = values.T
    return np.roll(values, tuple(rng.integers(values.shape)), axis=(0, 1))


def find_sources(images: np.ndarray, *, sigmas: float = 3.0, pixels: int = 5) -> pd.DataFrame:
    """Return sources detected in an image, stars and galaxies alike, if there is no catalogue of them.

    Parameters
    ----------
    images : numpy.ndarray, shape (B, H, W)
        The bands are added, each in units of its noise.
    sigmas : float
        Threshold in units of the noise, after smoothing over about two pixels.
    pixels : int
        Smallest number of connected pixels.

    Returns
    -------
    pandas.DataFrame
        Columns x, y (pixels from 0) and kind, ``"found"``; brightest first.
    """
    from scipy import ndimage  # late, and no photutils: it takes seconds to import, for which a first map would wait

    median = np.median(images, axis=(1, 2), keepdims=True)
    noise = 1.4826 * np.median(np.abs(images - median), axis=(1, 2), keepdims=True)
    summed = ((images - median) / np.where(noise > 0, noise, 1.0)).sum(0, dtype=np.float64)
    smooth = ndimage.gaussian_filter(summed, 1.0, mode="constant")
    level = 1.4826 * float(np.median(np.abs(smooth - np.median(smooth))))
    above = smooth > float(np.median(smooth)) + sigmas * (level or np.inf)
    segments, count = ndimage.label(above, np.ones((3, 3)))
    large = np.flatnonzero(np.bincount(segments.ravel(), minlength=count + 1)[1:] >= pixels) + 1
    if not len(large):
        return _table([], [])
    y, x = np.transpose(ndimage.center_of_mass(smooth, segments, large))
    order = np.argsort(-ndimage.sum_labels(smooth, segments, large))
    return _table(x[order], y[order])


def _table(x: Iterable[float], y: Iterable[float]) -> pd.DataFrame:
    return pd.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float), "kind": "found"})
