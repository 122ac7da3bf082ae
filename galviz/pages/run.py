"""The selected run: its progress, with buttons to stop and resume it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import param

from galviz.pages.library import Library
from galviz.pages.state import PageState
from galviz.pages.workspace import scrolls
from galviz.runs.run import ACTIVE
from galviz.tools.formatting import REFUSED, error_note, note, shown_error
from galviz.tools.toasts import toast
from galviz.tools.training.run_progress import RunView
from galviz.work import processes as jobs


class RunPanel(param.Parameterized):
    """Show the progress of the selected run, whoever started it.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    view = param.ClassSelector(class_=RunView, doc="the progress that is shown, if any")
    status = param.String(default="", doc="status of the run that is shown")
    predicted = param.Integer(default=0, doc="time when its predictions were written; 0 if there are none")
    error = param.String(default="", doc="why the last request failed")

    def __init__(self, library: Library, page: PageState, **params: object) -> None:
        super().__init__(page=page, **params)
        self.library = library
        self._attach()

    @param.depends("page.run", watch=True)
    def _attach(self) -> None:
        path = self.library.run_path(self.page.run)
        view = None if path is None else RunView(path)  # it has read the folder
        status, predicted = ("", 0) if view is None else (view.state["status"], view.predicted)
        self.param.update(view=view, status=status, predicted=predicted, error="")

    def poll(self) -> None:
        """Read the run folder again; announce a change of status to the rest of the page."""
        if self.view is None:
            return
        self.view.poll()
        before, now = self.status, self.view.state["status"]
        self.param.update(status=now, predicted=self.view.predicted)
        if before and before != now:
            self.page.found += 1
            self._tell(now)

    def _tell(self, status: str) -> None:
        """Say that the run has ended, and how."""
        if status == "done":
            toast(f"{self.view.path.name} is done: see its predictions.")
        elif status in {"failed", "lost"}:
            why = self.view.state.get("message") or "Resume it on the tab Train."
            toast(f"{self.view.path.name} is {status}. {why}", bad=True)

    def stop(self) -> None:
        """Ask the run to stop after its current step, or to leave the queue."""
        self._try(jobs.stop)

    def resume(self) -> None:
        """Resume from the last checkpoint, on the same device as before."""
        device = str(self.view.state.get("device") or "") if self.view else ""
        self._try(lambda path: jobs.resume(path, *(["--devices", device] if device else [])))

    def _try(self, action: Callable[[Path], object]) -> None:
        self.error = ""
        try:
            if self.view is not None:
                action(self.view.path)
                self.poll()
        except REFUSED as error:
            self.error = shown_error(error)

    @param.depends("status", "predicted")
    def buttons(self) -> pn.viewable.Viewable:
        """Return the buttons Stop and Resume, enabled according to the status."""
        going, rests = self.status in {"created", *ACTIVE}, self.status in {"stopped", "failed", "lost"}
        stop = pn.widgets.Button(label="■ Stop", disabled=not going, on_click=lambda _: self.stop())
        resume = pn.widgets.Button(label="▶ Resume", disabled=not rests, on_click=lambda _: self.resume())
        see = pn.widgets.Button(
            label="See the predictions →", color="primary", visible=bool(self.predicted),
            on_click=lambda _: self.page.open("predictions"),
        )  # fmt: skip
        return pn.Row(stop, resume, see)

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why the last request failed."""
        return error_note(self.error)

    def _part(self, *names: str) -> pn.viewable.Viewable:
        """Return parts of the view of the selected run, or a hint if none is selected."""
        nothing = note("No run selected. Start one, or select one in the top bar.")

        def made(view: RunView | None) -> Any:
            if view is None:
                return nothing
            return pn.Column(*(getattr(view, name)() for name in names), sizing_mode="stretch_width")

        return pn.Column(pn.bind(made, self.param.view), sizing_mode="stretch_width")

    def tabs(self) -> dict[str, Callable[[], Any]]:
        """Return what is shown of the run, for a pane: its progress, samples and log."""

        def progress() -> pn.viewable.Viewable:
            parts = [self.buttons, self.refused, self._part("summary", "drawn_curves")]
            return scrolls(pn.Column(*parts, sizing_mode="stretch_width"))

        return {
            "Progress": progress,
            "Samples": lambda: scrolls(self._part("contact_sheet")),
            "Log": lambda: scrolls(self._part("lines")),
        }
