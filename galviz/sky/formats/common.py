"""What the formats share: a record of names, types and units beside the table, and text that a format cannot hold."""

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from urllib.parse import quote as percent
from urllib.parse import unquote
from xml.parsers.expat import ExpatError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Column, Table
from astropy.table.meta import YamlParseError

PASSPORT, COLUMNS = "galviz.passport", "galviz.columns"
WIDEST = 16  # entries of a vector column that become columns of their own

_BROKEN = (
    OSError, ValueError, TypeError, LookupError, EOFError, csv.Error, zlib.error, ExpatError,
    YamlParseError, pa.ArrowException,
)  # fmt: skip

Pick = Callable[[Sequence[str]], dict[str, bool]]
"""Says of all the names in a file which to read, and which of these as text whatever they look like."""


class Raw(NamedTuple):
    """A column as it stands in a file."""

    name: str
    values: pa.Array | pa.ChunkedArray
    unit: str = ""


class Unsafe(NamedTuple):
    """Text that a format cannot hold: a column with a match of `found` is quoted, each match of `taken` in it is."""

    found: str
    taken: str


@contextmanager
def readable(path: Path, kind: str) -> Iterator[None]:
    """Turn what a library says of a broken file into an error that names the file.

    Raises
    ------
    ValueError
        If the file is not what it should be.
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except _BROKEN as error:
        raise ValueError(
            f"path: expected a whole {kind}, got {path}, which cannot be read ({error}). Save it again."
        ) from error


def is_gzipped(path: Path) -> bool:
    """Say whether a file is packed, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def opened(path: Path) -> BinaryIO:
    """Open a file for reading, unpacked where it is gzipped."""
    return gzip.open(path) if is_gzipped(path) else path.open("rb")


def unit_of(field: pa.Field) -> str:
    """Give the unit of a column, ``""`` where it has none."""
    return (field.metadata or {}).get(b"unit", b"").decode()


def passport_of(schema: pa.Schema) -> dict[str, Any] | None:
    """Give the passport that travels with a table."""
    text = (schema.metadata or {}).get(PASSPORT.encode())
    return None if text is None else json.loads(text)


def to_json(content: Any) -> str:
    """Write JSON in ASCII, on one line: safe in a comment, an attribute and a header."""
    return json.dumps(content, separators=(",", ":"))


def record_of(table: pa.Table, stored: Sequence[str] = (), quoted: Sequence[bool] = ()) -> dict[str, dict[str, Any]]:
    """Describe the columns by the names they are stored under: name, type, unit, and whether their text is quoted."""
    record = {}
    for k, field in enumerate(table.schema):
        about = {"name": field.name, "type": type_name(field.type), "unit": unit_of(field)}
        record[stored[k] if stored else field.name] = about | ({"quoted": True} if quoted and quoted[k] else {})
    return record


def names_in(stored: Sequence[str], record: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Give the names that columns had before they were stored."""
    return [record.get(name, {}).get("name", name) for name in stored]


def type_in(about: Mapping[str, Any]) -> pa.DataType | None:
    """Give the type that a column had before it was stored; None where that is not known."""
    if "type" not in about:
        return None
    return pa.large_string() if about["type"] == "text" else pa.type_for_alias(about["type"])


def assemble(columns: Sequence[Raw], record: Mapping[str, Mapping[str, Any]], passport: Any = None) -> pa.Table:
    """Make a table of columns as they were before they were stored.

    Raises
    ------
    ValueError
        If a column holds neither numbers, truth values, dates nor text.
    """
    arrays, fields = [], []
    for raw in columns:
        about = record.get(raw.name, {})
        values = plain(raw.values, about.get("name", raw.name))
        if about.get("quoted"):
            values = _mapped(values, lambda text: "" if text == "%" else unquote(text))
        arrays.append(_as(values, type_in(about)))
        fields.append(field_with(about.get("name", raw.name), arrays[-1].type, about.get("unit", raw.unit)))
    known = {PASSPORT: passport, COLUMNS: record or None}
    metadata = {key: to_json(value) for key, value in known.items() if value is not None}
    return pa.table(arrays, schema=pa.schema(fields, metadata=metadata))


def field_with(name: str, kind: pa.DataType, unit: str) -> pa.Field:
    """Make a field that knows its unit."""
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)


def plain(values: pa.Array | pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Bring a column to one of the types that are kept: int8 … uint64, float, double, bool, timestamp, large_string.

    Raises
    ------
    ValueError
        If its values are none of these.
    """
    values = values if isinstance(values, pa.ChunkedArray) else pa.chunked_array([values])
    kind = values.type
    if pa.types.is_dictionary(kind):
        return plain(values.cast(kind.value_type), name)
    if pa.types.is_integer(kind) or kind in {pa.float32(), pa.float64(), pa.bool_(), pa.large_string()}:
        return values
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return values
    wanted = [
        (pa.types.is_string(kind) or pa.types.is_string_view(kind), pa.large_string()),
        (pa.types.is_time(kind) or pa.types.is_timestamp(kind), pa.large_string()),
        (pa.types.is_date(kind), pa.timestamp("ms")),
        (pa.types.is_null(kind) or pa.types.is_decimal(kind), pa.float64()),
        (pa.types.is_float16(kind), pa.float32()),
    ]
    for fits, other in wanted:
        if fits:
            return values.cast(other)
    raise ValueError(
        f"table: expected numbers, truth values, dates or text in column {name!r}, got {kind}. "
        "Leave it out: read_table(path, columns=[…]), or drop it from the table."
    )


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Write numbers, truth values or dates (ISO 8601) as text."""
    text = values.cast(pa.large_string())
    return pc.replace_substring(text, " ", "T") if pa.types.is_timestamp(values.type) else text


def quoted(values: pa.ChunkedArray, unsafe: Unsafe) -> tuple[pa.ChunkedArray, bool]:
    """Percent-encode the text of a column where the format cannot hold all of it; an empty text becomes ``%``."""
    if not pc.any(pc.match_substring_regex(values, unsafe.found)).as_py():
        return values, False
    return _mapped(values, lambda text: quoted_text(text, unsafe.taken) or "%"), True


def quoted_text(text: str, taken: str) -> str:
    """Percent-encode (UTF-8) each match of `taken`."""
    return re.sub(
        taken, lambda found: "".join(percent(c, safe="") if c > "~" else f"%{ord(c):02X}" for c in found[0]), text
    )


def array_of(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Make an Arrow array of NumPy values (N,), text as str, bytes or object; empty text is missing."""
    values = np.asarray(values)
    if values.dtype.kind in "OU":
        gone = missing if missing is not None else np.zeros(len(values), dtype=bool)
        return pa.array([None if m or v in ("", None) else v for v, m in zip(values.tolist(), gone, strict=True)])
    if values.dtype.kind == "S":
        text = pa.array(values, type=pa.large_binary(), mask=missing)
        try:
            return text.cast(pa.large_string())
        except pa.ArrowInvalid:  # not UTF-8: every byte is a letter in Latin-1
            return pa.array([None if v is None else v.decode("latin-1") for v in text.to_pylist()])
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=missing, from_pandas=True)


def columns_of(name: str, values: np.ndarray, missing: np.ndarray | None, unit: str) -> list[Raw]:
    """Make a column, or for values (N, K) with K ≤ 16 the columns ``name_0`` … ``name_{K-1}``.

    Raises
    ------
    ValueError
        If there are more entries in a row.
    """
    if values.ndim == 1:
        return [Raw(name, array_of(values, missing), unit)]
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    gone = None if missing is None else missing.reshape(flat.shape)
    if flat.shape[1] > WIDEST:
        raise ValueError(
            f"table: expected at most {WIDEST} entries in a row of column {name!r}, got {flat.shape[1]}. "
            "Leave it out: read_table(path, columns=[…])."
        )
    return [
        Raw(f"{name}_{k}", array_of(flat[:, k], None if gone is None else gone[:, k]), unit)
        for k in range(flat.shape[1])
    ]


def from_astropy(
    table: Table, pick: Pick, record: Mapping[str, Mapping[str, Any]] | None = None, passport: Any = None
) -> pa.Table:
    """Make an Arrow table of one of astropy.

    Raises
    ------
    ValueError
        If a column that is wanted is more than a column of values.
    """
    record = record or {}
    names = names_in(table.colnames, record)
    wanted = pick(names)
    found: list[Raw] = []
    for name, stored in zip(names, table.colnames, strict=True):
        column = table[stored]
        if name not in wanted:
            continue
        if not isinstance(column, Column):
            raise ValueError(  # noqa: TRY004 - the file's content is wrong, not an argument's type
                f"table: expected plain values in column {name!r}, got {type(column).__name__}. "
                "Leave it out: read_table(path, columns=[…])."
            )
        missing = np.ma.getmaskarray(column)
        found += columns_of(stored, np.ma.getdata(column), missing, str(column.unit or ""))
    return assemble(found, record, passport)


def _mapped(values: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """Change each different text once."""
    encoded = values.combine_chunks().dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], type=pa.large_string())
    return pa.chunked_array([changed.take(encoded.indices)])


def _as(values: pa.ChunkedArray, kind: pa.DataType | None) -> pa.ChunkedArray:
    """Bring a column back to the type it had; as it is where another program changed what it holds."""
    if kind is None or values.type == kind:
        return values
    try:
        return values.cast(kind)
    except pa.ArrowException:
        return pa.chunked_array([pa.nulls(len(values), kind)]) if values.null_count == len(values) else values


def type_name(kind: pa.DataType) -> str:
    """Name a type as the record does."""
    return "text" if pa.types.is_large_string(kind) else str(kind)
