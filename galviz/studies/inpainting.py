"""Best fits in the latent space of a GAN: reconstruction of missing bands, and redshifts from latents."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.files import read_parquet, write_parquet
from galviz.runs.best_fits import KNOWN_FITS, LATENTS, is_gan
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.groups import groups_of
from galviz.studies import Baseline, Mock, Study
from galviz.tasks.target import Target

PAPER = "Murray, Fabbro & Yi (2019), Unsupervised Learning of Deep Features Through Best-Fits"
BANDS = ("u", "g", "r", "i", "z")
TARGET = Target("z_phot", "regression", ("z",), "z")
TARGETS = {"redshift": TARGET}

Progress = Callable[[int, int], None]

# As published: widths, groups, 64 latents, pixels scaled by mean and standard deviation (softening 0). Not in the paper
# and our choice: optimiser (Adam, β 0.5 and 0.99), rates, batch, epochs. The brightest SDSS pixels are 10⁴ times the
# noise; asinh with a softening of five times the noise keeps faint galaxies visible. Our recipes also learn from real
# images with hidden bands. As published, no network learns which latents belong to a real galaxy.
_PUBLISHED = {"architecture": "lsgan", "width": 1024, "latent": 64, "groups": 4, "softening": 0.0}
_NARROW = _PUBLISHED | {"width": 128, "softening": 5.0}
_MASKED = {
    "optimiser": {"schedule": "cosine"},
    "loss": {"name": "lsgan_masked", "alpha": 20.0},
    "data": {"augment": ("d4",)},
}


def _recipe(name: str, epochs: int, batch: int, rates: tuple[float, float, float], network: dict[str, Any]) -> Recipe:
    optimiser = {"learning_rates": dict(zip(("generator", "discriminator", "embedder"), rates, strict=True))}
    about = {"network": network, "optimiser": optimiser, "loss": {"name": "lsgan"}, "validation": {"folds": 4}}
    return Recipe(name=name, epochs=epochs, batch=batch, **about)


RECIPES = {
    "quick": _recipe("quick", 40, 32, (1.5e-3, 5e-4, 2e-3), _NARROW).replace(**_MASKED),
    "paper": _recipe("paper", 100, 64, (2e-4, 2e-4, 2e-4), _PUBLISHED),
    "best": _recipe("best", 200, 64, (6e-4, 3e-4, 1e-3), _NARROW | {"width": 512}).replace(**_MASKED),
    # Redshifts directly from images, with which latents are compared in section 3.3.
    "wide_resnet50": Recipe(
        name="wide_resnet50",
        epochs=30,
        batch=64,
        network={"architecture": "wide_resnet50", "apart": False},
        optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}, "weight_decay": 0.05, "schedule": "one_cycle"},
        data={"augment": ("d4",)},
        validation={"folds": 4},
    ),
    # The same by a small network that keeps the resolution: from a few thousand images it learns more.
    "resnet18": Recipe(
        name="resnet18",
        epochs=12,
        batch=64,
        network={"width": 16, "stem": "small", "apart": False},
        optimiser={"learning_rates": {"encoder": 2e-3, "head": 2e-3}, "weight_decay": 0.05, "schedule": "one_cycle"},
        data={"augment": ("d4",), "tta": 8},
        validation={"folds": 4},
    ),
}
RECIPES["paper_tpot"] = RECIPES["paper"].replace(name="paper_tpot", fit={"regressor": "tpot"})


def train(
    run: Run, cutouts: CutoutSet, *, devices: Any = None, resume: bool = False, encoder: str | Path | None = None
) -> Run:
    """Train a GAN on a sky (`galviz.nn.gan.training.fit_gan`) and save latents, and redshifts if the sky has them.

    A recipe without a GAN learns redshifts directly from images. `encoder` must be None.

    Raises
    ------
    ModuleNotFoundError
        If the recipe's regressor is TPOT, which is not installed.
    ValueError
        If the sky has redshifts, but too few to learn from.
    """
    from galviz.nn.baselines.photoz import check_known, regressor
    from galviz.nn.gan import lsgan
    from galviz.nn.gan.repair import fits_with_bands_hidden, open_trained
    from galviz.nn.gan.training import fit_gan, kept_aside
    from galviz.nn.inference.predict import objects
    from galviz.nn.training.train import train as train_network
    from galviz.runs.folds import assign_folds

    if encoder is not None:
        raise ValueError(f"encoder: expected none for best fits, which train their own networks, got {encoder}.")

    def finish(run: Run) -> None:
        aside = kept_aside(np.flatnonzero(objects(run).reindex(cutouts.object_ids) < 0))
        known = fits_with_bands_hidden(open_trained(run), cutouts.select(cutouts.object_ids[aside]), fit=run.recipe.fit)
        write_parquet(known, run.path / KNOWN_FITS)
        table = latents(run, cutouts)
        write_parquet(table.assign(dealt=dealt, truth=truth), run.path / LATENTS)
        if with_redshifts:
            run.save_predictions(_redshifts(run, cutouts, table))

    if not is_gan(run.recipe):
        return train_network(run, cutouts, devices=devices, resume=resume)
    catalogue, with_redshifts = cutouts.catalogue, "z" in cutouts.catalogue.columns
    dealt, truth = assign_folds(groups_of(catalogue), max(2, run.recipe.validation.folds)), catalogue.get("z", np.nan)
    if with_redshifts:  # what would fail after hours of training fails now
        kind = run.recipe.fit.regressor
        regressor(kind)
        check_known(truth, dealt, kind=kind)
    network = lsgan.build(run.recipe, len(cutouts.bands), cutouts.images.shape[-1])
    return fit_gan(network, cutouts, run, run.recipe, devices=devices, resume=resume, finish=finish)


def latents(run: Run, cutouts: CutoutSet, *, progress: Progress | None = None, **fit: Any) -> pd.DataFrame:
    """Return the latents of all objects, columns ``"0"`` …, from best fits that start at the embedder's guess.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    progress : callable, optional
        Called with the number of finished objects and the number of all objects.
    **fit
        Settings of `galviz.runs.recipe.Fit` that are to differ from those of the run, such as ``steps``.
    """
    from galviz.nn.gan.repair import latents_of, open_trained

    found = latents_of(open_trained(run), cutouts, fit=run.recipe.fit.replace(**fit), progress=progress)
    return pd.DataFrame(found, index=cutouts.catalogue.index).rename(columns=str)


def predict(run: Run, cutouts: CutoutSet, progress: Progress | None = None) -> Predictions:
    """Return redshifts predicted from latents by a regressor, which learns from the objects of the run's sky.

    An object of that sky is predicted by one that learned from the other folds only. The GAN never sees redshifts.
    """
    from galviz.nn.baselines.photoz import regressor

    if not is_gan(run.recipe):
        from galviz.nn.inference.predict import apply_run

        return apply_run(run, cutouts, progress)
    if run.predictions() is None:
        raise ValueError(f"run: expected one whose sky has a column z, got {run.name}, which fits images alone.")
    regressor(run.recipe.fit.regressor)  # before many fits, to see that it is installed
    return _redshifts(run, cutouts, latents(run, cutouts, progress=progress))


def _redshifts(run: Run, cutouts: CutoutSet, table: pd.DataFrame) -> Predictions:
    from galviz.nn.baselines.photoz import redshifts_beside
    from galviz.nn.inference.predict import objects

    table = table.sort_index()
    fit, known = run.recipe.fit, read_parquet(run.path / LATENTS)
    estimate = redshifts_beside(table, known, kind=fit.regressor, seed=run.recipe.seed, minutes=fit.minutes)
    own = cutouts.catalogue["z"].reindex(table.index) if "z" in cutouts.catalogue.columns else np.nan
    columns = {TARGET.name: estimate, f"{TARGET.name}_true": own, "fold": objects(run).reindex(table.index).array}
    return Predictions(pd.DataFrame(columns, index=table.index.rename("object_id")), TARGET)


_BASELINES = "galviz.nn.baselines.colour_redshifts"

STUDY = Study(
    name="inpainting",
    paper=PAPER,
    bands=BANDS,
    targets=TARGETS,
    recipes=RECIPES,
    about_recipes={
        "paper": "As in the paper: the GAN is wide, and learns from complete images alone.",
        "wide_resnet50": "Redshifts directly from images, by the network with which the paper compares its latents.",
        "resnet18": "Redshifts directly from images, by a small network.",
        "paper_tpot": "As paper, with a regressor of redshifts that TPOT finds, as published; needs galviz[automl].",
    },
    baselines={
        "colours": Baseline(
            make=f"{_BASELINES}:colours", about="boosted trees on magnitudes and colours within 3″ of the centre"
        ),
        "templates": Baseline(
            make=f"{_BASELINES}:templates",
            about="χ² fit of the spectra of Coleman, Wu & Weedman (1980) to the fluxes within 3″. Synthetic skies are "
            "drawn with the same spectra, so there it is too good",
        ),
    },
    mock=Mock(
        write="galviz.sky.mock:write_inpainting_sky",
        size=32,
        about="single galaxies in u g r i z, and their redshifts",
    ),
    ingest=("sdss FRAMES --detect --size 32 --out SKY", "cuts every source out of SDSS frames"),
    tabs={"repair": "galviz.pages.run_tab:repair_tab", "latents": "galviz.pages.run_tab:latents_tab"},
    first=("repair", "latents"),
    without=("why",),
    train=train,
    predict=predict,
)
