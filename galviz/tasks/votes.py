"""Votes: fractions of volunteers for each answer to the questions of a decision tree, as in Galaxy Zoo."""

import pandas as pd

from galviz.measure.metrics import summary as summary_of
from galviz.sky.galaxy_zoo import COLUMNS, NAMES
from galviz.tasks import regression
from galviz.tasks.regression import by_object, classes, fitted, index, truth, variants
from galviz.tasks.target import Target

__all__ = ["by_object", "classes", "fitted", "index", "truth", "variants"]

NUMERIC, SELF_LABELLED = True, False
ACCURACY = "Accuracy (largest of all votes, as the paper's)"


def check(target: Target) -> None:
    """Raise a ValueError if the target has no column."""
    regression.check(target)


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


def summary(target: Target, table: pd.DataFrame) -> pd.DataFrame:
    """Return errors of the main answer with intervals."""
    first = names(target)[0]
    return summary_of(table[f"{first}_true"].to_numpy(float), table[first].to_numpy(float), nan="drop")
