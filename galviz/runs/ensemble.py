"""Ensembles: one prediction from several networks that learned the same target, such as those of all folds."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from galviz.runs.predictions import Predictions


def combined(parts: Sequence[Predictions], *, held_out: bool = False) -> Predictions:
    """Return the mean of the predictions of several networks.

    Numbers, vote fractions and probabilities are averaged; the class is the one with the largest mean probability.
    ``…_spread`` is the standard deviation of the networks' estimates (of the probability of the class). If all networks
    estimate their errors, ``…_sigma`` is √(⟨σ²⟩ + spread²), the standard deviation of the mixture. ``…_p16`` and
    ``…_p84`` are the estimate ∓ 1 σ, or ∓ spread where there is no σ. ``networks`` is the number that was averaged.

    Parameters
    ----------
    parts : sequence of Predictions
        One for each network. They may have different objects.
    held_out : bool
        Leave out the predictions of each network for objects that it was trained on. An object that all were trained on
        has no prediction then.

    Returns
    -------
    Predictions
        ``fold`` is −1 if one of the averaged networks was trained on the object, else the fold in which it was held
        out, and missing if it is new to all of them.

    Raises
    ------
    ValueError
        If the networks learned different targets, or there is nothing to average.
    """
    target = parts[0].target
    others = [part.target.name for part in parts if part.target != target]
    if others:
        raise ValueError(f"runs: expected networks that all learned {target.name}, got one of {others[0]}.")
    tables = [_in_units_of(parts[0], part) for part in parts]
    tables = [table[table["fold"].fillna(0) >= 0] for table in tables] if held_out else tables
    index = pd.Index(tables[0].index)
    for table in tables[1:]:
        index = index.union(table.index, sort=None)
    if not len(index):
        raise ValueError(
            "data: expected objects that a network was not trained on, got none. Predict without held-out."
        )
    tables = [table.reindex(index) for table in tables]

    def stack(column: str) -> np.ndarray:
        return np.stack([table[column].to_numpy(np.float64, na_value=np.nan) for table in tables])

    columns = {}
    if target.numeric:
        for name in target.rules.names(target):
            ends = [end for end in ("", "_sigma", "_alpha") if all(f"{name}{end}" in table for table in tables)]
            columns |= _numbers(name, {end: stack(f"{name}{end}") for end in ends})
            columns[f"{name}_true"] = _first(tables, f"{name}_true")
    else:
        columns = _classes(parts[0], tables, stack)
    columns["networks"] = sum(table[parts[0].estimate_column].notna().astype(int) for table in tables)
    folds = stack("fold")
    columns["fold"] = pd.Series(np.where((folds == -1).any(axis=0), -1, _largest(folds)), index).astype("Int64")
    return Predictions(pd.DataFrame(columns, index=index), target)


def _in_units_of(first: Predictions, part: Predictions) -> pd.DataFrame:
    """Return a table in the units of the first one: each training of a z-score has its own mean and scale."""
    ours, theirs = first.target, part.target
    if ours.transform != "zscore" or (ours.centre, ours.scale) == (theirs.centre, theirs.scale):
        return part.table
    name, table = part.estimate_column, part.table.copy()
    values = [one for one in (name, f"{name}_true", f"{name}_p16", f"{name}_p84") if one in table]
    table[values] = ours.forward(theirs.inverse(table[values].to_numpy()))
    errors = [one for one in (f"{name}_sigma", f"{name}_spread") if one in table]
    table[errors] *= theirs.scale / ours.scale
    return table


def _numbers(name: str, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    mean, spread = np.nanmean(values[""], axis=0), np.nanstd(values[""], axis=0)
    found = {name: mean, f"{name}_spread": spread}
    if "_sigma" in values:
        found[f"{name}_sigma"] = np.sqrt(np.nanmean(values["_sigma"] ** 2, axis=0) + spread**2)
    if "_alpha" in values:
        found[f"{name}_alpha"] = np.nanmean(values["_alpha"], axis=0)
    error = found.get(f"{name}_sigma", spread)
    return found | {f"{name}_p16": mean - error, f"{name}_p84": mean + error}


def _classes(first: Predictions, tables: list[pd.DataFrame], stack: Callable[[str], np.ndarray]) -> dict[str, object]:
    chances = [column for column in first.table if column.startswith("p_")]
    every = np.stack([stack(column) for column in chances])  # (classes, networks, objects)
    mean = np.nanmean(every, axis=1)
    best, names = mean.argmax(axis=0), np.array([column.removeprefix("p_") for column in chances], dtype=object)
    spread = np.take_along_axis(np.nanstd(every, axis=1), best[None], axis=0)[0]
    truth = _first(tables, first.truth_column).astype(object)
    found = {first.estimate_column: names[best], first.truth_column: truth.where(truth.notna(), None)}
    return found | {f"{first.estimate_column}_spread": spread} | dict(zip(chances, mean, strict=True))


def _first(tables: list[pd.DataFrame], column: str) -> pd.Series:
    """Return a column that all tables share, from the first that has the object."""
    found = tables[0][column]
    for table in tables[1:]:
        found = found.where(found.notna(), table[column])
    return found


def _largest(folds: np.ndarray) -> np.ndarray:
    """Return the largest number of each column, NaN where there is none."""
    found = np.nan_to_num(folds, nan=-2).max(axis=0)
    return np.where(found == -2, np.nan, found)
