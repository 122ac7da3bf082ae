"""The inpainting page: tabs for best fits and latents, and the tabs of every study except "why"."""

from collections.abc import Callable, Sequence
from pathlib import Path

import panel as pn

from galviz.pages.latents import LatentsView
from galviz.pages.library import Library, open_sky
from galviz.pages.page import StudyPage, study_page
from galviz.pages.repair_tab import RepairTab
from galviz.pages.state import TABS, Chooser, PageState, keep_in_address
from galviz.runs.run import ACTIVE, Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import inpainting
from galviz.tools.formatting import REFUSED, note, said, shown_error

REPAIR, LATENTS = "repair", "latents"
"""Names of the page's own tabs. They replace "why": best fits have no output to explain."""

_FILES = ("model.safetensors", "predictions.parquet", inpainting.LATENTS, inpainting.KNOWN_FITS)


class OfRun(pn.viewable.Viewer):
    """A tab with a view of the selected run, available once the run is done.

    Parameters
    ----------
    of : StudyPage
    make : callable
        Returns the view of a run and its sky.
    """

    def __init__(self, of: StudyPage, make: Callable[[Run, CutoutSet], pn.viewable.Viewable]) -> None:
        super().__init__()
        self.of, self._make = of, make
        self.shown: pn.viewable.Viewable | None = None
        self._of: tuple[object, ...] = ()
        self._body: pn.viewable.Viewable | None = None

    def body(self, *_: object) -> pn.viewable.Viewable:
        """Return the view of the selected run; rebuilt only if the run or its files change."""
        path = self.of.library.run_path(self.of.page.run)
        of = path, *_stamps(path), path is not None and self.of.train.run.status in ACTIVE
        if self._body is None or of != self._of:
            if self.shown is not None and hasattr(self.shown, "cancel"):
                self.shown.cancel()
            self._of, self.shown = of, None
            self._body = self._new(path)
        return self._body

    def _new(self, path: Path | None) -> pn.viewable.Viewable:
        if path is None:
            return note("No run yet: train one first, on the tab Train.")
        try:
            run = Run.open(path)
            if not run.weights.exists():
                return note(f"{run.name} is {run.state()['status']}: it can be used once it is done.")
            self.shown = self._make(run, open_sky(run.data))
        except REFUSED as error:
            return said(shown_error(error))
        return pn.Column(self.shown, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        run = self.of.train.run.param
        chooser = Chooser(self.of.page, "run", lambda: self.of.library.runs()[0], "Run")
        follow = pn.bind(self.body, self.of.page.param.run, *(run[name] for name in ("predicted", "status")))
        return pn.Column(chooser, follow, sizing_mode="stretch_width")


def _stamps(path: Path | None) -> tuple[int, ...]:
    """Return the modification times (ns) of the files that a tab shows; 0 for missing files."""
    files = [] if path is None else [path / name for name in _FILES]
    return tuple(file.stat().st_mtime_ns if file.is_file() else 0 for file in files)


def inpainting_page(paths: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        Skies, runs or folders of them, in addition to those in `galviz.runs.run.home`.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers.
    """
    return study_page("inpainting", lambda: inpainting_study(paths))


def inpainting_study(paths: Sequence[str] = ()) -> StudyPage:
    """Return the content of the page. It opens on the best fits if a run is done, else on the data."""
    library = Library.find(paths, inpainting)
    page = PageState((REPAIR, LATENTS, *(tab for tab in TABS if tab != "why")))
    page.tab = REPAIR if any(run.weights.exists() for run in library.runs()[0].values()) else TABS[0]
    keep_in_address(page)
    tabs = {
        REPAIR: lambda of: OfRun(of, lambda run, cutouts: RepairTab(run, cutouts, of.page)),
        LATENTS: lambda of: OfRun(of, lambda run, cutouts: LatentsView(run, cutouts, of.page.selection)),
    }
    return StudyPage(inpainting, library, page, tabs)
