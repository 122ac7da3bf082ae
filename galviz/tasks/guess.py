"""Which task fits the columns of a catalogue, and why; and which columns it may be learned from."""

import re
import textwrap
from typing import NamedTuple

import numpy as np
import pandas as pd

from galviz.io.tables import ID_NAMES
from galviz.tasks.classification import FEW, class_labels, positive_class
from galviz.tasks.regression import numbers
from galviz.tasks.target import Target
from galviz.tasks.votes import questions_of

_IDS = 10**9  # whole numbers from here on that are all different are taken for ids
_FIRST = 1000  # values that show that a column repeats
_MOST = 1000  # texts with more values than this are taken for names or comments
_ENDS = ("true", "spread", "sigma", "p16", "p84", "alpha")  # of the columns that stand beside an estimate
_BOOKKEEPING = ("split", "fold", "group", "field", "weight")
_PERCENTILE = re.compile(r"_p\d+(p\d+)?$")  # of a posterior, as SDSS names them: oh_p2p5, oh_p50


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
    twice = [column for column in columns if columns.count(column) > 1]
    if twice:
        raise ValueError(f"target: expected each column once, got {twice[0]!r} {columns.count(twice[0])} times.")
    for column in columns:
        if catalogue[column].isna().all():
            raise ValueError(f"{column}: expected some known values to learn from, got none.")
    why = ""
    if not task:
        task, why = _task_of(catalogue[list(columns)])
    if task == "classification":
        return _classes(catalogue, columns, positive, why)
    if positive:
        raise ValueError(f"positive: expected only with classification, got {positive!r} with {task}.")
    values = catalogue[list(columns)].apply(numbers)
    _check_numbers(values, task)
    name = "+".join(columns) if task == "regression" else columns[0]
    target = Target(name, task, columns, name)
    if task == "votes" and _are_counts(values):
        target = target.replace(counts=True, questions=questions_of(columns))
        why = f"{', '.join(columns)}: numbers of votes for {len(target.questions)} questions"
        why = why.removesuffix("s") if len(target.questions) == 1 else why
    _check_names(target.rules.names(target))
    return Guess(target, why or f"{', '.join(columns)}: {task}, as given")


def are_ids(column: pd.Series) -> bool:
    """Return whether a column names its objects, so that nothing can be learned of it.

    The known values differ for all objects. They are text that is no number, or whole numbers that are very large, that
    count the rows, or whose column is called an id.
    """
    found = column.dropna()
    # The first values of most columns of classes repeat, which is quick to see.
    if len(found) < 3 or pd.api.types.is_bool_dtype(found) or not found.iloc[:_FIRST].is_unique:
        return False
    values = pd.to_numeric(found, errors="coerce")
    if values.isna().all():
        return len(found) > FEW and found.is_unique
    if not np.isfinite(values.astype(float)).all() or (values % 1 != 0).any() or not values.is_unique:
        return False
    name = str(column.name).lower()
    counts_rows = len(values) > FEW and values.max() - values.min() == len(values) - 1
    very_large = pd.api.types.is_integer_dtype(values) and values.min() >= _IDS  # floats may be masses
    return bool(counts_rows or very_large or name in ID_NAMES or name.endswith("id"))


def learnable(catalogue: pd.DataFrame) -> list[str]:
    """Return the columns of a catalogue that can be offered as a target: all but those of ids."""
    return [str(name) for name in catalogue.columns if not are_ids(catalogue[name])]


def _are_counts(values: pd.DataFrame) -> bool:
    """Return whether several columns hold numbers of votes, not fractions: whole numbers, and some above 1."""
    known = values.fillna(0).to_numpy()
    return len(values.columns) > 1 and bool((known >= 0).all() and (known % 1 == 0).all() and (known > 1).any())


def _check_numbers(values: pd.DataFrame, task: str) -> None:
    """Raise a ValueError if there is nothing to learn from a column, or if a vote is neither fraction nor number."""
    whole = _are_counts(values)
    for column in values:
        known = values[column].dropna()
        if task == "votes" and not whole:
            strange = known[(known < 0) | (known > 1)]
            if len(strange):
                raise ValueError(
                    f"{column}: expected fractions from 0 to 1 for votes, got {strange.iloc[0]:g} for the object "
                    f"{str(strange.index[0])!r}. Give numbers of votes for all answers, or --task regression."
                )
        if known.nunique() < 2:
            got = f"{known.iloc[0]:g} for all objects" if len(known) else "none"
            raise ValueError(f"{column}: expected different values to learn from, got {got}. Choose another column.")
    if values.isna().any(axis=1).all():
        raise ValueError(
            f"{', '.join(map(str, values))}: expected objects whose values are all known, got none. "
            "Learn fewer columns."
        )


def _check_names(names: list[str]) -> None:
    """Raise a ValueError if predictions would have two columns of the same name."""
    made = {"fold": "fold"} | {f"{name}_{end}": name for name in names for end in _ENDS}
    for name in names:
        if name in made:
            raise ValueError(
                f"target: expected another name than {name!r}, which predictions need for something else. "
                "Rename the column."
            )


def _task_of(table: pd.DataFrame) -> tuple[str, str]:
    """Return the task of one or several columns, and why."""
    if len(table.columns) == 1:
        column = table.iloc[:, 0]
        found = column.dropna()
        values = found.nunique()
        name, listed = column.name, _listed(class_labels(found).unique())
        if pd.api.types.is_bool_dtype(column) or found.map(lambda value: isinstance(value, bool | np.bool_)).all():
            return "classification", f"{name}: true or false → classification"
        if not pd.api.types.is_numeric_dtype(column):
            as_numbers = pd.to_numeric(found, errors="coerce")
            if as_numbers.isna().any() and as_numbers.notna().mean() > 0.5:
                numbers(column)  # mostly numbers: name the text among them
            if as_numbers.isna().any() or values <= FEW:
                return "classification", f"{name}: text with {values} values{listed} → classification"
            found = as_numbers
        if are_ids(found):
            raise ValueError(
                f"{name}: expected values to learn, got what looks like ids. Choose another column, or give "
                "--task regression."
            )
        finite = found.astype(float)[np.isfinite(found.astype(float))]
        if len(finite) and (finite % 1 == 0).all() and values <= FEW:
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
    if len(counts) > FEW and counts.median() == 1:
        raise ValueError(
            f"{columns[0]}: expected classes of several objects, got {len(counts)} classes of which most have one"
            f"{_listed(counts.index)}, as names or comments do. Choose another column."
        )
    _check_names([columns[0]])
    if positive and (len(counts) != 2 or positive not in counts.index):
        raise ValueError(f"positive: expected one of two classes{_listed(counts.index)}, got {positive!r}.")
    if len(counts) == 2:
        positive = positive or positive_class(counts)
    why = why or f"{columns[0]}: {len(counts)} classes, as given"
    why = why.replace(" → classification", f" → classification, positive {positive}") if positive else why
    return Guess(Target(columns[0], "classification", columns, columns[0], positive=positive), why)


def _listed(values: pd.Index | np.ndarray) -> str:
    shown = ", ".join(textwrap.shorten(text, 40, placeholder="…") for text in sorted(map(str, values))[:5])
    return f" ({shown}{', …' if len(values) > 5 else ''})" if len(values) else ""


def _no_such_column(missing: list[str], known: list[str]) -> str:
    import difflib

    wanted = missing[0] if missing else ""
    near = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5) or known[:20]
    empty = "The catalogue has no columns: ingest the images again with --table FILE."
    cure = f"Similar names: {', '.join(near)}." if near else empty
    return f"target: expected a column of the catalogue, got {wanted!r}. {cure}"


def numeric_columns(catalogue: pd.DataFrame, target: Target) -> list[str]:
    """Return the columns with numbers that may say something about the target without giving it away.

    Columns whose name holds that of a target's column are left out (``richness_err``), and so are other percentiles of
    the same quantity (``oh_p16`` beside ``oh_p50``), folds and groups.
    """
    own = {_PERCENTILE.sub("_p", column.lower()) for column in target.columns}
    numbers = catalogue.select_dtypes(["number", "bool"]).columns
    return [
        name
        for name in map(str, numbers)
        if name not in _BOOKKEEPING
        and not any(column in name.lower() for column in own)
        and (catalogue[name] != catalogue[name].iloc[0]).any()
    ]
