"""Plots of any columns, made for selecting objects: points or their density, histograms, count matrices."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import HoverTool

from galviz.tools.plots.colouring import VALUE, Colouring
from galviz.tools.style import BLUE, FOCUS, GREY, JOINER, ORANGE, PINK, frame, plain

MAX_POINTS = 100_000
"""Above this number of objects, their density is drawn instead of points."""

GUIDES = ("none", "1:1 line", "zero and medians")
"""Kinds of reference lines."""

_SELECT = ["box_select", "lasso_select"]
_SELECTED = ("#ffc966", "#f7ae1e", ORANGE, "#c77e00", "#a56500", "#7a4a00")


def point_cloud(
    x: np.ndarray,
    y: np.ndarray,
    ids: np.ndarray,
    *,
    axes: tuple[str, str],
    selected: hv.streams.Pipe,
    colour: Colouring | None = None,
    exact: Sequence[np.ndarray | None] = (),
) -> tuple[hv.Points, hv.Overlay]:
    """Draw one point per object, selected objects in orange.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,) finite.
    ids : numpy.ndarray of str
        (n,), shown in the tooltip of a point.
    axes : (str, str)
        Axis labels.
    selected : holoviews.streams.Pipe
        Its ``data`` are the places (m, 2) of the selected objects; sending new ones updates the plot.
    colour : Colouring, optional
        Values that colour the points; blue by default. An object without a value is a grey cross.
    exact : sequence of (numpy.ndarray of str or None), optional
        For x, y and the colour: text for the tooltip, for numbers that a float cannot hold.

    Returns
    -------
    points : holoviews.Points
        Source of taps, boxes and lassos.
    plot : holoviews.Overlay
    """
    dims, hover_columns = _dims(axes), [hv.Dimension("object_id")]
    table = pd.DataFrame({"x": x, "y": y, "object_id": ids})
    size, alpha = (5, 0.7) if len(x) <= 5000 else (3, 0.4)
    options: dict[str, Any] = {"color": BLUE, "selection_color": BLUE}
    hover: Any = "hover"
    mark = {"size": 8, "line_color": "white", "line_width": 0.5}
    if colour is not None:
        table[VALUE] = np.where(colour.known, colour.values, np.nan)
        table["point_mark"] = np.where(colour.known, "circle", "cross")
        hover_columns += [
            hv.Dimension(VALUE),
            hv.Dimension("point_mark"),
        ]  # without labels: HoloViews confuses dimensions with equal labels
        size, alpha = (size + 2, 0.9) if len(x) <= 5000 else (size + 1, 0.7)
        options = {"color": VALUE, "marker": "point_mark", **colour.bar}
        width = hv.dim("point_mark").categorize({"cross": 1.5}, default=0.4)
        options |= {"line_color": GREY, "line_width": width} if len(x) <= 5000 else {}
        mark = {"size": 11, "line_color": "black", "line_width": 1}
    read = {"x": axes[0], "y": axes[1]} | ({} if colour is None else {VALUE: colour.label})
    texts = {name: text for name, text in zip(read, exact, strict=False) if text is not None}
    for name, text in texts.items():
        table[f"{name}_text"] = text
        hover_columns.append(hv.Dimension(f"{name}_text"))
    if texts or colour is not None:  # HoloViews would confuse `hover_tooltips` if an axis is called x or y
        tips = [(label, f"@{{{name}_text}}" if name in texts else f"@{{{name}}}") for name, label in read.items()]
        hover = HoverTool(tooltips=[*tips[:2], ("object_id", "@{object_id}"), *tips[2:]])
    points = hv.Points(table, dims, hover_columns).opts(
        size=size,
        **dict.fromkeys(("alpha", "nonselection_alpha", "selection_alpha"), alpha),
        tools=[hover, *_SELECT],
        backend_opts={"plot.output_backend": "webgl"} if len(x) > 5000 else {},
        **options,
    )

    def marked(data: np.ndarray) -> hv.Points:
        some = hv.Points(data, dims)
        return some.opts(color=ORANGE, marker="triangle", nonselection_alpha=1, default_tools=[], **mark)

    return points, points * hv.DynamicMap(marked, streams=[selected])


def point_density(
    x: np.ndarray,
    y: np.ndarray,
    *,
    axes: tuple[str, str],
    selected: hv.streams.Pipe,
    colour: Colouring | None = None,
) -> tuple[hv.DynamicMap, hv.Overlay]:
    """Draw the number of objects at each place (with Datashader: every object counts), selected ones in orange.

    Parameters and results are as in `point_cloud`; the first result is an image that is recomputed on zooming. With
    `colour` it shows the mean value in each pixel, over the objects that have one; grey if none has.
    """
    dims, low, high = _dims(axes), *plane_limits(np.column_stack([x, y]))
    window = {"x_range": (low[0], high[0]), "y_range": (low[1], high[1])}
    wider = 0 if colour is None else 1  # pixels added around selected objects, to stand out from the colours
    clear = {"clipping_colors": {"NaN": "transparent"}, "cnorm": "log"}

    def shaded(data: np.ndarray, mean: str = "", spread: int = wider, **window_now: Any) -> hv.Image:
        size = {f"plot_{side}": min(window_now[side] or 600, 1200) // 2 for side in ("width", "height")}
        return _shaded(
            data, size | {name: window_now[name] or whole for name, whole in window.items()}, dims, mean, spread
        )

    def picture(*values: np.ndarray, mean: str = "") -> hv.DynamicMap:
        return hv.DynamicMap(partial(shaded, np.column_stack([x, y, *values]), mean, 0), streams=streams())

    def streams() -> list[hv.streams.Stream]:
        return [hv.streams.RangeXY(), hv.streams.PlotSize()]

    some = hv.DynamicMap(shaded, streams=[selected, *streams()]).opts(cmap=list(_SELECTED), default_tools=[], **clear)
    tools = {"tools": ["hover", *_SELECT]}
    if colour is None:
        every = picture().opts(cmap="viridis", colorbar=True, clabel="Objects per pixel", **tools, **clear)
        return every, every * some
    every = picture(colour.values, mean=VALUE).opts(**tools, **colour.bar | clear | {"cnorm": "linear"})
    below = picture().opts(cmap=[GREY, GREY], default_tools=[], **clear)
    return every, below * every * some


def _shaded(places: np.ndarray, window: dict[str, Any], dims: list[hv.Dimension], mean: str, spread: int) -> hv.Image:
    """Count places (n, 2) in the pixels of a window, or average the third column of (n, 3); empty pixels are NaN.

    With `spread`, each place also counts in the pixels up to this distance around it.
    """
    import datashader  # takes seconds to import, so only when needed
    from datashader import transfer_functions

    table = pd.DataFrame(places[:, :2], columns=["x", "y"])
    canvas = datashader.Canvas(**window)
    left, right, low, high = *window["x_range"], *window["y_range"]
    if mean:
        table[VALUE] = np.where(np.isfinite(places[:, 2]), places[:, 2], np.nan)
        numbers = canvas.points(table, "x", "y", datashader.mean(VALUE)).to_numpy().astype(np.float32)
        shown = hv.Dimension(VALUE)
    else:
        counts = canvas.points(table, "x", "y")
        counts = transfer_functions.spread(counts, px=spread, shape="square", how="add") if spread else counts
        numbers = counts.to_numpy().astype(np.float32)
        shown = hv.Dimension("objects", label="Objects per pixel", range=(1, max(2.0, float(numbers.max()))))
        numbers[numbers == 0] = np.nan
    return hv.Image(numbers[::-1], dims, shown, bounds=(left, low, right, high))


def plane_limits(places: np.ndarray, *, equal: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return axis limits with some margin around places (n, 2): low (2,) and high (2,).

    With `equal`, both axes have the same limits.
    """
    low, high = (places.min(axis=0), places.max(axis=0)) if len(places) else (np.zeros(2), np.ones(2))
    if equal:
        low, high = np.repeat(low.min(), 2), np.repeat(high.max(), 2)
    room = np.where(high > low, 0.04 * (high - low), 0.5)
    return low - room, high + room


def focus_ring(axes: tuple[str, str], place: hv.streams.Pipe) -> hv.DynamicMap:
    """Mark the object in focus with a ring at the ``data`` of `place`, (1, 2) or (0, 2)."""
    dims = _dims(axes)

    def ring(data: np.ndarray) -> hv.Points:
        options = {"fill_alpha": 0, "line_color": FOCUS, "line_width": 3, "size": 16, "default_tools": []}
        return hv.Points(data, dims).opts(color=FOCUS, **options)

    return hv.DynamicMap(ring, streams=[place])


def guide(kind: str, x: np.ndarray, y: np.ndarray) -> hv.Overlay | None:
    """Draw a reference line: one of `GUIDES`.

    ``"zero and medians"`` adds the median of y in ten bins of x with equal numbers of objects, and bars from the 16th
    to the 84th percentile; only for 100 objects or more.
    """
    line = {"color": GREY, "line_dash": "dashed", "line_width": 1.5}
    if kind == "1:1 line":
        return hv.Overlay([hv.Slope(1, 0).opts(**line)])
    if kind == "none":
        return None
    edges = np.unique(np.quantile(x, np.linspace(0, 1, 11))) if len(x) >= 100 else []
    bins = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, max(len(edges) - 2, 0))
    rows = [(np.median(x[bins == k]), *np.percentile(y[bins == k], [50, 16, 84])) for k in range(len(edges) - 1)]
    middle = [(at, half, half - low, high - half) for at, half, low, high in rows]
    bars = hv.ErrorBars(middle, "x", ["y", "below", "above"]).opts(
        color=PINK, line_width=2, lower_head=None, upper_head=None
    )
    dots = hv.Scatter([row[:2] for row in middle], "x", "y")
    dots = dots.opts(color="white", line_color=PINK, line_width=2, size=9, marker="diamond")
    return hv.Overlay([hv.HLine(0).opts(**line), bars, dots])


def bars(
    edges: np.ndarray, counts: np.ndarray, *, axis: str, selected: hv.streams.Pipe, logarithmic: bool = False
) -> tuple[hv.Histogram, hv.Overlay]:
    """Draw a histogram of all objects, and of the selected ones.

    Parameters
    ----------
    edges : numpy.ndarray
        (K + 1,).
    counts : numpy.ndarray
        (K,).
    axis : str
        Axis label.
    selected : holoviews.streams.Pipe
        Its ``data`` are the counts (K,) of selected objects.
    logarithmic : bool
        Whether the axis of the counts is logarithmic.

    Returns
    -------
    bars : holoviews.Histogram
        Source of taps and boxes.
    plot : holoviews.Overlay
    """
    floor = 0.5 if logarithmic else 0.0  # a logarithmic axis has no zero
    dims, number = [hv.Dimension("x", label=plain(axis))], [hv.Dimension("objects", label="Number of objects")]
    every = hv.Histogram((edges, np.maximum(counts, floor)), kdims=dims, vdims=number).opts(
        color=BLUE, line_width=0, fill_alpha=0.85, nonselection_alpha=1.0, tools=["hover", "xbox_select"],
        active_tools=["xbox_select"], logy=logarithmic, ylim=(floor, None),
    )  # fmt: skip

    def marked(data: np.ndarray) -> hv.Histogram:
        some = hv.Histogram((edges, np.maximum(data, floor)), kdims=dims, vdims=number)
        return some.opts(color=ORANGE, line_color="white", line_width=0.5, nonselection_alpha=1, default_tools=[])

    return every, every * hv.DynamicMap(marked, streams=[selected])


def count_matrix(counts: pd.DataFrame, *, axes: tuple[str, str]) -> tuple[hv.HeatMap, hv.Overlay]:
    """Draw how often each pair of values occurs, as fractions of each row.

    Parameters
    ----------
    counts : pandas.DataFrame
        Numbers of objects: one row per value of y, one column per value of x, both str.
    axes : (str, str)
        Axis labels.

    Returns
    -------
    cells : holoviews.HeatMap
        Source of taps.
    plot : holoviews.Overlay
    """
    numbers = counts.to_numpy()
    share = numbers / np.maximum(numbers.sum(axis=1, keepdims=True), 1)
    cells = [
        (given, true, share[i, j], int(numbers[i, j]), f"{share[i, j]:.0%}\n{numbers[i, j]:,}")
        for i, true in enumerate(counts.index)
        for j, given in enumerate(counts.columns)
    ]
    dims = _dims(axes)
    shares = [
        hv.Dimension("share", label=plain(f"Share of a row ({axes[1]})")),
        hv.Dimension("number", label="Objects"),
    ]
    table = pd.DataFrame(cells, columns=["x", "y", "share", "number", "text"])
    heat = hv.HeatMap(table, dims, shares).opts(
        cmap="cividis",
        clim=(0, 1),
        colorbar=True,
        tools=["hover"],
        clabel=plain(f"Share of a row ({axes[1]})"),
        colorbar_opts={"background_fill_alpha": 0},
    )
    light = hv.Labels(table[table["share"] <= 0.5], dims, "text").opts(text_color="white", text_font_size="9pt")
    dark = hv.Labels(table[table["share"] > 0.5], dims, "text").opts(text_color="black", text_font_size="9pt")
    return heat, frame(heat * light * dark, invert_yaxis=True, show_grid=False)


def _dims(axes: tuple[str, str]) -> list[hv.Dimension]:
    x, y = map(plain, axes)
    return [hv.Dimension("x", label=x), hv.Dimension("y", label=y if y != x else f"{y}{JOINER}")]
