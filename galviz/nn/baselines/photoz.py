"""Redshifts from latents of best fits, with regressors from other libraries."""

import os
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingRegressor

Regressor = Literal["boosting", "tpot"]


def regressor(kind: Regressor = "boosting", *, seed: int = 0, minutes: float = 10.0) -> object:
    """Return a regressor that is not fitted yet.

    Parameters
    ----------
    kind : {"boosting", "tpot"}
        Boosted trees of scikit-learn, or a search over pipelines by TPOT, as published. TPOT must be installed.
    seed : int
    minutes : float
        Time limit of TPOT's search, which uses all processors. Its result depends on how far it gets.

    Raises
    ------
    ValueError
        If `kind` is unknown.
    ModuleNotFoundError
        If TPOT is not installed.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 3.3; Olson et al. (2016).
    """
    if kind == "boosting":
        return HistGradientBoostingRegressor(learning_rate=0.05, max_iter=400, max_leaf_nodes=15, random_state=seed)
    if kind != "tpot":
        raise ValueError(f"regressor: expected boosting or tpot, got {kind!r}.")
    try:
        from tpot import TPOTRegressor
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "regressor: expected tpot to be installed for 'tpot', got none. Do `pip install galviz[automl]`, or take "
            "'boosting'."
        ) from error
    return TPOTRegressor(max_time_mins=minutes, random_state=seed, n_jobs=os.cpu_count() or 1, verbose=0)


def redshifts(
    latents: np.ndarray,
    z_spec: np.ndarray,
    fold: np.ndarray,
    *,
    rows: int | None = None,
    kind: Regressor = "boosting",
    seed: int = 0,
    minutes: float = 10.0,
) -> np.ndarray:
    """Return redshifts, each predicted by a regressor that learned from the other folds.

    Parameters
    ----------
    latents : numpy.ndarray, shape (N, D)
    z_spec : numpy.ndarray, shape (N,)
        NaN where not known; such an object is predicted but not learned from.
    fold : numpy.ndarray of int, shape (N,)
        As returned by `galviz.runs.folds.assign_folds`.
    rows : int, optional
        Only the first n objects are predicted. By default all N.
    kind, seed, minutes
        As in `regressor`.

    Returns
    -------
    numpy.ndarray of float64, shape (N,) or (n,)

    Raises
    ------
    ValueError
        If lengths differ, there is only one fold, or fewer than two redshifts are known outside a fold; ten for TPOT,
        which tests pipelines on tenths of them.
    """
    latents, z_spec, fold = np.asarray(latents), np.asarray(z_spec, dtype=np.float64), np.asarray(fold)
    if not len(latents) == len(z_spec) == len(fold):
        raise ValueError(f"latents: expected as many rows as redshifts, got {len(latents)} for {len(z_spec)}.")
    check_known(z_spec, fold, rows=rows, kind=kind)
    known, folds = np.isfinite(z_spec), fold[:rows]
    estimate = np.empty(len(folds))
    for k in np.unique(folds):
        learned, predicted = known & (fold != k), np.flatnonzero(folds == k)
        fitted = regressor(kind, seed=seed, minutes=minutes).fit(latents[learned], z_spec[learned])
        estimate[predicted] = fitted.predict(latents[predicted])
    return estimate


def check_known(z_spec: np.ndarray, fold: np.ndarray, *, rows: int | None = None, kind: Regressor = "boosting") -> None:
    """Raise a ValueError if `redshifts` has too little to learn from. Arguments as there."""
    if len(np.unique(fold)) < 2:
        raise ValueError("fold: expected at least two folds, got one: a method must not be tested on what it learned.")
    known, least = np.isfinite(z_spec), 10 if kind == "tpot" else 2
    for k in np.unique(fold[:rows]):
        if (known & (fold != k)).sum() < least:
            raise ValueError(f"z_spec: expected redshifts outside fold {k}, got fewer than {least}. Use fewer folds.")


def redshifts_beside(
    table: pd.DataFrame, known: pd.DataFrame, *, kind: Regressor = "boosting", seed: int = 0, minutes: float = 10.0
) -> np.ndarray:
    """Return the redshifts of objects, predicted from known objects. An object is never predicted from itself.

    Parameters
    ----------
    table : pandas.DataFrame, N rows
        Latents by `object_id`.
    known : pandas.DataFrame, M rows
        The same columns, ``truth`` (NaN where not known), and ``dealt``, the fold of each object.
    kind, seed, minutes
        As in `regressor`.

    Returns
    -------
    numpy.ndarray of float64, shape (N,)
        Objects that are in `known` are predicted from the other folds.
    """
    others = known.drop(index=known.index.intersection(table.index))
    both = pd.concat([table, others[table.columns]])
    truth, folds = (known[name].reindex(both.index) for name in ("truth", "dealt"))
    more = {"rows": len(table), "kind": kind, "seed": seed, "minutes": minutes}
    return redshifts(both.to_numpy(), truth.to_numpy(), folds.fillna(-1).to_numpy(), **more)
