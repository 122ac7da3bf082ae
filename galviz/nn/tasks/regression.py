"""Regression: a head of K numbers, or of K means and variances."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from galviz.measure.intervals import sigma_scale
from galviz.nn import tasks
from galviz.nn.networks.cutout_network import CutoutNetwork, assemble
from galviz.nn.networks.heads import BandHead, CompactHead, DropoutHead, JointHead, PublishedHead
from galviz.nn.networks.normalise import PER_BAND
from galviz.nn.training.losses import gaussian_nll, mse_std, rmse
from galviz.runs.recipe import Recipe
from galviz.tasks.regression import names
from galviz.tasks.target import Target

TAKES_OFFSET = True
"""Whether a linear baseline can be learned first (`Recipe`'s ``offset``)."""
HEADS = {"compact": CompactHead, "dropout": DropoutHead, "as_published": PublishedHead}
LOSSES = {
    "mse": lambda recipe, known, target: in_units(functional.mse_loss, relative(known)),
    "mae": lambda recipe, known, target: in_units(functional.l1_loss, relative(known)),
    "huber": lambda recipe, known, target: in_units(functional.huber_loss, units(known)),
    "rmse": lambda recipe, known, target: lambda output, truth: rmse(output, truth, relative(known)),
    "mse_std": lambda recipe, known, target: partial(mse_std, alpha=recipe.loss.alpha, scatter=recipe.loss.scatter),
    "gaussian_nll": lambda recipe, known, target: gaussian(recipe.loss.alpha, units(known)),
}


def in_units(function: Callable[..., Tensor], unit: Tensor) -> tasks.Loss:
    """Return a loss of each object, averaged over its numbers in these units: (N, K) and (N, K) -> (N,)."""

    def loss(output: Tensor, truth: Tensor) -> Tensor:
        scale = unit.to(output)
        return function(output / scale, truth / scale, reduction="none").mean(1)

    return loss


def gaussian(beta: float, unit: Tensor) -> tasks.Loss:
    """Return `gaussian_nll` with its constants."""
    return lambda output, truth: gaussian_nll(output, truth, beta, unit)


def units(known: np.ndarray | None) -> Tensor:
    """Return the standard deviation of each number, so that all of them count the same, however large they are.

    Parameters
    ----------
    known : numpy.ndarray, shape (N, K), or None
        Truth of the training objects. None: the units are 1, as for a number that is constant.

    Returns
    -------
    Tensor, float64, shape (K,) or (1,)
    """
    spread = np.ones(1) if known is None else known.std(0)
    return torch.as_tensor(np.where(spread > 0, spread, 1.0), device="cpu")


def relative(known: np.ndarray | None) -> Tensor:
    """Return the units of errors that are shown as they are: 1 for a single number, else `units`.

    Raises
    ------
    ValueError
        If a single number is so large or small that its square is no float32.
    """
    unit = units(known)
    if len(unit) > 1:
        return unit
    if not 1e-15 < unit.item() < 1e15:
        raise ValueError(
            f"loss: expected gaussian_nll or huber for values with a scatter of {unit.item():.2g}, got mse or mae. "
            "Or learn their logarithm."
        )
    return torch.ones(1, device="cpu")


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> CutoutNetwork:
    """Return a network from images (N, B, H, W) to K numbers, or to K means and K ln variances (``gaussian_nll``)."""
    tasks.loss_of(target, recipe)
    options, numbers = recipe.network, len(target.columns)
    published, gaussian = options.head == "as_published", recipe.loss.name == "gaussian_nll"
    if recipe.loss.joint:
        _check_joint(recipe, apart=options.apart)
    if published and not options.apart:
        raise ValueError("network.head: expected as_published with network.apart=true, got it with false.")

    def head(features: int, vectors: int) -> nn.Module:
        own = HEADS[options.head](features, vectors, (1 + gaussian) * numbers)
        return JointHead(own, BandHead(features, len(bands))) if recipe.loss.joint else own

    standardise = options.standardise and not published
    return assemble(recipe, bands, head, size=size, standardise=standardise, gaussian=gaussian, numbers=numbers)


def _check_joint(recipe: Recipe, *, apart: bool) -> None:
    """Raise a ValueError if bands cannot be learned together with the target, or would be trivial."""
    if recipe.data.columns:
        raise ValueError(f"joint: expected 0 with data.columns, got {recipe.loss.joint}.")
    if recipe.loss.name == "rmse":  # a process without labelled objects in its batch would not take part in the sum
        raise ValueError(f"joint: expected 0 with the loss rmse, got {recipe.loss.joint}. Use mse.")
    if not apart:
        raise ValueError(f"joint: expected 0, or network.apart=true, got {recipe.loss.joint} with network.apart=false.")
    if recipe.data.normalise in PER_BAND:
        raise ValueError(
            f"normalise: expected noise, minmax or asinh_global with joint, got {recipe.data.normalise}, whose "
            "constants of each band would give the band away."
        )


def validation(output: Tensor, truth: Tensor, target: Target) -> dict[str, float]:
    """Return ``val_mae``, as learned."""
    return {"val_mae": (output[:, : truth.shape[1]] - truth).abs().mean().item()}


def table(
    target: Target,
    bands: tuple[str, ...],
    *,
    network: nn.Module,
    ids: pd.Index,
    views: Tensor,
    truth: np.ndarray,
) -> pd.DataFrame:
    """Return estimate, spread, sigma (of a gaussian network), p16, p84 and truth of each number.

    Parameters
    ----------
    target : Target
    bands : tuple of str
    network : nn.Module
    ids : pandas.Index
        Object ids, N.
    views : Tensor, float64, shape (V, N, K) or (V, N, 2 K)
        Outputs for the V views of each image; means and ln variances if the network is gaussian.
    truth : numpy.ndarray, shape (N, K)
    """
    columns, gaussian = {}, getattr(network, "gaussian", False)
    sigmas = sigma(views, network.sigma_scale).numpy() if gaussian else None
    for k, name in enumerate(names(target)):
        columns |= _columns(name, views[..., k].numpy(), None if sigmas is None else sigmas[:, k], truth[:, k])
    return pd.DataFrame(columns, index=ids)


def _columns(name: str, views: np.ndarray, sigma: np.ndarray | None, truth: np.ndarray) -> dict[str, np.ndarray]:
    mean = views.mean(0)
    low, high = np.percentile(views, [16, 84], axis=0) if sigma is None else (mean - sigma, mean + sigma)
    error = {} if sigma is None else {f"{name}_sigma": sigma}
    ends = {f"{name}_p16": low, f"{name}_p84": high, f"{name}_true": truth}
    return {name: mean, f"{name}_spread": views.std(0)} | error | ends


def sigma(views: Tensor, sigma_scale: Tensor) -> Tensor:
    """Return the standard deviations of a gaussian network: (V, N, 2 K) means and ln variances -> (N, K)."""
    mean, ln_variance = views.chunk(2, dim=-1)
    return sigma_scale.cpu().double() * (ln_variance.exp().mean(0) + mean.var(0, correction=0)).sqrt()


def calibrate(network: nn.Module, views: Tensor, truth: np.ndarray) -> None:
    """Set the `sigma_scale` of a gaussian network so that its intervals hold the truth at the nominal rate.

    Parameters
    ----------
    network : nn.Module
    views : Tensor, float64, shape (V, N, 2 K)
        Outputs for the views of objects that were not learned from.
    truth : numpy.ndarray, shape (N, K)
    """
    sigmas, estimates = sigma(views, torch.ones(1)).numpy(), views.mean(0).numpy()
    for k in range(truth.shape[1]):
        network.sigma_scale[k] = sigma_scale(truth[:, k], estimates[:, k], sigmas[:, k])
