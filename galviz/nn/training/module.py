"""A network with its recipe as a Lightning module. Step s depends only on the recipe's seed and s."""

import math
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from galviz.nn.networks.columns import applied
from galviz.nn.tasks import Loss
from galviz.nn.training.augment import augmented
from galviz.nn.training.losses import joint_loss, reduced
from galviz.runs.recipe import Optimiser, Recipe

_WARM_UP = 0.25  # fraction of the steps in which "one_cycle" rises


class Training(pl.LightningModule):
    """One training step: augmentation on the device, loss, learning rates.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> outputs (N, K).
    recipe : Recipe
    loss : callable
        As returned by `galviz.nn.tasks.loss_of`.
    steps : int
        Number of steps of the whole training, for the schedules.
    start : dict, optional
        A checkpoint to continue from, as returned by `state`.
    """

    def __init__(
        self, network: nn.Module, recipe: Recipe, loss: Loss, steps: int, start: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.network, self.recipe, self.steps, self._start = network, recipe, steps, start
        self._loss = loss
        self.loss_sum = torch.zeros(2)  # Σ loss·n and Σ n of this epoch; not a buffer, so each process has its own
        self.rates, self.lowered = _peaks(network, recipe), 1.0  # lowered: factor from `plateau.lowered`
        first = steps * recipe.optimiser.freeze_epochs // recipe.epochs
        self._frozen_steps = steps if recipe.optimiser.frozen else first
        self._frozen = (start["step"] if start else 0) < self._frozen_steps
        if recipe.optimiser.frozen:
            network.encoder.requires_grad_(requires_grad=False)
        clipped = recipe.network.clipped if recipe.network.votes == "dieleman" else 0
        self._clipped_steps = -(-clipped // recipe.batch)
        self._fixed = freeze_blocks(network.encoder, recipe.optimiser.freeze_blocks)
        self._average = _average(network, recipe.optimiser.average) if recipe.optimiser.average else None
        if start is not None:
            network.load_state_dict(start["network"])
            self.loss_sum = start["loss_sum"]
            if self._average is not None:
                self._average.load_state_dict(start["average"])

    @property
    def learned(self) -> nn.Module:
        """The network that is validated and saved: with its own weights, or with their moving average."""
        return self.network if self._average is None else self._average.module

    def state(self, step: int) -> dict[str, Any]:
        """Return everything that is needed to resume after `step` steps, as plain tensors, numbers and dicts.

        No state of a random generator is stored, because `training_step` sets the seed in each step.
        """
        return {
            "step": step,
            "steps": self.steps,
            "network": self.network.state_dict(),
            "optimiser": self.optimizers(use_pl_optimizer=False).state_dict(),
            "loss_sum": self.loss_sum,
        } | ({} if self._average is None else {"average": self._average.state_dict()})

    def on_train_start(self) -> None:
        """Prepare the first step."""
        self.loss_sum = self.loss_sum.to(self.device)
        if self.recipe.optimiser.freeze_epochs:
            self._hold_encoder(frozen=self._frozen)
        self.learn()

    def learn(self) -> None:
        """Put the network in training mode. Frozen blocks stay in evaluation mode, with their batch statistics."""
        self.network.train()
        for fixed in [self.network.encoder] if self._frozen else self._fixed:
            fixed.eval()

    def _hold_encoder(self, *, frozen: bool) -> None:
        """Freeze the encoder, or let it learn. In a parallel training its gradients are computed all the same."""
        self._frozen = frozen
        if self.trainer.world_size == 1:
            self.network.encoder.requires_grad_(not frozen)
            freeze_blocks(self.network.encoder, self.recipe.optimiser.freeze_blocks)
        self.learn()

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:  # noqa: ARG002 - Lightning's signature
        """Drop the gradients of a frozen encoder, where they are computed, so that it gathers no momentum."""
        for weight in self.network.encoder.parameters() if self._frozen else ():
            weight.grad = None

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimiser, with one parameter group per layer group, in its state at the checkpoint.

        With a layer decay, or a rate of its own for the first half of the encoder, each block is a group of its own.
        """
        groups, options = [], self.recipe.optimiser
        for name, lr in self.rates.items():
            parts, scales = [list(getattr(self.network, name).parameters())], [1.0]
            if name == "encoder" and min(options.layer_decay, options.early_rate) < 1:
                parts, early = blocks_of(self.network.encoder), len(first_half(self.network.encoder))
                scales = [options.layer_decay**k for k in reversed(range(len(parts)))]
                scales = [scale * (options.early_rate if k < early else 1) for k, scale in enumerate(scales)]
            for weights, scale in zip(parts, scales, strict=True):
                groups.append({"params": weights, "name": name, "scale": scale, "lr": lr * scale})
        decay = options.weight_decay
        if options.name == "sgd":
            optimiser = torch.optim.SGD(groups, momentum=options.momentum, weight_decay=decay)
        else:
            optimiser = torch.optim.AdamW(groups, weight_decay=decay)
        if self._start is not None:
            optimiser.load_state_dict(self._start["optimiser"])
            self._start = None
        return optimiser

    def part_of_rate(self, step: int) -> float:
        """Return the learning rate of a step as a fraction of the highest."""
        return rate(self.recipe.optimiser, step, self.steps, self.recipe.epochs)

    def training_step(self, batch: dict[str, Any], _: int) -> Tensor:
        """Seed the random numbers, set the learning rates, and return the loss of one step."""
        step, images = batch["step"], batch["images"]
        if self._average is not None:
            self._average.update_parameters(self.network)  # with the weights after the previous step
        torch.manual_seed((self.recipe.seed << 32) + step * self.trainer.world_size + self.trainer.global_rank)
        if self._frozen and step >= self._frozen_steps:
            self._hold_encoder(frozen=False)
        for group in self.optimizers(use_pl_optimizer=False).param_groups:
            part = self.part_of_rate(step)
            held = self._frozen and group["name"] == "encoder"
            group["lr"] = 0.0 if held else self.rates[group["name"]] * group.get("scale", 1.0) * self.lowered * part
        if self._clipped_steps:
            self.network.votes.normalise = step >= self._clipped_steps
        images = augmented(images, self.recipe.data.augment)
        if self.recipe.loss.joint:
            output, logits = self.network.both(images)
            weight = self.recipe.loss.joint
            loss = joint_loss(output, batch["truth"], logits, self._loss, weight, objects=batch.get("weight"))
        else:
            loss = reduced(self._loss(applied(self.network, images, batch), batch["truth"]), batch.get("weight"))
        self.loss_sum += torch.stack([loss.detach() * len(images), torch.full_like(loss, len(images))])
        return loss


def _average(network: nn.Module, decay: float) -> AveragedModel:
    """Return the moving average of a network, including its buffers (constants and running means)."""
    follows = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
    return follows.requires_grad_(requires_grad=False).eval()


def blocks_of(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """Return the weights of each block of an encoder, from the first layer to the last.

    A container of blocks, such as the ``blocks`` of a transformer, counts as its blocks. Weights of no block, such as
    the position embedding, come first.
    """
    blocks = [list(block.parameters()) for block in _block_modules(encoder)]
    known = {id(weight) for weights in blocks for weight in weights}
    others = [weight for weight in encoder.parameters() if id(weight) not in known]
    return [others, *blocks] if others else blocks


def _layers(encoder: nn.Module) -> list[nn.Module]:
    """Return the parts of an encoder, from the first layer to the last, some of which are stages of several blocks."""
    children = list(encoder.children())
    while len(children) == 1:
        children = list(children[0].children())
    return children


def _blocks_in(layer: nn.Module) -> list[nn.Module]:
    blocks = list(layer.children()) if isinstance(layer, nn.Sequential | nn.ModuleList) else [layer]
    return [block for block in blocks if any(True for _ in block.parameters())]


def _block_modules(encoder: nn.Module) -> list[nn.Module]:
    """Return the blocks of an encoder that have weights, from the first layer to the last."""
    return [block for layer in _layers(encoder) for block in _blocks_in(layer)]


def first_half(encoder: nn.Module) -> list[list[nn.Parameter]]:
    """Return the first half of `blocks_of`: up to the end of the second of four stages, as in fast.ai, for a ResNet.

    If no stage ends within a block of the middle, as in a transformer, it is half of the blocks.
    """
    blocks, ends = blocks_of(encoder), []
    end = len(blocks) - len(_block_modules(encoder))  # weights of no block come first
    for child in _layers(encoder):
        end += len(_blocks_in(child))
        ends.append(end)
    middle = len(blocks) / 2
    nearest = min(reversed(ends), key=lambda one: abs(one - middle))
    return blocks[: nearest if abs(nearest - middle) <= 1 else len(blocks) // 2]


def freeze_blocks(encoder: nn.Module, count: int) -> list[nn.Module]:
    """Stop the gradients of the first blocks of an encoder, and of weights of no block. Return these blocks.

    Raises
    ------
    ValueError
        If the encoder has no more blocks than that.
    """
    if not count:
        return []
    blocks, modules = blocks_of(encoder), _block_modules(encoder)
    if count >= len(modules):
        raise ValueError(
            f"optimiser.freeze_blocks: expected fewer than the {len(modules)} blocks of the encoder, got {count}. "
            "Use optimiser.frozen to train the head alone."
        )
    for weights in blocks[: count + len(blocks) - len(modules)]:
        for weight in weights:
            weight.requires_grad_(requires_grad=False)
    return modules[:count]


def rate(optimiser: Optimiser, step: int, steps: int, epochs: int) -> float:
    """Return the learning rate of a step as a fraction of the highest.

    The first ``first_epochs`` of a training follow ``first_schedule``, the others ``schedule``:

    - ``"constant"``: 1.
    - ``"cosine"``: (1 + cos πt)/2, from 1 to 0, where t is the fraction of the steps that is done.
    - ``"one_cycle"``: from 1/25 to 1 in the first quarter, then to 0, both as a cosine.
    - ``"sgdr"``: ``"cosine"`` in every cycle. The first takes ``cycle_epochs``, each other ``cycle_mult`` times as long
      as the one before it.
    - ``"exponential"``: e^(−``decay`` · t), where t = epoch / ``decay_epochs``. The epoch counts from 0, with
      fractions.

    Parameters
    ----------
    optimiser : Optimiser
    step : int
        Steps that are done.
    steps, epochs : int
        Steps and epochs of the whole training.

    Returns
    -------
    float

    References
    ----------
    Smith & Topin (2018), arXiv:1708.07120 (one cycle). Loshchilov & Hutter (2017), ICLR, arXiv:1608.03983 (SGDR).
    """
    each = steps // epochs
    first = min(optimiser.first_epochs * each, steps)
    if step < first:
        schedule, length = optimiser.first_schedule, first
    else:
        schedule, step, length = optimiser.schedule, step - first, steps - first
    if schedule == "sgdr":  # in whole steps, so that no rounding delays a restart
        length = optimiser.cycle_epochs * each
        while step >= length:
            step, length = step - length, length * optimiser.cycle_mult
    if schedule == "exponential":
        return math.exp(-optimiser.decay * step / (max(each, 1) * optimiser.decay_epochs))
    part = step / max(length, 1)
    if schedule == "constant":
        return 1.0
    if schedule == "one_cycle" and part < _WARM_UP:
        return 0.04 + 0.96 * (1 - math.cos(math.pi * part / _WARM_UP)) / 2
    if schedule == "one_cycle":
        part = (part - _WARM_UP) / (1 - _WARM_UP)
    return (1 + math.cos(math.pi * part)) / 2


def _peaks(network: nn.Module, recipe: Recipe) -> dict[str, float]:
    """Return the highest learning rate of each trained layer group. Raise a ValueError if groups do not match."""
    parts = {name for name, child in network.named_children() if any(True for _ in child.parameters())}
    if parts != set(recipe.optimiser.learning_rates):
        raise ValueError(
            f"learning_rates: expected one for each of {', '.join(sorted(parts))}, "
            f"got {', '.join(sorted(recipe.optimiser.learning_rates)) or 'none'}."
        )
    return {
        name: lr
        for name, lr in recipe.optimiser.learning_rates.items()
        if not (recipe.optimiser.frozen and name == "encoder")
    }
