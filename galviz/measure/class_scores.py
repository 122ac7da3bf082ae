"""Purity, completeness and F1 of each class, of all classes together, and in each region of a diagram."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

_NAMES = ("precision", "recall", "f1")
_AVERAGES = ("accuracy", "macro avg", "weighted avg")
_AT_ONCE = 1_000_000  # numbers of the resamples that are in memory together


def class_scores(
    truth: np.ndarray,
    estimate: np.ndarray,
    classes: tuple[str, ...],
    *,
    groups: ArrayLike | None = None,
    averages: bool = False,
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
    groups : array_like, shape (N,), optional
        Group of each object, such as its cluster. Whole groups are resampled: their objects are not independent.
    averages, n, level, seed
        As in `matrix_scores`.

    Returns
    -------
    pandas.DataFrame
        As `matrix_scores`.

    References
    ----------
    ``sklearn.metrics.precision_recall_fscore_support`` has the same values, without intervals.
    """
    known = pd.notna(truth) & pd.notna(estimate)
    true, given = (pd.Index(classes).get_indexer(values[known].astype(str)) for values in (truth, estimate))
    # A name that is not in `classes` has code −1: it counts as one more class, after the others.
    size = len(classes) + 1
    cells, shape = true % size * size + given % size, (size, size)
    if groups is not None:
        group, names = pd.factorize(np.asarray(groups)[known], use_na_sentinel=False)
        cells, shape = group * size**2 + cells, (len(names), size, size)
    matrix = np.bincount(cells, minlength=int(np.prod(shape))).reshape(shape)
    return matrix_scores(matrix, classes, averages=averages, n=n, level=level, seed=seed)


def matrix_scores(
    matrix: ArrayLike,
    classes: Sequence[str],
    *,
    averages: bool = False,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return purity (precision), completeness (recall), F1 and the number of objects of each class.

    Parameters
    ----------
    matrix : array_like of int, shape (K, K) or (G, K, K)
        Confusion matrix: number of objects of each true class (rows) and predicted class (columns). Or one for each
        of G groups, such as clusters: then whole groups are resampled. One more row and column, after those of the
        classes, are for objects of no listed class.
    classes : sequence of str
        Their names.
    averages : bool
        Adds three rows: accuracy (all right / all, in each column), macro avg (the mean of the classes with a value)
        and weighted avg (their mean with the supports as weights).
    n : int
        Number of resamples.
    level : float
        Confidence level of the intervals, in (0, 1).
    seed : int

    Returns
    -------
    pandas.DataFrame
        Index ``class``; columns precision (TP / (TP + FP)), recall (TP / (TP + FN)), f1 (2 TP / (2 TP + FP + FN)), the
        ends of their bootstrap intervals (``precision_low`` …, over resamples where they are defined), and support
        (objects of the class). NaN, which means undefined, where a denominator is 0.

    References
    ----------
    ``sklearn.metrics.classification_report`` with ``zero_division=nan`` has the same values, without intervals.

    Notes
    -----
    The scores depend only on how many objects are in each cell of the confusion matrix, and the cells of objects that
    are drawn with replacement are multinomial. So a resample costs the same for any N.
    """
    matrix = np.asarray(matrix)
    size, listed = matrix.shape[-1], len(classes)
    if matrix.ndim not in (2, 3) or matrix.shape[-2] != size or size - listed not in (0, 1):
        raise ValueError(
            f"matrix: expected shape ({listed}, {listed}), or one such matrix for each group, got {matrix.shape}."
        )
    total = matrix if matrix.ndim == 2 else matrix.sum(axis=0)
    values = _scores(total, listed)
    drawn = [_scores(again, listed) for again in _resampled(matrix, n, seed)]
    low, high = _ends(np.concatenate(drawn), level) if drawn else np.full((2, *values.shape), np.nan)
    columns = {f"{name}{end}": part[k] for end, part in (("", values), ("_low", low), ("_high", high))
               for k, name in enumerate(_NAMES)}  # fmt: skip
    columns["support"] = [*total.sum(axis=1)[:listed], *[total.sum()] * len(_AVERAGES)]
    table = pd.DataFrame(columns, index=pd.Index([*classes, *_AVERAGES], name="class"))
    return table if averages else table.iloc[:listed]


def scores_by_region(
    truth: np.ndarray,
    estimate: np.ndarray,
    region: np.ndarray,
    classes: tuple[str, ...],
    regions: Sequence[str],
    *,
    groups: ArrayLike | None = None,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Return the scores of each class, and their averages, among the objects of each region.

    Parameters
    ----------
    truth, estimate, classes, groups, n, level, seed
        As in `class_scores`.
    region : numpy.ndarray of object, shape (N,)
        The region of each object, such as ``galviz.measure.red_sequence.region_of`` returns; None for no region.
    regions : sequence of str
        All regions, in the order of the rows.

    Returns
    -------
    pandas.DataFrame
        Index ``region``, ``class``; columns of `class_scores`. A region without objects has support 0 and NaN, which
        means undefined.

    References
    ----------
    Pruitt & Romanowsky, slides "Performance in Different Color Regions".
    """
    tables = {}
    for name in regions:
        here = region == name
        own = None if groups is None else np.asarray(groups)[here]
        options = {"groups": own, "averages": True, "n": n, "level": level, "seed": seed}
        tables[name] = class_scores(truth[here], estimate[here], classes, **options)
    return pd.concat(tables, names=["region"])


def _resampled(matrix: np.ndarray, n: int, seed: int) -> Iterator[np.ndarray]:
    """Yield resampled confusion matrices, shape (M, K, K), of n resamples together."""
    rng, size, groups = np.random.default_rng(seed), matrix.shape[-1], matrix.ndim == 3
    flat = matrix.reshape(-1, size**2) if groups else matrix.reshape(size**2)
    cells = np.flatnonzero(flat)
    if not len(cells):
        return
    step = max(_AT_ONCE // max(size**2, len(flat)), 1)
    for start in range(0, n, step):
        count = min(step, n - start)
        if groups:
            times = rng.multinomial(len(flat), np.full(len(flat), 1 / len(flat)), size=count)
            again = times @ flat
        else:
            again = np.zeros((count, size**2), dtype=flat.dtype)
            again[:, cells] = rng.multinomial(flat.sum(), flat[cells] / flat.sum(), size=count)
        yield again.reshape(count, size, size)


def _scores(counts: np.ndarray, listed: int) -> np.ndarray:
    """Return precision, recall and F1 (…, 3, K + 3) of confusion matrices (…, S, S) with the true classes in rows.

    The last three places are `_AVERAGES`.
    """
    right, true, given = np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1), counts.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = np.stack([right / given, right / true, 2 * right / (true + given)], axis=-2)[..., :listed]
        known, support = np.isfinite(each), true[..., None, :listed]
        filled = np.where(known, each, 0)
        macro = filled.sum(axis=-1) / known.sum(axis=-1)
        weighted = (filled * support).sum(axis=-1) / (known * support).sum(axis=-1)
        accuracy = right[..., :listed].sum(axis=-1) / counts.sum(axis=(-2, -1))
    accuracy = np.broadcast_to(accuracy[..., None], macro.shape)
    return np.concatenate([each, np.stack([accuracy, macro, weighted], axis=-1)], axis=-1)


def _ends(drawn: np.ndarray, level: float) -> np.ndarray:
    """Return the ends of the intervals (2, …) of resampled values (n, …) that may be NaN."""
    known = np.isfinite(drawn).any(axis=0)
    ends = np.full((2, *known.shape), np.nan)
    ends[:, known] = np.nanquantile(drawn[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
    return ends
