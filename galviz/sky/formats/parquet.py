"""Parquet: types and missing values are its own; units and the passport are in the metadata of the file."""

import json
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from galviz.sky.formats import common


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write one file; its metadata has the JSON texts ``galviz.passport`` and ``galviz.columns``."""
    known = {common.COLUMNS: common.to_json(common.record_of(table)), **(table.schema.metadata or {})}
    pq.write_table(table.replace_schema_metadata(known), out)


def read(path: Path, pick: common.Pick) -> pa.Table:
    """Read one file, of any program."""
    with common.readable(path, "Parquet file"):
        schema = pq.read_schema(path)
    known = {key.decode(): value for key, value in (schema.metadata or {}).items()}
    record = json.loads(known.get(common.COLUMNS, "{}"))
    wanted = pick(schema.names)
    with common.readable(path, "Parquet file"):
        table = pq.read_table(path, columns=list(wanted))
    columns = [common.Raw(name, table[name]) for name in wanted]
    passport = known.get(common.PASSPORT)
    return common.assemble(columns, record, None if passport is None else json.loads(passport))
