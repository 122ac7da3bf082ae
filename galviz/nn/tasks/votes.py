"""Votes: the fractions of all answers, which obey the tree of questions if the recipe says so."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from galviz.nn import tasks
from galviz.nn.networks import galaxy_zoo
from galviz.nn.tasks.regression import in_units
from galviz.nn.training.losses import mse_std
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target
from galviz.tasks.votes import tree

LOSSES = {
    "mse": lambda recipe, truth: in_units(functional.mse_loss, torch.ones(1)),
    "mse_std": lambda recipe, truth: lambda output, truth: mse_std(output, truth, recipe.loss.alpha),
    "binomial": lambda recipe, truth: binomial,
}


def binomial(output: Tensor, truth: Tensor, eps: float = 1e-6) -> Tensor:
    """Return the binomial cross entropy −y ln v − (1 − y) ln(1 − v) of each object, averaged over its answers: (N,).

    Up to a constant and the number of votes, it is the negative log-likelihood of each fraction. Votes are first moved
    from 0…1 to `eps`…1 − `eps`, where the loss and its slope are finite.
    """
    votes = eps + (1 - 2 * eps) * output.float()  # torch's own function refuses half precision
    return -(truth * votes.log() + (1 - truth) * (1 - votes).log()).mean(1)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> galaxy_zoo.VoteNetwork:
    """Return a network from images (N, B, H, W) to the votes for K answers."""
    tasks.loss_of(target, recipe)
    return galaxy_zoo.build(recipe, size or galaxy_zoo.SIZE, bands, len(target.columns), tree(target))


def validation(output: Tensor, truth: Tensor) -> dict[str, float]:
    """Return ``val_accuracy`` of several answers, as `galviz.measure.votes.paper_accuracy`, and ``val_mae``."""
    found = {"val_mae": (output - truth).abs().mean().item()}
    if truth.shape[1] == 1:  # a single fraction is always the largest
        return found
    return {"val_accuracy": (output.argmax(1) == truth.argmax(1)).double().mean().item()} | found


def table(
    target: Target,
    bands: tuple[str, ...],
    *,
    network: nn.Module,
    ids: pd.Index,
    views: Tensor,
    truth: np.ndarray,
) -> pd.DataFrame:
    """Return the mean vote of the views for each answer, and its truth."""
    votes = pd.DataFrame(views.mean(0).numpy(), index=ids, columns=list(target.columns))
    return votes.join(pd.DataFrame(truth, index=ids, columns=[f"{name}_true" for name in target.columns]))
