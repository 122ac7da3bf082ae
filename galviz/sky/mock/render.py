"""Images from tables of galaxies and stars, drawn by GalSim with the seeing and noise of SDSS.

Constants are medians of the stars and of the empty sky of four SDSS DR17 fields, in the order u g r i z.
"""

import galsim
import numpy as np
import pandas as pd

from galviz.sky.mock.colours import BANDS
from galviz.sky.surveys import NANOMAGGY_ZERO_POINT, SDSS

FWHM = np.array([1.47, 1.34, 1.25, 1.18, 1.26])
"""Width of the point-spread function (Moffat, β = 3.5) per band, arcsec."""

NOISE = np.array([0.0415, 0.0173, 0.0288, 0.0507, 0.183])
"""Standard deviation of the sky in a native pixel of 0.396 arcsec per band, nanomaggies."""

PER_ELECTRON = np.array([0.0054, 0.00094, 0.00102, 0.00134, 0.0064])
"""Nanomaggies per detected electron per band: a source of flux f adds a variance of f times this."""

_FINE = 0.55  # arcsec: GalSim draws at this pixel scale or finer, pixels are then summed
_FAST = galsim.GSParams(folding_threshold=0.02, maxk_threshold=5e-3, kvalue_accuracy=1e-3, minimum_fft_size=32)


def draw_seeing(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw FWHM (arcsec) and noise (nanomaggies per native pixel) of the five bands for one cutout; each shape (5,)."""
    fwhm = FWHM * np.exp(0.08 * rng.normal() + 0.03 * rng.normal(size=5))
    return fwhm, NOISE * np.exp(0.06 * rng.normal(size=5))


def draw_images(
    table: pd.DataFrame,
    shape: tuple[int, int],
    pixel_scale: float,
    fwhm: np.ndarray = FWHM,
) -> np.ndarray:
    """Return images of galaxies and stars, without noise.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns x, y (arcsec from the image's centre, along W and H), mag_u … mag_z, radius (half-light, arcsec; 0 for
        a star), sersic (index), axis_ratio, angle (radians).
    shape : tuple of int
        H and W in pixels.
    pixel_scale : float
        arcsec/pixel.
    fwhm : numpy.ndarray, shape (5,)
        Width of the point-spread function per band, arcsec.

    Returns
    -------
    numpy.ndarray, float32, shape (5, H, W)
        Nanomaggies per pixel: the flux that falls on it.
    """
    fine = max(1, int(np.ceil(pixel_scale / _FINE)))
    scale = pixel_scale / fine
    height, width = shape[0] * fine, shape[1] * fine
    canvas = [galsim.ImageF(width, height, scale=scale) for _ in BANDS]
    blurs = [galsim.Moffat(beta=3.5, fwhm=float(width), gsparams=_FAST) for width in fwhm]
    flux = 10 ** (-0.4 * (table[[f"mag_{band}" for band in BANDS]].to_numpy() - NANOMAGGY_ZERO_POINT))
    shapes = table[["sersic", "radius", "axis_ratio", "angle"]].to_numpy()
    places = table[["x", "y"]].to_numpy() / scale + (np.array([width, height]) + 1) / 2
    for place, form, brightness in zip(places, shapes, flux, strict=True):
        _draw(canvas, blurs, place, form, brightness)
    images = np.array([image.array for image in canvas])
    return images.reshape(len(BANDS), shape[0], fine, shape[1], fine).sum(axis=(2, 4), dtype=np.float32)


def add_noise(
    images: np.ndarray, pixel_scale: float, rng: np.random.Generator, noise: np.ndarray = NOISE
) -> np.ndarray:
    """Add the noise of the sky and of the sources.

    A pixel as large as k×k native ones has k times the noise of one of them; sources add Poisson noise.

    Parameters
    ----------
    images : numpy.ndarray, shape (5, H, W)
        Nanomaggies per pixel.
    pixel_scale : float
        arcsec/pixel.
    rng : numpy.random.Generator
    noise : numpy.ndarray, shape (5,)
        Nanomaggies per native pixel.

    Returns
    -------
    numpy.ndarray, float32, shape (5, H, W)
    """
    sky = (noise * pixel_scale / SDSS.pixel_scale) ** 2
    variance = sky[:, None, None] + np.maximum(images, 0) * PER_ELECTRON[:, None, None]
    return (images + np.sqrt(variance) * rng.standard_normal(images.shape)).astype(np.float32)


def _draw(canvas: list[galsim.Image], blurs: list, place: np.ndarray, form: np.ndarray, flux: np.ndarray) -> None:
    """Add one source to the canvas of every band, inside a box that holds all of it that can be seen."""
    scale, widest = canvas[0].scale, blurs[0].fwhm
    brightness = max(0.0, np.log10(flux.max() / 10))
    half = int(np.ceil((3 * widest * (1 + 0.5 * brightness) + (3 + form[0]) * form[1]) / scale))
    x, y = np.round(place).astype(int)
    box = galsim.BoundsI(x - half, x + half, y - half, y + half) & canvas[0].bounds
    if not box.isDefined():
        return
    galaxy = _galaxy(*form) if form[0] else None
    center = galsim.PositionD(*place)
    for image, blur, band_flux in zip(canvas, blurs, flux, strict=True):
        source = (blur if galaxy is None else galsim.Convolve(galaxy, blur)).withFlux(band_flux)
        source.drawImage(image=image[box], center=center, add_to_image=True, method="auto")


def _galaxy(sersic: float, radius: float, axis_ratio: float, angle: float) -> galsim.GSObject:
    if sersic == 1:
        galaxy = galsim.Exponential(half_light_radius=radius, gsparams=_FAST)
    else:
        galaxy = galsim.Sersic(n=sersic, half_light_radius=radius, gsparams=_FAST)
    return galaxy.shear(q=axis_ratio, beta=angle * galsim.radians)
