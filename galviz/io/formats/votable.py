"""VOTable 1.4 with rows in BINARY2: exact numbers and flags for missing values."""

import base64
import dataclasses
import math
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
from astropy.io import votable
from astropy.io.votable import exceptions
from astropy.table import Column

from galviz.io.damage import Refused, whole
from galviz.io.formats import common, packed
from galviz.io.formats.common import Raw
from galviz.io.formats.request import Request
from galviz.io.formats.typed import MISSING

TEXT = common.Unsafe(found=r"\x00|^$", taken=r"\x00|%")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<TABLE name="catalogue">
"""
_CHANGED = (exceptions.W30, exceptions.W46, exceptions.W51)  # no number, text too long, number out of range
_NOTHING = re.compile(rf"'{MISSING.removeprefix('(?i)').strip('^$')}'", re.IGNORECASE)  # a word for a missing number
_FOOT = b"</STREAM></BINARY2></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
_TYPES = {">f4": "float", ">f8": "double", ">i8": "long"}


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write one table. Provenance and record are INFO elements.

    Names with characters that XML cannot hold are percent-encoded. So is a text column with an empty text or a NUL in
    it, where ``%`` alone is an empty text. The record stores this.
    """
    names = [_name(name) for name in table.column_names]
    stored, quotes, kinds = packed.storable(table), [], []
    for k, field in enumerate(stored.schema):
        values, quote, kind = stored[k], False, None
        if pa.types.is_large_string(field.type):
            values, quote = common.quoted(values, TEXT)
            values, kind = _encoded(values)
        quotes.append(quote)
        kinds.append(kind)
        stored = stored.set_column(k, common.field_with(field.name, values.type, common.unit_of(field)), values)
    dtypes = packed.dtypes_of(stored)
    fields = [_field(name, stored.schema[k], dtypes[k], kinds[k]) for k, name in enumerate(names)]
    out.write("".join([_HEAD, *_infos(table, names, quotes), *fields]).encode())
    out.write(b'<DATA><BINARY2><STREAM encoding="base64">\n')
    nulls = [_null(column) for column in stored.columns]
    packs = packed.chunks(stored, dtypes, nulls)
    out.writelines(base64.b64encode(_flagged(rows, missing)) + b"\n" for rows, missing in packs)
    out.write(_FOOT)


def tables_in(path: Path) -> list[str]:
    """Return the names of the tables."""
    return _scan(path).names()


def read(path: Path, request: Request) -> pa.Table:
    """Read one table of a file from any program.

    Raises
    ------
    ValueError
        If the file refers to another one, declares entities, has no table, or holds the error message of a service.
    """
    scan = _scan(path)
    if scan.status == "ERROR":
        raise Refused(f"path: expected a table, got {path}, with an error of the service: {scan.message or 'no text'}.")
    if not scan.tables:
        raise Refused(f"path: expected a VOTable with a table, got {path}, which has none. Name another file.")
    place = request.choose_table(scan.names(), [_names_of(table) for table in scan.tables])
    with whole(path, "VOTable"), common.opened(path) as file, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = votable.parse(file, verify="warn", table_number=place).get_first_table()
        table = found.to_table(use_names_over_ids=False)
        texts = {info.name: info.value for info in found.infos if str(info.name).startswith("galviz.")}
    claimed = scan.tables[place]["nrows"]
    if claimed > len(table):  # astropy reads what there is
        raise Refused(f"path: expected {claimed:,} rows, as {path} says, got {len(table):,}. Download the file again.")
    changed = [re.sub(r"\s+", " ", str(one.message)) for one in caught if isinstance(one.message, _CHANGED)]
    changed = [re.sub(r"^.*?W\d\d: ", "", text).rstrip(".") for text in changed if not _NOTHING.search(text)]
    request.notes += [f"A value was changed in reading: {text}." for text in dict.fromkeys(changed[:3])]
    if scan.status == "OVERFLOW":
        request.notes.append(f"The service cut the result at {len(table):,} rows: there are more.")
    known = common.known_in(texts, request)
    stored = [str(field.name or field.ID) for field in found.fields]
    names = request.unique(common.names_in(stored, known.record))
    wanted = request.choose_columns(names)
    columns: list[Raw] = []
    with whole(path, "VOTable"):
        for k, (name, field) in enumerate(zip(names, found.fields, strict=True)):
            if name in wanted:
                raw = Raw(name, pa.nulls(0), str(field.unit or ""), known.record.get(stored[k], {}))
                columns += _columns(raw, table.columns[k], request)
    return common.assemble(columns, known, request)


def _columns(raw: Raw, column: Column, request: Request) -> list[Raw]:
    values, missing = np.ma.getdata(column), np.ma.getmaskarray(column)
    if values.dtype.kind == "O" and any(not isinstance(v, str | bytes | None) for v in values.ravel().tolist()):
        request.leave_out(raw.name, "a varying number of values in a row")
        return []
    if values.dtype.kind == "c":
        request.leave_out(raw.name, "complex numbers")
        return []
    return common.columns_of(raw, values, missing, request)


@dataclasses.dataclass
class _Scan:
    """Results of a first pass over the XML. It stops at anything that would open another file or fill the memory."""

    path: Path
    tables: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    status: str = ""
    message: str = ""
    _info: list[str] | None = None

    def names(self) -> list[str]:
        return common.unique([table["name"] or f"table {k}" for k, table in enumerate(self.tables, start=1)])

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        tag = _local(tag)
        if tag == "TR":
            self.tables[-1]["rows"] += 1
            return
        given = {_local(key): value for key, value in attributes.items()}
        if tag in {"STREAM", "FITS", "PARQUET"} and given.keys() & {"HREF", "SRC"}:
            raise Refused(
                f"path: expected a VOTable with its own rows, got {self.path}, which takes them from "
                f"{given.get('HREF', given.get('SRC'))!r}. Download that file and open it."
            )
        if tag == "TABLE":
            rows = int(given.get("NROWS") or 0)
            self.tables.append({"name": given.get("NAME") or given.get("ID"), "fields": [], "rows": 0, "nrows": rows})
        elif tag == "FIELD" and self.tables:
            self.tables[-1]["fields"].append(given)
        elif tag == "INFO" and given.get("NAME", "").upper() == "QUERY_STATUS":
            self.status = given.get("VALUE", "").upper()
            self._info = []

    def text(self, content: str) -> None:
        if self._info is not None:
            self._info.append(content)

    def end(self, tag: str) -> None:
        if self._info is not None and _local(tag) == "INFO":
            self.message = " ".join("".join(self._info).split())[:500]
            self._info = None

    def entity(self, *_: Any) -> None:
        raise Refused(
            f"path: expected a VOTable, got {self.path}, which declares XML entities: these can open other files, or "
            "fill the memory. Save it again without its DOCTYPE."
        )


def _scan(path: Path) -> _Scan:
    scan, size = _Scan(path), common.size_of(path)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = scan.start, scan.end
    parser.CharacterDataHandler, parser.EntityDeclHandler = scan.text, scan.entity
    with whole(path, "VOTable"), common.opened(path) as file:
        while part := file.read(1 << 20):
            parser.Parse(part, False)  # noqa: FBT003 - it takes no name
        parser.Parse(b"", True)  # noqa: FBT003
        for table in scan.tables:
            row = sum(_bytes_of(field) for field in table["fields"])
            common.check_size(path, max(table["rows"], table["nrows"], 1) * row, size)
    return scan


def _local(name: str) -> str:
    return name.rpartition(":")[2].upper()


def _names_of(table: Mapping[str, Any]) -> list[str]:
    return [field.get("NAME") or field.get("ID", "") for field in table["fields"]]


def _bytes_of(field: Mapping[str, str]) -> int:
    """Return the bytes that astropy needs for a cell of fixed size."""
    sides = [int(side) for side in re.findall(r"\d+(?=x|$)", field.get("ARRAYSIZE", "1").strip())]
    return 8 * math.prod(sides)


def _name(name: str) -> str:
    return "".join(c if c.isprintable() and c != "%" else common.quoted_text(c, "(?s).") for c in name)


def _encoded(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """Return text encoded for VOTable, and its datatype: ASCII as char, otherwise UTF-16 as unicodeChar."""
    texts = values.to_pylist()
    if all(text is None or text.isascii() for text in texts):
        return values, "char"
    encoded = [None if text is None else text.encode("utf-16-be") for text in texts]
    return pa.chunked_array([pa.array(encoded, type=pa.large_binary())]), "unicodeChar"


def _null(column: pa.ChunkedArray) -> int | bytes:
    if pa.types.is_integer(column.type):
        return 0
    return b"?" if pa.types.is_boolean(column.type) else b""


def _infos(table: pa.Table, names: list[str], quotes: list[bool]) -> list[str]:
    known = {
        common.PROVENANCE: common.provenance_of(table.schema),
        common.COLUMNS: common.record_of(table, names, quotes),
    }
    return [
        f'<INFO name="{key}" value={quoteattr(common.to_json(value))}/>\n'
        for key, value in known.items()
        if value is not None
    ]


def _field(name: str, field: pa.Field, dtype: np.dtype, text: str | None) -> str:
    if text is None:
        kind = f'datatype="{_TYPES.get(dtype.str, "boolean")}"'
    else:
        kind = f'datatype="{text}" arraysize="{dtype.itemsize // (2 if text == "unicodeChar" else 1)}"'
    unit = common.unit_of(field)
    unit = f" unit={quoteattr(unit)}" if unit and unit.isprintable() else ""
    return f"<FIELD name={quoteattr(name)} {kind}{unit}/>\n"


def _flagged(rows: np.ndarray, missing: list[np.ndarray]) -> bytes:
    """Return the rows, each preceded by one bit per column that is set if the value is missing (BINARY2)."""
    flags = np.packbits(np.column_stack(missing), axis=1)
    return np.concatenate([flags, rows.view(np.uint8).reshape(len(rows), -1)], axis=1).tobytes()
