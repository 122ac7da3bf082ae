"""Predictions: one row per object, with the truth beside the estimate where it is known."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galviz.io.files import parquet_table, write_aside
from galviz.io.ids import check_strings
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.class_words import with_class_words
from galviz.tasks.target import Target

_META = b"galviz.target"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one target, keyed by `object_id`. Values are as learned (``ln_richness``), not as catalogued.

    Parameters
    ----------
    table : pandas.DataFrame
        For regression of ``t``: one row per object, index ``object_id``, columns ``t``, ``t_spread``, ``t_sigma``
        (1 σ error, if the network estimates it), ``t_p16`` and ``t_p84`` (if available), ``t_true`` (NaN where not
        known) and ``fold``.
        For votes: columns ``c`` and ``c_true`` for each column ``c`` of the target, and ``fold``. The column
        of the main answer is the estimate.
        For classes ``t``: one row per object, columns ``t`` and ``t_true`` (class names), ``p_<name>`` (one
        probability per class) and ``fold``.
        For bands: one row per object and band, index ``(object_id, band)``, columns ``band_pred`` and
        ``band_true`` (band names), ``p_u`` … ``p_z`` (one probability per class) and ``fold``. For the order of
        channels: the same, with ``order`` instead of ``band``.
        ``fold`` (nullable integer) is k ≥ 0 if the object was held out in fold k, −1 if it was seen in training, and
        missing if the object is new.
    target : Target

    Raises
    ------
    ValueError
        If a column or an index name is missing, an id occurs twice, or an estimate is not finite.
    TypeError
        If ids are not strings.
    """

    table: pd.DataFrame
    target: Target

    def __post_init__(self) -> None:
        missing = [name for name in (self.estimate_column, "fold") if name not in self.table.columns]
        if missing:
            raise ValueError(f"table: expected a column {missing[0]!r}, got {', '.join(map(str, self.table.columns))}.")
        names = self.target.rules.index(self.target)
        if list(self.table.index.names) != names:
            raise ValueError(
                f"table: expected an index named {', '.join(names)}, got {', '.join(map(str, self.table.index.names))}."
            )
        check_strings(self.table.index.get_level_values("object_id"))
        if not self.table.index.is_unique:
            raise ValueError(
                f"object_id: expected unique ids, got {self.table.index[self.table.index.duplicated()][0]!r} twice."
            )
        if self.target.numeric and not np.isfinite(self.estimate).all():
            bad = self.table.index[~np.isfinite(self.estimate)][0]
            raise ValueError(f"{self.target.name}: expected finite estimates, got NaN or infinity for {bad!r}.")
        object.__setattr__(self, "table", self.table.assign(fold=self.table["fold"].astype("Int64")))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def estimate_column(self) -> str:
        """Name of the estimate column."""
        return self.target.rules.names(self.target)[0]

    @property
    def truth_column(self) -> str:
        """Name of the truth column."""
        return f"{self.estimate_column.removesuffix('_pred')}_true"

    @property
    def object_ids(self) -> np.ndarray:
        """The `object_id` of each row, str, shape (N,)."""
        return self.table.index.get_level_values("object_id").to_numpy(dtype=object)

    @property
    def estimate(self) -> np.ndarray:
        """Estimates of the network, shape (N,): float64, or names for classes, bands and orders."""
        return _values(self.table[self.estimate_column])

    @property
    def truth(self) -> np.ndarray:
        """True values, shape (N,). NaN (or None) where not known."""
        if self.truth_column not in self.table:
            return np.full(len(self), np.nan)
        return _values(self.table[self.truth_column])

    @property
    def residual(self) -> np.ndarray:
        """Estimate minus truth, float64, shape (N,). Scalar targets only."""
        return self.estimate - self.truth

    def held_out(self) -> "Predictions":
        """Return the predictions of objects that were not seen in training."""
        return Predictions(self.table[self.table["fold"].fillna(0) >= 0], self.target)

    def with_truth(self) -> "Predictions":
        """Return the predictions of objects whose truth is known."""
        known = self.table[self.truth_column].notna() if self.truth_column in self.table else np.zeros(len(self), bool)
        return Predictions(self.table[known], self.target)

    def summary(self) -> pd.DataFrame:
        """Return the metrics of the task with their intervals, over objects whose truth is known.

        Returns
        -------
        pandas.DataFrame
            Index ``metric``; columns value, low, high and definition, as from `galviz.measure.metrics.summary`.
        """
        return self.target.rules.summary(self.target, self.table)

    def save(self, path: str | Path) -> Path:
        """Write a Parquet file that also stores the target. The write is atomic."""
        path = Path(path)
        table = pa.Table.from_pandas(self.table)
        meta = {**(table.schema.metadata or {}), _META: json.dumps(self.target.to_json()).encode()}
        with write_aside(path) as aside:
            pq.write_table(table.replace_schema_metadata(meta), aside, write_page_checksum=True)
        return path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read predictions written by `save`.

        Raises
        ------
        ValueError
            If the file is damaged, or was not written by `save`.
        """
        path = Path(path)
        table = parquet_table(path)
        meta = (table.schema.metadata or {}).get(_META)
        if meta is None:
            raise ValueError(f"path: expected predictions saved by galviz, got {path}, which names no target.")
        try:
            return cls(table.to_pandas(), Target.from_json(json.loads(meta)))
        except (ValueError, TypeError, LookupError, RecursionError, pa.ArrowException) as error:
            raise ValueError(f"{path}: expected predictions saved by galviz, got damaged ones ({error}).") from error


def joined(predictions: Predictions, cutouts: CutoutSet | None = None) -> pd.DataFrame:
    """Return one table with predictions and the catalogue, one row per object.

    Parameters
    ----------
    predictions : Predictions
    cutouts : CutoutSet, optional
        Its catalogue is joined.

    Returns
    -------
    pandas.DataFrame
        Index ``object_id``. The columns have their names in the file of predictions, with a few more:

        - regression: ``ln_richness``, ``ln_richness_true`` (NaN where not known), ``ln_richness_spread`` and
          ``ln_richness_sigma`` if available, and ``residual``, the first number minus its truth;
        - votes: ``Class1.1``, ``Class1.1_true`` … of all answers, and ``residual`` of the main one;
        - classification: ``class``, ``class_true``, ``p_<class>`` …, ``probability`` (of the predicted class) and
          ``correct`` (1, 0, or NaN where the truth is not known);
        - pretext: ``u_pred`` … ``z_pred`` and ``bands_correct``, the number of correct ones, or ``RGB_pred`` … and
          ``orders_correct``.

        All tables also have ``fold``, ``in_training`` (True if the object was seen in training), and the columns of the
        catalogue with other names.
    """
    result = predictions.target.rules.by_object(predictions.target, predictions.table)
    result = result.assign(in_training=(result["fold"].fillna(0) < 0).to_numpy(bool))
    if cutouts is not None:
        catalogue = cutouts.catalogue
        result = result.join(catalogue[[name for name in catalogue.columns if name not in result]], on="object_id")
    return with_class_words(result, predictions.target)


def _values(column: pd.Series) -> np.ndarray:
    numeric = pd.api.types.is_numeric_dtype(column)
    return column.to_numpy(dtype=np.float64, na_value=np.nan) if numeric else column.to_numpy(dtype=object)
