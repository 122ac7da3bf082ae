"""Classification: one logit per class."""

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional

from galviz.nn import tasks
from galviz.nn.networks.cutout_network import CutoutNetwork, Head, assemble
from galviz.nn.networks.heads import ClassHead
from galviz.nn.training.losses import focal
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

_PRIOR = 0.5  # standard deviation of ln T before any object is seen


def cross_entropy(recipe: Recipe, known: np.ndarray | None, target: Target) -> tasks.Loss:
    """Return the cross entropy of each object, with the recipe's label smoothing and class weights."""
    weight = class_weights(recipe, known)

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        given = {"weight": _for(logits, weight), "label_smoothing": recipe.loss.smoothing, "reduction": "none"}
        return functional.cross_entropy(logits, truth.flatten().long(), **given)

    return loss


def focal_loss(recipe: Recipe, known: np.ndarray | None, target: Target) -> tasks.Loss:
    """Return the focal loss of each object; its γ is the recipe's ``alpha``, or 2 if that is 0."""
    weight = class_weights(recipe, known)

    def loss(logits: Tensor, truth: Tensor) -> Tensor:
        return focal(logits, truth.flatten().long(), recipe.loss.alpha or 2.0, _for(logits, weight))

    return loss


LOSSES = {"cross_entropy": cross_entropy, "focal": focal_loss}


def class_weights(recipe: Recipe, known: np.ndarray | None) -> Tensor | None:
    """Return the weight of each class, N / (K N_k), so that all classes count the same; None if not wanted.

    A class without training objects has weight 0.
    """
    if known is None or not recipe.loss.class_weights:
        return None
    counts = np.bincount(known[:, 0].astype(int))
    weights = np.divide(counts.sum(), (counts > 0).sum() * counts, out=np.zeros(len(counts)), where=counts > 0)
    return torch.as_tensor(weights, dtype=torch.float32)


def _for(logits: Tensor, weight: Tensor | None) -> Tensor | None:
    """Return the weights for all classes of the logits: the last ones may have no training object."""
    return None if weight is None else functional.pad(weight.to(logits), (0, logits.shape[1] - len(weight)))


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> CutoutNetwork:
    """Return a network from images (N, B, H, W) to logits (N, K). The head is one linear layer."""
    classes = count(target, bands)
    return classifier(target, recipe, bands, lambda features, vectors: ClassHead(features * vectors, classes), size)


def count(target: Target, bands: tuple[str, ...]) -> int:
    """Return the number of classes. Raise a ValueError if there is nothing to tell apart."""
    found = len(target.class_names(bands))
    if found < 2:
        raise ValueError(f"{target.name}: expected at least 2 classes to tell apart, got {found}. Check the column.")
    return found


def classifier(
    target: Target, recipe: Recipe, bands: tuple[str, ...], head: Head, size: int, *, apart: bool = False
) -> CutoutNetwork:
    """Return a network of any head for classes, after checks that hold for all of them."""
    count(target, bands)
    tasks.loss_of(target, recipe)
    if recipe.loss.joint:
        raise ValueError(f"joint: expected 0 where classes are all that is learned, got {recipe.loss.joint}.")
    return assemble(recipe, bands, head, apart=apart, size=size, calibrated=bool(recipe.loss.calibration))


def validation(output: Tensor, truth: Tensor, target: Target) -> dict[str, float]:
    """Return ``val_accuracy``."""
    return {"val_accuracy": (output.argmax(1) == truth.flatten()).double().mean().item()}


def table(
    target: Target,
    bands: tuple[str, ...],
    *,
    network: nn.Module,
    ids: pd.Index,
    views: Tensor,
    truth: np.ndarray,
) -> pd.DataFrame:
    """Return class, true class (None where not known) and the probability of each class, averaged over the views."""
    names, probability = target.class_names(bands), views.softmax(-1).mean(0).numpy()
    codes = {target.name: probability.argmax(1), f"{target.name}_true": np.nan_to_num(truth[:, 0], nan=-1).astype(int)}
    columns = {name: pd.Categorical.from_codes(code, names).astype(object) for name, code in codes.items()}
    return pd.DataFrame(columns | {f"p_{name}": probability[:, k] for k, name in enumerate(names)}, index=ids)


def calibrate(network: nn.Module, views: Tensor, truth: np.ndarray) -> None:
    """Set the `temperature` by which logits are divided, so that probabilities are as frequent as they say.

    It is the most probable one, if ln T has a normal prior of mean 0 and standard deviation 0.5. Without a prior, a few
    objects that are all classified well would give T = 0.

    Parameters
    ----------
    network : nn.Module
        With the `temperature` that the logits were divided by.
    views : Tensor, float64, shape (V, N, K)
        Logits for the views of objects that were not learned from.
    truth : numpy.ndarray, shape (N, 1)

    References
    ----------
    Guo et al. (2017), ICML, arXiv:1706.04599, section 4.2.
    """
    labels = torch.as_tensor(truth[:, 0].astype(int))

    def surprise(ln_temperature: float) -> float:
        probability = (views / np.exp(ln_temperature)).softmax(-1).mean(0)
        likelihood = functional.nll_loss(probability.clamp(min=1e-12).log(), labels, reduction="sum").item()
        return likelihood + (ln_temperature / _PRIOR) ** 2 / 2

    network.temperature.mul_(float(np.exp(minimize_scalar(surprise, bounds=(-3, 3), method="bounded").x)))
