"""Folds: which objects are trained on and which are held out.

The split depends on the ids of the objects alone. It is the same for every order of the rows.
"""

import hashlib

import numpy as np
import pandas as pd

from galviz.io.lazy_array import spaced
from galviz.runs.recipe import Recipe
from galviz.sky.groups import groups_of


def assign_folds(groups: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Assign groups to folds of nearly equal size, independent of the order of the rows.

    Groups are taken from the largest to the smallest. Groups of equal size are ordered by a hash of `seed` and the
    name. Each group goes to the fold with the fewest objects so far.

    Parameters
    ----------
    groups : numpy.ndarray of str, shape (N,)
        The group of each object.
    folds : int
        Number of folds, at most the number of groups.
    seed : int
        Changes the order of groups of equal size.

    Returns
    -------
    numpy.ndarray of int, shape (N,)
        The fold of each object, 0 … `folds` − 1.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.
    """
    names, member, sizes = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ValueError(
            f"folds: expected at most {len(names)}, one per group of objects, got {folds}. Use fewer folds."
        )
    assigned, fill = np.empty(len(names), int), np.zeros(folds, int)
    for k in np.lexsort((_hashes(names, seed), -sizes)):
        assigned[k] = fill.argmin()
        fill[assigned[k]] += sizes[k]
    return assigned[member]


def split(catalogue: pd.DataFrame, recipe: Recipe, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to train on and the rows that are held out.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        One row per object.
    recipe : Recipe
        Its `folds`, `fold`, `label_fraction` and `seed` are used. With the same `seed`, a smaller label fraction is a
        subset of every larger one. The folds are the same for every seed. With 0 folds, objects whose ``split`` is
        ``"test"`` are held out.
    usable : numpy.ndarray of bool, shape (N,)
        True where the truth is known.

    Returns
    -------
    train, held_out : numpy.ndarray of int
        Rows of the catalogue, ordered by `object_id`.

    Raises
    ------
    ValueError
        If fewer than two objects are left to train on or to hold out.
    KeyError
        If `folds` is 0 and the catalogue has no column ``split``.
    """
    fold = _folds(catalogue, recipe.validation.folds)
    by_id = np.argsort(catalogue.index.to_numpy(dtype=str))
    by_id = by_id[usable[by_id]]
    train, held_out = by_id[fold[by_id] != recipe.validation.fold], by_id[fold[by_id] == recipe.validation.fold]
    if recipe.data.label_fraction < 1:
        order = _hashes(catalogue.index[train].to_numpy(dtype=str), recipe.seed + 1).argsort()
        train = np.sort(order[: max(2, round(recipe.data.label_fraction * len(train)))])
        train = by_id[fold[by_id] != recipe.validation.fold][train]
    if min(len(train), 2 if recipe.validation.folds == 1 else len(held_out)) < 2:
        raise ValueError(
            f"cutouts: expected at least 2 objects with a truth to train on and 2 held out, "
            f"got {len(train)} and {len(held_out)}. Use more objects or fewer folds."
        )
    return train, held_out


def kept_aside(train: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the training rows that are reserved for calibrating intervals: (N,) -> (n,).

    Nothing is learned from them. At least two rows are left for training.
    """
    count = min(round(recipe.loss.calibration * len(train)), len(train) - 2)
    return spaced(train, count) if count > 0 else train[:0]


def _folds(catalogue: pd.DataFrame, folds: int) -> np.ndarray:
    """Return the fold of each object, −1 where it is in no fold."""
    if folds > 1:
        return assign_folds(groups_of(catalogue), folds)
    if folds == 0 and "split" not in catalogue.columns:
        raise KeyError("folds: expected a column 'split' for folds=0, got none in the catalogue. Use folds=5.")
    return np.where(catalogue["split"] == "test", 0, -1) if folds == 0 else np.full(len(catalogue), -1)


def rows_of_an_epoch(
    catalogue: pd.DataFrame, recipe: Recipe, usable: np.ndarray, train: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of one epoch, with and without labels.

    Parameters
    ----------
    catalogue, recipe, usable
        As in `split`. If the recipe has `repeat`, labelled rows are repeated up to the number of rows with all labels.
        If it has `joint`, the rows without a label that are not held out are included, and labelled rows are repeated
        until there are at least as many of them.
    train : numpy.ndarray of int
        The rows with labels, as returned by `split`.

    Returns
    -------
    labelled, unlabelled : numpy.ndarray of int
        Rows of the catalogue. A labelled row may occur several times. Without `joint`, `unlabelled` is empty.
    """
    unlabelled = np.array([], dtype=int)
    if recipe.loss.joint:
        everything = split(
            catalogue, recipe.replace(data={"label_fraction": 1.0}), np.ones(len(catalogue), dtype=bool)
        )[0]
        unlabelled = everything[~np.isin(everything, train)]
    count = max(len(train), len(unlabelled))
    if recipe.data.repeat and recipe.data.label_fraction < 1:
        count = max(count, len(split(catalogue, recipe.replace(data={"label_fraction": 1.0}), usable)[0]))
    return np.resize(train, count), unlabelled


def _hashes(names: np.ndarray, seed: int) -> np.ndarray:
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
