"""What is learned: which columns of a catalogue, of what kind, and how they are transformed for learning."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Self, get_args

import numpy as np
import pandas as pd

Kind = Literal["scalar", "member", "votes", "band"]
Transform = Literal["identity", "ln", "log10", "zscore"]

_FORWARD = {"identity": np.positive, "ln": np.log, "log10": np.log10, "zscore": np.positive}
_INVERSE = {"identity": np.positive, "ln": np.exp, "log10": lambda values: np.power(10.0, values)}
_SHOWN = {"identity": "{}", "ln": "ln {}", "log10": "log₁₀ {}", "zscore": "z-score of {}"}


@dataclass(frozen=True)
class Target:
    """The catalogue columns that are learned.

    Parameters
    ----------
    name : str
        Name of the estimate in `Predictions`, as learned: ``"ln_richness"``.
    kind : {"scalar", "member", "votes", "band"}
        A number, a probability of membership, vote fractions, or the band of a one-band image.
    columns : tuple of str
        Columns of the catalogue; none for ``"band"``, whose truth is the image itself.
    label : str
        How it is written on an axis before the transform: ``"λ"``.
    unit : str
        Unit of the untransformed value, or ``""``.
    transform : {"identity", "ln", "log10", "zscore"}
        What is done to the values before they are learned; ``"zscore"`` is (value − `centre`) / `scale`.
    centre, scale : float, optional
        Constants of ``"zscore"``, which `fitted` sets. Two targets that differ in these alone are equal.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    label: str
    unit: str = ""
    transform: Transform = "identity"
    centre: float | None = field(default=None, compare=False)
    scale: float | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: expected one of {', '.join(get_args(Kind))}, got {self.kind!r}.")
        if isinstance(self.columns, str):
            raise ValueError(f"columns: expected a tuple of names, got {self.columns!r}. Write ({self.columns!r},).")  # noqa: TRY004 - as every other bad field
        object.__setattr__(self, "columns", tuple(self.columns))
        if self.transform not in _FORWARD:
            raise ValueError(f"transform: expected one of {', '.join(_FORWARD)}, got {self.transform!r}.")
        if (self.kind == "band") == bool(self.columns):
            wanted = "no columns for a band target" if self.kind == "band" else "at least one column"
            raise ValueError(f"columns: expected {wanted}, got {self.columns}.")

    @property
    def label_learned(self) -> str:
        """Axis label of the values as learned: ``"ln λ"``."""
        return _SHOWN[self.transform].format(self.label)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Transform catalogue values to what is learned, float64, any shape; NaN stays NaN.

        Raises
        ------
        ValueError
            If a logarithm meets a value that is not positive, or a z-score has no constants yet.
        """
        values = np.asarray(values, dtype=np.float64)
        if self.transform == "zscore":
            centre, scale = self._constants()
            return (values - centre) / scale
        if self.transform != "identity" and (values <= 0).any():
            bad = values[values <= 0][0]
            raise ValueError(
                f"{', '.join(self.columns)}: expected positive values for the transform {self.transform!r}, got {bad}. "
                "Leave those objects out, or learn the value itself (transform='identity')."
            )
        return _FORWARD[self.transform](values)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Turn learned values back into the catalogue's, float64, any shape; NaN stays NaN; errors as in `forward`."""
        values = np.asarray(values, dtype=np.float64)
        if self.transform == "zscore":
            centre, scale = self._constants()
            return centre + scale * values
        return _INVERSE[self.transform](values)

    def fitted(self, catalogue: pd.DataFrame) -> Self:
        """Give the same target with the constants of a z-score: mean and standard deviation of the known values.

        A target of another transform, or one that has its constants, stays as it is. Objects that are held out later
        count too: the constants are a shift and a stretch that `inverse` takes back, and teach nothing.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            A row an object; without the column, or with fewer than two different values, nothing is set.
        """
        if self.transform != "zscore" or self.scale is not None or not set(self.columns) <= set(catalogue.columns):
            return self
        values = catalogue[list(self.columns)].to_numpy(dtype=np.float64)
        scale = float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
        return replace(self, centre=float(np.nanmean(values)), scale=scale) if scale > 0 else self

    def _constants(self) -> tuple[float, float]:
        if self.centre is None or self.scale is None:
            raise ValueError(f"{self.name}: expected the constants of its z-score, got none. Use fitted(catalogue).")
        return self.centre, self.scale

    def truth(self, catalogue: pd.DataFrame) -> np.ndarray:
        """Read what is to be learned from a catalogue.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            A row an object.

        Returns
        -------
        numpy.ndarray of float64, shape (N, K)
            K columns, transformed; NaN where the catalogue has none. A z-score without constants is that of this
            catalogue.

        Raises
        ------
        KeyError
            If the catalogue lacks a column.
        """
        missing = [name for name in self.columns if name not in catalogue.columns]
        if missing:
            raise KeyError(
                f"catalogue: expected the column {missing[0]!r} to learn {self.name}, "
                f"got {', '.join(map(str, catalogue.columns)) or 'no columns'}. Add it, or choose another target."
            )
        return self.fitted(catalogue).forward(catalogue[list(self.columns)].to_numpy(dtype=np.float64))

    def to_json(self) -> dict[str, Any]:
        """Give the fields as plain JSON values."""
        return asdict(self) | {"columns": list(self.columns)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Make a target from what `to_json` gave."""
        return cls(**fields)
