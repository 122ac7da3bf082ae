"""Aperture photometry: the flux of an object inside a circle, less the sky around it, and how extended its light is."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from galviz.sky.photometry import POGSON, flux_to_ab


def aperture_fluxes(
    images: np.ndarray,
    bands: Sequence[str],
    centre: tuple[float, float],
    radius: float,
    ring: tuple[float, float],
    *,
    coverage: np.ndarray | None = None,
    zero_point: float | None = None,
) -> pd.DataFrame:
    """Return the flux of one object inside a circle, in each band, less the sky in a ring around it.

    F = Σ w (p − s), with w the part of a pixel inside the circle and s the clipped median of the ring. Its variance is
    A σ² + (π/2) A² σ²/n: the noise of the sky inside the circle of A pixels, and of s from n pixels. Photons of the
    source itself do not count, because the gain is not known, and neighbouring pixels count as independent.

    Parameters
    ----------
    images : np.ndarray
        (B, H, W), flux per pixel. Pixels that are NaN or infinite count as not observed.
    bands : sequence of str
        (B,) names along axis 0.
    centre : (float, float)
        x and y: pixels from 0, whole numbers at their centres.
    radius : float
        Of the circle, pixels.
    ring : (float, float)
        Inner and outer radius of the ring, pixels.
    coverage : np.ndarray of bool, optional
        (B, H, W), False where nothing was observed.
    zero_point : float, optional
        Magnitude of a flux of 1; without it magnitudes are NaN.

    Returns
    -------
    pd.DataFrame
        Index ``band``. Columns ``flux``, ``error``, ``snr``; ``mag``, ``mag_error``, NaN where the flux is not
        positive; ``mag_limit``, the magnitude of 3 × error; ``sky``, a pixel; ``missing``, pixels inside the circle
        that were not observed or lie outside the image: their flux is not there. NaN where no pixel of the circle, or
        fewer than 5 of the ring, were observed.

    Raises
    ------
    ValueError
        If the radii are not positive, finite and in order.

    References
    ----------
    Stetson (1987), PASP 99, 191 (sky and its noise); Merline & Howell (1995), ExA 6, 163 (variance).
    """
    from astropy.stats import mad_std, sigma_clipped_stats
    from photutils.aperture import CircularAnnulus, CircularAperture

    if not (np.isfinite([*centre, radius, *ring]).all() and radius > 0 and 0 < ring[0] < ring[1]):
        raise ValueError(
            f"radius, ring: expected positive numbers, the ring's in order, got {radius} and {ring} at {centre}. "
            "Make the circle larger, or the ring wider."
        )
    images = np.asarray(images, dtype=np.float64)
    observed = np.isfinite(images) if coverage is None else np.isfinite(images) & coverage
    images = np.where(observed, images, 0.0)
    shape, circle = images.shape[1:], CircularAperture(centre, radius)
    weights = circle.to_mask(method="exact").to_image(shape)  # None: outside the image
    around = CircularAnnulus(centre, *ring).to_mask(method="center").to_image(shape)
    rows = []
    for image, good in zip(images, observed, strict=True):
        inside = np.zeros(shape) if weights is None else weights * good
        sky_pixels = image[good & (around > 0)] if around is not None else image[:0, 0]
        area, few = inside.sum(), sky_pixels.size < 5
        _, sky, noise = (np.nan,) * 3 if few else sigma_clipped_stats(sky_pixels, sigma=3.0, stdfunc=mad_std)
        flux = (inside * (image - sky)).sum() if area > 0 else np.nan
        error = noise * np.sqrt(area + np.pi / 2 * area**2 / sky_pixels.size) if not few and area > 0 else np.nan
        rows.append({"flux": flux, "error": error, "sky": sky, "missing": max(0.0, circle.area - area)})
    table = pd.DataFrame(rows, index=pd.Index(bands, name="band"))
    zero = np.nan if zero_point is None else zero_point
    with np.errstate(invalid="ignore", divide="ignore"):
        table["snr"] = table["flux"] / table["error"].where(table["error"] > 0)
        table["mag"] = flux_to_ab(table["flux"], zero)
        table["mag_error"] = POGSON / table["snr"].where(table["mag"].notna())
        table["mag_limit"] = flux_to_ab(3 * table["error"], zero)
    return table[["flux", "error", "snr", "mag", "mag_error", "mag_limit", "sky", "missing"]]


def extent(image: np.ndarray, pixel_scale: float, inner: float = 1.2, outer: float = 3.6) -> float:
    """Return how much of the light in the middle of an image lies outside a small circle: little for a star.

    Parameters
    ----------
    image : numpy.ndarray, shape (H, W)
        One band. Its median is taken for the sky.
    pixel_scale : float
        Arcsec.
    inner, outer : float
        Radii, arcsec. The inner one is about the full width of the seeing.

    Returns
    -------
    float
        1 − F(inner) / F(outer), about 0.1 for a star and 0.7 for a galaxy; NaN if there is no light.
    """
    light = np.asarray(image, dtype=np.float64)
    light = light - np.median(light)
    height, width = light.shape
    y, x = np.ogrid[:height, :width]
    distance = pixel_scale * np.hypot(y - (height - 1) / 2, x - (width - 1) / 2)
    small, large = (light[distance < radius].sum() for radius in (inner, outer))
    return float(1 - small / large) if large > 0 else float("nan")
