"""The tabs "predictions" and "why" of a page: results of the selected run, and their explanation."""

from contextlib import suppress
from importlib import import_module

import panel as pn

from galviz.io.markup import Markup
from galviz.pages.library import Library, open_predictions, open_sky
from galviz.pages.results.view import ResultsView
from galviz.pages.state import PageState
from galviz.pages.tabs import no_run
from galviz.pages.why import WhyView
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, error_note, note, shown_error, text
from galviz.work.explanation import warm


class Results:
    """Builds two tabs of a page; the objects to explain are those selected on the page.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    def __init__(self, library: Library, page: PageState) -> None:
        self.library, self.page = library, page
        self.view: ResultsView | None = None

    def predictions(self) -> pn.viewable.Viewable:
        """Show the predictions of the selected run."""
        run = self._opened()
        if not isinstance(run, Run):
            return run
        try:
            predictions = open_predictions(run)
        except REFUSED as error:
            return error_note(shown_error(error))
        if predictions is None:
            return unfinished(run, "predictions")
        try:
            cutouts = open_sky(run.data)
            data = trained_on(run, cutouts)
        except REFUSED as error:
            cutouts, data = None, error_note(shown_error(error))
        others = self.library.judged(predictions.target, without=self.page.run)
        view = import_module(f"galviz.pages.results.{predictions.target.task}").View
        before, self.view = self.view, view(predictions, self.page.selection, cutouts, run, others)
        if before is not None and before.run.data == run.data and not self.view.explorer.kept:
            self.view.explorer.kept = before.explorer.kept
            self.view.explorer.panes.restore(before.explorer.panes.state())  # the tabs that were open
        self.view.links = self._to_why()
        (self.view.alerts if cutouts is None else self.view.heading).append(data)
        return self.view

    def warm(self) -> None:
        """Let the worker load the network of the selected run, so that the tab "why" does not wait for it."""
        path = self.library.run_path(self.page.run) if "why" in self.page.tabs else None
        if path is not None:
            with suppress(*REFUSED):  # the tab shows the error
                warm(Run.open(path))

    def why(self) -> pn.viewable.Viewable:
        """Show which parts of an image the selected run's prediction depends on."""
        run = self._opened()
        if not isinstance(run, Run):
            return run
        if not run.weights.exists():
            return unfinished(run, "weights")
        try:
            cutouts = open_sky(run.data)
        except REFUSED as error:
            return error_note(shown_error(error))
        explained = WhyView(run, cutouts, self.page.selection)
        explained.heading = [trained_on(run, cutouts)]
        return explained

    def _opened(self) -> Run | pn.viewable.Viewable:
        """Return the selected run, or a message if it cannot be opened."""
        path = self.library.run_path(self.page.run)
        if path is None:
            return no_run(self.page)
        try:
            return Run.open(path)
        except REFUSED as error:
            return error_note(shown_error(error))

    def _to_why(self) -> list[pn.widgets.Button]:
        if "why" not in self.page.tabs:
            return []
        why = pn.widgets.Button(label="Explain this prediction →", on_click=lambda _: self.page.open("why"))
        return [why]


def trained_on(run: Run, cutouts: CutoutSet) -> pn.viewable.Viewable:
    """Return the name, origin and size of the sky that a run was trained on, as text."""
    about = Markup("Trained on {}: <b>{}</b>, {:,} objects.")
    return text(about.format(run.data.name, cutouts.origin, len(cutouts)))


def unfinished(run: Run, what: str) -> pn.viewable.Viewable:
    """Return a message that a run has no predictions, or no weights, and why."""
    status = run.state()["status"]
    if status == "done":
        return note(f"{run.name} is done but has no {what}: its sky has no true values.")
    if status in {"failed", "lost", "stopped"}:
        why = f": {run.state().get('message') or 'reason unknown'}" if status == "failed" else ""
        return note(f"{run.name} is {status} and has no {what}{why}. Resume it, or train another on the tab Train.")
    return note(f"{run.name} is {status} and has no {what} yet: they appear when the run ends.")
