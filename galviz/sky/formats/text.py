"""CSV, and ECSV: the same rows under a header in YAML (Astropy APE 6)."""

import codecs
import csv
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from astropy.table import Column, Table, meta
from pyarrow import csv as pacsv

from galviz.sky.formats import common

_COMMENTS = {common.PASSPORT: "# galviz passport: ", common.COLUMNS: "# galviz columns: "}
_ECSV_TYPES = {"double": "float64", "float": "float32", "bool": "bool", "text": "str"}


def write_csv(table: pa.Table, out: BinaryIO) -> None:
    """Write CSV: the comments ``# galviz passport: {…}`` and ``# galviz columns: {…}``, a line of names, the rows.

    Text is in double quotes; an empty field is a missing value, ``""`` an empty text.
    """
    known = _known(table)
    _write_rows(table, out, [start + known[key] for key, start in _COMMENTS.items() if key in known])


def write_ecsv(table: pa.Table, out: BinaryIO) -> None:
    """Write ECSV 1.0 with commas; passport and record are in ``meta``. Dates are text there."""
    head = Table(meta=_known(table))
    for k, field in enumerate(table.schema):
        kind = _ECSV_TYPES.get(common.type_name(field.type), str(field.type))
        if pa.types.is_timestamp(field.type):
            kind, table = "str", table.set_column(k, field.name, common.as_text(table[k]))
        if pa.types.is_boolean(field.type):
            table = table.set_column(k, field.name, pc.if_else(table[k], "True", "False"))
        head[field.name] = Column(np.empty(0, kind), unit=common.unit_of(field) or None)
    yaml = ["%ECSV 1.0", "---", "delimiter: ','", *meta.get_yaml_from_table(head)]
    _write_rows(table, out, [f"# {line}" for line in yaml])


def read_csv(path: Path, pick: common.Pick) -> pa.Table:
    """Read CSV, gzipped or not; lines with # before the names are skipped, types are found from all rows."""
    with common.readable(path, "CSV file in UTF-8"):
        comments, names = _top(path, ",")
    known = {key: json.loads(line[len(s) :]) for key, s in _COMMENTS.items() for line in comments if line.startswith(s)}
    return _read_rows(path, pick, names, skip=len(comments), known=known)


def read_ecsv(path: Path, pick: common.Pick) -> pa.Table:
    """Read ECSV; one of another program by astropy."""
    with common.readable(path, "ECSV file"):
        comments, _ = _top(path, ",")
        header = meta.get_header_from_yaml([line.removeprefix("#").removeprefix(" ") for line in comments])
        about = header.get("meta") or {}
        if common.COLUMNS in about:
            comments, names = _top(path, header.get("delimiter", " "))
            known = {key: json.loads(about[key]) for key in _COMMENTS if key in about}
        else:
            with common.opened(path) as lines:
                found = Table.read(lines.read().decode().splitlines(), format="ascii.ecsv")
    if common.COLUMNS not in about:
        return common.from_astropy(found, pick)
    return _read_rows(path, pick, names, skip=len(comments), known=known)


def _known(table: pa.Table) -> dict[str, str]:
    known = {common.PASSPORT: common.passport_of(table.schema), common.COLUMNS: common.record_of(table)}
    return {key: common.to_json(value) for key, value in known.items() if value is not None}


def _write_rows(table: pa.Table, out: BinaryIO, comments: list[str]) -> None:
    text = codecs.getwriter("utf-8")(out)
    text.write("".join(f"{line}\n" for line in comments))
    plain = all(name.isprintable() for name in table.column_names)
    quoting = csv.QUOTE_MINIMAL if plain else csv.QUOTE_ALL
    csv.writer(text, lineterminator="\n", quoting=quoting).writerow(table.column_names)
    if table.num_rows:
        pacsv.write_csv(table, out, pacsv.WriteOptions(include_header=False))


def _top(path: Path, delimiter: str) -> tuple[list[str], list[str]]:
    """Read the lines with # at the top, and the names below them."""
    with common.opened(path) as lines:
        comments = []
        line = lines.readline().removeprefix(codecs.BOM_UTF8)
        while line.startswith(b"#"):
            comments.append(line.decode().rstrip("\r\n"))
            line = lines.readline()
        rest = (part.decode() for part in itertools.chain([line], lines))
        names = next((row for row in csv.reader(rest, delimiter=delimiter) if row), [])
    return comments, names


def _read_rows(path: Path, pick: common.Pick, names: list[str], *, skip: int, known: Mapping[str, Any]) -> pa.Table:
    record = known.get(common.COLUMNS, {})
    own = [record[name]["name"] if name in record else name.strip() for name in names]
    wanted = pick(own)
    stored = {name: before for name, before in zip(names, own, strict=True) if before in wanted}
    texts = {name: pa.large_string() for name, before in stored.items() if wanted[before]}
    types = {name: kind for name in stored if (kind := common.type_in(record.get(name, {})))}
    with common.readable(path, "CSV file in UTF-8"):
        try:
            table = _parsed(path, skip, list(stored), types | texts)
        except pa.ArrowInvalid:  # another program changed what a column holds
            if not record:
                raise
            table = _parsed(path, skip, list(stored), texts)
    columns = [common.Raw(name if name in record else before, table[name]) for name, before in stored.items()]
    return common.assemble(columns, record, known.get(common.PASSPORT))


def _parsed(path: Path, skip: int, included: list[str], types: Mapping[str, pa.DataType]) -> pa.Table:
    with pa.input_stream(str(path), compression="gzip" if common.is_gzipped(path) else None) as source:
        return pacsv.read_csv(
            source,
            read_options=pacsv.ReadOptions(skip_rows=skip),
            parse_options=pacsv.ParseOptions(newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                include_columns=included,
                column_types=types,
            ),
        )
