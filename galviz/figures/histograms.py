"""How many objects have which value."""

import holoviews as hv
import numpy as np

from galviz.figures.style import BLUE, FOCUS, frame


def histogram(values: np.ndarray, *, label: str, unit: str = "", bins: int = 40) -> hv.Histogram:
    """Count objects in bins of equal width.

    Parameters
    ----------
    values : numpy.ndarray
        (N,); NaN and infinity are left out, and the axis says how many.
    label, unit : str
        Of the axis.
    bins : int
        Number of bins.

    Returns
    -------
    holoviews.Histogram
    """
    values = np.asarray(values, dtype=np.float64)
    known = values[np.isfinite(values)]
    counts, edges = np.histogram(known, bins=bins) if known.size else (np.zeros(bins), np.linspace(0, 1, bins + 1))
    left_out = values.size - known.size
    note = f" ({left_out:,} not known)" if left_out else ""
    plot = hv.Histogram((edges, counts), kdims=[hv.Dimension("value", label=label + note, unit=unit or None)])
    return frame(
        plot.redim(Frequency=hv.Dimension("objects", label="Number of objects")),
        color=BLUE,
        line_width=0,
        fill_alpha=0.85,
        height=190,
        toolbar=None,
        tools=["hover"],
    )


def focus_line(value: float | None) -> hv.VLine:
    """Mark the value of the object in focus; nothing where it has none."""
    return hv.VLine(np.nan if value is None else value).opts(color=FOCUS, line_width=2)
