"""Slices of a catalogue in which a loss is larger than elsewhere, as words and as expressions."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import column as expression_of
from galviz.io.expressions import evaluate
from galviz.io.ids import check_ids

_MOST_VALUES = 30  # a text column with more values is not cut into slices
_KINDS = {"string", "boolean", "integer", "floating", "mixed-integer-float"}  # of values that expressions know
_LONGEST = 2000  # characters that an expression may have
_BLOCKS = 2000  # above this many objects, blocks of them are resampled
_RESAMPLES = 1000

Named = list[tuple[str, str]]  # slices of a column: expression, words


def worst_slices(
    errors: pd.Series, table: pd.DataFrame, *, bins: int = 5, least: int = 20, measure: str = ""
) -> pd.DataFrame:
    """Return the slices of a catalogue in which a loss is significantly larger than elsewhere.

    A slice is a range of a numeric column (`bins` ranges with nearly equal counts and round bounds; single values if a
    column has few), one value of a column with at most 30 texts, booleans or categories, or the objects for which a
    column is missing. Dates and other types are ignored.

    Parameters
    ----------
    errors : pandas.Series
        Loss of each object, indexed by `object_id`: the absolute residual, or 1 for a wrong class and 0 for a right
        one. Objects whose loss is NaN are left out.
    table : pandas.DataFrame
        The catalogue, index ``object_id``. Objects without a loss are left out.
    bins : int
        Number of ranges per numeric column.
    least : int
        Slices with fewer objects inside, or outside, are ignored.
    measure : str
        Name of the mean loss in words. By default ``"MAE"``, or ``"share wrong"`` if all losses are 0 or 1.

    Returns
    -------
    pandas.DataFrame
        One row per slice, the most certain difference (highest `low`) first: column, expression
        (`galviz.io.expressions`; among the objects with a loss it selects exactly the slice), words (not escaped for
        HTML), count, the mean loss inside and outside, their difference, and its interval low and high, which lies
        above zero. ``attrs["looked_at"]`` is the number of slices tested, ``attrs["objects"]`` the number of objects.

    Raises
    ------
    ValueError
        If ids or column names are not unique, a loss is infinite, or `bins` or `least` is below 2.

    Notes
    -----
    The intervals are simultaneous: with a probability of 95 %, all of them contain the true values, for any number of
    slices. Objects are resampled 1,000 times, in all slices together, and the largest studentised deviation of a
    resample sets the ends. No variance is assumed to be smaller than that of all losses, so that a few objects with
    similar losses by chance are not taken as certain. Above 2,000 objects, 2,000 random blocks of equal size are
    resampled.

    References
    ----------
    Westfall & Young (1993), Resampling-Based Multiple Testing, ch. 2; Romano & Wolf (2005), Econometrica 73, 1237;
    Chung et al. (2019), arXiv:1807.06068 (slices of a table).
    """
    known, loss = _known(errors, table, bins, least)
    columns = [(name, *found) for name in known if (found := _slices(name, known, bins)) is not None]
    named = [(name, *each) for name, _, slices in columns for each in slices]
    result = pd.DataFrame(named, columns=["column", "expression", "words"])
    middle = float(np.clip(loss.mean(), loss.min(), loss.max())) if len(loss) else 0.0  # exact where all are equal
    sums, totals = _block_sums(loss - middle, [(codes, len(slices)) for _, codes, slices in columns])
    counts = sums[..., 0].sum(axis=0)
    fit = (counts >= least) & (len(loss) - counts >= least)
    fit &= (result["expression"].str.len() <= _LONGEST).to_numpy(bool)
    result = result[fit].reset_index(drop=True).join(_intervals(sums[:, fit], totals, middle))
    result = result[result["low"] > 0].sort_values("low", ascending=False, kind="stable", ignore_index=True)
    measure = measure or ("share wrong" if np.isin(loss, (0, 1)).all() else "MAE")
    result["words"] = [_slice_words(row, len(loss), measure) for row in result.itertuples()]
    result.attrs |= {"looked_at": int(fit.sum()), "objects": len(loss)}
    return result


def _known(errors: pd.Series, table: pd.DataFrame, bins: int, least: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the rows of the table whose loss is known, and the loss."""
    if bins < 2 or least < 2:
        raise ValueError(f"bins, least: expected 2 or more, got bins = {bins!r} and least = {least!r}.")
    check_ids(errors.index)
    check_ids(table.index)
    if not table.columns.is_unique:
        double = table.columns[table.columns.duplicated()][0]
        raise ValueError(f"table: expected different names of columns, got {double!r} twice. Rename one.")
    values = pd.Series(errors.to_numpy(dtype=np.float64, na_value=np.nan), index=errors.index)
    loss = values.reindex(table.index).to_numpy()
    if np.isinf(loss).any():
        raise ValueError(
            f"errors: expected finite numbers or NaN, got infinity for {table.index[np.isinf(loss)][0]!r}."
        )
    return table[~np.isnan(loss)], loss[~np.isnan(loss)]


def _slices(name: Any, table: pd.DataFrame, bins: int) -> tuple[np.ndarray, Named] | None:
    """Return the slice of each row (−1: none) and the list of slices of a column; None if it cannot be cut."""
    if not isinstance(name, str) or len(name) > _LONGEST // 2:
        return None
    column = expression_of(name) if name.isascii() else f"col({name!r})"  # Python normalises some letters in names
    values = evaluate(column, table)
    if values.dtype == bool:
        return values.astype(int), [(f"not {column}", f"not {name}"), (column, name)]
    missing, number = pd.isna(values), values.dtype == np.float64
    if not number and pd.api.types.infer_dtype(values, skipna=True) not in _KINDS:
        return None
    codes, found = pd.factorize(values)
    absent = f"isnan({column})"
    if number and len(found) > bins:
        edges = _edges(values[np.isfinite(values)], bins)
        codes, named = np.searchsorted(edges, values), _ranges(column, name, edges)
    elif len(found) <= _MOST_VALUES and all(isinstance(value, str) or float(value) == value for value in found):
        named = [(f"{column} in ({_literal(value)},)", f"{name} is {_short(value)}") for value in found]
        absent = absent if number else f"{column} not in ({', '.join(map(_literal, found))},)"
    else:
        return None
    codes[missing] = len(named)
    return codes, [*named, (absent, f"{name} is missing")]


def _edges(finite: np.ndarray, bins: int) -> np.ndarray:
    """Return the edges between parts of nearly equal counts, as numbers with few digits."""
    values, counts = np.unique(finite, return_counts=True)
    below, edges = counts.cumsum()[:-1], []
    for k in range(1, bins if len(below) else 1):
        off = np.abs(below - k * len(finite) / bins)
        near = np.flatnonzero(off <= max(off.min(), len(finite) / (20 * bins)))
        edges.append(_round_between(values[near[0]], values[near[-1] + 1]))
    return np.unique(edges)


def _round_between(low: float, high: float) -> float:
    """Return a number with few digits, low ≤ number < high."""
    tries = (float(f"{low / 2 + high / 2:.{digits}g}") for digits in range(1, 18))
    return next((value for value in tries if low <= value < high), float(low))


def _ranges(column: str, name: str, edges: np.ndarray) -> Named:
    ends = [float(edge) for edge in edges]
    if not ends:
        return [(f"not isnan({column})", f"{name} is known")]
    between = [
        (f"{low!r} < {column} <= {high!r}", f"{name} from {low:.6g} to {high:.6g}") for low, high in pairwise(ends)
    ]
    first = f"{column} <= {ends[0]!r}", f"{name} up to {ends[0]:.6g}"
    return [first, *between, (f"{column} > {ends[-1]!r}", f"{name} above {ends[-1]:.6g}")]


def _literal(value: Any) -> str:
    """Write a value as expressions read it."""
    if isinstance(value, str):
        return repr(str(value))
    return repr(bool(value)) if isinstance(value, bool | np.bool_) else repr(float(value)).replace("inf", "1e999")


def _short(value: Any) -> str:
    if isinstance(value, str):
        return f"“{value if len(value) <= 40 else value[:39] + '…'}”"
    return str(bool(value)).lower() if isinstance(value, bool | np.bool_) else f"{value:.6g}"


def blocks_of(objects: int) -> np.ndarray:
    """Return the block with which each object is resampled: its own, or above 2,000 objects one of 2,000 at random."""
    if objects <= _BLOCKS:
        return np.arange(objects)
    return np.random.default_rng(0).permutation(objects) % _BLOCKS


def _block_sums(loss: np.ndarray, columns: list[tuple[np.ndarray, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Sum 1, the loss and its square over the objects of each block: (blocks, slices, 3), and in all (blocks, 3)."""
    block = blocks_of(len(loss))
    blocks, powers = min(len(loss), _BLOCKS), (np.ones(len(loss)), loss, loss**2)

    def by(place: np.ndarray, size: int) -> np.ndarray:
        return np.stack([np.bincount(place, p, blocks * size).reshape(blocks, size) for p in powers], axis=-1)

    parts = [by(block * size + codes, size) for codes, size in columns]
    return np.concatenate([np.zeros((blocks, 0, 3)), *parts], axis=1), by(block, 1)[:, 0]


def _intervals(sums: np.ndarray, totals: np.ndarray, middle: float) -> pd.DataFrame:
    """Return the means inside and outside each slice, and the simultaneous interval of their difference."""
    if not sums.shape[1]:
        return pd.DataFrame(columns=["count", "inside", "outside", "difference", "low", "high"], dtype=np.float64)
    blocks, rng = len(sums), np.random.default_rng(0)
    weights = rng.multinomial(blocks, np.full(blocks, 1 / blocks), size=_RESAMPLES).astype(np.float64)
    again = (weights @ sums.reshape(blocks, -1)).reshape(_RESAMPLES, -1, 3)
    with np.errstate(divide="ignore", invalid="ignore"):  # equal losses, or a resample without an object of a slice
        means, variances, counts = _moments(sums.sum(axis=0), totals.sum(axis=0))
        means_again, variances_again, counts_again = _moments(again, (weights @ totals)[:, None])
        pooled = max(float(totals[:, 2].sum() / totals[:, 0].sum()), 0)  # around the mean of all losses
        error = np.sqrt((np.fmax(variances, pooled) / counts).sum(axis=0))
        least = np.clip(variances, pooled / 10, pooled)[:, None]
        error_again = np.sqrt((np.fmax(variances_again, least) / counts_again).sum(axis=0))
        inside, outside = means
        deviation = (means_again[0] - means_again[1] - (inside - outside)) / error_again
    high = np.quantile(np.fmax.reduce(deviation, axis=1), 0.975)
    low = np.quantile(np.fmin.reduce(deviation, axis=1), 0.025)
    ends = {"low": inside - outside - high * error, "high": inside - outside - low * error}
    means = {"inside": inside + middle, "outside": outside + middle, "difference": inside - outside}
    return pd.DataFrame({"count": sums[..., 0].sum(axis=0).astype(int)} | means | ends)


def _moments(inside: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, variance and number of the losses inside and outside (first axis), from sums of their powers (…, 3)."""
    count, first, second = np.moveaxis(np.stack([inside, total - inside]), -1, 0)
    return first / count, np.fmax(second / count - (first / count) ** 2, 0), count


def _slice_words(row: Any, objects: int, measure: str) -> str:
    digits = decimals(min(row.high - row.low, row.low))
    inside, outside = (f"{mean:.{digits}f}".replace("-", "−") for mean in (row.inside, row.outside))
    beyond = interval_words(row.difference, row.low, row.high, digits)
    return (
        f"{row.words} ({row.count:,} of {objects:,} objects): {measure} {inside} against {outside} elsewhere, {beyond}"
    )


def interval_words(value: float, low: float, high: float, digits: int) -> str:
    """Write a difference and its interval: ``"+0.12 [0.08, 0.16]"``."""
    return f"{value:+.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]".replace("-", "−")


def decimals(scale: float) -> int:
    """Return the number of decimals that show one or two digits of a number."""
    return int(np.clip(np.ceil(0.5 - np.log10(scale)), 0, 12)) if scale > 0 else 3
