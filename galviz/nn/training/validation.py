"""Validation on the held-out objects after every epoch."""

from itertools import zip_longest

import lightning.pytorch as pl
import torch
import torch.distributed
from torch import Tensor, nn

from galviz.nn.inference.predict import outputs
from galviz.nn.training.data import Chunks, Samples, loader
from galviz.nn.training.losses import loss_of
from galviz.runs.recipe import Recipe


class Validation:
    """Evaluates a network on all held-out samples. Parallel processes share the work.

    Parameters
    ----------
    trainer : pl.Trainer
    recipe : Recipe
    samples : Samples
        The held-out samples.
    """

    def __init__(self, trainer: pl.Trainer, recipe: Recipe, samples: Samples) -> None:
        self._loss, self._truth, self._world = loss_of(recipe), samples.truth, trainer.world_size
        self._classes = recipe.loss == "cross_entropy"
        order = Chunks(len(samples), recipe.batch, rank=trainer.global_rank, world=trainer.world_size)
        self._batches = loader(samples, order)

    def __call__(self, network: nn.Module) -> dict[str, float]:
        """Return ``val_loss`` over all samples, and ``val_mae`` (as learned), ``val_accuracy``, or both."""
        parts = [part[0] for part in outputs(network, self._batches)]
        output = torch.cat(self._gathered(parts))
        found = {"val_loss": self._loss(output, self._truth).item()}
        if self._classes:
            return found | {"val_accuracy": (output.argmax(1) == self._truth.flatten()).double().mean().item()}
        if self._truth.shape[1] > 1:  # votes: as `galviz.measure.votes.paper_accuracy`
            found["val_accuracy"] = (output.argmax(1) == self._truth.argmax(1)).double().mean().item()
        return found | {"val_mae": (output[:, : self._truth.shape[1]] - self._truth).abs().mean().item()}

    def _gathered(self, parts: list[Tensor]) -> list[Tensor]:
        """Return the batches of all processes in the order of the samples. `Chunks` gave them out in turn."""
        if self._world == 1:
            return parts
        all_parts = [None] * self._world
        torch.distributed.all_gather_object(all_parts, parts)
        return [part for turn in zip_longest(*all_parts) for part in turn if part is not None]
