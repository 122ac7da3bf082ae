"""Validation on the held-out objects after every epoch."""

from itertools import zip_longest

import lightning.pytorch as pl
import torch
import torch.distributed
from torch import Tensor, nn

from galviz.nn.inference.predict import outputs
from galviz.nn.tasks import Loss, rules
from galviz.nn.training.data import Chunks, Samples, loader
from galviz.nn.training.losses import reduced
from galviz.nn.training.shown import ShownObjects
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target


class Validation:
    """Evaluates a network on all held-out samples. Parallel processes share the work.

    Parameters
    ----------
    trainer : pl.Trainer
    target : Target
    recipe : Recipe
    samples : Samples
        The held-out samples.
    loss : callable
        As returned by `galviz.nn.tasks.loss_of`.
    shown : ShownObjects, optional
        Writes the predictions of some of them each time.
    """

    def __init__(
        self,
        trainer: pl.Trainer,
        target: Target,
        recipe: Recipe,
        samples: Samples,
        loss: Loss,
        *,
        shown: ShownObjects | None = None,
    ) -> None:
        self._shown = shown if trainer.is_global_zero else None
        self._loss, self._metrics, self._target = loss, rules(target).validation, target
        self._truth, self._world = samples.truth, trainer.world_size
        order = Chunks(len(samples), recipe.batch, rank=trainer.global_rank, world=trainer.world_size)
        self._batches = loader(samples, order)

    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Return ``val_loss`` over all samples, and the metrics of the task."""
        parts = [part[0] for part in outputs(network, self._batches)]
        output = torch.cat(self._gathered(parts))
        if self._shown is not None and output.isfinite().all():
            self._shown.write(network, output)
        return {"val_loss": reduced(self._loss(output, self._truth)).item()} | self._metrics(
            output, self._truth, self._target
        )

    def _gathered(self, parts: list[Tensor]) -> list[Tensor]:
        """Return the batches of all processes in the order of the samples. `Chunks` gave them out in turn."""
        if self._world == 1:
            return parts
        all_parts = [None] * self._world
        torch.distributed.all_gather_object(all_parts, parts)
        return [part for turn in zip_longest(*all_parts) for part in turn if part is not None]
