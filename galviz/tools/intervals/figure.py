"""Figures of estimated errors: the coverage of their intervals, and the histogram of PIT values."""

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.tools.style import BLUE, GREY, frame


def coverage_curve(found: pd.DataFrame) -> hv.Overlay:
    """Draw the fraction of truths inside the intervals against their level, with its 95 % band and the 1:1 line.

    Below the line the intervals are too narrow, above it too wide.

    Parameters
    ----------
    found : pandas.DataFrame
        From `galviz.measure.intervals.coverage`: index level; columns share, low, high, n.

    Returns
    -------
    holoviews.Overlay

    References
    ----------
    Gneiting, Balabdaoui & Raftery (2007), J. R. Stat. Soc. B 69, 243 (calibration).
    """
    x, y = (
        hv.Dimension("level", label="Level of the interval"),
        hv.Dimension("share", label="Fraction of truths inside"),
    )
    level = found.index.to_numpy(float)
    band = hv.Area((level, found["low"].to_numpy(float), found["high"].to_numpy(float)), x, [y, "upper"])
    line = hv.Curve([(0, 0), (1, 1)], x, y, label="as they say").opts(color=GREY, line_dash="dashed")
    shares = (level, found["share"].to_numpy(float))
    overlay = (
        band.opts(color=BLUE, alpha=0.2, line_alpha=0)
        * line
        * hv.Curve(shares, x, y, label="measured").opts(color=BLUE, line_width=2)
        * hv.Scatter(shares, x, y).opts(color=BLUE, size=5, tools=["hover"])
    )
    options = {"xlim": (0, 1), "ylim": (0, 1), "legend_position": "bottom", "height": 300}
    return frame(overlay, title="Coverage of the intervals", **options)


def pit_plot(found: pd.DataFrame) -> hv.Overlay:
    """Draw the histogram of PIT values, with the band in which 95 % of the bars lie if the errors are right.

    High at both ends: the errors are too small. High in the middle: too large. High at one end: a bias.

    Parameters
    ----------
    found : pandas.DataFrame
        From `galviz.measure.intervals.pit_histogram`.
    """
    x, y = hv.Dimension("pit", label="PIT: share of the predicted distribution below the truth"), "objects"
    number = hv.Dimension(y, label="Number of objects")
    edges = [*found["left"], *found["right"][-1:]]
    bars = hv.Histogram((edges, found["n"].to_numpy(float)), kdims=[x], vdims=[number])
    band = hv.Area(([0, 1], *(np.repeat(found[end].iloc[0], 2) for end in ("low", "high"))), x, [number, "upper"])
    mean = hv.Curve([(0, found["n"].mean()), (1, found["n"].mean())], x, number)
    whole = bars.opts(color=BLUE, fill_alpha=0.85, line_color="white", line_width=0.5, tools=["hover"])
    whole *= band.opts(color=GREY, alpha=0.35, line_alpha=0)
    whole *= mean.opts(color=GREY, line_dash="dashed", line_width=1.5)
    title = "PIT histogram; the band holds 95 % of the bars if the errors are right"
    most = max(found["n"].max(), found["high"].iloc[0]) * 1.1
    return frame(whole, title=title, xlim=(0, 1), ylim=(0, most or 1), height=300, show_legend=False)
