"""Which objects are trained on and which are held out: a function of ids, never of the order of rows."""

import hashlib

import numpy as np
import pandas as pd

from galviz.io.lazy_array import spaced
from galviz.runs.recipe import Recipe
from galviz.sky.groups import groups_of


def deal(groups: np.ndarray, folds: int, seed: int = 0) -> np.ndarray:
    """Deal groups into folds of nearly equal size, the same for every order of the rows.

    Groups are taken from the largest to the smallest, equals in the order of a hash of their names and `seed`, and each
    goes to the fold that has least.

    Parameters
    ----------
    groups : numpy.ndarray of str, shape (N,)
    folds : int
        How many, at most the number of groups.
    seed : int

    Returns
    -------
    numpy.ndarray of int, shape (N,)
        0 … `folds` − 1.

    Raises
    ------
    ValueError
        If there are fewer groups than folds.
    """
    names, member, sizes = np.unique(groups.astype(str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise ValueError(f"folds: expected at most {len(names)}, one a group of objects, got {folds}. Use fewer folds.")
    dealt, fill = np.empty(len(names), int), np.zeros(folds, int)
    for k in np.lexsort((_hashes(names, seed), -sizes)):
        dealt[k] = fill.argmin()
        fill[dealt[k]] += sizes[k]
    return dealt[member]


def split(catalogue: pd.DataFrame, recipe: Recipe, usable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows to train on and the rows that are held out.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        A row an object.
    recipe : Recipe
        Its `folds`, `fold` and `label_fraction`. A smaller fraction is part of every larger one with the same `seed`.
        The folds are the same for every seed. With 0 folds, objects whose ``split`` is ``"test"`` are held out.
    usable : numpy.ndarray of bool, shape (N,)
        Which objects have a truth.

    Returns
    -------
    train, held_out : numpy.ndarray of int
        Rows of the catalogue in the order of their ids.

    Raises
    ------
    ValueError
        If fewer than two objects would be trained on or held out.
    KeyError
        If there are no folds and the catalogue has no column ``split``.
    """
    fold = _folds(catalogue, recipe.folds)
    by_id = np.argsort(catalogue.index.to_numpy(dtype=str))
    by_id = by_id[usable[by_id]]
    train, held_out = by_id[fold[by_id] != recipe.fold], by_id[fold[by_id] == recipe.fold]
    if recipe.label_fraction < 1:
        order = _hashes(catalogue.index[train].to_numpy(dtype=str), recipe.seed + 1).argsort()
        train = np.sort(order[: max(2, round(recipe.label_fraction * len(train)))])
        train = by_id[fold[by_id] != recipe.fold][train]
    if min(len(train), 2 if recipe.folds == 1 else len(held_out)) < 2:
        raise ValueError(
            f"cutouts: expected at least 2 objects with a truth to train on and 2 held out, "
            f"got {len(train)} and {len(held_out)}. Use more objects or fewer folds."
        )
    return train, held_out


def kept_aside(train: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Give those of the rows of a training (N,) that nothing is learned from, on which intervals are calibrated (n,).

    The others must be two at least, or none is kept aside.
    """
    count = min(round(recipe.calibration * len(train)), len(train) - 2)
    return spaced(train, count) if count > 0 else train[:0]


def _folds(catalogue: pd.DataFrame, folds: int) -> np.ndarray:
    """Give the fold of each object, −1 where it is in none."""
    if folds > 1:
        return deal(groups_of(catalogue), folds)
    if folds == 0 and "split" not in catalogue.columns:
        raise KeyError("folds: expected a column 'split' for folds=0, got none in the catalogue. Use folds=5.")
    return np.where(catalogue["split"] == "test", 0, -1) if folds == 0 else np.full(len(catalogue), -1)


def rows_of_an_epoch(
    catalogue: pd.DataFrame, recipe: Recipe, usable: np.ndarray, train: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that an epoch goes through, and those of them whose labels it does not know.

    Parameters
    ----------
    catalogue, recipe, usable
        As in `split`. With the recipe's `repeat`, labelled rows come again until they are as many as with all labels.
        With its `joint`, all rows without a label that are not held out come too, and the labelled ones at least as
        often as they together.
    train : numpy.ndarray of int
        The rows with labels, as `split` gives them.

    Returns
    -------
    labelled, unlabelled : numpy.ndarray of int
        Rows; a labelled one may be there several times. Without `joint` none is unlabelled.
    """
    unlabelled = np.array([], dtype=int)
    if recipe.joint:
        everything = split(catalogue, recipe.replace(label_fraction=1.0), np.ones(len(catalogue), dtype=bool))[0]
        unlabelled = everything[~np.isin(everything, train)]
    count = max(len(train), len(unlabelled))
    if recipe.repeat and recipe.label_fraction < 1:
        count = max(count, len(split(catalogue, recipe.replace(label_fraction=1.0), usable)[0]))
    return np.resize(train, count), unlabelled


def _hashes(names: np.ndarray, seed: int) -> np.ndarray:
    digests = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in names]
    return np.array([int.from_bytes(digest, "big") for digest in digests], dtype=np.uint64)
