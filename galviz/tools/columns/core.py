"""Columns that are computed from others and stay: in the table, plots, filters, exports and saved views."""

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

import numpy as np
import pandas as pd
import param

from galviz.io.expressions import column, evaluate
from galviz.tools.selection.core import Selection

LONGEST = 80
"""Most characters of a name."""

_VERSIONS = "galviz_columns"  # where a table keeps the versions of its columns
_next = count(1)


def column_versions(table: pd.DataFrame) -> dict[str, int]:
    """Return column → a number that is another one once `TableColumns` has replaced the column."""
    given = table.attrs.get(_VERSIONS, {})
    return {name: given.get(name, 0) for name in table.columns}


class TableColumns(param.Parameterized):
    """The columns that were added to the table of a selection.

    They are added to the table itself, so all views that share it have them. Give a page a table of its own:
    ``table.copy(deep=False)`` shares the values with the original, but not the columns.

    Parameters
    ----------
    selection : Selection
        Its table gets the columns. Each change calls `Selection.show`, which tells the views.
    units : dict of str to str, optional
        Units of the table's columns; those of new columns are written into it.

    Attributes
    ----------
    version : int
        Grows with each change.
    """

    version = param.Integer(default=0, doc="grows with each change")

    def __init__(self, selection: Selection, units: dict[str, str] | None = None) -> None:
        super().__init__()
        self.selection, self.table = selection, selection.table
        self.units = {} if units is None else units
        self._computed: dict[str, str] = {}
        self._joined: list[str] = []
        self._joins: list[dict[str, Any]] = []

    @property
    def computed(self) -> dict[str, str]:
        """Name → expression of the computed columns, in the order in which they were added."""
        return dict(self._computed)

    @property
    def joins(self) -> list[dict[str, Any]]:
        """How tables were joined, as JSON values: what `attach` was given, and the names of the columns."""
        return [dict(how) for how in self._joins]

    def add(self, name: str, expression: str, unit: str = "") -> None:
        """Add a column that is computed from others.

        Parameters
        ----------
        name : str
        expression : str
            As in `galviz.io.expressions.evaluate`; it may use columns that were added before.
        unit : str

        Raises
        ------
        ValueError
            If the name is empty, too long or in use, or the expression cannot be computed.
        """
        self._compute(name, expression, unit)
        self._notify()

    def attach(
        self,
        columns: pd.DataFrame,
        units: Mapping[str, str] | None = None,
        how: Mapping[str, Any] | None = None,
    ) -> None:
        """Add the columns of another table, such as `galviz.tools.columns.join.Joined.table`.

        Parameters
        ----------
        columns : pandas.DataFrame
        units : mapping of str to str, optional
        how : mapping, optional
            Of which file they are and how it was joined, as `galviz.tools.columns.join.join_again` takes it. It is kept
            in `joins`.

        Raises
        ------
        ValueError
            If it has other objects, or a name is in use.
        """
        if not columns.index.equals(self.table.index):
            raise ValueError("columns: expected the objects of the table, in its order, got others. Join them first.")
        names = {old: self._free(str(old)) for old in columns.columns}
        if len(set(names.values())) < len(names):
            raise ValueError(f"columns: expected different names, got {', '.join(names.values())}. Rename them first.")
        given = {names.get(old, old): unit for old, unit in (units or {}).items()}
        self._joined += names.values()
        if how is not None:
            self._joins.append({"columns": list(names.values()), **how})
        self._put({new: columns[old] for old, new in names.items()}, given)
        self._notify()

    def remove(self, name: str) -> None:
        """Remove a column that was added.

        Raises
        ------
        KeyError
            If no such column was added.
        ValueError
            If another computed column uses it.
        """
        if name not in {*self._computed, *self._joined}:
            raise KeyError(f"name: expected a column that was added, got {name!r}. Others belong to the table.")
        without = self.table.iloc[:0].drop(columns=name)
        for other, expression in self._computed.items():
            if other != name and _fails(expression, without):
                raise ValueError(f"name: expected a column that no other uses, got {name!r}. Remove {other!r} first.")
        self._computed.pop(name, None)
        self._joined = [each for each in self._joined if each != name]
        for how in self._joins:  # the others keep their places among the columns of the file
            how["columns"] = ["" if each == name else each for each in how["columns"]]
        self._joins = [how for how in self._joins if any(how["columns"])]
        self.units.pop(name, None)
        del self.table[name]
        self._notify()

    def to_json(self) -> list[dict[str, str]]:
        """Return the computed columns as JSON values, for `restore`. Joined columns are not in it: see `joins`."""
        return [
            {"name": name, "expression": expression, "unit": self.units.get(name, "")}
            for name, expression in self._computed.items()
        ]

    def restore(self, columns: Iterable[Mapping[str, Any]]) -> None:
        """Replace the computed columns by those of `to_json`. Restore them before plots, filters and the selection.

        Raises
        ------
        ValueError
            If one does not fit this table. The columns are then as before.
        """
        wanted = [_checked(each) for each in columns]
        if wanted == self.to_json():
            return
        kept, before = {name: self.table[name] for name in self._computed}, self.to_json()
        versions = column_versions(self.table)
        self._drop(kept)
        try:
            for each in wanted:
                self._compute(**each)
        except Exception:  # whatever a stranger's file has made of it
            self._drop(self._computed)
            self._computed = {each["name"]: each["expression"] for each in before}
            self._put(kept, {each["name"]: each["unit"] for each in before})
            self.table.attrs[_VERSIONS] = versions
            raise
        self._notify()

    @classmethod
    def from_json(
        cls, columns: Iterable[Mapping[str, Any]], selection: Selection, units: dict[str, str] | None = None
    ) -> "TableColumns":
        """Return the columns described by `to_json`, added to the table of a selection."""
        found = cls(selection, units)
        found.restore(columns)
        return found

    def _compute(self, name: str, expression: str, unit: str) -> None:
        name = self._free(name)
        values = as_column(evaluate(expression, self.table), self.table.index)
        self._computed[name] = expression.strip()
        self._put({name: values}, {name: unit.strip()})

    def _drop(self, names: Iterable[str]) -> None:
        for name in list(names):
            del self.table[name]
            self.units.pop(name, None)
        self._computed = {}

    def _free(self, name: str) -> str:
        name = name.strip()
        if not name or len(name) > LONGEST:
            raise ValueError(f"name: expected a name of 1 to {LONGEST} characters, got {len(name)}. Type another.")
        if name in {*self.table.columns, self.table.index.name, "object_id"}:
            raise ValueError(f"name: expected a new name, got {name!r}, which the table has. Choose another.")
        return name

    def _put(self, columns: Mapping[str, pd.Series], units: Mapping[str, str]) -> None:
        versions = self.table.attrs.setdefault(_VERSIONS, {})
        for name, values in columns.items():
            self.table[name], versions[name] = values, next(_next)
            if units.get(name):
                self.units[name] = units[name]

    def _notify(self) -> None:
        """Tell the views that the table has other columns."""
        if self.selection.table is self.table:  # else another tab is open, with another table
            self.selection.show(self.table)
        self.version += 1


def as_column(values: np.ndarray, index: pd.Index) -> pd.Series:
    """Return the value of an expression as a column: numbers, true and false, or text (missing: NaN)."""
    if values.dtype.kind in "OU":  # a constant text is one of fixed width
        text = [None if pd.isna(value) else str(value) for value in values]
        return pd.Series(text, index=index, dtype=pd.StringDtype(na_value=np.nan))
    return pd.Series(
        np.where(np.isfinite(values), values, np.nan) if values.dtype != bool else values.copy(), index=index
    )


def example(table: pd.DataFrame) -> str:
    """Return an example of an expression on columns of a table."""
    names = [column(str(name)) for name in table.select_dtypes("number")]
    return f"for example {' - '.join(names[:2])}" if len(names) > 1 else f"for example {names[0]} * 2" if names else ""


def _fails(expression: str, table: pd.DataFrame) -> bool:
    try:
        evaluate(expression, table)
    except ValueError:
        return True
    return False


def _checked(one: Mapping[str, Any]) -> dict[str, str]:
    """Return a column of `to_json`, which may come from a stranger."""
    if not isinstance(one, Mapping) or not all(isinstance(one.get(key), str) for key in ("name", "expression")):
        raise ValueError(f"columns: expected a name and an expression, got {one!r}. Was it made by this version?")
    return {"name": one["name"], "expression": one["expression"], "unit": str(one.get("unit", ""))}
