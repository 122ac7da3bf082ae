"""Richness of galaxy clusters from five-band images, with or without an encoder that learned to tell bands apart."""

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

PAPER = "Liang et al. (2020), Optical Wavelength Guided Self-Supervised Feature Learning, arXiv:2012.02368"
BANDS = ("u", "g", "r", "i", "z")
TARGET = Target("ln_richness", "scalar", ("richness",), "λ", transform="ln")
TARGETS = {
    "richness": TARGET,
    "log10_richness": Target("log10_richness", "scalar", ("richness",), "λ", transform="log10"),
    "linear_richness": Target("linear_richness", "scalar", ("richness",), "λ"),
    "z_richness": Target("z_richness", "scalar", ("richness",), "λ", transform="zscore"),
    "band": Target("band", "band", (), "band"),
}

# As published, where it says so: sections 3.3 and 3.4 give SGD, momentum, rates and 100 epochs of band classification,
# table S2 the head. Not given and chosen here: batch, the weight of the scatter, epochs of the regression, pixel scales
# (each image to 0…1, for flux scales alone give a band away), augmentation (none).
_PUBLISHED = {"width": 64, "stem": "imagenet", "replicate": True, "apart": True, "head": "as_published"}
_NARROW = {"width": 16, "stem": "imagenet", "replicate": False, "apart": False, "head": "compact"}

RECIPES = {
    # Minutes on a laptop: a narrow encoder that sees all bands as channels.
    "quick": Recipe(
        name="quick",
        epochs=20,
        batch=64,
        optimiser="adamw",
        learning_rates={"encoder": 3e-3, "head": 3e-3},
        weight_decay=0.05,
        schedule="one_cycle",
        augment=("d4",),
        normalise="asinh",
        tta=8,
        network=_NARROW,
    ),
    "paper": Recipe(
        name="paper",
        epochs=100,
        batch=32,
        optimiser="sgd",
        learning_rates={"encoder": 5e-6, "head": 5e-6},
        loss="mse_std",
        alpha=1.0,
        normalise="minmax",
        folds=10,
        network=_PUBLISHED,
    ),
    # A cluster that is cut at 1 Mpc has a redshift: what that says of its richness (poor ones are not seen far away) is
    # told first, or else would be guessed from the texture of the pixels, wrongly on a field of another seeing. Then a
    # network that counts small galaxies: full resolution, two stages, no single star too bright; averaged weights; and
    # an error of its own.
    "best": Recipe(
        name="best",
        epochs=25,
        batch=64,
        optimiser="adamw",
        learning_rates={"encoder": 2e-3, "head": 2e-3},
        weight_decay=0.05,
        schedule="one_cycle",
        average=0.99,
        loss="gaussian_nll",
        alpha=0.5,
        calibration=0.1,
        offset="z",
        augment=("d4", "seeing"),
        normalise="noise",
        tta=8,
        network=_NARROW | {"stem": "fine", "stages": 2, "clip": 4.0},
    ),
}

LOG10_RICHNESS_RECIPES = LINEAR_RICHNESS_RECIPES = Z_RICHNESS_RECIPES = RECIPES  # the same, of another transform

# The pretext task: which band is this? Each image is scaled by itself, or the scale of its flux would be the answer.
_BAND = {"loss": "cross_entropy", "alpha": 0.0, "calibration": 0.0, "offset": "", "normalise": "noise", "tta": 1}
BAND_RECIPES = {
    "quick": RECIPES["quick"].replace(**_BAND, epochs=8, batch=128),
    "paper": RECIPES["paper"].replace(
        **_BAND | {"normalise": "minmax"}, learning_rates={"encoder": 1e-4, "head": 1e-4}, folds=5
    ),
    "best": RECIPES["best"].replace(**_BAND, epochs=20, batch=256),
}

# A sweep over label fractions compares Base with Ours, so both are of one build: one encoder for each band alone, which
# can have learned to tell bands apart, with the pixel scales that it learned from, here a quarter as wide as published.
# Every fraction takes the same steps, or a network of few labels would only be a network of few steps.
_SWEPT = {"network": _NARROW | {"apart": True}, "normalise": "noise"}
SWEEP_RECIPES = {
    "quick": RECIPES["quick"].replace(**_SWEPT, epochs=14, tta=1, repeat=True),
    "paper": RECIPES["paper"],
}
SWEEP_BAND_RECIPES = {"quick": BAND_RECIPES["quick"].replace(**_SWEPT, epochs=10), "paper": BAND_RECIPES["paper"]}


def load(path: str | Path) -> CutoutSet:
    """Open a sky in the bands of this study, or raise a ValueError where it has others."""
    return CutoutSet.open(path, BANDS)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...] = BANDS, size: int = 64) -> "nn.Module":  # noqa: ARG001
    """Build the network of a recipe, with the random weights of its seed, for square images of any `size`.

    Returns
    -------
    torch.nn.Module
        For richness: images (N, B, H, W) -> ln λ (N, 1). For bands: (N, 1, H, W) -> logits (N, B).
    """
    from galviz.nn.networks.cutout_network import build as build_network

    return build_network(target, recipe, bands)


def train(
    cutouts: CutoutSet, run: Run, *, devices: Any = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train the run's recipe on a sky; see `galviz.nn.training.fit.fit` for `devices` and `resume`.

    `encoder` is a run folder, or a file of torchvision's weights, whose encoder this one starts from. A run with other
    `folds` or another `fold` has seen the images, though not the richness, of objects that are held out here.
    """
    from galviz.nn.networks.encoders import load_encoder
    from galviz.nn.training.fit import fit

    network = build(run.target, run.recipe, cutouts.bands)
    if encoder is not None:
        load_encoder(network.encoder, encoder)
    return fit(network, cutouts, run, run.target, run.recipe, devices=devices, resume=resume)


def predict(run: Run, cutouts: CutoutSet, progress: Callable[[int, int], None] | None = None) -> Predictions:
    """Apply a trained run to a sky; see `galviz.nn.inference.predict.predict`."""
    from galviz.nn.inference.predict import apply_run

    return apply_run(run, build(run.target, run.recipe, tuple(run.info["build"]["bands"])), cutouts, progress)
