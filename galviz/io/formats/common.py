"""Code shared by all table formats: the record of names, types and units, and quoting of unsupported text."""

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import quote as percent
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from galviz.io.damage import Refused

if TYPE_CHECKING:
    from galviz.io.formats.request import Request

PROVENANCE, COLUMNS = "galviz.passport", "galviz.columns"
WIDEST = 16  # largest number of entries of a vector column that is split into columns

MOST_UNPACKED, MOST_RATIO = 256 << 20, 200
"""A file may unpack to 256 MiB, or to 200 times its own size if that is more. Real catalogues stay below 20 times."""


class Raw(NamedTuple):
    """A column as stored in a file. `about` is its entry in the record."""

    name: str
    values: pa.Array | pa.ChunkedArray
    unit: str = ""
    about: Mapping[str, Any] = {}


class Known(NamedTuple):
    """Metadata that galviz wrote with a table: the record of the columns, by stored name, and the provenance."""

    record: Mapping[str, Mapping[str, Any]]
    provenance: Mapping[str, Any] | None


class Unsafe(NamedTuple):
    """Text that a format cannot hold: if a column matches `found`, each match of `taken` in it is quoted."""

    found: str
    taken: str


def is_gzipped(path: Path) -> bool:
    """Return whether a file is gzipped, regardless of its name."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def opened(path: Path) -> BinaryIO:
    """Open a file for reading. Gzipped files are unpacked."""
    return gzip.open(path) if is_gzipped(path) else path.open("rb")


def size_of(path: Path) -> int:
    """Return the unpacked size of a file in bytes, without keeping it in memory.

    Raises
    ------
    Refused
        If it unpacks to more than `check_size` allows.
    """
    packed = path.stat().st_size
    if not is_gzipped(path):
        return packed
    size = 0
    with gzip.open(path) as file:
        while part := file.read(1 << 20):
            size += len(part)
            check_size(path, size, packed)
    return size


def check_size(path: Path, size: int, stored: int) -> None:
    """Refuse a file that is small on disk and absurdly large in memory, before it is unpacked.

    Raises
    ------
    Refused
        If `size` bytes are more than `MOST_UNPACKED` and more than `MOST_RATIO` times those `stored`.
    """
    if size > max(MOST_UNPACKED, MOST_RATIO * stored):
        raise Refused(
            f"path: expected a table, got {path}, whose {stored:,} bytes claim to hold more than {size:,} bytes. "
            "It is damaged, or made to fill the memory."
        )


def unique(names: Sequence[str]) -> list[str]:
    """Return distinct names; a second ``z`` becomes ``z_2``."""
    different: dict[str, None] = {}
    taken = set(names)
    for name in names:
        new, count = name, 2
        while new in different or (new != name and new in taken):
            new, count = f"{name}_{count}", count + 1
        different[new] = None
    return list(different)


def known_in(content: Mapping[str, Any], request: "Request") -> Known:
    """Return the record and the provenance that a file has under `COLUMNS` and `PROVENANCE`, as JSON text or value.

    A file may be damaged or written by another program. Invalid metadata is ignored, with a note.
    """
    found: dict[str, Any] = {}
    checks = {COLUMNS: ("description of the columns", _is_record), PROVENANCE: ("provenance", _is_mapping)}
    for key, (what, check) in checks.items():
        if content.get(key) is None:
            continue
        value = content[key]
        try:
            value = json.loads(value) if isinstance(value, str | bytes) else value
            to_json(value)  # must be possible again, for the schema
        except (ValueError, TypeError, RecursionError):
            value = None
        if check(value):
            found[key] = value
        else:
            request.notes.append(f"The {what} by galviz in this file is damaged and was ignored.")
    return Known(found.get(COLUMNS, {}), found.get(PROVENANCE))


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_record(value: Any) -> bool:
    kinds = {"name": str, "unit": str, "type": str, "quoted": bool}
    return _is_mapping(value) and all(
        _is_mapping(about)
        and all(isinstance(about[key], kind) for key, kind in kinds.items() if key in about)
        and ("type" not in about or _is_type(about["type"]))
        for about in value.values()
    )


def _is_type(name: str) -> bool:
    return name in {"text", "bool", "float", "double"} or bool(
        re.fullmatch(r"u?int(8|16|32|64)|timestamp\[(s|ms|us|ns)\]", name)
    )


def unit_of(field: pa.Field) -> str:
    """Return the unit of a column, ``""`` if it has none."""
    return (field.metadata or {}).get(b"unit", b"").decode()


def provenance_of(schema: pa.Schema) -> dict[str, Any] | None:
    """Return the provenance stored with a table, or None."""
    text = (schema.metadata or {}).get(PROVENANCE.encode())
    return None if text is None else json.loads(text)


def to_json(content: Any) -> str:
    """Return JSON in ASCII on one line, which is safe in a comment, an attribute and a header."""
    return json.dumps(content, separators=(",", ":"))


def record_of(table: pa.Table, stored: Sequence[str] = (), quoted: Sequence[bool] = ()) -> dict[str, dict[str, Any]]:
    """Return the record of the columns by stored name: name, type, unit, and whether their text is quoted."""
    record = {}
    for k, field in enumerate(table.schema):
        about = {"name": field.name, "type": type_name(field.type), "unit": unit_of(field)}
        record[stored[k] if stored else field.name] = about | ({"quoted": True} if quoted and quoted[k] else {})
    return record


def names_in(stored: Sequence[str], record: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the names that columns had before they were stored."""
    return [record.get(name, {}).get("name", name) for name in stored]


def type_in(about: Mapping[str, Any]) -> pa.DataType | None:
    """Return the type that a column had before it was stored, or None if not known."""
    if "type" not in about:
        return None
    return pa.large_string() if about["type"] == "text" else pa.type_for_alias(about["type"])


def assemble(columns: Sequence[Raw], known: Known, request: "Request") -> pa.Table:
    """Return a table with the columns as before they were stored. Unsupported types are left out with a note."""
    arrays, fields = [], []
    for raw, name in zip(columns, request.unique([raw.name for raw in columns]), strict=True):
        try:
            values = plain(raw.values, name)
        except Refused:
            request.leave_out(name, f"values of the kind {raw.values.type}")
            continue
        if raw.about.get("quoted") and pa.types.is_large_string(values.type):
            values = _mapped(values, lambda text: "" if text == "%" else unquote(text))
        arrays.append(_as(values, type_in(raw.about)))
        fields.append(field_with(name, arrays[-1].type, raw.about.get("unit", raw.unit)))
    about = {PROVENANCE: known.provenance, COLUMNS: known.record or None}
    metadata = {key: to_json(value) for key, value in about.items() if value is not None}
    return pa.table(arrays, schema=pa.schema(fields, metadata=metadata))


def field_with(name: str, kind: pa.DataType, unit: str) -> pa.Field:
    """Return a field with its unit in the metadata."""
    return pa.field(name, kind, metadata={"unit": unit} if unit else None)


def plain(values: pa.Array | pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """Return a column as one of the supported types: int8 … uint64, float, double, bool, timestamp, large_string.

    Raises
    ------
    ValueError
        If its type is not supported.
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
        (pa.types.is_null(kind), pa.float64()),
        (pa.types.is_float16(kind), pa.float32()),
    ]
    for fits, other in wanted:
        if fits:
            return values.cast(other)
    if pa.types.is_decimal(kind):
        whole = kind.scale <= 0
        return whole_numbers(values.cast(pa.large_string())) if whole else values.cast(pa.float64())
    raise Refused(
        f"table: expected numbers, truth values, dates or text in column {name!r}, got {kind}. Drop it from the table."
    )


def as_text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return numbers, booleans or dates (ISO 8601) as text."""
    text = values.cast(pa.large_string())
    return pc.replace_substring(text, " ", "T") if pa.types.is_timestamp(values.type) else text


def quoted(values: pa.ChunkedArray, unsafe: Unsafe) -> tuple[pa.ChunkedArray, bool]:
    """Percent-encode the text of a column if the format cannot hold all of it. An empty text becomes ``%``."""
    if not pc.any(pc.match_substring_regex(values, unsafe.found)).as_py():
        return values, False
    return _mapped(values, lambda text: quoted_text(text, unsafe.taken) or "%"), True


def quoted_text(text: str, taken: str) -> str:
    """Percent-encode (UTF-8) each match of `taken`."""
    return re.sub(
        taken, lambda found: "".join(percent(c, safe="") if c > "~" else f"%{ord(c):02X}" for c in found[0]), text
    )


def array_of(values: np.ndarray, missing: np.ndarray | None = None) -> pa.Array:
    """Return an Arrow array of NumPy values (N,); text may be str, bytes or object. Empty text is missing."""
    values = np.asarray(values)
    if values.dtype.kind in "OU":
        gone = missing if missing is not None else np.zeros(len(values), dtype=bool)
        texts = [None if m or v in ("", None) else v for v, m in zip(values.tolist(), gone, strict=True)]
        return pa.array(texts, pa.large_string())
    if values.dtype.kind == "S":
        text = pa.array(values, type=pa.large_binary(), mask=missing)
        try:
            return text.cast(pa.large_string())
        except pa.ArrowInvalid:  # not UTF-8: every byte is a letter in Latin-1
            return pa.array([None if v is None else v.decode("latin-1") for v in text.to_pylist()])
    return pa.array(values.astype(values.dtype.newbyteorder("=")), mask=missing, from_pandas=True)


def whole_numbers(text: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return integers given as text as int64 or uint64, or unchanged if they need more bits."""
    for kind in (pa.int64(), pa.uint64()):
        try:
            return text.cast(kind)
        except pa.ArrowInvalid:
            continue
    return text


def columns_of(raw: Raw, values: np.ndarray, missing: np.ndarray | None, request: "Request") -> list[Raw]:
    """Return values (N,) as a column, and (N, K) with K ≤ 16 as the columns ``name_0`` … ``name_{K-1}``.

    Parameters
    ----------
    raw : Raw
        Name, unit and record; its values are not used.
    values : numpy.ndarray
    missing : numpy.ndarray of bool, optional
        Of the same shape.
    request : Request
        Receives a note if a column has more entries per row, or none.
    """
    if values.ndim == 1:
        return [raw._replace(values=array_of(values, missing))]
    entries = int(np.prod(values.shape[1:]))
    if not 0 < entries <= WIDEST:
        request.leave_out(raw.name, f"{entries} values in a row (more than {WIDEST}, or none, are not read)")
        return []
    flat = values.reshape(len(values), entries)
    gone = None if missing is None else missing.reshape(flat.shape)
    return [
        raw._replace(name=f"{raw.name}_{k}", values=array_of(flat[:, k], None if gone is None else gone[:, k]))
        for k in range(entries)
    ]


def _mapped(values: pa.ChunkedArray, change: Callable[[str], str]) -> pa.ChunkedArray:
    """Apply a function to each distinct text once."""
    encoded = values.combine_chunks().dictionary_encode()
    changed = pa.array([change(text) for text in encoded.dictionary.to_pylist()], type=pa.large_string())
    return pa.chunked_array([changed.take(encoded.indices)])


def _as(values: pa.ChunkedArray, kind: pa.DataType | None) -> pa.ChunkedArray:
    """Return a column with its original type, or unchanged if another program has changed its content."""
    if kind is None or values.type == kind:
        return values
    try:
        return values.cast(kind)
    except pa.ArrowException:
        return pa.chunked_array([pa.nulls(len(values), kind)]) if values.null_count == len(values) else values


def type_name(kind: pa.DataType) -> str:
    """Return the name of a type in the record."""
    return "text" if pa.types.is_large_string(kind) else str(kind)
