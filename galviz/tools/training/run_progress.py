"""The progress of a training, read from its run folder. Any process can open it, at any time."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import holoviews as hv
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.epochs import best_epoch
from galviz.runs.headline import headline
from galviz.runs.predictions import Predictions
from galviz.runs.run import ACTIVE, Run
from galviz.tools.formatting import beside, drawn, note, shown_seconds, text
from galviz.tools.training.figure import loss_curves, metric_curves, metric_names
from galviz.tools.training.samples import CSS, sample_pictures, samples_html
from galviz.work import processes as jobs

_SIGNS = {
    "created": "○ starting",
    "waiting": "◔ waiting",
    "running": "▶ running",
    "stopped": "■ stopped",
    "done": "✔ done",
    "failed": "✖ failed",
    "lost": "✖ lost",
}


class RunView(pn.viewable.Viewer):
    """Status, progress, curves and log of one run. `poll` reads the folder again and shows the changes.

    Parameters
    ----------
    path : str or Path
        A run folder; it may still be incomplete.
    """

    state = param.Dict(default={"status": "created"}, doc="as `galviz.runs.run.Run.state` gives it")
    started = param.Boolean(default=False, doc="whether there are metrics")
    metrics = param.DataFrame(default=pd.DataFrame(), doc="lines of metrics.csv so far")
    log = param.String(default="", doc="last lines of log.txt")
    sampled = param.Integer(default=0, doc="time when the samples were written, ns; 0 if there are none")
    predicted = param.Integer(default=0, doc="time when its predictions were written, ns; 0 if there are none")

    def __init__(self, path: str | Path, **params: object) -> None:
        super().__init__(**params)
        self.path = Path(path)
        self._updates: Iterator[jobs.Update] = jobs.follow(self.path)
        self.poll()

    @property
    def active(self) -> bool:
        """Whether a process is working on the run, or about to start."""
        return self.state["status"] in ACTIVE or jobs.is_alive(self.path)

    def poll(self) -> None:
        """Read the folder once, and update the view."""
        update = next(self._updates)
        state = {name: value for name, value in update.state.items() if name != "heartbeat"}
        if state["status"] not in ACTIVE and jobs.is_alive(self.path):
            state |= {"status": "created", "message": ""}  # the process has started but not yet written its state
        changed: dict[str, Any] = {"state": state, "log": Run(self.path).log(tail=60)}
        predicted = self.path / "predictions.parquet"
        changed["predicted"] = predicted.stat().st_mtime_ns if predicted.exists() else 0
        samples = Run(self.path).samples
        changed["sampled"] = samples.stat().st_mtime_ns if samples.exists() else 0
        if update.restarted or not len(self.metrics.columns):
            changed["metrics"] = update.rows
        elif len(update.rows):
            changed["metrics"] = pd.concat([self.metrics, update.rows], ignore_index=True)
        changed["started"] = bool(len(changed.get("metrics", self.metrics)))
        now = self.param.values()
        self.param.update(**{k: new for k, new in changed.items() if k == "metrics" or new != now[k]})

    @param.depends("state")
    def status(self) -> Markup:
        """Return the progress of the run, in one line."""
        state = self.state
        epoch = f"epoch {state.get('epoch', 0)} of {state['epochs']}" if "epochs" in state else ""
        waiting, running = state["status"] == "waiting", state["status"] == "running"
        memory = f"memory {state['memory_mb']:,.0f} MiB" if state.get("memory_mb") and not waiting else ""
        where = "GPU" if str(state.get("device", "")).startswith("cuda") else "CPU"
        load = f"{where} load {state['load']:.0f} %" if running and state.get("load") is not None else ""
        left = f"{shown_seconds(state.get('eta_s'))} left" if running else ""
        place = f"on {state['device']}" if running and "device" in state else ""
        sign = Markup("<b>{}</b>").format(_SIGNS.get(state["status"], state["status"]))
        line = Markup(" · ").join(filter(None, (sign, epoch, left, memory, load, place)))
        return Markup("<div role='status'>{}</div>").format(line)

    @param.depends("state")
    def message(self) -> str | Markup:
        """Return the run's message: why it failed, or what it waits for."""
        message, failed = self.state.get("message"), self.state["status"] in {"failed", "lost"}
        shown = Markup("<div class='{}' role='{}'>{}</div>")
        return shown.format(*(("bad", "alert") if failed else ("note", "note")), message) if message else ""

    @param.depends("state")
    def progress(self) -> int:
        """Return the percentage of steps done."""
        if self.state["status"] == "done":
            return 100
        return int(100 * min(1.0, self.state.get("step", 0) / max(self.state.get("steps") or 1, 1)))

    @property
    def unit(self) -> str:
        """Unit of the metrics."""
        try:
            target = Run.open(self.path).target
        except (OSError, ValueError):  # the folder is still incomplete
            return ""
        return target.rules.unit(target)

    @param.depends("log", "state")
    def tail(self) -> Markup:
        """Return the last lines of the log, or where the run was started: only pages and notebooks keep a log."""
        if self.log or self.state["status"] == "created":
            log = Markup("<pre class='log' tabindex='0' aria-label='Log'>{}</pre>")
            return log.format(self.log or "Nothing logged yet.")
        host = f" on {self.state['host']}" if "host" in self.state else ""
        return Markup("<p class='note'>No log here: this run was started in a terminal or by a sweep{}.</p>").format(
            host
        )

    @param.depends("started")
    def curves(self) -> pn.viewable.Viewable:
        """Draw the curves, after the first epoch."""
        if not self.started:
            return note("The curves come with the first epoch.")
        table = self.param.metrics
        curves = [pn.bind(loss_curves, table)]
        if metric_names(self.metrics):  # a GAN has none
            curves.append(pn.bind(metric_curves, table, self.unit))
        return beside(*(drawn(hv.DynamicMap(curve)) for curve in curves))

    @param.depends("metrics", "state")
    def best(self) -> Markup | str:
        """Return the best epoch and its loss, and how long a training that runs still waits for a better one."""
        row = best_epoch(self.metrics)
        if row is None:
            return ""
        epoch = int(row["epoch"])
        line = Markup("Best: epoch <b>{}</b>, held-out loss <b>{:.4g}</b>").format(epoch, row["val_loss"])
        try:
            run = Run.open(self.path)
            patience = run.recipe.validation.stop_after
            found = headline(run) if self.state["status"] == "done" else None
        except (OSError, ValueError):  # the folder is still incomplete, or the predictions are damaged
            patience, found = 0, None
        if patience and self.state["status"] == "running":
            left = max(patience - int(self.metrics["epoch"].iloc[-1] - epoch), 0)
            line += Markup(" · stops after {} more epochs without improvement").format(left)
        return line + Markup(" · the saved network: <b>{}</b>").format(found) if found and found.saved else line

    @param.depends("sampled")
    def samples(self) -> Markup | str:
        """Return a few held-out objects and their predictions after the last epoch."""
        try:
            run = Run.open(self.path)
            samples = Predictions.open(run.samples)
            urls = sample_pictures(run.data, tuple(map(str, samples.table.index)))
        except (OSError, ValueError, KeyError):
            return "A few held-out objects are shown here after the first epoch, with what the network says of them."
        return samples_html(samples, self.state.get("epoch", 0), urls)

    def summary(self) -> pn.viewable.Viewable:
        """Return status, progress bar, message and the best epoch so far."""
        colour = self.param.state.rx.pipe(
            lambda state: "danger" if state["status"] in {"failed", "lost"} else "primary"
        )
        bar = pn.indicators.Progress(value=self.progress, max=100, sizing_mode="stretch_width", bar_color=colour)
        parts = [text(self.status), bar, text(self.message), text(self.best)]
        return pn.Column(*parts, sizing_mode="stretch_width")

    def drawn_curves(self) -> pn.viewable.Viewable:
        """Return the curves, which come with the first epoch."""
        return pn.Column(self.curves, sizing_mode="stretch_width")

    def contact_sheet(self) -> pn.viewable.Viewable:
        """Return the pictures of `samples`."""
        return text(self.samples, css=CSS, sizing_mode="stretch_width")

    def lines(self) -> pn.viewable.Viewable:
        """Return the end of the log."""
        return text(self.tail, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.summary(), self.curves, self.contact_sheet(), self.lines(), sizing_mode="stretch_width")
