"""Badges of a gallery: whether the prediction of an object is right."""

import numpy as np
import pandas as pd

from galviz.tasks.pair import Pair, pair_of
from galviz.tools.cells import text_of

Badges = Pair | tuple[str, str] | str | None
"""What says whether a prediction is right: truth and prediction, or a column of flags."""


def verdicts_of(table: pd.DataFrame, badges: Badges) -> Pair | str | None:
    """Return what says whether a prediction is right, checked; None if the two are numbers, which are never just right.

    Raises
    ------
    ValueError
        If a column does not exist, or the two do not fit together.
    """
    if isinstance(badges, tuple):
        try:
            badges = pair_of(table, *badges)
        except KeyError as error:
            raise ValueError(f"badges: {error.args[0]}") from None
    names = [badges.truth, badges.estimate] if isinstance(badges, Pair) else [badges] if badges else []
    if missing := [name for name in names if name not in table.columns]:
        raise ValueError(f"badges: expected columns of the table, got {missing[0]!r}.")
    return None if isinstance(badges, Pair) and not badges.classes else badges or None


def verdicts(
    table: pd.DataFrame, badges: Pair | str | None, rows: np.ndarray
) -> tuple[list[str], list[list[tuple[str, str]]]]:
    """Return of some rows whether their prediction is right, and the lines of a caption with prediction and truth."""
    if badges is None:
        return [""] * len(rows), [[] for _ in rows]
    if isinstance(badges, str):
        flags = table[badges].iloc[rows]
        found = ["" if pd.isna(flag) else "right" if bool(flag) else "wrong" for flag in flags]
        return found, [[] for _ in rows]
    some = table.iloc[rows]
    true, given = badges.true(some), badges.given(some)
    known = ~(pd.isna(true) | pd.isna(given))
    found = np.where(known, np.where(true == given, "right", "wrong"), "")
    of = badges.words
    lines = [[("predicted", text_of(a, of)), ("true", text_of(b, of))] for a, b in zip(given, true, strict=True)]
    return found.tolist(), lines


def first_captions(table: pd.DataFrame, badges: Pair | str | None = None) -> list[str]:
    """Return the columns shown under pictures at first: an estimate and its truth, else two numeric columns.

    Where badges name the classes already, it is the probability of the positive one.
    """
    if isinstance(badges, Pair):
        return [badges.chances[badges.positive]] if badges.positive in badges.chances else []
    judged = [str(name) for name in table.columns if f"{name}_true" in table.columns][:1]
    numbers = [str(name) for name in table.select_dtypes("number").columns][:2]
    return [*judged, f"{judged[0]}_true"] if judged else numbers
