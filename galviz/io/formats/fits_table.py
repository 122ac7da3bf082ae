"""FITS binary tables. Provenance and record are stored as JSON in the primary array."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.io import fits

from galviz.io.damage import Refused, whole
from galviz.io.formats import common, packed
from galviz.io.formats.common import Raw
from galviz.io.formats.request import Request

TEXT = common.Unsafe(found=r"[^ -~]| $|^$", taken=r"[^ -~]|%| \Z")
_BLOCK = 2880
_MOST = 999  # columns that FITS can count
_LONGEST_NAME = 60  # letters that one card can hold; the record has the whole name


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write a file with one table.

    FITS holds only ASCII. A text column with other characters, empty text or trailing blanks is percent-encoded
    (UTF-8), where ``%`` alone is an empty text. ``GVQUOTE`` in the header lists the numbers of such columns. Names are
    reduced to letters A–Z, digits and underscores, and differ in more than case. The record has the original names.

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
    dtypes = packed.dtypes_of(stored)
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
    """Write an array at the end of a binary file or stream.

    Parameters
    ----------
    out : binary file
    data : numpy.ndarray
        uint8 or float32.
    cards : iterable of str
        Further header cards, from `card`.
    first : bool
        True for the first array of a file.
    """
    header = "".join([_structure(data.shape, data.itemsize, first=first), *cards, f"{'END':80}"])
    out.write(header.ljust(-(-len(header) // _BLOCK) * _BLOCK).encode())
    content = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder(">")).tobytes()
    out.write(content)
    out.write(bytes(-len(content) % _BLOCK))


def card(key: str, value: Any, comment: str = "") -> str:
    """Return one header card: 80 characters, or a multiple of that for a long text."""
    return str(fits.Card(key, value, comment))


@lru_cache
def _structure(shape: tuple[int, ...], itemsize: int, *, first: bool) -> str:
    start = {"SIMPLE": True} if first else {"XTENSION": "IMAGE"}
    axes = {f"NAXIS{k}": size for k, size in enumerate(reversed(shape), start=1)}
    end = {"EXTEND": True} if first else {"PCOUNT": 0, "GCOUNT": 1}
    cards = start | {"BITPIX": {1: 8, 4: -32}[itemsize], "NAXIS": len(shape)} | axes | end
    return "".join(card(key, value) for key, value in cards.items())


def read_json(hdu: fits.PrimaryHDU | fits.ImageHDU) -> dict[str, Any]:
    """Return the content written by `write_json`, or an empty mapping for any other array."""
    return json.loads(hdu.data.tobytes()) if hdu.header.get("GALVIZ") == "json" else {}


def tables_in(path: Path) -> list[str]:
    """Return the names of the tables."""
    return [table.name for table in _structure_of(path)[0]]


def read(path: Path, request: Request) -> pa.Table:
    """Read one table of a file from any program.

    Headers are read by astropy, values here: one odd column must not take the others along, and astropy turns a missing
    truth value into False, a missing number of an ASCII table into 0. A column with up to 16 entries a row becomes as
    many columns; one with more, a varying number of them, bits or complex numbers is left out.

    Raises
    ------
    ValueError
        If there is no table, or it is cut short.
    """
    tables, companion = _structure_of(path)
    if not tables:
        raise Refused(f"path: expected a FITS file with a table, got {path}, which has none. Name another file.")
    known = common.known_in(companion or {}, request)
    names = [common.names_in([c.name for c in table.columns], known.record) for table in tables]
    place = request.choose_table([table.name for table in tables], names)
    table, names = tables[place], request.unique(names[place])
    wanted = request.choose_columns(names)
    found: list[Raw] = []
    with whole(path, "FITS file"):
        cells = _cells(path, table)
        for name, column in zip(names, table.columns, strict=True):
            if name in wanted:
                raw = Raw(name, pa.nulls(0), column.unit, known.record.get(column.name, {}))
                found += (_ascii if table.ascii else _binary)(raw, column, cells, request)
    return common.assemble(found, known, request)


class _Column(NamedTuple):
    """Header entries of a column."""

    name: str
    unit: str
    form: str
    start: int  # bytes from the start of a row
    width: int  # bytes
    count: int  # entries a row
    null: int | str | None
    scale: float
    zero: float
    dim: str


class _Table(NamedTuple):
    name: str
    columns: list[_Column]
    ascii: bool
    place: int  # bytes from the start of the file
    row: int  # bytes
    rows: int


def _structure_of(path: Path) -> tuple[list[_Table], dict[str, Any] | None]:
    """Return the tables of a file, and the metadata that galviz wrote."""
    size = common.size_of(path)
    with (
        whole(path, "FITS file"),
        common.opened(path) as file,
        fits.open(file, memmap=False, lazy_load_hdus=False, disable_image_compression=True) as hdus,
    ):
        companion = _companion_of(hdus[0])
        kinds = fits.BinTableHDU | fits.TableHDU
        found = [hdu for hdu in hdus if isinstance(hdu, kinds) and not hdu.header.get("ZIMAGE")]
        names = [str(hdu.header.get("EXTNAME", "")).strip() or f"table {k}" for k, hdu in enumerate(found, start=1)]
        tables = [_table(hdu, name, path) for hdu, name in zip(found, common.unique(names), strict=True)]
    for table in tables:
        if table.place + table.row * table.rows > size or (table.rows and not table.row):
            raise Refused(
                f"path: expected a whole FITS file, got {path}, which ends before the {table.rows:,} rows of its table "
                f"{table.name!r}. Copy or download it again."
            )
    return tables, companion


def _companion_of(hdu: Any) -> dict[str, Any] | None:
    try:
        known = read_json(hdu)
        return {common.COLUMNS: known.get("columns"), common.PROVENANCE: known.get("passport")}
    except (ValueError, AttributeError, TypeError, RecursionError):
        return {common.COLUMNS: False}  # so that it is noted


def _table(hdu: fits.BinTableHDU | fits.TableHDU, name: str, path: Path) -> _Table:
    header, text = hdu.header, isinstance(hdu, fits.TableHDU)
    if header.get("ZTABLE"):
        raise Refused(
            f"path: expected a plain table, got the compressed one {name!r} in {path}. Unpack it with funpack."
        )
    columns, start = [], 0
    for k in range(1, header["TFIELDS"] + 1):
        form = str(header[f"TFORM{k}"]).strip().upper()
        column = _Column(
            name=str(header.get(f"TTYPE{k}", "")).strip() or f"col{k}",
            unit=str(header.get(f"TUNIT{k}", "")).strip(),
            form=form,
            start=header[f"TBCOL{k}"] - 1 if text else start,
            **_size(form, text=text),
            null=header.get(f"TNULL{k}"),
            scale=header.get(f"TSCAL{k}", 1),
            zero=header.get(f"TZERO{k}", 0),
            dim=str(header.get(f"TDIM{k}", "")),
        )
        start += column.width
        if column.start < 0 or column.start + column.width > header["NAXIS1"]:
            raise ValueError(f"column {column.name!r} ends after the end of its row")
        columns.append(column)
    return _Table(name, columns, text, hdu.fileinfo()["datLoc"], header["NAXIS1"], header["NAXIS2"])


_BYTES = {"L": 1, "X": 0.125, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16, "P": 8, "Q": 16}


def _size(form: str, *, text: bool) -> dict[str, int]:
    found = re.match(r"([AIFED])(\d+)" if text else r"(\d*)([LXBIJKAEDCMPQ])", form)
    if not found:
        raise ValueError(f"unknown format {form!r} of a column")
    if text:
        return {"width": int(found[2]), "count": 1}
    count = int(found[1] or 1)
    return {"width": -int(-count * _BYTES[found[2]] // 1), "count": count}


def _cells(path: Path, table: _Table) -> np.ndarray:
    """Return the bytes of a table, shape (rows, bytes per row), as a memory map unless the file is gzipped."""
    shape = (table.rows, table.row)
    if not table.rows:
        return np.empty(shape, np.uint8)
    if not common.is_gzipped(path):
        return np.memmap(path, np.uint8, "r", table.place, shape)
    with common.opened(path) as file:
        file.seek(table.place)
        return np.frombuffer(file.read(table.row * table.rows), np.uint8).reshape(shape)


def _entries(cells: np.ndarray, column: _Column, dtype: str) -> np.ndarray:
    return np.ascontiguousarray(cells[:, column.start : column.start + column.width]).view(dtype)


_ODD = {"P": "a varying number of values in a row", "X": "bits", "C": "complex numbers"}
_ODD |= {"Q": _ODD["P"], "M": _ODD["C"]}


def _binary(raw: Raw, column: _Column, cells: np.ndarray, request: Request) -> list[Raw]:
    kind = column.form.lstrip("0123456789")[0]
    odd = _ODD.get(kind) or (not column.width and "no values: its width is 0")
    if odd:
        request.leave_out(raw.name, odd)
        return []
    if kind == "A":
        length = re.match(r"\(\s*(\d+)\s*,", column.dim)  # several texts a row
        length = int(length[1]) if length else column.width
        if not 0 < length <= column.width or column.width % length:
            length = column.width
        return _texts(raw, _entries(cells, column, f"S{length}"), request)
    letters = {"L": "u1", "B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}
    values = _entries(cells, column, letters[kind])
    missing = None
    if kind == "L":
        values, missing = values == ord("T"), ~np.isin(values, (ord("T"), ord("F")))
    else:
        stored, values = values, _scaled(values, column)
        if stored.dtype.kind in "iu" and column.null is not None:
            missing = stored == column.null
            if values.dtype.kind == "u" and column.zero and not missing.any():
                missing = values == column.null  # astropy writes TNULL of unsigned numbers so, against the standard
    flat = column.count == 1
    return common.columns_of(raw, *(v if v is None or not flat else v[:, 0] for v in (values, missing)), request)


def _texts(raw: Raw, texts: np.ndarray, request: Request) -> list[Raw]:
    """Return text columns. Text ends at a NUL or at trailing blanks; empty text is missing."""
    letters = np.ascontiguousarray(texts).view(np.uint8).reshape(*texts.shape, texts.itemsize)
    if ((letters[..., :-1] == 0) & (letters[..., 1:] != 0)).any():  # NumPy sees NULs at the end only
        texts = np.where(np.cumsum(letters == 0, axis=-1) > 0, 0, letters).astype(np.uint8).view(texts.dtype)[..., 0]
    texts = np.char.rstrip(texts)
    texts = texts[:, 0] if texts.shape[1] == 1 else texts
    return common.columns_of(raw, texts, texts == b"", request)


def _scaled(values: np.ndarray, column: _Column) -> np.ndarray:
    """Return TZERO + TSCAL × values, as integers if possible, so that 64 bits stay exact."""
    scale, zero = column.scale, column.zero
    if (scale, zero) == (1, 0):
        return values
    if values.dtype.kind in "iu" and scale == 1 and int(zero) == zero:
        zero = int(zero)
        ends = np.array([0, 0]) if not values.size else np.array([values.min(), values.max()])
        low, high = (int(end) + zero for end in ends)
        if values.dtype.kind == "i" and zero == 2 ** (8 * values.itemsize - 1):  # unsigned: the sign bit alone differs
            native = np.dtype(f"u{values.itemsize}")
            return values.view(native.newbyteorder(">")).astype(native) ^ native.type(zero)
        if low >= -(2**63) and high < 2**63:
            return values.astype(np.int64) + zero
    return values.astype(np.float64) * scale + zero


def _ascii(raw: Raw, column: _Column, cells: np.ndarray, request: Request) -> list[Raw]:
    if not column.width:
        request.leave_out(raw.name, "no values: its width is 0")
        return []
    entries = _entries(cells, column, f"S{column.width}")
    if column.form.startswith("A"):
        return _texts(raw, entries, request)
    text = pa.chunked_array([pa.array(entries[:, 0], pa.large_binary()).cast(pa.large_string())])
    text = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), "[dD]", "E")
    text = pc.replace_substring_regex(text, r"^\+", "")
    null = "" if column.null is None else str(column.null).strip()
    text = pc.if_else(
        pc.is_in(text, pa.array(["", null, null.upper().replace("D", "E")], pa.large_string())), None, text
    )
    if column.form.startswith("I"):
        values = common.whole_numbers(text)
        if pa.types.is_large_string(values.type):
            values = values if pc.all(pc.match_substring_regex(text, r"^-?\d+$")).as_py() else text.cast(pa.int64())
    else:
        values = text.cast(pa.float64())
    if (column.scale, column.zero) != (1, 0):
        numbers = values.cast(pa.float64())
        values = pc.add(pc.multiply(numbers, float(column.scale)), float(column.zero))
    return [raw._replace(values=values)]


def _companion(table: pa.Table, names: list[str], quotes: list[bool]) -> dict[str, Any]:
    provenance = common.provenance_of(table.schema)
    return {"columns": common.record_of(table, names, quotes)} | (
        {} if provenance is None else {"passport": provenance}
    )


def _names(names: list[str]) -> list[str]:
    stored: dict[str, str] = {}  # by lower case: FITS takes z and Z for one
    for k, name in enumerate(names, start=1):
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)[:_LONGEST_NAME]
        while plain.lower() in stored or not plain.strip("_"):
            plain += f"_{k}"
        stored[plain.lower()] = plain
    return list(stored.values())


def _null(column: pa.ChunkedArray) -> int | bytes:
    """Return the value that stands for a missing one: for integers, one that does not occur in the column."""
    if not pa.types.is_integer(column.type):
        return b"\0" if pa.types.is_boolean(column.type) else b""
    taken = set(column.unique().to_pylist()) if column.null_count else set()
    return next(value for value in range(-(2**63), 2**63) if value not in taken)


def _header(table: pa.Table, names: list[str], dtypes: list[np.dtype], nulls: list[int | bytes]) -> fits.Header:
    formats, columns = {">f4": "E", ">f8": "D", ">i8": "K"}, []
    for k, (name, dtype, field) in enumerate(zip(names, dtypes, table.schema, strict=True)):
        text = "L" if pa.types.is_boolean(field.type) else f"{dtype.itemsize}A"
        unit = common.unit_of(field)
        unit = unit if unit.isascii() and unit.isprintable() else ""
        null = nulls[k] if dtype.kind == "i" and table[k].null_count else None
        columns.append(fits.Column(name, formats.get(dtype.str, text), unit=unit or None, null=null))
    header = fits.BinTableHDU.from_columns(columns, name="CATALOGUE").header
    header["NAXIS2"] = table.num_rows
    return header
