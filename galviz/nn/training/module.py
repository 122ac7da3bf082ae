"""A network with its recipe, as Lightning trains it. Step s is a function of the recipe's seed and s alone."""

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from galviz.nn.training.augment import augmented
from galviz.nn.training.losses import joint_loss, loss_of
from galviz.runs.recipe import Recipe

_WARM_UP = 0.25  # of the steps of "one_cycle"


class Training(pl.LightningModule):
    """What happens in one step: augmentation on the device, loss, learning rates.

    Parameters
    ----------
    network : nn.Module
        From images (N, B, H, W) to outputs (N, K).
    recipe : Recipe
    steps : int
        Steps of the whole training, which the schedules run over.
    start : dict, optional
        A checkpoint to go on from, as `state` gives it.
    """

    def __init__(self, network: nn.Module, recipe: Recipe, steps: int, start: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.network, self.recipe, self.steps, self._start = network, recipe, steps, start
        self._loss = loss_of(recipe)
        self.loss_sum = torch.zeros(2)  # Σ loss n and Σ n of this epoch; no buffer, so each process keeps its own
        self.rates, self.lowered = _peaks(network, recipe), 1.0  # lowered: by the validation, see `nn.plateau`
        if recipe.frozen:
            network.encoder.requires_grad_(requires_grad=False)
        self._average = _average(network, recipe.average) if recipe.average else None
        if start is not None:
            network.load_state_dict(start["network"])
            self.loss_sum = start["loss_sum"]
            if self._average is not None:
                self._average.load_state_dict(start["average"])

    @property
    def learned(self) -> nn.Module:
        """The network as it is measured and kept: with its weights, or with their moving average."""
        return self.network if self._average is None else self._average.module

    def state(self, step: int) -> dict[str, Any]:
        """Give all that a training needs to go on after `step` steps, as plain tensors, numbers and dicts."""
        return {
            "step": step,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimiser": self.optimizers(use_pl_optimizer=False).state_dict(),
            "loss_sum": self.loss_sum,
        } | ({} if self._average is None else {"average": self._average.state_dict()})

    def on_train_start(self) -> None:
        """Begin to learn."""
        self.loss_sum = self.loss_sum.to(self.device)
        self.learn()

    def learn(self) -> None:
        """Put the network in training mode; a frozen encoder stays as it is, batch statistics included."""
        self.network.train()
        if self.recipe.frozen:
            self.network.encoder.eval()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Make the optimiser, a parameter group a layer group, as it was at the checkpoint."""
        groups = [
            {"params": [p for p in getattr(self.network, name).parameters() if p.requires_grad], "name": name, "lr": lr}
            for name, lr in self.rates.items()
        ]
        decay = self.recipe.weight_decay
        if self.recipe.optimiser == "sgd":
            optimiser = torch.optim.SGD(groups, momentum=self.recipe.momentum, weight_decay=decay)
        else:
            optimiser = torch.optim.AdamW(groups, weight_decay=decay)
        if self._start is not None:
            optimiser.load_state_dict(self._start["optimiser"])
            self._start = None
        return optimiser

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Set random numbers and learning rates for the step, and compute its loss."""
        step, images = batch["step"], batch["images"]
        if self._average is not None:
            self._average.update_parameters(self.network)  # as the step before has left them
        torch.manual_seed((self.recipe.seed << 32) + step * self.trainer.world_size + self.trainer.global_rank)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:
            group["lr"] = self.rates[group["name"]] * self.lowered * rate(self.recipe.schedule, step / self.steps)
        images = augmented(images, self.recipe.augment)
        if self.recipe.joint:
            output, logits = self.network.both(images)
            loss = joint_loss(output, batch["truth"], logits, self.recipe)
        else:
            loss = self._loss(self.network(images), batch["truth"])
        self.loss_sum += torch.stack([loss.detach() * len(images), torch.full_like(loss, len(images))])
        return loss


def _average(network: nn.Module, decay: float) -> AveragedModel:
    """Make a network that follows another, constants and running means included."""
    follows = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return follows.requires_grad_(requires_grad=False).eval()


def rate(schedule: str, part: float) -> float:
    """Compute the learning rate, as a part of the highest.

    Parameters
    ----------
    schedule : {"constant", "cosine", "one_cycle"}
        ``"cosine"`` falls from 1 to 0 as (1 + cos πt)/2; ``"one_cycle"`` rises from 1/25 in the first quarter, then
        falls to 0, both as a cosine.
    part : float
        Part t of the training that is over, 0 … 1.

    Returns
    -------
    float

    References
    ----------
    Smith & Topin (2018), arXiv:1708.07120.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "one_cycle" and part < _WARM_UP:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * part / _WARM_UP)) / 2
    if schedule == "one_cycle":
        part = (part - _WARM_UP) / (1 - _WARM_UP)
    return (1 + math.cos(math.pi * part)) / 2


def _peaks(network: nn.Module, recipe: Recipe) -> dict[str, float]:
    """Give the highest rate of each layer group that learns, or refuse groups that are not the network's."""
    parts = {name for name, child in network.named_children() if any(True for _ in child.parameters())}
    if parts != set(recipe.learning_rates):
        raise ValueError(
            f"learning_rates: expected one for each of {', '.join(sorted(parts))}, "
            f"got {', '.join(sorted(recipe.learning_rates)) or 'none'}."
        )
    return {name: lr for name, lr in recipe.learning_rates.items() if not (recipe.frozen and name == "encoder")}
