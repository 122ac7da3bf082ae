"""Contour lines of a band, and the length of the scale bar."""

import numpy as np


def scale_bar(side: float) -> tuple[float, str]:
    """Return a round length between a sixth and two fifths of a side.

    Parameters
    ----------
    side : float
        Arcsec.

    Returns
    -------
    length : float
        Arcsec.
    label : str
        ``"30″"``, or in arcmin from one arcmin on: ``"2′"``.
    """
    in_minutes = side * 0.4 >= 60
    unit = 60.0 if in_minutes else 1.0
    limit = 0.4 * side / unit
    step = 10.0 ** np.floor(np.log10(limit))
    length = float(max(m for m in (1, 2, 5) if m * step <= limit * (1 + 1e-9)) * step)
    return length * unit, f"{length:g}{'′' if in_minutes else '″'}"


def contours(image: np.ndarray, count: int, observed: np.ndarray | None = None) -> tuple[list[float], list[np.ndarray]]:
    """Return contour lines of one band, smoothed by a Gaussian of 1 px.

    The lowest level is 3 σ above the sky (median; σ from the MAD of the smoothed pixels), the highest 80 per cent of
    the brightest pixel; between them, levels have equal ratios. Images without noise begin at 2 per cent.

    Parameters
    ----------
    image : numpy.ndarray
        (H, W).
    count : int
        Number of levels, at least 1.
    observed : numpy.ndarray of bool, optional
        (H, W), False where nothing was observed: no line goes there.

    Returns
    -------
    levels : list of float
        In the unit of the image; empty for a constant image.
    lines : list of numpy.ndarray
        Each (K, 2): x and y of its points. Pixels count from 0, whole numbers at their centres.
    """
    from astropy.stats import mad_std  # late: most pages draw no contours
    from contourpy import contour_generator
    from scipy.ndimage import gaussian_filter

    weight = np.ones(image.shape) if observed is None else observed.astype(np.float64)
    share = gaussian_filter(weight, 1.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        smooth = np.where(weight > 0, gaussian_filter(image * weight, 1.0) / share, np.nan)
    pixels = smooth[np.isfinite(smooth)]
    if not pixels.size or pixels.max() == pixels.min():
        return [], []
    sky = float(np.median(pixels))
    top = 0.8 * (float(pixels.max()) - sky)
    if top <= 0:  # most of the image is bright
        sky, top = float(pixels.min()), 0.8 * float(pixels.max() - pixels.min())
    low = 3 * float(mad_std(pixels))
    levels = sky + np.geomspace(low if 0 < low < top else top / 40, top, count)
    generator = contour_generator(z=smooth)
    return levels.tolist(), [line for level in levels for line in generator.lines(level)]
