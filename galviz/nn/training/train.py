"""`train`: build the network of a run and train it on a sky."""

from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from galviz.nn.networks.encoders import load_encoder
from galviz.nn.tasks import build, prepared
from galviz.nn.training.fit import fit
from galviz.nn.training.trainer import Devices
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target


def train(
    run: Run, cutouts: CutoutSet, *, devices: Devices = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train the recipe of a run on a sky.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    devices, resume
        As in `galviz.nn.training.fit.fit`.
    encoder : str or Path, optional
        A run folder, or a file of torchvision's weights, that provides the initial encoder. A run with other `folds` or
        another `fold` may have seen images (but not the truth) of objects that are held out here.

    Returns
    -------
    Run
        The run, with status done or stopped.

    Raises
    ------
    ValueError
        If the truth of no object is known.
    """
    # A checkpoint holds the weights.
    initial = "" if resume and run.checkpoint.exists() else encoder or run.recipe.network.pretrained
    network, target = network_for(run.target, run.recipe, cutouts, initial)
    return fit(network, cutouts, run, target, run.recipe, devices=devices, resume=resume)


def network_for(target: Target, recipe: Recipe, cutouts: CutoutSet, encoder: str | Path) -> tuple[nn.Module, Target]:
    """Return the network of a recipe with its initial weights, and the target with all that its loss needs.

    Parameters
    ----------
    target : Target
    recipe : Recipe
    cutouts : CutoutSet
    encoder : str or Path
        Initial weights of the encoder, as in `train`; ``""`` for random ones.
    """
    _check_truth(target, cutouts.catalogue)
    target = target if target.numeric else target.fitted(cutouts.catalogue)
    target = prepared(target, recipe, cutouts.catalogue)
    network = build(target, recipe, cutouts.bands, cutouts.images.shape[-1])
    if encoder:
        load_encoder(network.encoder, encoder)
    return network, target


def _check_truth(target: Target, catalogue: pd.DataFrame) -> None:
    """Raise a ValueError if there is nothing to learn from. The message names columns that are empty."""
    truth = target.learned(catalogue)
    if truth is None or np.isfinite(truth).all(axis=1).any():
        return
    empty = [column for column in target.columns if catalogue[column].isna().all()]
    without = f": {', '.join(empty)} {'is' if len(empty) == 1 else 'are'} empty" if empty else ""
    raise ValueError(
        f"data: expected objects with known {target.rules.about(target)}, got none{without}. "
        "Such a sky can be predicted, but not learned from."
    )
