"""Parquet, which has its own types and missing values. Units and provenance are in the metadata of the file."""

from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from galviz.io.damage import Refused, whole
from galviz.io.formats import common
from galviz.io.formats.common import Raw
from galviz.io.formats.request import Request


def write(table: pa.Table, out: BinaryIO) -> None:
    """Write one file, with the JSON texts ``galviz.passport`` and ``galviz.columns`` in its metadata."""
    known = {common.COLUMNS: common.to_json(common.record_of(table)), **(table.schema.metadata or {})}
    pq.write_table(table.replace_schema_metadata(known), out, write_page_checksum=True)


def read(path: Path, request: Request) -> pa.Table:
    """Read one file from any program, and no other file.

    `pyarrow.parquet.read_table` and `pandas.read_parquet` treat a file as part of a data set: a folder ``a=1`` above it
    becomes a column. `ParquetFile` does not.

    Raises
    ------
    ValueError
        If the file is damaged, or keeps columns in other files.
    """
    with whole(path, "Parquet file"), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        texts = {key.decode(): value for key, value in (schema.metadata or {}).items() if key.startswith(b"galviz.")}
        _check_sizes(path, file.metadata)
    known = common.known_in(texts, request)
    names = request.unique(schema.names)
    wanted = request.choose_columns(names)
    columns = [k for k, name in enumerate(names) if name in wanted and _is_flat(schema.field(k), name, request)]
    with whole(path, "Parquet file"), pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read([schema.field(k).name for k in columns])
        table.validate(full=True)  # text that is not UTF-8
        _check_places(path, file, {schema.field(k).name for k in columns})
        places = [k for k, name in enumerate(schema.names) if name in set(table.column_names)]
        found = [
            Raw(names[k], table.column(places.index(k)), about=known.record.get(schema.names[k], {})) for k in columns
        ]
    return common.assemble(found, known, request)


def _is_flat(field: pa.Field, name: str, request: Request) -> bool:
    """Return whether a column holds one value per row. Otherwise it is left out with a note."""
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    odd = pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    if odd:
        request.leave_out(name, f"values of the kind {kind}")
    return not odd


def _check_sizes(path: Path, metadata: pq.FileMetaData) -> None:
    """Refuse a file that unpacks to an absurd size, before anything is unpacked."""
    sizes = sum(metadata.row_group(k).total_byte_size for k in range(metadata.num_row_groups))
    common.check_size(path, max(8 * metadata.num_rows * metadata.num_columns, sizes), path.stat().st_size)


def _check_places(path: Path, file: pq.ParquetFile, names: set[str]) -> None:
    """Refuse columns that are kept in other files.

    The metadata of a chunk may be looked at only after the chunk was read: where it is damaged, reading raises an
    exception, but looking at it ends the whole process (pyarrow 26).
    """
    leaves = [k for k in range(len(file.schema)) if file.schema.column(k).path in names]
    groups = [file.metadata.row_group(k) for k in range(file.metadata.num_row_groups)]
    if any(group.column(k).file_path for group in groups for k in leaves):
        raise Refused(
            f"path: expected a Parquet file with its own columns, got {path}, which names other files. "
            "Write the table to one file."
        )
