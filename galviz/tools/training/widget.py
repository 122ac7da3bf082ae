"""A training as a notebook widget: its progress, its loss curve, and buttons to stop and resume it."""

import threading
from pathlib import Path
from typing import Any

import ipywidgets as W  # noqa: N812 - as its own documentation does
import pandas as pd
import traitlets

from galviz.io.markup import Markup, as_html
from galviz.runs.predictions import Predictions
from galviz.runs.run import ACTIVE, Run
from galviz.work import processes as jobs

_EVERY_S = 0.5
_WIDE, _HIGH, _EDGE = 420, 180, 34  # size of the curve and its margin, px
_COLOURS = ("#0072b2", "#d55e00")


class _Text(W.HTML):
    """A widget that escapes its text; only a `Markup` is shown as HTML."""

    @traitlets.validate("value")
    def _safe(self, proposal: dict[str, Any]) -> str:
        return as_html(proposal["value"])


class TrainingWidget(W.VBox):
    """Show the progress of a run. Closing the notebook does not end the run, and a new widget shows it again.

    Parameters
    ----------
    run : str or Path
        The run folder; it may still be incomplete.

    Attributes
    ----------
    status : str
        As in `Run.state`: waiting, running, stopped, done, failed, lost.
    epoch : int
        Number of the current, or last, epoch.
    metrics : list of dict
        Lines of ``metrics.csv``, one per epoch.
    """

    status = traitlets.Unicode("waiting", help="progress of the run").tag(sync=True)
    epoch = traitlets.Int(0, help="epoch under way").tag(sync=True)
    metrics = traitlets.List(help="a dict an epoch").tag(sync=True)

    def __init__(self, run: str | Path, **kwargs: Any) -> None:
        self.path = Path(run)
        self._bar = W.FloatProgress(min=0, max=1, description="training", layout=W.Layout(width="460px"))
        self._line, self._curve = _Text(), _Text()
        self._stop = W.Button(description="Stop", icon="stop", tooltip="Finish the step, keep a checkpoint, stop")
        self._resume = W.Button(description="Resume", icon="play", tooltip="Go on from the last checkpoint")
        self._stop.on_click(lambda _: self.stop())
        self._resume.on_click(lambda _: self.resume())
        super().__init__([self._bar, self._line, W.HBox([self._stop, self._resume]), self._curve], **kwargs)
        self._thread: threading.Thread | None = None
        self.poll()
        self.attach()

    def attach(self) -> None:
        """Poll the run in a thread until it ends."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._follow, name="galviz-training", daemon=True)
            self._thread.start()

    def poll(self) -> None:
        """Read the folder once, and update the widget."""
        update = next(jobs.follow(self.path))
        state, rows = update.state, update.rows
        rows = rows.astype(object).where(rows.notna(), None)
        with self.hold_sync():
            self.metrics = rows.to_dict("records")
            self.epoch = int(state.get("epoch", 0))
            self.status = state["status"]
        self._bar.value = state.get("step", 0) / max(1, state.get("steps", 1))
        self._bar.bar_style = {"done": "success", "failed": "danger", "lost": "warning"}.get(self.status, "")
        self._line.value = _status_text(state)
        self._stop.disabled, self._resume.disabled = not self.active, self.active or self.status == "done"
        self._curve.value = curve(update.rows)

    @property
    def active(self) -> bool:
        """Whether a process is working on the run."""
        return self.status in ACTIVE

    def stop(self) -> None:
        """Ask the training to stop after its current step."""
        self._try(jobs.stop)

    def resume(self) -> None:
        """Resume from the last checkpoint, in a new process."""
        self._try(jobs.resume)
        self.attach()

    def wait(self, timeout: float | None = None) -> str:
        """Wait until the run ends, and return its status."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.status

    def predictions(self) -> Predictions:
        """Return the predictions of the run.

        Raises
        ------
        ValueError
            If there are none yet.
        """
        found = Run.open(self.path).predictions()
        if found is None:
            raise ValueError(
                f"run: expected a finished one, got {self.path.name}, which is {self.status}. Wait for it."
            )
        return found

    def _follow(self) -> None:
        pause = threading.Event()
        while self.active:
            pause.wait(_EVERY_S)
            self.poll()

    def _try(self, action: Any) -> None:
        try:
            action(self.path)
            self.poll()
        except (OSError, RuntimeError, ValueError) as error:
            self._line.value = str(error)


def curve(metrics: pd.DataFrame) -> Markup:
    """Draw training and held-out loss against epoch as an SVG without external resources.

    Parameters
    ----------
    metrics : pandas.DataFrame
        One row per epoch, with ``epoch`` and, if known, ``train_loss`` and ``val_loss``.

    Returns
    -------
    Markup
        An ``<svg>`` element; empty for fewer than two epochs.
    """
    names = [name for name in ("train_loss", "val_loss") if name in metrics]
    if len(metrics) < 2 or not names:
        return Markup("")
    low, high = metrics[names].min(axis=None), metrics[names].max(axis=None)
    x = _EDGE + (metrics["epoch"] - metrics["epoch"].iloc[0]) / (len(metrics) - 1) * (_WIDE - _EDGE - 6)
    parts, line = [], Markup("<polyline points='{}' fill='none' stroke='{}' stroke-width='1.8' stroke-dasharray='{}'/>")
    written = Markup("<text x='{}' y='{}' fill='{}'>{}</text>")
    for row, (name, colour) in enumerate(zip(names, _COLOURS, strict=False)):
        y = _HIGH - 24 - (metrics[name] - low) / max(high - low, 1e-12) * (_HIGH - 40)
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        parts.append(line.format(points, colour, "5 3" if row else "none"))
        label = {"train_loss": "training", "val_loss": "held out"}[name]
        parts.append(written.format(_WIDE - 70, 14 + 14 * row, colour, label))
    ends, on_axis = metrics["epoch"].iloc[[0, -1]], _HIGH - 6
    plain = "currentColor"
    parts += [
        written.format(0, 14, plain, f"{high:.3g}"),
        written.format(0, _HIGH - 24, plain, f"{low:.3g}"),
        written.format(_EDGE, on_axis, plain, f"{ends.iloc[0]:.0f}"),
        written.format(_WIDE - 90, on_axis, plain, f"epoch {ends.iloc[1]:.0f}"),
    ]
    whole = Markup(
        "<svg role='img' width='{}' height='{}' style='font: 11px sans-serif; fill: currentColor'>"
        "<title>Loss against epoch</title>{}</svg>"
    )
    return whole.format(_WIDE, _HIGH, Markup("").join(parts))


def _status_text(state: dict[str, Any]) -> str:
    """Return the progress of the run, in one line."""
    words = [state["status"]]
    if state.get("epochs"):
        words.append(f"epoch {state.get('epoch', 0)} of {state['epochs']}")
    if state.get("eta_s"):
        words.append(f"{state['eta_s']:.0f} s to go")
    if state.get("device"):
        words.append(f"on {state['device']}")
    return ", ".join(words) + (f". {state['message']}" if state.get("message") else "")
