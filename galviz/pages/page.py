"""The page of a study, with tabs for data, training, predictions, explanations and runs."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import ModuleType
from typing import Any

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.library import Library, open_sky
from galviz.pages.library_watcher import Arrivals
from galviz.pages.results.results import Outcome
from galviz.pages.runs import RunsPanel
from galviz.pages.sky import SkyView
from galviz.pages.sky_maker import SkyMaker
from galviz.pages.state import TABS, Chooser, PageState
from galviz.pages.tabs import TabBar
from galviz.pages.template import page_template
from galviz.pages.train import TrainPanel
from galviz.tasks.target import Target
from galviz.tools.formatting import REFUSED, said, shown_error, text

_EVERY_MS = 400
_REDSHIFTS = {"z": "z", "redshift": "z"}


class StudyPage(pn.viewable.Viewer):
    """A page on which a visitor picks data, trains a network and inspects the results.

    Parameters
    ----------
    study : module
        One of `galviz.studies`.
    library : Library
    page : PageState, optional
        Its tabs are those of every study plus the ones in `further`.
    further : mapping of str to callable, optional
        Extra tabs: name of the tab → function that builds its content from this page.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    train = param.ClassSelector(class_=TrainPanel, constant=True)

    def __init__(
        self,
        study: ModuleType,
        library: Library,
        page: PageState | None = None,
        further: Mapping[str, Callable[["StudyPage"], Any]] | None = None,
        **params: object,
    ) -> None:
        further = dict(further or {})
        page = page or PageState((*further, *TABS))
        skies = library.skies()
        page.sky = page.sky if page.sky in skies else next(iter(skies), "")
        page.run = page.run if library.run_path(page.run) else library.first_run()
        super().__init__(page=page, train=TrainPanel(study, library, page), **params)
        self.study, self.library = study, library
        self._focus_something()
        self.maker = SkyMaker(study.__name__.rpartition(".")[2], library, page)
        self.outcome, self.arrivals = Outcome(library, page), Arrivals(library, page)
        makers = (lambda: pn.panel(self.data), lambda: self.train, lambda: pn.panel(self.predictions))
        makers = (*makers, lambda: pn.panel(self.why), lambda: RunsPanel(library, page))
        own = {name: partial(make, self) for name, make in further.items()}
        self._makers = dict(zip(TABS, makers, strict=True)) | own
        self.tabs: dict[str, Any] = {}

    def _focus_something(self) -> None:
        sky = self.library.skies().get(self.page.sky)
        if self.page.selection.focus is None and sky is not None:
            with suppress(*REFUSED):  # the data tab shows the error
                self.page.selection.focus = next(iter(open_sky(sky).object_ids), None)

    def look(self) -> None:
        """Poll for changes on disk: new skies, new runs, and the progress of a run that is shown or active."""
        self.maker.look()
        self.arrivals.look()
        view = self.train.run.view
        if view is not None and (self.page.tab == "train" or view.active):
            self.train.run.look()

    @param.depends("page.sky")
    def data(self) -> pn.viewable.Viewable:
        """Show the sky of the page, or a form to make one."""
        skies = self.library.skies()
        if not skies:
            return pn.Column(text(Markup("<h3>No sky yet</h3>")), self.maker)
        try:
            cutouts = open_sky(skies[self.page.sky])
        except REFUSED as error:
            return said(shown_error(error))
        columns = dict.fromkeys(_first_columns(self.study.TARGET), self.study.TARGET.label) | _REDSHIFTS
        more = pn.Card(self.maker, title="Make or open another sky", collapsed=True, sizing_mode="stretch_width")
        choice = Chooser(self.page, "sky", self.library.skies, "Sky")
        return pn.Column(choice, SkyView(cutouts, self.page.selection, columns, str(skies[self.page.sky])), more)

    @param.depends("page.run", "train.run.predicted")
    def predictions(self) -> pn.viewable.Viewable:
        """Show the predictions of the selected run."""
        return self.outcome.predictions()

    @param.depends("page.run", "train.run.predicted")
    def why(self) -> pn.viewable.Viewable:
        """Show the explanation of the selected run's predictions."""
        return self.outcome.why()

    @param.depends("page.tab")
    def body(self) -> object:
        """Return the content of the active tab, built on first use."""
        if self.page.tab not in self.tabs:
            self.tabs[self.page.tab] = self._makers[self.page.tab]()
        return self.tabs[self.page.tab]

    def __panel__(self) -> pn.viewable.Viewable:
        bar = TabBar(names=self.page.tabs, active=self.page.tab, sizing_mode="stretch_width")
        bar.param.watch(lambda event: setattr(self.page, "tab", event.new), "active")
        self.page.param.watch(lambda event: setattr(bar, "active", event.new), "tab")
        return pn.Column(bar, self.body, sizing_mode="stretch_width")


def study_page(name: str, make: Callable[[], StudyPage]) -> pn.template.base.BaseTemplate:
    """Return the page of a study for one visitor, or an error message if it cannot be built.

    Parameters
    ----------
    name : str
        Subject of the page, used in its title.
    make : callable
        Builds the content.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers, and polls for changes.
    """

    def content() -> pn.viewable.Viewable:
        try:
            shown = make()
        except REFUSED as error:
            return said(shown_error(error))
        pn.state.onload(shown.train.find_devices)
        pn.state.add_periodic_callback(shown.look, period=_EVERY_MS)
        return shown

    return page_template(name, content)


def _first_columns(target: Target) -> tuple[str, ...]:
    """Return the target columns shown first: for a votes target, only the study's own answer."""
    return (target.name,) if target.kind == "votes" else target.columns
