"""Votes: the fractions of all answers, which obey the tree of questions if the recipe says so."""

from collections.abc import Callable
from functools import partial

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

_ROUNDED = 0.02  # largest difference from 1 of a sum of fractions that are rounded

LOSSES = {
    "mse": lambda recipe, known, target: of_fractions(in_units(functional.mse_loss, torch.ones(1)), target),
    "mse_std": lambda recipe, known, target: of_fractions(
        partial(mse_std, alpha=recipe.loss.alpha, scatter=recipe.loss.scatter), target
    ),
    "binomial": lambda recipe, known, target: of_fractions(binomial, target),
    "dirichlet_multinomial": lambda recipe, known, target: by_question(dirichlet_multinomial, target),
}


def of_fractions(loss: tasks.Loss, target: Target) -> tasks.Loss:
    """Return a loss of fractions as one of what the target learns, which may be numbers of votes.

    A question that nobody answered has no gradient.
    """
    if not target.counts:
        return loss

    def of_numbers(output: Tensor, votes: Tensor) -> Tensor:
        truth = _fractions(votes, target)
        return loss(output, torch.where(truth.isfinite(), truth, output.detach()))

    return of_numbers


def by_question(loss: Callable[[Tensor, Tensor], Tensor], target: Target) -> tasks.Loss:
    """Return the sum over questions of a loss of (concentrations, numbers of votes)."""
    slices = tree(target)[0]

    def summed(output: Tensor, votes: Tensor) -> Tensor:
        alpha = output[:, votes.shape[1] :]
        return torch.stack([loss(alpha[:, part], votes[:, part]) for part in slices]).sum(0)

    return summed


def dirichlet_multinomial(alpha: Tensor, votes: Tensor) -> Tensor:
    """Return −ln P of the numbers of votes n for the answers of one question, given concentrations α: (N,).

    P = Γ(A) Γ(n + 1) / Γ(n + A) · Π_j Γ(n_j + α_j) / (Γ(α_j) Γ(n_j + 1)), with A = Σα_j and n = Σn_j. It is 0 if nobody
    answered. The numbers need not be whole.

    Parameters
    ----------
    alpha, votes : Tensor, float, shape (N, K)

    References
    ----------
    Walmsley et al. (2022), MNRAS 509, 3966, eq. 2.
    """
    every, count = alpha.sum(1), votes.sum(1)
    total = torch.lgamma(every) + torch.lgamma(count + 1) - torch.lgamma(count + every)
    each = torch.lgamma(votes + alpha) - torch.lgamma(alpha) - torch.lgamma(votes + 1)
    return -(total + each.sum(1))


def prepared(target: Target, recipe: Recipe, catalogue: pd.DataFrame) -> Target:
    """Return the target with the column of the number of volunteers, and one question if all fractions sum to 1.

    Raises
    ------
    ValueError
        If the loss needs numbers of votes and there are none, or questions and there are none.
    """
    total, counted = recipe.data.vote_count, recipe.loss.name == "dirichlet_multinomial"
    if total and (target.counts or not counted):
        whose = "columns with numbers of votes" if target.counts else f"the loss {recipe.loss.name}"
        raise ValueError(f"data.vote_count: expected none for {whose}, got {total!r}. Leave it out.")
    if not counted:
        return target
    if not target.counts and not total:
        raise ValueError(
            f"loss: expected numbers of votes for dirichlet_multinomial, got fractions of {target.name}. Learn columns "
            "with numbers of votes, or name the column with the number of volunteers: --set data.vote_count=COLUMN."
        )
    if total and total not in catalogue.columns:
        raise KeyError(f"data.vote_count: expected a column of the catalogue, got {total!r}. Add it.")
    if not tree(target)[0]:
        sums = target.truth(catalogue).sum(axis=1)
        if len(target.columns) < 2 or (np.abs(sums[np.isfinite(sums)] - 1) > _ROUNDED).any():
            raise ValueError(
                "target: expected all answers to a question for dirichlet_multinomial, whose fractions sum to 1, got "
                f"{', '.join(target.columns)}. Add the missing answers, or use the loss binomial."
            )
        target = target.replace(questions=(target.columns,))
    return target.replace(total=total)


def _fractions(votes: Tensor, target: Target) -> Tensor:
    """Return numbers of votes as fractions, as `galviz.tasks.votes.shares` does."""
    slices = tree(target)[0]
    if target.total:
        return votes / votes[:, slices[0]].sum(1, keepdim=True)
    return torch.cat([votes[:, part] / votes[:, part].sum(1, keepdim=True) for part in slices], dim=1)


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
    if recipe.loss.name == "dirichlet_multinomial" and recipe.network.votes != "tree":
        raise ValueError(f"network.votes: expected tree for dirichlet_multinomial, got {recipe.network.votes}.")
    return galaxy_zoo.build(recipe, size or galaxy_zoo.SIZE, bands, len(target.columns), tree(target))


def validation(output: Tensor, truth: Tensor, target: Target) -> dict[str, float]:
    """Return ``val_accuracy`` of several answers, as `galviz.measure.votes.paper_accuracy`, and ``val_mae``."""
    output = output[:, : truth.shape[1]]
    truth = _fractions(truth, target) if target.counts or target.total else truth
    found = {"val_mae": (output - truth).abs().nanmean().item()}
    if truth.shape[1] == 1:  # a single fraction is always the largest
        return found
    return {"val_accuracy": (output.argmax(1) == truth.nan_to_num().argmax(1)).double().mean().item()} | found


def table(
    target: Target,
    bands: tuple[str, ...],
    *,
    network: nn.Module,
    ids: pd.Index,
    views: Tensor,
    truth: np.ndarray,
) -> pd.DataFrame:
    """Return the mean vote of the views for each answer, its truth, and its concentration α if the network has them."""
    count = len(target.columns)
    values = views.mean(0).numpy()
    parts = {"": values[:, :count], "_true": truth, "_alpha": values[:, count:]}
    columns = {
        f"{name}{end}": part[:, k] for end, part in parts.items() if part.size for k, name in enumerate(target.columns)
    }
    return pd.DataFrame(columns, index=ids)
