"""Figures that judge predictions: ROC, purity and completeness, measures in ranges, densities, one against another."""

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.measure.metrics import Interval
from galviz.measure.score_curves import ScoreCurve
from galviz.tools.plots.figure import (
    MAX_POINTS,
    guide,
    median_band,
    plane_limits,
    point_cloud,
    point_density,
    running_median,
)
from galviz.tools.style import BLUE, GREY, ORANGE, frame, plain

HEIGHT = 340
_FEW = 500  # objects that are drawn as points; their counts would be a few blocks


def with_ends(found: Interval) -> str:
    """Return a value with its interval as text: ``"0.912 (0.894 to 0.930)"``."""
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"


def roc_plot(curve: ScoreCurve, name: str) -> hv.Overlay:
    """Draw an ROC curve with its 95 % band; the dashed line is a score that tells nothing.

    Parameters
    ----------
    curve : ScoreCurve
        From `galviz.measure.score_curves.roc`, not undefined.
    name : str
        The positive class.
    """
    x = hv.Dimension("x", label=plain(f"False-positive rate (share of the others taken for {name})"))
    y = hv.Dimension("y", label=plain(f"True-positive rate (completeness of {name})"))
    return _framed(curve, x, y, [(0, 0), (1, 1)], f"ROC of {name}: area {with_ends(curve.area)}")


def purity_plot(curve: ScoreCurve, name: str) -> hv.Overlay:
    """Draw purity against completeness with its 95 % band; the dashed line is the share of positives, without a score.

    Parameters
    ----------
    curve : ScoreCurve
        From `galviz.measure.score_curves.purity_completeness`, not undefined.
    name : str
        The positive class.
    """
    x = hv.Dimension("x", label=plain(f"Completeness of {name}"))
    y = hv.Dimension("y", label=plain(f"Purity of {name}"))
    share = curve.positives / (curve.positives + curve.negatives)
    title = f"Purity against completeness of {name}: mean purity {with_ends(curve.area)}"
    return _framed(curve, x, y, [(0, share), (1, share)], title)


def _framed(
    curve: ScoreCurve, x: hv.Dimension, y: hv.Dimension, without: list[tuple[float, float]], title: str
) -> hv.Overlay:
    """Draw a curve with its band, and a dashed line through the points `without` a score."""
    table = curve.table
    chance = hv.Curve(without, x, y).opts(color=GREY, line_dash="dashed", line_width=1.5)
    band = hv.Area(table[["x", "low", "high"]].to_numpy(), x, [y, "upper"])
    line = hv.Curve(table, x, [y, "low", "high", "threshold"])
    whole = band.opts(color=BLUE, alpha=0.2, line_alpha=0) * chance
    whole *= line.opts(color=BLUE, line_width=2, tools=["hover"])
    return frame(whole, title=title, height=HEIGHT, xlim=(-0.01, 1.01), ylim=(-0.02, 1.04), show_legend=False)


def ranges_plot(table: pd.DataFrame, axis: str, measure: str, *, zero: bool = False) -> hv.Overlay:
    """Draw a measure in ranges of a quantity, each with its 95 % interval.

    Parameters
    ----------
    table : pandas.DataFrame
        Rows of one metric from `galviz.measure.ranges.in_ranges`.
    axis, measure : str
        Axis labels.
    zero : bool
        Whether to draw a line at 0.
    """
    x, y = hv.Dimension("middle", label=plain(axis)), hv.Dimension("value", label=plain(measure))
    rows = table.assign(below=table["value"] - table["low"], above=table["high"] - table["value"])
    rows = rows.assign(before=rows["middle"] - rows["left"], after=rows["right"] - rows["middle"])
    heads = {"lower_head": None, "upper_head": None}
    up = hv.ErrorBars(rows.dropna(subset=["below"]), x, [y, "below", "above"]).opts(color=BLUE, line_width=1.5, **heads)
    wide = hv.ErrorBars(rows, x, [y, "before", "after"], horizontal=True)
    dots = hv.Scatter(rows, x, [y, "low", "high", "left", "right", "n"])
    whole = (
        wide.opts(color=GREY, line_width=1.5, **heads)
        * up
        * dots.opts(color=BLUE, size=8, line_color="white", tools=["hover"])
    )
    whole = whole * hv.HLine(0).opts(color=GREY, line_dash="dashed", line_width=1.5) if zero else whole
    title = f"{measure} in ranges of {axis}, with 95 % intervals"
    return frame(whole, title=title, height=HEIGHT, show_legend=False)


def density_plot(
    x: np.ndarray,
    y: np.ndarray,
    axes: tuple[str, str],
    title: str,
    *,
    limits: tuple[tuple[float, float], tuple[float, float]],
    line: str = "",
    fit: tuple[float, float] | None = None,
    bar: bool = True,
) -> hv.Overlay:
    """Draw the number of objects at each place on a logarithmic scale, with the running median and its 68 % band.

    Fewer than 500 objects are points.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,) finite.
    axes : (str, str)
        Axis labels.
    title : str
        Empty: none.
    limits : ((float, float), (float, float))
        Ends of the axes; what lies outside is not drawn.
    line : {"", "1:1", "zero"}
        The dashed reference line.
    fit : (float, float), optional
        Slope and intercept of a straight line to draw.
    bar : bool
        Whether to draw the colour bar; the numbers are in the tooltip too.
    """
    dims = [hv.Dimension("x", label=plain(axes[0])), hv.Dimension("y", label=plain(axes[1]))]
    few = len(x) < _FEW
    whole = hv.Overlay([_points(x, y, dims) if few else _counts(x, y, dims, limits).opts(colorbar=bar)])
    dashed = {"color": GREY, "line_dash": "dashed", "line_width": 1.5}
    if line == "1:1":
        whole *= hv.Slope(1, 0).opts(**dashed)
    elif line == "zero":
        whole *= hv.HLine(0).opts(**dashed)
    medians = running_median(x, y)
    if len(medians):
        whole *= median_band(medians)
    if fit is not None:
        whole *= hv.Slope(*fit).opts(color=ORANGE, line_width=2.5)
    head = {"title": title} if title else {"show_title": False}
    return frame(whole, **head, height=HEIGHT, xlim=limits[0], ylim=limits[1], show_legend=False)


def _points(x: np.ndarray, y: np.ndarray, dims: list[hv.Dimension]) -> hv.Points:
    return hv.Points((x, y), dims).opts(color=BLUE, size=5, alpha=0.6, tools=["hover"])


def _counts(
    x: np.ndarray, y: np.ndarray, dims: list[hv.Dimension], limits: tuple[tuple[float, float], tuple[float, float]]
) -> hv.Image:
    bins = int(np.clip(np.sqrt(len(x)), 20, 100))
    counts, *edges = np.histogram2d(x, y, bins=bins, range=limits)
    middles = [(each[:-1] + each[1:]) / 2 for each in edges]
    counts[counts == 0] = np.nan
    most = max(2.0, float(np.nanmax(counts))) if np.isfinite(counts).any() else 2.0
    shown = hv.Dimension("objects", label="Objects per pixel", range=(1, most))
    return hv.Image((*middles, counts.T), dims, shown).opts(
        cmap="viridis", cnorm="log", clipping_colors={"NaN": "transparent"}, tools=["hover"],
        clabel="Objects per pixel", colorbar_opts={"background_fill_alpha": 0},
    )  # fmt: skip


def ends_of(values: np.ndarray, *, symmetric: bool = False) -> tuple[float, float]:
    """Return the ends of an axis for values: nearly all (99.8 %), and some margin; `symmetric`: around 0."""
    low, high = np.percentile(np.abs(values) if symmetric else values, [0.1, 99.9])
    low = -high if symmetric else low
    room = 0.08 * (high - low) or 0.5
    return float(low - room), float(high + room)


def against(
    pairs: pd.DataFrame, axes: tuple[str, str], selected: hv.streams.Pipe
) -> tuple[hv.Points | hv.DynamicMap, hv.Overlay]:
    """Draw the second prediction of each object against the first, with the 1:1 line.

    Parameters
    ----------
    pairs : pandas.DataFrame
        From `galviz.measure.compare.disagreement`, numbers without NaN.
    axes : (str, str)
        Axis labels.
    selected : holoviews.streams.Pipe
        As in `galviz.tools.plots.figure.point_cloud`.

    Returns
    -------
    source : holoviews.Points or holoviews.DynamicMap
        Source of taps, boxes and lassos.
    plot : holoviews.Overlay
    """
    x, y = pairs["estimate_a"].to_numpy(float), pairs["estimate_b"].to_numpy(float)
    if len(pairs) > MAX_POINTS:
        source, plot = point_density(x, y, axes=axes, selected=selected)
    else:
        source, plot = point_cloud(x, y, pairs.index.to_numpy(object), axes=axes, selected=selected)
    low, high = plane_limits(np.column_stack([x, y]), equal=True)
    window = {"xlim": (low[0], high[0]), "ylim": (low[1], high[1]), "active_tools": ["box_select"]}
    title = f"The second against the first: {len(pairs):,} objects; dashed: equal"
    return source, frame(plot * guide("1:1 line", x, y), title=title, height=HEIGHT + 20, show_legend=False, **window)
