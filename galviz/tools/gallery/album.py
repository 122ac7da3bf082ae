"""Which objects a gallery shows, in which order and groups."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.expressions import evaluate, matches
from galviz.io.ids import check_ids
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.class_words import class_words
from galviz.tools.cells import text_of
from galviz.tools.labels.core import Labels

MOST_GROUPS = 60
"""Largest number of groups."""

NO_VALUE = "no value"
"""Name of the group of objects without a value."""

_FIRST = 5000  # rows that show whether any object has a picture


class Album:
    """The objects of a table in some order, and their images.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    cutouts : CutoutSet, optional
        Images of some or all objects; others are ignored. Without it tiles show text only.
    labels : Labels, optional
        Available to expressions as the column ``label`` (``""`` for none), unless the table has such a column.

    Attributes
    ----------
    rows : numpy.ndarray of int
        Rows of the table that are shown, in order.
    version : int
        Counter of changes of `rows`.
    groups : list of (str, int)
        Value and number of objects of each group, those that are closed too; empty if objects are not grouped.
    closed : set of str
        Groups whose objects are not among `rows`.
    """

    def __init__(self, table: pd.DataFrame, cutouts: CutoutSet | None = None, labels: Labels | None = None) -> None:
        check_ids(table.index)
        self.table, self.cutouts, self.labels = table, cutouts, labels
        self._pictured = None if cutouts is None else cutouts.catalogue.index
        self.rows = np.arange(len(table), dtype=np.int32)
        self.version = 0
        self.groups: list[tuple[str, int]] = []
        self.closed: set[str] = set()
        self._all = self.rows
        self._sorted: tuple[tuple[str, bool], np.ndarray]
        self._parted: tuple[str, np.ndarray, list[str]] | None
        self.forget()

    def __len__(self) -> int:
        return len(self.rows)

    def forget(self) -> None:
        """Forget what was read of columns: they have changed. `rows` stays as it is."""
        self._sorted, self._parted = (("", False), np.arange(len(self.table), dtype=np.int32)), None

    @cached_property
    def pictured(self) -> bool:
        """Whether any object has a picture."""
        if self._pictured is None:
            return False
        same, index = self._pictured is self.table.index, self.table.index
        return len(index) > 0 and (
            same or index[:_FIRST].isin(self._pictured).any() or index.isin(self._pictured).any()
        )

    def arrange(
        self,
        order: str = "",
        *,
        descending: bool = False,
        keep: str = "",
        among: np.ndarray | None = None,
        group: str = "",
    ) -> None:
        """Show the objects that meet the condition `keep`, sorted by `order`; ties keep the order of the table.

        Parameters
        ----------
        order : str
            A column, or an expression (`galviz.io.expressions`); ``""`` keeps the order of the table.
        descending : bool
            Largest first. Missing values always come last.
        keep : str
            A condition; ``""`` keeps all objects.
        among : numpy.ndarray of bool, shape (N,), optional
            Rows of the table that may be shown; all by default.
        group : str
            A column with at most `MOST_GROUPS` values; objects with the same value stand together. Texts are sorted,
            missing values come last.

        Raises
        ------
        ValueError
            If `order`, `keep` or `group` is invalid. `rows` stays as it was.
        """
        mask = None if not keep.strip() else matches(keep, self._columns(keep))
        if self._sorted[0] != (order, descending) or "label" in order:
            self._sorted = (order, descending), self._sort(order, descending=descending)
        rows = self._sorted[1]
        parted = self._parts(group) if group else None
        masks = [only for only in (mask, among) if only is not None]
        rows = rows[np.logical_and.reduce(masks)[rows]] if masks else rows
        self.groups = []
        if parted is not None:
            _, codes, names = parted
            rows = rows[np.argsort(codes[rows], kind="stable")]
            counts = np.bincount(codes[rows], minlength=len(names))
            self.groups = [(name, int(count)) for name, count in zip(names, counts, strict=True) if count]
        self._all = rows
        self.closed &= {name for name, _ in self.groups}
        self.fold()

    def fold(self, name: str = "", *, open: bool = True) -> None:  # noqa: A002 - as on the page
        """Close a group, or open it; without a name, only apply what is closed."""
        self.closed = self.closed - {name} if open else self.closed | {name}
        shown = [np.full(count, text not in self.closed) for text, count in self.groups]
        self.rows = self._all[np.concatenate(shown)] if shown else self._all
        self.version += 1

    def _parts(self, group: str) -> tuple[str, np.ndarray, list[str]]:
        """Return the column, the number of each row's group, and the names of the groups."""
        if self._parted is None or self._parted[0] != group or group == "label":
            values = self._columns(group)
            if group not in values.columns:
                raise ValueError(f"group: expected a column of the table, got {group!r}.")
            try:
                codes, found = pd.factorize(values[group], sort=True)
            except TypeError:
                raise ValueError(f"group: expected a column of one kind of values, got {group!r}.") from None
            if len(found) > MOST_GROUPS:
                raise ValueError(
                    f"group: expected a column with at most {MOST_GROUPS} values, got {group!r} with {len(found):,}."
                )
            names = _distinct(list(found), class_words(self.table, group))
            self._parted = group, np.where(codes < 0, len(found), codes).astype(np.uint8), [*names, NO_VALUE]
        return self._parted

    def ids(self, first: int, count: int) -> list[str]:
        """Return the ids of a window; fewer than `count` at the end."""
        return list(self.table.index.take(self.rows[first : first + count]))

    def place_of(self, object_id: str | None) -> int:
        """Return the place of an object among those shown, from 0; -1 if it is not shown."""
        row = row_of(self.table.index, object_id)
        found = np.flatnonzero(self.rows == row) if row >= 0 else ()
        return int(found[0]) if len(found) else -1

    def pixels(self, ids: Iterable[str]) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Return the images of objects.

        Returns
        -------
        images : numpy.ndarray of float32, shape (n, B, H, W)
        coverage : numpy.ndarray of bool, shape (n, B, H, W), or None if every pixel was observed
        cell : numpy.ndarray of int, one value per id
            Index of the id's image in `images`; -1 if it has no image.
        """
        rows = np.array([row_of(self._pictured, object_id) for object_id in ids], dtype=np.int64)
        there = rows >= 0
        coverage = self.cutouts.coverage
        cell = np.where(there, np.cumsum(there) - 1, -1)
        return self.cutouts.images[rows[there]], None if coverage is None else coverage[rows[there]], cell

    def unlabelled(self) -> np.ndarray:
        """Return which rows of the table have no label, bool, shape (N,)."""
        free = np.ones(len(self.table), dtype=bool)
        rows = (
            row_of(self.table.index, object_id) for object_id in ({} if self.labels is None else self.labels.to_dict())
        )
        free[[row for row in rows if row >= 0]] = False
        return free

    def _columns(self, expression: str) -> pd.DataFrame:
        if self.labels is None or "label" not in expression or "label" in self.table.columns:
            return self.table
        given = np.full(len(self.table), "", dtype=object)
        for object_id, label in self.labels.to_dict().items():
            row = row_of(self.table.index, object_id)
            if row >= 0:
                given[row] = label
        return self.table.assign(label=pd.Series(given, index=self.table.index, dtype=object))

    def _sort(self, order: str, *, descending: bool) -> np.ndarray:
        if not order.strip():
            rows = np.arange(len(self.table), dtype=np.int32)
            return rows[::-1] if descending else rows
        expression = f"col({order!r})" if order in self.table.columns else order
        values = evaluate(expression, self._columns(order))
        if values.dtype == object:
            codes, _ = pd.factorize(values, sort=True)
            values = np.where(codes < 0, np.nan, codes)
        values = values.astype(np.float64)
        return np.argsort(-values if descending else values, kind="stable").astype(np.int32)


def _distinct(values: list[Any], words: Mapping[str, str]) -> list[str]:
    """Return a name for each value; no two are the same, and none is `NO_VALUE`."""
    short, names = [text_of(value, words) or "empty" for value in values], [NO_VALUE]
    for text, value in zip(short, values, strict=True):
        name = text if short.count(text) == 1 else str(value) or text  # with all digits
        while name in names:
            name += " (2)"
        names.append(name)
    return names[1:]


def row_of(index: pd.Index, object_id: str | None) -> int:
    """Return the row of an id in an index, or -1; unlike ``get_indexer`` it does not copy a large index."""
    try:
        return int(index.get_loc(object_id))
    except KeyError:
        return -1
