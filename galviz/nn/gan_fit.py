"""Train generator, discriminator and embedder into a run folder."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from galviz.lock import rank
from galviz.nn.data import Samples, dihedral, kept, loader
from galviz.nn.fit import CHECKPOINT_S
from galviz.nn.folds import split
from galviz.nn.lsgan import LSGAN, discriminator_loss, embedder_loss, generator_loss
from galviz.nn.module import rate
from galviz.nn.predict import remember, save_weights
from galviz.nn.progress import Bookkeeper, Pulse, load_checkpoint
from galviz.nn.trainer import Devices, interruptible, quiet, steps_of, trainer_for
from galviz.recipe import Recipe
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.files import write_aside

SAMPLES = "samples.npy"
"""File of the run with the sample sheet: float32 (16, B, H, W), in the unit of the cutouts, of latents that stay."""

_BETAS = (0.5, 0.99)  # of Adam: a long memory of old gradients lets the two networks circle each other
_DECAY = 0.999  # of the generator's running mean
_SHEET = 16
_MOMENTS = 512  # images that moments are measured on
_PART = 128
_LOSSES = ("generator_loss", "discriminator_loss", "embedder_loss")


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

    The run folder says how it goes, as for `galviz.nn.fit.fit`: state, metrics (a row an epoch, see `Moments`),
    checkpoints, the sample sheet ``samples.npy``, and at the end the weights of `galviz.nn.lsgan.Trained`. A wish to
    stop is obeyed after the current step; on a CPU a resumed training gives bit for bit what an undisturbed one gives.

    Parameters
    ----------
    network : LSGAN
    cutouts : CutoutSet
        Whole ones: leave out what is not covered.
    run : Run
    recipe : Recipe
        Its `loss` and `normalise` are not used: the losses are those of `galviz.nn.lsgan`, the scale its `Scale`.
    devices : str or int, optional
        As for `galviz.nn.fit.fit`.
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
        If `learning_rates` are not those of generator, discriminator and embedder.

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
    samples = Samples(kept(cutouts), train, np.zeros((len(cutouts), 1)))
    steps = steps_of(trainer, recipe, len(samples), start)
    if start is None:
        network.scale.fit(cutouts, train)
    module = Adversaries(network, recipe, steps.steps, start)
    if trainer.is_global_zero:
        pulse.run.cut_metrics(steps.start)
        remember(pulse.run, cutouts, train, held_out)
        pulse.run.update_info(
            build={"bands": cutouts.bands, "size": cutouts.images.shape[-1]},
            normalisation=network.scale.constants(),
            parameters=sum(p.numel() for p in network.trained().parameters()),
            objects={"train": len(train), "held_out": len(held_out)},
        )
    pulse.note(step=steps.start, steps=steps.steps, device=str(trainer.strategy.root_device), message="")
    check = Moments(module, samples, cutouts.bands, pulse.run)
    book = Bookkeeper(pulse, steps, start["seconds"] if start else 0.0, check, checkpoint_s)
    if len(steps):
        trainer.callbacks.append(book)
        with interruptible():
            trainer.fit(module, loader(samples, steps))
    return book.step == steps.steps


class Adversaries(pl.LightningModule):
    """What happens in one step: all three networks learn at once, from one batch of images and one of latents.

    The discriminator learns from images and fakes; the generator from what the discriminator says of its fakes; the
    embedder from fakes and their latents alone. Each follows its own loss only.

    Parameters
    ----------
    network : LSGAN
    recipe : Recipe
        Its `learning_rates` are those of ``generator``, ``discriminator`` and ``embedder``.
    steps : int
        Steps of the whole training.
    start : dict, optional
        A checkpoint to go on from, as `state` gives it.
    """

    def __init__(self, network: LSGAN, recipe: Recipe, steps: int, start: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.network, self.recipe, self.steps, self._start = network, recipe, steps, start
        parts = {"generator", "discriminator", "embedder"}
        if set(recipe.learning_rates) != parts:
            raise ValueError(
                f"learning_rates: expected one for each of {', '.join(sorted(parts))}, "
                f"got {', '.join(sorted(recipe.learning_rates)) or 'none'}."
            )
        self.loss_sum = torch.zeros(2)  # Σ of the sum of the losses times n, and Σ n, of this epoch
        self.parts_sum = torch.zeros(4)  # the same of generator, discriminator and embedder alone
        if start is not None:
            network.load_state_dict(start["network"])
            self.loss_sum, self.parts_sum = start["loss_sum"], start["parts_sum"]

    def state(self, step: int) -> dict[str, Any]:
        """Give all that a training needs to go on after `step` steps, as plain tensors, numbers and dicts."""
        return {
            "step": step,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimiser": self.optimizers(use_pl_optimizer=False).state_dict(),
            "loss_sum": self.loss_sum,
            "parts_sum": self.parts_sum,
        }

    def on_train_start(self) -> None:
        """Begin to learn."""
        self.loss_sum, self.parts_sum = self.loss_sum.to(self.device), self.parts_sum.to(self.device)
        self.learn()

    def learn(self) -> None:
        """Put the networks in training mode."""
        self.network.train()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser, a parameter group a network, as it was at the checkpoint."""
        groups = [
            {"params": list(getattr(self.network, name).parameters()), "name": name, "lr": lr}
            for name, lr in self.recipe.learning_rates.items()
        ]
        optimiser = torch.optim.AdamW(groups, betas=_BETAS, weight_decay=self.recipe.weight_decay)
        if self._start is not None:
            optimiser.load_state_dict(self._start["optimiser"])
            self._start = None
        return optimiser

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Compute the sum of the three losses, each of which changes its own network; set the rates of the step."""
        network, step = self.network, batch["step"]
        network.follow(min(_DECAY, (1 + step) / (10 + step)))  # the last step's weights; at first quickly
        torch.manual_seed((self.recipe.seed << 32) + step * self.trainer.world_size + self.trainer.global_rank)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:
            group["lr"] = self.recipe.learning_rates[group["name"]] * rate(self.recipe.schedule, step / self.steps)
        real = network.scale(batch["images"])
        if "d4" in self.recipe.augment:
            real = dihedral(real, torch.randint(8, (len(real),)))
        z = torch.randn(len(real), network.generator.latent).to(real)
        losses = torch.stack(_losses(network, real, z))
        with torch.no_grad():
            size = losses.new_tensor(len(real))
            self.parts_sum += torch.cat([losses * size, size[None]])
            self.loss_sum += torch.stack([losses.sum() * size, size])
        return losses.sum()


def _losses(network: LSGAN, real: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the losses of generator, discriminator and embedder, none of which moves another's weights."""
    fake = network.generator(z)
    network.discriminator.requires_grad_(requires_grad=False)
    of_generator = generator_loss(network.discriminator(fake))
    network.discriminator.requires_grad_(requires_grad=True)
    fake = fake.detach()
    told = network.discriminator(torch.cat([real, fake]))
    of_embedder = embedder_loss(z, network.embedder(fake))
    return of_generator, discriminator_loss(*told.split(len(real))), of_embedder


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
        rows = samples.rows[np.unique(np.linspace(0, len(samples.rows) - 1, _MOMENTS).round().astype(int))]
        self._real = torch.from_numpy(samples.images[rows])
        draw = torch.Generator().manual_seed(module.recipe.seed)
        self._z = torch.randn(len(self._real), module.network.generator.latent, generator=draw)

    @torch.no_grad()
    def __call__(self, network: LSGAN) -> dict[str, float]:
        """Measure a network, in the scale that it sees, and save the sheet.

        Returns
        -------
        dict
            ``generator_loss``, ``discriminator_loss``, ``embedder_loss``: means of the epoch. ``average_loss``: the
            embedder's loss on fakes of the running mean. ``mean_u`` …: mean of the fakes minus mean of the images.
            ``std_u`` …: their standard deviation over that of the images. ``spread``: mean distance of two fakes over
            that of two images; 0 where all fakes are the same, 1 where they differ as images do.
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
        found = {name: total / count for name, total in zip(_LOSSES, totals, strict=True)}
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
