"""Best fits in the latent space of a GAN: missing bands filled in, and redshifts from latents."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galviz.recipe import Recipe
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.files import write_aside
from galviz.sky.predictions import Predictions
from galviz.sky.target import Target

if TYPE_CHECKING:
    from torch import nn

PAPER = "Murray, Fabbro & Yi (2019), Unsupervised Learning of Deep Features Through Best-Fits"
BANDS = ("u", "g", "r", "i", "z")
TARGET = Target("z_phot", "scalar", ("z",), "z")
TARGETS = {"redshift": TARGET}
LATENTS = "latents.parquet"
"""File of a run whose sky knows redshifts: latents of its objects, redshifts, and the folds they were dealt to."""

Progress = Callable[[int, int], None]

# As published: widths, groups, 64 latents, pixels scaled by mean and standard deviation alone (softening 0). Not given
# and chosen here: optimiser (Adam, β 0.5 and 0.99), rates, batch, epochs. On SDSS cutouts, whose brightest pixel is ten
# thousand times the noise, asinh with a softening of five noises is used instead: faint galaxies are not drowned, and
# the noise, which no latent can say, is a small part of what is fitted.
_NARROW = {"width": 128, "latent": 64, "groups": 4, "softening": 5.0}

RECIPES = {
    "quick": Recipe(
        name="quick",
        epochs=60,
        batch=32,
        learning_rates={"generator": 1.5e-3, "discriminator": 5e-4, "embedder": 2e-3},
        schedule="cosine",
        augment=("d4",),
        folds=4,
        network=_NARROW,
    ),
    "paper": Recipe(
        name="paper",
        epochs=100,
        batch=64,
        learning_rates={"generator": 2e-4, "discriminator": 2e-4, "embedder": 2e-4},
        folds=4,
        network={"width": 1024, "latent": 64, "groups": 4, "softening": 0.0},
    ),
    "best": Recipe(
        name="best",
        epochs=200,
        batch=64,
        learning_rates={"generator": 6e-4, "discriminator": 3e-4, "embedder": 1e-3},
        schedule="cosine",
        augment=("d4",),
        folds=4,
        network=_NARROW | {"width": 512},
    ),
}


def load(path: str | Path) -> CutoutSet:
    """Open a sky in the bands of this study, or raise a ValueError where it has others."""
    cutouts = CutoutSet.open(path)
    if cutouts.bands != BANDS:
        raise ValueError(f"data: expected the bands {BANDS}, got {cutouts.bands} in {path}. Use a sky of five bands.")
    return cutouts


def build(target: Target, recipe: Recipe, bands: tuple[str, ...] = BANDS, size: int = 32) -> "nn.Module":  # noqa: ARG001
    """Build the networks of a recipe, with the random weights of its seed; the target is learned from their latents."""
    from galviz.nn.lsgan import build as build_networks

    return build_networks(recipe, len(bands), size)


def train(cutouts: CutoutSet, run: Run, *, devices: Any = None, resume: bool = False) -> Run:
    """Train the run's GAN on a sky; where redshifts are known, predict them. See `galviz.nn.gan_fit.fit_gan`."""
    from galviz.nn.folds import deal, groups_of
    from galviz.nn.gan_fit import fit_gan

    def finish(run: Run) -> None:
        if set(TARGET.columns) <= set(cutouts.catalogue.columns):
            table = pd.DataFrame(latents(run, cutouts), index=cutouts.catalogue.index).rename(columns=str)
            dealt = deal(groups_of(cutouts.catalogue), run.recipe.folds)
            table = table.assign(truth=TARGET.truth(cutouts.catalogue)[:, 0], dealt=dealt)
            with write_aside(run.path / LATENTS) as aside:
                table.to_parquet(aside)
            run.save_predictions(_redshifts(run, cutouts, table))

    network = build(run.target, run.recipe, cutouts.bands, cutouts.images.shape[-1])
    return fit_gan(network, cutouts, run, run.recipe, devices=devices, resume=resume, finish=finish)


def open_networks(run: Run) -> "nn.Module":
    """Open the networks of a trained run, frozen: scale, generator, embedder (`galviz.nn.lsgan.Trained`)."""
    from galviz.nn.predict import load_weights

    made = run.info["build"]
    trained = build(run.target, run.recipe, tuple(made["bands"]), made["size"]).trained()
    load_weights(trained, run.weights)
    return trained


def latents(run: Run, cutouts: CutoutSet, *, steps: int = 200, progress: Progress | None = None) -> np.ndarray:
    """Find the latents (N, D) of all objects by best fits that start at the embedder's guess."""
    import torch

    from galviz.nn.best_fit import best_fit

    networks, parts = open_networks(run), []
    for _, images, coverage in cutouts.batches(1024):
        scaled = networks.scale(torch.from_numpy(images)).numpy()
        fit = best_fit(networks.generator, scaled, observed=coverage, embedder=networks.embedder, steps=steps)
        parts.append(fit.latent)
        if progress is not None:
            progress(sum(map(len, parts)), len(cutouts))
    return np.concatenate(parts)


def predict(run: Run, cutouts: CutoutSet, progress: Progress | None = None) -> Predictions:
    """Predict redshifts from latents by boosted trees, which learn from objects of the run's own sky.

    An object of that sky is predicted by what was learned from the other folds. The GAN has seen no redshift.
    """
    if not (run.path / LATENTS).exists():
        raise ValueError(f"run: expected one whose sky has a column z, got {run.name}, which fits images alone.")
    table = pd.DataFrame(latents(run, cutouts, progress=progress), index=cutouts.catalogue.index).rename(columns=str)
    return _redshifts(run, cutouts, table)


def _redshifts(run: Run, cutouts: CutoutSet, table: pd.DataFrame) -> Predictions:
    from galviz.nn.photoz import redshifts
    from galviz.nn.predict import objects

    known = pd.read_parquet(run.path / LATENTS)
    features = known.columns.drop(["truth", "dealt"])
    ids = table.index.sort_values()
    learned = known.drop(index=known.index.intersection(ids))
    both = pd.concat([table.loc[ids, features], learned[features]])
    truth, dealt = known["truth"].reindex(both.index), known["dealt"].reindex(both.index).fillna(-1)
    estimate = redshifts(both.to_numpy(), truth.to_numpy(), dealt.to_numpy(), seed=run.recipe.seed)[: len(ids)]
    own = cutouts.catalogue["z"].reindex(ids) if "z" in cutouts.catalogue.columns else np.nan
    columns = {TARGET.name: estimate, f"{TARGET.name}_true": own, "fold": objects(run).reindex(ids).array}
    return Predictions(pd.DataFrame(columns, index=ids.rename("object_id")), TARGET)
