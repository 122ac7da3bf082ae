"""Comparison of two runs object by object, and labels that may be wrong."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.ids import check_ids
from galviz.measure.metrics import bootstrap, definitions
from galviz.measure.slices import blocks_of, decimals, interval_words, worst_slices

__all__ = ["changed", "compared_measures", "disagreement", "error", "paired_words", "suspects", "worst_slices"]

_PART, _FEWEST = 1000, 10  # objects per part in which labels are ranked, and the fewest objects


def disagreement(a: pd.DataFrame, b: pd.DataFrame, truth: str = "truth", estimate: str = "estimate") -> pd.DataFrame:
    """Return the predictions of two runs for the same objects in one table.

    Parameters
    ----------
    a, b : pandas.DataFrame
        Numbers or class names, index ``object_id``. Truth may be missing (NaN, None). If only one table has it, that
        one is used.
    truth, estimate : str
        Names of the columns in both tables.

    Returns
    -------
    pandas.DataFrame
        The objects in both, in the order of `a`: estimate_a, estimate_b, difference (a − b; for classes ``differs``, a
        bool), truth, error_a, error_b (the absolute residual; for classes 1 where wrong, else 0; NaN without truth) and
        gain = error_a − error_b, positive where b is better. ``attrs["only_a"]`` and ``attrs["only_b"]`` count the
        objects in one table only.

    Raises
    ------
    ValueError
        If a column is missing, an id occurs twice, one table has numbers and the other classes, or their truths differ.
    """
    for name, table in (("a", a), ("b", b)):
        check_ids(table.index)
        missing = sorted({truth, estimate} - set(table.columns))
        if missing:
            raise ValueError(f"{name}: expected columns {truth} and {estimate}, got none named {', '.join(missing)}.")
    a, b = (table[[truth, estimate]].set_axis(["truth", "estimate"], axis=1) for table in (a, b))
    numbers = pd.api.types.is_numeric_dtype(a["estimate"])
    if numbers != pd.api.types.is_numeric_dtype(b["estimate"]):
        raise ValueError("b: expected estimates of the kind in a, got numbers in one and classes in the other.")
    ids = a.index[a.index.isin(b.index)].rename("object_id")
    one, two = (_plain(table.loc[ids], numbers=numbers) for table in (a, b))
    known = one["truth"].where(one["truth"].notna(), two["truth"])
    _check_same(known, two["truth"], numbers=numbers)
    error_a, error_b = (error(each["estimate"], known) for each in (one, two))
    estimate_a, estimate_b = one["estimate"], two["estimate"]
    differs = (estimate_a != estimate_b) & ~(estimate_a.isna() & estimate_b.isna())
    between = {"difference": estimate_a - estimate_b} if numbers else {"differs": differs}
    result = pd.DataFrame({"estimate_a": estimate_a, "estimate_b": estimate_b} | between, index=ids)
    result = result.assign(truth=known, error_a=error_a, error_b=error_b, gain=error_a - error_b)
    result.attrs |= {"only_a": len(a) - len(ids), "only_b": len(b) - len(ids)}
    return result


def error(estimate: pd.Series, truth: pd.Series) -> pd.Series:
    """Return the absolute residual of numbers, or 1 for a wrong class and 0 for a right one; NaN without truth."""
    if pd.api.types.is_numeric_dtype(estimate):
        return (estimate - truth).abs()
    return (estimate != truth).astype(np.float64).where(truth.notna())


def paired_words(table: pd.DataFrame, names: Sequence[str] = ("A", "B"), among: str = "in both") -> str:
    """Return as text which of two runs has smaller errors, with a paired 95 % bootstrap interval of the difference.

    Parameters
    ----------
    table : pandas.DataFrame
        From `disagreement`. Objects without truth are left out; above 2,000, random blocks of them are resampled.
    names : two of str
        Names of the runs.
    among : str
        Description of the objects: ``"that neither was trained on"``.

    Returns
    -------
    str
        "The errors of B are smaller by 0.021 [0.012, 0.030] on the 300 objects that neither was trained on (MAE: A
        0.231, B 0.210)." Escape it in HTML, since names may contain anything.
    """
    errors = table[["error_a", "error_b"]].dropna().to_numpy(dtype=np.float64)
    if len(errors) < 2:
        return f"Errors cannot be compared: the truth of {len(errors)} of the {len(table):,} objects {among} is known."
    blocks = blocks_of(len(errors))
    sums = np.bincount(blocks, errors[:, 0] - errors[:, 1])
    gain = bootstrap(lambda total, count: float(total.sum() / count.sum()), sums, np.bincount(blocks))
    value, low, high = float(gain.value), float(gain.low), float(gain.high)
    alike = low <= 0 <= high
    digits = decimals(high - low if alike else min(high - low, abs(low), abs(high)))
    means = ", ".join(f"{name} {mean:.{digits}f}" for name, mean in zip(names, errors.mean(axis=0), strict=True))
    where = f"on the {len(errors):,} objects {among} ({'share wrong' if 'differs' in table else 'MAE'}: {means})."
    if alike:
        difference = interval_words(-value, -high, -low, digits)
        return f"{names[0]} and {names[1]} do not differ measurably: second − first {difference} {where}"
    better = names[1] if value > 0 else names[0]
    ends = (value, low, high) if value > 0 else (-value, -high, -low)
    return f"The errors of {better} are smaller by {interval_words(*ends, digits).lstrip('+')} {where}"


def compared_measures(table: pd.DataFrame, cut: float | None = None, *, n: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the measures of two predictions of the same objects, and their differences, with paired intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        From `disagreement`. Only objects with a truth and both predictions count.
    cut : float, optional
        Adds the outlier fraction: the share with |estimate − truth| > cut.
    n, seed : int
        As in `galviz.measure.metrics.bootstrap`. Each resample has the same objects for both predictions.

    Returns
    -------
    pandas.DataFrame
        Index metric; columns a, b, difference (b − a), low, high (its 95 % interval) and definition. For classes:
        accuracy. Empty if no object counts.
    """
    known = table.dropna(subset=["truth", "estimate_a", "estimate_b"])
    truth, first, second = (known[name].to_numpy() for name in ("truth", "estimate_a", "estimate_b"))
    metrics = definitions(cut, numbers="differs" not in table)
    columns = ["a", "b", "difference", "low", "high", "definition"]
    if not len(known):
        return pd.DataFrame(columns=columns, index=pd.Index([], name="metric"))

    def judged(rows: np.ndarray, _: np.ndarray) -> np.ndarray:
        rows = rows.astype(int)
        a, b = (
            np.array([metric(truth[rows], each[rows]) for metric, _ in metrics.values()]) for each in (first, second)
        )
        return np.stack([a, b, b - a])

    found = bootstrap(judged, np.arange(len(known)), np.arange(len(known)), n=n, seed=seed)
    values = [*found.value, found.low[2], found.high[2], [words for _, words in metrics.values()]]
    return pd.DataFrame(dict(zip(columns, values, strict=True)), index=pd.Index(metrics, name="metric"))


def changed(table: pd.DataFrame, names: Sequence[str] = ("A", "B"), cut: float = 0.0) -> dict[str, pd.Index]:
    """Return which objects two predictions get right: label → ids.

    Parameters
    ----------
    table : pandas.DataFrame
        From `disagreement`. Only objects with a truth and both predictions count.
    names : two of str
        Names of the predictions.
    cut : float
        For numbers: a prediction is right if |estimate − truth| ≤ cut, otherwise an outlier.

    Returns
    -------
    dict of str to pandas.Index
        Right in both, in the first only, in the second only, and in neither. Every object that counts is in one.
    """
    known, (a, b) = table.dropna(subset=["truth", "estimate_a", "estimate_b"]), names
    limit, good, bad = (0.0, "right", "wrong") if "differs" in table else (cut, "within the cut", "outliers")
    one, two = known["error_a"] <= limit, known["error_b"] <= limit
    parts = {f"{good} in both": one & two, f"{good} in {a} only": one & ~two, f"{good} in {b} only": ~one & two}
    parts |= {f"{bad} in both": ~one & ~two}
    return {label: known.index[mask] for label, mask in parts.items()}


def suspects(truth: pd.Series, estimate: pd.Series | pd.DataFrame, spread: pd.Series | None = None) -> pd.Series:
    """Return a quality score for each label, from predictions of a network that was not trained on it.

    Use predictions for held-out objects only, because a network repeats wrong labels that it was trained on. Leave out
    objects that were seen in training, or use cross-validation.

    Parameters
    ----------
    truth : pandas.Series
        (N,) labels, numbers or class names, index ``object_id``.
    estimate : pandas.Series or pandas.DataFrame
        (N,) numbers, or for classes (N, K) probabilities, one column per class; the same index.
    spread : pandas.Series, optional
        (N,) uncertainty of each number, 1 σ, > 0. Uncertain estimates then count less against a label.

    Returns
    -------
    pandas.Series
        Name ``label_quality``: 0 (suspect) to 1, index as `truth` without the objects for which something is NaN. For
        numbers the score is OUTRE among random parts of about 1,000 objects; for classes the probability of the label.

    Raises
    ------
    ImportError
        If cleanlab is not installed.
    ValueError
        If indices differ, a label has no probability, a spread is not positive, or fewer than 10 objects are left.

    References
    ----------
    cleanlab, ``regression.rank`` (OUTRE: how far out label and residual lie among all such pairs) and ``rank``
    (self-confidence); Kuan & Mueller (2022), ICML DataPerf workshop.
    """
    numbers, known = isinstance(estimate, pd.Series), truth.notna()
    for name, other in (("estimate", estimate), ("spread", spread)):
        if other is not None and not other.index.equals(truth.index):
            raise ValueError(f"{name}: expected the index of truth, got another. Align them: {name}.loc[truth.index].")
        if other is not None:
            known &= other.notna().to_numpy().reshape(len(truth), -1).all(axis=1)
    if known.sum() < _FEWEST:
        raise ValueError(
            f"truth: expected {_FEWEST} held-out objects or more with label and estimate, got {known.sum()}."
        )
    uncertain = None if spread is None else spread[known].to_numpy(dtype=np.float64)
    score = (
        _of_numbers(truth[known], estimate[known], uncertain) if numbers else _of_classes(truth[known], estimate[known])
    )
    return pd.Series(score, index=truth.index[known], name="label_quality")


def _plain(table: pd.DataFrame, *, numbers: bool) -> pd.DataFrame:
    how = {"dtype": np.float64, "na_value": np.nan} if numbers else {"dtype": object}
    return pd.DataFrame({name: table[name].to_numpy(**how) for name in ("truth", "estimate")}, index=table.index)


def _check_same(one: pd.Series, two: pd.Series, *, numbers: bool) -> None:
    known = one.notna() & two.notna()
    same = np.isclose(one[known], two[known], rtol=1e-5) if numbers else (one[known] == two[known]).to_numpy(bool)
    if not same.all():
        bad = one[known].index[~same][0]
        raise ValueError(
            f"truth: expected the same in a and b, got {one[bad]} and {two[bad]} for {bad!r}. "
            "Compare runs of one target, on one catalogue."
        )


def _cleanlab(module: str) -> Any:
    try:
        return importlib.import_module(f"cleanlab.{module}")
    except ImportError as error:
        raise ImportError(
            f"cleanlab: expected it to score labels with, got none ({error}). Install it: pip install 'galviz[labels]'."
        ) from None


def _of_numbers(truth: pd.Series, estimate: pd.Series, spread: np.ndarray | None) -> np.ndarray:
    rank = _cleanlab("regression.rank").get_label_quality_scores
    label = truth.to_numpy(dtype=np.float64)
    residual = estimate.to_numpy(dtype=np.float64) - label
    if spread is not None:
        if not (spread > 0).all():
            raise ValueError(f"spread: expected positive numbers (1 σ), got {spread.min()}. Leave those objects out.")
        residual = residual / spread * np.median(spread)
    score = np.empty(len(label))
    order = np.random.default_rng(0).permutation(len(label))  # all at once, memory would grow with the square
    for rows in np.array_split(order, -(-len(order) // _PART)):
        score[rows] = rank(label[rows], label[rows] + residual[rows])
    return score


def _of_classes(truth: pd.Series, chances: pd.DataFrame) -> np.ndarray:
    codes = chances.columns.get_indexer(pd.Index(truth, dtype=chances.columns.dtype))
    if (codes < 0).any():
        known = ", ".join(map(str, chances.columns))
        raise ValueError(f"truth: expected classes among {known}, got {truth[codes < 0].iloc[0]!r}. Add its column.")
    return _cleanlab("rank").get_label_quality_scores(codes, chances.to_numpy(dtype=np.float64))
