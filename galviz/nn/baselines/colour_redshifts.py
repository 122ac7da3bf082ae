"""Baselines for redshifts from fluxes in an aperture: boosted trees on colours, and a fit of spectral templates."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from galviz.measure.inpainting import central_flux
from galviz.measure.score_columns import is_redshift
from galviz.nn.baselines.general import image_parts
from galviz.nn.baselines.photoz import regressor
from galviz.nn.networks.normalise import pixel_noise
from galviz.sky.cutouts import CutoutSet
from galviz.sky.templates import BANDS, TYPES, template_magnitudes
from galviz.tasks.target import Target

_RADIUS = 3.0  # arcsec
_Z_MOST = 4.0
_ERROR = 0.05  # of the templates, as a share of the flux
_STEPS = 10  # types, from E to Im: three between each two templates
_PART = 1024  # objects fitted at a time


class TemplateFit(RegressorMixin, BaseEstimator):
    """The redshift of the template that fits best, by χ² over all redshifts and types; the brightness is free.

    Only the highest redshift of the training objects is learned. Features are B fluxes and their B errors, (n, 2 B), in
    the same unit; a flux whose error is 0 is not used.

    Parameters
    ----------
    bands : tuple of str, length B
        Some of `galviz.sky.templates.BANDS`.

    References
    ----------
    Sawicki et al. (2019), MNRAS 489, 5202, who fit more templates.
    """

    def __init__(self, bands: tuple[str, ...] = BANDS[:5]) -> None:
        self.bands = bands

    def fit(self, features: np.ndarray, truth: np.ndarray) -> Self:  # noqa: ARG002 - as scikit-learn calls it
        """Learn the highest redshift."""
        self.most_ = float(np.clip(np.max(truth), 0.02, _Z_MOST))
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return redshifts, (n,)."""
        grid, table = template_magnitudes(tuple(self.bands), _Z_MOST)
        grid = grid[grid <= self.most_ + 1e-9]
        number = np.linspace(0, len(TYPES) - 1, _STEPS)
        low = np.minimum(number.astype(int), len(TYPES) - 2)
        part = (number - low)[:, None, None]
        magnitudes = ((1 - part) * table[low] + part * table[low + 1])[:, : len(grid)]
        model = 10 ** (-0.4 * (magnitudes - magnitudes.mean(2, keepdims=True))).reshape(-1, len(self.bands))
        parts = [features[start : start + _PART] for start in range(0, len(features), _PART)]
        best = np.concatenate([_best(part, model) for part in parts] or [np.empty(0, int)])
        return np.tile(grid, _STEPS)[best]


def _best(features: np.ndarray, model: np.ndarray) -> np.ndarray:
    """Return the row of the model (M, B) with the lowest χ² for each object."""
    flux, error = np.split(np.asarray(features, dtype=np.float64), 2, axis=1)
    variance = np.square(error) + np.square(_ERROR * flux)
    weight = np.where(error > 0, 1 / np.where(error > 0, variance, 1), 0)
    both, own = (flux * weight) @ model.T, weight @ np.square(model).T
    return (np.square(np.maximum(both, 0)) / np.maximum(own, 1e-300)).argmax(1)  # χ² is a constant minus this


def templates(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> tuple[np.ndarray, TemplateFit] | None:
    """Return fluxes and errors of n objects (n, 2 B), and a fit of templates.

    None if fluxes are not calibrated, there are fewer than three bands of the templates, or no redshift is learned.
    """
    bands = tuple(band for band in cutouts.bands if band in BANDS)
    if not _about(target) or cutouts.unit != "nanomaggy" or len(bands) < 3:
        return None
    use = [cutouts.bands.index(band) for band in bands]
    flux, error = _fluxes(cutouts, rows)
    return np.concatenate([flux[:, use], error[:, use]], axis=1), TemplateFit(bands)


def colours(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> tuple[np.ndarray, object] | None:
    """Return asinh magnitudes and colours of n objects (n, 2 B − 1), and boosted trees; None without a redshift."""
    if not _about(target):
        return None
    flux, error = _fluxes(cutouts, rows)
    unit = np.median(error, axis=0)
    magnitudes = -np.arcsinh(flux / np.where(unit > 0, unit, 1))
    return np.concatenate([magnitudes, -np.diff(magnitudes, axis=1)], axis=1), regressor()


def _about(target: Target) -> bool:
    return bool(target.columns) and is_redshift(target.columns[0]) and target.transform == "identity"


def _fluxes(cutouts: CutoutSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return fluxes within 3″ of the centre and their errors from the pixel noise, (n, B) each."""
    scale, flux, error = iter(cutouts.pixel_scale[rows]), [], []
    for images in image_parts(cutouts, rows):
        scales = np.array([next(scale) for _ in images])[:, None]
        flux.append(central_flux(np.nan_to_num(images), _RADIUS, scales))
        area = central_flux(np.ones((len(images), 1, *images.shape[2:])), _RADIUS, scales)
        error.append(pixel_noise(images) * np.sqrt(area))
    return np.concatenate(flux), np.concatenate(error)
