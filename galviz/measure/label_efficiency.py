"""Label efficiency: errors of Base and Ours (pre-trained) as a function of the label fraction."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from galviz.measure.metrics import Interval
from galviz.measure.unit_errors import UNITS, residual_in

METHODS = ("base", "ours")
"""Base starts from random weights, ours from an encoder that was pre-trained without labels."""

MEASURES = ("mae", "sigma")
"""Mean absolute error, and standard deviation (divisor N) of the signed error. Classes use the accuracy instead."""

CLASS_CLAIMS = {"CIFAR-10": (5.38, 0.6), "CUB-200": (10.43, 0.8)}
"""Claims of Liang et al. (2020) for natural images, section S1.2: by how many percent Ours is more accurate (or points:
they do not say), and the label fraction with which it is as good as Base with all labels. The values of their Fig. S3
are not in the text."""

_KEYS = ["fraction", "method", "trial", "fold"]
_PERCENT = (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100)
_TABLE_1 = {
    ("base", "mae"): (2.3923, 0.4792, 0.2943, 0.2397, 0.2456, 0.2072, 0.1980, 0.1921, 0.1903, 0.1856, 0.1965, 0.1832),
    ("ours", "mae"): (0.4188, 0.2566, 0.2554, 0.2204, 0.2118, 0.1895, 0.1824, 0.1813, 0.1802, 0.1714, 0.1675, 0.1615),
    ("base", "sigma"): (1.3304, 0.5810, 0.4549, 0.3708, 0.3118, 0.3447, 0.2819, 0.3106, 0.2973, 0.2659, 0.2585, 0.2565),
    ("ours", "sigma"): (0.5166, 0.3318, 0.3117, 0.2918, 0.2724, 0.2555, 0.2312, 0.2321, 0.2308, 0.2198, 0.2205, 0.2032),
}


def published() -> pd.DataFrame:
    """Return the results of Liang et al. on SDSS: 24,596 redMaPPer clusters, ten folds, means of three runs.

    Returns
    -------
    pandas.DataFrame
        One row per fraction and method: fraction (0.01 … 1), method, mae and sigma, both most likely in ln λ.

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, table 1.
    """
    columns = {f"{method} {measure}": values for (method, measure), values in _TABLE_1.items()}
    table = pd.DataFrame(columns, index=[percent / 100 for percent in _PERCENT])
    parts = [
        pd.DataFrame({"fraction": table.index, "method": m} | {k: table[f"{m} {k}"].to_numpy() for k in MEASURES})
        for m in METHODS
    ]
    return pd.concat(parts, ignore_index=True)


def measured(held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of each training of a sweep on its held-out objects.

    Parameters
    ----------
    held_out : pandas.DataFrame
        One row per training and object: fraction, method, trial, fold, object_id, truth and estimate (numbers in the
        unit of the catalogue, or class names).

    Returns
    -------
    pandas.DataFrame
        One row per training: fraction, method, trial, fold, objects (their number), and ``mae_ln`` … ``sigma_value``,
        one column per measure and unit. NaN in logarithms where an estimate is not positive, and in all units but
        ``value`` if a truth is not. For classes ``accuracy`` instead.
    """
    if of_classes(held_out):
        right = held_out.assign(objects=1, accuracy=held_out["truth"] == held_out["estimate"])
        found = right.groupby(_KEYS, sort=True).agg({"objects": "sum", "accuracy": "mean"})
        return found.reset_index()
    rows, units = [], UNITS if (held_out["truth"] > 0).all() else ("value",)
    for key, part in held_out.groupby(_KEYS, sort=True):
        row = dict(zip(_KEYS, key, strict=True)) | {"objects": len(part)}
        for unit in units:
            residual = part["estimate"] - part["truth"]
            residual = residual if unit == "value" else residual_in(unit, part["truth"], part["estimate"])
            row |= {f"mae_{unit}": np.abs(residual).mean(), f"sigma_{unit}": residual.std()}
        rows.append(row)
    names = [f"{measure}_{unit}" for unit in UNITS for measure in MEASURES]
    return pd.DataFrame(rows, columns=[*_KEYS, "objects", *names])


def of_classes(held_out: pd.DataFrame) -> bool:
    """Return whether the estimates are class names."""
    return bool(len(held_out)) and not pd.api.types.is_numeric_dtype(held_out["estimate"])


def curves(table: pd.DataFrame, measure: str = "mae", unit: str = "ln") -> pd.DataFrame:
    """Return the mean over the trainings of each fraction and method.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `measured`.
    measure : {"mae", "sigma", "accuracy"}
    unit : {"ln", "dex", "percent", "value", ""}
        Unit of the errors; ``""`` for accuracies.

    Returns
    -------
    pandas.DataFrame
        One row per fraction and method, sorted: fraction, method, mean (over the folds of a trial, then over trials),
        std (between trials, divisor n − 1; NaN for one trial) and trials, their number.
    """
    column = f"{measure}_{unit}" if unit else measure
    trials = table.groupby(["method", "fraction", "trial"])[column].mean()
    found = trials.groupby(level=["method", "fraction"]).agg(["mean", "std", "count"])
    return found.rename(columns={"count": "trials"}).reset_index()


def crossing(fractions: np.ndarray, values: np.ndarray, level: float) -> float:
    """Return the label fraction from which on a curve stays at or below a level.

    Between two fractions, the curve is a straight line in the logarithm of the fraction.

    Parameters
    ----------
    fractions, values : numpy.ndarray of float, shape (F,)
        Fractions in (0, 1], ascending.
    level : float

    Returns
    -------
    float
        inf if the last value is above the level (or NaN): the level is not reached. 0 if no value is above it: it is
        reached before the first fraction.
    """
    above = np.flatnonzero(~(values <= level))
    if not len(above):
        return 0.0
    last = above[-1]
    if last == len(values) - 1:
        return np.inf
    part = (values[last] - level) / (values[last] - values[last + 1])
    return float(np.exp(np.interp(part, [0, 1], np.log(fractions[[last, last + 1]]))))


@dataclass(frozen=True)
class Gain:
    """The gain from pre-training.

    Parameters
    ----------
    fractions : numpy.ndarray, shape (F,)
        Label fractions of the sweep, ascending.
    base, ours : numpy.ndarray, shape (F,)
        The measure at each fraction, averaged over the complete trials.
    change : Interval of (F,) arrays
        Change of the measure from Base to Ours at each fraction, in percent: −10 is a tenth less. For accuracies in
        percentage points.
    equal : Interval
        The label fraction from which on Ours is as good as Base with all labels; inf and 0 as in `crossing`.
    trials, objects : int
        Numbers of trials and objects used.
    """

    fractions: np.ndarray
    base: np.ndarray
    ours: np.ndarray
    change: Interval
    equal: Interval
    trials: int
    objects: int


def complete(held_out: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of complete trials: both methods have all fractions, in the same number of folds."""
    cells = held_out[_KEYS].drop_duplicates()
    count = cells.groupby(["trial", "fold"]).size()
    whole = count[count == 2 * cells["fraction"].nunique()].index.to_frame(index=False)
    folds = whole.groupby("trial")["fold"].transform("size")
    whole = pd.MultiIndex.from_frame(whole[folds == folds.max()])
    return held_out[pd.MultiIndex.from_frame(held_out[["trial", "fold"]]).isin(whole)]


def label_gain(
    held_out: pd.DataFrame, measure: str = "mae", unit: str = "ln", *, n: int = 1000, level: float = 0.95, seed: int = 0
) -> Gain:
    """Return how much smaller the errors of Ours are, and how many labels it needs to equal Base, with intervals.

    The intervals are bootstrap percentiles. The held-out objects of each fold are drawn with replacement, the same for
    all trainings. Trials are drawn too, with Base and Ours of a trial together. A single trial contains no scatter
    between trials. Objects are assumed to be independent.

    Parameters
    ----------
    held_out : pandas.DataFrame
        As in `measured`. Trials that are not `complete` are left out. Trials must have the same folds.
    measure : {"mae", "sigma", "accuracy"}
    unit : {"ln", "dex", "percent", "value", ""}
        Unit of the errors; ``""`` for accuracies.
    n : int
        Number of resamples.
    level : float
        Confidence level of the intervals.
    seed : int

    Returns
    -------
    Gain

    Raises
    ------
    ValueError
        If no trial is complete, or the fraction 1 is missing.

    References
    ----------
    Efron & Tibshirani (1993), An Introduction to the Bootstrap, ch. 13.
    """
    held_out = complete(held_out)
    fractions = np.sort(held_out["fraction"].unique())
    if not len(fractions) or fractions[-1] != 1:
        raise ValueError(
            f"held_out: expected a whole trial of both methods up to all labels, got {len(fractions)} fractions"
            f"{f' up to {fractions[-1]:g}' if len(fractions) else ''}. Wait for it, or sweep to the fraction 1 too."
        )
    rng = np.random.default_rng(seed)
    folds = [_resampled(part, measure, unit, n, rng) for _, part in held_out.groupby("fold")]
    values = np.mean(folds, axis=0)  # (2, F, T, 1 + n), the first as measured
    trials = values.shape[2]
    weights = np.column_stack([np.ones(trials), rng.multinomial(trials, np.full(trials, 1 / trials), n).T])
    base, ours = (values * weights).sum(axis=2) / trials  # (F, 1 + n)
    change = 100 * (ours - base if measure == "accuracy" else ours / base - 1)
    sign = -1 if measure == "accuracy" else 1
    equal = np.array([crossing(fractions, sign * ours[:, k], sign * base[-1, k]) for k in range(1 + n)])
    objects = held_out.groupby("fold")["object_id"].nunique().sum()
    found = fractions, base[:, 0], ours[:, 0], _interval(change, level), _interval(equal[None], level, one=True)
    return Gain(*found, trials, int(objects))


def gain_words(gain: Gain) -> str:
    """Return as text from which label fraction on Ours equals Base with all labels, with its interval.

    Parameters
    ----------
    gain : Gain

    Returns
    -------
    str
        "Ours at 42 % of the labels equals Base at 100 % (95 % interval 31 to 58 %)."
    """
    value, low, high = (float(end) for end in (gain.equal.value, gain.equal.low, gain.equal.high))
    sure = f"{100 * gain.equal.level:g} % interval"
    first = f"{100 * gain.fractions[0]:g} %"
    if value == np.inf:
        where = "anywhere" if low == 0 else f"between {_percent(low, first)} and 100 %"
        open_to = f"by the {sure} that point may lie {where}" if low < np.inf else f"nor in any of the {sure}"
        return f"Ours does not become as good as Base with all labels within the sweep; {open_to}."
    where = f"{first} of the labels or fewer" if value == 0 else f"{_percent(value, first)} of the labels"
    if high == 0:
        return f"Ours at {where} equals Base at 100 %, in all of the {sure} too."
    if low == 0 and high == np.inf:
        return f"Ours at {where} equals Base at 100 %, but the {sure} covers all of the sweep and more: all is open."
    ends = f"{_percent(low, first)} to {_percent(high, first)}" if high < np.inf else f"from {_percent(low, first)} on"
    tail = " At its upper end it is not reached within the sweep." if high == np.inf else ""
    return f"Ours at {where} equals Base at 100 % ({sure} {ends}).{tail}"


def _percent(fraction: float, first: str) -> str:
    return f"at most {first}" if fraction == 0 else f"{100 * fraction:.3g} %"


def _interval(values: np.ndarray, level: float, *, one: bool = False) -> Interval:
    """Return an interval from (K, 1 + n) values: the first is measured, the others are resampled. `one` if K = 1."""
    ends = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(values[:, 1:], ends, axis=1, method="inverted_cdf")  # never averages with inf
    found = (values[:, 0], low, high)
    return Interval(*(float(end[0]) for end in found), level) if one else Interval(*found, level)


def _resampled(part: pd.DataFrame, measure: str, unit: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Return the measure of the trainings of one fold, without and with n resamplings: (2, F, T, 1 + n)."""
    wrong = measure == "accuracy"
    residual = part["truth"] != part["estimate"] if wrong else residual_in(unit, part["truth"], part["estimate"])
    rows = part.assign(residual=np.asarray(residual, dtype=float))
    table = rows.pivot_table("residual", ["method", "fraction", "trial"], "object_id", dropna=False, sort=True)
    residual = table.dropna(how="all").to_numpy()
    shape = tuple(part[name].nunique() for name in ("method", "fraction", "trial"))
    count = residual.shape[1]
    drawn = rng.multinomial(count, np.full(count, 1 / count), n)
    weights = np.vstack([np.ones(count), drawn]).T / count
    if wrong:
        return 1 - (residual @ weights).reshape(*shape, -1)
    if measure == "mae":
        return (np.abs(residual) @ weights).reshape(*shape, -1)
    mean = residual @ weights
    return np.sqrt(np.maximum(residual**2 @ weights - mean**2, 0)).reshape(*shape, -1)
