"""The objects nearest to a threshold: a gallery just above it and one just below, with labelling by keys."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import GROW, text
from galviz.tools.gallery.album import Album
from galviz.tools.gallery.exchange import Exchange
from galviz.tools.gallery.view import GalleryGrid
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import StretchView

_TILE = 96


class NearView(pn.viewable.Viewer):
    """Two galleries of one table that share a selection. They hold row numbers, not copies of the table.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    cutouts : CutoutSet or None
    selection : Selection
        Selection over the table.
    """

    def __init__(self, table: pd.DataFrame, cutouts: CutoutSet | None, selection: Selection, **params: object) -> None:
        super().__init__(**params)
        self.table = table
        self.stretch_view = None if cutouts is None else StretchView(cutouts)
        height = 230 if cutouts is None else 300
        self.grids = [GalleryGrid(sizing_mode="stretch_width", height=height) for _ in range(2)]
        self.albums = [Album(table, cutouts) for _ in range(2)]
        self.exchanges = [
            Exchange(album, selection, grid.send, tile=_TILE, top=True)  # the nearest
            for album, grid in zip(self.albums, self.grids, strict=True)
        ]
        for album, grid, exchange in zip(self.albums, self.grids, self.exchanges, strict=True):
            album.rows, grid.on_message = album.rows[:0], exchange.receive
        if self.stretch_view is not None:
            self.stretch_view.watch(lambda *_: self._update(stretch=self.stretch_view.stretch()))

    def label_with(self, labels: Labels, keys: Mapping[str, str], columns: Mapping[str, str]) -> None:
        """Set the labels file, the label keys, and the columns shown under the pictures (short name → column)."""
        shown = pd.DataFrame({short: self.table[name] for short, name in columns.items()}, copy=False)
        for album in self.albums:
            album.labels, album.table = labels, shown
        self._update(keys=dict(keys), captions=tuple(shown.columns))

    def show(self, *rows: np.ndarray) -> None:
        """Show the rows just above and the rows just below the threshold, nearest first."""
        for album, exchange, now in zip(self.albums, self.exchanges, rows, strict=True):
            if not np.array_equal(album.rows, now):
                album.rows = now
                album.version += 1
                exchange.send_state()

    def _update(self, **changes: object) -> None:
        for exchange in self.exchanges:
            exchange.show(**changes)

    def __panel__(self) -> pn.viewable.Viewable:
        titles = ("▲ Just above the line, nearest first", "▼ Just below the line, nearest first")
        parts = [
            pn.Column(text(Markup("<h3>{}</h3>").format(title), margin=0), grid, styles=GROW)
            for title, grid in zip(titles, self.grids, strict=True)
        ]
        settings = (
            [] if self.stretch_view is None else [pn.Card(self.stretch_view, title="Display settings", collapsed=True)]
        )
        return pn.Column(pn.FlexBox(*parts, gap="12px"), *settings, sizing_mode="stretch_width", margin=(0, 10))
