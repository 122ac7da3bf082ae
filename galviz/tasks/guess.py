"""Which task fits the columns of a catalogue, and why."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from galviz.tasks.classification import class_labels
from galviz.tasks.regression import numbers
from galviz.tasks.target import Target

_FEW = 20  # whole numbers with at most this many values are taken for classes
_MOST = 1000  # texts with more values than this are taken for names or comments
_POSITIVE = ("1", "true", "yes", "y", "t", "positive")


class Guess(NamedTuple):
    """A target and the reason for its task, as a sentence."""

    target: Target
    why: str


def guess(catalogue: pd.DataFrame, columns: tuple[str, ...], task: str = "", positive: str = "") -> Guess:
    """Return the target of some columns of a catalogue.

    True/false, texts, and whole numbers with few different values are classes. Several columns of fractions are votes.
    Other numbers are learned as they are.

    Parameters
    ----------
    catalogue : pandas.DataFrame
    columns : tuple of str
        One column, or several that are learned together.
    task : str
        The task, if it should not be guessed.
    positive : str
        The positive one of two classes; by default 1, true or yes, else the rarer one.

    Raises
    ------
    KeyError
        If a column does not exist. The message names similar ones.
    ValueError
        If a column has no known value, a single one, or values that do not fit the task.
    """
    missing = [column for column in columns if column not in catalogue.columns]
    if not columns or missing:
        raise KeyError(_no_such_column(missing, list(map(str, catalogue.columns))))
    why = ""
    if not task:
        task, why = _task_of(catalogue[list(columns)])
    if task == "classification":
        return _classes(catalogue, columns, positive, why)
    if positive:
        raise ValueError(f"positive: expected with classification, got {positive!r} with {task}.")
    for column in columns:
        if numbers(catalogue[column]).isna().all():
            raise ValueError(f"{column}: expected some known values to learn from, got none.")
    name = "+".join(columns) if task == "regression" else columns[0]
    target = Target(name, task, columns, name)
    return Guess(target, why or f"{', '.join(columns)}: {task}, as given")


def _task_of(table: pd.DataFrame) -> tuple[str, str]:
    """Return the task of one or several columns, and why."""
    if len(table.columns) == 1:
        column = table.iloc[:, 0]
        found = column.dropna()
        values = found.nunique()
        name, listed = column.name, _listed(class_labels(found).unique())
        if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            as_numbers = pd.to_numeric(found, errors="coerce")
            if len(found) and as_numbers.isna().any() and as_numbers.notna().mean() > 0.5:
                numbers(column)  # mostly numbers: name the text among them
            return "classification", f"{name}: text with {values} values{listed} → classification"
        if pd.api.types.is_bool_dtype(column):
            return "classification", f"{name}: true or false → classification"
        finite = found.astype(float)[np.isfinite(found.astype(float))]
        if len(finite) and (finite % 1 == 0).all() and values <= _FEW:
            return "classification", f"{name}: {values} values{listed} → classification; --task regression otherwise"
        return "regression", f"{name}: numbers with {values:,} values → regression"
    values = table.apply(numbers)
    if ((values.min() >= 0) & (values.max() <= 1)).all():
        return "votes", f"{len(table.columns)} columns of fractions from 0 to 1 → votes; --task regression otherwise"
    return "regression", f"{len(table.columns)} columns of numbers → regression of all at once"


def _classes(catalogue: pd.DataFrame, columns: tuple[str, ...], positive: str, why: str) -> Guess:
    if len(columns) > 1:
        raise ValueError(f"columns: expected one column of classes, got {', '.join(columns)}.")
    counts = class_labels(catalogue[columns[0]]).value_counts()
    if len(counts) < 2 or len(counts) > _MOST:
        raise ValueError(
            f"{columns[0]}: expected 2 to {_MOST} classes, got {len(counts)}"
            f"{_listed(counts.index)}. Choose another column."
        )
    if positive and (len(counts) != 2 or positive not in counts.index):
        raise ValueError(f"positive: expected one of two classes{_listed(counts.index)}, got {positive!r}.")
    if len(counts) == 2:
        usual = [name for name in counts.index if str(name).lower() in _POSITIVE]
        positive = positive or (usual[0] if usual else str(counts.idxmin()))
    why = why or f"{columns[0]}: {len(counts)} classes, as given"
    why = why.replace(" → classification", f" → classification, positive {positive}") if positive else why
    return Guess(Target(columns[0], "classification", columns, columns[0], positive=positive), why)


def _listed(values: pd.Index | np.ndarray) -> str:
    shown = ", ".join(map(str, sorted(map(str, values))[:5]))
    return f" ({shown}{', …' if len(values) > 5 else ''})" if len(values) else ""


def _no_such_column(missing: list[str], known: list[str]) -> str:
    import difflib

    wanted = missing[0] if missing else ""
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:20]
    return f"target: expected a column of the catalogue, got {wanted!r}. Near it: {', '.join(near) or 'no columns'}."
