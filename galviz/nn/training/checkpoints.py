"""Progress of a training in its run folder (state, metrics, checkpoints), and how a training is stopped.

A training may be killed at any moment. So all files are written atomically, and the checkpoint holds the step, the
weights and the optimiser. Data order and random numbers follow from seed and step (`Steps`, `Training`), and the
validation history is in ``metrics.csv``. Lines of it after the checkpoint are removed on resume and written again.
"""

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import lightning.pytorch as pl
import psutil
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from galviz.io.files import write_aside
from galviz.nn.inference.predict import save_weights
from galviz.nn.training.data import Steps
from galviz.nn.training.module import Training
from galviz.nn.training.plateau import lowered, stalled, waited
from galviz.runs.run import Run

_BEAT_S = 1.0  # seconds between two heartbeats
# Save after an epoch only if this many times the time of a save has passed: at most 2 % goes into saving.
_SAVE_COST = 50
_PROCESS = psutil.Process()  # it measures the load since it was asked last
_POLL_STEPS = 8  # steps between two polls of a request to stop in a parallel training, since agreeing costs time


class Heartbeat:
    """Writes the state of a run once a second in its own thread, and polls for a request to stop.

    The training only notes changes in memory, so it never waits for a slow disk.

    Parameters
    ----------
    run : Run
    **fields
        Initial fields of the state.
    """

    def __init__(self, run: Run, **fields: Any) -> None:
        self.run, self.fields, self.stop = run, fields, run.stop_requested()
        self._over = threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write the state while the block runs. If the block is interrupted or fails, the state says so."""
        self.write()
        thread = threading.Thread(target=self._beat, daemon=True)
        thread.start()
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            self.note(status="stopped", message="Interrupted.")
            raise
        except Exception as error:
            self.note(status="failed", message=str(error) or type(error).__name__)
            raise
        finally:
            self._over.set()
            thread.join()
            with suppress(OSError):
                self.write()

    def note(self, **fields: Any) -> None:
        """Change fields of the state. They are written with the next heartbeat."""
        self.fields = self.fields | fields

    def write(self) -> None:
        """Write the state now."""
        device = self.fields.get("device", "cpu")
        self.run.write_state(**self.fields, memory_mb=_memory_mb(device), load=_load(device))

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            self.stop = self.stop or self.run.stop_requested()
            with suppress(OSError):  # a full disk must not end a training; space may be free at the next checkpoint
                self.write()
                self.run.beat()


class RunRecorder(pl.Callback):
    """Lightning callback that updates the run folder after every step and epoch, and saves checkpoints.

    Parameters
    ----------
    heartbeat : Heartbeat
    order : Steps
        The steps of this training.
    seconds : float
        Training time before a resume.
    validate : callable
        Returns the validation columns of ``metrics.csv`` for a network.
    every_s : float
        Longest time between two checkpoints within an epoch, seconds.

    Attributes
    ----------
    losses : list of float
        Validation loss of each epoch so far, including those before a resume.
    """

    def __init__(
        self,
        heartbeat: Heartbeat,
        order: Steps,
        seconds: float,
        validate: Callable[[nn.Module], dict[str, float]],
        every_s: float,
    ) -> None:
        self.heartbeat, self.run, self.validate, self.every_s = heartbeat, heartbeat.run, validate, every_s
        self.first, self.step, self.steps, self.per_epoch = order.start, order.start, order.steps, order.per_epoch
        self._before, self._cost, self._kept = seconds, 0.0, order.start
        rows = self.run.metrics()
        self.losses = rows.loc[rows["step"] <= order.start, "val_loss"].tolist() if "val_loss" in rows else []

    def on_train_start(self, trainer: pl.Trainer, module: Training) -> None:  # noqa: ARG002 - Lightning's signature
        """Start the clock, and set the learning rate factor from the validation losses so far."""
        self._began = self._saved = time.monotonic()
        module.lowered = lowered(self.losses, module.recipe.validation.patience, module.recipe.validation.factor)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Training, outputs: Any, batch: Any, _: int) -> None:  # noqa: ARG002
        """Note the step, write metrics at the end of an epoch, save a checkpoint if one is due, and stop on request."""
        self.step = batch["step"] + 1
        ended = self.step % self.per_epoch == 0
        left = (self.steps - self.step) * (time.monotonic() - self._began) / (self.step - self.first)
        epoch = math.ceil(self.step / self.per_epoch)
        self.heartbeat.note(step=self.step, epoch=epoch, eta_s=round(left, 1), message="")
        if ended:
            self._end_epoch(trainer, module, epoch)
        trainer.should_stop = self._wants_to_stop(trainer) or stalled(self.losses, module.recipe.validation.stop_after)
        since = time.monotonic() - self._saved
        due = since > self.every_s or (ended and since > _SAVE_COST * self._cost)
        if trainer.is_global_zero and (due or trainer.should_stop or self.step == self.steps):
            self._save(module)

    def on_exception(self, trainer: pl.Trainer, module: Training, exception: BaseException) -> None:
        """Save a checkpoint when SIGTERM ends the training.

        The signal may arrive after `on_train_batch_end` has looked for it. Then Lightning raises its exception before
        the next step, and the last steps would be lost.
        """
        if isinstance(exception, SIGTERMException) and trainer.is_global_zero and self._kept != self.step:
            self._save(module)

    def _save(self, module: Training) -> None:
        began = time.monotonic()
        save_checkpoint(self.run, module.state(self.step) | {"seconds": self.seconds()})
        self._saved, self._kept = time.monotonic(), self.step
        self._cost = self._saved - began

    def seconds(self) -> float:
        """Return the training time so far in seconds, summed over all resumes."""
        return self._before + time.monotonic() - self._began

    def _end_epoch(self, trainer: pl.Trainer, module: Training, epoch: int) -> None:
        total, count = trainer.strategy.reduce(module.loss_sum.clone(), reduce_op="sum").tolist()
        module.loss_sum.zero_()
        loss = total / count
        if not math.isfinite(loss):
            raise FloatingPointError(
                f"train_loss: expected a finite loss, got {loss} in epoch {epoch}. Use lower learning rates."
            )
        found = self.validate(module.learned)
        module.learn()
        if "val_loss" in found:
            self.losses.append(found["val_loss"])
            module.lowered = lowered(self.losses, module.recipe.validation.patience, module.recipe.validation.factor)
        if trainer.is_global_zero and module.recipe.validation.keep == "best" and waited(self.losses) == 0:
            save_weights(module.learned, self.run.best)
        if trainer.is_global_zero:
            lr = max(group["lr"] for group in module.optimizers(use_pl_optimizer=False).param_groups)
            row = {"epoch": epoch, "step": self.step, "seconds": round(self.seconds(), 3), "lr": lr, "train_loss": loss}
            self.run.append_metrics(row | found)

    def _wants_to_stop(self, trainer: pl.Trainer) -> bool:
        stop = self.heartbeat.stop or trainer.received_sigterm
        if trainer.world_size == 1:
            return stop
        return not self.step % _POLL_STEPS and trainer.strategy.reduce_boolean_decision(stop, all=False)


def save_checkpoint(run: Run, state: dict[str, Any]) -> None:
    """Write ``last.ckpt`` atomically. A kill during the write leaves the previous checkpoint."""
    with write_aside(run.checkpoint) as aside, aside.open("wb") as out:  # with a path, torch would hide a full disk
        torch.save(state, out)


def load_checkpoint(run: Run) -> dict[str, Any] | None:
    """Read ``last.ckpt``, or return None if there is none. Only plain tensors and numbers are read, never code."""
    if not run.checkpoint.exists():
        return None
    return torch.load(run.checkpoint, map_location="cpu", weights_only=True)


def _load(device: str) -> int | None:
    """Return the load in %: of a GPU, or None if it cannot be measured; else of this process on all cores."""
    if device.startswith("cuda"):
        try:
            return torch.cuda.utilization(device)
        except Exception:  # noqa: BLE001 - NVIDIA's package, which may be missing, raises errors of its own
            return None
    return round(_PROCESS.cpu_percent() / (psutil.cpu_count() or 1))


def _memory_mb(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.max_memory_reserved(device) // 2**20
    return psutil.Process().memory_info().rss // 2**20
