"""Photometry (fluxes to magnitudes and colours), and display pixels (Lupton RGB, stretches)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from galviz.sky.surveys import NANOMAGGY_ZERO_POINT, Survey
from galviz.sky.surveys import survey as survey_named

if TYPE_CHECKING:
    from galviz.sky.cutouts import CutoutSet

POGSON = 2.5 / np.log(10.0)  # magnitudes per unit of ln(flux)
FLUX_UNIT = "nanomaggy"
StretchKind = Literal["asinh", "zscale", "percentile", "linear"]


def require_flux_unit(unit: str) -> None:
    """Raise a ValueError unless `unit` (of a `CutoutSet`) is ``"nanomaggy"``, because other pixels are not fluxes."""
    if unit != FLUX_UNIT:
        raise ValueError(
            f"unit: expected {FLUX_UNIT!r} for photometry, got {unit!r}. Such pixels were stretched for the eye and "
            "carry no flux: read the survey's FITS images instead of its pictures."
        )


def _softening(
    bands: str | Sequence[str], survey: str | Survey, shape: tuple[int, ...], axis: int
) -> tuple[np.ndarray, float]:
    """Return the softening b, broadcastable to an array of the given shape, and the flux of magnitude 0."""
    numbers = survey_named(survey) if isinstance(survey, str) else survey
    b, flux_of_zero = numbers.of("softening", bands), 10 ** (0.4 * numbers.zero_point)
    if isinstance(bands, str):
        return b, flux_of_zero
    if not shape or shape[axis] != len(b):
        raise ValueError(
            f"bands: expected as many names as axis {axis} of an array of shape {shape} is long, got {tuple(bands)}. "
            "Name the axis of the bands with axis=."
        )
    return b.reshape([-1 if k == axis % len(shape) else 1 for k in range(len(shape))]), flux_of_zero


def flux_to_asinh(
    flux: np.ndarray, bands: str | Sequence[str], survey: str | Survey = "sdss", *, axis: int = -1
) -> np.ndarray:
    """Return asinh magnitudes ("luptitudes"), which are defined for every flux, including negative ones.

    m = −(2.5/ln 10) · [asinh((f/f₀)/(2b)) + ln b], with f₀ the flux of magnitude 0 and b the band's softening.

    Parameters
    ----------
    flux : array_like
        Fluxes, nanomaggy, any shape. NaN gives NaN.
    bands : str or sequence of str
        The one band of all fluxes, or the names of the K bands along `axis`.
    survey : str or Survey
        Whose softening and zero point.
    axis : int
        Axis of the bands if `bands` is a sequence.

    Returns
    -------
    np.ndarray
        float64 magnitudes, the shape of `flux`.

    Raises
    ------
    ValueError
        If the survey or a band is unknown, or the number of bands does not fit the axis.

    References
    ----------
    Lupton, Gunn & Szalay (1999), AJ 118, 1406, eq. 3.
    """
    flux = np.asarray(flux, dtype=np.float64)
    b, flux_of_zero = _softening(bands, survey, flux.shape, axis)
    return -POGSON * (np.arcsinh(flux / (2 * b * flux_of_zero)) + np.log(b))


def asinh_to_flux(
    magnitude: np.ndarray, bands: str | Sequence[str], survey: str | Survey = "sdss", *, axis: int = -1
) -> np.ndarray:
    """Return fluxes from asinh magnitudes, f = 2 b f₀ · sinh(−m · ln 10/2.5 − ln b): the inverse of `flux_to_asinh`.

    Parameters
    ----------
    magnitude : array_like
        Asinh magnitudes, any shape. NaN gives NaN.
    bands, survey, axis
        As in `flux_to_asinh`, which says what is raised and where the formula comes from.

    Returns
    -------
    np.ndarray
        float64 fluxes, nanomaggy, the shape of `magnitude`.
    """
    magnitude = np.asarray(magnitude, dtype=np.float64)
    b, flux_of_zero = _softening(bands, survey, magnitude.shape, axis)
    return 2 * b * flux_of_zero * np.sinh(-magnitude / POGSON - np.log(b))


def flux_to_ab(flux: np.ndarray, zero_point: float = NANOMAGGY_ZERO_POINT) -> np.ndarray:
    """Return AB (Pogson) magnitudes, m = zero point − 2.5 log₁₀ f.

    SDSS is on the AB system except for its `Survey.ab_offsets` (u −0.04, z +0.02 mag), which are not added here.

    Parameters
    ----------
    flux : array_like
        Fluxes, nanomaggy, any shape. NaN gives NaN, and so does a flux that is not positive.
    zero_point : float
        Magnitude of a flux of 1.

    Returns
    -------
    np.ndarray
        float64 magnitudes, the shape of `flux`.

    References
    ----------
    Oke & Gunn (1983), ApJ 266, 713.
    """
    flux = np.asarray(flux, dtype=np.float64)
    return zero_point - POGSON * np.log(np.where(flux > 0, flux, np.nan))


def ab_to_flux(magnitude: np.ndarray, zero_point: float = NANOMAGGY_ZERO_POINT) -> np.ndarray:
    """Return fluxes in nanomaggy from AB magnitudes, f = 10^(0.4 (zero point − m)): the inverse of `flux_to_ab`."""
    return np.exp((zero_point - np.asarray(magnitude, dtype=np.float64)) / POGSON)


def colour(flux_a: np.ndarray, flux_b: np.ndarray) -> np.ndarray:
    """Return the colour a − b = −2.5 log₁₀(f_a / f_b), mag. NaN where either flux is NaN or not positive."""
    return flux_to_ab(flux_a) - flux_to_ab(flux_b)


def summed_flux(cutouts: CutoutSet, *, size: int = 256) -> pd.DataFrame:
    """Return the summed observed pixels of each of N objects in each band, reading `size` objects at a time.

    Parameters
    ----------
    cutouts : CutoutSet
    size : int

    Returns
    -------
    pd.DataFrame
        Index `object_id`, one float64 column per band, nanomaggy. NaN where no pixel was observed in a band. A partly
        observed cutout gives the flux of the observed part.

    Raises
    ------
    ValueError
        If the pixels are not fluxes (unit ``"display"``).
    """
    require_flux_unit(cutouts.unit)
    sums = [np.empty((0, len(cutouts.bands)))]
    for _, images, coverage in cutouts.batches(size):
        if coverage is None:
            sums.append(images.sum(axis=(2, 3), dtype=np.float64))
        else:
            total = images.sum(axis=(2, 3), dtype=np.float64, where=coverage)
            sums.append(np.where(coverage.any(axis=(2, 3)), total, np.nan))
    index = pd.Index(cutouts.object_ids, name="object_id")
    return pd.DataFrame(np.concatenate(sums), index=index, columns=list(cutouts.bands))


def lupton_rgb(
    images: np.ndarray,
    bands: Sequence[str],
    rgb: tuple[str, str, str] = ("i", "r", "g"),
    *,
    stretch: float = 0.5,
    Q: float = 10.0,
) -> np.ndarray:
    """Return a colour picture that preserves the colours of bright sources.

    I = (R + G + B)/3 and each channel is scaled by f(I)/I with f = asinh(Q I / stretch)/Q, as astropy does it.

    Parameters
    ----------
    images : np.ndarray
        (B, H, W) one object, nanomaggy. A pixel that is NaN in any of the three bands is black.
    bands : sequence of str
        (B,) names along axis 0.
    rgb : tuple of str
        The bands shown as red, green and blue.
    stretch, Q : float
        Linear stretch, nanomaggy (smaller is brighter); softening of the asinh (larger is flatter).

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8.

    Raises
    ------
    ValueError
        If the shape does not fit the bands, or `rgb` names a band that is not there.

    References
    ----------
    Lupton et al. (2004), PASP 116, 133.
    """
    from astropy.visualization import make_lupton_rgb

    images = np.asarray(images, dtype=np.float64)
    if images.ndim != 3 or len(images) != len(bands):
        raise ValueError(
            f"images: expected shape (B, H, W) with B = {len(bands)} for the bands {tuple(bands)}, got {images.shape}. "
            "Give the bands of one object, axis 0 being the band axis."
        )
    missing = [name for name in rgb if name not in bands]
    if len(rgb) != 3 or missing:
        raise ValueError(f"rgb: expected three names among the bands {tuple(bands)}, got {tuple(rgb)}.")
    channels = [images[list(bands).index(name)] for name in rgb]
    finite = np.isfinite(channels).all(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # astropy divides by the intensity before it masks zeros
        return make_lupton_rgb(*(np.where(finite, channel, 0.0) for channel in channels), stretch=stretch, Q=Q)


def stretch_limits(image: np.ndarray, kind: StretchKind = "asinh", *, percentile: float = 99.5) -> tuple[float, float]:
    """Return the pixel values shown as black and as white, in the unit of the image.

    Parameters
    ----------
    image : np.ndarray
        Pixels of any shape. NaN is ignored; if no pixel is left, (0, 1) is returned.
    kind : str
        ``"linear"``: minimum and maximum; ``"zscale"``: the IRAF algorithm; ``"percentile"`` and ``"asinh"``: the
        central `percentile` per cent of the pixels.
    percentile : float
        Share of the pixels within the limits, per cent.

    Raises
    ------
    ValueError
        If the kind is unknown.
    """
    from astropy.visualization import MinMaxInterval, PercentileInterval, ZScaleInterval

    intervals = {"linear": MinMaxInterval, "zscale": ZScaleInterval}
    if kind not in (*intervals, "asinh", "percentile"):
        raise ValueError(f"kind: expected 'asinh', 'zscale', 'percentile' or 'linear', got {kind!r}.")
    pixels = np.asarray(image, dtype=np.float64)
    pixels = pixels[np.isfinite(pixels)]
    if not pixels.size:
        return 0.0, 1.0
    interval = intervals[kind]() if kind in intervals else PercentileInterval(percentile)
    low, high = interval.get_limits(pixels)
    return float(low), float(high)


def stretch(
    image: np.ndarray,
    kind: StretchKind = "asinh",
    *,
    limits: tuple[float, float] | None = None,
    percentile: float = 99.5,
    a: float = 0.1,
) -> np.ndarray:
    """Return display brightness 0..1 of pixels: y = clip((x − low)/(high − low), 0, 1).

    Parameters
    ----------
    image : np.ndarray
        Pixels of any shape. NaN stays NaN, because missing pixels are not black.
    kind : str
        As in `stretch_limits`, which sets the limits. ``"asinh"`` then applies asinh(y/a)/asinh(1/a).
    limits : tuple of float, optional
        Values shown as 0 and as 1, instead of `stretch_limits`. Set them to compare pictures.
    percentile, a : float
        `percentile` as in `stretch_limits`; `a` is where the asinh turns from linear to logarithmic, as a fraction of
        the range.

    Returns
    -------
    np.ndarray
        float64, the shape of `image`. 0 everywhere for a constant image.
    """
    from astropy.visualization import AsinhStretch, ManualInterval

    found = stretch_limits(image, kind, percentile=percentile)
    low, high = found if limits is None else limits
    level = ManualInterval(low, high)(np.asarray(image, dtype=np.float64))
    if low == high:
        level = np.where(np.isnan(level), np.nan, 0.0)
    return AsinhStretch(a)(level) if kind == "asinh" else level
