"""The training step of a GAN with an embedder: the losses, and which network follows which loss."""

from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from galviz.nn.gan.lsgan import LSGAN, discriminator_loss, embedder_loss, generator_loss
from galviz.nn.training.data import dihedral
from galviz.nn.training.module import rate
from galviz.runs.recipe import Recipe

LOSSES = ("generator_loss", "discriminator_loss", "embedder_loss", "masked_loss")
"""Names of the sums in `Adversaries.parts_sum`, in this order."""

_BETAS = (0.5, 0.99)  # of Adam; with a longer memory of old gradients the two networks circle each other
_DECAY = 0.999  # decay of the running mean of the generator's weights
_HIDDEN = 0.25  # probability that a band is hidden from the embedder


class Adversaries(pl.LightningModule):
    """One training step: all three networks learn together, from one batch of images and one of latents.

    The discriminator learns from images and fakes, the generator from the discriminator's output for its fakes, and the
    embedder from fakes of the generator's running mean, with which it is used, and their latents. Each network follows
    only its own loss.

    With ``"lsgan_masked"``, generator and embedder follow one more loss: `alpha` times the mean square of
    G(E(I ∘ m)) − I, for real images I, where m hides each band with a probability of 1/4. So the generator learns to
    reproduce real galaxies, and the embedder learns to guess latents with missing bands. The published networks learn
    neither.

    Parameters
    ----------
    network : LSGAN
    recipe : Recipe
        Its `learning_rates` are for ``generator``, ``discriminator`` and ``embedder``.
    steps : int
        Number of steps of the whole training.
    start : dict, optional
        A checkpoint to continue from, as returned by `state`.
    """

    def __init__(self, network: LSGAN, recipe: Recipe, steps: int, start: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.network, self.recipe, self.steps, self._start = network, recipe, steps, start
        parts = {"generator", "discriminator", "embedder"}
        if set(recipe.optimiser.learning_rates) != parts:
            raise ValueError(
                f"learning_rates: expected one for each of {', '.join(sorted(parts))}, "
                f"got {', '.join(sorted(recipe.optimiser.learning_rates)) or 'none'}."
            )
        if recipe.loss.name not in ("lsgan", "lsgan_masked"):
            raise ValueError(f"loss: expected lsgan or lsgan_masked, got {recipe.loss.name!r}.")
        if recipe.optimiser.average:
            raise ValueError(
                f"average: expected 0, for a GAN has an average of its own, got {recipe.optimiser.average}."
            )
        self.alpha = recipe.loss.alpha if recipe.loss.name == "lsgan_masked" else 0.0
        self.loss_sum = torch.zeros(2)  # Σ (sum of the losses)·n and Σ n of this epoch
        self.parts_sum = torch.zeros(len(LOSSES) + 1)  # the same for each loss
        if start is not None:
            network.load_state_dict(start["network"])
            self.loss_sum, self.parts_sum = start["loss_sum"], start["parts_sum"]

    @property
    def learned(self) -> LSGAN:
        """The network that is measured and saved. It includes the average of its weights."""
        return self.network

    def state(self, step: int) -> dict[str, Any]:
        """Return everything that is needed to resume after `step` steps, as plain tensors, numbers and dicts."""
        return {
            "step": step,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimiser": self.optimizers(use_pl_optimizer=False).state_dict(),
            "loss_sum": self.loss_sum,
            "parts_sum": self.parts_sum,
        }

    def on_train_start(self) -> None:
        """Prepare the first step."""
        self.loss_sum, self.parts_sum = self.loss_sum.to(self.device), self.parts_sum.to(self.device)
        self.learn()

    def learn(self) -> None:
        """Put the networks in training mode."""
        self.network.train()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser, with one parameter group per network, in its state at the checkpoint."""
        groups = [
            {"params": list(getattr(self.network, name).parameters()), "name": name, "lr": lr}
            for name, lr in self.recipe.optimiser.learning_rates.items()
        ]
        optimiser = torch.optim.AdamW(groups, betas=_BETAS, weight_decay=self.recipe.optimiser.weight_decay)
        if self._start is not None:
            optimiser.load_state_dict(self._start["optimiser"])
            self._start = None
        return optimiser

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Set the learning rates and return the sum of the losses. Each loss has gradients for its own network only."""
        network, step = self.network, batch["step"]
        network.follow(min(_DECAY, (1 + step) / (10 + step)))  # weights of the last step; faster at first
        torch.manual_seed((self.recipe.seed << 32) + step * self.trainer.world_size + self.trainer.global_rank)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:
            group["lr"] = self.recipe.optimiser.learning_rates[group["name"]] * rate(
                self.recipe.optimiser, step, self.steps, self.recipe.epochs
            )
        real = network.scale(batch["images"])
        if "d4" in self.recipe.data.augment:
            real = dihedral(real, torch.randint(8, (len(real),)))
        z = torch.randn(len(real), network.generator.latent).to(real)
        losses = torch.stack([*_losses(network, real, z), _masked_loss(network, real, self.alpha)])
        with torch.no_grad():
            size = losses.new_tensor(len(real))
            self.parts_sum += torch.cat([losses * size, size[None]])
            self.loss_sum += torch.stack([losses.sum() * size, size])
        return losses.sum()


def _losses(network: LSGAN, real: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the losses of generator, discriminator and embedder. None has gradients for another network."""
    fake = network.generator(z)
    network.discriminator.requires_grad_(requires_grad=False)
    of_generator = generator_loss(network.discriminator(fake))
    network.discriminator.requires_grad_(requires_grad=True)
    fake = fake.detach()
    logits = network.discriminator(torch.cat([real, fake]))
    with torch.no_grad():
        averaged = network.average(z)
    of_embedder = embedder_loss(z, network.embedder(averaged))
    return of_generator, discriminator_loss(*logits.split(len(real))), of_embedder


def _masked_loss(network: LSGAN, real: Tensor, alpha: float) -> Tensor:
    """Return `alpha` times the mean squared error of images reconstructed with bands hidden from the embedder."""
    if not alpha:
        return real.new_zeros(())
    observed = (torch.rand(real.shape[:2]) >= _HIDDEN).to(real)[..., None, None]
    return alpha * (network.generator(network.embedder(real * observed)) - real).square().mean()
