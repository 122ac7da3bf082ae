"""Baselines for any target: what an estimate is worth must be compared with methods that need no network."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from galviz.runs.folds import assign_folds
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.groups import groups_of
from galviz.tasks.guess import numeric_columns
from galviz.tasks.target import Target

CONSTANT, COLUMNS, PIXELS = "constant", "catalogue columns", "pixel statistics"
"""The mean or the largest class; boosted trees on the other columns; a linear model of simple image statistics."""

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_CHUNK = 512


def baselines(
    run: Run, cutouts: CutoutSet, only: str = "", more: Mapping[str, Callable[..., Any]] | None = None
) -> dict[str, Predictions]:
    """Return the predictions of each baseline for the objects that the run held out.

    They learn from the training objects of the run, and only the main number of a target with several.

    Parameters
    ----------
    run : Run
        A trained run.
    cutouts : CutoutSet
        Its sky.
    only : str
        Name of a single baseline; empty for all.
    more : mapping of str to callable, optional
        Methods of a study by name, as in `galviz.studies.Baseline`.

    Returns
    -------
    dict of str to Predictions
        `CONSTANT`; `COLUMNS` if the catalogue has other columns with numbers; `PIXELS`; those in `more`. Empty if the
        image is its own label, or nothing is held out.
    """
    from galviz.nn.inference.predict import objects  # loads torch, which a table does not need

    target, fold = run.target, objects(run).reindex(cutouts.object_ids)
    if target.self_labelled:
        return {}
    truth = _truth(target, cutouts.catalogue)
    known = pd.notna(truth)
    learned, held = (np.flatnonzero(known & part.to_numpy(bool, na_value=False)) for part in (fold == -1, fold >= 0))
    if not len(learned) or not len(held):
        return {}
    guess = np.full(len(held), _guess(target, truth[learned]), dtype=truth.dtype)
    found = {CONSTANT: guess} if only in ("", CONSTANT) else {}
    columns = numeric_columns(cutouts.catalogue, target) if only in ("", COLUMNS) else []
    if columns:
        found[COLUMNS] = _fitted(_trees(target), _features(cutouts.catalogue, columns), truth, learned, held)
    rows = np.concatenate([learned, held])
    methods = {PIXELS: lambda *_: (pixel_statistics(cutouts, rows), linear_model(target))} | dict(more or {})
    for name, method in methods.items():
        if only in ("", name):
            made = method(cutouts, rows, target)
            if made is None:  # the sky lacks what it needs
                continue
            values, estimator = made
            features = np.full((len(cutouts), values.shape[1]), np.nan)
            features[rows] = np.nan_to_num(values)
            found[name] = _fitted(estimator, features, truth, learned, held)
    return {name: _predictions(target, cutouts.object_ids, held, truth, got) for name, got in found.items()}


def table_baselines(
    catalogue: pd.DataFrame, target: Target, columns: Sequence[str] = (), folds: int = 5
) -> dict[str, Predictions]:
    """Return the predictions of `CONSTANT` and `COLUMNS` for all objects of a table, by cross-validation.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        Indexed by `object_id`. Objects of a group stay together (`galviz.sky.groups`).
    target : Target
        Of several numbers, only the main one is learned.
    columns : sequence of str
        Columns to learn from. By default `numeric_columns`.
    folds : int
        Each object is predicted by models that learned from the other folds.

    Returns
    -------
    dict of str to Predictions
        Without `COLUMNS` if there is nothing to learn from.

    Raises
    ------
    KeyError
        If a column does not exist.
    ValueError
        If a column has no numbers, or there are fewer groups than folds.
    """
    target = target.fitted(catalogue)
    truth = _truth(target, catalogue)
    known = np.flatnonzero(pd.notna(truth))
    fold = assign_folds(groups_of(catalogue.iloc[known]), folds)
    columns = list(columns) or numeric_columns(catalogue, target)
    features = _features(catalogue, columns)
    found = {CONSTANT: truth.copy()} | ({COLUMNS: truth.copy()} if columns else {})
    for k in range(folds):
        learned, held = known[fold != k], known[fold == k]
        found[CONSTANT][held] = _guess(target, truth[learned])
        if columns:
            found[COLUMNS][held] = _fitted(_trees(target), features, truth, learned, held)
    ids = catalogue.index.to_numpy(dtype=object)
    return {name: _predictions(target, ids, known, truth, got[known], fold=fold) for name, got in found.items()}


def check_columns(catalogue: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise a KeyError if a column does not exist, or a ValueError if it has no numbers."""
    for name in columns:
        if name not in catalogue:
            raise KeyError(f"columns: expected columns of the table, got {name!r}, which is not in it.")
        if not pd.api.types.is_numeric_dtype(catalogue[name]):
            raise ValueError(f"columns: expected columns with numbers, got {name!r}, which has others. Leave it out.")


def _features(catalogue: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Return columns as float64, shape (N, C); NaN, which the trees know, where there is no number."""
    check_columns(catalogue, columns)
    features = catalogue[list(columns)].to_numpy(np.float64, na_value=np.nan).copy()
    features[~np.isfinite(features)] = np.nan
    return features


def _guess(target: Target, known: np.ndarray) -> object:
    """Return the mean, or the largest class."""
    return np.mean(known.astype(float)) if target.numeric else pd.Series(known).mode().iloc[0]


def pixel_statistics(cutouts: CutoutSet, rows: np.ndarray) -> np.ndarray:
    """Return simple statistics of images: quantiles, mean and standard deviation of each band, and its central excess.

    Parameters
    ----------
    cutouts : CutoutSet
        Read in chunks.
    rows : numpy.ndarray of int

    Returns
    -------
    numpy.ndarray of float64, shape (len(rows), 9 B)
        In asinh of the flux in units of its median absolute deviation.
    """
    height, width = cutouts.images.shape[2:]
    y, x = np.ogrid[:height, :width]
    centre = (y - (height - 1) / 2) ** 2 + (x - (width - 1) / 2) ** 2 <= (min(height, width) / 4) ** 2
    parts = []
    for images in image_parts(cutouts, rows):
        flat = images.reshape(*images.shape[:2], -1)
        statistics = [*np.nanquantile(flat, _QUANTILES, axis=2), np.nanmean(flat, axis=2), np.nanstd(flat, axis=2)]
        excess = np.nanmean(images[:, :, centre], axis=2) - np.nanmean(images[:, :, ~centre], axis=2)
        parts.append(np.concatenate([*statistics, excess], axis=1))
    values = np.concatenate(parts).astype(np.float64)
    scale = 1.4826 * np.nanmedian(np.abs(values - np.nanmedian(values, axis=0)), axis=0)
    return np.arcsinh(values / np.where(scale > 0, scale, 1.0))


def image_parts(cutouts: CutoutSet, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield images of rows, float32, shape (≤ 512, B, H, W), in their order."""
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        order = np.argsort(part)
        images = np.empty((len(part), *cutouts.images.shape[1:]), dtype=np.float32)
        images[order] = cutouts.images[part[order]]
        yield images


def _truth(target: Target, catalogue: pd.DataFrame) -> np.ndarray:
    """Return the main number as learned, or the name of the class; NaN or None where not known."""
    if target.numeric:
        return target.truth(catalogue)[:, target.columns.index(target.name) if target.name in target.columns else 0]
    codes, names = target.truth(catalogue)[:, 0], target.fitted(catalogue).classes
    return np.array([names[int(code)] if code == code else None for code in codes], dtype=object)  # noqa: PLR0124 - NaN


def _trees(target: Target) -> BaseEstimator:
    model = HistGradientBoostingRegressor if target.numeric else HistGradientBoostingClassifier
    return model(random_state=0)


def linear_model(target: Target) -> BaseEstimator:
    """Return a ridge regression, or a logistic regression for classes, that is not fitted yet."""
    model = RidgeCV(np.logspace(-3, 3, 13)) if target.numeric else LogisticRegression(max_iter=2000)
    return make_pipeline(StandardScaler(), model)


def _fitted(
    estimator: Any, features: np.ndarray, truth: np.ndarray, learned: np.ndarray, held: np.ndarray
) -> np.ndarray:
    """Return the predictions for held-out rows. With a single class to learn from, that is the answer."""
    wanted = truth[learned].astype(float) if truth.dtype != object else truth[learned].astype(str)
    if truth.dtype == object and len(set(wanted)) < 2:
        return np.full(len(held), wanted[0], dtype=object)
    return estimator.fit(features[learned], wanted).predict(features[held]).astype(truth.dtype)


def _predictions(
    target: Target,
    ids: np.ndarray,
    held: np.ndarray,
    truth: np.ndarray,
    estimate: np.ndarray,
    *,
    fold: np.ndarray | int = 0,
) -> Predictions:
    name = target.rules.names(target)[0]
    columns = {name: estimate, f"{name}_true": truth[held], "fold": fold}
    return Predictions(pd.DataFrame(columns, index=pd.Index(ids[held], name="object_id")), target)
