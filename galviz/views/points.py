"""A plot of points, each an object, linked with a selection both ways."""

import holoviews as hv
import numpy as np
import panel as pn

from galviz.figures.truth import focus_mark
from galviz.selection import Selection


def linked_points(
    points: hv.Points, plot: hv.Overlay, selection: Selection, *, by_place: bool = False
) -> pn.pane.HoloViews:
    """Let a tap on a point bring its object into focus, and mark the point of the object in focus.

    The ids are those of this very plot: a tap that arrives after it was replaced still means what was tapped.

    Parameters
    ----------
    points : holoviews.Points
        A point an object, with a column object_id.
    plot : holoviews.Overlay or holoviews.DynamicMap of them
        What is shown, with `points` in it, or with their density.
    selection : Selection
    by_place : bool
        True where `plot` shows a density: a tap then means the object nearest to it.

    Returns
    -------
    panel.pane.HoloViews
    """
    axes = [axis.name for axis in points.kdims]
    place = points.data.set_index("object_id")[axes].astype(float)
    ids = place.index.to_numpy(dtype=object)

    def tapped(index: list[int]) -> None:
        if index:
            selection.focus = str(ids[max(index)])  # of points on one another, the one drawn on top

    def near(x: float | None, y: float | None) -> None:
        if x is not None and y is not None and len(ids):
            span = np.ptp(place.to_numpy(), axis=0)
            away = (place.to_numpy() - [x, y]) / np.where(span > 0, span, 1)
            selection.focus = str(ids[(away**2).sum(axis=1).argmin()])

    if by_place:
        hv.streams.Tap(source=points).add_subscriber(near)
    else:
        hv.streams.Selection1D(source=points).add_subscriber(tapped)

    def mark(focus: str | None) -> hv.Points:
        return focus_mark(place.loc[focus] if focus in place.index else None, points.kdims)

    drawn = plot[()] if isinstance(plot, hv.DynamicMap) else plot
    options = drawn.opts.get("plot").kwargs  # a product of plots forgets them
    marked = (plot * hv.DynamicMap(pn.bind(mark, selection.param.focus))).opts(**options)
    return pn.pane.HoloViews(marked, linked_axes=False, sizing_mode="stretch_width")
