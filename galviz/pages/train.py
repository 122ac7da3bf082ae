"""The training tab of every study: select what is learned, start a run, and follow its progress."""

import asyncio
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.controls import CONTROLS, page_message
from galviz.pages.folders import free_name
from galviz.pages.library import Library, open_sky
from galviz.pages.panes import Panes
from galviz.pages.rate_finder import RateFinder
from galviz.pages.recipe_form import RecipeForm
from galviz.pages.run import RunPanel
from galviz.pages.state import PageState
from galviz.pages.workspace import Workspace, scrolls
from galviz.runs.recipe import Recipe
from galviz.runs.timm_encoders import MILLIONS
from galviz.sky.cutouts import CutoutSet
from galviz.studies import Study
from galviz.tasks import column_tasks
from galviz.tasks.guess import learnable, numeric_columns
from galviz.tasks.target import Target
from galviz.tools.formatting import (
    REFUSED,
    Choices,
    beside,
    drawn,
    error_note,
    field,
    note,
    shown_error,
    text,
)
from galviz.tools.training.figure import column_counts, column_plot
from galviz.work import processes as jobs

_DOUBLE_CLICK_S = 1.5  # a second click within this time is ignored
_PLOTS = 4  # columns of a target that are drawn
_PRETRAINED = {"probe", "finetune"}  # recipes that start from a pre-trained encoder
_FEW = 2000  # with fewer labelled objects, an encoder that is already trained usually does better
_MANY = 5000  # from here on a larger network is worth the time of a GPU
_TAG = re.compile(r"[\w.-]+", re.ASCII)
_TASKS = {"automatic": ""} | {name: name for name in column_tasks()}


class SelectedTarget(NamedTuple):
    """What the controls say is learned: the target, the reason for its task, and its recipes; or why there is none."""

    target: Target | None = None
    why: str = ""
    recipes: Mapping[str, Recipe] = {}
    problem: str = ""


class TrainPanel(Workspace):
    """Start the training of a study, or of any column of a sky, as a separate process, and show its progress.

    Parameters
    ----------
    study : Study
        Its targets and recipes are offered, and the columns of the selected sky.
    library : Library
    page : PageState
        Its sky is the training data; a new run becomes its selected run.
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    target = param.Selector(default="", objects=[""], label="Target")
    more = param.ListSelector(default=[], objects=[], label="More columns, learned together")
    task = param.Selector(default="", objects=_TASKS, label="Task")
    positive = param.Selector(default="", objects={"automatic": ""}, label="Positive class")
    selected = param.Parameter(default=SelectedTarget(), doc="the `SelectedTarget` of the controls above")
    recipe = param.Selector(default="", objects=[""], label="Recipe")
    encoder = param.String(default="", label="Start from the encoder of")
    run_name = param.String(default="", label="Name of the new run")
    device = param.String(default="cpu", label="Device")
    devices = param.Dict(default={"cpu": "cpu"}, doc="what can be selected as device")
    edits = param.Integer(default=0, doc="grows with every change of a setting of the recipe")
    error = param.String(default="", doc="why the last training was not started")

    def __init__(self, study: Study, library: Library, page: PageState, **params: object) -> None:
        super().__init__(page=page, **params)
        self.study, self.library = study, library
        self.run, self._started = RunPanel(library, page), -_DOUBLE_CLICK_S
        self.rates = RateFinder(lambda out: self.command(out, "find-rate"), lambda: self.form)
        self.param.watch(lambda _: self.rates.reset(), ["selected", "recipe"])
        self._of = "", ""  # target and sky of the last guess
        self._forms: dict[tuple[str, ...], RecipeForm] = {}
        self._offer_columns()
        if not self.target:
            self.target = next(iter(study.targets), "")
        self._choose()

    @property
    def cutouts(self) -> CutoutSet | None:
        """The selected sky, or None if there is none that can be opened."""
        try:
            return open_sky(self.library.skies()[self.page.sky])
        except (KeyError, *REFUSED):
            return None

    @param.depends("page.sky", watch=True)
    def _offer_columns(self) -> None:
        """Offer the study's targets and the columns of the sky, and keep what is selected if it is still there."""
        cutouts, found = self.cutouts, []
        if cutouts is not None and self.study.train is None:  # a study with its own training learns nothing else
            found = learnable(cutouts.catalogue)
        columns = [name for name in found if "," not in name and name == name.strip() != ""]  # as `--target` takes them
        offered = [*(self.study.targets or [""]), *(name for name in columns if name not in self.study.targets)]
        self.param.target.objects = {name or "choose a column …": name for name in offered}
        self.param.more.objects = columns
        with param.parameterized.batch_call_watchers(self):
            self.target = self.target if self.target in offered else offered[0]
            self.more = [name for name in self.more if name in columns]

    @param.depends("target", "more", "task", "positive", "page.sky", watch=True)
    def _choose(self) -> None:
        """Guess the task of the target, and offer the recipes of that task. A new target gets a new guess."""
        of, self._of = self._of, (self.target, self.page.sky)
        stale = {"positive": ""} if of != self._of else {}
        stale |= {"more": [], "task": ""} if of[0] != self.target else {}
        if any(getattr(self, name) != value for name, value in stale.items()):
            self.param.update(**stale)  # which comes here again
            return
        self.selected, self.error = self._found(), ""
        target, recipes = self.selected.target, list(self.selected.recipes) or [""]
        classes = target.classes if target is not None and len(target.classes) == 2 else ()
        self.param.positive.objects = {"automatic": ""} | {name: name for name in classes}
        self.param.recipe.objects = recipes
        self.recipe = self.recipe if self.recipe in recipes else recipes[0]

    def _found(self) -> SelectedTarget:
        cutouts, name = self.cutouts, self.target_name
        if cutouts is None and name not in self.study.targets:
            return SelectedTarget(
                problem="data: expected a sky to learn from, got none. Choose one, or see the tab Data."
            )
        if not name:
            return SelectedTarget(problem="target: choose a column to learn.")
        try:
            target, why = self.study.choose(name, cutouts, self.task, self.positive)
            if cutouts is not None and not self._can_be_learned(target, cutouts):
                lacking = next(column for column in target.columns if column not in cutouts.catalogue.columns)
                return SelectedTarget(
                    problem=f"data: {self.page.sky} has no column {lacking}. Choose another sky or another target."
                )
            if not target.numeric and not target.self_labelled and cutouts is not None:
                target = target.fitted(cutouts.catalogue)
        except (KeyError, *REFUSED) as error:
            message = shown_error(error)
            known = message.partition(":")[0] in CONTROLS
            return SelectedTarget(problem=message if known else f"target: {message}")
        return SelectedTarget(target, why, self.study.recipes_of(name, target.task, cutouts))

    @staticmethod
    def _can_be_learned(target: Target, cutouts: CutoutSet) -> bool:
        return set(target.columns) <= set(map(str, cutouts.catalogue.columns))

    @property
    def target_name(self) -> str:
        """The target as ``galviz train --target`` takes it: a name, or columns with commas between."""
        return ",".join(filter(None, (self.target, *self.more)))

    @property
    def form(self) -> RecipeForm | None:
        """The form of the selected recipe, None without one; edits are kept when the visitor switches between forms."""
        if self.recipe not in self.selected.recipes:
            return None
        task = self.selected.target.task
        key = self.target_name, task, self.recipe, "" if self.target in self.study.targets else self.page.sky
        if key not in self._forms:
            self._forms[key] = form = RecipeForm(self.selected.recipes[self.recipe], task)
            form.param.watch(lambda _: self.param.update(edits=self.edits + 1), "edits")
        if self.cutouts is not None:
            self._forms[key].offer(numeric_columns(self.cutouts.catalogue, self.selected.target))
        return self._forms[key]

    def command(self, out: str, name: str = "train") -> list[str]:
        """Return the arguments of ``galviz`` that run the training set up in the form, or ``find-rate`` for it.

        Raises
        ------
        ValueError
            If a field is invalid, or no sky or no target is selected.
        """
        skies = self.library.skies()
        if self.page.sky not in skies:
            raise ValueError("data: expected a sky to learn from, got none. Choose one, or make one on the tab Data.")
        if self.form is None:
            raise ValueError(self.selected.problem)
        settings = self._checked(self.form)
        # A study without targets of its own is the one that `galviz train` takes by default.
        arguments = [name, *([self.study.name] if self.study.targets else [])]
        arguments += ["--data", str(skies[self.page.sky]), "--out", out, *_option("--target", self.target_name)]
        arguments += ["--task", self.task] if self.task else []
        arguments += _option("--positive", self.positive) if self.positive else []
        arguments += ["--recipe", self.recipe, "--devices", self.device]
        arguments += ["--encoder", str(self.library.allowed(self.encoder, "encoder"))] if self.encoder else []
        return arguments + (["--set", *settings] if settings else [])

    def _checked(self, form: RecipeForm) -> list[str]:
        """Return the changed settings; weights that a visitor names must be those that this page may open."""
        settings, given = form.settings(), form.changed().network.pretrained
        if not given or given == form.recipe.network.pretrained:
            return settings
        allowed = pretrained_of(given, self.library)
        return [one if one != f"network.pretrained={given}" else f"network.pretrained={allowed}" for one in settings]

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
            self.error = page_message(shown_error(error))

    @param.depends("selected", "recipe", "page.found")
    def free_name(self) -> str:
        """Return an unused name for a run, such as ``"richness-quick-2"``."""
        stem = re.sub(r"[^\w.+-]", "-", self.target_name.replace(",", "+"))[:80] or "run"
        return free_name(self.library.run_folders[-1], f"{stem.lstrip('.-')}-{self.recipe or 'quick'}")

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

    def choices(self) -> list[pn.widgets.Widget]:
        """Return the controls of a new user. Only their options are refreshed, so typed text is not lost."""
        select = {"type": pn.widgets.Select}
        options = {
            "target": select,
            "recipe": select,
            "device": select | {"options": self.param.devices},
            "run_name": {"placeholder": self.free_name},
        }
        return [field(self.param[name], **{"width": 260} | option) for name, option in options.items()]

    def learned(self) -> list[pn.widgets.Widget]:
        """Return the controls under "Advanced" that say what is learned, and from which weights."""
        own = self.param.target.rx().rx.pipe(lambda name: name in self.study.targets)
        options = {
            "more": {"type": Choices, "width": 320, "disabled": own},
            "task": {"type": pn.widgets.Select, "width": 160, "disabled": own},
            "positive": {"type": pn.widgets.Select, "width": 160, "disabled": own},
            "encoder": {"type": pn.widgets.Select, "width": 260, "options": self.encoders, "visible": self._lends},
        }
        return [field(self.param[name], **option) for name, option in options.items()]

    @param.depends("selected")
    def preview(self) -> pn.viewable.Viewable:
        """Show the task of the target and why, and how the values are distributed; or what to do first."""
        target, cutouts = self.selected.target, self.cutouts
        if target is None:
            return note(page_message(self.selected.problem))
        why = re.sub(r"; --task \w+ otherwise", "; another task: see Advanced", self.selected.why)
        if target.self_labelled or cutouts is None:
            return text(why)
        columns = [cutouts.catalogue[name] for name in target.columns[:_PLOTS]]
        hidden = len(target.columns) - len(columns)
        plots = [drawn(column_plot(column, target)) for column in columns]
        lines = [Markup("<div>{}</div>").format(column_counts(column, target)) for column in columns]
        lines += [Markup("<div>and {} more columns</div>").format(hidden)] if hidden else []
        why_line = Markup("<div aria-live='polite'><b>{}</b></div>").format(why)
        return pn.Column(text(why_line + Markup("").join(lines)), beside(*plots), sizing_mode="stretch_width")

    @param.depends("selected", "recipe", "device", "edits")
    def reason(self) -> str:
        """Return the architecture of the recipe, and why it suits the data and the device, in one line."""
        form, cutouts = self.form, self.cutouts
        if form is None or cutouts is None:
            return ""
        try:
            recipe = form.changed()
        except ValueError as error:
            return page_message(str(error))
        about = self.study.about_recipes.get(self.recipe, "")
        return f"{about} {reason_for(recipe, self.selected, cutouts, self.device)}".strip()

    @param.depends("selected", "recipe", "encoder", "run_name", "device", "edits", "page.sky", "page.found")
    def command_line(self) -> Markup:
        """Return the command that the button runs, as text to copy."""
        try:
            out = self.library.run_folders[-1] / (self.run_name.strip() or self.free_name())
            line = shlex.join(["galviz", *self.command(str(out))])
        except REFUSED as error:
            return Markup("<p class='note'>No command yet. {}</p>").format(page_message(shown_error(error)))
        code = "<pre class='command' tabindex='0' aria-label='Command' style='{}'>{}</pre>"
        style = "white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; margin: 0"
        return Markup("<div>The button runs this command. A click selects it, to copy:</div>") + Markup(code).format(
            style, line
        )

    @param.depends("selected", "recipe")
    def fields(self) -> pn.viewable.Viewable:
        """Return the settings of the recipe, in their groups."""
        return self.form or note("Choose a target to see its recipes.")

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why the last training did not start."""
        return error_note(self.error)

    def form_of_new(self) -> pn.Column:
        """Return the form of a new training."""
        wide = {"sizing_mode": "stretch_width"}
        start = pn.widgets.Button(label="▶ Start training", color="primary", on_click=self.start, height=44, **wide)
        target, *rest = self.choices()
        finder = [] if self.study.train else [self.rates]  # a study with its own training has other layer groups
        parts = [pn.FlexBox(*self.learned()), self.fields, *finder]
        advanced = pn.Card(*parts, title="Advanced", collapsed=True, **wide)
        return pn.Column(
            pn.FlexBox(target, *rest[:1]), self.preview, pn.FlexBox(*rest[1:]), text(self.reason), start, self.refused,
            advanced, text(self.command_line, **wide), **wide,
        )  # fmt: skip

    def main(self) -> pn.viewable.Viewable:
        """Return the form beside the progress of the selected run."""
        return Panes({"New training": lambda: scrolls(self.form_of_new())}, self.run.tabs(), wide=0.42)


def reason_for(recipe: Recipe, selected: SelectedTarget, cutouts: CutoutSet, device: str) -> str:
    """Return the architecture of a recipe, and why it suits the data and the device, in one line.

    Parameters
    ----------
    recipe : Recipe
    selected : SelectedTarget
        The target and its recipes.
    cutouts : CutoutSet
        The sky to learn from.
    device : str
        ``"cpu"``, ``"cuda:0"``, ``"mps"``.
    """
    count, side = _labelled(selected.target, cutouts), cutouts.images.shape[-1]
    network, gpu = recipe.network, not device.startswith("cpu")
    standard = selected.recipes[recipe.name].network.architecture == network.architecture
    size = f", {MILLIONS[network.architecture]:g} million parameters" if network.architecture in MILLIONS else ""
    width = f", {network.width} channels wide" if "width" in {one.name for one in network.used_fields()} else ""
    begins = "trained weights" if network.pretrained else "random weights"
    data = f"{count:,} images of {side}×{side} pixels on {f'a GPU ({device})' if gpu else 'a CPU'}"
    advice = ""
    if network.is_timm and begins == "random weights":
        advice = "Trained weights often do better: see pretrained under Advanced, network."
    elif count < _FEW and begins == "random weights" and (better := _PRETRAINED & selected.recipes.keys()):
        names = " or ".join(sorted(better, reverse=True))
        advice = f"With fewer than {_FEW:,} objects, {names} often does better: the encoder is pre-trained."
    elif gpu and count >= _MANY and recipe.name == "quick" and "best" in selected.recipes:
        advice = "With a GPU and this many objects, try the recipe best."
    elif not gpu and recipe.name == "best":
        advice = "This takes long on a CPU: try the recipe quick first."
    elif recipe.name == "quick":
        advice = "A small network, for a first result in minutes."
    choice = "chosen" if standard else "as you set it"
    return f"Encoder: {network.architecture}{width}{size}, from {begins}; {choice} for {data}. {advice}".strip()


def pretrained_of(given: str, library: Library) -> str:
    """Return initial weights that a visitor named, if this page may use them.

    Parameters
    ----------
    given : str
        A file or a run that the page may open, the name of a run on it, ``"imagenet"``, or a tag of timm.
    library : Library

    Raises
    ------
    ValueError
        If it is a path that the page may not open, or another place, such as a model of a hub.
    """
    runs, here = library.runs()[0], Path(given).exists()
    if given in runs:
        return str(runs[given].path)
    if given.startswith(("hf-hub:", "hf_hub:")):
        raise ValueError(
            "network.pretrained: expected imagenet, a tag of timm, or weights that the owner of this page allows: a "
            f"run, or a file in a folder that the page was started on. Got {given!r}, which it may not download. "
            f"Train on the command line with --set network.pretrained={given}"
        )
    if given == "imagenet" or (_TAG.fullmatch(given) and not here):
        return given
    if "/" in given or here:
        return str(library.allowed(given, "network.pretrained"))
    raise ValueError(
        f"network.pretrained: expected a file or a run that this page may open, imagenet, or a tag of timm such as "
        f"a1_in1k, got {given!r}. Other models of a hub can be named on the command line."
    )


def _option(name: str, value: str) -> list[str]:
    """Return an option of the command line; a value that begins with a dash would be taken for another option."""
    return [f"{name}={value}"] if value.startswith("-") else [name, value]


def _labelled(target: Target, cutouts: CutoutSet) -> int:
    """Return the number of objects with known values."""
    if target.self_labelled:
        return len(cutouts)
    return int(cutouts.catalogue[list(target.columns)].notna().all(axis=1).sum())
