"""Regression: one or several numbers per object, learned with a transform such as ln."""

import numpy as np
import pandas as pd

from galviz.measure.metrics import summary as summary_of
from galviz.tasks.target import Target

NUMERIC, SELF_LABELLED = True, False
ACCURACY = "Accuracy"
_ERRORS = ("spread", "sigma")


def check(target: Target) -> None:
    """Raise a ValueError if the target has no column, or several with a z-score."""
    if not target.columns:
        raise ValueError(f"columns: expected at least one column, got {target.columns}.")
    if target.transform == "zscore" and len(target.columns) > 1:
        raise ValueError(f"columns: expected one column for the transform zscore, got {target.columns}.")


def fitted(target: Target, catalogue: pd.DataFrame) -> Target:
    """Return the target with the mean and standard deviation of the known values, if it is learned as a z-score."""
    if target.transform != "zscore" or target.scale is not None or not set(target.columns) <= set(catalogue.columns):
        return target
    values = catalogue[list(target.columns)].apply(numbers).to_numpy()
    scale = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
    return target.replace(centre=float(np.nanmean(values)), scale=scale) if scale > 0 else target


def truth(target: Target, catalogue: pd.DataFrame) -> np.ndarray:
    """Return the transformed columns, float64, shape (N, K)."""
    return fitted(target, catalogue).forward(catalogue[list(target.columns)].apply(numbers).to_numpy())


def numbers(column: pd.Series) -> pd.Series:
    """Return a column as float64. Missing, empty and infinite values are NaN.

    Raises
    ------
    ValueError
        If a value is not a number. The message names the object.
    """
    values = pd.to_numeric(column, errors="coerce").astype(np.float64)
    text = column[(values.isna() & column.notna()).to_numpy() & (column.astype(str).str.strip() != "").to_numpy()]
    if len(text) and len(text) == column.notna().sum():
        raise ValueError(
            f"{column.name}: expected numbers, got text such as {str(text.iloc[0])!r} for all objects. Learn it with "
            "the task classification."
        )
    if len(text):
        raise ValueError(
            f"{column.name}: expected numbers, got {str(text.iloc[0])!r} for the object {str(text.index[0])!r} "
            f"({len(text):,} such values). Correct them, or leave them empty."
        )
    return values.where(np.isfinite(values))


def classes(target: Target, bands: tuple[str, ...]) -> tuple[str, ...]:
    """Return no names: estimates are numbers."""
    return ()


def variants(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Return no variants: an image is taken as it is."""
    return {}


def index(target: Target) -> list[str]:
    """Return the index of predictions: one row per object."""
    return ["object_id"]


def names(target: Target) -> list[str]:
    """Return the name of the target; for several columns, the name of each: ``ln_mass``, ``ln_sfr``."""
    if len(target.columns) == 1:
        return [target.name]
    prefix = "" if target.transform == "identity" else f"{target.transform}_"
    return [f"{prefix}{column}" for column in target.columns]


def by_object(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return every number beside its truth, ``residual`` of the first one, its ``…_spread`` and ``…_sigma``, and fold.

    The truth is NaN where it is not known.
    """
    first, *others = target.rules.names(target)
    errors = [f"{first}_{error}" for error in _ERRORS if f"{first}_{error}" in table]
    columns = with_truth(table, first)
    columns["residual"] = columns[first] - columns[f"{first}_true"]
    for name in others:
        columns |= with_truth(table, name)
    return pd.DataFrame(columns | {name: table[name] for name in [*errors, "fold"]}, index=table.index)


def with_truth(table: pd.DataFrame, name: str) -> dict[str, pd.Series]:
    """Return a column with numbers and the column of its truth, all NaN if the table has none."""
    true = f"{name}_true"
    return {name: table[name], true: pd.Series(table.get(true, np.nan), index=table.index, dtype=np.float64)}


def outputs(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Return the number as learned and, if it is transformed, in its own unit."""
    if len(target.columns) > 1:
        return {name: ("learned", k) for k, name in enumerate(names(target))}
    unit = f" ({target.unit})" if target.unit else ""
    own = {} if target.transform == "identity" else {f"{target.label}{unit}": ("shown", 0)}
    return {target.label_learned: ("learned", 0)} | own


def unit(target: Target) -> str:
    """Return the label of the values as learned: ``"ln λ"``."""
    return target.label_learned


def about(target: Target) -> str:
    """Return the name of the target."""
    return target.name


def shown(target: Target) -> tuple[str, ...]:
    """Return all columns."""
    return target.columns


def summary(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return errors of the first number with intervals (`galviz.measure.metrics.summary`)."""
    first = target.rules.names(target)[0]
    return summary_of(table[f"{first}_true"].to_numpy(float), table[first].to_numpy(float), nan="drop")
