"""What is true for the objects of a region or of a cell of its matrix, as conditions on the columns."""

import numpy as np
import pandas as pd

from galviz.io.expressions import column
from galviz.tasks.pair import Pair
from galviz.tools.diagram.core import Regions


def region_conditions(table: pd.DataFrame, names: tuple[str, str], regions: Regions, region: str) -> list[str]:
    """Return the conditions that the objects of a region along the line meet, or all that are not left out.

    Parameters
    ----------
    table : pandas.DataFrame
    names : (str, str)
        Magnitude and colour: columns of the table, or expressions.
    regions : Regions
    region : str
        Name of a region; any other name stands for all of them.
    """
    x, y = (f"({column(name)})" if name in table.columns else f"({name})" for name in names)
    found, line = [f"isfinite({x}) and isfinite({y})"], regions.sequence
    if regions.faintest is not None:
        found.append(f"{x} < {regions.faintest!r}")
    if line is None:
        return found
    offset = f"({y} - ({line.intercept!r} + ({line.slope!r}) * ({x} - ({line.pivot!r})))) / {line.scatter!r}"
    for one in (each for each in regions.listed if each.name == region):
        found += [f"{offset} >= {one.low!r}"] * bool(np.isfinite(one.low))
        found += [f"{offset} < {one.high!r}"] * bool(np.isfinite(one.high))
    if regions.reddest is not None:
        found.append(f"{offset} < {regions.reddest!r}")
    return found


def cell_conditions(table: pd.DataFrame, pair: Pair, true: str, given: str) -> list[str]:
    """Return the conditions that the objects of a true and a predicted class meet."""
    if pair.estimate in pair.chances.values():  # a probability instead of a class
        cut = f"{column(pair.estimate)} {'>=' if given == pair.positive else '<'} 0.5"
        return [_is(table, pair.truth, true), cut]
    return [_is(table, pair.truth, true), _is(table, pair.estimate, given)]


def _is(table: pd.DataFrame, name: str, value: str) -> str:
    """Return the condition that a column has a class."""
    return f"{column(name)} == {value if pd.api.types.is_numeric_dtype(table[name]) else repr(value)}"
