"""The learning-rate finder of the training tab: a short test in a process of its own, its plot, and its rates."""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.rate_test import group_rates, suggested_rate
from galviz.pages.controls import page_message
from galviz.pages.recipe_form import RecipeForm
from galviz.pages.sky_job import percent_of
from galviz.runs.run import ACTIVE, Run
from galviz.tools.formatting import REFUSED, drawn, error_note, note, shown_error, text
from galviz.tools.training.figure import rate_plot
from galviz.work import processes as jobs

_ABOUT = """
Trains for 100 steps while the learning rate rises, and shows where the loss falls. Nothing is saved. Schedule and
stages of the recipe are not used.
"""
_NONE = "The loss never fell, so no rate is suggested. <code>galviz find-rate</code> can take more steps: --steps 300."


class RateFinder(pn.viewable.Viewer):
    """Find the learning rates of a recipe, and write them into its form.

    Parameters
    ----------
    command : callable
        Takes a file for the table of the test, and returns the arguments of ``galviz``.
    form : callable
        Returns the form of the selected recipe; None without one.
    """

    going = param.Boolean(default=False, doc="whether the test runs")
    percent = param.Integer(default=-1, bounds=(-1, 100), doc="percentage of the steps; -1 if unknown")
    status = param.String(default="", doc="what happens, or happened last")
    error = param.String(default="", doc="why there is no result")
    table = param.DataFrame(default=None, doc="loss at each rate, from `galviz.measure.rate_test.rate_table`")
    rates = param.Dict(default={}, doc="suggested rate of each layer group; empty if there is none")

    def __init__(
        self, command: Callable[[str], Sequence[str]], form: Callable[[], RecipeForm | None], **params: object
    ) -> None:
        super().__init__(**params)
        self._command, self._form = command, form
        self._folder: Path | None = None  # of the test that runs
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self.reset())

    def start(self, _: object = None) -> None:
        """Start the test of the recipe as it is set in the form."""
        self.reset()
        folder = Path(tempfile.mkdtemp(prefix="galviz-rates-"))
        try:
            jobs.start(self._command(str(folder / "rates.csv")), folder)
        except REFUSED as error:
            shutil.rmtree(folder, ignore_errors=True)
            self.error = page_message(shown_error(error))
            return
        self._folder, self._tested = folder, self._form()
        self._optimiser = self._tested.changed().optimiser  # as it is tested, whatever is set meanwhile
        self.param.update(going=True, status="Finding learning rates …")

    def poll(self) -> None:
        """Poll the process; when it has ended, show its result, or why there is none."""
        if self._folder is None:
            return
        state, table = next(jobs.follow(self._folder)).state, self._folder / "rates.csv"
        if state["status"] in ACTIVE:
            self.percent = percent_of(Run(self._folder).log(tail=5))
            return
        if table.exists():
            self._show(pd.read_csv(table))
        else:
            why = str(state.get("message") or "The process ended.").removeprefix("galviz find-rate: ")
            self.param.update(status="", error=page_message(why))
        self._end()

    def _show(self, table: pd.DataFrame) -> None:
        best, optimiser = suggested_rate(table), self._optimiser
        rates = {} if best is None else group_rates(best, optimiser.learning_rates, frozen=optimiser.frozen)
        self.param.update(table=table, rates=rates, status="")

    def cancel(self, _: object = None) -> None:
        """End the test without a result."""
        if self._folder is not None:
            jobs.end(self._folder)
            self._end()
            self.status = "Cancelled."

    def reset(self) -> None:
        """End the test, and forget its result."""
        self.cancel()
        self.param.update(status="", error="", table=None, rates={})

    def _end(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
        self.param.update(going=False, percent=-1)

    def use(self, _: object = None) -> None:
        """Write the suggested rates into the form."""
        for name, rate in self.rates.items():
            self._tested.widgets[f"optimiser.learning_rates.{name}"].value = rate
        self.status = "The settings have these learning rates now: see optimiser, above."

    def suggestion(self) -> str:
        """Return the suggested rates in words, per layer group."""
        rates, early = [f"{name} {rate:g}" for name, rate in self.rates.items()], self._optimiser.early_rate
        if early < 1 and "encoder" in self.rates:
            rates[list(self.rates).index("encoder")] += f" (the first half of it {early * self.rates['encoder']:.2g})"
        return f"Suggested learning rates: {', '.join(rates)}."

    @param.depends("going", "percent", "status")
    def progress(self) -> Markup:
        """Return what happens, with a bar while the test runs; text, as a part that comes and goes moves the page."""
        if not (self.going or self.status):
            return Markup("")
        bar = Markup(f"<progress max='100'{'' if self.percent < 0 else f' value={self.percent}'}></progress> ")
        return Markup("<div role='status'>{}{}</div>").format(bar if self.going else "", self.status)

    @param.depends("table")
    def found(self) -> pn.viewable.Viewable:
        """Return the plot of the test, its suggestion, and the button that takes it."""
        if self.table is None:
            return pn.Column()
        words = text(self.suggestion() if self.rates else Markup(_NONE))
        use = pn.widgets.Button(label="Use these rates", on_click=self.use, visible=bool(self.rates))
        return pn.Column(drawn(rate_plot(self.table)), words, use, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        going = self.param.going
        find = pn.widgets.Button(label="Find learning rates", on_click=self.start, disabled=going)
        cancel = pn.widgets.Button(label="Cancel", on_click=self.cancel, disabled=going.rx.not_())
        parts = (note(_ABOUT), pn.Row(find, cancel), text(self.progress), self.found)
        return pn.Column(*parts, pn.bind(error_note, self.param.error), sizing_mode="stretch_width")
