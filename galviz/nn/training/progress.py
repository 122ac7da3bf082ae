"""What a training leaves in its run folder as it goes (state, metrics, checkpoints), and how it is stopped."""

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

_BEAT_S = 1.0  # between two heartbeats
_DEAR = 50  # an epoch shorter than this many times what a checkpoint took has none of its own
_AGREE = 8  # steps between two looks at the wish to stop, where several processes must agree


class Pulse:
    """Writes the state of a run once a second from a thread of its own, and looks whether a stop was asked for.

    The training only notes changes, so it never waits for a disk.

    Parameters
    ----------
    run : Run
    **fields
        First state.
    """

    def __init__(self, run: Run, **fields: Any) -> None:
        self.run, self.fields, self.stop = run, fields, run.stop_requested()
        self._over = threading.Event()

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write the state while the block runs; where the block breaks off, say so in it."""
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
        """Change fields of the state; they are written with the next beat."""
        self.fields = self.fields | fields

    def write(self) -> None:
        """Write the state now."""
        self.run.write_state(**self.fields, memory_mb=_memory_mb())

    def _beat(self) -> None:
        while not self._over.wait(_BEAT_S):
            self.stop = self.stop or self.run.stop_requested()
            with suppress(OSError):  # a full disk must not end a training between two checkpoints
                self.write()
                self.run.beat()


class Bookkeeper(pl.Callback):
    """Keeps the run folder up to date: after every step, every epoch, and every few minutes.

    Parameters
    ----------
    pulse : Pulse
    order : Steps
        The steps that are taken.
    seconds : float
        Time spent on training before.
    validate : callable
        Gives the validation columns of ``metrics.csv`` for a network.
    every_s : float
        Seconds between two checkpoints within an epoch.

    Attributes
    ----------
    losses : list of float
        Validation loss of each epoch so far, those before a resume too.
    """

    def __init__(
        self,
        pulse: Pulse,
        order: Steps,
        seconds: float,
        validate: Callable[[nn.Module], dict[str, float]],
        every_s: float,
    ) -> None:
        self.pulse, self.run, self.validate, self.every_s = pulse, pulse.run, validate, every_s
        self.first, self.step, self.steps, self.per_epoch = order.start, order.start, order.steps, order.per_epoch
        self._before, self._cost, self._kept = seconds, 0.0, order.start
        rows = self.run.metrics()
        self.losses = rows.loc[rows["step"] <= order.start, "val_loss"].tolist() if "val_loss" in rows else []

    def on_train_start(self, trainer: pl.Trainer, module: Training) -> None:  # noqa: ARG002 - Lightning's signature
        """Start the clock, and go on from the validation losses that are there."""
        self._began = self._saved = time.monotonic()
        module.lowered = lowered(self.losses, module.recipe.patience, module.recipe.factor)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Training, outputs: Any, batch: Any, _: int) -> None:  # noqa: ARG002
        """Note the step; at the end of an epoch its metrics; save when it is time; stop when asked to."""
        self.step = batch["step"] + 1
        ended = self.step % self.per_epoch == 0
        left = (self.steps - self.step) * (time.monotonic() - self._began) / (self.step - self.first)
        epoch = math.ceil(self.step / self.per_epoch)
        self.pulse.note(step=self.step, epoch=epoch, eta_s=round(left, 1), message="")
        if ended:
            self._end_epoch(trainer, module, epoch)
        trainer.should_stop = self._wants_to_stop(trainer) or stalled(self.losses, module.recipe.stop_after)
        since = time.monotonic() - self._saved
        due = since > self.every_s or (ended and since > _DEAR * self._cost)
        if trainer.is_global_zero and (due or trainer.should_stop or self.step == self.steps):
            self._save(module)

    def on_exception(self, trainer: pl.Trainer, module: Training, exception: BaseException) -> None:
        """Save when SIGTERM ends the training just after a step that did not know of it yet."""
        if isinstance(exception, SIGTERMException) and trainer.is_global_zero and self._kept != self.step:
            self._save(module)

    def _save(self, module: Training) -> None:
        began = time.monotonic()
        save_checkpoint(self.run, module.state(self.step) | {"seconds": self.seconds()})
        self._saved, self._kept = time.monotonic(), self.step
        self._cost = self._saved - began

    def seconds(self) -> float:
        """Give the time spent on training so far, all resumes together."""
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
            module.lowered = lowered(self.losses, module.recipe.patience, module.recipe.factor)
        if trainer.is_global_zero and module.recipe.keep == "best" and waited(self.losses) == 0:
            save_weights(module.learned, self.run.best)
        if trainer.is_global_zero:
            lr = max(group["lr"] for group in module.optimizers(use_pl_optimizer=False).param_groups)
            row = {"epoch": epoch, "step": self.step, "seconds": round(self.seconds(), 3), "lr": lr, "train_loss": loss}
            self.run.append_metrics(row | found)

    def _wants_to_stop(self, trainer: pl.Trainer) -> bool:
        stop = self.pulse.stop or trainer.received_sigterm
        if trainer.world_size == 1:
            return stop
        return not self.step % _AGREE and trainer.strategy.reduce_boolean_decision(stop, all=False)


def save_checkpoint(run: Run, state: dict[str, Any]) -> None:
    """Write ``last.ckpt``, whole or not at all."""
    with write_aside(run.checkpoint) as aside, aside.open("wb") as out:  # given a name, torch hides a full disk
        torch.save(state, out)


def load_checkpoint(run: Run) -> dict[str, Any] | None:
    """Read ``last.ckpt`` (plain tensors and numbers only); None where there is none yet."""
    if not run.checkpoint.exists():
        return None
    return torch.load(run.checkpoint, map_location="cpu", weights_only=True)


def _memory_mb() -> int:
    if torch.cuda.is_initialized():
        return torch.cuda.max_memory_reserved() // 2**20
    return psutil.Process().memory_info().rss // 2**20
