"""The page of best fits: that of every study, and first of all bands that are switched off and filled in."""

from collections.abc import Callable, Sequence

import panel as pn

from galviz.runs import Run
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.studies import inpainting
from galviz.views.gallery import Gallery
from galviz.views.latents import LatentsView
from galviz.views.library import Library, open_sky
from galviz.views.page import StudyPage, study_page
from galviz.views.repair import RepairView
from galviz.views.run import REFUSED
from galviz.views.state import TABS, Chooser, PageState, SameFocus, keep_in_address
from galviz.views.words import said, shown_error, text

REPAIR, LATENTS = "repair", "latents"
"""Names of the page's own tabs; a map of what matters for an output makes no sense for best fits."""

_EVERY_MS = 200


class OfRun(pn.viewable.Viewer):
    """A tab that shows something of the run of a page, once that is done.

    Parameters
    ----------
    of : StudyPage
    make : callable
        Gives what is shown of a run and its sky.
    """

    def __init__(self, of: StudyPage, make: Callable[[Run, CutoutSet], pn.viewable.Viewable]) -> None:
        super().__init__()
        self.of, self._make = of, make
        self.shown: pn.viewable.Viewable | None = None

    def body(self, *_: object) -> pn.viewable.Viewable:
        """Show the run of the page."""
        if self.shown is not None and hasattr(self.shown, "cancel"):
            self.shown.cancel()
        self.shown, path = None, self.of.library.run_path(self.of.page.run)
        if path is None:
            return text("<p class='note'>No run yet: train one first, on the tab Train.</p>")
        try:
            run = Run.open(path)
            if not run.weights.exists():
                return text(
                    f"<p class='note'>{run.name} is {run.state()['status']}: it can be used once it is done.</p>"
                )
            self.shown = self._make(run, open_sky(run.data))
        except REFUSED as error:
            return said(shown_error(error))
        return pn.panel(self.shown)

    def __panel__(self) -> pn.viewable.Viewable:
        chooser = Chooser(self.of.page, "run", lambda: self.of.library.runs()[0], "Run")
        follow = pn.bind(self.body, self.of.page.param.run, self.of.train.run.param.predicted)
        return pn.Column(chooser, follow, sizing_mode="stretch_width")


class RepairTab(pn.viewable.Viewer):
    """Objects to choose from, and the bands of those that are chosen.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    page : PageState
        Its focus is followed, and followed by it.
    """

    def __init__(self, run: Run, cutouts: CutoutSet, page: PageState) -> None:
        super().__init__()
        table = cutouts.catalogue
        self.selection, self._focus = Selection(table), SameFocus(page.selection)
        self._focus.join(self.selection)
        self.repair = RepairView(run, cutouts, self.selection)
        self.gallery = Gallery(cutouts, table, self.selection, height=330)
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self.repair.look, period=_EVERY_MS)
            pn.state.on_session_destroyed(lambda _: self.cancel())

    def cancel(self) -> None:
        """End what runs."""
        self.repair.cancel()

    def __panel__(self) -> pn.viewable.Viewable:
        title = "Objects: those that are chosen are fitted, else the one in focus and the next"
        card = pn.Card(self.gallery, title=title, sizing_mode="stretch_width")
        return pn.Column(self.repair, card, sizing_mode="stretch_width")


def inpainting_page(paths: Sequence[str] = ()) -> pn.template.BootstrapTemplate:
    """Make the page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        Skies, runs or folders of them; what lies in `galviz.runs.home` is offered in any case.

    Returns
    -------
    panel.template.BootstrapTemplate
        Asks for nothing that the server does not serve itself.
    """
    return study_page("inpainting", lambda: inpainting_study(paths))


def inpainting_study(paths: Sequence[str] = ()) -> StudyPage:
    """Make what the page shows; bands are switched off first where a run is done, else the data are seen."""
    library = Library.find(paths, inpainting)
    page = PageState((REPAIR, LATENTS, *(tab for tab in TABS if tab != "why")))
    page.tab = REPAIR if any(run.weights.exists() for run in library.runs()[0].values()) else TABS[0]
    keep_in_address(page)
    tabs = {
        REPAIR: lambda of: OfRun(of, lambda run, cutouts: RepairTab(run, cutouts, of.page)),
        LATENTS: lambda of: OfRun(of, lambda run, cutouts: LatentsView(run, cutouts, of.page.selection)),
    }
    return StudyPage(inpainting, library, page, tabs)
