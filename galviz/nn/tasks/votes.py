"""Votes: the fractions of all answers, which obey the tree of questions if the recipe says so."""

import numpy as np
import pandas as pd
from torch import Tensor, nn
from torch.nn import functional

from galviz.nn import tasks
from galviz.nn.networks import galaxy_zoo
from galviz.nn.tasks.regression import squared_error
from galviz.nn.training.losses import mse_std
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target
from galviz.tasks.votes import tree

LOSSES = {
    "mse": lambda recipe, truth: squared_error,
    "mse_std": lambda recipe, truth: lambda output, truth: mse_std(output, truth, recipe.loss.alpha),
    "binomial": lambda recipe, truth: binomial,
}


def binomial(output: Tensor, truth: Tensor, eps: float = 1e-6) -> Tensor:
    """Return the binomial cross entropy −y ln v − (1 − y) ln(1 − v) of each object, averaged over its answers: (N,).

    Up to a constant and the number of votes, it is the negative log-likelihood of each fraction.
    """
    votes = output.clamp(eps, 1 - eps)
    return functional.binary_cross_entropy(votes, truth, reduction="none").mean(1)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> galaxy_zoo.VoteNetwork:
    """Return a network from images (N, B, H, W) to the votes for K answers."""
    tasks.loss_of(target, recipe)
    return galaxy_zoo.build(recipe, size or galaxy_zoo.SIZE, bands, len(target.columns), tree(target))


def validation(output: Tensor, truth: Tensor) -> dict[str, float]:
    """Return ``val_accuracy``, as `galviz.measure.votes.paper_accuracy`, and ``val_mae``."""
    accuracy = (output.argmax(1) == truth.argmax(1)).double().mean().item()
    return {"val_accuracy": accuracy, "val_mae": (output - truth).abs().mean().item()}


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
