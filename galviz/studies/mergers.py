"""Galaxy Zoo's 37 vote fractions from colour pictures, and the merger fraction as a function of a threshold."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky import galaxy_zoo
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

if TYPE_CHECKING:
    from torch import nn

PAPER = "Goh (2022), Lab 3: Galaxy Image Classification and the Galaxy Merger Rate"
BANDS = ("red", "green", "blue")
THRESHOLD = 0.3
"""The threshold of the paper, set by eye (section 5.6)."""

# The estimate is the vote fraction for a merger. The other 36 are further columns of the predictions.
TARGET = Target(galaxy_zoo.MERGER, "votes", galaxy_zoo.COLUMNS, "vote fraction for a merger")
TARGETS = {"votes": TARGET}

# As published (sections 3.2, 3.3 and 5): Adam, rate 0.001, batches of 128, at most 100 epochs, lower rate and early
# stopping by the validation loss, best weights kept, a fifth held out. The paper does not give the dropout of the
# optimised network, nor the activation that obeys the tree. Adam is "adamw" without weight decay.
_PUBLISHED = {
    "epochs": 100,
    "batch": 128,
    "optimiser": "adamw",
    "learning_rates": {"encoder": 1e-3, "head": 1e-3},
    "patience": 6,
    "factor": 0.5,
    "stop_after": 20,
    "keep": "best",
    "normalise": "none",
    "folds": 5,
}
_OURS = {
    "optimiser": "adamw",
    "learning_rates": {"encoder": 3e-3, "head": 3e-3},
    "weight_decay": 0.02,
    "schedule": "one_cycle",
    "augment": ("turn",),
    "normalise": "none",
    "tta": 8,
}

RECIPES = {
    # Minutes on a laptop.
    "quick": Recipe(
        name="quick",
        epochs=40,
        batch=64,
        **_OURS,
        network={"architecture": "resnet18", "votes": "tree", "width": 16, "stem": "imagenet", "dropout": 0.2},
    ),
    "paper": Recipe(name="paper", **_PUBLISHED, network={"architecture": "paper_cnn", "votes": "sigmoid"}),
    "paper_resnet50": Recipe(
        name="paper_resnet50", **_PUBLISHED, network={"architecture": "paper_resnet50", "votes": "sigmoid"}
    ),
    "paper_optimised": Recipe(
        name="paper_optimised",
        **_PUBLISHED | {"patience": 4, "factor": 0.4, "stop_after": 15, "augment": ("turn",)},
        network={"architecture": "paper_resnet50_dense", "votes": "dieleman", "dropout": 0.2},
    ),
    "best": Recipe(
        name="best",
        epochs=60,
        batch=128,
        **_OURS,
        network={"architecture": "resnet18", "votes": "tree", "width": 64, "stem": "small", "dropout": 0.3},
    ),
}


def load(path: str | Path) -> CutoutSet:
    """Open a sky of colour pictures. Raise a ValueError if it has other bands."""
    return CutoutSet.open(path, BANDS)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...] = BANDS, size: int = 68) -> "nn.Module":  # noqa: ARG001
    """Build the network of a recipe, with the random weights of its seed: images (N, 3, H, W) -> votes (N, 37).

    The networks of the paper only fit images of one `size` in pixels.
    """
    from galviz.nn.networks.galaxy_zoo import build as build_network

    return build_network(recipe.replace(network={**recipe.network, "size": size}))


def train(
    cutouts: CutoutSet, run: Run, *, devices: Any = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train the run's recipe on a sky; see `galviz.nn.training.fit.fit` for `devices` and `resume`.

    `encoder` is a file with initial weights: torchvision's ResNet-50, for the recipes that use it.
    """
    from galviz.nn.networks.encoders import load_encoder
    from galviz.nn.training.fit import fit

    if set(galaxy_zoo.COLUMNS) <= set(cutouts.catalogue) and cutouts.catalogue[list(galaxy_zoo.COLUMNS)].dropna().empty:
        raise ValueError(
            "data: expected objects with all 37 votes, got none. What Hugging Face has of Galaxy Zoo lacks question 8, "
            "mergers among it: such a sky can be predicted, but not learned from."
        )
    network = build(run.target, run.recipe, size=cutouts.images.shape[-1])
    if encoder is not None:
        load_encoder(network.encoder, encoder)
    return fit(network, cutouts, run, run.target, run.recipe, devices=devices, resume=resume)


def predict(run: Run, cutouts: CutoutSet, progress: Callable[[int, int], None] | None = None) -> Predictions:
    """Apply a trained run to a sky; see `galviz.nn.inference.predict.predict`."""
    from galviz.nn.inference.predict import apply_run

    size, got = run.info["build"]["size"], cutouts.images.shape[-1]
    if got != size and run.recipe.network["architecture"] != "resnet18":
        raise ValueError(f"data: expected pictures of {size} pixels, as in the training, got {got}. Resize them.")
    return apply_run(run, build(run.target, run.recipe, size=size), cutouts, progress)
