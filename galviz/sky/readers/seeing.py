"""The width of the point-spread function of SDSS frames, measured on their stars."""

import numpy as np
from astropy.stats import sigma_clip, sigma_clipped_stats
from photutils.aperture import CircularAperture

from galviz.sky.readers.detect import sources
from galviz.sky.readers.frames import Field
from galviz.sky.surveys import SDSS

BETA = 3.5
"""Index of the Moffat profile used as the point-spread function of SDSS."""

_RADII = (2.5, 7.5)  # pixels
_MAGNITUDES = (15.0, 18.0)  # r: brighter stars are saturated, most fainter sources are galaxies
_LEAST = 5  # stars
_SIGNAL = 20.0  # of the large aperture, in units of its noise
_WIDTHS = np.linspace(0.5, 4.0, 351)  # arcsec


def star_widths(field: Field) -> np.ndarray:
    """Return the width of the point-spread function in each band.

    Corrected frames do not contain it. It is approximated by the Moffat profile (β = 3.5) with the same ratio of light
    within 1 arcsec to light within 3 arcsec as the stars. The ratio is the median over sources with r from 15 to 18,
    after clipping, which removes galaxies, since they are fewer and wider. The width includes the effect of the pixels.

    Parameters
    ----------
    field : Field

    Returns
    -------
    numpy.ndarray of float64, shape (5,)
        Full width at half maximum, arcsec. NaN if a band has fewer than 5 bright stars.
    """
    found = sources(field, threshold=40.0)
    if found.empty:
        return np.full(len(SDSS.bands), np.nan)
    bright = found[found["mag_r"].between(*_MAGNITUDES)]
    shares = [
        _share(image, np.transpose(wcs.wcs_world2pix(bright["ra"], bright["dec"], 0)))
        for image, wcs in zip(field.images, field.wcs, strict=True)
    ]
    inner, outer = (_growth(radius * SDSS.pixel_scale) for radius in _RADII)
    return np.interp(shares, (inner / outer)[::-1], _WIDTHS[::-1])


def _share(image: np.ndarray, places: np.ndarray) -> float:
    """Return the median share of the light of stars within the small aperture; `places` (K, 2) in pixels."""
    _, sky, noise = sigma_clipped_stats(image[::3, ::3])
    rim, (height, width) = 2 * _RADII[1], image.shape
    whole = ((places > rim) & (places < np.array([width, height]) - rim)).all(axis=1)
    if whole.sum() < _LEAST:
        return np.nan
    inner, outer = (_light(image, places[whole], radius) - sky * np.pi * radius**2 for radius in _RADII)
    detected = outer > _SIGNAL * noise * np.sqrt(np.pi) * _RADII[1]
    if detected.sum() < _LEAST:
        return np.nan
    return float(np.ma.median(sigma_clip(inner[detected] / outer[detected], sigma=2.5, stdfunc="mad_std")))


def _light(image: np.ndarray, places: np.ndarray, radius: float) -> np.ndarray:
    return CircularAperture(places, radius).do_photometry(image)[0]


def _growth(radius: float) -> np.ndarray:
    """Return the share of light within a radius (arcsec) for profiles of all `_WIDTHS`."""
    alpha = _WIDTHS / (2 * np.sqrt(2 ** (1 / BETA) - 1))
    return 1 - (1 + (radius / alpha) ** 2) ** (1 - BETA)
