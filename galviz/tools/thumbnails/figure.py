"""A map of thumbnails: each cell of a grid over two axes shows the object nearest to its centre."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import holoviews as hv
import numpy as np
import pandas as pd
from PIL import Image

from galviz.tools.display import Stretch
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.plots.colouring import VALUE, Colouring
from galviz.tools.plots.figure import focus_ring
from galviz.tools.style import FOCUS, GREY, frame, plain

MOST_CELLS = 20
"""Cells along each axis, if there are enough objects."""

Read = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray | None]]
"""Rows (n,) → images (n, B, H, W), and coverage of the same shape or None if all pixels were observed."""

_SIDE = 640  # size of the map on the page in px, along each axis
_GAP = 0.06  # gap between frames, as a fraction of a cell
_CORNERS = ["left", "low", "right", "high"]


@dataclass(frozen=True, eq=False)
class Cells:
    """The object shown in each cell of a grid.

    Parameters
    ----------
    rows : numpy.ndarray of int
        (K, K), row of the object; -1 for empty cells. Axis 0 is y, upwards; axis 1 is x.
    low, high : numpy.ndarray
        (2,), limits of the grid in x and y.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def shown(self) -> np.ndarray:
        """Rows of the objects shown, (n,), cell by cell from the lowest y upwards."""
        return self.rows[self.rows >= 0]

    @property
    def bounds(self) -> np.ndarray:
        """Left, low, right and high edge of the cell of each of `shown`, (n, 4)."""
        at = np.argwhere(self.rows >= 0)[:, ::-1]
        step = (self.high - self.low) / len(self.rows)
        return np.hstack([self.low + at * step, self.low + (at + 1) * step])

    def row_at(self, x: float, y: float) -> int:
        """Return the row shown in the cell at a place; -1 if there is none."""
        k, j = np.floor((np.array([x, y]) - self.low) / (self.high - self.low) * len(self.rows)).astype(int)
        inside = 0 <= k < len(self.rows) and 0 <= j < len(self.rows)
        return int(self.rows[j, k]) if inside else -1


def cells(places: np.ndarray, most: int = MOST_CELLS) -> Cells:
    """Return for each cell of a grid the object nearest to its centre.

    The grid covers the 1st to the 99th percentile of both axes. It has about as many cells as there are objects, but at
    most `most` × `most`.

    Parameters
    ----------
    places : numpy.ndarray
        (N, 2). Objects with NaN are ignored.
    most : int

    Returns
    -------
    Cells
    """
    known = np.flatnonzero(np.isfinite(places).all(axis=1))
    number = int(np.clip(np.sqrt(len(known)), 1, most))
    low, high = np.percentile(places[known], [1, 99], axis=0) if len(known) else (np.zeros(2), np.ones(2))
    low, high = np.where(high > low, low, low - 0.5), np.where(high > low, high, high + 0.5)
    at = (places[known] - low) / (high - low) * number
    whole = np.minimum(np.floor(at), number - 1)  # points on the last edge belong to the last cell
    inside = ((at >= 0) & (at <= number)).all(axis=1)
    x, y = whole[inside].astype(int).T
    away = ((at - whole - 0.5)[inside] ** 2).sum(axis=1)
    cell = y * number + x
    order = np.lexsort((away, cell))
    nearest = order[np.unique(cell[order], return_index=True)[1]]
    rows = np.full(number**2, -1)
    rows[cell[nearest]] = known[inside][nearest]
    return Cells(rows.reshape(number, number), low, high)


def picture(grid: Cells, read: Read, bands: Sequence[str], stretch: Stretch) -> np.ndarray:
    """Draw the images of a grid's objects, each in its cell.

    Parameters
    ----------
    grid : Cells
    read : callable
        Called once, with the rows that are shown.
    bands : sequence of str
        (B,) names along axis 1 of the images.
    stretch : Stretch

    Returns
    -------
    numpy.ndarray of uint8
        (K · H, K · W, 4), RGBA, the highest y first. Empty cells and unobserved pixels are transparent.
    """
    number = len(grid.rows)
    images, coverage = read(grid.shown)
    sheet = contact_sheet(images, coverage, bands, stretch, side=_SIDE // number)
    with Image.open(io.BytesIO(sheet.png)) as image:
        pixels = np.asarray(image.convert("RGBA"))
    drawn = np.zeros((number, number, sheet.height, sheet.width, 4), np.uint8)
    for k, (j, i) in enumerate(np.argwhere(grid.rows >= 0)):
        top, left = k // sheet.columns * sheet.height, k % sheet.columns * sheet.width
        drawn[number - 1 - j, i] = pixels[top : top + sheet.height, left : left + sheet.width]
    return drawn.swapaxes(1, 2).reshape(number * sheet.height, number * sheet.width, 4)


def thumbnail_map(
    grid: Cells,
    pixels: np.ndarray,
    ids: np.ndarray,
    *,
    axes: tuple[str, str],
    focus: hv.streams.Pipe,
    colour: Colouring | None = None,
) -> tuple[hv.Rectangles, hv.Overlay]:
    """Draw a map of thumbnails, each in a frame whose colour shows a value.

    Parameters
    ----------
    grid : Cells
    pixels : numpy.ndarray of uint8
        From `picture`.
    ids : numpy.ndarray of str
        Ids of all objects, (N,).
    axes : (str, str)
        Axis labels.
    focus : holoviews.streams.Pipe
        Its ``data`` are the row in focus (-1 for none) and its place, (int, float, float). The cell that shows it is
        framed; if none does, a ring marks its place.
    colour : Colouring, optional
        Values of all N objects; frames are grey without it, and for objects without a value.

    Returns
    -------
    frames : holoviews.Rectangles
        Source of taps.
    plot : holoviews.Overlay
    """
    dims = [hv.Dimension(name, label=plain(label)) for name, label in zip(("x", "y"), axes, strict=True)]
    left, low, right, high = *grid.low, *grid.high
    image = hv.RGB(pixels, dims, bounds=(left, low, right, high)).opts(default_tools=[])
    frames = _frames(grid, ids, colour)

    def framed(data: tuple[int, float, float]) -> hv.Rectangles:
        options = {"fill_alpha": 0, "line_color": FOCUS, "line_width": 4, "default_tools": []}
        return hv.Rectangles(grid.bounds[grid.shown == data[0]], _CORNERS).opts(**options)

    ring = hv.streams.Pipe(data=_outside(grid, focus.data))
    focus.add_subscriber(lambda data: ring.send(_outside(grid, data)))
    plot = image * frames * hv.DynamicMap(framed, streams=[focus]) * focus_ring(axes, ring)
    title = f"{axes[1]} against {axes[0]}: thumbnails of {len(grid.shown):,} among {len(ids):,} objects"
    size = {"responsive": False, "height": None, "frame_width": _SIDE, "frame_height": _SIDE}
    room = 0.02 * (grid.high - grid.low)
    ends = {
        "xlabel": plain(axes[0]),
        "ylabel": plain(axes[1]),
        "xlim": (left - room[0], right + room[0]),
        "ylim": (low - room[1], high + room[1]),
    }
    return frames, frame(plot, title=title, show_legend=False, show_grid=False, **size, **ends)


def _frames(grid: Cells, ids: np.ndarray, colour: Colouring | None) -> hv.Rectangles:
    inner = (grid.high - grid.low) / len(grid.rows) * _GAP / 2
    corners = grid.bounds + np.concatenate([inner, -inner])
    table = pd.DataFrame(corners, columns=_CORNERS).assign(object_id=ids[grid.shown])
    hover_columns, options = ["object_id"], {"line_color": GREY}
    if colour is not None:
        table[VALUE] = np.where(colour.known, colour.values, np.nan)[grid.shown]
        hover_columns, options = [*hover_columns, VALUE], {**colour.bar, "line_color": VALUE}
    tips = [("object_id", "@object_id"), *([] if colour is None else [(colour.label, f"@{VALUE}")])]
    return hv.Rectangles(table, _CORNERS, hover_columns).opts(
        fill_alpha=0,
        line_width=2,
        nonselection_alpha=1,
        tools=["hover"],
        default_tools=["pan", "wheel_zoom", "reset", "save"],
        hover_tooltips=tips,
        **options,
    )


def _outside(grid: Cells, focus: tuple[int, float, float]) -> np.ndarray:
    """Return the place (1, 2) of an object in focus that no cell shows; (0, 2) otherwise."""
    row, *place = focus
    return np.empty((0, 2)) if row < 0 or row in grid.shown else np.array([place])
