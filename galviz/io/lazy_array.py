"""`LazyRows`: arrays on disk of which only the indexed rows are read."""

from typing import Any

import numpy as np


class LazyRows:
    """An array ``(N, ...)`` of which only the indexed rows are read.

    Wraps a NumPy array, a memory map or a Zarr array. `take` returns a subset without reading anything.

    Parameters
    ----------
    store : array-like
        Anything with ``shape``, ``dtype`` and NumPy-like or Zarr indexing along axis 0.
    rows : numpy.ndarray of int, optional
        Rows of the store, in order. By default all of them.
    levels : int, optional
        If given, the store holds integers 0 … `levels` (255 for pictures), which are read as float32 in 0…1.
    """

    def __init__(self, store: Any, rows: np.ndarray | None = None, *, levels: int | None = None) -> None:
        self._store = store
        self._rows = rows
        self.levels = levels

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape ``(N, ...)``."""
        return (len(self), *self._store.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        """Data type of the values when they are read."""
        return np.dtype(self._store.dtype if self.levels is None else np.float32)

    @property
    def raw(self) -> "LazyRows":
        """The same rows with their stored values, without the scaling by `levels`."""
        return LazyRows(self._store, self._rows)

    def __len__(self) -> int:
        return int(self._store.shape[0] if self._rows is None else len(self._rows))

    def take(self, rows: np.ndarray) -> "LazyRows":
        """Return the rows at these positions, in this order, without reading them."""
        rows = np.asarray(rows, dtype=np.int64)
        return LazyRows(self._store, rows if self._rows is None else self._rows[rows], levels=self.levels)

    def __getitem__(self, key: int | slice | np.ndarray) -> np.ndarray:
        """Read one row ``(...)`` for an int, or rows ``(n, ...)`` for a slice or an array of ints."""
        if isinstance(key, slice) and self._rows is None and key.step in (None, 1):
            return self._values(np.array(self._store[key]))  # a copy, so that callers cannot change the store
        if isinstance(key, int | np.integer):
            return self[np.asarray([key])][0]
        rows = np.arange(len(self))[key]
        return self._read(rows if self._rows is None else self._rows[rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:  # noqa: FBT001 - NumPy's protocol
        """Read all rows into memory; NumPy calls this where a real array is needed."""
        return np.array(self[:], dtype=dtype, copy=copy)

    def _read(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) and (np.diff(rows) == 1).all():  # as a slice, Zarr reads several times faster
            return self._values(np.array(self._store[int(rows[0]) : int(rows[-1]) + 1]))
        oindex = getattr(self._store, "oindex", None)
        return self._values(np.asarray(self._store[rows] if oindex is None else oindex[rows]))

    def _values(self, stored: np.ndarray) -> np.ndarray:
        return stored if self.levels is None else stored.astype(np.float32) / np.float32(self.levels)


def spaced(values: np.ndarray, most: int) -> np.ndarray:
    """Return up to `most` evenly spaced values, (N, ...) -> (n, ...), including the first and the last."""
    return values[np.unique(np.linspace(0, len(values) - 1, min(len(values), most)).round().astype(int))]
