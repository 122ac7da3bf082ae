"""The runs tab: a table of all runs; a click selects a run for the page."""

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.library import NO_RUN, Library
from galviz.pages.run_curves import RunCurves
from galviz.pages.state import PageState
from galviz.runs.headline import headline
from galviz.runs.run import Run
from galviz.tools.formatting import NOT_KNOWN, REFUSED, data_table, error_note, shown_error, shown_time, text
from galviz.work import processes as jobs


class RunsPanel(pn.viewable.Viewer):
    """Table of the runs, their learning curves, and the list of incomplete run folders.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    to_remove = param.String(default="", doc="the run to remove when the button is pressed again")
    error = param.String(default="", doc="why it was not removed")

    def __init__(self, library: Library, page: PageState, **params: object) -> None:
        super().__init__(page=page, **params)
        self.library, self.curves = library, RunCurves(library, page)

    @param.depends("page.found")
    def table(self) -> pn.viewable.Viewable:
        """Show the runs, newest first."""
        runs, broken = self.library.runs()
        rows = pd.DataFrame([run_row(run) for run in runs.values()], index=pd.Index(list(runs), name="run"))
        if rows.empty:
            return pn.Column(text(NO_RUN), text(incomplete_html(broken)))
        selected = pn.bind(lambda run: [list(runs).index(run)] if run in runs else [], self.page.param.run)
        widget = data_table(rows, selection=selected, pagination="local", page_size=20)
        widget.on_click(lambda event: setattr(self.page, "run", str(rows.index[event.row])))
        return pn.Column(widget, text(incomplete_html(broken)))

    @param.depends("page.run")
    def selected(self) -> str | Markup:
        """Return the name of the selected run, as a line of text."""
        run = self.page.run
        return Markup("Selected: <b>{}</b>").format(run) if run else "Click a run to select it."

    def remove(self) -> None:
        """Remove the selected run: the first call asks for confirmation, the second one removes it."""
        if self.to_remove != self.page.run:
            self.to_remove = self.page.run
            return
        try:
            jobs.remove(self.library.run_path(self.page.run))
        except (RuntimeError, OSError) as error:
            self.error = shown_error(error)
        else:
            self.page.param.update(run=self.library.first_run(), found=self.page.found + 1)
        self.to_remove = ""

    @param.depends("page.run", watch=True)
    def _another(self) -> None:
        self.param.update(to_remove="", error="")

    @param.depends("page.run", "page.found", "to_remove")
    def removal(self) -> pn.viewable.Viewable:
        """Return the button that removes the run, visible if it has no predictions."""
        path = self.library.run_path(self.page.run)
        useless = path is not None and not (path / "predictions.parquet").exists()
        label = f"Remove {self.page.run} for good?" if self.to_remove else "Remove it"
        return pn.widgets.Button(label=label, visible=useless, on_click=lambda _: self.remove())

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why the run was not removed."""
        return error_note(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        go = [
            pn.widgets.Button(label=label, on_click=lambda _, tab=tab: self.page.open(tab))
            for label, tab in (("Show progress", "train"), ("See its predictions", "predictions"))
        ]
        return pn.Column(pn.Row(text(self.selected), *go, self.removal), self.refused, self.table, self.curves)


def run_row(run: Run) -> dict[str, str]:
    """Return the summary of a run, as one row of a table."""
    info, state, target = run.info, run.state(), run.target
    return {
        "study": info["study"],
        "target": target.rules.about(target),
        "recipe": info["recipe"]["name"],
        "status": state["status"],
        "epochs": f"{state.get('epoch', 0)} of {state.get('epochs', info['recipe']['epochs'])}",
        "result": result(run) or NOT_KNOWN,
        "made": shown_time(info.get("created")),
        "data": run.data.name,
    }


def result(run: Run) -> str:
    """Return the number that a run is known by (`galviz.runs.headline`), as text; ``""`` without one."""
    try:
        return str(headline(run) or "")
    except REFUSED:
        return "its results cannot be read"


def incomplete_html(broken: dict[str, str]) -> str | Markup:
    """Return an HTML list of the incomplete run folders and the reasons, or ``""``."""
    rows = Markup("").join(Markup("<li><code>{}</code>: {}</li>").format(*one) for one in broken.items())
    return Markup("<p>Incomplete run folders, not listed:</p><ul>{}</ul>").format(rows) if rows else ""
