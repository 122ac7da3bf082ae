"""Plots of a selection's table, without their page: drawing, and selecting with taps, boxes and lassos."""

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
import param

from galviz.io.expressions import column, columns_in, evaluate
from galviz.io.tables import safe_for_page
from galviz.measure.stand_ins import stand_ins
from galviz.sky.readers.positions import with_positions
from galviz.tasks.class_words import class_words
from galviz.tasks.pair import error_column
from galviz.tools.plots import figure as explore
from galviz.tools.plots.colouring import SIGNS, Categories, Colouring
from galviz.tools.plots.defaults import MOST_VALUES, is_magnitude
from galviz.tools.plots.projection import FIELD, Projection
from galviz.tools.selection.core import Selection
from galviz.tools.selection.polygon import inside
from galviz.tools.style import frame, no_logo, notebook_colours, plain, plain_title

MIN_HEIGHT = 260
MOST_BARS = 5000
"""Largest number of objects whose error bars are drawn."""
_REACH = 0.03  # largest distance of a tap from a point, as a fraction of the axes
_FILLS = {"height": None, "min_height": MIN_HEIGHT}  # a plot fills the pane that it stands in

Take = Callable[..., None]
"""Function that applies a step: a method of the selection and its arguments."""

Follow = Callable[..., None]
"""Function that updates a plot, given the events of the selection's parameters."""


@dataclass(frozen=True)
class Drawing:
    """How a scatter plot or a sky map is drawn.

    Parameters
    ----------
    density : bool
        Whether to draw the density instead of points; always above `galviz.tools.plots.figure.MAX_POINTS`.
    guide : str
        One of `galviz.tools.plots.figure.GUIDES`.
    log : (bool, bool)
        Whether the axes x and y are logarithmic.
    backwards : (bool, bool)
        Whether the axes x and y run from high to low values.
    median : bool
        Whether to draw the running median of y with its band from the 16th to the 84th percentile.
    contours : bool
        Whether to draw contours that hold 95, 68 and 30 % of the objects.
    errors : (str, str)
        Columns or expressions with the 1 σ errors of x and y; "" for none.
    subsets : bool
        Whether each named subset has its own colour and shape, instead of `colour`.
    """

    density: bool = False
    guide: str = "none"
    log: explore.Log = (False, False)
    backwards: tuple[bool, bool] = (False, False)
    median: bool = False
    contours: bool = False
    errors: tuple[str, str] = ("", "")
    subsets: bool = False


@dataclass(frozen=True, eq=False)
class _Plane:
    """Where the objects are in a plot, and what a box or a lasso in it selects.

    `places` are (N, 2), NaN where an object is not drawn. `exact` are texts for the tooltip, as in `point_cloud`.
    """

    places: np.ndarray
    axes: tuple[str, str]
    box: Callable[[tuple[float, float, float, float]], None]
    lasso: Callable[[np.ndarray], None]
    exact: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    called: tuple[str, str] | None = None


def scatter(
    selection: Selection,
    names: tuple[str, str],
    axes: tuple[str, str],
    take: Take,
    *,
    drawing: Drawing = Drawing(),
    colour: tuple[str, str] | None = None,
    units: tuple[str, str] = ("", ""),
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
    drawing : Drawing
    colour : (str, str), optional
        Column or expression that colours the objects, and its label. Texts, true and false, and whole numbers with few
        values are categories: each has its own colour and shape.
    units : (str, str)
        Units of x and y, for the axes.

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
    table, log = selection.table, drawing.log
    values = np.stack([selection.values(name) for name in names]).T  # each column in one piece: 10⁷ rows are read fast
    drawn, low = np.isfinite(values).all(axis=1), np.zeros(len(values), dtype=bool)
    for column_values, is_log in zip(values.T, log, strict=True):
        if is_log:
            low |= drawn & (column_values <= 0)
    places = np.where(low[:, None], np.nan, values) if low.any() else values
    drawn &= ~low
    rows = _rows(drawn)

    def box(bounds: tuple[float, float, float, float]) -> None:
        left, bottom, right, top = bounds
        take(selection.box, {names[0]: (left, right), names[1]: (bottom, top)})

    def lasso(corners: np.ndarray) -> None:
        # Its sides are straight as they are drawn: between logarithms on a logarithmic axis.
        written = (column(name) if name in table.columns else name for name in names)
        over = (f"log10({one})" if is_log else name for one, name, is_log in zip(written, names, log, strict=True))
        take(selection.lasso, *over, np.where(log, np.log10(np.where(log, corners, 1.0)), corners))

    shown = values[rows]
    exact = (None, None) if _dense(drawing, shown) else tuple(_exact(table, name, drawn) for name in names)
    plane = _Plane(places, tuple(map(with_unit, axes, units)), box, lasso, exact)
    coloured = _coloured(selection, colour, drawn, drawing)
    equal = drawing.guide == "1:1 line"

    def limits() -> tuple[tuple[np.ndarray, np.ndarray], int]:
        usual = _usual(selection, names)[rows]
        ends, outside = explore.first_limits(shown[_rows(usual)], equal=equal, log=log)
        others = shown[~usual]
        return ends, outside + int(((others < ends[0]) | (others > ends[1])).any(axis=1).sum())

    ends, outside = selection.once(("limits", names, log, equal), limits)
    plot, follow = _objects(selection, plane, drawing, coloured, colour=colour, ends=ends)
    errors = [selection.values(name)[rows] if name else None for name in drawing.errors]
    median = partial(selection.once, ("median", names, log), lambda: explore.running_median(*shown.T))
    plot, notes = _with_lines(plot, drawing, shown, errors, median)
    notes = [f"{outside:,} lie outside the axes (zoom out to see them)"] * bool(outside) + notes
    notes = [f"{int(low.sum()):,} at or below 0 are not drawn on a logarithmic axis"] * bool(low.any()) + notes
    title = _title(axes, len(shown), len(table) - int(low.sum()), dense=_dense(drawing, shown), coloured=coloured)
    options = {"logx": log[0], "logy": log[1], "title": "; ".join([title, *notes])} | _directions(drawing)
    return _framed(plot, plane.axes, ends, coloured, **options), follow


def _usual(selection: Selection, names: Iterable[str]) -> np.ndarray:
    """Return which objects have no number that perhaps stands for a missing value, in the columns of a plot: (N,)."""
    table, usual = selection.table, np.ones(len(selection.table), dtype=bool)
    for name in dict.fromkeys(one for axis in names for one in columns_in(axis, table)):
        if pd.api.types.is_numeric_dtype(table[name]) and (found := stand_ins(selection.values(name))):
            usual &= ~np.isin(selection.values(name), list(found))
    return usual


def _with_lines(
    plot: hv.Overlay,
    drawing: Drawing,
    shown: np.ndarray,
    errors: list[np.ndarray | None],
    median: Callable[[], np.ndarray],
) -> tuple[hv.Overlay, list[str]]:
    """Add error bars below the objects (n, 2), and contours and lines above them; also return notes for the title."""
    notes: list[str] = []
    if any(error is not None for error in errors) and len(shown) > MOST_BARS:
        notes.append(f"error bars are drawn for up to {MOST_BARS:,} objects")
        errors = [None, None]
    for error, across in zip(errors, (True, False), strict=True):
        if error is not None:
            plot = explore.error_bars(*shown.T, error, horizontal=across, log=drawing.log) * plot
    bare = np.zeros(len(shown), dtype=bool)
    for error in errors:
        bare |= False if error is None else ~(error > 0)
    notes += [f"{int(bare.sum()):,} objects have no error bar"] * bool(bare.any())
    if drawing.contours and len(shown) > 1:
        plot = plot * explore.contours(*shown.T, drawing.log)
    line = explore.guide(drawing.guide, *shown.T, drawing.log) if len(shown) else None
    plot = plot if line is None else plot * line
    if drawing.median:
        rows = median()
        plot = plot * explore.median_band(rows) if len(rows) else plot
    return plot, notes


def sky_map(
    selection: Selection,
    names: tuple[str, str],
    take: Take,
    *,
    drawing: Drawing = Drawing(),
    colour: tuple[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> tuple[hv.Overlay, Follow]:
    """Draw objects on the sky, east to the left: a small field in its tangent plane, else Mollweide's projection.

    Parameters and results are as in `scatter`.

    Parameters
    ----------
    names : (str, str)
        Columns of right ascension and declination: degrees, hours, or sexagesimal text.
    units : mapping of str to str, optional
        Column → unit.

    Raises
    ------
    ValueError
        If these are no positions.
    """
    table, index = selection.table, selection.table.index
    for name in names:
        if name not in table.columns:
            raise ValueError(f"sky map: expected columns with right ascension (x) and declination (y), got {name!r}.")
    both = dict(zip(("ra", "dec"), names, strict=True))
    degrees = with_positions(table[list(dict.fromkeys(names))], units, both)[0][["ra", "dec"]].to_numpy(float)
    known = np.isfinite(degrees).all(axis=1)
    projection = Projection.of(*degrees[known].T)
    places = np.full(degrees.shape, np.nan)
    places[known] = projection.project(*degrees[known].T)
    straight = _as_written(table, names, degrees) and (projection.whole or abs(projection.dec) + FIELD < 90)

    def lasso(corners: np.ndarray) -> None:
        outline = projection.outline(corners)
        if straight:
            take(selection.lasso, _unbroken(names[0], degrees[known, 0], projection.ra), names[1], outline)
        else:  # no expression of the columns gives degrees, or the outline may hold a pole
            take(selection.choose, index[inside(*places.T, corners)].tolist())

    def box(bounds: tuple[float, float, float, float]) -> None:
        left, low, right, high = bounds
        lasso(np.array([(left, low), (right, low), (right, high), (left, high)]))

    drawn = np.isfinite(places).all(axis=1)
    few = len(places) <= explore.MAX_POINTS
    exact = tuple(table[name][drawn].astype("str").to_numpy(object) if few else None for name in names)
    axes = (
        f"East of RA {projection.ra:.4f}° ({projection.unit})",
        f"North of Dec {projection.dec:+.4f}° ({projection.unit})",
    )
    plane = _Plane(places, axes, box, lasso, exact, names)
    coloured = _coloured(selection, colour, drawn, drawing)
    ends, options = explore.plane_limits(places[drawn]), {"invert_xaxis": True}
    plot, follow = _objects(selection, plane, drawing, coloured, colour=colour, ends=ends)
    plot = plot * explore.contours(*places[drawn].T) if drawing.contours and drawn.sum() > 1 else plot
    if projection.whole:
        plot = explore.sky_grid(projection) * plot
        ends = np.array([-3.05, -1.5]), np.array([3.05, 1.5])
        options |= {"xaxis": None, "yaxis": None, "show_grid": False}
    what = "All sky (Mollweide)" if projection.whole else "Field (tangent plane)"
    title = _title((what,), int(drawn.sum()), len(table), dense=_dense(drawing, places[drawn]), coloured=coloured)
    hooks = [no_logo, notebook_colours, explore.keep_square]
    return _framed(plot, plane.axes, ends, coloured, title=title, hooks=hooks, **options), follow


def _as_written(table: pd.DataFrame, names: tuple[str, str], degrees: np.ndarray) -> bool:
    """Return whether columns hold the degrees themselves."""
    return all(
        pd.api.types.is_numeric_dtype(table[name])
        and np.array_equal(table[name].to_numpy(float, na_value=np.nan), values, equal_nan=True)
        for name, values in zip(names, degrees.T, strict=True)
    )


def _unbroken(name: str, ra: np.ndarray, centre: float) -> str:
    """Return an expression of RA within 180° of the centre of a map; the column itself where it is so already."""
    low = round(centre - 180, 6)
    if len(ra) and low <= ra.min() and ra.max() < low + 360:
        return name
    return f"({column(name)} - ({low!r})) % 360 + ({low!r})"


def with_unit(label: str, unit: str) -> str:
    """Return an axis label with its unit: ``"z_err (km / s)"``."""
    return f"{label} ({unit})" if unit and not label.endswith(f"({unit})") else label


def unit_of(name: str, table: pd.DataFrame, units: Mapping[str, str]) -> str:
    """Return the unit of a column, or of a sum or difference of two columns in one unit; "" if not known."""
    if name in table.columns:
        return units.get(name, "")
    try:
        tree = ast.parse(name.strip(), mode="eval").body
    except SyntaxError:
        return ""
    if not (isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add | ast.Sub)):
        return ""
    known = {column(str(each)): units.get(str(each), "") for each in table.columns}
    found = {known.get(ast.unparse(side), "") for side in (tree.left, tree.right)}
    return found.pop() if len(found) == 1 else ""


def usual_directions(table: pd.DataFrame, names: tuple[str, str], units: Mapping[str, str]) -> tuple[bool, bool]:
    """Return which axes usually run from high to low values: magnitudes."""
    return is_magnitude(table, names[0], units), is_magnitude(table, names[1], units)


def error_columns(table: pd.DataFrame, names: tuple[str, str]) -> tuple[str, str]:
    """Return the columns with the errors of two columns, by their names; "" for none."""
    return error_column(table, names[0]), error_column(table, names[1])


def _directions(drawing: Drawing) -> dict[str, bool]:
    return {"invert_xaxis": drawing.backwards[0], "invert_yaxis": drawing.backwards[1]}


def _dense(drawing: Drawing, shown: np.ndarray) -> bool:
    return drawing.density or len(shown) > explore.MAX_POINTS


def _framed(
    plot: hv.Overlay,
    axes: tuple[str, str],
    ends: tuple[np.ndarray, np.ndarray],
    coloured: Colouring | Categories | None,
    **options: Any,
) -> hv.Overlay:
    """Set the options of a scatter plot or a map."""
    (left, low), (right, high) = ends
    window = {"xlim": (left, right), "ylim": (low, high), "active_tools": ["box_select"]}
    window |= dict(zip(("xlabel", "ylabel"), map(plain, axes), strict=True))  # else the first layer would name them
    legend = {"show_legend": isinstance(coloured, Categories), "legend_position": "top", "legend_cols": 4}
    return frame(plot, **legend, **_FILLS, **window, **options)


def _coloured(
    selection: Selection, colour: tuple[str, str] | None, drawn: np.ndarray, drawing: Drawing
) -> Colouring | Categories | None:
    """Return the colours of the objects that are drawn."""
    if drawing.subsets and selection.names:
        return Categories.of_subsets({name: selection.subset(name) for name in selection.names}, drawn)
    if colour is None:
        return None
    name, label = colour
    table = selection.table
    values = evaluate(column(name) if name in table.columns else name, table)[_rows(drawn)]
    if values.dtype in (bool, object):
        return Categories.of(values, label, class_words(table, name))
    if name in table.columns and pd.api.types.is_integer_dtype(table[name]):
        known = table[name].dropna()
        if len(known) and known.abs().max() < 1000 and known.nunique() <= len(SIGNS):  # the codes of classes
            return Categories.of(values, label, class_words(table, name))
    return Colouring(values.astype(np.float64, copy=False), label)


def _rows(drawn: np.ndarray) -> np.ndarray | slice:
    """Return which rows are drawn, as an index: where all are, one that copies nothing."""
    return slice(None) if drawn.all() else drawn


def _objects(
    selection: Selection,
    plane: _Plane,
    drawing: Drawing,
    coloured: Colouring | Categories | None,
    *,
    colour: tuple[str, str] | None,
    ends: tuple[np.ndarray, np.ndarray],
) -> tuple[hv.Overlay, Follow]:
    """Draw the objects, those selected and the one in focus, and connect taps, boxes and lassos.

    Returns the plot and what updates it.
    """
    index, both = selection.table.index, plane.places
    drawn = np.isfinite(both).all(axis=1)
    rows = _rows(drawn)
    place = both[rows]
    selected = hv.streams.Pipe(data=place[selection.mask[rows]])
    ring = hv.streams.Pipe(data=_place_of_focus(selection, both))
    options = {"axes": plane.axes, "selected": selected, "colour": coloured}
    if _dense(drawing, place):
        source, plot = explore.point_density(*place.T, **options, log=drawing.log, limits=ends)
    else:
        value = colour is not None and isinstance(coloured, Colouring)
        exact = (*plane.exact, *([_exact(selection.table, colour[0], drawn)] if value else []))
        ids = index.to_numpy(object)[rows]
        source, plot = explore.point_cloud(*place.T, ids, exact=exact, called=plane.called, **options)

    def follow(*events: param.parameterized.Event) -> None:
        if any(event.name == "version" for event in events):
            selected.send(place[selection.mask[rows]])
        ring.send(_place_of_focus(selection, both))

    def focus(at: tuple[float, float]) -> None:
        found = _nearest(place, at, drawing.log)
        if found is not None:
            selection.focus = str(index[np.flatnonzero(drawn)[found]])

    _listen(source, focus, plane)
    return plot * explore.focus_ring(plane.axes, ring), follow


def _listen(source: hv.Element, focus: Callable[[tuple[float, float]], None], plane: _Plane) -> None:
    """Connect taps, boxes and lassos in a plot to the selection."""

    def tapped(x: float | None, y: float | None) -> None:
        if x is not None and y is not None:
            focus((x, y))

    def boxed(bounds: tuple[float, float, float, float] | None) -> None:
        if bounds is not None:
            plane.box(bounds)

    def lassoed(geometry: np.ndarray | None) -> None:
        if geometry is not None and len(geometry) >= 3:
            plane.lasso(np.asarray(geometry, dtype=float))

    streams = (hv.streams.Tap, hv.streams.BoundsXY, hv.streams.Lasso)
    for stream, handler in zip(streams, (tapped, boxed, lassoed), strict=True):
        stream(source=source).add_subscriber(handler)


def histogram(
    selection: Selection,
    name: str,
    axis: str,
    take: Take,
    *,
    bins: int,
    logarithmic: bool,
    unit: str = "",
    log: bool = False,
    reverse: bool = False,
) -> tuple[hv.Overlay, Follow]:
    """Draw a histogram of a column or an expression; parameters and results as in `scatter`.

    `logarithmic` is the axis of the counts. With `log`, values above 0 are counted in bins of equal width in log10.
    """
    values = selection.values(name)
    known = np.isfinite(values) & (values > 0 if log else True)
    perhaps = known & ~_usual(selection, [name])
    known &= ~perhaps
    edges = np.histogram_bin_edges(np.log10(values[known]) if log else values[known], bins=bins)
    edges = 10**edges if log else edges
    if log and known.any() and np.ptp(values[known]) > 0:  # rounding must not push an end out of the bins
        edges[[0, -1]] = values[known].min(), values[known].max()

    rows = _rows(known)
    # The bar of each value, found once: a selection is then counted without sorting it.
    bar_of = np.clip(np.searchsorted(edges, values[rows], side="right") - 1, 0, len(edges) - 2).astype(np.int16)

    def counted(mask: np.ndarray) -> np.ndarray:
        return np.bincount(bar_of[mask[rows]], minlength=len(edges) - 1)

    selected = hv.streams.Pipe(data=counted(selection.mask))
    named = {"axis": with_unit(axis, unit), "selected": selected}
    source, plot = explore.bars(edges, counted(known), **named, logarithmic=logarithmic)

    def follow(*events: param.parameterized.Event) -> None:
        if any(event.name == "version" for event in events):
            selected.send(counted(selection.mask))

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
    low = int((values[~perhaps] <= 0).sum()) if log else 0
    title = _title((axis,), int(known.sum()), len(values) - low - int(perhaps.sum()))
    title += f"; {int(perhaps.sum()):,} perhaps missing are not counted" if perhaps.any() else ""
    title += f"; {low:,} at or below 0 are not counted on a logarithmic axis" if low else ""
    options = {"logx": log, "invert_xaxis": reverse}
    return frame(plot, title=title, show_legend=False, **_FILLS, **options), follow


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
            cell = [_is(w, v, one) for w, v, one in zip(written, (x, y), values, strict=True)]
            take(selection.where, " and ".join(cell))

    hv.streams.Tap(source=source).add_subscriber(tapped)
    title = _title(axes, int(known.sum()), len(table))
    return plot.opts(title=plain_title(title), **_FILLS), lambda *_: None


def _place_of_focus(selection: Selection, places: np.ndarray) -> np.ndarray:
    index, focus = selection.table.index, selection.focus
    at = places[[index.get_loc(focus)]] if focus in index else places[:0]
    return at[np.isfinite(at).all(axis=1)]


def _nearest(places: np.ndarray, at: tuple[float, float], log: explore.Log = (False, False)) -> int | None:
    if not len(places):
        return None
    if any(log):  # as far as it looks
        places = np.where(log, np.log10(np.where(log, places, 1.0)), places)
        at = tuple(np.where(log, np.log10(np.where(log, np.maximum(at, 1e-300), 1.0)), at))
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


def _is(name: str, value: str, values: np.ndarray) -> str:
    """Return the condition that a column or an expression has a value of a matrix."""
    if values.dtype == bool:
        return f"{name} == {value == '1'}"
    some = next((one for one in values if not pd.isna(one)), None)
    if isinstance(some, bool | np.bool_):  # flags with gaps compare as text
        return f"{name} in ({value},)"
    texts = values.dtype == object and not isinstance(some, int)
    return f"{name} == {str(value)!r}" if texts else f"{name} == {value}"


def _title(
    axes: tuple[str, ...],
    drawn: int,
    total: int,
    *,
    dense: bool = False,
    coloured: Colouring | Categories | None = None,
) -> str:
    missing = "" if drawn == total else f"; {total - drawn:,} without a value are not drawn"
    grey = 0 if coloured is None else int((~coloured.known).sum())
    missing += f"; {grey:,} without {coloured.label} are grey" if grey else ""
    what = f"{axes[1]} against {axes[0]}" if len(axes) == 2 else axes[0]
    kind = "density" if coloured is None else "means" if isinstance(coloured, Colouring) else "most frequent"
    how = f"{kind} of all " if dense else ""
    return f"{what}: {how}{drawn:,} objects{missing}"
