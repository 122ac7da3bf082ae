"""Markers of sources, and the length of the scale bar."""

import numpy as np

from galviz.tools.style import FOCUS, ORANGE, PINK, SKY

MARKS: dict[str, tuple[str, str, str]] = {
    "bcg": ("star", FOCUS, "central galaxy"),
    "member": ("circle", ORANGE, "member"),
    "field": ("square", SKY, "field galaxy"),
    "star": ("x", PINK, "star"),
}
"""Kind of source → marker, colour and name."""


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
