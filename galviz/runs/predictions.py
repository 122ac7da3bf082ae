"""What a network said of each object, beside the truth where there is one."""

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
from galviz.tasks.target import Target

_META = b"galviz.target"


@dataclass(frozen=True, eq=False)
class Predictions:
    """Estimates of one target, keyed by `object_id`; values are as learned (``ln_richness``).

    Parameters
    ----------
    table : pandas.DataFrame
        For a scalar target ``t``: a row an object, index ``object_id``, columns ``t``, ``t_spread``, ``t_sigma``
        (1 σ of the error, where the network estimates it), ``t_p16``, ``t_p84`` (as far as the network gives them),
        ``t_true`` (NaN where not known) and ``fold``.
        For a votes target: the same with a column ``c`` and a column ``c_true`` for each ``c`` of the target's columns,
        of which the one named as the target is its estimate.
        For a class target ``t``: a row an object, columns ``t`` and ``t_true`` (names), ``p_<name>`` (a probability a
        class) and ``fold``.
        For a band target: a row an object and band, index ``(object_id, band)``, columns ``band_pred`` and
        ``band_true`` (names), ``p_u`` … ``p_z`` (a probability a class) and ``fold``. For the order of channels the
        same, with ``order`` in place of ``band``.
        ``fold`` (nullable integer): k ≥ 0 where the object was held out in fold k, −1 where the network was trained
        on it, missing where the object is new.
    target : Target

    Raises
    ------
    ValueError
        If a column or a name of the index is missing, an id is there twice, or an estimate is not finite.
    TypeError
        If ids are not strings.
    """

    table: pd.DataFrame
    target: Target

    def __post_init__(self) -> None:
        missing = [name for name in (self.estimate_column, "fold") if name not in self.table.columns]
        if missing:
            raise ValueError(f"table: expected a column {missing[0]!r}, got {', '.join(map(str, self.table.columns))}.")
        names = ["object_id", self.target.kind] if self.target.of_image else ["object_id"]
        if list(self.table.index.names) != names:
            raise ValueError(
                f"table: expected an index named {', '.join(names)}, got {', '.join(map(str, self.table.index.names))}."
            )
        check_strings(self.table.index.get_level_values("object_id"))
        if not self.table.index.is_unique:
            raise ValueError(
                f"object_id: expected unique ids, got {self.table.index[self.table.index.duplicated()][0]!r} twice."
            )
        if not self.target.named and not np.isfinite(self.estimate).all():
            bad = self.table.index[~np.isfinite(self.estimate)][0]
            raise ValueError(f"{self.target.name}: expected finite estimates, got NaN or infinity for {bad!r}.")
        object.__setattr__(self, "table", self.table.assign(fold=self.table["fold"].astype("Int64")))

    def __len__(self) -> int:
        return len(self.table)

    @property
    def estimate_column(self) -> str:
        """Name of the column with the estimate."""
        return f"{self.target.kind}_pred" if self.target.of_image else self.target.name

    @property
    def truth_column(self) -> str:
        """Name of the column with the truth."""
        return f"{self.target.kind if self.target.of_image else self.target.name}_true"

    @property
    def object_ids(self) -> np.ndarray:
        """Id of each row, str, shape (N,)."""
        return self.table.index.get_level_values("object_id").to_numpy(dtype=object)

    @property
    def estimate(self) -> np.ndarray:
        """What the network said: float64, or names, shape (N,)."""
        return _values(self.table[self.estimate_column])

    @property
    def truth(self) -> np.ndarray:
        """What is true, NaN (or None) where not known, shape (N,)."""
        if self.truth_column not in self.table:
            return np.full(len(self), np.nan)
        return _values(self.table[self.truth_column])

    @property
    def residual(self) -> np.ndarray:
        """Estimate minus truth, float64, shape (N,); for scalar targets."""
        return self.estimate - self.truth

    def held_out(self) -> "Predictions":
        """Leave out the objects that the network was trained on."""
        return Predictions(self.table[self.table["fold"].fillna(0) >= 0], self.target)

    def with_truth(self) -> "Predictions":
        """Leave out the objects whose truth is not known."""
        known = self.table[self.truth_column].notna() if self.truth_column in self.table else np.zeros(len(self), bool)
        return Predictions(self.table[known], self.target)

    def save(self, path: str | Path) -> Path:
        """Write a Parquet file that keeps the target, whole or not at all."""
        path = Path(path)
        table = pa.Table.from_pandas(self.table)
        meta = {**(table.schema.metadata or {}), _META: json.dumps(self.target.to_json()).encode()}
        with write_aside(path) as aside:
            pq.write_table(table.replace_schema_metadata(meta), aside, write_page_checksum=True)
        return path

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ValueError
            If the file is damaged, or holds no predictions of galviz.
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
    """Put what a network said and the catalogue of the sky side by side, a row an object.

    Parameters
    ----------
    predictions : Predictions
    cutouts : CutoutSet, optional
        Whose catalogue is joined.

    Returns
    -------
    pandas.DataFrame
        Index ``object_id``; columns estimate, truth, residual, spread and sigma (where there are such); or for a
        band target ``u taken for`` … ``z taken for`` and ``bands right``, their number (for an order
        ``RGB taken for`` … and ``orders right``); or for a class estimate, truth, ``probability`` (of the estimate) and
        ``right`` (1, 0, or NaN where the truth is not known). For a votes target also the estimate and the truth (NaN
        where not known) of each answer, ``Class1.1`` … and ``Class1.1_true`` …: there a catalogue's votes are the
        truth, and do not come twice. Further fold, seen (True where the network was trained on the object), and the
        columns of the catalogue that bear other names.
    """
    by_object = _looks_by_object if predictions.target.of_image else _numbers_by_object
    result = (_classes_by_object if predictions.target.kind == "class" else by_object)(predictions)
    result = result.assign(seen=(result["fold"].fillna(0) < 0).to_numpy(bool))
    if cutouts is None:
        return result
    catalogue = cutouts.catalogue
    return result.join(catalogue[[name for name in catalogue.columns if name not in result]], on="object_id")


def about_answer(table: pd.DataFrame, answer: str) -> pd.DataFrame:
    """Turn a table of votes, as `joined` gives it, to another answer.

    Parameters
    ----------
    table : pandas.DataFrame
    answer : str
        One of the target's columns: ``"Class1.1"``.

    Returns
    -------
    pandas.DataFrame
        The same rows, in which truth, estimate and residual are those of the answer, without the estimates of the
        others.

    Raises
    ------
    KeyError
        If there is no such answer.
    """
    if not {answer, f"{answer}_true"} <= set(table.columns):
        raise KeyError(f"answer: expected a column beside its truth, got {answer!r}. Choose one of the target's.")
    estimate, truth = table[answer], table[f"{answer}_true"]
    others = [name for name in table.columns if f"{name}_true" in table.columns]
    return table.drop(columns=others).assign(estimate=estimate, truth=truth, residual=estimate - truth)


def _numbers_by_object(predictions: Predictions) -> pd.DataFrame:
    table = predictions.table
    told = {"estimate": predictions.estimate, "truth": predictions.truth, "residual": predictions.residual}
    for name in ("spread", "sigma"):
        column = f"{predictions.target.name}_{name}"
        told |= {name: table[column].to_numpy()} if column in table else {}
    if predictions.target.kind == "votes":
        names = [name for c in predictions.target.columns for name in (c, f"{c}_true")]
        told |= {name: _values(table[name]) if name in table else np.full(len(table), np.nan) for name in names}
    index = pd.Index(predictions.object_ids, name="object_id")
    return pd.DataFrame(told | {"fold": table["fold"].to_numpy()}, index=index)


def _classes_by_object(predictions: Predictions) -> pd.DataFrame:
    table, truth = predictions.table, pd.Series(predictions.truth, index=predictions.table.index)
    told = {"estimate": predictions.estimate, "truth": truth, "fold": table["fold"]}
    told["probability"] = table[[f"p_{name}" for name in predictions.target.classes]].max(axis=1)
    told["right"] = (truth == predictions.estimate).astype(float).where(truth.notna())
    return pd.DataFrame(told, index=table.index)


def _looks_by_object(predictions: Predictions) -> pd.DataFrame:
    kind, rows = predictions.target.kind, predictions.table.reset_index()
    given = rows.pivot_table(f"{kind}_pred", "object_id", kind, aggfunc="first").rename_axis(columns=None)
    given = given[list(dict.fromkeys(predictions.table.index.get_level_values(kind)))]
    right = given.eq(list(given.columns)).sum(axis=1)
    fold = predictions.table["fold"].groupby(level="object_id").first()
    return given.add_suffix(" taken for").assign(**{f"{kind}s right": right, "fold": fold})


def _values(column: pd.Series) -> np.ndarray:
    numeric = pd.api.types.is_numeric_dtype(column)
    return column.to_numpy(dtype=np.float64, na_value=np.nan) if numeric else column.to_numpy(dtype=object)
