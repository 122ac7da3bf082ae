"""Tasks as networks learn them: one file for each file of the same name in `galviz.tasks`.

A file here has these functions and constants:

- ``LOSSES``: name → function of a recipe, the truth of the training objects and the target that returns a loss.
- ``build(target, recipe, bands, size)``: the network, with the random weights of the recipe's seed.
- ``validation(output, truth, target)``: metrics of held-out objects, for every epoch.
- ``table(target, bands, *, network, ids, views, truth)``: columns of predictions from the outputs of the network.
- ``calibrate(network, views, truth)`` (optional): set constants of the network from objects that were not learned from.
- ``prepared(target, recipe, catalogue)`` (optional): the target with what the loss needs to know from the catalogue.
- ``TAKES_OFFSET`` (optional): whether a linear baseline can be learned first.
"""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np
import pandas as pd
from torch import Tensor, nn

from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

Loss = Callable[[Tensor, Tensor], Tensor]


def rules(target: Target) -> ModuleType:
    """Return the file of the target's task in this folder."""
    return import_module(f"{__name__}.{target.task}")


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int = 0) -> nn.Module:
    """Build the network that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    target : Target
        With the names of its classes, if it has classes (`Target.fitted`).
    recipe : Recipe
    bands : tuple of str
        The B bands of the images.
    size : int
        Side of the images, pixels. Only networks that fit one size need it.

    Returns
    -------
    nn.Module
        Images (N, B, H, W) -> outputs (N, K); for a target of single bands (N, 1, H, W) -> (N, B).

    Raises
    ------
    ValueError
        If an option is unknown, options contradict each other, or the loss does not fit the task.
    """
    recipe.network.check_task(target.task)
    columns = recipe.data.columns
    if columns and target.self_labelled:
        raise ValueError(f"data.columns: expected none for {target.task}, got {', '.join(columns)}. Leave them out.")
    if own := [name for name in columns if name in target.columns]:
        raise ValueError(f"data.columns: expected columns beside the target's, got {own[0]!r}, which it learns.")
    return rules(target).build(target, recipe, bands, size)


def prepared(target: Target, recipe: Recipe, catalogue: pd.DataFrame) -> Target:
    """Return the target with what the loss of a recipe needs to know from a catalogue; most losses need nothing."""
    prepare = getattr(rules(target), "prepared", None)
    return prepare(target, recipe, catalogue) if prepare else target


def loss_of(target: Target, recipe: Recipe, truth: np.ndarray | None = None) -> Loss:
    """Return the loss of a recipe as a function of (output, truth).

    Parameters
    ----------
    target : Target
    recipe : Recipe
    truth : numpy.ndarray, shape (N, K), optional
        Truth of the training objects, for class weights and scales.

    Returns
    -------
    callable
        (N, K) and (N, K) -> (N,), the loss of each object; or () for losses of a whole batch.

    Raises
    ------
    ValueError
        If the loss does not fit the task.
    """
    losses = rules(target).LOSSES
    if recipe.loss.name not in losses:
        *others, last = losses
        fitting = f"{', '.join(others)} or {last}" if others else last
        raise ValueError(f"loss: expected {fitting} for the target {target.name}, got {recipe.loss.name}.")
    return losses[recipe.loss.name](recipe, truth, target)
