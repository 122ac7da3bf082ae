"""What one column of a catalogue already says of a target: learned first, so that a network learns the rest."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

_KNOTS = 9
_FEWEST = 10  # objects that a line is drawn through


@dataclass(frozen=True, eq=False)
class Offset:
    """A piecewise linear function of a column, constant outside its knots; where the column is not known, its mean.

    Parameters
    ----------
    column : str
    at, values : array_like of float
        (K,) knots, rising, and the target (as learned) there.
    mean : float
        Of the target.
    """

    column: str
    at: np.ndarray
    values: np.ndarray
    mean: float

    def __post_init__(self) -> None:
        for name in ("at", "values"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.float64))

    @classmethod
    def fit(cls, column: str, values: ArrayLike, truth: ArrayLike) -> Self:
        """Draw the line of least squares through the truth.

        Parameters
        ----------
        column : str
            Its name.
        values, truth : array_like of float
            (N,) the column, and the target as learned; objects with a NaN in either do not count.

        Returns
        -------
        Offset
            With up to 9 knots at quantiles of the values; the mean where fewer than 10 objects are known.
        """
        x, y = (np.asarray(numbers, dtype=np.float64) for numbers in (values, truth))
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        mean = float(y.mean()) if len(y) else 0.0
        at = np.unique(np.quantile(x, np.linspace(0, 1, _KNOTS))) if len(x) >= _FEWEST else np.zeros(1)
        if len(at) < 2:
            return cls(column, at, [mean] * len(at), mean)
        hats = np.stack([np.interp(x, at, hat) for hat in np.eye(len(at))], axis=1)
        return cls(column, at, mean + np.linalg.lstsq(hats, y - mean, rcond=1e-6)[0], mean)

    def of(self, catalogue: pd.DataFrame) -> np.ndarray:
        """Compute the function for the rows of a catalogue, float64, shape (N,).

        Raises
        ------
        KeyError
            If it lacks the column.
        """
        values = column_of(catalogue, self.column)
        return np.where(np.isfinite(values), np.interp(values, self.at, self.values), self.mean)

    def to_json(self) -> dict[str, Any]:
        """Give the fields as plain JSON values."""
        return {"column": self.column, "at": self.at.tolist(), "values": self.values.tolist(), "mean": self.mean}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any] | None) -> Self | None:
        """Make an offset from what `to_json` gave; None of None."""
        return None if fields is None else cls(**fields)


def column_of(catalogue: pd.DataFrame, name: str) -> np.ndarray:
    """Read a column of numbers, float64, shape (N,), NaN where not known; a KeyError says what can be done without."""
    if name not in catalogue.columns:
        raise KeyError(
            f"catalogue: expected the column {name!r}, which the recipe's offset names, got "
            f"{', '.join(map(str, catalogue.columns)) or 'no columns'}. Add it, or train without: --set offset="
        )
    return catalogue[name].to_numpy(dtype=np.float64, na_value=np.nan)
