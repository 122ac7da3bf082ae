"""The tab of sweeps over label fractions: select, start, stop and resume a sweep, and see its progress."""

from collections.abc import Callable, Sequence
from pathlib import Path

import panel as pn
import param

from galviz.io.paths import home
from galviz.pages.folders import free_name, named, new_folder, remove_if_only_log
from galviz.pages.library import Library
from galviz.pages.page import StudyPage
from galviz.pages.state import PageState
from galviz.pages.train import pretrained_of
from galviz.runs.run import Run
from galviz.studies import open_study
from galviz.tools.formatting import REFUSED, error_note, field, shown_error, text
from galviz.tools.label_curves.text import NO_SWEEP, progress_html
from galviz.tools.label_curves.view import LabelsView
from galviz.work import processes as jobs
from galviz.work.sweep import Sweep, list_sweeps

_EVERY_MS = 2000


class LabelsTab(pn.viewable.Viewer):
    """Sweeps of a study, from ``sweeps`` in `galviz.io.paths.home` and from other folders.

    Parameters
    ----------
    study : str
        Name of the study.
    library : Library
        Provides the skies to train on.
    page : PageState
        Its selected sky is the training data of a new sweep.
    paths : sequence of str or Path
        Sweeps, or folders of them.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    selected = param.Selector(default="", objects=[""], label="Sweep")
    view = param.ClassSelector(class_=LabelsView, doc="results of the selected sweep")
    progress = param.String(default="", doc="progress, as `Markup`")
    going = param.Boolean(default=False, doc="whether a process runs the sweep")
    ended = param.Boolean(default=True, doc="whether all its trainings are done")
    fractions = param.String(default="0.01 0.05 0.2 1", label="Parts of the labels")
    recipe = param.Selector(default="quick", objects=["quick"], label="Recipe", doc="in a study with a pre-training")
    column = param.String(default="", label="Column", doc="what is learned, in a study that has no target of its own")
    folds = param.String(default="all", label="Folds", doc="numbers of the folds held out, or all; with a column")
    trials = param.Integer(default=3, bounds=(1, 100), label="Trials")
    settings = param.String(default="", label="Changes to the recipe")
    sweep_name = param.String(default="", label="Name of the new sweep")
    error = param.String(default="", doc="why the last request failed")

    def __init__(
        self, study: str, library: Library, page: PageState, paths: Sequence[str | Path] = (), **params: object
    ) -> None:
        pretraining = open_study(study).pretraining
        self.own = pretraining is None  # any column, without a pre-training
        own = {"fractions": "1", "trials": 1} if self.own else {}
        super().__init__(page=page, **own | params)
        if not self.own:
            self.param.recipe.objects = list(pretraining.base)
        self.study, self.library = study, library
        self.roots = (*map(Path, paths), home() / "sweeps")
        self._requested = ""  # sweep that was started here and is not found in the folders yet
        self._stopping: Path | None = None
        self.poll()

    def sweeps(self) -> dict[str, Path]:
        """Return the sweeps, newest first: displayed name → folder."""
        return named([(root, path) for root in self.roots if root.is_dir() for path in list_sweeps(root, self.study)])

    def poll(self) -> None:
        """Poll for new sweeps and for progress."""
        found = self.sweeps()
        names = list(found) or [""]
        if self.param.selected.objects != names:
            self.param.selected.objects = names
        if self._requested in found:
            self.selected, self._requested = self._requested, ""
        elif self._requested and not jobs.is_alive(self.roots[-1] / self._requested):
            self._came_to_nothing()
        if self.selected not in found:
            self.selected = names[0]
        self._follow()

    def _came_to_nothing(self) -> None:
        """Show why a sweep did not start, and free its name for another try."""
        path = self.roots[-1] / self._requested
        self.param.update(error=Run(path).log(tail=1) or "The process ended.", sweep_name=self._requested)
        remove_if_only_log(path)
        self._requested = ""

    @param.depends("selected", watch=True)
    def _follow(self) -> None:
        path = self.sweeps().get(self.selected)
        if path is None:
            self.param.update(view=None, progress="", going=False, ended=True)
            return
        if self.view is None or self.view.sweep.path != path:
            try:
                self.view = LabelsView(Sweep(path))
            except (*REFUSED, KeyError, TypeError) as error:  # not written by this version
                self.param.update(view=None, progress="", going=False, ended=True, error=shown_error(error))
                return
        self.view.poll()
        sweep = self.view.sweep
        going = sweep.is_running() or jobs.is_alive(path)
        ended = self.view.done == len(sweep.tasks)
        self._stopping = self._stopping if going else None
        said_so = progress_html(sweep, self.view.done, going=going, stopping=self._stopping == path)
        self.param.update(going=going, ended=ended, progress=said_so)

    def start(self, _: object = None) -> None:
        """Start a new sweep over the selected sky as a process."""
        name, skies = self.sweep_name or free_name(self.roots[-1], "sweep"), self.library.skies()
        self._try(lambda: self._start(name, skies.get(self.page.sky)))

    def _start(self, name: str, sky: Path | None) -> None:
        if sky is None:
            raise ValueError("data: expected a sky to learn from, got none. Make one on the tab Data.")
        path = new_folder(self.roots[-1], name)
        command = ["sweep", self.study, "--data", str(sky), "--out", str(path)]
        fractions, settings = self.fractions.replace(",", " ").split(), self.settings.split()
        for words, label in ((fractions, "Parts of the labels"), (settings, "Changes to the recipe")):
            if option := next((word for word in words if word.startswith("-")), None):  # an option could name any file
                raise ValueError(f"{label}: expected no options of the command line, got {option}. Leave it out.")
        for key, _, weights in (one.partition("=") for one in settings):
            if weights and key.rpartition(".")[2] == "pretrained":
                pretrained_of(weights, self.library)
        command += ["--fractions", *fractions, "--trials", str(self.trials)]
        if self.own:
            folds = self.folds.replace(",", " ").split()
            if not self.column or self.column.startswith("-") or not all(f == "all" or f.isdecimal() for f in folds):
                got = "none" if not self.column else f"{self.column}, folds {self.folds}"
                raise ValueError(
                    f"Column: expected a column of the catalogue, and folds such as 0 1 or all, got {got}."
                )
            command += ["--target", self.column, "--folds", *(folds or ["all"])]
        else:
            command += ["--recipe", self.recipe]
        jobs.start([*command, *(["--set", *settings] if settings else [])], path)
        self._requested, self.sweep_name = name, ""

    def resume(self, _: object = None) -> None:
        """Resume the selected sweep."""
        path = self.view.sweep.path
        self._try(lambda: jobs.start(["sweep", self.study, "--out", str(path), "--resume"], path))

    def stop(self, _: object = None) -> None:
        """Ask the selected sweep to stop after the current step."""
        self._stopping = self.view.sweep.path
        self._try(lambda: jobs.stop(self.view.sweep.path))

    def _try(self, action: Callable[[], object]) -> None:
        self.error = ""
        try:
            action()
            self.poll()
        except REFUSED as error:
            self.error = shown_error(error)

    @param.depends("going", "ended", "view")
    def buttons(self) -> pn.viewable.Viewable:
        """Return the buttons Stop and Resume, visible according to the status."""
        rests = self.view is not None and not self.going and not self.ended
        stop = pn.widgets.Button(label="■ Stop", visible=self.going, on_click=self.stop)
        return pn.Row(stop, pn.widgets.Button(label="▶ Resume", visible=rests, on_click=self.resume))

    @param.depends("view")
    def body(self) -> pn.viewable.Viewable:
        """Return the results of the selected sweep."""
        return self.view or text(NO_SWEEP)

    def __panel__(self) -> pn.viewable.Viewable:
        start = pn.widgets.Button(
            label="▶ Start a sweep over the sky of this page", color="primary", on_click=self.start
        )
        fields = [field(self.param[name], width=200) for name in ("fractions", "sweep_name")]
        fields.insert(1, field(self.param.settings, width=200, placeholder="folds=4 epochs=5 bands.epochs=5"))
        fields.insert(1, field(self.param.trials, type=pn.widgets.IntInput, width=100))
        if self.own:
            fields.insert(0, field(self.param.column, width=200))
            fields.insert(2, field(self.param.folds, width=100))
        else:
            fields.insert(0, field(self.param.recipe, type=pn.widgets.Select, width=110))
        new = pn.Card(pn.FlexBox(*fields, start, align_items="flex-end"), title="New sweep", collapsed=bool(self.view))
        new.sizing_mode = "stretch_width"
        choice = field(self.param.selected, type=pn.widgets.Select, width=260)
        bar = pn.FlexBox(choice, self.buttons, align_items="flex-end")
        parts = (bar, text(self.param.progress), new, pn.bind(error_note, self.param.error), self.body)
        return pn.Column(*parts, sizing_mode="stretch_width")


def labels_tab(of: StudyPage) -> LabelsTab:
    """Return the tab of sweeps on the page of a study. It polls for progress."""
    sweeps = [path for path in of.paths if Path(path).is_dir() and list_sweeps(path)]
    tab = LabelsTab(of.study.name, of.library, of.page, sweeps)
    if pn.state.curdoc is not None:
        pn.state.add_periodic_callback(tab.poll, period=_EVERY_MS)
    return tab
