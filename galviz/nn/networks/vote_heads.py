"""Output layers from numbers to vote fractions, and losses that follow the tree of questions.

A tree is the positions of the answers to each question, and the position of each parent, as returned by
`galviz.tasks.votes.tree`. The default is Galaxy Zoo 2's, with K = 37 answers.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from galviz.sky.galaxy_zoo import PARENTS, SLICES

Tree = tuple[tuple[slice, ...], tuple[int | None, ...]]
GALAXY_ZOO: Tree = (SLICES, PARENTS)


class VoteTree(nn.Module):
    """Vote fractions that obey the tree: a softmax over the answers of each question, times the parent answer.

    v = softmax(z) for questions without a parent, v = softmax(z) × v(parent) for all others. The answers of a question
    sum to their parent, up to rounding, so no answer exceeds it. There are no weights.
    """

    def __init__(self, tree: Tree = GALAXY_ZOO) -> None:
        super().__init__()
        self.tree = tree

    def forward(self, logits: Tensor) -> Tensor:
        """Return cumulative vote fractions from any numbers: (N, K) -> (N, K)."""
        return _weighted([logits[:, part].softmax(1) for part in self.tree[0]], self.tree)


class DielemanVotes(nn.Module):
    """Vote fractions by clipping and division: c = max(z, 0), v = c / (Σc + 10⁻¹²) × v(parent).

    A vote can be exactly 0, which a softmax cannot give. If all answers of a question are clipped, all of its votes are
    0, and plain derivatives vanish or are infinite: of drawn galaxies, some questions then never learned. So a clipped
    number gets a gradient that would raise it, and the divisor has a floor of 0.01 in the gradient. The first steps of
    a training (``network.clipped`` of a recipe) may have ``normalise=False``, which only clips each number to 0…1.

    Parameters
    ----------
    normalise : bool
        May be changed on the module during training. In evaluation mode votes always obey the tree.

    References
    ----------
    Dieleman, Willett & Dambre (2015), MNRAS 450, 1441, section 5 (the constraints), and the author's solution of the
    Kaggle challenge (2014), which begins without normalisation.
    """

    def __init__(self, tree: Tree = GALAXY_ZOO, *, normalise: bool = True) -> None:
        super().__init__()
        self.tree, self.normalise = tree, normalise

    def forward(self, numbers: Tensor) -> Tensor:
        """Return cumulative vote fractions from any numbers: (N, K) -> (N, K)."""
        clipped = _Clip.apply(numbers)
        if self.training and not self.normalise:
            return clipped.clamp(max=1)
        return _weighted([_divided(clipped[:, part]) for part in self.tree[0]], self.tree)


class _Clip(torch.autograd.Function):
    """max(z, 0), whose gradient also reaches a clipped number if it would raise it."""

    @staticmethod
    def forward(context: Any, numbers: Tensor) -> Tensor:
        context.save_for_backward(numbers)
        return numbers.clamp(min=0)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> Tensor:
        (numbers,) = context.saved_tensors
        return torch.where((numbers > 0) | (gradient < 0), gradient, 0.0)


def _divided(clipped: Tensor) -> Tensor:
    """Return c / (Σc + 10⁻¹²). Where Σc is below 0.01, its gradient is that of c / 0.01, which is finite."""
    total = clipped.sum(1, keepdim=True) + 1e-12
    bounded = clipped / total.clamp(min=1e-2)
    return bounded + (clipped / total - bounded).detach()


class DirichletVotes(nn.Module):
    """Concentrations α of a Dirichlet distribution for each question, and the expected votes that follow from them.

    α = softplus(z) + 10⁻³. The fractions of a question are expected to be α / Σα, and the larger Σα, the surer the
    network is. There are no weights.

    References
    ----------
    Walmsley et al. (2020), MNRAS 491, 1554, section 3.2; Walmsley et al. (2022), MNRAS 509, 3966, section 3.1, where α
    is kept between 1 and 100. Here it may be smaller, so that a fraction can be expected to be almost 0.
    """

    def __init__(self, tree: Tree = GALAXY_ZOO) -> None:
        super().__init__()
        self.tree = tree

    def forward(self, numbers: Tensor) -> Tensor:
        """Return cumulative vote fractions and concentrations from any numbers: (N, K) -> (N, 2 K)."""
        alpha = functional.softplus(numbers.float()) + 1e-3
        votes = _weighted([alpha[:, part] / alpha[:, part].sum(1, keepdim=True) for part in self.tree[0]], self.tree)
        return torch.cat([votes, alpha], dim=1)


class SigmoidVotes(nn.Sigmoid):
    """Independent vote fractions, each in 0…1: numbers (N, K) -> (N, K).

    References
    ----------
    Goh (2022), Lab 3, section 3.1.
    """


def tree_cross_entropy(estimate: Tensor, truth: Tensor, tree: Tree = GALAXY_ZOO, eps: float = 1e-7) -> Tensor:
    """Return the cross entropy of the votes under the tree.

    L = −Σ_j y_j ln(v_j / v_parent(j)), averaged over objects: the cross entropy of each question, weighted by the
    fraction of votes that reached it. Up to a constant and the number of votes, it is the negative multinomial
    log-likelihood.

    Parameters
    ----------
    estimate : Tensor, float, shape (N, K)
        v of `VoteTree` (or `DielemanVotes`): votes that obey the tree.
    truth : Tensor, float, shape (N, K)
        y: cumulative vote fractions.
    tree : Tree
    eps : float
        Smaller votes are set to this value.

    Returns
    -------
    Tensor, shape ()
    """
    logs = estimate.clamp(min=eps).log()
    total = (truth * logs).sum(1)
    for part, parent in zip(*tree, strict=True):
        if parent is not None:
            total = total - truth[:, part].sum(1) * logs[:, parent]
    return -total.mean()


def mse_and_tree(estimate: Tensor, truth: Tensor, weight: float = 0.01, tree: Tree = GALAXY_ZOO) -> Tensor:
    """Return the mean squared error plus `weight` times `tree_cross_entropy`, for votes of shape (N, K)."""
    return functional.mse_loss(estimate, truth) + weight * tree_cross_entropy(estimate, truth, tree)


def _weighted(fractions: list[Tensor], tree: Tree) -> Tensor:
    """Return the fractions of each question multiplied by the votes of its parent answer, parents first."""
    votes: list[Tensor] = []
    slices, parents = tree
    for own, parent in zip(fractions, parents, strict=True):
        if parent is None:
            votes.append(own)
        else:
            question = next(k for k, part in enumerate(slices) if part.start <= parent < part.stop)
            votes.append(own * votes[question][:, parent - slices[question].start, None])
    return torch.cat(votes, dim=1)
