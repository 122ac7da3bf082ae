"""Shared parts of pictures of objects: palettes, markers, choice of RGB bands, length of the scale bar."""

from collections.abc import Sequence

import numpy as np
from bokeh.palettes import Cividis256, Greys256, Viridis256

from galviz.tools.style import FOCUS, ORANGE, PINK, SKY

MARKS: dict[str, tuple[str, str, str]] = {
    "bcg": ("star", FOCUS, "central galaxy"),
    "member": ("circle", ORANGE, "member"),
    "field": ("square", SKY, "field galaxy"),
    "star": ("x", PINK, "star"),
}
"""Kind of source → marker, colour and name."""

PALETTES: dict[str, tuple[str, ...]] = {"grey": Greys256, "viridis": Viridis256, "cividis": Cividis256}
"""Perceptually uniform palettes for the pixels of a band."""

LUPTON_Q = 8
"""Softening parameter Q of Lupton's asinh stretch."""

_COLOUR_NAMES = (("r", "g", "b"), ("red", "green", "blue"), ("R", "G", "B"))
_LINEAR_SIGMAS = 8.0


def rgb_bands(bands: Sequence[str]) -> tuple[str, str, str]:
    """Return the bands shown as red, green and blue: bands of these names, or i, r, g, else the reddest three."""
    for colours in _COLOUR_NAMES:
        if set(colours) <= set(bands):
            return colours
    if {"g", "r", "i"} <= set(bands):
        return ("i", "r", "g")
    red_first = [*bands[::-1], *[bands[0]] * 2]
    return red_first[0], red_first[1], red_first[2]


def linear_part(pixels: np.ndarray) -> float:
    """Return the pixel value up to which a colour picture is linear: 8 σ, with σ from the MAD of its pixels.

    Parameters
    ----------
    pixels : numpy.ndarray
        Observed pixels of three bands, any shape; an empty array gives 8.
    """
    if not pixels.size:
        return _LINEAR_SIGMAS
    scatter = 1.4826 * float(np.median(np.abs(pixels - np.median(pixels))))
    return _LINEAR_SIGMAS * (scatter or float(np.abs(pixels).max()) or 1.0)


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
