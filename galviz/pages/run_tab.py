"""Tabs with a view of the selected run, such as best fits and latents."""

from collections.abc import Callable
from pathlib import Path

import panel as pn

from galviz.pages.latents import LatentsView
from galviz.pages.library import open_sky
from galviz.pages.page import StudyPage
from galviz.pages.repair_tab import RepairTab
from galviz.pages.tabs import TabContent, no_run
from galviz.runs.best_fits import KNOWN_FITS, LATENTS
from galviz.runs.run import ACTIVE, Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, error_note, note, shown_error

_FILES = ("model.safetensors", "predictions.parquet", LATENTS, KNOWN_FITS)


class RunTab(TabContent):
    """A tab with a view of the selected run, available once the run is done.

    Parameters
    ----------
    of : StudyPage
    name : str
        Name of the tab.
    make : callable
        Returns the view of a run and its sky.
    """

    def __init__(self, of: StudyPage, name: str, make: Callable[[Run, CutoutSet], pn.viewable.Viewable]) -> None:
        run = of.train.run.param
        super().__init__(of.page, name, self._new, self._stamp, of.page.param.run, run.predicted, run.status)
        self.of, self._view = of, make
        self.shown: pn.viewable.Viewable | None = None

    def _stamp(self) -> tuple[object, ...]:
        path = self.of.library.run_path(self.of.page.run)
        return path, *_stamps(path), path is not None and self.of.train.run.status in ACTIVE

    def _new(self) -> pn.viewable.Viewable:
        path = self.of.library.run_path(self.of.page.run)
        self.shown = None
        if path is None:
            return no_run(self.of.page)
        try:
            run = Run.open(path)
            if not run.weights.exists():
                return note(f"{run.name} is {run.state()['status']}: it can be used once it is done.")
            self.shown = self._view(run, open_sky(run.data))
        except REFUSED as error:
            return error_note(shown_error(error))
        return self.shown


def _stamps(path: Path | None) -> tuple[int, ...]:
    """Return the modification times (ns) of the files that a tab shows; 0 for missing files."""
    files = [] if path is None else [path / name for name in _FILES]
    return tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)


def repair_tab(of: StudyPage) -> RunTab:
    """Return the tab of best fits with hidden bands."""
    return RunTab(of, "repair", lambda run, cutouts: RepairTab(run, cutouts, of.page))


def latents_tab(of: StudyPage) -> RunTab:
    """Return the tab of latents."""
    return RunTab(of, "latents", lambda run, cutouts: LatentsView(run, cutouts, of.page.selection))
