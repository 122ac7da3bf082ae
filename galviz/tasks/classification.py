"""Classification: one of two or more classes per object, with a probability for each."""

import numpy as np
import pandas as pd

from galviz.measure.metrics import summary as summary_of
from galviz.tasks.regression import index, variants
from galviz.tasks.target import Target

__all__ = ["index", "variants"]

NUMERIC, SELF_LABELLED = False, False
ACCURACY = "Accuracy"

FEW = 20
"""Whole numbers with at most this many values are taken for classes."""

_POSITIVE = ("1", "true", "yes", "y", "t", "positive")


def positive_class(counts: pd.Series) -> str:
    """Return the positive one of two classes: the one with a usual name, such as 1, true or yes, else the rarer one.

    Parameters
    ----------
    counts : pandas.Series
        Class → number of objects.
    """
    usual = [str(name) for name in counts.index if str(name).lower() in _POSITIVE]
    return usual[0] if usual else str(counts.idxmin())


def check(target: Target) -> None:
    """Raise a ValueError if the target does not have exactly one column, or no such positive class."""
    if len(target.columns) != 1:
        raise ValueError(f"columns: expected one column of classes, got {target.columns}.")
    if target.positive and target.classes and target.positive not in target.classes:
        raise ValueError(f"positive: expected one of {', '.join(target.classes)}, got {target.positive!r}.")


def fitted(target: Target, catalogue: pd.DataFrame) -> Target:
    """Return the target with the names of its classes, sorted, if it has none yet."""
    column = target.columns[0]
    if target.classes or column not in catalogue.columns:
        return target
    return target.replace(classes=tuple(sorted(class_labels(catalogue[column]).dropna().unique(), key=_order)))


def class_labels(column: pd.Series) -> pd.Series:
    """Return the class of each object as text, None where not known.

    Whole numbers are written without a decimal point (``"1"``, also where missing values made the column float), true
    and false as ``"True"`` and ``"False"``. Empty text counts as missing.
    """
    known = column.notna()
    if pd.api.types.is_float_dtype(column):
        values = column.astype(float)
        known &= np.isfinite(values)
        text = values.map(lambda value: f"{value:.0f}" if value % 1 == 0 else repr(value), na_action="ignore")
    else:
        text = column.astype(str).str.strip()
        known &= text != ""
    return text.astype(object).where(known, None)


def _order(name: str) -> tuple[float, str]:
    """Return a key that sorts numbers by value, before texts."""
    try:
        return float(name), name
    except ValueError:
        return np.inf, name


def truth(target: Target, catalogue: pd.DataFrame) -> np.ndarray:
    """Return the index of each object's class, float64, shape (N, 1). NaN if not known, or not among the classes."""
    classes, labels = fitted(target, catalogue).classes, class_labels(catalogue[target.columns[0]])
    found = pd.Index(classes, dtype=object).get_indexer(labels)
    return np.where(found < 0, np.nan, found.astype(np.float64))[:, None]


def classes(target: Target, bands: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the classes."""
    return target.classes


def names(target: Target) -> list[str]:
    """Return the name of the target. Its probabilities are in ``p_<class>``."""
    return [target.name]


def by_object(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return class, true class, ``correct`` (1, 0, NaN), ``probability`` of the class, all ``p_<class>``, and fold."""
    true, chances = f"{target.name}_true", table[[f"p_{name}" for name in target.classes]]
    known = table.get(true, pd.Series(None, table.index, dtype=object))
    correct = (known == table[target.name]).astype(float).where(known.notna())
    columns = {target.name: table[target.name], true: known, "correct": correct, "probability": chances.max(axis=1)}
    return pd.DataFrame(columns, index=table.index).join(chances).assign(fold=table["fold"])


def outputs(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Return the probability of each class, that of the positive class first."""
    numbered = sorted(enumerate(classes(target, bands)), key=lambda one: one[1] != target.positive)
    return {f"probability of {target.class_text(name)}": ("probability", k) for k, name in numbered}


def unit(target: Target) -> str:
    """Return no unit."""
    return ""


def about(target: Target) -> str:
    """Return the name of the target and, if known, the number of its classes."""
    return target.name


def shown(target: Target) -> tuple[str, ...]:
    """Return the column of the classes."""
    return target.columns


def summary(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy with its interval."""
    return summary_of(table[f"{target.name}_true"].to_numpy(object), table[target.name].to_numpy(object), nan="drop")
