"""Train a network into a run folder."""

import logging
import os
import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch import nn

from galviz.lock import rank
from galviz.nn.data import Samples, Steps, kept, loader, memory_format, truths
from galviz.nn.folds import split
from galviz.nn.module import Training
from galviz.nn.plateau import stalled
from galviz.nn.predict import load_weights, predict, remember, save_weights
from galviz.nn.progress import Bookkeeper, Pulse, load_checkpoint
from galviz.nn.validation import Validation
from galviz.recipe import Recipe
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.target import Target

CHECKPOINT_S = 240.0  # a training that is killed loses less than 5 minutes

Devices = str | int | None


def fit(
    network: nn.Module,
    cutouts: CutoutSet,
    run: Run,
    target: Target,
    recipe: Recipe,
    *,
    devices: Devices = None,
    resume: bool = False,
    checkpoint_s: float = CHECKPOINT_S,
) -> Run:
    """Train a network on the objects that are not in the recipe's fold, and predict all of them.

    The run folder says how it goes: state, metrics (a row an epoch), checkpoints, and at the end weights and
    predictions. Its wish to stop is obeyed after the current step. Every random number and the order of the objects are
    functions of the seed and the step, so on a CPU (with the same number of threads) a training that was interrupted
    and resumed gives bit for bit what an undisturbed one gives.

    Parameters
    ----------
    network : nn.Module
        From images (N, B, H, W) to (N, K), or of a band target from (N, 1, H, W) to B logits. Its parts with weights
        are the layer groups of the recipe's `learning_rates`; a method ``measure(cutouts, rows, truth)``, as
        `CutoutNetwork` has it, is called to set constants from the objects that are trained on.
    cutouts : CutoutSet
        Objects without a truth, or of whose K numbers one is missing, are predicted only.
    run : Run
    target : Target
    recipe : Recipe
    devices : str or int, optional
        ``"cpu"``, ``"cuda:1"``, ``"mps"``, or how many of the best kind there is; by default (or ``"auto"``) one.
        Several train in parallel, each on its part of a batch.
    resume : bool
        Go on from the run's last checkpoint, or from the beginning where it has none.
    checkpoint_s : float
        Seconds between two checkpoints within an epoch.

    Returns
    -------
    Run
        The run, with status done or stopped.

    Raises
    ------
    RuntimeError
        If another process writes the run.
    FloatingPointError
        If the loss or an output is not finite.
    """
    first = rank() == 0  # of several processes, the one that writes
    with run.writer() if first else nullcontext(), _quiet():
        start = load_checkpoint(run) if resume else None
        pulse = Pulse(run, status="running", message="Reading the images.", epochs=recipe.epochs)
        with pulse.beating() if first else nullcontext():
            trainer = _trainer(recipe, devices)
            given = {"network": network, "cutouts": cutouts, "target": target, "recipe": recipe}
            complete = _train(trainer, pulse, start, checkpoint_s=checkpoint_s, **given)
            if first and complete:
                pulse.note(message="Predicting.")
                if recipe.keep == "best":
                    load_weights(network, run.best)
                save_weights(network, run.weights)
                run.save_predictions(predict(**given, run=run, device=trainer.strategy.root_device))
            if first:
                run.clear_stop()
            early = complete and len(run.metrics()) < recipe.epochs
            message = "Ended early: the validation loss fell no more." if early else ""
            pulse.note(status="done" if complete else "stopped", eta_s=0.0 if complete else None, message=message)
    return run


def _train(
    trainer: pl.Trainer,
    pulse: Pulse,
    start: dict[str, Any] | None,
    *,
    network: nn.Module,
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    checkpoint_s: float,
) -> bool:
    """Take the steps from the checkpoint on; True where none are left, or the validation ended them."""
    images, truth = kept(cutouts), truths(cutouts, target)
    known = np.ones(len(cutouts), dtype=bool) if truth is None else np.isfinite(truth).all(axis=1)
    train, held_out = split(cutouts.catalogue, recipe, known)
    samples = Samples(images, train, truth)
    steps = _steps(trainer, recipe, len(samples), start)
    network.to(memory_format=memory_format(network, trainer.strategy.root_device))
    if start is None and hasattr(network, "measure"):
        network.measure(cutouts, train, truth)
    module = Training(network, recipe, steps.steps, start)
    if trainer.is_global_zero:
        pulse.run.cut_metrics(steps.start)
        remember(pulse.run, cutouts, train, held_out)
        pulse.run.update_info(
            build={"bands": cutouts.bands, "size": cutouts.images.shape[-1]},
            normalisation=network.normalise.constants() if hasattr(network, "normalise") else None,
            parameters=sum(p.numel() for p in network.parameters()),
            objects={"train": len(train), "held_out": len(held_out)},
        )
    device = str(trainer.strategy.root_device)
    pulse.note(step=steps.start, steps=steps.steps, device=device, message="")
    check = Validation(trainer, recipe, Samples(images, held_out, truth))
    book = Bookkeeper(pulse, steps, start["seconds"] if start else 0.0, check, checkpoint_s)
    if len(steps) and not stalled(book.losses, recipe.stop_after):
        trainer.callbacks.append(book)
        with _interruptible():
            trainer.fit(module, loader(samples, steps))
    early = book.step < steps.steps and stalled(book.losses, recipe.stop_after)
    if early:
        pulse.note(steps=book.step)
    return early or book.step == steps.steps


def _steps(trainer: pl.Trainer, recipe: Recipe, samples: int, start: dict[str, Any] | None) -> Steps:
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


def _trainer(recipe: Recipe, devices: Devices) -> pl.Trainer:
    """Make a trainer that carries the steps to the devices and leaves all else to us."""
    nodes = int(os.environ.get("SLURM_NNODES") or os.environ.get("GROUP_WORLD_SIZE") or 1)
    accelerator, ids = _hardware(devices)
    parallel = nodes > 1 or (isinstance(ids, int) and ids > 1)
    return pl.Trainer(
        accelerator=accelerator,
        devices=ids,
        num_nodes=nodes if parallel else 1,
        strategy="ddp" if parallel else "auto",
        precision=recipe.precision,
        max_epochs=1,  # for Lightning the steps of all epochs are one: a training may start and stop at any of them
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def _hardware(devices: Devices) -> tuple[str, int | list[int]]:
    """Read `devices` as Lightning's accelerator and devices."""
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
def _interruptible() -> Iterator[None]:
    """Give Ctrl-C its usual meaning, from which Lightning makes an exit; after SIGTERM end, if nobody handles it."""
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
def _quiet() -> Iterator[None]:
    """Keep what Lightning says about itself from the user; its errors pass."""
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
