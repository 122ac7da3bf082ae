"""FITS binary tables. Passport and record are a JSON text in the primary array, as the table's companion."""

import json
import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from astropy.io import fits

from galviz.sky.formats import common, packed

TEXT = common.Unsafe(found=r"[^ -~]| $|^$", taken=r"[^ -~]|%| \Z")
_BLOCK = 2880
_MOST = 999  # columns that FITS can count


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write a file with one table.

    FITS is ASCII. A text column with more than that, an empty text or a blank at its end is percent-encoded in UTF-8,
    ``%`` alone being an empty text: ``GVQUOTE`` in the header has the numbers of such columns. Names keep letters A–Z,
    digits and underscores, and differ in more than case; the record has what they were.

    Raises
    ------
    ValueError
        If there are more columns than FITS can count.
    """
    if table.num_columns > _MOST:
        raise ValueError(f"table: expected at most {_MOST} columns, as FITS has, got {table.num_columns}. Use Parquet.")
    names = _names(table.column_names)
    stored, quotes = packed.storable(table), []
    for k, field in enumerate(stored.schema):
        values, quote = common.quoted(stored[k], TEXT) if pa.types.is_large_string(field.type) else (stored[k], False)
        quotes.append(quote)
        stored = stored.set_column(k, field, values)
    dtypes = [packed.dtype_of(column) for column in stored.columns]
    nulls = [_null(column) for column in stored.columns]
    write_json(out, _companion(table, names, quotes))
    header = _header(stored, names, dtypes, nulls)
    if any(quotes):
        header["GVQUOTE"] = " ".join(str(k) for k, quote in enumerate(quotes, start=1) if quote)
        header["COMMENT"] = "GVQUOTE: numbers of the columns whose text is percent-encoded UTF-8"
    out.write(header.tostring().encode())
    size = 0
    for rows, _ in packed.chunks(stored, dtypes, nulls):
        size += out.write(rows.tobytes())
    out.write(bytes(-size % _BLOCK))


def write_json(out: BinaryIO, content: dict[str, Any]) -> None:
    """Write the first array of a file: JSON as bytes, marked ``GALVIZ = 'json'``."""
    mark = card("GALVIZ", "json", "the bytes are a JSON text: passport, columns")
    write_image(out, np.frombuffer(common.to_json(content).encode(), dtype=np.uint8), [mark], first=True)


def write_image(out: BinaryIO, data: np.ndarray, cards: Iterable[str], *, first: bool = False) -> None:
    """Write an array at the end of a file, which need not be one on a disk.

    Parameters
    ----------
    out : binary file
    data : numpy.ndarray
        uint8 or float32.
    cards : iterable of str
        What `card` made, beyond those that every array has.
    first : bool
        True for the first array of a file.
    """
    header = "".join([_structure(data.shape, data.itemsize, first=first), *cards, f"{'END':80}"])
    out.write(header.ljust(-(-len(header) // _BLOCK) * _BLOCK).encode())
    content = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder(">")).tobytes()
    out.write(content)
    out.write(bytes(-len(content) % _BLOCK))


def card(key: str, value: Any, comment: str = "") -> str:
    """Write one card of a header: 80 characters, or a multiple where a text is long."""
    return str(fits.Card(key, value, comment))


@lru_cache
def _structure(shape: tuple[int, ...], itemsize: int, *, first: bool) -> str:
    start = {"SIMPLE": True} if first else {"XTENSION": "IMAGE"}
    axes = {f"NAXIS{k}": size for k, size in enumerate(reversed(shape), start=1)}
    end = {"EXTEND": True} if first else {"PCOUNT": 0, "GCOUNT": 1}
    cards = start | {"BITPIX": {1: 8, 4: -32}[itemsize], "NAXIS": len(shape)} | axes | end
    return "".join(card(key, value) for key, value in cards.items())


def read_json(hdu: fits.PrimaryHDU | fits.ImageHDU) -> dict[str, Any]:
    """Read what `write_json` wrote; nothing in any other array."""
    return json.loads(hdu.data.tobytes()) if hdu.header.get("GALVIZ") == "json" else {}


def read(path: Path, pick: common.Pick) -> pa.Table:
    """Read the first table of a file, of any program. A column with up to 16 entries a row becomes as many columns.

    Raises
    ------
    ValueError
        If there is none, or a column that is wanted has more entries, or a varying number of them.
    """
    with common.readable(path, "FITS file"):
        hdus = fits.open(path, character_as_bytes=True)
    with hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)  # names as RA(deg) are no concern here
        with common.readable(path, "FITS file"):
            known = read_json(hdus[0])
            table = next((hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)), None)
            stored = [] if table is None else table.columns.names
            empty = table is None or table.data is None
        if empty:
            raise ValueError(f"path: expected a FITS file with a table, got {path}, which has none. Name another file.")
        names = common.names_in(stored, known.get("columns", {}))
        wanted = pick(names)
        columns = [raw for k, name in enumerate(names) if name in wanted for raw in _columns(table, k)]
    return common.assemble(columns, known.get("columns", {}), known.get("passport"))


def _companion(table: pa.Table, names: list[str], quotes: list[bool]) -> dict[str, Any]:
    passport = common.passport_of(table.schema)
    return {"columns": common.record_of(table, names, quotes)} | ({} if passport is None else {"passport": passport})


def _names(names: list[str]) -> list[str]:
    stored: dict[str, str] = {}  # by lower case: FITS takes z and Z for one
    for k, name in enumerate(names, start=1):
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        while plain.lower() in stored or not plain.strip("_"):
            plain += f"_{k}"
        stored[plain.lower()] = plain
    return list(stored.values())


def _null(column: pa.ChunkedArray) -> int | bytes:
    """Choose what stands for a missing value: an integer that is not among the values."""
    if not pa.types.is_integer(column.type):
        return b"\0" if pa.types.is_boolean(column.type) else b""
    taken = set(column.unique().to_pylist()) if column.null_count else set()
    return next(value for value in range(-(2**63), 2**63) if value not in taken)


def _header(table: pa.Table, names: list[str], dtypes: list[np.dtype], nulls: list[int | bytes]) -> fits.Header:
    row = sum(dtype.itemsize for dtype in dtypes)
    fixed = {"XTENSION": "BINTABLE", "BITPIX": 8, "NAXIS": 2, "NAXIS1": row, "NAXIS2": table.num_rows}
    header = fits.Header(fixed | {"PCOUNT": 0, "GCOUNT": 1, "TFIELDS": len(names), "EXTNAME": "CATALOGUE"})
    formats = {">f4": "E", ">f8": "D", ">i8": "K"}
    for k, (name, dtype) in enumerate(zip(names, dtypes, strict=True), start=1):
        field = table.schema[k - 1]
        header[f"TTYPE{k}"] = name
        text = "L" if pa.types.is_boolean(field.type) else f"{dtype.itemsize}A"
        header[f"TFORM{k}"] = formats.get(dtype.str, text)
        if (unit := common.unit_of(field)) and unit.isascii() and unit.isprintable():
            header[f"TUNIT{k}"] = unit
        if dtype.kind == "i" and table[k - 1].null_count:
            header[f"TNULL{k}"] = nulls[k - 1]
    return header


def _columns(table: fits.BinTableHDU | fits.TableHDU, k: int) -> list[common.Raw]:
    column = table.columns[k]
    if "P" in column.format or "Q" in column.format:
        raise ValueError(
            f"table: expected as many entries in each row of column {column.name!r}, got format {column.format}. "
            "Leave it out: read_table(path, columns=[…])."
        )
    stored = np.recarray.field(table.data, k)  # as in the file: astropy makes False of a missing truth value
    unit = str(column.unit or "")
    if isinstance(table, fits.BinTableHDU) and column.format.endswith("L"):
        return common.columns_of(column.name, stored == ord("T"), stored == 0, unit)
    values = np.asarray(table.data.field(k))
    missing = None
    if column.null is not None and stored.dtype.kind in "iu":
        missing = stored == column.null
    if values.dtype.kind == "S":
        values = np.char.rstrip(values)
        missing = values == b""
    return common.columns_of(column.name, values, missing, unit)
