"""Points coloured by a value: between which limits, in which colours, and what is grey."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.palettes import Viridis256

from galviz.tools.style import GREY, plain

PALETTE: tuple[str, ...] = tuple(Viridis256[40:205])
"""Viridis without its darkest and its yellow end: seen on a black and on a white page, and never taken for orange."""

VALUE = "point_value"
"""Name of the column of values in what is drawn; it may not be that of an axis."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """What points are coloured by.

    Parameters
    ----------
    values : numpy.ndarray
        (n,) float, a value a point; NaN or infinite where there is none: such a point is grey.
    label : str
        What the values are, for the colour bar.
    """

    values: np.ndarray
    label: str

    @property
    def known(self) -> np.ndarray:
        """Which points have a value: bool, (n,)."""
        return np.isfinite(self.values)

    @property
    def limits(self) -> tuple[float, float]:
        """The values at the ends of the colours: the 1st and the 99th percentile, so that a few strays do not count."""
        known = self.values[self.known]
        if not known.size:
            return 0.0, 1.0
        low, high = (float(value) for value in np.percentile(known, [1, 99]))
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    @property
    def bar(self) -> dict[str, Any]:
        """How a plot draws it: options of HoloViews for colours, limits and a colour bar."""
        return {
            "cmap": list(PALETTE),
            "clim": self.limits,
            "colorbar": True,
            "clabel": plain(self.label),
            "clipping_colors": {"NaN": GREY},
            "colorbar_opts": {"background_fill_alpha": 0},
        }
