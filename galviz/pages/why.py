"""The tab "why" of a page: the map of one object and what it means, the page's objects, the mean map of many."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import panel as pn

from galviz.pages.panes import Panes
from galviz.pages.polling import poll_while_open
from galviz.pages.workspace import Section, Workspace, fills, scrolls
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.class_words import with_class_words
from galviz.tools.gallery.view import Gallery
from galviz.tools.occlusion.mean_map import MeanView
from galviz.tools.occlusion.view import OcclusionView
from galviz.tools.selection.core import Selection

_EVERY_MS = 150


class WhyView(Workspace):
    """Explanations of a run's predictions.

    Parameters
    ----------
    run : Run
        A finished run.
    cutouts : CutoutSet
        Cutouts with the bands of the run.
    selection : Selection
        The object in focus is explained. The mean map is that of the selected objects in `cutouts`.
    """

    def __init__(self, run: Run, cutouts: CutoutSet, selection: Selection, **params: object) -> None:
        super().__init__(**params)
        self.cutouts, self.selection = cutouts, selection
        self.heading: list[Any] = []  # what a page says of the run

        def selected() -> Sequence[str]:
            ids = pd.Index(selection.ids, dtype=object)
            return ids[ids.isin(cutouts.catalogue.index)].to_numpy(object)

        self.one = OcclusionView(run, cutouts, selection)
        request = self.one.request
        self.mean = MeanView(run, cutouts, selected, request.settings, lambda: request.shown_band)
        self._main: pn.viewable.Viewable | None = None
        self._stop = poll_while_open(self.poll, self.cancel, _EVERY_MS)

    def poll(self) -> None:
        """Poll for new results."""
        self.one.poll()
        self.mean.poll()

    def cancel(self) -> None:
        """Cancel all running requests."""
        self.one.cancel()
        self.mean.cancel()

    def close(self) -> None:
        """Cancel all running requests, and follow the selection no longer; poll no more."""
        self._stop()
        self.one.close()
        self.cancel()

    def gallery(self) -> Any:
        """Return the gallery of the page's objects: those of the table that the page shows, as far as it has images."""
        table = self.selection.table
        if not len(table) or not table.index.isin(self.cutouts.catalogue.index).all():
            table = with_class_words(self.cutouts.catalogue, self.one.run.target)
        gallery = Gallery(self.cutouts, table, self.selection, height=330)
        return getattr(gallery, "pane", lambda: gallery)()

    def main(self) -> pn.viewable.Viewable:
        """Return which object it is and what its map means, and below them the panes."""
        if self._main is None:
            below = {"Objects": self.gallery, "Mean map": lambda: scrolls(self.mean)}
            panes = Panes({"Image and map": lambda: self.one.canvas}, below, stacked=True, tall=0.74)
            self._main = fills(self.one.head(), panes)
        return self._main

    def right(self) -> list[Section]:
        """Return the settings, and what a finished map says."""
        sections = [Section("Settings", self.one.settings()), Section("What the map points at", self.one.result)]
        return [*sections, *([Section("About this run", pn.Column(*self.heading))] if self.heading else [])]
