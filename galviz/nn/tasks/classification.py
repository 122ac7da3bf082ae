"""Classification: one logit per class."""

import numpy as np
import pandas as pd
from torch import Tensor, nn
from torch.nn import functional

from galviz.nn import tasks
from galviz.nn.networks.cutout_network import CutoutNetwork, Head, assemble
from galviz.nn.networks.heads import ClassHead
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

LOSSES = {"cross_entropy": lambda _: lambda logits, truth: functional.cross_entropy(logits, truth.flatten().long())}


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> CutoutNetwork:
    """Return a network from images (N, B, H, W) to logits (N, K). The head is one linear layer."""
    return classifier(
        target, recipe, bands, lambda features, vectors: ClassHead(features * vectors, count(target, bands))
    )


def count(target: Target, bands: tuple[str, ...]) -> int:
    """Return the number of classes. Raise a ValueError if there is nothing to tell apart."""
    found = len(target.class_names(bands))
    if found < 2:
        raise ValueError(f"{target.name}: expected at least 2 classes to tell apart, got {found}. Check the column.")
    return found


def classifier(
    target: Target, recipe: Recipe, bands: tuple[str, ...], head: Head, *, apart: bool = False
) -> CutoutNetwork:
    """Return a network of any head for classes, after checks that hold for all of them."""
    count(target, bands)
    tasks.loss_of(target, recipe)
    if recipe.loss.joint:
        raise ValueError(f"joint: expected 0 where classes are all that is learned, got {recipe.loss.joint}.")
    return assemble(recipe, bands, head, apart=apart)


def validation(output: Tensor, truth: Tensor) -> dict[str, float]:
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
