"""Votes: fractions of volunteers for each answer to the questions of a decision tree, as in Galaxy Zoo."""

from collections.abc import Iterable
from itertools import accumulate

import numpy as np
import pandas as pd

from galviz.sky.galaxy_zoo import COLUMNS, NAMES, PARENTS, SLICES
from galviz.tasks import regression
from galviz.tasks.regression import by_object, classes, fitted, index, summary, variants
from galviz.tasks.target import Target

__all__ = ["by_object", "classes", "fitted", "index", "summary", "truth", "variants"]

NUMERIC, SELF_LABELLED = True, False
ACCURACY = "Accuracy (largest of all votes, as the paper's)"


def check(target: Target) -> None:
    """Raise a ValueError if the target has no column, or if its questions are not those of its columns."""
    regression.check(target)
    if not target.questions:
        return
    answers = tuple(answer for question in target.questions for answer in question)
    if answers != target.columns:
        raise ValueError(f"questions: expected the columns {target.columns} in their order, got {answers}.")
    if len(target.parents) not in (0, len(target.questions)):
        raise ValueError(f"parents: expected one for each of {len(target.questions)} questions, got {target.parents}.")
    for k, parent in enumerate(target.parents):
        earlier = {answer for question in target.questions[:k] for answer in question}
        if parent and parent not in earlier:
            raise ValueError(f"parents: expected an answer of an earlier question, got {parent!r}.")


def questions_of(columns: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Return the questions that columns of numbers of votes answer: those whose names are equal up to the last ``_``.

    So Galaxy Zoo and Zoobot name them: ``smooth-or-featured_smooth``. If one would have a single answer, or its answers
    do not stand side by side, all columns answer the same question.
    """
    columns = tuple(columns)
    found: dict[str, list[str]] = {}
    for column in columns:
        found.setdefault(column.rpartition("_")[0], []).append(column)
    questions = tuple(map(tuple, found.values()))
    whole = sum(questions, ()) == columns and all(len(answers) > 1 for answers in questions)
    return questions if whole else (columns,)


def truth(target: Target, catalogue: pd.DataFrame) -> np.ndarray:
    """Return the fractions, float64, shape (N, K). Of numbers of votes: NaN for a question that nobody answered."""
    values = regression.truth(target, catalogue)
    return shares(target, values) if target.counts else values


def learned(target: Target, catalogue: pd.DataFrame) -> np.ndarray:
    """Return numbers of votes, float64, shape (N, K), if the target has them, else fractions.

    NaN where they are not known, and for an object without a single vote.
    """
    values = regression.truth(target, catalogue)
    if target.total:
        values = values * regression.numbers(catalogue[target.total]).to_numpy()[:, None]
    if target.counts or target.total:
        values[~(values.sum(axis=1) > 0)] = np.nan
    return values


def shares(target: Target, votes: np.ndarray) -> np.ndarray:
    """Return numbers of votes as fractions of those for each question, (N, K) -> (N, K). NaN where there is none."""
    parts = [votes[:, part] for part in tree(target)[0]]
    with np.errstate(invalid="ignore"):
        return np.concatenate([part / part.sum(axis=1, keepdims=True) for part in parts], axis=1)


def tree(target: Target) -> tuple[tuple[slice, ...], tuple[int | None, ...]]:
    """Return the positions of the answers of each question, and the position of each parent (None: no parent).

    Without questions, each column is a question of its own. The columns of Galaxy Zoo 2 always have their tree.
    """
    questions, parents = target.questions, target.parents
    if not questions and target.columns == COLUMNS:
        return SLICES, PARENTS
    ends = list(accumulate(map(len, questions)))
    slices = tuple(slice(end - len(answers), end) for end, answers in zip(ends, questions, strict=True))
    return slices, tuple(
        target.columns.index(parent) if parent else None for parent in parents or [""] * len(questions)
    )


def names(target: Target) -> list[str]:
    """Return all columns, the main answer first."""
    main = [target.name] if target.name in target.columns else []
    return main + [column for column in target.columns if column not in main]


def outputs(target: Target, bands: tuple[str, ...]) -> dict[str, tuple[str, int]]:
    """Return every answer, the main one first. Galaxy Zoo's answers have their text before the column's name."""
    known = dict(zip(COLUMNS, NAMES, strict=True))
    label = {column: f"{known[column]} ({column})" if column in known else column for column in target.columns}
    return {label[name]: ("learned", target.columns.index(name)) for name in names(target)}


def unit(target: Target) -> str:
    """Return no unit: a vote fraction has none."""
    return ""


def about(target: Target) -> str:
    """Return the number of answers: ``"37 votes"``."""
    return f"{len(target.columns)} votes"


def shown(target: Target) -> tuple[str, ...]:
    """Return the main answer."""
    return tuple(names(target)[:1])
