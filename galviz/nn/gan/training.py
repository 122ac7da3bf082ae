"""Train generator, discriminator and embedder into a run folder."""

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
from galviz.nn.training.data import Samples, kept, loader
from galviz.nn.training.fit import CHECKPOINT_S
from galviz.nn.training.progress import Bookkeeper, Pulse, load_checkpoint
from galviz.nn.training.trainer import Devices, interruptible, quiet, steps_of, trainer_for
from galviz.runs.folds import split
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet

SAMPLES = "samples.npy"
"""File of the run with the sample sheet: float32 (16, B, H, W), in the unit of the cutouts, of latents that stay."""

_SHEET = 16
_ASIDE = 300
_MOMENTS = 512  # images that moments are measured on
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
    """Train a GAN and its embedder on the objects that are not in the recipe's fold; no label is needed.

    Of these `kept_aside` are left out too.

    The run folder says how it goes, as for `galviz.nn.training.fit.fit`: state, metrics (a row an epoch, see
    `Moments`), checkpoints, the sample sheet ``samples.npy``, and at the end the weights of
    `galviz.nn.gan.lsgan.Trained`. A wish to stop is obeyed after the current step; on a CPU a resumed training gives
    bit for bit what an undisturbed one gives.

    Parameters
    ----------
    network : LSGAN
    cutouts : CutoutSet
        Whole ones: leave out what is not covered.
    run : Run
    recipe : Recipe
        Its `loss` is ``"lsgan"``, as published, or ``"lsgan_masked"``, see `galviz.nn.gan.adversaries.Adversaries`; its
        `normalise` is not used: the scale is `galviz.nn.gan.lsgan.Scale`.
    devices : str or int, optional
        As for `galviz.nn.training.fit.fit`.
    resume : bool
        Go on from the run's last checkpoint, or from the beginning where it has none.
    checkpoint_s : float
        Seconds between two checkpoints within an epoch.
    finish : callable, optional
        Called with the run when its weights are saved, before its status is done: to predict.

    Returns
    -------
    Run
        The run, with status done or stopped.

    Raises
    ------
    RuntimeError
        If another process writes the run.
    FloatingPointError
        If a loss is not finite.
    ValueError
        If `learning_rates` are not those of generator, discriminator and embedder, or the loss is another one.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.2. Optimiser, rates, batch and steps are not given there.
    """
    first = rank() == 0
    with run.writer() if first else nullcontext(), quiet():
        start = load_checkpoint(run) if resume else None
        pulse = Pulse(run, status="running", message="Reading the images.", epochs=recipe.epochs)
        with pulse.beating() if first else nullcontext():
            trainer = trainer_for(recipe, devices)
            given = {"network": network, "cutouts": cutouts, "recipe": recipe, "checkpoint_s": checkpoint_s}
            complete = _train(trainer, pulse, start, **given)
            if first and complete:
                save_weights(network.trained(), run.weights)
                pulse.note(message="Fitting.")
                if finish is not None:
                    finish(run)
            if first:
                run.clear_stop()
            pulse.note(status="done" if complete else "stopped", eta_s=0.0 if complete else None, message="")
    return run


def kept_aside(rows: np.ndarray) -> np.ndarray:
    """Give the rows (n,) among those of a training (N,), ascending, that no network learns from: a tenth, at most 300.

    How well these are fitted says how well a new image will be.
    """
    return spaced(rows, min(_ASIDE, -(-len(rows) // 10)))


def _train(
    trainer: pl.Trainer,
    pulse: Pulse,
    start: dict[str, Any] | None,
    *,
    network: LSGAN,
    cutouts: CutoutSet,
    recipe: Recipe,
    checkpoint_s: float,
) -> bool:
    """Take the steps from the checkpoint on; True where none are left."""
    train, held_out = split(cutouts.catalogue, recipe, np.ones(len(cutouts), dtype=bool))
    learned = np.setdiff1d(train, kept_aside(np.sort(train)))
    samples = Samples(kept(cutouts), learned, np.zeros((len(cutouts), 1)))
    steps = steps_of(trainer, recipe, len(samples), start)
    if start is None:
        network.scale.fit(cutouts, learned)
    module = Adversaries(network, recipe, steps.steps, start)
    if trainer.is_global_zero:
        pulse.run.cut_metrics(steps.start)
        remember(pulse.run, cutouts, train, held_out)
        pulse.run.update_info(
            build={"bands": cutouts.bands, "size": cutouts.images.shape[-1]},
            normalisation=network.scale.constants(),
            parameters=sum(p.numel() for p in network.trained().parameters()),
            objects={"train": len(learned), "held_out": len(held_out)},
        )
    pulse.note(step=steps.start, steps=steps.steps, device=str(trainer.strategy.root_device), message="")
    check = Moments(module, samples, cutouts.bands, pulse.run)
    book = Bookkeeper(pulse, steps, start["seconds"] if start else 0.0, check, checkpoint_s)
    if len(steps):
        trainer.callbacks.append(book)
        with interruptible():
            trainer.fit(module, loader(samples, steps))
    return book.step == steps.steps


class Moments:
    """Shows after every epoch whether fakes look like images at all: losses, moments and spread; saves a sheet of them.

    Parameters
    ----------
    module : Adversaries
    samples : Samples
        The objects that are trained on.
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
        """Measure a network, in the scale that it sees, and save the sheet.

        Returns
        -------
        dict
            ``generator_loss``, ``discriminator_loss``, ``embedder_loss``, ``masked_loss``: means of the epoch.
            ``average_loss``: the embedder's loss on fakes of the running mean. ``mean_u`` …: mean of the fakes minus
            mean of the images. ``std_u`` …: their standard deviation over that of the images. ``spread``: mean
            distance of two fakes over that of two images; 0 where all fakes are the same, 1 where they differ as
            images do.
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
    """Compute the mean distance of images (N, B, H, W) from the next one."""
    flat = images.flatten(1)
    return (flat - flat.roll(1, 0)).norm(dim=1).mean().item()
