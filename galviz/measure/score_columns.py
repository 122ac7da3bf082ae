"""Find the columns of a table that are scores for a threshold, and what they are the probability of."""

import re

import numpy as np
import pandas as pd

from galviz.sky.galaxy_zoo import COLUMNS, MERGER, NAMES

NO_TRUTH = ""
MOST_OUTSIDE = 0.1
"""Largest share of values outside 0…1 in a score column. They are left out. With more, the column is not a score."""

_TRUTHS = ("truth", "is_merger", "merger_true", "label", "is_merging")
_BESIDE = ("fold", "in_training", "seen", "residual", "spread")
_TELLING = re.compile(r"merg|^(p|score|prob|probability|prediction|predicted|estimate)$", re.IGNORECASE)
_THEIRS = re.compile(r"(.+?)(?:-gz2|-gzd?\d?|-dr\d+)?_(.+)_fraction")
_Z = re.compile(r"^(z|redshift|z_?spec|z_?phot|photo_?z|spec_?z)$", re.IGNORECASE)
_COLOURS = (("g", "r"), ("u", "r"), ("r", "i"))
_TRIED, _FARTHEST = 1000, 8  # a column z with larger values in its first rows is not a redshift
_NAMED = 6  # largest number of columns listed in the error message


def answers(table: pd.DataFrame) -> dict[str, str]:
    """Return the columns that a threshold can be applied to: numbers within 0…1, not only 0 and 1.

    A column whose name shows that it is a score may have a share of up to `MOST_OUTSIDE` of its values outside.

    Returns
    -------
    dict of str to str
        Label → column, the most likely score first: an ``estimate``, Kaggle's ``Class8.6``, a column with a ``…_true``
        beside it, a column with a typical name. Columns that look like a truth come last.

    Raises
    ------
    ValueError
        If there is none. The message gives the reason for each column.
    """
    known = [name for name in _numeric(table) if name not in _BESIDE and not is_redshift(name)]
    found = [name for name in known if not _why_not(name, numbers(table[name]))]
    if not found:
        raise ValueError(_none_of(table))

    def rank(name: str) -> tuple[bool, ...]:
        truth = name.endswith("_true") or name in _TRUTHS
        judged = f"{name}_true" in table.columns
        return truth, name != "estimate", name != MERGER, not judged, not _TELLING.search(name)

    called = {name: meaning(name) for name in sorted(found, key=rank)}
    return {name if name == label else f"{label} ({name})": name for name, label in called.items()}


def truths(table: pd.DataFrame, score: str) -> dict[str, str]:
    """Return the columns that may hold the truth of a score, the matching one first. ``NO_TRUTH`` is always included.

    The result has the form of `answers`.
    """
    flags = [str(name) for name in table.columns if pd.api.types.is_bool_dtype(table[name].dtype)]
    known = [name for name in [*_within(table), *flags] if name not in (score, *_BESIDE)]
    merger = meaning(score) == "merger"
    own = [f"{score}_true", *(_TRUTHS if merger else ())]
    first = next((name for name in own if name in known), None)
    rest = [name for name in known if name != first]
    found = {} if first is None else {first: first}
    return found | {"none": NO_TRUTH} | {name: name for name in rest}


def meaning(score: str) -> str:
    """Return what a score is the probability of: an answer of Galaxy Zoo, ``"merger"``, or the column's own name."""
    if score in COLUMNS:
        return NAMES[COLUMNS.index(score)]
    theirs = _THEIRS.fullmatch(score)
    if theirs:
        return f"{theirs[1]}: {theirs[2]}".replace("-", " ")
    return "merger" if _TELLING.search(score) else score


def words(name: str) -> tuple[str, str]:
    """Return the labels of the positive and the negative class: ``("merger", "not a merger")``."""
    return name, "not a merger" if name == "merger" else f"not {name}"


def bin_column(table: pd.DataFrame) -> str:
    """Return the best expression to bin fractions by: a redshift, else a colour, else nothing (``""``)."""
    known = _numeric(table)
    bands = set("ugri") & set(known)  # where there are other bands, z may be a magnitude

    def far(name: str) -> bool:
        return np.nanmax(numbers(table[name].head(_TRIED)), initial=0) > _FARTHEST

    redshift = next((name for name in known if is_redshift(name) and not (name == "z" and bands and far(name))), "")
    return redshift or next((f"{a} - {b}" for a, b in _COLOURS if a in known and b in known), "")


def is_redshift(name: str) -> bool:
    """Return whether a column has the name of a redshift, or of a true one: ``z``, ``z_spec``, ``photo_z_true``."""
    return _Z.match(name.removesuffix("_true")) is not None


def outside(values: np.ndarray) -> np.ndarray:
    """Return the rows whose values are numbers outside 0…1."""
    return np.flatnonzero((values < 0) | (values > 1))


def numbers(values: pd.Series) -> np.ndarray:
    """Return a column as float64, or as float32 if it is float32. Missing values are NaN."""
    kind = np.float32 if values.dtype == np.float32 else np.float64
    return values.to_numpy(dtype=kind, na_value=np.nan)


def _numeric(table: pd.DataFrame) -> list[str]:
    return [str(name) for name in table.select_dtypes("number").columns]


def _within(table: pd.DataFrame) -> list[str]:
    """Return the names of numeric columns that have values, all within 0…1, and are not redshifts."""
    kept = [name for name in _numeric(table) if not is_redshift(name)]
    return [name for name in kept if 0 <= _ends(found := numbers(table[name]))[0] <= _ends(found)[1] <= 1]


def _ends(values: np.ndarray) -> tuple[float, float]:
    return np.fmin.reduce(values, initial=np.inf), np.fmax.reduce(values, initial=-np.inf)


def _why_not(name: str, values: np.ndarray) -> str:
    """Return why a numeric column is not a score, or an empty text if it is one."""
    low, high = _ends(values)
    if low > high:
        return "no values"
    tells = name in COLUMNS or _TELLING.search(name) or _THEIRS.fullmatch(name)
    if not 0 <= low <= high <= 1 and (not tells or len(outside(values)) > MOST_OUTSIDE * len(values)):
        return f"{low:.4g} … {high:.4g}"
    return "" if ((values > 0) & (values < 1)).any() else "only 0 and 1"


def _none_of(table: pd.DataFrame) -> str:
    """Return the error message for a table without a score: the reason for each column, and a remedy."""
    known, why = set(_numeric(table)), {}
    for name in map(str, table.columns):
        if name in known:
            why[name] = "a redshift" if is_redshift(name) else _why_not(name, numbers(table[name]))
        else:
            plain = pd.to_numeric(table[name].astype(str), errors="coerce").isna() & table[name].notna()
            why[name] = f"text: {table[name][plain].iloc[0]!r} of {plain.index[plain][0]}" if plain.any() else "text"
    listed = [f"{name} ({reason or 'beside a score'})" for name, reason in why.items()]
    more = f" and {len(listed) - _NAMED} others" if len(listed) > _NAMED else ""
    return (
        f"table: expected a column of numbers within 0 … 1, got {', '.join(listed[:_NAMED]) or 'no column'}{more}. "
        "Divide what is in percent by 100, leave empty what is not known, or open a table with a score."
    )
