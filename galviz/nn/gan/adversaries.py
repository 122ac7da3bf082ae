"""One step of a GAN with an embedder: which losses there are, and which network follows which."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from galviz.nn.gan.lsgan import LSGAN, discriminator_loss, embedder_loss, generator_loss
from galviz.nn.training.data import dihedral
from galviz.nn.training.module import rate
from galviz.runs.recipe import Recipe

LOSSES = ("generator_loss", "discriminator_loss", "embedder_loss", "masked_loss")
"""What `Adversaries.parts_sum` holds, in this order."""

_BETAS = (0.5, 0.99)  # of Adam: a long memory of old gradients lets the two networks circle each other
_DECAY = 0.999  # of the generator's running mean
_HIDDEN = 0.25  # of the bands, where the embedder learns from images with bands hidden


class Adversaries(pl.LightningModule):
    """What happens in one step: all three networks learn at once, from one batch of images and one of latents.

    The discriminator learns from images and fakes; the generator from what the discriminator says of its fakes; the
    embedder from fakes and their latents alone. Each follows its own loss only.

    With ``"lsgan_masked"`` generator and embedder follow one more: `alpha` times the mean square of G(E(I ∘ m)) − I, of
    real images I of which m hides each band in one case of four. So the generator learns to make every real galaxy, and
    the embedder to guess latents where bands are missing; published networks have seen neither.

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
        if recipe.loss not in ("lsgan", "lsgan_masked"):
            raise ValueError(f"loss: expected lsgan or lsgan_masked, got {recipe.loss!r}.")
        if recipe.average:
            raise ValueError(f"average: expected 0, for a GAN has an average of its own, got {recipe.average}.")
        self.alpha = recipe.alpha if recipe.loss == "lsgan_masked" else 0.0
        self.loss_sum = torch.zeros(2)  # Σ of the sum of the losses times n, and Σ n, of this epoch
        self.parts_sum = torch.zeros(len(LOSSES) + 1)  # the same of each loss alone
        if start is not None:
            network.load_state_dict(start["network"])
            self.loss_sum, self.parts_sum = start["loss_sum"], start["parts_sum"]

    @property
    def learned(self) -> LSGAN:
        """The network as it is measured and kept; the average of its weights is a part of it."""
        return self.network

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
        losses = torch.stack([*_losses(network, real, z), _masked_loss(network, real, self.alpha)])
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


def _masked_loss(network: LSGAN, real: Tensor, alpha: float) -> Tensor:
    """Compute `alpha` times the mean square error of images that the embedder saw with bands hidden."""
    if not alpha:
        return real.new_zeros(())
    seen = (torch.rand(real.shape[:2]) >= _HIDDEN).to(real)[..., None, None]
    return alpha * (network.generator(network.embedder(real * seen)) - real).square().mean()
