"""Loss functions of a training. `galviz.nn.tasks` says which fit a task."""

from collections.abc import Callable

import torch
import torch.distributed
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]


def mse_std(estimate: Tensor, truth: Tensor, alpha: float, scatter: str = "absolute", eps: float = 1e-12) -> Tensor:
    """Return the mean squared error plus `alpha` times the scatter of the errors in the batch.

    L = mean((Y − Ŷ)²) + α std(|Y − Ŷ|), with the sample standard deviation (n − 1). ``scatter="signed"`` uses
    std(Y − Ŷ) instead, which the paper's tables call Sigma.

    Parameters
    ----------
    estimate, truth : Tensor, float, shape (N, K)
        Ŷ and Y, N ≥ 2. NaN gives NaN.
    alpha : float
        Weight of the scatter; 0 gives the mean squared error.
    scatter : {"absolute", "signed"}
        ``"absolute"`` as published.
    eps : float
        Added to the variance, so that the gradient is finite when all errors are equal.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ValueError
        If the batch has fewer than two objects.

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, eq. 1.
    """
    mse = functional.mse_loss(estimate, truth)
    if alpha == 0:
        return mse
    if len(estimate) < 2:
        raise ValueError(f"batch: expected at least 2 objects for a scatter, got {len(estimate)}. Use a larger batch.")
    error = truth - estimate
    error = error.abs() if scatter == "absolute" else error
    return mse + alpha * torch.sqrt(error.var(dim=0) + eps).mean()


def rmse(estimate: Tensor, truth: Tensor, unit: Tensor | float = 1.0, eps: float = 1e-12) -> Tensor:
    """Return the root of the mean squared error of the batch, of all processes if several train in parallel.

    L = √(mean((Y − Ŷ)²) + ε). The root of a whole batch is not the mean of the roots of its parts. So the processes add
    up their squares; the mean of their gradients, which a parallel training takes, is then that of the whole batch.
    An estimate without gradients is taken as the whole batch.

    Parameters
    ----------
    estimate, truth : Tensor, float, shape (N, K)
        Ŷ and Y.
    unit : Tensor, shape (K,), or float
        Unit of each number.
    eps : float
        ε, so that the gradient is finite when all errors are 0.

    Returns
    -------
    Tensor, shape ()

    References
    ----------
    Wu & Boada (2019), MNRAS 484, 4683.
    """
    error = estimate - truth
    squares = (error / torch.as_tensor(unit).to(error)).square()
    parts, world = torch.stack([squares.sum().detach(), squares.new_tensor(squares.numel())]), 1
    # Only in a training step: a validation has the outputs of all processes, on the CPU, where NCCL cannot add.
    if squares.requires_grad and torch.distributed.is_initialized():
        torch.distributed.all_reduce(parts)
        world = torch.distributed.get_world_size()
    total, count = parts
    root = (total / count + eps).sqrt()
    own = squares.sum()
    return root + world * (own - own.detach()) / (2 * root * count)  # the value of L, and this process' gradient


def gaussian_nll(output: Tensor, truth: Tensor, beta: float = 0.0, unit: Tensor | float = 1.0) -> Tensor:
    """Return the negative log-likelihood of the truth under a normal distribution predicted for each object.

    L = mean(s (ln σ² + (Y − Ŷ)²/σ²)/2), with Y, Ŷ and σ in units of `unit`, and with s = σ^(2β) treated as a constant
    (no gradient). β = 0 gives the likelihood; there, objects that are difficult at first get a large σ and are soon
    ignored. β = 1 gives Ŷ the gradients of the mean squared error.

    Parameters
    ----------
    output : Tensor, float, shape (N, 2 K)
        Ŷ and ln σ² of K numbers.
    truth : Tensor, float, shape (N, K)
        Y.
    beta : float
        β, from 0 to 1.
    unit : Tensor, shape (K,), or float
        Unit of each number, so that numbers of any size count the same. σ is at least 0.001 of it.

    Returns
    -------
    Tensor, shape (N,)
        The loss of each object.

    References
    ----------
    Nix & Weigend (1994), ICNN, p. 55; Seitzer et al. (2022), ICLR, arXiv:2203.09168 (β).
    """
    mean, ln_variance = output.chunk(2, dim=1)
    unit = torch.as_tensor(unit).to(output)
    variance = (ln_variance - 2 * unit.log()).exp()
    loss = functional.gaussian_nll_loss(mean / unit, truth / unit, variance, reduction="none")
    return (loss * variance.detach() ** beta).mean(1)


def focal(logits: Tensor, truth: Tensor, gamma: float = 2.0, weight: Tensor | None = None) -> Tensor:
    """Return the focal loss −w (1 − p)^γ ln p of each object, with the probability p of its class: shape (N,).

    Objects that are already classified well count less than in the cross entropy (γ = 0), so a rare class counts more.

    Parameters
    ----------
    logits : Tensor, float, shape (N, K)
    truth : Tensor of int, shape (N,)
    gamma : float
        γ, 0 or more.
    weight : Tensor, shape (K,), optional
        Weight w of each class.

    References
    ----------
    Lin et al. (2017), ICCV, arXiv:1708.02002, eq. 4.
    """
    entropy = functional.cross_entropy(logits, truth, reduction="none")
    scale = 1.0 if weight is None else weight[truth]
    missing = (-torch.expm1(-entropy)).clamp(min=1e-12)  # 1 − p; the slope of 0^γ would be infinite for γ < 1
    return scale * missing**gamma * entropy


def reduced(loss: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return the mean loss of a batch: (N,) or () -> (). Objects may have weights, shape (N,), of mean 1."""
    if loss.ndim == 0:
        return loss
    return loss.mean() if weight is None else (loss * weight).mean()


def joint_loss(
    output: Tensor, truth: Tensor, logits: Tensor, loss: Loss, weight: float, *, objects: Tensor | None = None
) -> Tensor:
    """Return the loss of the labelled objects plus β times the cross entropy of the bands of all objects.

    L = L(Ŷ, Y) + β CE. If a batch has fewer than two labelled objects, only the cross entropy is used.

    Parameters
    ----------
    output, truth : Tensor, float32, shape (N, K)
        Ŷ and Y. A row of Y with a NaN is unlabelled.
    logits : Tensor, float32, shape (N, B, B)
        Logits of each band of each object; the last axis is the class.
    loss : callable
        L, of (Ŷ, Y).
    weight : float
        β.
    objects : Tensor, shape (N,), optional
        Weight of each object in L.

    Returns
    -------
    Tensor, shape ()

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, section 2 (simultaneous optimisation; no weight is given).
    """
    bands = torch.arange(logits.shape[1], device=logits.device).repeat(len(logits))
    bands_loss = weight * functional.cross_entropy(logits.flatten(0, 1), bands)
    known = truth.isfinite().all(dim=1)
    if known.sum() < 2:
        return bands_loss + 0 * output.sum()  # zero gradients: parallel training fails if a process has none
    return bands_loss + reduced(loss(output[known], truth[known]), None if objects is None else objects[known])
