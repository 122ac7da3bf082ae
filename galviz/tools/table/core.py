"""Statistics of the columns of a table."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from galviz.measure.stand_ins import note_on, stand_ins

_DIGITS = 7  # significant
_SHARES = {"16 %": 16, "median": 50, "84 %": 84}


def column_statistics(
    table: pd.DataFrame, units: Mapping[str, str] | None = None, mask: np.ndarray | None = None
) -> pd.DataFrame:
    """Return statistics of each column, one row a column, of the rows in `mask` or of all.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects.
    units : mapping of str to str, optional
        Column → unit.
    mask : numpy.ndarray, optional
        (N,) bool.

    Returns
    -------
    pandas.DataFrame
        Index ``column``; unit, type, n (known values), missing, min, 16 %, median, 84 %, max, mean, std (of
        the sample), distinct (number of different values) and note, on numbers that perhaps stand for a missing value.
        An infinite value counts as missing. Truth values count as 0 and 1: their mean is a fraction. Text has only n,
        missing and distinct.
    """
    rows = table if mask is None else table[mask]
    units = units or {}
    found = [_of(rows[name]) | {"column": str(name), "unit": units.get(str(name), "")} for name in table.columns]
    names = ["column", "unit", "type", "n", "missing", "min", *_SHARES, "max", "mean", "std", "distinct", "note"]
    return pd.DataFrame(found, columns=names).set_index("column")


def _of(values: pd.Series) -> dict[str, Any]:
    kind = "true/false" if pd.api.types.is_bool_dtype(values) else "number"
    if not pd.api.types.is_numeric_dtype(values):
        kind = "date" if pd.api.types.is_datetime64_any_dtype(values) else "text"
        known = values.dropna()
        more = {"missing": len(values) - len(known), "distinct": int(known.nunique()), "note": ""}
        return {"type": kind, "n": len(known)} | more
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    notes = [note_on(str(values.name), value, count) for value, count in stand_ins(numbers).items()]
    whole = pd.api.types.is_integer_dtype(values)
    distinct = values.dropna().nunique() if whole else len(pd.unique(known))  # floats may make two long ids equal
    facts: dict[str, Any] = {"type": "whole number" if whole else kind, "n": len(known)}
    facts |= {"missing": len(values) - len(known), "distinct": int(distinct)}
    facts["note"] = "; ".join(notes)
    if len(known):
        shares = np.percentile(known, list(_SHARES.values()))
        more = {"min": known.min(), **dict(zip(_SHARES, shares, strict=True)), "max": known.max(), "mean": known.mean()}
        more["std"] = known.std(ddof=1) if len(known) > 1 else np.nan
        facts |= {name: float(f"{value:.{_DIGITS}g}") for name, value in more.items()}
    return facts
