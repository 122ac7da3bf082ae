"""Best fits in the latent space of a GAN: missing bands filled in, and redshifts from latents."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from galviz.recipe import Recipe
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.files import write_parquet
from galviz.sky.missing_flux import KnownFits
from galviz.sky.predictions import Predictions
from galviz.sky.rows import spaced
from galviz.sky.target import Target

if TYPE_CHECKING:
    from torch import nn

PAPER = "Murray, Fabbro & Yi (2019), Unsupervised Learning of Deep Features Through Best-Fits"
BANDS = ("u", "g", "r", "i", "z")
TARGET = Target("z_phot", "scalar", ("z",), "z")
TARGETS = {"redshift": TARGET}
LATENTS = "latents.parquet"
"""File of a run: latents of the objects of its sky; where redshifts are known also these, and the folds of objects."""
KNOWN_FITS = "known_fits.parquet"
"""File of a run: how training images were fitted, with all bands and with each one hidden."""
STEPS = 100
"""Steps of a best fit, from the embedder's guess; the paper gives no number."""

_KNOWN = 300  # training images whose fits are kept

Progress = Callable[[int, int], None]

# As published: widths, groups, 64 latents, pixels scaled by mean and standard deviation (softening 0). Not given and
# chosen here: optimiser (Adam, β 0.5 and 0.99), rates, batch, epochs. SDSS's brightest pixels are 10⁴ times the noise:
# asinh with a softening of five noises drowns no faint galaxy. Real images with hidden bands are learned from too: as
# published no network sees how a real galaxy lies among the latents.
_PUBLISHED = {"width": 1024, "latent": 64, "groups": 4, "softening": 0.0}
_NARROW = _PUBLISHED | {"width": 128, "softening": 5.0}
_MASKED = {"loss": "lsgan_masked", "alpha": 20.0, "schedule": "cosine", "augment": ("d4",)}


def _recipe(name: str, epochs: int, batch: int, rates: tuple[float, float, float], **more: Any) -> Recipe:
    learning_rates = dict(zip(("generator", "discriminator", "embedder"), rates, strict=True))
    return Recipe(name=name, epochs=epochs, batch=batch, learning_rates=learning_rates, folds=4, **more)


RECIPES = {
    "quick": _recipe("quick", 40, 32, (1.5e-3, 5e-4, 2e-3), **_MASKED, network=_NARROW),
    "paper": _recipe("paper", 100, 64, (2e-4, 2e-4, 2e-4), loss="lsgan", network=_PUBLISHED),
    "best": _recipe("best", 200, 64, (6e-4, 3e-4, 1e-3), **_MASKED, network=_NARROW | {"width": 512}),
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


def train(
    cutouts: CutoutSet, run: Run, *, devices: Any = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train the run's GAN on a sky; where redshifts are known, predict them. See `galviz.nn.gan_fit.fit_gan`.

    A ValueError is raised where an `encoder` is given, as other studies take it.
    """
    from galviz.nn.folds import deal, groups_of
    from galviz.nn.gan_fit import fit_gan
    from galviz.nn.predict import objects
    from galviz.nn.repair import fits_with_bands_hidden

    if encoder is not None:
        raise ValueError(f"encoder: expected none for best fits, which train their own networks, got {encoder}.")

    def finish(run: Run) -> None:
        seen = cutouts.object_ids[(objects(run).reindex(cutouts.object_ids) < 0).to_numpy()]
        known = fits_with_bands_hidden(open_networks(run), cutouts.select(spaced(seen, _KNOWN)), steps=STEPS)
        write_parquet(known, run.path / KNOWN_FITS)
        table, catalogue = latents(run, cutouts), cutouts.catalogue
        if "z" not in catalogue.columns:
            write_parquet(table, run.path / LATENTS)
            return
        dealt = deal(groups_of(catalogue), run.recipe.folds)
        write_parquet(table.assign(truth=TARGET.truth(catalogue)[:, 0], dealt=dealt), run.path / LATENTS)
        run.save_predictions(_redshifts(run, cutouts, table))

    network = build(run.target, run.recipe, cutouts.bands, cutouts.images.shape[-1])
    return fit_gan(network, cutouts, run, run.recipe, devices=devices, resume=resume, finish=finish)


def open_networks(run: Run) -> "nn.Module":
    """Open the networks of a trained run, frozen: scale, generator, embedder (`galviz.nn.lsgan.Trained`)."""
    from galviz.nn.repair import open_trained

    return open_trained(run)


def known_fits(run: Run) -> KnownFits | None:
    """Read how training images were fitted; None of a run that does not say."""
    path = run.path / KNOWN_FITS
    return KnownFits.open(path) if path.exists() else None


def latents(run: Run, cutouts: CutoutSet, *, steps: int = STEPS, progress: Progress | None = None) -> pd.DataFrame:
    """Find the latents of all objects, columns ``"0"`` …, by best fits that start at the embedder's guess."""
    from galviz.nn.repair import latents_of

    found = latents_of(open_networks(run), cutouts, steps=steps, progress=progress)
    return pd.DataFrame(found, index=cutouts.catalogue.index).rename(columns=str)


def predict(run: Run, cutouts: CutoutSet, progress: Progress | None = None) -> Predictions:
    """Predict redshifts from latents by boosted trees, which learn from objects of the run's own sky.

    An object of that sky is predicted by what was learned from the other folds. The GAN has seen no redshift.
    """
    if run.predictions() is None:
        raise ValueError(f"run: expected one whose sky has a column z, got {run.name}, which fits images alone.")
    return _redshifts(run, cutouts, latents(run, cutouts, progress=progress))


def _redshifts(run: Run, cutouts: CutoutSet, table: pd.DataFrame) -> Predictions:
    from galviz.nn.photoz import redshifts_beside
    from galviz.nn.predict import objects

    table = table.sort_index()
    estimate = redshifts_beside(table, pd.read_parquet(run.path / LATENTS), seed=run.recipe.seed)
    own = cutouts.catalogue["z"].reindex(table.index) if "z" in cutouts.catalogue.columns else np.nan
    columns = {TARGET.name: estimate, f"{TARGET.name}_true": own, "fold": objects(run).reindex(table.index).array}
    return Predictions(pd.DataFrame(columns, index=table.index.rename("object_id")), TARGET)
