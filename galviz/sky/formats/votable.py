"""VOTable 1.4, its rows in BINARY2: numbers exact, missing values flagged."""

import base64
import json
from pathlib import Path
from typing import BinaryIO
from xml.sax.saxutils import quoteattr

import numpy as np
import pyarrow as pa
from astropy.io import votable

from galviz.sky.formats import common, packed

TEXT = common.Unsafe(found=r"\x00|^$", taken=r"\x00|%")
_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">
<RESOURCE type="results">
<TABLE name="catalogue">
"""
_FOOT = b"</STREAM></BINARY2></DATA>\n</TABLE>\n</RESOURCE>\n</VOTABLE>\n"
_TYPES = {">f4": "float", ">f8": "double", ">i8": "long"}


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write one table; passport and record are INFO elements.

    Names with what XML cannot hold are percent-encoded, and so is a text column with an empty text or a NUL in it,
    ``%`` alone being an empty text: the record says so.
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
    dtypes = [packed.dtype_of(column) for column in stored.columns]
    fields = [_field(name, stored.schema[k], dtypes[k], kinds[k]) for k, name in enumerate(names)]
    out.write("".join([_HEAD, *_infos(table, names, quotes), *fields]).encode())
    out.write(b'<DATA><BINARY2><STREAM encoding="base64">\n')
    nulls = [_null(column) for column in stored.columns]
    packs = packed.chunks(stored, dtypes, nulls)
    out.writelines(base64.b64encode(_flagged(rows, missing)) + b"\n" for rows, missing in packs)
    out.write(_FOOT)


def read(path: Path, pick: common.Pick) -> pa.Table:
    """Read the first table of a file, of any program."""
    with common.readable(path, "VOTable"), common.opened(path) as file:
        document = votable.parse(file, verify="ignore")
        found = document.get_first_table()
        table = found.to_table(use_names_over_ids=True)
        known = {info.name: json.loads(info.value) for info in found.infos if info.name.startswith("galviz.")}
    return common.from_astropy(table, pick, known.get(common.COLUMNS), known.get(common.PASSPORT))


def _name(name: str) -> str:
    return "".join(c if c.isprintable() and c != "%" else common.quoted_text(c, "(?s).") for c in name)


def _encoded(values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, str]:
    """Encode text as VOTable wants it: ASCII as char, else UTF-16 as unicodeChar."""
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
    known = {common.PASSPORT: common.passport_of(table.schema), common.COLUMNS: common.record_of(table, names, quotes)}
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
    """Put before each row a bit a column, set where the value is missing, as BINARY2 has it."""
    flags = np.packbits(np.column_stack(missing), axis=1)
    return np.concatenate([flags, rows.view(np.uint8).reshape(len(rows), -1)], axis=1).tobytes()
