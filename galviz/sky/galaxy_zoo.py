"""The questions of Galaxy Zoo 2 as a tree, and vote fractions that follow it, as Kaggle publishes them.

The next question that a volunteer sees depends on the answer. For the 37 answers to 11 questions, Kaggle publishes the
*cumulative* vote fraction: the fraction among those who saw the question, times the cumulative fraction of the parent
answer. Question 6 ("anything odd?") is the exception: its two fractions always sum to 1. So the kinds of oddity
(question 8, which includes mergers) are weighted only with the first answer of question 6.

References
----------
Willett et al. (2013), MNRAS 435, 2835, fig. 1 and table 2 (the tree). Kaggle, "Galaxy Zoo: The Galaxy Challenge"
(2013), page "The Galaxy Zoo Decision Tree" (the weights).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.io.files import write_aside


@dataclass(frozen=True)
class Question:
    """A question of the tree.

    Parameters
    ----------
    number : int
        1 … 11, as in Kaggle's columns.
    topic : str
        Topic, written before the colon in labels; ``""`` if the answers are clear without it.
    answers : tuple of str
        In Kaggle's order.
    parent : str
        Kaggle's name of the parent answer, which weights this question; ``""`` if the answers sum to 1.
    """

    number: int
    topic: str
    answers: tuple[str, ...]
    parent: str = ""


QUESTIONS = (
    Question(1, "", ("smooth", "features or disc", "star or artefact")),
    Question(2, "edge-on", ("yes", "no"), "Class1.2"),
    Question(3, "bar", ("yes", "no"), "Class2.2"),
    Question(4, "spiral", ("yes", "no"), "Class2.2"),
    Question(5, "bulge", ("none", "just noticeable", "obvious", "dominant"), "Class2.2"),
    Question(6, "odd", ("yes", "no")),
    Question(7, "", ("completely round", "in between", "cigar-shaped"), "Class1.1"),
    Question(
        8, "", ("ring", "lens or arc", "disturbed", "irregular", "other oddity", "merger", "dust lane"), "Class6.1"
    ),
    Question(9, "edge-on bulge", ("rounded", "boxy", "none"), "Class2.1"),
    Question(10, "winding", ("tight", "medium", "loose"), "Class4.1"),
    Question(11, "arms", ("1", "2", "3", "4", "more than 4", "cannot tell"), "Class4.1"),
)

COLUMNS = tuple(f"Class{q.number}.{k + 1}" for q in QUESTIONS for k in range(len(q.answers)))
"""Kaggle's names of the 37 answers, in Kaggle's order."""

NAMES = tuple(f"{q.topic}: {answer}" if q.topic else answer for q in QUESTIONS for answer in q.answers)
"""The 37 answers in words, in the same order: ``"merger"``, ``"spiral: yes"``, …"""

MERGER = "Class8.6"

THRESHOLD = 0.3
"""Goh's threshold on the vote fraction for a merger, set by eye (Lab 3, section 5.6)."""

TEST_PICTURES = 79_975
"""Number of pictures that Kaggle's challenge scores; their votes are not published."""

_ROUNDED = 1e-6  # how far beyond 0…1 a float32 fraction may be rounded

_ENDS = np.cumsum([len(q.answers) for q in QUESTIONS])
SLICES = tuple(slice(int(end) - len(q.answers), int(end)) for q, end in zip(QUESTIONS, _ENDS, strict=True))
"""Positions of the answers of each question among the 37."""

PARENTS = tuple(COLUMNS.index(q.parent) if q.parent else None for q in QUESTIONS)
"""Index of the parent answer of each question; None if its answers sum to 1. Parents come before their children."""


def cumulative(fractions: np.ndarray) -> np.ndarray:
    """Return cumulative votes: the fractions of each question times the votes of its parent answer, as Kaggle does.

    v = f for questions 1 and 6, v = f × v(parent) for all others.

    Parameters
    ----------
    fractions : numpy.ndarray, shape (N, 37)
        Fractions f among those who saw the question; those of a question sum to 1. NaN if nobody saw it.

    Returns
    -------
    numpy.ndarray of float64, shape (N, 37)
        0 where the parent answer has 0, even if f is NaN. Otherwise NaN stays NaN.

    Raises
    ------
    ValueError
        If there are not 37 columns.
    """
    votes = checked(fractions).copy()
    for part, parent in zip(SLICES, PARENTS, strict=True):
        if parent is not None:
            weight = votes[:, parent, None]
            votes[:, part] = np.where(weight == 0, 0.0, votes[:, part] * weight)
    return votes


def conditional(votes: np.ndarray) -> np.ndarray:
    """Return the fractions among those who saw each question: the inverse of `cumulative`.

    Each question is divided by its own sum, so that fractions sum to 1 even if published votes are rounded.

    Parameters
    ----------
    votes : numpy.ndarray, shape (N, 37)
        Cumulative vote fractions.

    Returns
    -------
    numpy.ndarray of float64, shape (N, 37)
        NaN where the answers of a question sum to 0, because nobody saw it.

    Raises
    ------
    ValueError
        If there are not 37 columns.
    """
    fractions = checked(votes).copy()
    for part in SLICES:
        total = fractions[:, part].sum(axis=1, keepdims=True)
        fractions[:, part] /= np.where(total > 0, total, np.nan)
    return fractions


def sum_errors(votes: np.ndarray) -> np.ndarray:
    """Return the sum of the answers of each question minus the votes of its parent answer (or minus 1).

    Parameters
    ----------
    votes : numpy.ndarray, shape (N, 37)

    Returns
    -------
    numpy.ndarray of float64, shape (N, 11)
        0 where the votes follow the tree; NaN where a vote is NaN.
    """
    votes = checked(votes)
    expected = [np.ones(len(votes)) if parent is None else votes[:, parent] for parent in PARENTS]
    return np.stack([votes[:, part].sum(axis=1) for part in SLICES], axis=1) - np.stack(expected, axis=1)


def broken_sums(table: pd.DataFrame, tolerance: float = 1e-3) -> pd.DataFrame:
    """Return the objects of a catalogue whose votes do not follow the tree.

    Parameters
    ----------
    table : pandas.DataFrame, N rows
        With the columns `COLUMNS`.
    tolerance : float
        Largest allowed error of a sum. Kaggle's file has 6 digits, so rounding errors are below 10⁻⁵.

    Returns
    -------
    pandas.DataFrame
        One row for each wrong or NaN sum, with the index of the table: question (its number), sum and expected.
    """
    votes = votes_of(table)
    off = sum_errors(votes)
    rows, questions = np.nonzero(~(np.abs(off) <= tolerance))
    sums = np.array([votes[row, SLICES[q]].sum() for row, q in zip(rows, questions, strict=True)])
    found = {"question": questions + 1, "sum": sums, "expected": sums - off[rows, questions]}
    return pd.DataFrame(found, index=table.index[rows])


def check_galaxy_ids(ids: Iterable[str]) -> None:
    """Raise a ValueError if an id is not one of Kaggle's, which are whole numbers."""
    wrong = next((name for name in ids if not str(name).isdecimal()), None)
    if wrong is not None:
        raise ValueError(
            f"object_id: expected Kaggle's GalaxyID, a whole number, got {wrong!r}. Use Kaggle's pictures."
        )


def write_submission(votes: pd.DataFrame, path: Path) -> None:
    """Write predicted votes as Kaggle takes them: GalaxyID and the 37 columns, CSV, ordered by GalaxyID.

    Parameters
    ----------
    votes : pandas.DataFrame
        Index `object_id`, with the columns `COLUMNS`; others are left out.
    path : Path

    Raises
    ------
    ValueError
        If an id is no whole number, or a vote is not a number in 0…1.
    """
    check_galaxy_ids(votes.index)
    found = votes[list(COLUMNS)].set_axis(votes.index.astype("int64").rename("GalaxyID")).sort_index()
    bad = found[~((found >= -_ROUNDED) & (found <= 1 + _ROUNDED)).all(axis=1)]
    if len(bad):
        raise ValueError(f"votes: expected fractions in 0…1, got others for GalaxyID {bad.index[0]}.")
    with write_aside(path) as aside:
        found.clip(0, 1).to_csv(aside, float_format="%.6f")


def votes_of(table: pd.DataFrame) -> np.ndarray:
    """Return the 37 votes of a catalogue, float64, shape (N, 37), in Kaggle's order. KeyError if one is missing."""
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise KeyError(
            f"catalogue: expected the 37 columns {COLUMNS[0]} … {COLUMNS[-1]}, got none named {missing[0]}. "
            "Read a table of Galaxy Zoo with galviz.sky.readers.zoo."
        )
    return table[list(COLUMNS)].to_numpy(dtype=np.float64)


def checked(votes: np.ndarray) -> np.ndarray:
    """Return votes as float64. Raise a ValueError if their shape is not (N, 37)."""
    votes = np.asarray(votes, dtype=np.float64)
    if votes.ndim != 2 or votes.shape[1] != len(COLUMNS):
        raise ValueError(
            f"votes: expected shape (N, {len(COLUMNS)}), got {votes.shape}. Order them as galaxy_zoo.COLUMNS."
        )
    return votes
