"""Metrics of predicted vote fractions: RMSE, accuracy by question, and the accuracy of the paper."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from galviz.measure.metrics import bootstrap
from galviz.sky.galaxy_zoo import PARENTS, SLICES, checked

PUBLISHED = pd.DataFrame(
    {"mse": [0.0106, 0.009102, 0.009899], "accuracy": [0.76770, 0.765508, 0.818529]},
    index=pd.Index(["CNN", "default ResNet50", "optimized ResNet50"], name="network"),
)
"""Table 1 of Goh (2022), Lab 3: mean squared error of the 37 votes, and `paper_accuracy`, of about 12,000 pictures of
Kaggle's training set that were held out."""


def guess(truth: np.ndarray) -> np.ndarray:
    """Return the mean votes of the training objects, (N, 37) -> (37,): a guess without the image. It obeys the tree."""
    return checked(truth).mean(axis=0)


def votes_rmse(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Kaggle's score: the root of the mean squared error over objects and answers, √⟨(ŷ − y)²⟩.

    Parameters
    ----------
    truth : numpy.ndarray, shape (N, 37)
    estimate : numpy.ndarray, shape (N, 37) or (37,)
        With shape (37,), the same estimate for all objects.

    Returns
    -------
    float
        NaN if any vote is NaN.
    """
    return float(np.sqrt(np.mean((np.asarray(estimate, dtype=np.float64) - checked(truth)) ** 2)))


def paper_accuracy(truth: np.ndarray, estimate: np.ndarray) -> float:
    """Share of objects whose largest of 37 votes is the right one, as Keras' accuracy counts it.

    It mostly depends on the answers of questions 1 and 6, and says nothing about mergers. Of equal votes the first
    counts.

    References
    ----------
    Goh (2022), Lab 3, table 1; see `PUBLISHED`.
    """
    return float(np.mean(checked(truth).argmax(axis=1) == checked(estimate).argmax(axis=1)))


def question_scores(
    truth: np.ndarray,
    estimate: np.ndarray,
    slices: Sequence[slice],
    parents: Sequence[int | None],
    *,
    reached: float = 0.5,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return accuracy and RMSE for each question of any tree of questions, with bootstrap intervals over objects.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (N, K)
        Vote fractions of K answers. Rows with a NaN are left out.
    slices, parents
        The answers of each question, and the position of the answer that leads to it (None: no parent), as from
        `galviz.tasks.votes.tree`.
    reached : float
        Only objects count for which at least this fraction of the (true) votes reached the question.
    n, level, seed
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        One row a question: n (objects), accuracy (share whose most voted answer is right; NaN for a question with a
        single answer), rmse (over objects and answers), and accuracy_low, accuracy_high, rmse_low and rmse_high.
        NaN where n is 0.
    """
    truth, estimate = (np.asarray(values, dtype=np.float64) for values in (truth, estimate))
    known = np.isfinite(truth).all(axis=1) & np.isfinite(estimate).all(axis=1)
    truth, estimate, rows = truth[known], estimate[known], []
    for part, parent in zip(slices, parents, strict=True):
        applies = np.ones(len(truth), dtype=bool) if parent is None else truth[:, parent] >= reached
        true, given = truth[applies, part], estimate[applies, part]
        if not len(true):
            rows.append((0, *[np.nan] * 6))
            continue
        right = (true.argmax(axis=1) == given.argmax(axis=1)) if true.shape[1] > 1 else np.full(len(true), np.nan)
        each = np.stack([right, ((given - true) ** 2).mean(axis=1)], axis=1)

        def judged(rows: np.ndarray, _: np.ndarray, each: np.ndarray = each) -> np.ndarray:
            accuracy, square = each[rows.astype(int)].mean(axis=0)
            return np.array([accuracy, square**0.5])

        found = bootstrap(judged, np.arange(len(each)), np.arange(len(each)), n=n, level=level, seed=seed)
        rows.append((len(each), *np.stack([found.value, found.low, found.high], axis=1).ravel()))
    columns = ["n", *(f"{name}{end}" for name in ("accuracy", "rmse") for end in ("", "_low", "_high"))]
    return pd.DataFrame(rows, columns=columns)


_JUDGED = {
    "RMSE of all 37": "over objects and answers: Kaggle's score",
    "RMSE of the guess": "of the mean of the training objects as the answer to all",
    "accuracy over all 37": "largest of all 37 votes right (Goh 2022): mostly questions 1 and 6",
    "accuracy by question": "top answer right, over questions that reached half of the voters",
}


def votes_summary(
    truth: np.ndarray, estimate: np.ndarray, mean: np.ndarray, *, n: int = 1000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Return metrics of all 37 votes together, with bootstrap intervals over objects.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (N, 37)
        Without NaN.
    mean : numpy.ndarray, shape (37,)
        The guess to compare with: `guess` of the training objects.
    n, level, seed
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        As `galviz.measure.metrics.summary`. The last row joins the questions of `question_scores`, each counted where
        it was reached.
    """
    truth, estimate = checked(truth), checked(estimate)
    squares = [((values - truth) ** 2).mean(axis=1) for values in (estimate, mean)]
    first = truth.argmax(axis=1) == estimate.argmax(axis=1)
    applies = np.stack([np.ones(len(truth)) if p is None else truth[:, p] >= 0.5 for p in PARENTS], axis=1)
    right = [truth[:, part].argmax(axis=1) == estimate[:, part].argmax(axis=1) for part in SLICES]
    each = np.stack([*squares, first, (applies * np.stack(right, axis=1)).sum(axis=1), applies.sum(axis=1)], axis=1)

    def judged(rows: np.ndarray, _: np.ndarray) -> np.ndarray:
        ours, theirs, all37, hits, count = np.bincount(rows.astype(int), minlength=len(each)) @ each / len(rows)
        return np.array([ours**0.5, theirs**0.5, all37, hits / count])

    found = bootstrap(judged, np.arange(len(each)), np.arange(len(each)), n=n, level=level, seed=seed)
    columns = {"value": found.value, "low": found.low, "high": found.high, "definition": list(_JUDGED.values())}
    return pd.DataFrame(columns, index=pd.Index(_JUDGED, name="metric"))
