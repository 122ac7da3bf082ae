"""Baselines for cluster members: the colours of the catalogue, the shape of the pictures, and both."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier

from galviz.nn.baselines.metallicity import shape as measured_shape
from galviz.sky.cutouts import CutoutSet
from galviz.sky.perseus import COLOURS
from galviz.tasks.target import Target

_Made = tuple[np.ndarray, BaseEstimator]


def forest() -> RandomForestClassifier:
    """Return the random forest, not fitted yet; all classes count the same, as they do for the networks."""
    # "balanced" does not take classes that are named "0" and "1" (scikit-learn 1.9.1).
    return RandomForestClassifier(300, min_samples_leaf=5, class_weight="balanced_subsample", random_state=0)


def colours(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:
    """Return r, g − r and g − z of n objects (n, 3) and a forest; None without them, or if numbers are learned."""
    if target.numeric or not set(COLOURS) <= set(cutouts.catalogue.columns):
        return None
    values = cutouts.catalogue[list(COLOURS)].to_numpy(np.float64, na_value=np.nan)[rows]
    middle = np.nanmedian(values, axis=0) if np.isfinite(values).any() else 0.0
    return np.where(np.isfinite(values), values, middle), forest()


def shape(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:
    """Return measures of shape of n pictures (n, 8) and a forest; None if numbers are learned."""
    return None if target.numeric else (measured_shape(cutouts, rows, target)[0], forest())


def colours_and_shape(cutouts: CutoutSet, rows: np.ndarray, target: Target) -> _Made | None:
    """Return magnitude, colours and measures of shape of n objects (n, 11) and a forest; None as in `colours`."""
    made = colours(cutouts, rows, target)
    return made and (np.concatenate([made[0], measured_shape(cutouts, rows, target)[0]], axis=1), made[1])
