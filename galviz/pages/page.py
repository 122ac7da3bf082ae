"""The page of a study, with tabs for data, training, predictions, explanations and runs."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.library import Library, open_sky
from galviz.pages.library_watcher import LibraryWatcher
from galviz.pages.results.results import Results
from galviz.pages.runs import RunsPanel
from galviz.pages.shell import page_template
from galviz.pages.sky import SkyView
from galviz.pages.sky_maker import SkyMaker
from galviz.pages.state import TABS, Chooser, Finder, PageState, keep_in_address
from galviz.pages.tabs import TabBar, TabContent
from galviz.pages.train import TrainPanel
from galviz.pages.workspace import Section, Workspace, drawer, fills, scrolls
from galviz.studies import Study, named, open_study
from galviz.tools.formatting import REFUSED, error_note, note, shown_error, text
from galviz.work.sweep import list_sweeps

_EVERY_MS = 400
_REDSHIFTS = {"z": "z", "redshift": "z"}


class StudyPage(Workspace):
    """A page on which a visitor picks data, trains a network and inspects the results.

    Parameters
    ----------
    study : Study
        Its tabs stand beside the common ones.
    library : Library
    page : PageState, optional
    paths : sequence of str
        Paths that the page was started on, for the study's own tabs.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    train = param.ClassSelector(class_=TrainPanel, constant=True)
    has_left = param.Boolean(default=True, doc="whether the active tab has something for the left drawer")
    remade = param.Integer(default=0, doc="grows when the content of a tab was rebuilt")

    def __init__(
        self,
        study: Study,
        library: Library,
        page: PageState | None = None,
        paths: Sequence[str] = (),
        **params: object,
    ) -> None:
        page = page or PageState(tabs_of(study))
        sky = page.sky if page.sky in library.skies() else ""
        page.run = page.run if library.run_path(page.run) else library.first_run(sky)
        page.sky = sky or library.first_sky(page.run)
        super().__init__(page=page, train=TrainPanel(study, library, page), **params)
        self.study, self.library, self.paths = study, library, paths
        self._focus_something()
        self.maker = SkyMaker(study, library, page)
        self.results, self.watcher = Results(library, page), LibraryWatcher(library, page)
        makers = (self._data_tab, lambda: self.train, partial(self._run_tab, "predictions", self.predictions))
        makers = (*makers, partial(self._run_tab, "why", self.why), lambda: RunsPanel(library, page))
        own = {name: partial(named(tab), self) for name, tab in study.tabs.items()}
        self._makers = dict(zip(TABS, makers, strict=True)) | own
        self.tabs: dict[str, Any] = {}
        self._bodies: dict[str, pn.viewable.Viewable] = {}

    def _focus_something(self) -> None:
        sky = self.library.skies().get(self.page.sky)
        if self.page.selection.focus is None and sky is not None:
            with suppress(*REFUSED):  # the data tab shows the error
                self.page.selection.focus = next(iter(open_sky(sky).object_ids), None)

    def poll(self) -> None:
        """Poll for changes on disk: new skies, new runs, and the progress of a run that is shown or active."""
        self.maker.poll()
        self.watcher.poll()
        self.train.rates.poll()
        view = self.train.run.view
        if view is not None and (self.page.tab == "train" or view.active):
            self.train.run.poll()

    def _data_tab(self) -> TabContent:
        return TabContent(self.page, "data", self.data, lambda: self.page.sky, self.page.param.sky)

    def _run_tab(self, name: str, make: Callable[[], pn.viewable.Viewable]) -> TabContent:
        page, run = self.page, self.train.run

        def shows() -> tuple[str, int]:
            return page.run, run.predicted

        return TabContent(page, name, make, shows, page.param.run, run.param.predicted)

    def data(self) -> pn.viewable.Viewable:
        """Show the sky of the page, or a form to make one."""
        skies = self.library.skies()
        if not skies:
            return pn.Column(text(Markup("<h3>No data yet</h3>")), self.maker)
        try:
            cutouts = open_sky(skies[self.page.sky])
        except REFUSED as error:
            return error_note(shown_error(error))
        target = self.study.target
        columns = target and dict.fromkeys(target.rules.shown(target), target.label) | _REDSHIFTS
        view = SkyView(cutouts, self.page.selection, columns, str(skies[self.page.sky]), target)
        view.more.append(Section("Make or open another sky", self.maker, shut=True))
        return view

    def predictions(self) -> pn.viewable.Viewable:
        """Show the predictions of the selected run."""
        return self.results.predictions()

    def why(self) -> pn.viewable.Viewable:
        """Show the explanation of the selected run's predictions."""
        return self.results.why()

    @property
    def content(self) -> Any:
        """The content of the active tab, built on first use."""
        if self.page.tab not in self.tabs:
            self.tabs[self.page.tab] = self._makers[self.page.tab]()
        return self.tabs[self.page.tab]

    @param.depends("page.tab")
    def body(self) -> pn.viewable.Viewable:
        """Return the active tab."""
        if self.page.tab not in self._bodies:
            content = self.content
            if isinstance(content, TabContent):
                content.param.watch(self._remade, "made")
            self._bodies[self.page.tab] = content.main() if isinstance(content, Workspace) else scrolls(content)
        return self._bodies[self.page.tab]

    def _remade(self, _: param.parameterized.Event) -> None:
        self.remade += 1

    @param.depends("page.tab", "remade")
    def _left(self) -> pn.Column:
        return self._drawer("left")

    @param.depends("page.tab", "remade")
    def _right(self) -> pn.Column:
        return self._drawer("right")

    def _drawer(self, side: str) -> pn.Column:
        """Return what the active tab has for a drawer."""
        nothing = note("Nothing to set on this tab.")
        column = drawer(self.content, side, nothing)
        if side == "left":
            self.has_left = column[0] is not nothing
        return column

    def left(self) -> list[Section]:
        """Return the left drawer, which follows the active tab."""
        return [Section("", self._left)]

    def right(self) -> list[Section]:
        """Return the right drawer, which follows the active tab."""
        return [Section("", self._right)]

    def bar(self) -> list[Any]:
        """Return the data, the run and the search for an id, which stand in the top bar."""
        sky = Chooser(self.page, "sky", self.library.skies, "Data")
        run = Chooser(self.page, "run", lambda: self.library.runs()[0], "Run")
        return [sky, run, Finder(self.page.selection)]

    def main(self) -> pn.viewable.Viewable:
        """Return the tabs."""
        bar = TabBar(names=self.page.tabs, active=self.page.tab, shown=self.page.tab, sizing_mode="stretch_width")
        bar.param.watch(lambda event: event.new == self.page.opening or self.page.open(event.new), "active")
        # The content of a tab has no precedence: it has changed before `shown` does.
        self.page.param.watch(lambda _: setattr(bar, "shown", self.page.tab), ["tab", "opening"], precedence=1)
        self.page.param.watch(lambda event: setattr(bar, "active", event.new), "opening", precedence=2)
        return fills(bar, fills(self.body))


def tabs_of(study: Study) -> tuple[str, ...]:
    """Return the names of the tabs on the page of a study, in order."""
    common = (tab for tab in TABS if tab not in study.without)
    return (*study.first, *common, *(tab for tab in study.tabs if tab not in study.first))


def open_study_page(name: str, paths: Sequence[str] = ()) -> StudyPage:
    """Return the content of the page of a study.

    Started on a table, it opens on the study's first own tab, which shows it. Else it opens on the first tab if there
    is a finished run.

    Parameters
    ----------
    name : str
        Name of a study.
    paths : sequence of str
        Skies, runs, sweeps or folders of them, in addition to those in `galviz.io.paths.home`. For a study that opens
        tables: a table of predictions, a run or a sky, and optionally images.

    Raises
    ------
    FileNotFoundError
        If a path does not exist.
    """
    study = open_study(name)
    kept = [path for path in paths if any((Path(path) / file).is_file() for file in ("run.json", "galviz.json"))]
    library = Library.find(kept if study.opens_tables else without_sweeps(paths), study)
    page, runs = PageState(tabs_of(study)), library.runs()[0]
    ready = any(run.weights.exists() or (run.path / "predictions.parquet").exists() for run in runs.values())
    given = study.opens_tables and paths and not (Path(paths[0]) / "galviz.json").is_file()
    page.tab = next(iter(study.tabs)) if given else page.tabs[0] if ready else TABS[0]
    named_runs = {str(Path(path).resolve()) for path in paths}
    page.run = next((name for name, run in runs.items() if str(run.path) in named_runs), "")
    keep_in_address(page)
    return StudyPage(study, library, page, paths)


def without_sweeps(paths: Sequence[str]) -> list[str]:
    """Return the paths that are not sweeps, nor folders of sweeps."""
    return [path for path in paths if not (Path(path).is_dir() and list_sweeps(path))]


def study_page(name: str, paths: Sequence[str] = ()) -> pn.template.base.BaseTemplate:
    """Return the page of a study for one visitor, or an error message if it cannot be built.

    Parameters
    ----------
    name, paths
        As in `open_study_page`.

    Returns
    -------
    panel.template.base.BaseTemplate
        Loads no resources from other servers, and polls for changes.
    """

    def content() -> pn.viewable.Viewable:
        try:
            shown = open_study_page(name, paths)
        except REFUSED as error:
            return error_note(shown_error(error))
        pn.state.onload(shown.train.find_devices)
        pn.state.onload(shown.results.warm)
        pn.state.add_periodic_callback(shown.poll, period=_EVERY_MS)
        return shown

    return page_template(open_study(name).title or name, content)
