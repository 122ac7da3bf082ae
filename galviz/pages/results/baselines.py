"""A run beside baselines: a constant, the other columns of the catalogue, and simple statistics of the images."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.damage import whole
from galviz.io.files import read_json, write_json
from galviz.io.markup import Markup
from galviz.runs.run import Run
from galviz.studies import Baseline, open_study, study_names
from galviz.tools.formatting import REFUSED, error_note, shown_error, shown_value, shown_work, text
from galviz.work.chunks import Work

NETWORK, BASELINES = "network", ("constant", "catalogue columns", "pixel statistics")
"""As `galviz.work.worker.baselines` names them."""

FILE = "baselines.json"
_EVERY_MS = 300
_BETTER_IF_HIGH = ("accuracy", "r2")
_COLUMNS = ("value", "low", "high")
_ABOUT = {
    NETWORK: "this run",
    BASELINES[0]: "the mean of the training objects, or their largest class",
    BASELINES[1]: "boosted trees on the other numbers of the catalogue",
    BASELINES[2]: "a linear model of quantiles, mean, scatter and central excess of each band",
}


class BaselinesView(pn.viewable.Viewer):
    """A button that computes the baselines of a run on a worker, and the table of their metrics.

    The results are kept in the run folder, as ``baselines.json``, until there are new predictions.

    Parameters
    ----------
    run : Run
        A run with predictions.
    """

    found = param.Dict(default={}, doc="network and baselines → their metrics, as `Predictions.summary` gives them")
    work = param.Parameter(doc="the `Work` that computes them, if any")
    version = param.Integer(default=0, doc="grows with the progress of the work")
    error = param.String(default="", doc="why there are none")

    def __init__(self, run: Run, **params: object) -> None:
        super().__init__(**params)
        self.run = run
        try:
            self.found = read_baselines(run)
        except REFUSED as error:
            self.error = shown_error(error)
        self._polls: pn.io.PeriodicCallback | None = None
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self.cancel())

    def compare(self, _: object = None) -> None:
        """Start the computation, unless it is running."""
        if self.work is None:
            chunks = [(str(self.run.path), name) for name in (*BASELINES, *baselines_of(self.run))]
            self.param.update(error="", work=Work("galviz.work.worker:baselines", chunks))
            if pn.state.curdoc is not None:
                self._polls = pn.state.add_periodic_callback(self.poll, period=_EVERY_MS)

    def cancel(self) -> None:
        """Cancel the computation."""
        if self.work is not None:
            self.work.cancel()

    def poll(self) -> None:
        """Poll the computation; keep and show its results when it is done."""
        work = self.work
        if work is None:
            return
        self.version += 1
        if work.status == "running":
            return
        self.work = None
        if self._polls is not None:
            self._polls.stop()
        if work.status == "failed":
            self.error = work.error
        if work.status != "done":
            return
        found = {name: metrics for part in work.results() for name, metrics in part.items()}
        try:
            write_baselines(self.run, found)
        except OSError as error:  # they are shown all the same
            self.error = f"The results are not kept: {shown_error(error)}"
        self.found = found
        if not found:
            self.error = "There are no baselines: no object is held out, or the image is its own label."

    @param.depends("found")
    def table(self) -> Markup:
        """Return the metrics of the network and of the baselines, as HTML."""
        about = {name: one.about for name, one in baselines_of(self.run).items()}
        return baselines_html(self.found, about) if self.found else Markup("")

    @param.depends("work", "version")
    def progress(self) -> str:
        """Return the progress of the computation, as HTML."""
        return shown_work(self.work) if self.work is not None else ""

    @param.depends("error")
    def refused(self) -> pn.viewable.Viewable:
        """Show why there are no results, or why they are not kept."""
        return error_note(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        busy = self.param.work.rx().rx.pipe(lambda work: work is not None)
        label = self.param.found.rx().rx.pipe(lambda found: f"Compare {'again ' if found else ''}with baselines")
        button = pn.widgets.Button(label=label, disabled=busy, on_click=self.compare)
        wide = {"sizing_mode": "stretch_width"}
        return pn.Column(button, text(self.progress), self.refused, text(self.table, **wide), **wide)


def baselines_of(run: Run) -> Mapping[str, Baseline]:
    """Return the baselines that the study of a run declares."""
    return open_study(run.info["study"]).baselines if run.info["study"] in study_names() else {}


def baselines_html(found: Mapping[str, pd.DataFrame], about: Mapping[str, str] | None = None) -> Markup:
    """Return a table with a row per metric and a column per method, and whether the network is the best, as HTML.

    Parameters
    ----------
    found : mapping of str to pandas.DataFrame
        The network first. Index ``metric``; columns value, low, high and definition.
    about : mapping of str to str, optional
        What the baselines of the study are.
    """
    about = _ABOUT | dict(about or {})
    title = "<th title='{}'>{}</th>"
    head = Markup("").join(Markup(title).format(about.get(name, name), name) for name in found)
    cell, rows = Markup("<td>{}<br><small>{} to {}</small></td>"), []
    for metric, definition in found[NETWORK]["definition"].items():
        values = (table.loc[metric, list(_COLUMNS)] for table in found.values())
        cells = Markup("").join(cell.format(*map(shown_value, map(float, row))) for row in values)
        rows.append(Markup("<tr><th scope='row' title='{}'>{}</th>{}</tr>").format(definition, metric, cells))
    caption = "The same held-out objects, with 95 % intervals. Baselines learn from the run's training objects."
    whole_table = Markup("<table class='measures'><caption>{}</caption><tr><th>Measure</th>{}</tr>{}</table>")
    return Markup("<p role='status'><b>{}</b></p>").format(verdict(found)) + whole_table.format(
        caption, head, Markup("").join(rows)
    )


def verdict(found: Mapping[str, pd.DataFrame]) -> str:
    """Return in a sentence whether the network is better than the best baseline, by the first metric."""
    metric = next(iter(found[NETWORK].index))
    sign = 1 if metric in _BETTER_IF_HIGH else -1
    ours, others = found[NETWORK].loc[metric], {name: table.loc[metric] for name, table in found.items()}
    del others[NETWORK]
    best = max(others, key=lambda name: sign * others[name]["value"])
    theirs = others[best]
    values = f"{metric} {shown_value(float(ours['value']))} against {shown_value(float(theirs['value']))}"
    if sign * (ours["value"] - theirs["value"]) <= 0:
        worse = ours["high"] < theirs["low"] if sign > 0 else ours["low"] > theirs["high"]
        return f"The network is {'worse' if worse else 'no better'} than the best baseline, {best}: {values}."
    apart = ours["low"] > theirs["high"] if sign > 0 else ours["high"] < theirs["low"]
    chance = "" if apart else ", but the intervals overlap"
    return f"The network is better than the best baseline, {best}: {values}{chance}."


def read_baselines(run: Run) -> dict[str, pd.DataFrame]:
    """Return the results that are kept in a run folder; empty if there are none, or if they are older than predictions.

    Raises
    ------
    ValueError
        If the file is damaged.
    """
    file, predictions = run.path / FILE, run.path / "predictions.parquet"
    if not file.exists() or not predictions.exists() or file.stat().st_mtime_ns < predictions.stat().st_mtime_ns:
        return {}
    content = read_json(file)
    with whole(file, "metrics of baselines", "Remove the file."):
        found = {str(name): _from_json(metrics) for name, metrics in content["baselines"].items()}
        metrics = found[NETWORK].index
        if len(found) < 2 or not len(metrics) or any(list(table.index) != list(metrics) for table in found.values()):
            raise KeyError("network and baselines with the same metrics")
    return found


def write_baselines(run: Run, found: Mapping[str, pd.DataFrame]) -> None:
    """Keep results in the run folder. The write is atomic."""
    write_json(run.path / FILE, {"version": 1, "baselines": {name: table.T.to_dict() for name, table in found.items()}})


def _from_json(metrics: Mapping[str, Any]) -> pd.DataFrame:
    rows = {
        str(name): {column: float(row[column]) for column in _COLUMNS} | {"definition": str(row["definition"])}
        for name, row in metrics.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")
