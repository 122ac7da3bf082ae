"""Plots of any columns, made for selecting objects: points or their density, histograms, count matrices."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import CustomJS, HoverTool

from galviz.tools.plots.colouring import SIGNS, VALUE, Categories, Colouring
from galviz.tools.plots.pixels import Window, spread
from galviz.tools.plots.projection import Projection
from galviz.tools.style import BLUE, FOCUS, GREY, JOINER, ORANGE, PINK, frame, plain

Log = tuple[bool, bool]
"""Whether the axes x and y are logarithmic."""

MAX_POINTS = 100_000
"""Above this number of objects, their density is drawn instead of points."""

GUIDES = ("none", "1:1 line", "zero and medians")
"""Kinds of reference lines."""

_SQUARE = Path(__file__).with_name("square.js")
_SELECT = ["box_select", "lasso_select"]
_SELECTED = ("#ffc966", "#f7ae1e", ORANGE, "#c77e00", "#a56500", "#7a4a00")


def point_cloud(
    x: np.ndarray,
    y: np.ndarray,
    ids: np.ndarray,
    *,
    axes: tuple[str, str],
    selected: hv.streams.Pipe,
    colour: Colouring | Categories | None = None,
    exact: Sequence[np.ndarray | None] = (),
    called: tuple[str, str] | None = None,
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
    colour : Colouring or Categories, optional
        Values or categories that colour the points; blue by default. An object without one is a grey cross.
    exact : sequence of (numpy.ndarray of str or None), optional
        For x, y and the colour: text for the tooltip, for numbers that a float cannot hold.
    called : (str, str), optional
        Names of x and y in the tooltip, if not those of the axes.

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
    if isinstance(colour, Categories):
        signs = np.array([*SIGNS[: len(colour.names)], (GREY, "cross")])[colour.codes]  # the last is that of -1
        table["point_colour"], table["point_mark"] = signs.T
        table[VALUE] = np.array([*colour.names, colour.without], dtype=object)[colour.codes]
        hover_columns += [hv.Dimension(name) for name in (VALUE, "point_colour", "point_mark")]
        size, alpha = (size + 2, 0.8) if len(x) <= 5000 else (size + 1, 0.6)
        options = {"color": "point_colour", "marker": "point_mark"}
        options |= {"line_color": "point_colour", "line_width": 1.5} if len(x) <= 5000 else {}
        mark = {"size": 11, "line_color": "black", "line_width": 1}
    elif colour is not None:
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
    read = dict(zip("xy", called or axes, strict=True)) | ({} if colour is None else {VALUE: colour.label})
    texts = {name: text for name, text in zip(read, exact, strict=False) if text is not None}
    for name, text in texts.items():
        table[f"{name}_text"] = text
        hover_columns.append(hv.Dimension(f"{name}_text"))
    if texts or colour is not None or called:  # HoloViews would confuse `hover_tooltips` if an axis is called x or y
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

    return points, points * _legend(colour, dims) * hv.DynamicMap(marked, streams=[selected])


def _legend(colour: Colouring | Categories | None, dims: list[hv.Dimension]) -> hv.Overlay:
    """Return a legend: for each category a point at NaN, which is not drawn but gives the legend its sign."""
    entries = colour.legend() if isinstance(colour, Categories) else ()
    return hv.Overlay(
        [
            hv.Points(np.full((1, 2), np.nan), dims, label=plain(text)).opts(
                color=shade, line_color=shade, marker=mark, size=9, default_tools=[]
            )
            for text, shade, mark in entries
        ]
    )


def point_density(
    x: np.ndarray,
    y: np.ndarray,
    *,
    axes: tuple[str, str],
    selected: hv.streams.Pipe,
    colour: Colouring | Categories | None = None,
    log: Log = (False, False),
    limits: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[hv.DynamicMap, hv.Overlay]:
    """Draw the number of objects at each place, selected ones in orange. Every object counts.

    Parameters and results are as in `point_cloud`; the first result is an image that is recomputed on zooming. With
    values as `colour` it shows their mean in each pixel, over the objects that have one; with categories, the most
    frequent one; grey if none has one. On a logarithmic axis all places must be above 0. `limits` are the axes at
    first, as from `plane_limits`.
    """
    dims, (low, high) = _dims(axes), limits or plane_limits(np.column_stack([x, y]), log=log)
    wider = colour is not None  # selected objects also fill the pixels around them, to stand out from the colours
    clear = {"clipping_colors": {"NaN": "transparent"}, "cnorm": "log"}
    number, first = hv.Dimension("objects", label="Objects per pixel"), tuple(zip(low, high, strict=True))

    @lru_cache(maxsize=2)  # layers share it, and a browser may ask twice
    def found(window: Window) -> tuple[np.ndarray, np.ndarray]:
        """Return the number of objects in each pixel, and the colours of the pixels."""
        if isinstance(colour, Categories):
            counts = window.counts(x, y, colour.codes, len(colour.names))
            known = counts[..., :-1]
            return counts.sum(axis=2), np.where(known.any(axis=2), known.argmax(axis=2), np.nan)
        if colour is not None:
            return window.means(x, y, colour.values)
        counts = window.counts(x, y)[..., 0]
        return counts, counts

    def layer(shown: Callable[..., np.ndarray], of: hv.Dimension, *more: hv.streams.Stream) -> hv.DynamicMap:
        def image(data: np.ndarray | None = None, **now: Any) -> hv.Image:
            size = tuple(max(min(now[side] or 600, 1200) // 2, 1) for side in ("width", "height"))
            x_ends, y_ends = (
                _positive(ends) if one else ends
                for ends, one in zip((now["x_range"] or first[0], now["y_range"] or first[1]), log, strict=True)
            )
            window = Window(x_ends, y_ends, size, log)
            pixels = (shown(window) if data is None else shown(window, data)).astype(np.float32)
            bounds = (x_ends[0], y_ends[0], x_ends[1], y_ends[1])
            if of is not number:
                return hv.Image(pixels[::-1], dims, of, bounds=bounds)
            most = max(2.0, float(pixels.max()))
            pixels[pixels == 0] = np.nan
            return hv.Image(pixels[::-1], dims, number.clone(range=(1, most)), bounds=bounds)

        return hv.DynamicMap(image, streams=[*more, hv.streams.RangeXY(), hv.streams.PlotSize()])

    def of_selected(window: Window, data: np.ndarray) -> np.ndarray:
        counts = window.counts(data[:, 0], data[:, 1])[..., 0]
        return spread(counts) if wider else counts

    some = layer(of_selected, number, selected).opts(cmap=list(_SELECTED), default_tools=[], **clear)
    tools = {"tools": ["hover", *_SELECT]}
    if colour is None:
        every = layer(lambda window: found(window)[0], number)
        every = every.opts(cmap="viridis", colorbar=True, clabel="Objects per pixel", **tools, **clear)
        return every, every * some
    below = layer(lambda window: found(window)[0], number).opts(cmap=[GREY, GREY], default_tools=[], **clear)
    every = layer(lambda window: found(window)[1], hv.Dimension(VALUE))
    if isinstance(colour, Categories):
        count = len(colour.names)
        shades = [shade for shade, _ in SIGNS[:count]]
        every = every.opts(cmap=shades, clim=(-0.5, count - 0.5), **tools, **clear | {"cnorm": "linear"})
        return every, below * every * _legend(colour, dims) * some
    every = every.opts(**tools, **colour.bar | clear | {"cnorm": "linear"})
    return every, below * every * some


def _positive(ends: tuple[float, float]) -> tuple[float, float]:
    """Return the ends of a logarithmic axis; zooming out may ask for one below 0."""
    high = max(ends[1], 1e-300)
    return (ends[0] if ends[0] > 0 else high / 1e6, high)


def plane_limits(
    places: np.ndarray, *, equal: bool = False, log: Log = (False, False)
) -> tuple[np.ndarray, np.ndarray]:
    """Return axis limits with some margin around places (n, 2): low (2,) and high (2,).

    With `equal`, both axes have the same limits.
    """
    low, high = (places.min(axis=0), places.max(axis=0)) if len(places) else (np.ones(2) * any(log), np.ones(2))
    if equal:
        low, high = np.repeat(low.min(), 2), np.repeat(high.max(), 2)
    low, high = (np.where(log, np.log10(np.where(log, end, 1.0)), end) for end in (low, high))
    room = np.where(high > low, 0.04 * (high - low), 0.5)
    return np.where(log, 10 ** np.where(log, low - room, 0), low - room), np.where(
        log, 10 ** np.where(log, high + room, 0), high + room
    )


def first_limits(
    places: np.ndarray, *, equal: bool = False, log: Log = (False, False)
) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Return the axis limits to start with, and how many of the places (n, 2) are outside of them.

    They hold all places, unless a few outliers (0.1 %, or one, at an end) would squeeze the others into a third of an
    axis.
    """
    ends = plane_limits(places, equal=equal, log=log)
    if len(places) < 200:
        return ends, 0
    some = places[:: max(len(places) // 100_000, 1)]
    some = np.where(log, np.log10(np.where(log, some, 1.0)), some)
    share = max(0.1, 100 / (len(some) - 1))  # at least one object
    low, high = np.percentile(some, [share, 100 - share], axis=0)
    if equal:
        low, high = np.repeat(low.min(), 2), np.repeat(high.max(), 2)
    full = np.subtract(*(np.where(log, np.log10(np.where(log, end, 1.0)), end) for end in ends[::-1]))
    cut = (high > low) & (full > 3 * (high - low))
    if not cut.any():
        return ends, 0
    narrow = [
        np.where(log, 10 ** np.where(log, end, 0), end) for end in (low - (high - low) / 2, high + (high - low) / 2)
    ]
    ends = (
        np.where(cut, np.maximum(narrow[0], ends[0]), ends[0]),
        np.where(cut, np.minimum(narrow[1], ends[1]), ends[1]),
    )
    return ends, int(((places < ends[0]) | (places > ends[1])).any(axis=1).sum())


def focus_ring(axes: tuple[str, str], place: hv.streams.Pipe) -> hv.DynamicMap:
    """Mark the object in focus with a ring at the ``data`` of `place`, (1, 2) or (0, 2)."""
    dims = _dims(axes)

    def ring(data: np.ndarray) -> hv.Points:
        options = {"fill_alpha": 0, "line_color": FOCUS, "line_width": 3, "size": 16, "default_tools": []}
        return hv.Points(data, dims).opts(color=FOCUS, **options)

    return hv.DynamicMap(ring, streams=[place])


def guide(kind: str, x: np.ndarray, y: np.ndarray, log: Log = (False, False)) -> hv.Overlay | None:
    """Draw a reference line: one of `GUIDES`.

    ``"zero and medians"`` adds the median of y in ten bins of x with equal numbers of objects, and bars from the 16th
    to the 84th percentile; only for 100 objects or more. There is no zero on a logarithmic axis.
    """
    line = {"color": GREY, "line_dash": "dashed", "line_width": 1.5}
    if kind == "1:1 line":
        if not any(log):
            return hv.Overlay([hv.Slope(1, 0).opts(**line)])
        low, high = (float(end[0]) for end in plane_limits(np.column_stack([x, y]), equal=True, log=(True, True)))
        along = np.geomspace(low, high, 200)
        return hv.Overlay([hv.Curve((along, along), "x", "y").opts(**line)])
    if kind == "none":
        return None
    middle = [(at, half, half - low, high - half) for at, half, low, high in running_median(x, y, bins=10)]
    bars = hv.ErrorBars(middle, "x", ["y", "below", "above"]).opts(
        color=PINK, line_width=2, lower_head=None, upper_head=None
    )
    dots = hv.Scatter([row[:2] for row in middle], "x", "y")
    dots = dots.opts(color="white", line_color=PINK, line_width=2, size=9, marker="diamond")
    return hv.Overlay([*([] if log[1] else [hv.HLine(0).opts(**line)]), bars, dots])


def running_median(x: np.ndarray, y: np.ndarray, bins: int | None = None) -> np.ndarray:
    """Return the running median of y in bins of x with equal numbers of objects.

    Parameters
    ----------
    x, y : numpy.ndarray
        (n,) finite.
    bins : int, optional
        By default one for every 100 objects, from 4 to 40.

    Returns
    -------
    numpy.ndarray
        (K, 4): median of x; median, 16th and 84th percentile of y. Empty for less than 100 objects.
    """
    if len(x) < 100:
        return np.empty((0, 4))
    count = min(max(len(x) // 100, 4), 40) if bins is None else bins
    some = x[:: max(len(x) // 1_000_000, 1)]  # enough for the ends of the bins
    edges = np.unique(np.quantile(some, np.linspace(0, 1, count + 1)))
    if len(edges) < 2:  # all x are equal
        return np.empty((0, 4))
    which = np.empty(len(x), dtype=np.int8)
    for first in range(0, len(x), 100_000):  # what lies outside the edges is in the bin beside it
        part = slice(first, first + 100_000)
        which[part] = np.searchsorted(edges[1:-1], x[part], side="right")
    order = np.argsort(which, kind="stable")  # of int8: a radix sort
    starts = np.cumsum([0, *np.bincount(which)])
    rows = [order[first:last] for first, last in pairwise(starts) if last > first]
    return np.array([(np.median(x[row]), *np.percentile(y[row], [50, 16, 84])) for row in rows]).reshape(-1, 4)


def median_band(rows: np.ndarray) -> hv.Overlay:
    """Draw a `running_median` as a line in a band from the 16th to the 84th percentile."""
    band = hv.Area((rows[:, 0], rows[:, 2], rows[:, 3]), "x", ["y", "y_high"])
    band = band.opts(color=PINK, fill_alpha=0.25, line_alpha=0, default_tools=[])
    line = hv.Curve(rows[:, :2], "x", "y").opts(color=PINK, line_width=3, default_tools=[])
    return hv.Overlay([band, line])


def error_bars(
    x: np.ndarray, y: np.ndarray, error: np.ndarray, *, horizontal: bool, log: Log = (False, False)
) -> hv.ErrorBars:
    """Draw 1 σ error bars of points (n,). Objects whose error is not known, or not above 0, have none."""
    known = np.isfinite(error) & (error > 0)
    x, y, above = x[known], y[known], error[known]
    value = x if horizontal else y
    below = np.minimum(above, 0.999 * value) if log[0 if horizontal else 1] else above
    found = hv.ErrorBars((x, y, below, above), "x", ["y", "below", "above"], horizontal=horizontal)
    return found.opts(color=GREY, line_width=1, alpha=0.6, lower_head=None, upper_head=None, default_tools=[])


def contours(x: np.ndarray, y: np.ndarray, log: Log = (False, False)) -> hv.Overlay:
    """Draw contours of the density of objects (n,), which hold 95, 68 and 30 % of them."""
    from scipy.ndimage import gaussian_filter

    places = [np.log10(one) if is_log else one for one, is_log in zip((x, y), log, strict=True)]
    ends = [np.percentile(one, [0.5, 99.5]) for one in places]  # a few outliers must not make the pixels coarse
    ends = [(low - 0.2 * max(high - low, 1e-9), high + 0.2 * max(high - low, 1e-9)) for low, high in ends]
    counts, *edges = np.histogram2d(*places, bins=100, range=ends)
    smooth = np.pad(gaussian_filter(counts, 1.5 if len(x) > 20_000 else 3.0, mode="constant"), 1)
    falling = np.sort(smooth, axis=None)[::-1]
    held = np.cumsum(falling) / len(x)
    levels = sorted({float(falling[min(int(np.searchsorted(held, share)), len(held) - 1)]) for share in _SHARES})
    middles = [np.pad((end[:-1] + end[1:]) / 2, 1, mode="reflect", reflect_type="odd") for end in edges]
    lines = hv.operation.contours(hv.Image((*middles, smooth.T)), levels=levels, overlaid=False)
    paths = [path[:, :2] for path in lines.split(datatype="array")]
    paths = [np.where(log, 10 ** np.where(log, path, 0), path) for path in paths]
    halo = hv.Path(paths, ["x", "y"]).opts(color="white", line_width=3.5, alpha=0.7, default_tools=[])
    return halo * hv.Path(paths, ["x", "y"]).opts(color="black", line_width=1.5, default_tools=[])


_SHARES = (0.95, 0.68, 0.3)


def keep_square(plot: Any, _: Any) -> None:
    """Keep a degree as long in x as in y, whatever the shape of the pane (a hook of HoloViews)."""
    figure = plot.state
    if not figure.select(name="square"):
        square = CustomJS(
            args={"x_range": figure.x_range, "y_range": figure.y_range, "plot": figure},
            code=_SQUARE.read_text(encoding="utf-8"),
            module=True,
            name="square",
        )
        for size in ("inner_width", "inner_height"):
            figure.js_on_change(size, square)


def sky_grid(projection: Projection) -> hv.Overlay:
    """Draw the lines of a map of the whole sky and their labels."""
    lines = hv.Path(projection.grid(), ["x", "y"]).opts(color=GREY, alpha=0.5, line_width=1, default_tools=[])
    texts = hv.Labels(projection.labels(), ["x", "y"], "text")
    return lines * texts.opts(text_color=GREY, text_font_size="8pt", default_tools=[])


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
        hv.Dimension("share", label="Share of a row"),
        hv.Dimension("number", label="Objects"),
    ]
    table = pd.DataFrame(cells, columns=["x", "y", "share", "number", "text"])
    heat = hv.HeatMap(table, dims, shares).opts(
        cmap="cividis",
        clim=(0, 1),
        colorbar=True,
        tools=["hover"],
        clabel="Share of a row",
        colorbar_opts={"background_fill_alpha": 0},
    )
    light = hv.Labels(table[table["share"] <= 0.5], dims, "text").opts(text_color="white", text_font_size="9pt")
    dark = hv.Labels(table[table["share"] > 0.5], dims, "text").opts(text_color="black", text_font_size="9pt")
    return heat, frame(heat * light * dark, invert_yaxis=True, show_grid=False)


def _dims(axes: tuple[str, str]) -> list[hv.Dimension]:
    x, y = map(plain, axes)
    return [hv.Dimension("x", label=x), hv.Dimension("y", label=y if y != x else f"{y}{JOINER}")]
