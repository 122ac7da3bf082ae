"""Numbers that perhaps stand for a missing value: 99, -99, -9999, -32768, where all other values are far away."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from galviz.io.expressions import column

_OTHERS = (-32768.0, -(2.0**31), -(2.0**63), 1e20, -1e20, 1e30, -1e30)
_NINES = re.compile(r"9{2,}(\.9+)?")
_MOST = 4  # different ones in a column
_NAMED = 4  # columns that a sentence names


def stand_ins(values: np.ndarray) -> dict[float, int]:
    """Return the numbers that perhaps stand for a missing value, and how often each occurs.

    Such a number is all nines (99, -99.99, 9999) or a usual limit (-32768), is the smallest or the largest one, and is
    further from all others than these are from each other; or it is negative and no other one is.

    Parameters
    ----------
    values : numpy.ndarray
        (N,) float. NaN and infinite values are missing anyway.
    """
    found: dict[float, int] = {}
    finite = np.isfinite(values)
    ends = values.min(where=finite, initial=np.inf), values.max(where=finite, initial=-np.inf)
    rest = values[finite] if any(map(_is_usual, ends)) else values[:0]
    while len(rest) and len(found) < _MOST:
        ends = [float(rest.min()), float(rest.max())]
        for end in filter(_is_usual, ends):
            others = rest[rest != end]
            if len(others) and _is_far(end, float(others.min()), float(others.max())):
                found[end] = len(rest) - len(others)
                rest = others
                break
        else:
            break
    return found


def stand_ins_of(table: pd.DataFrame) -> dict[str, dict[float, int]]:
    """Return column → its `stand_ins`, of the columns of numbers that have any."""
    numbers = table.select_dtypes("number")
    found = {str(name): stand_ins(numbers[name].to_numpy(np.float64, na_value=np.nan)) for name in numbers}
    return {name: ones for name, ones in found.items() if ones}


def condition(name: str, value: float) -> str:
    """Return the condition that leaves out the objects with a number that `stand_ins` found in a column."""
    limit = float(f"{0.9 * value:.1g}")
    return f"{column(name)} {'>' if value < 0 else '<'} {limit:g}"


def note_on(name: str, value: float, count: int) -> str:
    """Return a note on a column that has a number of `stand_ins`, in so many rows."""
    return f"{value:.7g} in {_rows(count)}: perhaps missing; filter {condition(name, value)}"


def notes_on(found: Mapping[str, Mapping[float, int]]) -> list[str]:
    """Return a sentence for each number that `stand_ins_of` found, with the columns and a condition to filter by."""
    notes = []
    for value in sorted({value for ones in found.values() for value in ones}):
        counts = {name: ones[value] for name, ones in found.items() if value in ones}
        named = [f"{name} ({_rows(count)})" for name, count in counts.items()]
        more = f" and {len(named) - _NAMED} more columns" if len(named) > _NAMED else ""
        notes.append(
            f"{value:.7g} in {', '.join(named[:_NAMED])}{more}: perhaps missing values. They stay in the table, and "
            f"plots open without them. Filter by {condition(next(iter(counts)), value)} to leave them out."
        )
    return notes


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"


def _is_usual(value: float) -> bool:
    return value in _OTHERS or bool(_NINES.fullmatch(f"{abs(value):.7g}"))


def _is_far(value: float, low: float, high: float) -> bool:
    """Return whether a value is further from others, which lie between `low` and `high`, than these from each other."""
    gap = low - value if value < low else value - high
    return gap > high - low or value < 0 <= low
