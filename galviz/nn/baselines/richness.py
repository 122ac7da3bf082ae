"""Baselines for richness and for band classification: simple scikit-learn methods on the same folds."""

from collections.abc import Callable, Iterator

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galviz.nn.baselines.general import linear_model
from galviz.nn.networks.normalise import pixel_noise
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_THRESHOLDS = (3.0, 5.0, 10.0, 20.0, 40.0)  # in units of the pixel noise
_CHUNK = 512
_PENALTIES = np.logspace(-3, 3, 13)
_QUANTILES = np.concatenate([[0.0, 0.001, 0.01], np.linspace(0.05, 0.95, 19), [0.99, 0.999, 1.0]])


def out_of_fold(make: Callable[[], object], features: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Return predictions of each object by an estimator that was fitted on the other folds.

    Parameters
    ----------
    make : callable
        Returns a new scikit-learn estimator.
    features : numpy.ndarray, shape (N, D)
    truth : numpy.ndarray, shape (N,)
    fold : numpy.ndarray of int, shape (N,)

    Returns
    -------
    numpy.ndarray, shape (N,)
    """
    estimate = np.empty_like(truth)
    for k in np.unique(fold):
        out = fold == k
        estimate[out] = make().fit(features[~out], truth[~out]).predict(features[out])
    return estimate


def mean(truth: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Return the mean truth of the other folds for each object, shape (N,)."""
    return np.array([truth[fold != k].mean() for k in fold])


def of_redshift(z: np.ndarray, truth: np.ndarray, fold: np.ndarray) -> dict[str, np.ndarray]:
    """Return predictions from the redshift alone, by a monotonic function and by boosted trees (absolute error).

    Parameters
    ----------
    z, truth : numpy.ndarray, shape (N,)
    fold : numpy.ndarray of int, shape (N,)

    Returns
    -------
    dict of str to numpy.ndarray, shape (N,)
        ``"isotonic"`` and ``"boosted"``. The best possible function of z is at least as good as the better one.
    """

    def boosted() -> HistGradientBoostingRegressor:
        return HistGradientBoostingRegressor(
            loss="absolute_error", max_leaf_nodes=8, learning_rate=0.05, early_stopping=False, random_state=0
        )

    makers = {"isotonic": lambda: IsotonicRegression(increasing="auto", out_of_bounds="clip"), "boosted": boosted}
    return {name: out_of_fold(make, z[:, None], truth, fold) for name, make in makers.items()}


def of_flux(cutouts: CutoutSet, truth: np.ndarray, fold: np.ndarray) -> dict[str, np.ndarray]:
    """Return predictions by ridge regression on summed flux and counts of bright pixels in each band.

    Parameters
    ----------
    cutouts : CutoutSet
    truth : numpy.ndarray, shape (N,)
    fold : numpy.ndarray of int, shape (N,)

    Returns
    -------
    dict of str to numpy.ndarray, shape (N,)
        ``"linear"``: from the sums and the counts above 5 times the noise. ``"logarithmic"``: as `flux_and_counts`.
    """
    flux, counts, noise = _light(cutouts, np.arange(len(cutouts)))

    def make() -> object:
        return make_pipeline(StandardScaler(), RidgeCV(_PENALTIES))

    features = {
        "linear": np.concatenate([flux, counts[:, 1]], axis=1),
        "logarithmic": _logarithmic(flux, counts, noise, cutouts.images.shape[2:]),
    }
    return {name: out_of_fold(make, values, truth, fold) for name, values in features.items()}


def flux_and_counts(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> tuple[np.ndarray, BaseEstimator]:
    """Return the light in each band as features, and a linear model that is not fitted yet.

    Parameters
    ----------
    cutouts : CutoutSet
        B bands; read in chunks.
    rows : numpy.ndarray of int, shape (n,)
    target : Target

    Returns
    -------
    features : numpy.ndarray, shape (n, 6 B)
        asinh of the summed flux in units of its noise, and ln(1 + count) of pixels above 3, 5, 10, 20 and 40 times the
        noise.
    estimator : sklearn.base.BaseEstimator
    """
    return _logarithmic(*_light(cutouts, rows), cutouts.images.shape[2:]), linear_model(target)


def _logarithmic(flux: np.ndarray, counts: np.ndarray, noise: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    sums = noise * np.sqrt(np.prod(shape))
    return np.concatenate([np.arcsinh(flux / sums), np.log1p(counts).reshape(len(flux), -1)], axis=1)


def bands_by_histogram(
    cutouts: CutoutSet, fold: np.ndarray, scale: Callable[[np.ndarray], np.ndarray] | None = None
) -> np.ndarray:
    """Return bands classified by their pixel histogram alone, with logistic regression on 25 quantiles.

    Parameters
    ----------
    cutouts : CutoutSet
    fold : numpy.ndarray of int, shape (N,)
    scale : callable, optional
        Scaling of the pixels (n, B, H, W), for example that of a network. By default none.

    Returns
    -------
    numpy.ndarray of int, shape (N, B)
        Index of the predicted band of each image.
    """
    parts = []
    for _, images, _ in cutouts.batches():
        scaled = images if scale is None else scale(images)
        parts.append(np.quantile(scaled.reshape(*scaled.shape[:2], -1), _QUANTILES, axis=-1))
    quantiles = np.concatenate(parts, axis=1)  # (25, N, B)
    quantiles = np.arcsinh(quantiles / _typical(quantiles))
    objects, bands = quantiles.shape[1:]
    truth = np.tile(np.arange(bands), objects)

    def make() -> object:
        return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))

    features = np.moveaxis(quantiles, 0, -1).reshape(objects * bands, -1)
    return out_of_fold(make, features, truth, fold.repeat(bands)).reshape(objects, bands)


def _light(cutouts: CutoutSet, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return summed flux (n, B), counts of pixels above each threshold (n, T, B), and pixel noise (B,)."""
    noise = np.median(np.concatenate([pixel_noise(images) for images in _images(cutouts, rows)]), axis=0)
    noise = np.where(noise > 0, noise, 1.0)
    flux, counts = [], []
    for images in _images(cutouts, rows):
        bright = [(images > t * noise[:, None, None]).sum((2, 3)) for t in _THRESHOLDS]
        flux.append(images.sum((2, 3), dtype=np.float64))
        counts.append(np.stack(bright, axis=1))
    return np.concatenate(flux), np.concatenate(counts), noise


def _images(cutouts: CutoutSet, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        order = np.argsort(part)
        yield np.asarray(cutouts.images[part[order]])[np.argsort(order)]


def _typical(quantiles: np.ndarray) -> float:
    """Return a scale for asinh: the median interquartile range."""
    low, high = (np.abs(_QUANTILES - q).argmin() for q in (0.25, 0.75))
    width = np.median(quantiles[high] - quantiles[low])
    return float(width) if width > 0 else 1.0
