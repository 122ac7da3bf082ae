"""Colouring of points by a value: palette, limits and colour bar."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.palettes import Viridis256

from galviz.tools.style import GREY, plain

PALETTE: tuple[str, ...] = tuple(Viridis256[40:205])
"""Viridis without its dark and its yellow end: visible on black and white pages, and distinct from orange."""

VALUE = "point_value"
"""Column name of the values in the drawn data; it must differ from the names of the axes."""


@dataclass(frozen=True, eq=False)
class Colouring:
    """The values that colour points, and their colour bar.

    Parameters
    ----------
    values : numpy.ndarray
        (n,) float, one value per point. Points with NaN or infinite values are grey.
    label : str
        Name of the values, for the colour bar.
    """

    values: np.ndarray
    label: str

    @property
    def known(self) -> np.ndarray:
        """Whether each point has a value: bool, (n,)."""
        return np.isfinite(self.values)

    @property
    def limits(self) -> tuple[float, float]:
        """Limits of the colours: the 1st and the 99th percentile, so that a few outliers have no effect."""
        known = self.values[self.known]
        if not known.size:
            return 0.0, 1.0
        low, high = (float(value) for value in np.percentile(known, [1, 99]))
        return (low, high) if low < high else (low - 0.5, high + 0.5)

    @property
    def bar(self) -> dict[str, Any]:
        """HoloViews options for colours, limits and colour bar."""
        return {
            "cmap": list(PALETTE),
            "clim": self.limits,
            "colorbar": True,
            "clabel": plain(self.label),
            "clipping_colors": {"NaN": GREY},
            "colorbar_opts": {"background_fill_alpha": 0},
        }
