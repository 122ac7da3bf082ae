"""Area-averaged resampling from one tangent plane to another, exact in area and in flux.

Great circles are straight lines on every tangent plane, so the edges of an output pixel are also straight lines on the
input image. The flux inside an output pixel is the integral of the image, constant over each input pixel, over that
quadrilateral. By Green's theorem, it is the sum over its edges of the line integral of F dy, where F(x, y) is the flux
to the left of x on the row of y. Neighbouring pixels share their edges, so no flux is lost or counted twice.

`reproject.reproject_exact` gives the same (to 4·10⁻¹⁰ of the brightest pixel) in 11 to 24 times the time;
`reproject_interp` and `reproject_adaptive` conserve flux to some parts in 1,000 only.
"""

from collections.abc import Mapping

import astropy.wcs
import numpy as np

_EDGE = 1e-6  # input pixels; tolerance for rounding at the edge of the frame


def tangent_plane(row: Mapping[str, float]) -> astropy.wcs.WCS:
    """Return a tangent-plane (TAN) WCS.

    Parameters
    ----------
    row : mapping of str to float
        The columns `galviz.sky.checks.WCS_COLUMNS`: degrees, FITS convention (pixels count from 1).

    Returns
    -------
    astropy.wcs.WCS
    """
    wcs = astropy.wcs.WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [row["crval1"], row["crval2"]]
    wcs.wcs.crpix = [row["crpix1"], row["crpix2"]]
    wcs.wcs.cd = [[row["cd1_1"], row["cd1_2"]], [row["cd2_1"], row["cd2_2"]]]
    return wcs


def resample(
    image: np.ndarray, wcs: astropy.wcs.WCS, target: astropy.wcs.WCS, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return an image resampled to another tangent plane, conserving flux.

    Each output pixel holds the flux inside it, so a sum over pixels is a flux before and after, for any ratio of the
    pixel scales. If the output is finer than the input, the flux of an input pixel is distributed evenly.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        Flux per input pixel, without NaN, which would spread along its row.
    wcs : astropy.wcs.WCS
        Tangent-plane coordinates of `image`.
    target : astropy.wcs.WCS
        Tangent-plane coordinates of the output.
    shape : tuple of int
        Height and width of the output.

    Returns
    -------
    flux : numpy.ndarray of float64, shape `shape`
        Flux per output pixel; 0 where not covered.
    covered : numpy.ndarray of bool, shape `shape`
        True where the whole output pixel lies on the image.

    References
    ----------
    Fruchter & Hook 2002, PASP 114, 144, with ``pixfrac`` = 1: the same overlap, computed exactly.
    """
    x, y = _corners(wcs, target, shape)
    height, width = image.shape
    on = (x > -_EDGE) & (x < width + _EDGE) & (y > -_EDGE) & (y < height + _EDGE)
    covered = on[:-1, :-1] & on[:-1, 1:] & on[1:, :-1] & on[1:, 1:]
    if not covered.any():
        return np.zeros(shape), covered
    left, right = (int(v) for v in np.clip([np.floor(x.min()), np.ceil(x.max())], 0, width))
    low, high = (int(v) for v in np.clip([np.floor(y.min()), np.ceil(y.max())], 0, height))
    part, x, y = image[low:high, left:right], x - left, y - low
    along = _edge_integrals(part, x[:, :-1], y[:, :-1], x[:, 1:], y[:, 1:])
    across = _edge_integrals(part, x[:-1], y[:-1], x[1:], y[1:])
    flux = along[:-1] + across[:, 1:] - along[1:] - across[:, :-1]
    mirrored = np.linalg.det(wcs.pixel_scale_matrix) * np.linalg.det(target.pixel_scale_matrix) < 0
    return np.where(covered, -flux if mirrored else flux, 0), covered


def coarse(images: np.ndarray, pixels: int) -> np.ndarray:
    """Return images that show less: averaged over blocks, each mean repeated, so that the shape stays.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, B, H, W)
    pixels : int
        Different values along each side, a divisor of H and W.

    Returns
    -------
    numpy.ndarray, shape (N, B, H, W)

    Raises
    ------
    ValueError
        If the sides cannot be divided so.
    """
    height, width = images.shape[2:]
    if pixels < 1 or height % pixels or width % pixels:
        raise ValueError(f"pixels: expected a divisor of the sides {height} and {width}, got {pixels}.")
    tall, wide = height // pixels, width // pixels
    means = images.reshape(*images.shape[:2], pixels, tall, pixels, wide).mean(axis=(3, 5))
    return means.repeat(tall, axis=2).repeat(wide, axis=3)


def _corners(wcs: astropy.wcs.WCS, target: astropy.wcs.WCS, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the (H + 1) × (W + 1) corners of the output pixels on the input, where pixel k covers [k, k + 1]."""
    rows, columns = np.indices((shape[0] + 1, shape[1] + 1))
    sky = target.wcs_pix2world(columns.ravel() - 0.5, rows.ravel() - 0.5, 0)
    x, y = wcs.wcs_world2pix(*sky, 0)
    return x.reshape(rows.shape) + 0.5, y.reshape(rows.shape) + 0.5


def _edge_integrals(image: np.ndarray, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
    """Return the integrals of F dy along straight edges. Edges are cut at pixel borders, where F is linear between."""
    height, width = image.shape
    summed = np.zeros((height, width + 1))
    np.cumsum(image, axis=1, dtype=float, out=summed[:, 1:])
    ends = np.broadcast_to([0.0, 1.0], (*x0.shape, 2))
    cuts = np.concatenate([ends, _crossings(x0, x1), _crossings(y0, y1)], axis=-1)
    cuts.sort(axis=-1)
    middle, step = (cuts[..., 1:] + cuts[..., :-1]) / 2, np.diff(cuts, axis=-1)
    x = np.clip(x0[..., None] + middle * (x1 - x0)[..., None], 0, width)
    y = y0[..., None] + middle * (y1 - y0)[..., None]
    row, column = np.clip(y.astype(int), 0, height - 1), np.minimum(x.astype(int), width - 1)
    before = summed[row, column]
    flux = before + (x - column) * (summed[row, column + 1] - before)
    inside = (y >= 0) & (y < height)
    return (np.where(inside, flux, 0) * step).sum(axis=-1) * (y1 - y0)


def _crossings(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the fractions of the way from `start` to `stop` at which integers are crossed.

    Edges with fewer crossings are padded with their ends: the interval between two equal cuts contributes nothing.
    """
    low, length = np.minimum(start, stop), stop - start
    count = int(np.ceil(np.abs(length).max()))
    whole = np.floor(low)[..., None] + np.arange(1, count + 1)
    fraction = (whole - start[..., None]) / np.where(length == 0, 1, length)[..., None]
    return np.clip(fraction, 0, 1)
