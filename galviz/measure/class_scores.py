"""Purity, completeness and F1 of each class."""

import numpy as np
import pandas as pd

_NAMES = ("precision", "recall", "f1")


def class_scores(
    truth: np.ndarray,
    estimate: np.ndarray,
    classes: tuple[str, ...],
    *,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return purity (precision), completeness (recall), F1 and the number of objects of each class.

    Parameters
    ----------
    truth, estimate : numpy.ndarray of object, shape (N,)
        Names of classes. Objects with a missing name (None or NaN) are left out.
    classes : tuple of str
        All classes, in the order of the rows.
    n, level, seed
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        Index ``class``; columns precision (TP / (TP + FP)), recall (TP / (TP + FN)), f1 (2 TP / (2 TP + FP + FN)), the
        ends of their bootstrap intervals (``precision_low`` …, over resamples where they are defined), and support
        (objects of the class). NaN where a denominator is 0.

    References
    ----------
    ``sklearn.metrics.precision_recall_fscore_support`` has the same values, without intervals.

    Notes
    -----
    The scores depend only on how many objects are in each cell of the confusion matrix, and the cells of objects that
    are drawn with replacement are multinomial. So a resample costs the same for any N.
    """
    known = pd.notna(truth) & pd.notna(estimate)
    true, given = (pd.Index(classes).get_indexer(values[known].astype(str)) for values in (truth, estimate))
    # A name that is not in `classes` has code −1: it counts as one more class, after the others.
    size = len(classes) + 1
    counts = np.bincount(true % size * size + given % size, minlength=size**2)
    cells, rng = np.flatnonzero(counts), np.random.default_rng(seed)
    values, drawn = _scores(counts.reshape(size, size)), []
    for _ in range(n if len(cells) else 0):
        again = np.zeros_like(counts)
        again[cells] = rng.multinomial(counts.sum(), counts[cells] / counts.sum())
        drawn.append(_scores(again.reshape(size, size)))
    low, high = _ends(np.array(drawn), level) if drawn else np.full((2, *values.shape), np.nan)
    columns = {f"{name}{end}": part[k, :-1] for end, part in (("", values), ("_low", low), ("_high", high))
               for k, name in enumerate(_NAMES)}  # fmt: skip
    columns["support"] = counts.reshape(size, size).sum(axis=1)[:-1]
    return pd.DataFrame(columns, index=pd.Index(classes, name="class"))


def _scores(counts: np.ndarray) -> np.ndarray:
    """Return precision, recall and F1 (3, K) of a confusion matrix (K, K) with the true classes in rows."""
    right, true, given = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([right / given, right / true, 2 * right / (true + given)])


def _ends(drawn: np.ndarray, level: float) -> np.ndarray:
    """Return the ends of the intervals (2, …) of resampled values (n, …) that may be NaN."""
    known = np.isfinite(drawn).any(axis=0)
    ends = np.full((2, *known.shape), np.nan)
    ends[:, known] = np.nanquantile(drawn[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends
