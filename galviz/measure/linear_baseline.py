"""A baseline that predicts the target from one catalogue column, so that a network only learns the remainder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandas.api.types import is_numeric_dtype

_KNOTS = 9
_FEWEST = 10  # fewest objects for a fit


@dataclass(frozen=True, eq=False)
class Offset:
    """A piecewise linear function of a catalogue column, constant outside its knots.

    Parameters
    ----------
    column : str
    at, values : array_like of float
        (K,) knots, ascending, and the target (as learned) at the knots.
    mean : float
        Mean of the target, used where the column is not known.
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
        """Return the least-squares fit to the truth.

        Parameters
        ----------
        column : str
            Name of the column.
        values, truth : array_like of float
            (N,) values of the column, and the target as learned. Objects with a NaN in either are left out.

        Returns
        -------
        Offset
            With up to 9 knots at quantiles of the values. Constant (the mean) if fewer than 10 objects are known.
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
        """Return the baseline for the rows of a catalogue, float64, shape (N,).

        Raises
        ------
        KeyError
            If the catalogue lacks the column.
        """
        values = column_of(catalogue, self.column)
        return np.where(np.isfinite(values), np.interp(values, self.at, self.values), self.mean)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return {"column": self.column, "at": self.at.tolist(), "values": self.values.tolist(), "mean": self.mean}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any] | None) -> Self | None:
        """Return the baseline that `to_json` described; None for None."""
        return None if fields is None else cls(**fields)


def column_of(catalogue: pd.DataFrame, name: str, setting: str = "offset") -> np.ndarray:
    """Return a numeric column that a setting of a recipe names, float64, shape (N,), NaN where not known.

    Raises
    ------
    KeyError
        If the catalogue lacks it.
    ValueError
        If it has no numbers.
    """
    if name not in catalogue.columns:
        raise KeyError(
            f"catalogue: expected the column {name!r}, which the recipe's {setting} names, got "
            f"{', '.join(map(str, catalogue.columns)) or 'no columns'}. Add it, or train without: --set {setting}="
        )
    if not is_numeric_dtype(catalogue[name]):
        raise ValueError(f"catalogue: expected numbers in the column {name!r} of the recipe's {setting}, got others.")
    return catalogue[name].to_numpy(dtype=np.float64, na_value=np.nan)


def columns_of(catalogue: pd.DataFrame, names: Sequence[str]) -> np.ndarray | None:
    """Return the columns that a network gets beside the picture (`column_of`), shape (N, C); None if there are none."""
    return np.stack([column_of(catalogue, name, "columns") for name in names], axis=1) if names else None
