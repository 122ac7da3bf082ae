"""`fit`: train a network into a run folder, from reading the images to saving the predictions."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import nn

from galviz.io.lazy_array import LazyRows
from galviz.io.lock import rank
from galviz.measure.linear_baseline import Offset, column_of, columns_of
from galviz.nn.inference.predict import calibrate, load_weights, predict, remember, save_weights
from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.nn.tasks import Loss, loss_of, rules
from galviz.nn.training.checkpoints import Heartbeat, RunRecorder, load_checkpoint
from galviz.nn.training.data import Samples, fits, kept, loader, memory_format, truths, weights_of
from galviz.nn.training.module import Training
from galviz.nn.training.plateau import stalled
from galviz.nn.training.shown import ShownObjects
from galviz.nn.training.trainer import Devices, interruptible, quiet, steps_of, trainer_for
from galviz.nn.training.validation import Validation
from galviz.runs.folds import kept_aside, rows_of_an_epoch, split
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

CHECKPOINT_S = 240.0  # so that a killed training loses less than 5 minutes


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
    """Train a network on all objects outside the recipe's fold, and predict all objects.

    A z-score without constants gets the constants of the training objects; they are stored in the target of the run.

    The run folder shows the progress: state, metrics (one row per epoch), checkpoints, and at the end weights and
    predictions. A request to stop takes effect after the current step. All random numbers and the order of the objects
    depend only on the seed and the step. So on a CPU (with the same number of threads), a training that is interrupted
    and resumed gives bit for bit the same result as an uninterrupted one.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> (N, K), K logits for classes; for a band target (N, 1, H, W) -> B logits. Its children
        with weights are the layer groups of the recipe's `learning_rates`. If it has a method
        ``measure(cutouts, rows, truth)``, as `CutoutNetwork` does, it is called to set constants from the training
        objects.
    cutouts : CutoutSet
        Objects whose truth is unknown, in full or in part, are predicted but not learned from.
    run : Run
    target : Target
    recipe : Recipe
    devices : str or int, optional
        ``"cpu"``, ``"cuda:1"``, ``"mps"``, or a number of devices of the best kind. By default (or ``"auto"``) one.
        Several devices train in parallel, each on its part of a batch.
    resume : bool
        Continue from the last checkpoint of the run, or start from the beginning if there is none.
    checkpoint_s : float
        Longest time between two checkpoints within an epoch, seconds.

    Returns
    -------
    Run
        The run, with status done or stopped.

    Raises
    ------
    RuntimeError
        If another process holds the run.
    FloatingPointError
        If the loss or an output is not finite.
    """
    first = rank() == 0  # only the first of several processes writes to the run
    with run.writer() if first else nullcontext(), quiet():
        start = load_checkpoint(run) if resume else None
        heartbeat = Heartbeat(run, status="running", message="Reading the images.", epochs=recipe.epochs)
        with heartbeat.beating() if first else nullcontext():
            trainer = trainer_for(recipe, devices)
            target = fitted(target, cutouts, recipe)
            offset = offset_of(target, cutouts, recipe)
            given = {"network": network, "cutouts": cutouts, "target": target, "recipe": recipe, "offset": offset}
            complete = _train(trainer, heartbeat, start, checkpoint_s=checkpoint_s, **given)
            if first and complete:
                heartbeat.note(message="Predicting.")
                if recipe.validation.keep == "best":
                    load_weights(network, run.best)
                device = trainer.strategy.root_device
                aside = _rows(cutouts, target, recipe)[1]
                if len(aside):
                    calibrate(**given, rows=aside, device=device)
                save_weights(network, run.weights)
                run.save_predictions(predict(**given, run=run, device=device))
            if first:
                run.clear_stop()
            early = complete and len(run.metrics()) < recipe.epochs
            message = "Ended early: the validation loss stopped improving." if early else ""
            heartbeat.note(status="done" if complete else "stopped", eta_s=0.0 if complete else None, message=message)
    return run


def _train(
    trainer: pl.Trainer,
    heartbeat: Heartbeat,
    start: dict[str, Any] | None,
    *,
    network: nn.Module,
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    offset: Offset | None,
    checkpoint_s: float,
) -> bool:
    """Train from the checkpoint on. Return whether the training is complete, after all steps or by early stopping."""
    given = {"network": network, "cutouts": cutouts, "target": target, "recipe": recipe, "offset": offset}
    if start is not None:
        network.load_state_dict(start["network"])  # first, since features may be computed with it, once for all epochs
    measured, device = start is not None, trainer.strategy.root_device
    data = training_data(**given, measured=measured, device=device, note=heartbeat.note)
    steps = steps_of(trainer, recipe, len(data.samples), start)
    module = Training(network, recipe, data.loss, steps.steps, start)  # freezes blocks, which the format depends on
    network.to(memory_format=memory_format(network, device))
    if trainer.is_global_zero:
        heartbeat.run.cut_metrics(steps.start)  # epochs after the checkpoint are trained, and written, again
        remember(heartbeat.run, cutouts, np.concatenate([data.learned, data.aside]), data.held_out)
        heartbeat.run.update_info(
            build={"bands": cutouts.bands, "size": cutouts.images.shape[-1]},
            normalisation=network.normalise.constants() if hasattr(network, "normalise") else None,
            parameters=sum(p.numel() for p in network.parameters()),
            objects=data.counts(),
            **_without_examples(target, data.truth, data.learned, data.held_out),
            target=target.to_json(),
            offset=offset.to_json() if offset else None,
        )
    heartbeat.note(step=steps.start, steps=steps.steps, device=str(device), message="")
    shown = None
    if len(data.held_out) and not target.self_labelled:
        known_truth = truths(cutouts, target)
        shown = ShownObjects(heartbeat.run, cutouts, target, data.held_out, truth=known_truth, offset=offset)
    check = _nothing
    if len(data.held_out):
        check = Validation(trainer, target, recipe, data.held_out_samples, data.loss, shown=shown)
    recorder = RunRecorder(heartbeat, steps, start["seconds"] if start else 0.0, check, checkpoint_s)
    if len(steps) and not stalled(recorder.losses, recipe.validation.stop_after):
        trainer.callbacks.append(recorder)
        with interruptible():
            trainer.fit(module, loader(data.samples, steps))
    early = recorder.step < steps.steps and stalled(recorder.losses, recipe.validation.stop_after)
    if early:
        heartbeat.note(steps=recorder.step)
    network.load_state_dict(module.learned.state_dict())
    return early or recorder.step == steps.steps


@dataclass(frozen=True)
class TrainingData:
    """What a network learns from, and the rows of the sky that are used for what.

    Parameters
    ----------
    samples, held_out_samples : Samples
        What it learns from in an epoch, and what it is validated on.
    loss : callable
        As returned by `galviz.nn.tasks.loss_of`.
    truth : numpy.ndarray, shape (N, K), or None
        True values as learned, of all objects.
    learned, aside, held_out, unlabelled : numpy.ndarray of int
        Rows with a truth to learn from, to calibrate on and to validate on, and rows without one.
    """

    samples: Samples
    held_out_samples: Samples
    loss: Loss
    truth: np.ndarray | None
    learned: np.ndarray
    aside: np.ndarray
    held_out: np.ndarray
    unlabelled: np.ndarray

    def counts(self) -> dict[str, int]:
        """Return the number of objects of each use that has any."""
        uses = {"train": self.learned, "calibration": self.aside}
        uses |= {"held_out": self.held_out, "unlabelled": self.unlabelled}
        return {name: len(rows) for name, rows in uses.items() if len(rows)}


def training_data(
    network: nn.Module,
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    offset: Offset | None,
    *,
    measured: bool,
    device: torch.device,
    note: Callable[..., None],
) -> TrainingData:
    """Return what a network learns from, and set its constants unless they are `measured`."""
    images, truth = kept(cutouts), truths(cutouts, target, offset)
    known = _known(truth, len(cutouts))
    learned, aside, held_out = _rows(cutouts, target, recipe)
    weight = weights_of(cutouts, recipe, learned)
    labelled, unlabelled = rows_of_an_epoch(cutouts.catalogue, recipe, known, learned)
    unlabelled = unlabelled[~np.isin(unlabelled, aside)]
    variants = target.variants(cutouts.bands).values()
    if not measured and hasattr(network, "measure"):
        network.measure(cutouts, learned, truth)
    if not target.variants(cutouts.bands) and _features_stay(network, recipe, len(images)):
        note(message="Computing the features of all images, once.")
        network.to(device)
        images = _features_of(network, images, np.concatenate([labelled, held_out]), recipe.batch)
    rows, beside = np.concatenate([labelled, unlabelled]), columns_of(cutouts.catalogue, recipe.data.columns)
    samples = Samples(images, rows, _without(truth, unlabelled), variants, weight=weight, columns=beside)
    held_out_samples = Samples(images, held_out, truth, variants, columns=beside)
    loss = loss_of(target, recipe, None if truth is None else truth[learned])
    return TrainingData(samples, held_out_samples, loss, truth, learned, aside, held_out, unlabelled)


def _features_stay(network: nn.Module, recipe: Recipe, count: int) -> bool:
    """Return whether each image has the same features in all epochs, and all of them fit in memory."""
    fixed = recipe.optimiser.frozen and not recipe.data.augment and not recipe.loss.joint
    if not fixed or not isinstance(network, CutoutNetwork) or network.apart:
        return False
    return fits(count * network.encoder.features)


def _features_of(network: CutoutNetwork, images: np.ndarray | LazyRows, rows: np.ndarray, batch: int) -> np.ndarray:
    """Return the features of these rows, float32 (N, 1, F); those of other rows are 0."""
    found = np.zeros((len(images), 1, network.encoder.features), np.float32)
    device = next(network.parameters()).device
    network.eval()
    with torch.inference_mode():
        for part in np.array_split(rows, -(-len(rows) // batch)):
            seen = torch.from_numpy(images[part]).to(device, memory_format=torch.channels_last)
            found[part] = network.features(seen).cpu().numpy()
    return found


def _known(truth: np.ndarray | None, count: int) -> np.ndarray:
    """Return for which of `count` objects the whole truth is known, bool, shape (count,)."""
    return np.ones(count, dtype=bool) if truth is None else np.isfinite(truth).all(axis=1)


def _rows(cutouts: CutoutSet, target: Target, recipe: Recipe) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the rows to learn from, to calibrate errors or probabilities on, and to hold out.

    Each class has its part of the rows for calibration, but at least one of its objects is learned from.
    """
    truth = truths(cutouts, target)
    train, held_out = split(cutouts.catalogue, recipe, _known(truth, len(cutouts)))
    able = train
    if truth is not None and not target.numeric:
        by_class = train[np.argsort(truth[train, 0], kind="stable")]
        able = np.delete(by_class, np.unique(truth[by_class, 0], return_index=True)[1])
    aside = np.sort(kept_aside(able, recipe))
    return train[~np.isin(train, aside)], aside, held_out


def _without_examples(
    target: Target, truth: np.ndarray | None, learned: np.ndarray, held_out: np.ndarray
) -> dict[str, list[str]]:
    """Return the classes that only occur in held-out objects, or only in training objects, and warn of them."""
    if truth is None or target.numeric:
        return {}
    parts = {"training": truth[learned, 0], "held-out": truth[held_out, 0]}
    missing = {part: [c for k, c in enumerate(target.classes) if k not in codes] for part, codes in parts.items()}
    for part, names in missing.items() if len(held_out) else ():
        if names:
            listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            print(f"galviz: no {part} objects of {target.name} {listed}", file=sys.stderr, flush=True)
    return {"not_learned": missing["training"], "not_held_out": missing["held-out"]}


def fitted(target: Target, cutouts: CutoutSet, recipe: Recipe) -> Target:
    """Return the target with the z-score constants of the training objects, if it needs them."""
    if target.transform != "zscore" or target.scale is not None:
        return target
    known = _known(truths(cutouts, target), len(cutouts))
    return target.fitted(cutouts.catalogue.iloc[split(cutouts.catalogue, recipe, known)[0]])


def offset_of(target: Target, cutouts: CutoutSet, recipe: Recipe) -> Offset | None:
    """Return the linear baseline, fitted to the training objects, or None if the recipe has no `offset`."""
    if not recipe.data.offset:
        return None
    if not getattr(rules(target), "TAKES_OFFSET", False):
        raise ValueError(f"offset: expected none for the target {target.name}, got {recipe.data.offset!r}.")
    truth, values = truths(cutouts, target), column_of(cutouts.catalogue, recipe.data.offset)
    learned = _rows(cutouts, target, recipe)[0]
    return Offset.fit(recipe.data.offset, values[learned], truth[learned, 0])


def _without(truth: np.ndarray | None, unlabelled: np.ndarray) -> np.ndarray | None:
    """Return the truth with NaN in the unlabelled rows."""
    if not len(unlabelled):
        return truth
    truth = truth.copy()
    truth[unlabelled] = np.nan
    return truth


def _nothing(_: nn.Module) -> dict[str, float]:
    """Return no metrics. Used when no object is held out."""
    return {}
