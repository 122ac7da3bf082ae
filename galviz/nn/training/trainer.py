"""The Lightning trainer: device selection, interrupts, and silenced messages."""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException

from galviz.nn.training.data import Steps
from galviz.runs.recipe import Recipe

Devices = str | int | None


def steps_of(trainer: pl.Trainer, recipe: Recipe, samples: int, start: dict[str, Any] | None) -> Steps:
    """Return the remaining steps of a training.

    Parameters
    ----------
    trainer : lightning.pytorch.Trainer
    recipe : Recipe
    samples : int
        Number of training samples.
    start : dict or None
        The checkpoint to continue from.

    Raises
    ------
    ValueError
        If the checkpoint belongs to a training with another number of steps.
    """
    steps = Steps(
        samples,
        recipe.batch,
        recipe.epochs,
        recipe.seed,
        start=start["step"] if start else 0,
        rank=trainer.global_rank,
        world=trainer.world_size,
    )
    if start and start["steps"] != steps.steps:
        raise ValueError(
            f"resume: expected a training of {start['steps']} steps as in the checkpoint, got one of {steps.steps}. "
            "Use the sky and the recipe that it began with."
        )
    return steps


def trainer_for(recipe: Recipe, devices: Devices) -> pl.Trainer:
    """Return a trainer that only runs the steps on the devices. Logging and checkpoints are done by galviz.

    Raises
    ------
    ValueError
        If a device does not exist.
    """
    nodes = int(os.environ.get("SLURM_NNODES") or os.environ.get("GROUP_WORLD_SIZE") or 1)
    accelerator, ids = _hardware(devices)
    parallel = nodes > 1 or (isinstance(ids, int) and ids > 1)
    return pl.Trainer(
        accelerator=accelerator,
        devices=ids,
        num_nodes=nodes if parallel else 1,
        strategy="ddp" if parallel else "auto",
        precision=recipe.precision,
        max_epochs=1,  # one epoch for Lightning holds all steps, so that a training can resume at any of them
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _hardware(devices: Devices) -> tuple[str, int | list[int]]:
    """Return Lightning's accelerator and devices for `devices`."""
    if devices in (None, "auto"):
        return "auto", 1
    if isinstance(devices, int):
        most = torch.cuda.device_count() or (os.cpu_count() or 1)
        if not 1 <= devices <= most:
            raise ValueError(f"devices: expected 1 to {most} on this machine, got {devices}.")
        return "auto", devices
    kind, _, number = devices.partition(":")
    here = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    k = int(number) if number.isdecimal() else 0
    if k >= here.get(kind, 0) or (kind == "cpu" and number):
        have = ["cpu", *(f"cuda:{n}" for n in range(here["cuda"])), *(["mps"] * here["mps"])]
        raise ValueError(f"devices: expected one of {', '.join(have)}, or a number of them, got {devices!r}.")
    return kind, [k] if kind == "cuda" else 1


@contextmanager
def interruptible() -> Iterator[None]:
    """Restore the usual meaning of Ctrl-C, which Lightning turns into an exit. After an unhandled SIGTERM, exit."""
    unhandled = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException as error:
        if unhandled:
            raise SystemExit(128 + signal.SIGTERM) from error
    except SystemExit as error:
        raise KeyboardInterrupt from error
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's messages and warnings, but not its errors."""
    loggers = [logging.getLogger(f"lightning.{name}") for name in ("pytorch", "fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\.")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
