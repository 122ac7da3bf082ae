"""Targets: the catalogue columns that are learned, their kind, and their transform."""

from dataclasses import asdict, dataclass, field, replace
from itertools import permutations
from typing import Any, Literal, Self, get_args, get_type_hints

import numpy as np
import pandas as pd

from galviz.io.records import check_fields

Kind = Literal["scalar", "member", "votes", "class", "band", "order"]
Transform = Literal["identity", "ln", "log10", "zscore"]

_FORWARD = {"identity": np.positive, "ln": np.log, "log10": np.log10, "zscore": np.positive}
_INVERSE = {"identity": np.positive, "ln": np.exp, "log10": lambda values: np.power(10.0, values)}
_SHOWN = {"identity": "{}", "ln": "ln {}", "log10": "log₁₀ {}", "zscore": "z-score of {}"}


@dataclass(frozen=True)
class Target:
    """The catalogue columns that a network learns.

    Parameters
    ----------
    name : str
        Name of the estimate in `Predictions`, as learned: ``"ln_richness"``.
    kind : {"scalar", "member", "votes", "class", "band", "order"}
        A number, a membership probability, vote fractions, one of several classes, the band of a one-band image, or
        the order of the bands in an image.
    columns : tuple of str
        Columns of the catalogue. None for ``"band"`` and ``"order"``, where the image is its own label.
    label : str
        Axis label before the transform: ``"λ"``.
    unit : str
        Unit of the untransformed value, or ``""``.
    transform : {"identity", "ln", "log10", "zscore"}
        Transform of the values before they are learned. ``"zscore"`` is (value − `centre`) / `scale`.
    centre, scale : float, optional
        Constants of ``"zscore"``, set by `fitted`. Targets that differ only in these are equal.
    classes : tuple of str
        Names of the classes, also set by `fitted`. The truth of an object is the index of its class.
    """

    name: str
    kind: Kind
    columns: tuple[str, ...]
    label: str
    unit: str = ""
    transform: Transform = "identity"
    centre: float | None = field(default=None, compare=False)
    scale: float | None = field(default=None, compare=False)
    classes: tuple[str, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"kind: expected one of {', '.join(get_args(Kind))}, got {self.kind!r}.")
        if isinstance(self.columns, str):
            raise ValueError(f"columns: expected a tuple of names, got {self.columns!r}. Write ({self.columns!r},).")  # noqa: TRY004 - as every other bad field
        object.__setattr__(self, "columns", tuple(self.columns))
        object.__setattr__(self, "classes", tuple(self.classes))
        if self.transform not in _FORWARD:
            raise ValueError(f"transform: expected one of {', '.join(_FORWARD)}, got {self.transform!r}.")
        if self.of_image == bool(self.columns):
            wanted = f"no columns for the kind {self.kind}" if self.of_image else "at least one column"
            raise ValueError(f"columns: expected {wanted}, got {self.columns}.")
        if self.kind == "class" and len(self.columns) != 1:
            raise ValueError(f"columns: expected one column of classes, got {self.columns}.")

    @property
    def of_image(self) -> bool:
        """Whether the image is its own label, so that no catalogue column is needed."""
        return self.kind in ("band", "order")

    @property
    def named(self) -> bool:
        """Whether estimates are names instead of numbers."""
        return self.of_image or self.kind == "class"

    def looks(self, bands: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """Return the variants of an image that a pretext task tells apart.

        Parameters
        ----------
        bands : tuple of str
            The B bands of the images.

        Returns
        -------
        dict of str to tuple of int
            Band indices of each variant: ``{"u": (0,), …}`` for ``"band"``; all permutations, named by the initials of
            the bands, for ``"order"``: ``{"RGB": (0, 1, 2), "RBG": (0, 2, 1), …}``. Empty for other kinds.
        """
        if self.kind == "band":
            return {band: (k,) for k, band in enumerate(bands)}
        if self.kind == "order":
            return {"".join(bands[k][0].upper() for k in order): order for order in permutations(range(len(bands)))}
        return {}

    @property
    def label_learned(self) -> str:
        """Axis label of the values as learned: ``"ln λ"``."""
        return _SHOWN[self.transform].format(self.label)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """Transform catalogue values to learned values, float64, any shape. NaN stays NaN.

        Raises
        ------
        ValueError
            If the transform is a logarithm and a value is not positive, or if the z-score has no constants yet.
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
        """Transform learned values back to catalogue values, float64, any shape. NaN and errors are as in `forward`."""
        values = np.asarray(values, dtype=np.float64)
        if self.transform == "zscore":
            centre, scale = self._constants()
            return centre + scale * values
        return _INVERSE[self.transform](values)

    def fitted(self, catalogue: pd.DataFrame) -> Self:
        """Return the target with the constants of its z-score, or the names of its classes, from a catalogue.

        The constants are the mean and the standard deviation of the known values. Class names are sorted. A target that
        needs neither, or already has them, is returned unchanged. Using held-out objects here leaks nothing into the
        training: the constants are a shift and a scale that `inverse` undoes.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            One row per object. Without the column, or with fewer than two different values, nothing is set.
        """
        if self.kind == "class" and not self.classes and self.columns[0] in catalogue.columns:
            return replace(self, classes=tuple(sorted(catalogue[self.columns[0]].dropna().astype(str).unique())))
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
        """Return the true values from a catalogue, transformed for learning.

        Parameters
        ----------
        catalogue : pandas.DataFrame
            One row per object.

        Returns
        -------
        numpy.ndarray of float64, shape (N, K)
            The K columns, transformed. NaN where the catalogue has no value. A z-score without constants uses those of
            this catalogue. For classes: the class index, counted from 0; NaN also if a class is not in `classes`.

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
        if self.kind == "class":
            names = catalogue[self.columns[0]].astype(str).where(catalogue[self.columns[0]].notna())
            codes = pd.Index(self.fitted(catalogue).classes, dtype=str).get_indexer(names)
            return np.where(codes < 0, np.nan, codes.astype(np.float64))[:, None]
        return self.fitted(catalogue).forward(catalogue[list(self.columns)].to_numpy(dtype=np.float64))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        return asdict(self) | {"columns": list(self.columns), "classes": list(self.classes)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """Return the target that `to_json` described.

        Raises
        ------
        ValueError
            If a field is missing, has the wrong type, or is not known to this version.
        """
        types = get_type_hints(cls)
        strange = sorted(fields.keys() - types.keys())
        if strange:
            raise ValueError(f"target: expected {', '.join(types)}, got also {strange[0]!r}. Restore or remove it.")
        check_fields(fields, types, "target", frozenset({"name", "kind", "columns", "label"}))
        return cls(**fields)
