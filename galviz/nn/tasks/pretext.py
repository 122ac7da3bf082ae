"""Pretext tasks: one logit per variant of an image."""

import numpy as np
import pandas as pd
from torch import Tensor, nn

from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.nn.networks.heads import BandHead, ClassHead
from galviz.nn.networks.normalise import PER_BAND
from galviz.nn.tasks.classification import LOSSES, calibrate, classifier, validation
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

__all__ = ["LOSSES", "calibrate", "validation"]


def build(target: Target, recipe: Recipe, bands: tuple[str, ...], size: int) -> CutoutNetwork:
    """Return a network to logits: from single bands (N, 1, H, W) to (N, B), or from (N, B, H, W) to (N, B!) orders.

    A network for single bands has the published head.
    """
    if recipe.data.normalise in PER_BAND:
        raise ValueError(
            f"normalise: expected minmax or asinh_global to tell the {target.name}, got {recipe.data.normalise}, whose "
            "constants of each band would give it away."
        )
    single, count = target.one_band(bands), len(target.class_names(bands))

    def head(features: int, vectors: int) -> nn.Module:
        return BandHead(features, count) if single else ClassHead(features * vectors, count)

    return classifier(target, recipe, bands, head, size, apart=single)


def table(
    target: Target,
    bands: tuple[str, ...],
    *,
    network: nn.Module,
    ids: pd.Index,
    views: Tensor,
    truth: None,
) -> pd.DataFrame:
    """Return predicted and true variant, and the probability of each, in one row per object and variant."""
    kind, names = target.name, np.array(target.class_names(bands), dtype=object)
    probability = views.softmax(-1).mean(0).numpy()
    index = pd.MultiIndex.from_product([ids, names], names=["object_id", kind])
    columns = {f"{kind}_pred": names[probability.argmax(1)], f"{kind}_true": np.tile(names, len(ids))}
    return pd.DataFrame(columns | {f"p_{name}": probability[:, k] for k, name in enumerate(names)}, index=index)
