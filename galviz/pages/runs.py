"""The runs that there are, as a table; one that is clicked becomes the run of the page."""

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.library import Library
from galviz.pages.run_curves import RunCurves
from galviz.pages.state import PageState
from galviz.runs.run import Run
from galviz.tools.formatting import NOT_KNOWN, data_table, said, shown_error, shown_time, shown_value, text
from galviz.tools.training.figure import LABELS, metric_names
from galviz.work import processes as jobs


class RunsPanel(pn.viewable.Viewer):
    """History of the runs, and the folders that hold only half of one.

    Parameters
    ----------
    library : Library
    page : PageState
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    asked = param.String(default="", doc="the run that will be removed where the wish is said again")
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
            return pn.Column(text("No run yet. Start one on the tab Train."), text(half_html(broken)))
        chosen = pn.bind(lambda run: [list(runs).index(run)] if run in runs else [], self.page.param.run)
        widget = data_table(rows, selection=chosen, pagination="local", page_size=20)
        widget.on_click(lambda event: setattr(self.page, "run", str(rows.index[event.row])))
        return pn.Column(widget, text(half_html(broken)))

    @param.depends("page.run")
    def chosen(self) -> str | Markup:
        """Say which run is chosen."""
        run = self.page.run
        return Markup("Selected: <b>{}</b>").format(run) if run else "Click a run to select it."

    def remove(self) -> None:
        """Ask whether the chosen run shall be removed; asked again at once, remove it."""
        if self.asked != self.page.run:
            self.asked = self.page.run
            return
        try:
            jobs.remove(self.library.run_path(self.page.run))
        except (RuntimeError, OSError) as error:
            self.error = shown_error(error)
        else:
            self.page.param.update(run=self.library.first_run(), found=self.page.found + 1)
        self.asked = ""

    @param.depends("page.run", watch=True)
    def _another(self) -> None:
        self.param.update(asked="", error="")

    @param.depends("page.run", "page.found", "asked")
    def removal(self) -> pn.viewable.Viewable:
        """Give the button that removes the run, where it came to nothing."""
        path = self.library.run_path(self.page.run)
        useless = path is not None and not (path / "predictions.parquet").exists()
        label = f"Remove {self.page.run} for good?" if self.asked else "Remove it"
        return pn.widgets.Button(label=label, visible=useless, on_click=lambda _: self.remove())

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Say why the run was not removed."""
        return said(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        go = [
            pn.widgets.Button(label=label, on_click=lambda _, tab=tab: setattr(self.page, "tab", tab))
            for label, tab in (("Follow it", "train"), ("See its predictions", "predictions"))
        ]
        return pn.Column(pn.Row(text(self.chosen), *go, self.removal), self.refused, self.table, self.curves)


def run_row(run: Run) -> dict[str, str]:
    """Say in a few words what a run is, for a table."""
    info, state, target = run.info, run.state(), run.target
    return {
        "study": info["study"],
        "target": "37 votes" if target.kind == "votes" else target.name,
        "recipe": info["recipe"]["name"],
        "status": state["status"],
        "epochs": f"{state.get('epoch', 0)} of {state.get('epochs', info['recipe']['epochs'])}",
        "best, held out": best(run) or NOT_KNOWN,
        "made": shown_time(info.get("created")),
        "data": run.data.name,
    }


def best(run: Run) -> str:
    """Say the best value of each metric, of any epoch; of votes that learned by squares the RMSE of all 37 too."""
    try:
        metrics = run.metrics()
    except ValueError:
        return "metrics.csv is damaged"
    values = {name: metrics[name].agg("max" if name == "val_accuracy" else "min") for name in metric_names(metrics)}
    if run.target.kind == "votes" and run.recipe.loss == "mse" and "val_loss" in metrics:
        values = {"val_rmse": metrics["val_loss"].min() ** 0.5} | values  # of one view, not of `tta` of them
    written = {LABELS.get(name, name.removeprefix("val_")): value for name, value in values.items()}
    return ", ".join(f"{name} {shown_value(float(value))}" for name, value in written.items() if np.isfinite(value))


def half_html(broken: dict[str, str]) -> str | Markup:
    """List the folders that hold only half a run, and why they cannot be opened."""
    rows = Markup("").join(Markup("<li><code>{}</code>: {}</li>").format(*one) for one in broken.items())
    return Markup("<p>Left out, for they hold no whole run:</p><ul>{}</ul>").format(rows) if rows else ""
