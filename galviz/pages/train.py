"""The training tab of every study: a form to configure and start a run, and its progress."""

import asyncio
import time

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.folders import free_name
from galviz.pages.library import Library
from galviz.pages.recipe_form import RecipeForm
from galviz.pages.run import RunPanel
from galviz.pages.state import Chooser, PageState
from galviz.studies import Study
from galviz.tools.formatting import FORM, GROW, REFUSED, field, said, shown_error, text
from galviz.work import processes as jobs

_DOUBLE_CLICK_S = 1.5  # a second click within this time is ignored


class TrainPanel(pn.viewable.Viewer):
    """Start the training of a study as a separate process, and show its progress.

    Parameters
    ----------
    study : Study
        Its targets and recipes define the form.
    library : Library
    page : PageState
        Its sky is the training data; a new run becomes its selected run.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    target = param.Selector(objects=[""], label="Target")
    recipe = param.Selector(objects=[""], label="Recipe")
    encoder = param.String(default="", label="Start from the encoder of")
    run_name = param.String(default="", label="Name of the new run")
    device = param.String(default="cpu", label="Device")
    devices = param.Dict(default={"cpu": "cpu"}, doc="what can be chosen as device")
    error = param.String(default="", doc="why the last training was not started")

    def __init__(self, study: Study, library: Library, page: PageState, **params: object) -> None:
        super().__init__(page=page, **params)
        self.study, self.library = study, library
        self.run, self._started = RunPanel(library, page), -_DOUBLE_CLICK_S
        for name, table in (("target", study.targets), ("recipe", study.recipes)):
            self.param[name].objects = list(table)
            setattr(self, name, next(iter(table)))
        self._forms: dict[tuple[str, str], RecipeForm] = {}

    @property
    def form(self) -> RecipeForm:
        """The form of the selected target and recipe; edits are kept when the visitor switches between forms."""
        key = self.target, self.recipe
        if key not in self._forms:
            task = self.study.targets[self.target].task
            self._forms[key] = RecipeForm(self.study.recipes_of(self.target)[self.recipe], task)
        return self._forms[key]

    def command(self, out: str) -> list[str]:
        """Return the arguments of ``galviz`` that run the training set up in the form.

        Raises
        ------
        ValueError
            If a field is invalid, or no sky is selected.
        """
        skies, settings = self.library.skies(), self.form.settings()
        if self.page.sky not in skies:
            raise ValueError("data: expected a sky to learn from, got none. Choose one, or make one on the tab Data.")
        self.form.changed()
        asked = ["train", self.study.name, "--data", str(skies[self.page.sky]), "--out", out]
        asked += ["--target", self.target, "--recipe", self.recipe, "--devices", self.device]
        asked += ["--encoder", str(self.library.allowed(self.encoder, "encoder"))] if self.encoder else []
        return asked + (["--set", *settings] if settings else [])

    def start(self, _: object = None) -> None:
        """Start a new run as a process, and select it."""
        if not self.run_name and time.monotonic() - self._started < _DOUBLE_CLICK_S:
            return
        try:
            path = self.library.new_run(self.run_name or self.free_name())
            jobs.start(self.command(str(path)), path)
            self._started = time.monotonic()
            self.param.update(error="", run_name="")
            self.page.param.update(run=path.name, found=self.page.found + 1)
        except REFUSED as error:
            self.error = shown_error(error)

    @param.depends("target", "recipe", "page.found")
    def free_name(self) -> str:
        """Return an unused name for a run, such as ``"richness-quick-2"``."""
        return free_name(self.library.run_folders[-1], f"{self.target}-{self.recipe}")

    async def find_devices(self) -> None:
        """List the devices available for training. A child process finds them, as a page never imports torch."""
        try:
            found = await asyncio.to_thread(jobs.devices)
        except REFUSED as error:
            self.error = shown_error(error)
            return
        self.devices = {f"{one['device']} ({one['name']}, {one['free_mb']:,} MiB free)": one["device"] for one in found}

    @param.depends("page.found")
    def encoders(self) -> dict[str, str]:
        """Return the runs whose encoder a new run can start from: displayed name → path."""
        runs = self.library.runs()[0].items()
        ready = {name: str(run.path) for name, run in runs if run.target.self_labelled and run.weights.exists()}
        return {"none (random weights)": ""} | ready

    @property
    def _lends(self) -> bool:
        """Whether the study has a target whose runs provide an encoder for other runs."""
        return any(target.self_labelled for target in self.study.targets.values())

    def choices(self) -> pn.viewable.Viewable:
        """Return the controls above the recipe. Only their options are refreshed, so typed text is not lost."""
        select = {"type": pn.widgets.Select}
        looks = {
            "encoder": select | {"options": self.encoders, "visible": self._lends},
            "device": select | {"options": self.param.devices},
            "run_name": {"placeholder": self.free_name},
        }
        names = ("target", "recipe", "run_name", "device", "encoder")
        sky = Chooser(self.page, "sky", self.library.skies, "Data")
        return pn.FlexBox(sky, *(field(self.param[name], **{"width": 260, **looks.get(name, {})}) for name in names))

    @param.depends("target", "recipe")
    def fields(self) -> pn.viewable.Viewable:
        """Return the fields of the recipe."""
        return pn.Column(text("Settings of the recipe"), self.form, sizing_mode="stretch_width")

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why the last training did not start."""
        return said(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        start = pn.widgets.Button(label="▶ Start training", color="primary", on_click=self.start)
        form = pn.Column(
            text(Markup("<h3>New training</h3>")), self.choices(), pn.Row(start), self.refused, self.fields, styles=FORM
        )
        return pn.FlexBox(form, pn.Column(text(Markup("<h3>Run</h3>")), self.run, styles=GROW))
