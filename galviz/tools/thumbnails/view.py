"""A map of thumbnails on the axes of a plot; a tap on a thumbnail sets the focus."""

import holoviews as hv
import numpy as np
import panel as pn
import param

from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import Figure, error_note, shown_error
from galviz.tools.plots.colouring import Colouring
from galviz.tools.plots.view import PlotView
from galviz.tools.thumbnails.figure import Cells, cells, picture, thumbnail_map
from galviz.tools.viewer.stretch_controls import StretchView


class ThumbnailsView(pn.viewable.Viewer):
    """A map of thumbnails with the axes, the colours and the selection of a plot.

    Parameters
    ----------
    plot : PlotView
        Provides x, y and colour, and the selection whose focus is shown and set.
    cutouts : CutoutSet
        Images of the plot's objects.
    stretch_view : StretchView
        Display settings.
    """

    version = param.Integer(default=0, doc="grows with each change of the map")

    def __init__(self, plot: PlotView, cutouts: CutoutSet, stretch_view: StretchView, **params: object) -> None:
        super().__init__(**params)
        self.plot, self.cutouts, self.stretch_view = plot, cutouts, stretch_view
        self.grid: Cells | None = None
        self._places = np.empty((0, 2))
        self._focus = hv.streams.Pipe(data=(-1, 0.0, 0.0))
        self._pictured = cutouts.catalogue.index.get_indexer(plot.table.index)
        self._kept: tuple[np.ndarray, tuple[np.ndarray, np.ndarray | None]] | None = None
        plot.param.watch(self._changed, ["x", "y", "colour"])
        stretch_view.watch(self._changed)
        plot.selection.param.watch(self._follow, ["focus"])

    def _changed(self, *_: param.parameterized.Event) -> None:
        self.version += 1

    def _follow(self, *_: param.parameterized.Event) -> None:
        self._focus.send(self._in_focus())

    def _in_focus(self) -> tuple[int, float, float]:
        index, focus = self.plot.table.index, self.plot.selection.focus
        row = index.get_loc(focus) if focus in index else -1
        there = 0 <= row < len(self._places) and np.isfinite(self._places[row]).all()
        return (row, *self._places[row]) if there else (-1, 0.0, 0.0)

    def read(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the images of rows of the plot's table, as a `thumbnails.figure.Read`. The last result is cached."""
        if self._kept is None or not np.array_equal(self._kept[0], rows):
            there, coverage = self._pictured[rows], self.cutouts.coverage
            self._kept = rows, (self.cutouts.images[there], None if coverage is None else coverage[there])
        return self._kept[1]

    def draw(self) -> tuple[np.ndarray, Cells, np.ndarray, Colouring | None]:
        """Return the places (N, 2) of all objects, the grid, its picture, and its colours or None.

        Raises
        ------
        ValueError
            If a name of the plot is neither a column nor an expression, or its values are not numbers.
        """
        plot, selection = self.plot, self.plot.selection
        places = np.column_stack([selection.values(name) for name in (plot.x, plot.y)])
        places[self._pictured < 0] = np.nan
        colour = Colouring(selection.values(plot.colour), plot.label(plot.colour)) if plot.colour.strip() else None
        grid = cells(places)
        return places, grid, picture(grid, self.read, self.cutouts.bands, self.stretch_view.stretch()), colour

    @param.depends("version")
    def body(self) -> pn.viewable.Viewable:
        """Return the map, or an error message."""
        try:
            self._places, self.grid, pixels, colour = self.draw()
        except (ValueError, KeyError, OSError) as error:
            return error_note(shown_error(error))
        self._focus = hv.streams.Pipe(data=self._in_focus())
        axes, ids = tuple(self.plot.label(name) for name in (self.plot.x, self.plot.y)), self.plot.table.index
        more = {"axes": axes, "focus": self._focus, "colour": colour}
        frames, shown = thumbnail_map(self.grid, pixels, ids.to_numpy(object), **more)
        hv.streams.Tap(source=frames).add_subscriber(self.tap)
        return Figure(shown, linked_axes=False)

    def tap(self, x: float | None, y: float | None) -> None:
        """Set the focus to the object shown at a place."""
        row = -1 if x is None or y is None or self.grid is None else self.grid.row_at(x, y)
        if row >= 0:
            self.plot.selection.focus = str(self.plot.table.index[row])

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.body, styles={"overflow-x": "auto"}, min_height=720, sizing_mode="stretch_width")
