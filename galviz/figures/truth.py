"""Estimates against the truth: points that can be tapped, or their density where they are too many."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.figures.style import BLUE, FOCUS, GREY, ORANGE, frame

MAX_POINTS = 100_000
"""Above this number, density is drawn instead of points."""


def predicted_against_true(table: pd.DataFrame, *, label: str, density: bool = False) -> tuple[hv.Points, hv.Overlay]:
    """Draw the estimate of each object against its truth, with the 1:1 line.

    Parameters
    ----------
    table : pandas.DataFrame
        A row an object, index ``object_id``; columns truth, estimate and seen (True where the network was trained on
        the object: shown by shape and colour). Rows without truth are left out.
    label : str
        What is learned, as on an axis: ``"ln λ"``.
    density : bool
        Draw the number of objects per place instead of points. Above `MAX_POINTS` that is done in any case.

    Returns
    -------
    points : holoviews.Points
        One point an object, in the order of the rows with truth; its column object_id says whose it is.
    plot : holoviews.Overlay
        What is shown.
    """
    axes = [hv.Dimension("truth", label=f"True {label}"), hv.Dimension("estimate", label=f"Estimated {label}")]
    points = _points(table, axes)
    ends = points.data[["truth", "estimate"]].to_numpy(float)
    low, high = (ends.min(), ends.max()) if len(ends) else (0.0, 1.0)
    room = 0.04 * (high - low) or 0.5
    lim = (low - room, high + room)
    line = hv.Slope(1, 0).opts(color=GREY, line_dash="dashed", line_width=1.5)
    shown = _shown(points, density=density)
    title = _title("Estimate against truth", len(points), density=density)
    return points, frame(shown * line, title=title, xlim=lim, ylim=lim, show_legend=False, height=430)


def residual_against(
    table: pd.DataFrame, column: str, *, label: str, column_label: str, density: bool = False
) -> tuple[hv.Points, hv.Overlay]:
    """Draw estimate minus truth of each object against any column, with the median in ten bins of equal number.

    Parameters
    ----------
    table : pandas.DataFrame
        As in `predicted_against_true`, with the column `column`. Rows where it is not known are left out.
    column, column_label : str
        Its name, and how it is written on the axis.
    label, density
        As in `predicted_against_true`.

    Returns
    -------
    points : holoviews.Points
    plot : holoviews.Overlay
    """
    table = table.assign(residual=table["estimate"] - table["truth"], against=table[column])
    axes = [hv.Dimension("against", label=column_label), hv.Dimension("residual", label=f"Estimate − truth ({label})")]
    points = _points(table, axes)
    zero = hv.HLine(0).opts(color=GREY, line_dash="dashed", line_width=1.5)
    title = _title(f"Residual against {column_label}", len(points), density=density)
    plot = _shown(points, density=density) * zero * _medians(points.data)
    return points, frame(plot, title=title, show_legend=False)


def focus_mark(place: Sequence[float] | None, axes: list[hv.Dimension]) -> hv.Points:
    """Mark the object in focus with a ring at `place`; nothing where that is None."""
    ring = hv.Points([] if place is None else [tuple(place)], axes)
    return ring.opts(color=FOCUS, fill_alpha=0, line_color=FOCUS, line_width=3, size=16, default_tools=[])


def _points(table: pd.DataFrame, axes: list[hv.Dimension]) -> hv.Points:
    names = [axis.name for axis in axes]
    data = table.replace({name: {np.inf: np.nan, -np.inf: np.nan} for name in names}).dropna(subset=names)
    part = np.where(data["seen"].to_numpy(bool), "seen in training", "held out")
    data = data.assign(object_id=data.index.astype(str), part=part).reset_index(drop=True)
    known = [name for name in ("object_id", "part", "truth", "estimate") if name not in names]
    points = hv.Points(data[[*names, *known]], axes, known)
    return points.opts(
        color=hv.dim("part").categorize({"held out": BLUE, "seen in training": ORANGE}, default=BLUE),
        marker=hv.dim("part").categorize({"held out": "circle", "seen in training": "x"}, default="circle"),
        size=6,
        alpha=0.75,
        nonselection_alpha=0.75,
        tools=["hover", "tap"],
        backend_opts={"plot.output_backend": "webgl"} if len(data) > 5000 else {},
    )


def _shown(points: hv.Points, *, density: bool) -> hv.Points | hv.DynamicMap:
    if not len(points) or not (density or len(points) > MAX_POINTS):
        return points
    from holoviews.operation.datashader import rasterize  # seconds to import: only where it is needed

    objects = hv.Dimension("objects", label="Objects per pixel")
    raster = rasterize(points.clone(vdims=[]), pixel_ratio=0.25).redim(Count=objects)
    return raster.opts(cmap="viridis", cnorm="log", colorbar=True, tools=["hover"])


def _medians(data: pd.DataFrame) -> hv.Overlay:
    """Median residual in ten bins of equal number, with the 16th and 84th percentile as bars."""
    bins = pd.qcut(data["against"], 10, duplicates="drop") if data["against"].nunique() > 10 else None
    rows = [
        (part["against"].median(), *np.percentile(part["residual"], [50, 16, 84]))
        for _, part in (data.groupby(bins, observed=True) if bins is not None else [])
    ]
    middle = [(x, y, y - low, high - y) for x, y, low, high in rows]
    bars = hv.ErrorBars(middle, "against", ["residual", "below", "above"]).opts(
        color=GREY, line_width=1.5, lower_head=None, upper_head=None
    )
    dots = hv.Scatter([row[:2] for row in middle], "against", "residual")
    return bars * dots.opts(color="white", line_color=GREY, size=8, marker="diamond")


def _title(what: str, n: int, *, density: bool) -> str:
    if n > MAX_POINTS:
        return f"{what}: density of {n:,} objects (points up to {MAX_POINTS:,})"
    return f"{what}: {'density of ' if density else ''}{n:,} objects"
