"""`fit_gan`: train generator, discriminator and embedder into a run folder."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from galviz.io.files import write_aside
from galviz.io.lazy_array import spaced
from galviz.io.lock import rank
from galviz.nn.gan.adversaries import LOSSES, Adversaries
from galviz.nn.gan.lsgan import LSGAN, embedder_loss
from galviz.nn.inference.predict import remember, save_weights
from galviz.nn.training.checkpoints import Heartbeat, RunRecorder, load_checkpoint
from galviz.nn.training.data import Samples, kept, loader
from galviz.nn.training.fit import CHECKPOINT_S
from galviz.nn.training.trainer import Devices, interruptible, quiet, steps_of, trainer_for
from galviz.runs.folds import split
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet

SAMPLES = "samples.npy"
"""File in the run with the sample sheet: float32 (16, B, H, W), in the unit of the cutouts, for fixed latents."""

_SHEET = 16
_ASIDE = 300
_MOMENTS = 512  # images from which moments are measured
_PART = 128


def fit_gan(
    network: LSGAN,
    cutouts: CutoutSet,
    run: Run,
    recipe: Recipe,
    *,
    devices: Devices = None,
    resume: bool = False,
    checkpoint_s: float = CHECKPOINT_S,
    finish: Callable[[Run], None] | None = None,
) -> Run:
    """Train a GAN and its embedder on the objects outside the recipe's fold, except those of `kept_aside`.

    No labels are needed.

    The run folder shows the progress as for `galviz.nn.training.fit.fit`: state, metrics (one row per epoch, see
    `Moments`), checkpoints, the sample sheet ``samples.npy``, and at the end the weights of
    `galviz.nn.gan.lsgan.Trained`. A request to stop takes effect after the current step. On a CPU, a resumed training
    gives bit for bit the same result as an uninterrupted one.

    Parameters
    ----------
    network : LSGAN
    cutouts : CutoutSet
        Complete cutouts: leave out objects that are only partly covered.
    run : Run
    recipe : Recipe
        Its `loss` is ``"lsgan"``, as published, or ``"lsgan_masked"`` (see `galviz.nn.gan.adversaries.Adversaries`).
        Its `normalise` is not used: the scale is `galviz.nn.gan.lsgan.Scale`.
    devices : str or int, optional
        As in `galviz.nn.training.fit.fit`.
    resume : bool
        Continue from the last checkpoint of the run, or start from the beginning if there is none.
    checkpoint_s : float
        Longest time between two checkpoints within an epoch, seconds.
    finish : callable, optional
        Called with the run after its weights are saved and before its status is done, to make predictions.

    Returns
    -------
    Run
        The run, with status done or stopped.

    Raises
    ------
    RuntimeError
        If another process holds the run.
    FloatingPointError
        If a loss is not finite.
    ValueError
        If `learning_rates` are not for generator, discriminator and embedder, or the loss is not supported.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.2. Optimiser, rates, batch and steps are not given there.
    """
    first = rank() == 0
    with run.writer() if first else nullcontext(), quiet():
        start = load_checkpoint(run) if resume else None
        heartbeat = Heartbeat(run, status="running", message="Reading the images.", epochs=recipe.epochs)
        with heartbeat.beating() if first else nullcontext():
            trainer = trainer_for(recipe, devices)
            given = {"network": network, "cutouts": cutouts, "recipe": recipe, "checkpoint_s": checkpoint_s}
            complete = _train(trainer, heartbeat, start, **given)
            if first and complete:
                save_weights(network.trained(), run.weights)
                heartbeat.note(message="Fitting.")
                if finish is not None:
                    finish(run)
            if first:
                run.clear_stop()
            heartbeat.note(status="done" if complete else "stopped", eta_s=0.0 if complete else None, message="")
    return run


def kept_aside(rows: np.ndarray) -> np.ndarray:
    """Return the training rows that no network learns from, (N,) ascending -> (n,): a tenth, at most 300.

    The quality of their best fits predicts that of new images.
    """
    return spaced(rows, min(_ASIDE, -(-len(rows) // 10)))


def _train(
    trainer: pl.Trainer,
    heartbeat: Heartbeat,
    start: dict[str, Any] | None,
    *,
    network: LSGAN,
    cutouts: CutoutSet,
    recipe: Recipe,
    checkpoint_s: float,
) -> bool:
    """Train from the checkpoint on. Return whether all steps are done."""
    train, held_out = split(cutouts.catalogue, recipe, np.ones(len(cutouts), dtype=bool))
    learned = np.setdiff1d(train, kept_aside(np.sort(train)))
    samples = Samples(kept(cutouts), learned, np.zeros((len(cutouts), 1)))
    steps = steps_of(trainer, recipe, len(samples), start)
    if start is None:
        network.scale.fit(cutouts, learned)
    module = Adversaries(network, recipe, steps.steps, start)
    if trainer.is_global_zero:
        heartbeat.run.cut_metrics(steps.start)
        remember(heartbeat.run, cutouts, train, held_out)
        heartbeat.run.update_info(
            build={"bands": cutouts.bands, "size": cutouts.images.shape[-1]},
            normalisation=network.scale.constants(),
            parameters=sum(p.numel() for p in network.trained().parameters()),
            objects={"train": len(learned), "held_out": len(held_out)},
        )
    heartbeat.note(step=steps.start, steps=steps.steps, device=str(trainer.strategy.root_device), message="")
    check = Moments(module, samples, cutouts.bands, heartbeat.run)
    book = RunRecorder(heartbeat, steps, start["seconds"] if start else 0.0, check, checkpoint_s)
    if len(steps):
        trainer.callbacks.append(book)
        with interruptible():
            trainer.fit(module, loader(samples, steps))
    return book.step == steps.steps


class Moments:
    """Measures after every epoch how similar fakes are to images (losses, moments, spread), and saves a sample sheet.

    Parameters
    ----------
    module : Adversaries
    samples : Samples
        The training objects.
    bands : tuple of str, length B
    run : Run
    """

    def __init__(self, module: Adversaries, samples: Samples, bands: tuple[str, ...], run: Run) -> None:
        self._module, self._bands, self._run = module, bands, run
        rows = spaced(samples.rows, _MOMENTS)
        self._real = torch.from_numpy(samples.images[rows])
        draw = torch.Generator().manual_seed(module.recipe.seed)
        self._z = torch.randn(len(self._real), module.network.generator.latent, generator=draw)

    @torch.no_grad()
    def __call__(self, network: LSGAN) -> dict[str, float]:
        """Return the metrics of a network, measured in its own pixel scale, and save the sample sheet.

        Returns
        -------
        dict
            ``generator_loss``, ``discriminator_loss``, ``embedder_loss``, ``masked_loss``: means over the epoch.
            ``average_loss``: the embedder's loss at the end of the epoch. ``mean_u`` …: mean of the fakes minus
            mean of the images. ``std_u`` …: ratio of their standard deviations. ``spread``: mean distance of two fakes
            over that of two images; 0 if all fakes are the same, 1 if they differ as images do.
        """
        trainer, device = self._module.trainer, next(network.parameters()).device
        *totals, count = trainer.strategy.reduce(self._module.parts_sum.clone(), reduce_op="sum").tolist()
        self._module.parts_sum.zero_()
        network.eval()
        z = self._z.to(device)
        fake = torch.cat([network.average(part) for part in z.split(_PART)])
        real = torch.cat([network.scale(part.to(device)) for part in self._real.split(_PART)])
        embedded = torch.cat([network.embedder(part) for part in fake.split(_PART)])
        if trainer.is_global_zero:
            self._save_sheet(network.scale.inverse(fake[:_SHEET]))
        found = {name: total / count for name, total in zip(LOSSES, totals, strict=True)}
        found["average_loss"] = embedder_loss(z, embedded).item()
        axes = (0, 2, 3)
        shift, ratio = fake.mean(axes) - real.mean(axes), fake.std(axes) / real.std(axes)
        found |= {f"mean_{band}": value for band, value in zip(self._bands, shift.tolist(), strict=True)}
        found |= {f"std_{band}": value for band, value in zip(self._bands, ratio.tolist(), strict=True)}
        return found | {"spread": _distance(fake) / _distance(real)}

    def _save_sheet(self, images: Tensor) -> None:
        with write_aside(self._run.path / SAMPLES) as aside, aside.open("wb") as out:
            np.save(out, images.cpu().numpy())


def _distance(images: Tensor) -> float:
    """Return the mean distance of each image (N, B, H, W) from the next one."""
    flat = images.flatten(1)
    return (flat - flat.roll(1, 0)).norm(dim=1).mean().item()
