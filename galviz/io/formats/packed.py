"""Rows of fixed width as in FITS and VOTable: big-endian numbers and padded text, written in chunks."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galviz.io.formats import common

CHUNK = 3 << 14  # rows; a multiple of 3, so that chunks in base64 can be joined
_AT_ONCE = 256 << 20  # bytes of a chunk
_LARGE, _WASTE = 1 << 30, 100  # a file of more bytes, and of so many times those of the table, is refused


def storable(table: pa.Table) -> pa.Table:
    """Return a table with dates, and integers beyond int64, as text."""
    for k, field in enumerate(table.schema):
        beyond = field.type == pa.uint64() and (pc.max(table[k]).as_py() or 0) > 2**63 - 1
        if beyond or pa.types.is_timestamp(field.type):
            text = common.as_text(table[k])
            table = table.set_column(k, common.field_with(field.name, text.type, common.unit_of(field)), text)
    return table


def width_of(values: pa.ChunkedArray) -> int:
    """Return the length of the longest text in bytes, at least 1."""
    return max(1, pc.max(pc.binary_length(values)).as_py() or 0)


def dtype_of(values: pa.ChunkedArray) -> np.dtype:
    """Return the dtype in which a column is packed: float32, float64, int64, 1 byte (booleans), or bytes."""
    kind = values.type
    if pa.types.is_floating(kind):
        return np.dtype(">f4" if kind == pa.float32() else ">f8")
    if pa.types.is_integer(kind):
        return np.dtype(">i8")
    return np.dtype("S1" if pa.types.is_boolean(kind) else f"S{width_of(values)}")


def dtypes_of(table: pa.Table) -> list[np.dtype]:
    """Return `dtype_of` each column.

    Raises
    ------
    ValueError
        If the file would be absurdly large, because each text takes as much space as the longest one.
    """
    dtypes = [dtype_of(column) for column in table.columns]
    size = table.num_rows * sum(dtype.itemsize for dtype in dtypes)
    if size > max(_LARGE, _WASTE * table.nbytes):
        widest = max(range(len(dtypes)), key=lambda k: dtypes[k].itemsize)
        raise ValueError(
            f"table: expected texts of similar length, got one of {dtypes[widest].itemsize:,} bytes in column "
            f"{table.column_names[widest]!r}: as each text takes as much room, the file would have {size:,} bytes. "
            "Use Parquet or CSV."
        )
    return dtypes


def chunks(
    table: pa.Table, dtypes: list[np.dtype], nulls: list[int | bytes]
) -> Iterator[tuple[np.ndarray, list[np.ndarray]]]:
    """Yield the packed rows in chunks.

    Parameters
    ----------
    table : pyarrow.Table
    dtypes : list of numpy.dtype, length M
        From `dtype_of`, one per column.
    nulls : list of int or bytes, length M
        Value that stands for a missing integer, boolean or text. A missing float is NaN.

    Yields
    ------
    rows : numpy.ndarray, shape (n,), structured
    missing : list of numpy.ndarray of bool, shape (n,), length M
    """
    layout = np.dtype([(f"c{k}", dtype) for k, dtype in enumerate(dtypes)])
    step = min(CHUNK, max(3, _AT_ONCE // max(layout.itemsize, 1) // 3 * 3))
    for start in range(0, table.num_rows, step):
        part = table.slice(start, step)
        rows = np.empty(part.num_rows, layout)
        for k, column in enumerate(part.columns):
            rows[f"c{k}"] = _values(column, nulls[k])
        yield rows, [column.is_null().to_numpy() for column in part.columns]


def _values(column: pa.ChunkedArray, null: int | bytes) -> np.ndarray:
    if pa.types.is_floating(column.type):
        return column.to_numpy()
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64()).fill_null(null).to_numpy()
    if pa.types.is_boolean(column.type):
        return np.array([null, b"F", b"T"])[column.cast(pa.int8()).fill_null(-1).to_numpy() + 1]
    return column.cast(pa.large_binary()).fill_null(null).to_numpy()
