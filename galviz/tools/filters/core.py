"""Filters without their page: ranges and values of columns, how many objects they leave, and the messages about them.

A filter is a condition that a user could have typed, so a selection made with filters is saved, undone and exported
like any other. Only the speed is our own: the mask of each column is kept, so that one that changes is one comparison.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import column, evaluate, matches
from galviz.measure.stand_ins import stand_ins
from galviz.tasks.class_words import class_words
from galviz.tools.cells import text_of
from galviz.tools.columns.core import column_versions
from galviz.tools.filters import messages
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection

BINS = 40
LISTED = 50
"""Largest number of values in a list."""

_FIRST = 6  # columns shown at first
_FEW = 12  # whole numbers with no more values than this are a list
_EXACT = 2**53  # a float64 holds smaller whole numbers exactly
_GLANCE = 2000  # rows read to see what a column is
_AT_ONCE = 1 << 16  # values that are put into bins together: they fit into the processor's cache
_SAMPLE = 100_000  # values that decide where a histogram begins and ends
_PLACES = {"ra", "dec", "raj2000", "dej2000", "_raj2000", "_dej2000", "glon", "glat", "x", "y"}
_JSON = {"low": float | int | None, "high": float | int | None, "ticked": list, "missing": bool}


@dataclass(frozen=True, kw_only=True)
class Filter:
    """What passes in one column: a range with both ends in it, or some values; and objects without a value.

    Parameters
    ----------
    low, high : float, optional
        None is open.
    ticked : tuple of str, int or bool
        The values that pass, in a column with few.
    missing : bool
        Whether objects without a value pass. With neither range nor values, only they do.
    """

    low: float | None = None
    high: float | None = None
    ticked: tuple[Any, ...] = ()
    missing: bool = False

    def __bool__(self) -> bool:
        return self != Filter()

    def expression(self, name: str) -> str:
        """Return the condition on a column of that name, see `galviz.io.expressions`."""
        of, parts = column(name), []
        if self.ticked:
            one = len(self.ticked) == 1 and not isinstance(self.ticked[0], bool)  # flags with gaps compare as text
            parts += [f"{of} == {self.ticked[0]!r}" if one else f"{of} in {self.ticked!r}"]
        elif self.low is not None and self.high is not None:
            parts += [f"{self.low!r} <= {of} <= {self.high!r}"]
        elif self.low is not None or self.high is not None:
            parts += [f"{of} <= {self.high!r}" if self.low is None else f"{of} >= {self.low!r}"]
        parts += [f"isnan({of})"] if self.missing else []
        return f"({' or '.join(parts)})" if len(parts) > 1 else parts[0]


class Numbers:
    """A column of numbers in bins.

    Where a few values lie far outside the others, or stand for missing ones (`galviz.measure.stand_ins`), the histogram
    ends before them, and its last bins have them too.
    """

    listed: tuple[Any, ...] = ()
    more = 0

    def __init__(self, given: np.ndarray) -> None:
        known = np.isfinite(given)
        finite = given if known.all() else given[known]
        self.ends = [float(finite.min()), float(finite.max())] if len(finite) else []
        usual = finite[:: len(finite) // _SAMPLE + 1]
        if found := stand_ins(finite):
            usual = finite[~np.isin(finite, list(found))]
        within = [float(usual.min()), float(usual.max())] if found else self.ends
        self.edges = _edges(usual, *within) if self.ends else []
        low, high = self.edges or (0.0, 1.0)
        self.codes = np.empty(len(given), dtype=np.uint8)
        for first in range(0, len(given), _AT_ONCE):
            some = given[first : first + _AT_ONCE]
            with np.errstate(invalid="ignore"):
                places = np.clip((some - low) * (BINS / (high - low)), 0, BINS - 1)
            self.codes[first : first + _AT_ONCE] = np.where(np.isnan(some), BINS, np.nan_to_num(places))
        self.size = BINS
        self.all = self.counts(self.codes)

    def counts(self, codes: np.ndarray) -> list[int]:
        """Return the number of objects in each bin, and last of those without a value."""
        return np.bincount(codes, minlength=self.size + 1).tolist()

    def mask(self, given: Filter, name: str, table: pd.DataFrame) -> np.ndarray:
        """Return which objects pass."""
        return matches(given.expression(name), table)


class Values(Numbers):
    """A column with few values, the most frequent first; those beyond `LISTED` are counted together."""

    def __init__(self, given: np.ndarray) -> None:
        self.ends = self.edges = []
        codes, found = pd.factorize(given, use_na_sentinel=True)
        often = np.argsort(-np.bincount(codes[codes >= 0], minlength=len(found)), kind="stable")
        if given.dtype != object and len(found) <= LISTED:  # numbers and flags stand in their own order
            often = np.argsort(found, kind="stable")
        self.listed, self.more = tuple(_plain(found[k]) for k in often[:LISTED]), max(0, len(found) - LISTED)
        self.size = len(self.listed) + 1  # the last one stands for all that are not listed
        place = np.full(len(found) + 1, len(self.listed), dtype=np.uint8)
        place[often[:LISTED]] = np.arange(len(self.listed))
        place[-1] = self.size  # the code of missing values is -1
        self.codes = place[codes]
        self.all = self.counts(self.codes)

    def mask(self, given: Filter, name: str, table: pd.DataFrame) -> np.ndarray:  # noqa: ARG002 - see `Numbers`
        """Return which objects pass."""
        passes = np.zeros(self.size + 1, dtype=bool)
        passes[[self.listed.index(value) for value in given.ticked]] = True
        passes[self.size] = given.missing
        return passes[self.codes]


class Filters:
    """A filter for each of some columns of a table. An object passes if it passes all of them.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects.
    units : mapping of str to str, optional
        Column → unit.
    columns : sequence of str, optional
        Columns to show; by default `first_columns`.

    Attributes
    ----------
    given : dict of str to Filter
        The filters that are set.
    columns : list of str
        The columns shown.
    """

    def __init__(
        self, table: pd.DataFrame, units: Mapping[str, str] | None = None, columns: Iterable[str] | None = None
    ) -> None:
        self.table, self.units = table, dict(units or {})
        self.given: dict[str, Filter] = {}
        self._read: dict[str, Numbers] = {}
        self._masks: dict[str, tuple[Filter, np.ndarray]] = {}
        self._kinds: dict[str, str] = {}
        self._versions = column_versions(table)
        self._columns: list[str] | None = None
        if columns is not None:
            self._show(columns)

    @property
    def kinds(self) -> dict[str, str]:
        """Column → ``"numbers"`` or ``"values"``; columns that cannot be filtered are left out."""
        names = [name for name in self.table.columns[~self.table.columns.duplicated()] if isinstance(name, str)]
        self._kinds |= {name: _kind(self.table[name]) for name in names if name not in self._kinds}
        return {name: self._kinds[name] for name in names if self._kinds[name]}

    @property
    def columns(self) -> list[str]:
        """The columns shown, in order."""
        if self._columns is None:
            self._show(first_columns(self.kinds))
        return self._columns

    def _show(self, names: Iterable[str]) -> None:
        self._columns = []
        for name in names:
            self.add(name)

    def add(self, name: str) -> None:
        """Show a column.

        Raises
        ------
        ValueError
            If there is no such column, or it has too many different texts.
        """
        if not isinstance(name, str) or name not in self.kinds:
            raise ValueError(f"column: expected one with numbers, flags or few different texts, got {name!r}.")
        if name not in self.columns:
            self.columns.append(name)

    def remove(self, name: str) -> None:
        """Hide a column, and clear its filter."""
        self.given.pop(name, None)
        if name in self.columns:
            self.columns.remove(name)

    def renew(self) -> set[str]:
        """Forget columns that are gone, or were replaced, and their filters; returns the names of those that stay."""
        before, self._versions = self._versions, column_versions(self.table)
        same = {name for name, version in self._versions.items() if before.get(name) == version}
        if len(same) < len(before):
            self.given, self._read, self._masks, self._kinds = (
                {name: kept for name, kept in cache.items() if name in same}
                for cache in (self.given, self._read, self._masks, self._kinds)
            )
            if self._columns is not None:
                self._columns = [name for name in self._columns if name in self.kinds]
        return same

    def of(self, name: str) -> Filter:
        """Return the filter of a column."""
        return self.given.get(name, Filter())

    def set(self, name: str, given: Filter) -> None:
        """Set the filter of a column, and show the column; an empty filter clears it.

        Raises
        ------
        ValueError
            If the column cannot be filtered so.
        """
        self.add(name)
        read = self.read(name)
        if strange := [value for value in given.ticked if value not in read.listed]:
            raise ValueError(f"filter of {name}: expected values that the column has, got {strange[0]!r}.")
        if read.listed and (given.low, given.high) != (None, None):
            raise ValueError(f"filter of {name}: expected values, got a range. The column has few different values.")
        ends = sorted(end for end in (given.low, given.high) if end is not None)
        if not np.isfinite(ends).all():
            raise ValueError(f"filter of {name}: expected finite numbers, got {ends}. An end that is open is None.")
        if len(ends) == 2:
            given = replace(given, low=ends[0], high=ends[1])
        rest = {other: kept for other, kept in self.given.items() if other != name}
        self.given = rest | {name: given} if given else rest

    def read(self, name: str) -> Numbers:
        """Return a column in bins or values; it is read once."""
        if name not in self._read:
            values = evaluate(column(name), self.table)
            self._read[name] = (Numbers if self.kinds[name] == "numbers" else Values)(values)
        return self._read[name]

    def expression(self) -> str:
        """Return all filters as one condition; ``""`` if none is set."""
        return " and ".join(given.expression(name) for name, given in self.given.items())

    def mask(self) -> np.ndarray:
        """Return which objects pass all filters, bool, shape (N,)."""
        for name, given in self.given.items():
            if self._masks.get(name, (None,))[0] != given:
                self._masks[name] = given, self.read(name).mask(given, name, self.table)
        masks = [self._masks[name][1] for name in self.given]
        return np.logical_and.reduce(masks) if masks else np.ones(len(self.table), dtype=bool)

    def show(self, selected: np.ndarray | None) -> list[messages.Column]:
        """Return the columns with the number of objects, and of those selected, in each bin or value.

        Parameters
        ----------
        selected : numpy.ndarray of bool, shape (N,), or None
            None if nothing is selected.
        """
        rows = None if selected is None else np.flatnonzero(selected)
        shown = []
        for name in self.columns:
            read, given = self.read(name), self.of(name)
            left = [0] * (read.size + 1) if rows is None else read.counts(read.codes[rows])
            listed = zip(read.listed, read.all, left, strict=False)
            numbers, words = bool(read.edges), class_words(self.table, name)
            shown.append(
                messages.Column(
                    name=name,
                    unit=self.units.get(name, ""),
                    active=bool(given),
                    edges=read.edges,
                    ends=read.ends,
                    all=read.all[:-1] if numbers else [],
                    left=left[:-1] if numbers and rows is not None else [],
                    low=given.low,
                    high=given.high,
                    values=[
                        messages.Value(text=text_of(value, words), all=a, left=b, ticked=value in given.ticked)
                        for value, a, b in listed
                    ],
                    more=read.more,
                    missing=read.all[-1],
                    missing_left=left[-1],
                    with_missing=given.missing,
                )
            )
        return shown

    def to_json(self) -> dict[str, Any]:
        """Return columns and filters as JSON values, for `from_json`."""
        filters = {name: asdict(given) | {"ticked": list(given.ticked)} for name, given in self.given.items()}
        return {"columns": list(self.columns), "filters": filters}

    @classmethod
    def from_json(
        cls, state: Mapping[str, Any], table: pd.DataFrame, units: Mapping[str, str] | None = None
    ) -> "Filters":
        """Return the filters described by `to_json`, over a table with the same columns.

        Raises
        ------
        ValueError
            If they do not fit the table.
        """
        columns, set_ones = state.get("columns"), state.get("filters", {})
        if not (isinstance(set_ones, Mapping) and isinstance(columns, list | None)):
            raise ValueError(f"filters: expected a list of columns and the filters of some, got {state}.")  # noqa: TRY004
        filters = cls(table, units, columns)
        for name, given in set_ones.items():
            if not isinstance(given, Mapping) or not all(
                key in _JSON and isinstance(value, _JSON[key]) for key, value in given.items()
            ):
                raise ValueError(f"filter of {name}: expected {', '.join(_JSON)}, got {given}.")
            filters.set(name, Filter(**given | {"ticked": tuple(given.get("ticked", ()))}))
        return filters


class Exchange:
    """The messages between filters and their browsers. Filters select objects, and follow when that is undone.

    Parameters
    ----------
    filters : Filters
    selection : Selection
        While it shows another table, filters do nothing.
    send : callable
        Sends a `messages.State` to every browser.
    """

    def __init__(self, filters: Filters, selection: Selection, send: Callable[[messages.State], None]) -> None:
        self.filters, self.selection, self._send = filters, selection, send
        self.error = ""
        self._known: dict[str, dict[str, Filter]] = {}  # condition → the filters that it came from
        self._last: tuple[str, dict[str, Filter]] = ("", {})  # the same, of the last step: a drag replaces it
        self._greeted = self._setting = self._dragging = False
        self._version = -1
        self._acknowledged: dict[str, int] = {}
        self._watcher = selection.param.watch(self._changed, ["version"])

    def close(self) -> None:
        """Stop watching the selection."""
        self.selection.param.unwatch(self._watcher)

    @property
    def current(self) -> bool:
        """Whether the selection shows the table of the filters."""
        return self.selection.table is self.filters.table

    def select(self, *, done: bool = True) -> None:
        """Select what passes the filters; nothing, if none is set.

        Parameters
        ----------
        done : bool
            False while a range is dragged: all until then is undone as one step.
        """
        expression = self.filters.expression()
        amend = self._dragging and self.selection.version == self._version
        if not amend:
            self._known |= [self._last]
        self._last = expression, dict(self.filters.given)
        self._setting = True
        try:
            if not expression:
                self.selection.choose([], amend=amend)
            else:
                evaluate(expression, self.filters.table.iloc[:0])  # whether it can be typed again: it may be too long
                self.selection.where(expression, mask=self.filters.mask(), amend=amend)
        finally:
            self._setting = False
        self._version, self._dragging = self.selection.version, not done

    def restore(self, filters: Filters) -> None:
        """Take over other filters of this table, and select what passes them, unless that is where we are."""
        self.filters = filters
        self._known[filters.expression()] = dict(filters.given)
        if filters.given and self._condition() != filters.expression():
            self.select()
        if self._greeted:
            self.send_state()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message from a browser.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, messages.FROM_BROWSER)
        self._greeted = True
        self._renew()
        if "seq" in message:
            self._acknowledged[message["client"]] = message["seq"]
        if message["type"] != "hello" and self.current:
            before = dict(self.filters.given)
            try:
                self._change(message)
            except ValueError as error:
                self.filters.given, self.error = before, str(error)
            else:
                self.error = ""
        self.send_state()

    def send_state(self) -> None:
        """Send the current state to the browsers."""
        filters, chosen = self.filters, self.current and (len(self.selection) > 0 or bool(self.filters.given))
        state = messages.State(
            type="state",
            total=len(filters.table),
            selected=len(self.selection) if self.current else 0,
            active=bool(filters.given),
            columns=filters.show(self.selection.mask if chosen else None),
            others=[name for name in filters.kinds if name not in filters.columns],
            error=self.error,
            acknowledged=dict(self._acknowledged),
        )
        self._send(state)

    def _change(self, message: Mapping[str, Any]) -> None:
        filters, name = self.filters, message["name"]
        kind, now, before = message["type"], filters.of(name), dict(filters.given)
        if kind == "add":
            filters.add(name)
        elif kind == "remove":
            filters.remove(name)
        elif kind == "clear":
            filters.given = {of: kept for of, kept in before.items() if name not in ("", of)}
        elif kind == "brush":
            ends = {end: None if message[end] is None else float(message[end]) for end in ("low", "high")}
            filters.set(name, replace(now, **ends))
        elif kind == "missing":
            filters.set(name, replace(now, missing=message["on"]))
        else:
            filters.set(name, replace(now, ticked=self._ticked(now, name, message["place"], on=message["on"])))
        if filters.given != before or (kind == "brush" and message["done"] and self._dragging):
            self.select(done=message.get("done", True))

    def _ticked(self, now: Filter, name: str, place: int, *, on: bool) -> tuple[Any, ...]:
        listed = self.filters.read(name).listed
        if not 0 <= place < len(listed):
            raise ValueError(f"value: expected one of the {len(listed)} that are listed, got number {place}.")
        return tuple(v for k, v in enumerate(listed) if (on if k == place else v in now.ticked))

    def _changed(self, _: Any) -> None:
        """Follow the selection: an undo brings back the filters of before; another condition clears them."""
        self._renew()
        if self.current and not self._setting:
            self.filters.given = dict((self._known | dict([self._last])).get(self._condition(), {}))
        if self._greeted and not self._setting:
            self.send_state()

    def _renew(self) -> None:
        """Forget what was read of columns that are gone, or were replaced."""
        same = self.filters.renew()
        self._known = {condition: given for condition, given in self._known.items() if given.keys() <= same}
        if not self._last[1].keys() <= same:
            self._last = "", {}

    def _condition(self) -> str:
        """Return the condition that all selected objects meet: the last step, or one before it was narrowed down."""
        for name, given in reversed(self.selection.steps):
            if name == "where" and given["how"] == "replace":
                return given["expression"]
            if given.get("how") != "keep" and name not in ("keep_as", "forget"):
                break
        return ""


def first_columns(kinds: Mapping[str, str]) -> list[str]:
    """Return the columns shown at first: estimate and truth, then flags and classes, then other numbers.

    Coordinates and ids come last: they are rarely what objects are filtered by.
    """
    pairs = [name for name in kinds if f"{name}_true" in kinds][:1]
    rare = [name for name in kinds if name.lower() in _PLACES or name.lower().endswith("id")]
    common = [name for name in kinds if name not in rare]
    order = [*pairs, *(f"{name}_true" for name in pairs)]
    order += [name for name in common if kinds[name] == "values"][:2]
    order += [name for name in common if kinds[name] == "numbers"]
    return list(dict.fromkeys([*order, *common, *rare]))[:_FIRST]


def _kind(values: pd.Series) -> str:
    """Return ``"numbers"``, ``"values"``, or ``""`` for a column that cannot be filtered; from its first rows."""
    some = values.iloc[:_GLANCE].dropna()
    if not len(some) and not values.notna().any():
        return ""
    if pd.api.types.is_bool_dtype(values):
        return "values"
    if pd.api.types.is_numeric_dtype(values):
        whole = bool((some % 1 == 0).all()) and some.nunique() <= _FEW
        few = whole and values.nunique() <= _FEW and (values.dropna() % 1 == 0).all()
        return "values" if few and values.abs().max() < _EXACT else "numbers"
    texts = pd.api.types.infer_dtype(some.astype(object), skipna=True) in ("string", "boolean")
    return "values" if texts and some.nunique() <= min(LISTED, max(_FEW, len(some) // 2)) else ""


def _edges(some: np.ndarray, low: float, high: float) -> list[float]:
    """Return where a histogram begins and ends: at the smallest and largest value, unless these are far outside."""
    inner = np.quantile(some, [0.005, 0.995])
    span = float(inner[1] - inner[0])
    if span > 0:
        low = max(low, float(inner[0]) - span)
        high = min(high, float(inner[1]) + span)
    return [low, high] if low < high else [low - 0.5, high + 0.5]


def _plain(value: Any) -> Any:
    """Return a value of a column as Python has it; whole numbers as int."""
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) else value
