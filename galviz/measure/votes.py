"""Metrics of predicted vote fractions: RMSE, accuracy by question, and the accuracy of the paper."""

import numpy as np
import pandas as pd

from galviz.measure.metrics import bootstrap
from galviz.measure.threshold_stats import wilson
from galviz.sky.galaxy_zoo import PARENTS, QUESTIONS, SLICES, checked


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
    Goh (2022), Lab 3, table 1 (0.768, 0.766 and 0.819).
    """
    return float(np.mean(checked(truth).argmax(axis=1) == checked(estimate).argmax(axis=1)))


def question_accuracy(
    truth: np.ndarray, estimate: np.ndarray, reached: float = 0.5, level: float = 0.95
) -> pd.DataFrame:
    """Return the share of objects whose most voted answer is right, for each question.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (N, 37)
    reached : float
        Only objects count for which at least this fraction of the (true) votes reached the question.
    level : float
        Confidence level of the interval (Wilson).

    Returns
    -------
    pandas.DataFrame
        Index question (1 … 11); columns topic, n, right, accuracy, low and high; NaN where n is 0.
    """
    truth, estimate = checked(truth), checked(estimate)
    rows = []
    for question, part, parent in zip(QUESTIONS, SLICES, PARENTS, strict=True):
        applies = np.ones(len(truth), dtype=bool) if parent is None else truth[:, parent] >= reached
        right = truth[applies, part].argmax(axis=1) == estimate[applies, part].argmax(axis=1)
        share = wilson(right.sum(), applies.sum(), level)
        topic = question.topic or " / ".join(question.answers)
        rows.append((topic, int(applies.sum()), int(right.sum()), share.value, share.low, share.high))
    index = pd.RangeIndex(1, len(QUESTIONS) + 1, name="question")
    return pd.DataFrame(rows, index=index, columns=["topic", "n", "right", "accuracy", "low", "high"])


_JUDGED = {
    "RMSE of all 37": "over objects and answers: Kaggle's score",
    "RMSE of the guess": "of the mean of the training objects as the answer to all",
    "accuracy over all 37": "largest of all 37 votes right (Goh 2022): mostly questions 1 and 6",
    "accuracy by question": "most voted answer right, where half of the votes got",
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
        As `galviz.measure.metrics.summary`. The last row joins the questions of `question_accuracy`, each counted where
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
