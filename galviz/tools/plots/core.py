"""Plots of a selection's table, without their page: drawing, and selecting with taps, boxes and lassos."""

from collections.abc import Callable

import holoviews as hv
import numpy as np
import pandas as pd
import param

from galviz.io.expressions import column, evaluate
from galviz.io.tables import safe_for_page
from galviz.tools.plots import figure as explore
from galviz.tools.plots.colouring import Colouring
from galviz.tools.selection.core import Selection
from galviz.tools.style import frame, plain_title

HEIGHT = 360
_REACH = 0.03  # largest distance of a tap from a point, as a fraction of the axes
MOST_VALUES = 30
"""Largest number of different values of a column in a matrix."""

Take = Callable[..., None]
"""Function that applies a step: a method of the selection and its arguments."""

Follow = Callable[..., None]
"""Function that updates a plot, given the events of the selection's parameters."""


def scatter(
    selection: Selection,
    names: tuple[str, str],
    axes: tuple[str, str],
    take: Take,
    *,
    density: bool,
    guide: str,
    colour: tuple[str, str] | None = None,
) -> tuple[hv.Overlay, Follow]:
    """Draw two columns or expressions against each other.

    Parameters
    ----------
    selection : Selection
        A tap on an object sets its focus.
    names, axes : (str, str)
        Columns or expressions, and their axis labels.
    take : callable
        Called with the step that a box or a lasso stands for.
    density : bool
        Whether to draw the density instead of points; always above `galviz.tools.plots.figure.MAX_POINTS`.
    guide : str
        One of `galviz.tools.plots.figure.GUIDES`.
    colour : (str, str), optional
        Column or expression that colours the objects, and its label.

    Returns
    -------
    plot : holoviews.Overlay
    follow : callable
        Updates the plot; call it with events of ``version`` and ``focus`` of the selection.

    Raises
    ------
    ValueError
        If a name is neither a column nor an expression, or its values are not numbers.
    """
    index, both = selection.table.index, np.column_stack([selection.values(name) for name in names])
    drawn = np.isfinite(both).all(axis=1)
    place, rows = both[drawn], np.flatnonzero(drawn)
    chosen = hv.streams.Pipe(data=place[selection.mask[drawn]])
    ring = hv.streams.Pipe(data=_place_of_focus(selection, both))
    dense = density or len(rows) > explore.MAX_POINTS
    coloured = None if colour is None else Colouring(selection.values(colour[0])[drawn], colour[1])
    looks = {"axes": axes, "chosen": chosen, "colour": coloured}
    if dense:
        source, plot = explore.point_density(*place.T, **looks)
    else:
        exact = tuple(_exact(selection.table, name, drawn) for name in (*names, *((colour or ())[:1])))
        source, plot = explore.point_cloud(*place.T, index.to_numpy(object)[drawn], exact=exact, **looks)

    def follow(*events: param.parameterized.Event) -> None:
        if any(event.name == "version" for event in events):
            chosen.send(place[selection.mask[drawn]])
        ring.send(_place_of_focus(selection, both))

    _listen(source, selection, names, take, {"place": place, "rows": rows})
    line = explore.guide(guide, *place.T) if len(place) else None
    whole = (plot if line is None else plot * line) * explore.focus_ring(axes, ring)
    low, high = explore.plane_limits(place, equal=guide == "1:1 line")
    window = {"xlim": (low[0], high[0]), "ylim": (low[1], high[1]), "active_tools": ["box_select"]}
    title = _title(axes, len(rows), len(index), dense=dense, coloured=coloured)
    return frame(whole, title=title, show_legend=False, height=HEIGHT, **window), follow


def _listen(
    source: hv.Element, selection: Selection, names: tuple[str, str], take: Take, drawn: dict[str, np.ndarray]
) -> None:
    """Connect taps, boxes and lassos in a scatter plot to the selection.

    `drawn` holds the places (n, 2) of the points and their rows (n,) in the table.
    """

    def tapped(x: float | None, y: float | None) -> None:
        found = _nearest(drawn["place"], (x, y)) if x is not None and y is not None else None
        if found is not None:
            selection.focus = str(selection.table.index[drawn["rows"][found]])

    def boxed(bounds: tuple[float, float, float, float] | None) -> None:
        if bounds is not None:
            left, low, right, high = bounds
            take(selection.box, {names[0]: (left, right), names[1]: (low, high)})

    def lassoed(geometry: np.ndarray | None) -> None:
        if geometry is not None and len(geometry) >= 3:
            take(selection.lasso, *names, geometry)

    streams = (hv.streams.Tap, hv.streams.BoundsXY, hv.streams.Lasso)
    for stream, heard in zip(streams, (tapped, boxed, lassoed), strict=True):
        stream(source=source).add_subscriber(heard)


def histogram(
    selection: Selection, name: str, axis: str, take: Take, *, bins: int, logarithmic: bool
) -> tuple[hv.Overlay, Follow]:
    """Draw a histogram of a column or an expression; parameters and results as in `scatter`."""
    values = selection.values(name)
    known = np.isfinite(values)
    edges = np.histogram_bin_edges(values[known], bins=bins)

    def counted(mask: np.ndarray) -> np.ndarray:
        return np.histogram(values[known & mask], bins=edges)[0]

    chosen = hv.streams.Pipe(data=counted(selection.mask))
    source, plot = explore.bars(edges, counted(known), axis=axis, chosen=chosen, logarithmic=logarithmic)

    def follow(*events: param.parameterized.Event) -> None:
        if any(event.name == "version" for event in events):
            chosen.send(counted(selection.mask))

    def tapped(x: float | None, y: float | None) -> None:  # noqa: ARG001 - the stream passes it
        k = -1 if x is None else int(np.searchsorted(edges, x, side="right")) - 1
        if 0 <= k < len(edges) - 1:  # an edge belongs to the bar on its right, the last one to the last bar
            high = edges[k + 1] if k == len(edges) - 2 else np.nextafter(edges[k + 1], -np.inf)
            take(selection.box, {name: (edges[k], high)})

    def boxed(boundsx: tuple[float, float] | None) -> None:
        if boundsx:
            take(selection.box, {name: boundsx})

    hv.streams.Tap(source=source).add_subscriber(tapped)
    hv.streams.BoundsX(source=source).add_subscriber(boxed)
    return frame(plot, title=_title((axis,), int(known.sum()), len(values)), show_legend=False, height=HEIGHT), follow


def matrix(
    selection: Selection, names: tuple[str, str], axes: tuple[str, str], take: Take
) -> tuple[hv.Overlay, Follow]:
    """Draw the joint counts of the values of two columns; parameters and results as in `scatter`.

    Raises
    ------
    ValueError
        If a column has too many different values.
    """
    table = selection.table
    written = [column(name) if name in table.columns else name for name in names]
    values = [_integers(table, name, evaluate(one, table)) for name, one in zip(names, written, strict=True)]
    x, y = (_as_text(one) for one in values)
    known = pd.notna(x) & pd.notna(y)
    counts = pd.crosstab(y[known], x[known])
    for name, number in zip(names, counts.shape[::-1], strict=True):
        if number > MOST_VALUES:
            raise ValueError(
                f"matrix: expected at most {MOST_VALUES} different values, got {number} of {name!r}. "
                "Draw it as a scatter plot."
            )
    source, plot = explore.count_matrix(counts, axes=axes)

    def tapped(x: str | None, y: str | None) -> None:
        if x in counts.columns and y in counts.index:
            cell = [f"{w} == {_literal(v, one)}" for w, v, one in zip(written, (x, y), values, strict=True)]
            take(selection.where, " and ".join(cell))

    hv.streams.Tap(source=source).add_subscriber(tapped)
    title = _title(axes, int(known.sum()), len(table))
    return plot.opts(title=plain_title(title), height=HEIGHT), lambda *_: None


def _place_of_focus(selection: Selection, places: np.ndarray) -> np.ndarray:
    index, focus = selection.table.index, selection.focus
    at = places[[index.get_loc(focus)]] if focus in index else places[:0]
    return at[np.isfinite(at).all(axis=1)]


def _nearest(places: np.ndarray, at: tuple[float, float]) -> int | None:
    if not len(places):
        return None
    span = np.ptp(places, axis=0)
    away = (((places - at) / np.where(span > 0, span, 1)) ** 2).sum(axis=1)
    nearest = int(away.argmin())
    return nearest if away[nearest] < _REACH**2 else None


def _exact(table: pd.DataFrame, name: str, rows: np.ndarray) -> np.ndarray | None:
    """Return an integer column as text if floats cannot hold its values (ids of 19 digits), else None."""
    if name not in table.columns or not pd.api.types.is_integer_dtype(table[name]):
        return None
    text = safe_for_page(table[[name]])[name][rows]
    return None if pd.api.types.is_integer_dtype(text) else text.to_numpy(object)


def _integers(table: pd.DataFrame, name: str, values: np.ndarray) -> np.ndarray:
    """Return an integer column as Python integers with None for missing values; other values unchanged."""
    if name not in table.columns or not pd.api.types.is_integer_dtype(table[name]):
        return values
    return np.array([None if pd.isna(value) else int(value) for value in table[name]], dtype=object)


def _as_text(values: np.ndarray) -> np.ndarray:
    if values.dtype == object:
        return np.array([None if pd.isna(value) else str(value) for value in values], dtype=object)
    numbers = values.astype(float)
    return np.where(np.isfinite(numbers), [f"{value:g}" for value in numbers], None).astype(object)


def _literal(value: str, values: np.ndarray) -> str:
    """Return a value of a matrix as a literal of an expression."""
    if values.dtype == bool:
        return str(value == "1")
    texts = values.dtype == object and not any(isinstance(one, int) for one in values)
    return repr(str(value)) if texts else value


def _title(
    axes: tuple[str, ...], drawn: int, total: int, *, dense: bool = False, coloured: Colouring | None = None
) -> str:
    missing = "" if drawn == total else f"; {total - drawn:,} without a value are not drawn"
    grey = 0 if coloured is None else int((~coloured.known).sum())
    missing += f"; {grey:,} without {coloured.label} are grey" if grey else ""
    what = f"{axes[1]} against {axes[0]}" if len(axes) == 2 else axes[0]
    how = "" if not dense else "density of all " if coloured is None else "means of all "
    return f"{what}: {how}{drawn:,} objects{missing}"
