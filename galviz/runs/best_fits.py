"""What a run of best fits in the latent space of a GAN keeps beside its weights."""

from galviz.measure.missing_flux import KnownFits
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run

LATENTS = "latents.parquet"
"""Latents of the objects of its sky, redshifts (``truth``, NaN where not known), folds (``dealt``)."""
KNOWN_FITS = "known_fits.parquet"
"""Best fits of images that were not learned from, with all bands and with each band hidden.

Fluxes are calibrated on them; columns as in `galviz.measure.missing_flux.KnownFits`."""


def is_gan(recipe: Recipe) -> bool:
    """Return whether a recipe trains a GAN, instead of a network from images to a target."""
    return recipe.loss.name.startswith("lsgan")


def known_fits(run: Run) -> KnownFits | None:
    """Return the best fits of known images, or None if the run has none."""
    return KnownFits.open(path) if (path := run.path / KNOWN_FITS).exists() else None
