"""Classification of colour pictures, with or without an encoder that was pre-trained on the order of the channels."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

if TYPE_CHECKING:
    from torch import nn

PAPER = "Liang et al. (2020), Optical Wavelength Guided Self-Supervised Feature Learning, arXiv:2012.02368, section S1"
BANDS = ("red", "green", "blue")
TARGET = Target("class", "class", ("class",), "class")
TARGETS = {"class": TARGET, "order": Target("order", "order", (), "order of the channels")}

# The paper gives only the network. Rates and epochs are those of its band classification (section 3.4).
_PUBLISHED = {"width": 64, "stem": "imagenet", "apart": False}
_NARROW = {"width": 16, "stem": "small", "apart": False}
_SHARED = {"loss": "cross_entropy", "normalise": "none"}
_OURS = _SHARED | {
    "optimiser": "adamw",
    "weight_decay": 0.05,
    "schedule": "one_cycle",
    "augment": ("mirror",),
    "tta": 2,
}

RECIPES = {
    # Minutes on a laptop, for pictures of 32 pixels.
    "quick": Recipe(
        name="quick", **_OURS, epochs=15, batch=64, learning_rates={"encoder": 3e-3, "head": 3e-3}, network=_NARROW
    ),
    "paper": Recipe(
        name="paper",
        **_SHARED,
        epochs=100,
        batch=32,
        optimiser="sgd",
        learning_rates={"encoder": 1e-4, "head": 1e-4},
        folds=0,  # the test pictures of the data set
        network=_PUBLISHED,
    ),
    "best": Recipe(
        name="best",
        **_OURS,
        epochs=60,
        batch=128,
        learning_rates={"encoder": 2e-3, "head": 2e-3},
        network=_NARROW | {"width": 64},
    ),
}

# The pretext task: an epoch shows each picture in all orders of its channels, so fewer epochs are needed.
ORDER_RECIPES = {
    "quick": RECIPES["quick"].replace(epochs=5, batch=128, tta=1),
    "paper": RECIPES["paper"],
    "best": RECIPES["best"].replace(epochs=20, batch=256, tta=1),
}

# Every label fraction takes the same number of steps. Otherwise few labels would also mean little training.
SWEEP_RECIPES = {"quick": RECIPES["quick"].replace(repeat=True, tta=1), "paper": RECIPES["paper"]}
SWEEP_ORDER_RECIPES = {"quick": ORDER_RECIPES["quick"], "paper": ORDER_RECIPES["paper"]}


def load(path: str | Path) -> CutoutSet:
    """Open a sky of colour pictures. Raise a ValueError if it has other bands."""
    return CutoutSet.open(path, BANDS)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...] = BANDS, size: int = 32) -> "nn.Module":  # noqa: ARG001
    """Build the network of a recipe, with the random weights of its seed, for square pictures of any `size`.

    Returns
    -------
    torch.nn.Module
        Pictures (N, 3, H, W) -> logits (N, K) for the target's classes, or (N, 6) for the orders of the channels.
    """
    from galviz.nn.networks.cutout_network import build as build_network

    return build_network(target, recipe, bands)


def train(
    cutouts: CutoutSet, run: Run, *, devices: Any = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train the run's recipe on a sky; see `galviz.nn.training.fit.fit` for `devices` and `resume`.

    `encoder` is a run folder, or a file of torchvision's weights, that provides the initial encoder.
    """
    from galviz.nn.networks.encoders import load_encoder
    from galviz.nn.training.fit import fit

    target = run.target.fitted(cutouts.catalogue)
    network = build(target, run.recipe, cutouts.bands)
    if encoder is not None:
        load_encoder(network.encoder, encoder)
    return fit(network, cutouts, run, target, run.recipe, devices=devices, resume=resume)


def predict(run: Run, cutouts: CutoutSet, progress: Callable[[int, int], None] | None = None) -> Predictions:
    """Apply a trained run to a sky; see `galviz.nn.inference.predict.predict`."""
    from galviz.nn.inference.predict import apply_run

    return apply_run(run, build(run.target, run.recipe, tuple(run.info["build"]["bands"])), cutouts, progress)
