"""Baselines for metallicity: photometry, the relation with mass, and measures of colour and of shape."""

from typing import Self

import numpy as np
from scipy.ndimage import gaussian_filter
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor

from galviz.nn.baselines.general import image_parts
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mass_metallicity import metallicity_of
from galviz.tasks.target import Target

MAGNITUDES = ("modelMag_g", "modelMag_r", "modelMag_i")
MASS = "lgm_tot_p50"

_Made = tuple[np.ndarray, BaseEstimator]


def forest() -> RandomForestRegressor:
    """Return the random forest of the paper, not fitted yet: 40 trees with leaves of at least 8 objects."""
    return RandomForestRegressor(40, min_samples_leaf=8, random_state=0)


class MassRelation(RegressorMixin, BaseEstimator):
    """The published relation of mass and metallicity; nothing is fitted. Its feature is log₁₀ of the mass, (n, 1)."""

    def fit(self, features: np.ndarray, truth: np.ndarray) -> Self:  # noqa: ARG002 - as scikit-learn calls it
        """Return the estimator itself."""
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Return 12 + log(O/H), (n,)."""
        return metallicity_of(features[:, 0])


def magnitudes(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:  # noqa: ARG001 - as others
    """Return the magnitudes g, r, i of n objects (n, 3) and a forest; None if the catalogue lacks one."""
    return _columns(cutouts, rows, MAGNITUDES, forest())


def of_mass(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:
    """Return the masses of n objects (n, 1) and their relation; None without masses, or if another thing is learned."""
    about = target.columns[0].startswith("oh_") and target.transform == "identity"
    return _columns(cutouts, rows, (MASS,), MassRelation()) if about else None


def colours(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:  # noqa: ARG001 - as others
    """Return the colours of n pictures (n, 2 (B − 1)) and a forest; None for a single band."""
    return (_measured(cutouts, rows, _colours), forest()) if len(cutouts.bands) > 1 else None


def shape(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made:  # noqa: ARG001 - as others
    """Return measures of shape of n pictures (n, 8) and a forest."""
    return _measured(cutouts, rows, _shape), forest()


def colours_and_shape(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:  # noqa: ARG001 - as others
    """Return colours and measures of shape of n pictures, and a forest; None for a single band."""
    if len(cutouts.bands) < 2:
        return None

    def both(images: np.ndarray) -> np.ndarray:
        return np.concatenate([_colours(images), _shape(images)], axis=1)

    return _measured(cutouts, rows, both), forest()


def _columns(cutouts: CutoutSet, rows: np.ndarray, names: tuple[str, ...], estimator: BaseEstimator) -> _Made | None:
    if not set(names) <= set(cutouts.catalogue.columns):
        return None
    values = cutouts.catalogue[list(names)].to_numpy(np.float64, na_value=np.nan)[rows]
    middle = np.nanmedian(values, axis=0) if np.isfinite(values).any() else 0.0
    return np.where(np.isfinite(values), values, middle), estimator


def _measured(cutouts: CutoutSet, rows: np.ndarray, measure: object) -> np.ndarray:
    return np.concatenate([measure(images) for images in image_parts(cutouts, rows)])


def _colours(images: np.ndarray) -> np.ndarray:
    """Return ln of the light of each band over that of the next, of the whole picture and of its centre."""
    light = _above_sky(images)
    sums = [light.sum((2, 3)), light[:, :, _circle(light.shape[2:], 0.25)].sum(2)]
    logs = [np.log(np.maximum(one, 1e-6 * max(float(np.max(one)), 1e-12))) for one in sums]
    return np.concatenate([one[:, :-1] - one[:, 1:] for one in logs], axis=1)


def _shape(images: np.ndarray) -> np.ndarray:
    """Return size, elongation, 3 concentrations, asymmetry, clumps and Gini of the middle band, (n, 8)."""
    light = _above_sky(images[:, images.shape[1] // 2][:, None])[:, 0]
    height, width = light.shape[1:]
    y, x = np.mgrid[:height, :width]
    y, x = (y - (height - 1) / 2) / height, (x - (width - 1) / 2) / width
    total = np.maximum(light.sum((1, 2)), 1e-12)
    xx, yy, xy = ((light * one).sum((1, 2)) / total for one in (x**2, y**2, x * y))
    apart = np.hypot(xx - yy, 2 * xy)
    elongation = np.sqrt(np.maximum(xx + yy - apart, 0) / np.maximum(xx + yy + apart, 1e-12))
    inside = [light[:, _circle((height, width), share)].sum(1) / total for share in (0.125, 0.25, 0.375)]
    asymmetry = np.abs(light - light[:, ::-1, ::-1]).sum((1, 2)) / total
    smooth = gaussian_filter(light, (0, height / 32, width / 32))
    clumps = np.maximum(light - smooth, 0).sum((1, 2)) / total
    ranked = np.sort(light.reshape(len(light), -1), axis=1)
    count = ranked.shape[1]
    gini = (ranked * (2 * np.arange(1, count + 1) - count - 1)).sum(1) / (total * (count - 1))
    return np.stack([np.sqrt(xx + yy), elongation, *inside, asymmetry, clumps, gini], axis=1)


def _above_sky(images: np.ndarray) -> np.ndarray:
    """Return images less the median of their edge, with nothing below 0."""
    edge = np.concatenate([images[:, :, 0], images[:, :, -1], images[:, :, :, 0], images[:, :, :, -1]], axis=2)
    return np.maximum(np.nan_to_num(images) - np.nanmedian(edge, axis=2)[:, :, None, None], 0)


def _circle(shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return the pixels within a radius around the centre; 0.5 reaches the nearer edge."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = np.hypot(y - (shape[0] - 1) / 2, x - (shape[1] - 1) / 2)
    return away <= share * min(shape)
