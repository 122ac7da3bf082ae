"""Figure of the coverage of intervals against their nominal level."""

import holoviews as hv
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
