"""CSV, and ECSV: the same rows under a header in YAML (Astropy APE 6)."""

import codecs
import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from astropy.table import Column, Table, meta
from pyarrow import csv as pacsv

from galviz.io.damage import Refused, whole
from galviz.io.formats import common, typed
from galviz.io.formats.common import Raw
from galviz.io.formats.request import ID_NAMES, Request

_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars", " ": "blanks"}
_BLANKS_OUTSIDE = re.compile(r"(?:\[[^\]]*\]|\([^)]*\)|[^\s\[(])+")
_UTF8 = {"utf-8", "utf-8-sig"}
_ENCODINGS = {"utf-16": "UTF-16", "latin-1": "Latin-1"}
_SAMPLE = 20  # rows from which the delimiter is detected
_NUMPY = {f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)}
_NUMPY |= {"float16": "float32", "float32": "float32", "float64": "float64", "float128": "float64"}
_DATATYPES = {name: pa.from_numpy_dtype(kind) for name, kind in _NUMPY.items()}
_DATATYPES |= {"bool": pa.bool_(), "string": pa.large_string()}
_COMMENTS = {common.PROVENANCE: "# galviz passport: ", common.COLUMNS: "# galviz columns: "}
_ECSV_TYPES = {"double": "float64", "float": "float32", "bool": "bool", "text": "str"}


def write_csv(table: pa.Table, out: BinaryIO) -> None:
    """Write CSV: the comments ``# galviz passport: {…}`` and ``# galviz columns: {…}``, a line of names, the rows.

    Text is in double quotes. An empty field is a missing value, and ``""`` is an empty text.
    """
    known = _known(table)
    _write_rows(table, out, [start + known[key] for key, start in _COMMENTS.items() if key in known])


def write_spreadsheet(table: pa.Table, out: BinaryIO) -> None:
    """Write CSV for Excel and similar programs: text that they would run as a formula begins with an apostrophe.

    There are no comments, and reading it back keeps the apostrophes. Use `write_csv` to store data.
    """
    for k, field in enumerate(table.schema):
        name = _apostrophe(pa.array([field.name], pa.large_string()))[0].as_py()
        values = _apostrophe(table[k]) if pa.types.is_large_string(field.type) else table[k]
        table = table.set_column(k, name, values)
    _write_rows(table, out, [])


def _apostrophe(text: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    return pc.replace_substring_regex(text, r"\A([=+\-@\t\r])", r"'\1")


def write_ecsv(table: pa.Table, out: BinaryIO) -> None:
    """Write ECSV 1.0 with commas. Provenance and record are in ``meta``, and dates are text."""
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


def read_csv(path: Path, request: Request) -> pa.Table:
    """Read CSV, gzipped or not, and similar files: other delimiters, decimal commas, UTF-16, Latin-1.

    Lines with # before the names are skipped. If the first row has no names, the last of these lines has them, as
    written by `numpy.savetxt` and TOPCAT. Between blanks, a name may have a remark: ``rad[distance; degrees]`` is
    ``rad``.
    """
    encoding = _encoding(path)
    with whole(path, "CSV file"):
        head = _unbroken(_top(path, encoding))
    texts = {key: line[len(s) :] for key, s in _COMMENTS.items() for line in head.comments if line.startswith(s)}
    known = common.known_in(texts, request)
    layout = _named_above(head, ",") if texts else _layout(head, request)
    if encoding not in _UTF8:
        request.notes.append(f"The file is not in UTF-8: its text was read as {_ENCODINGS[encoding]}.")
    names = common.names_in([name if name in known.record else name.strip() for name in layout.names], known.record)
    names = request.unique(names)
    wanted = request.choose_columns(names)
    places = {name: k for k, name in enumerate(names) if name in wanted}
    about = {name: known.record.get(layout.names[k], {}) for name, k in places.items()}
    kinds = {k: common.type_in(about[name]) for name, k in places.items() if not wanted[name]}
    table = _rows(path, encoding, layout, list(places.values()), {k: kind for k, kind in kinds.items() if kind})
    columns = []
    for name, k in places.items():
        values = table[str(k)]
        if pa.types.is_large_string(values.type):
            if not texts:
                values = pc.utf8_trim_whitespace(values) if layout.delimiter == "|" else values  # padded to look well
                values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.large_string()), values)
            if not (wanted[name] or about[name].get("type") == "text"):
                values = typed.found(values, name, request, comma=layout.delimiter != ",")
        columns.append(Raw(name, values, about=about[name]))
    return common.assemble(columns, known, request)


def read_ecsv(path: Path, request: Request) -> pa.Table:
    """Read ECSV from any program.

    The header is YAML, which can create objects. Here it creates only lists, mappings and texts. Astropy's reader would
    create NumPy object arrays from bytes in the header, which a stranger could use to crash Python, or worse.
    """
    with whole(path, "ECSV file"):
        head = _top(path, "utf-8")
        lines = [line.removeprefix("#").removeprefix(" ") for line in head.comments]
        header = yaml.load("\n".join(lines[1:]), _PlainLoader)  # noqa: S506 - it is a safe loader
        about = dict(header.get("meta") or {})
        delimiter = header.get("delimiter", " ")
        kinds = {str(kind["name"]): kind for kind in header["datatype"]}
        layout = _named_above(head, delimiter)
        stored = layout.names
        if delimiter not in {" ", ","} or stored != [str(kind["name"]) for kind in header["datatype"]]:
            raise ValueError("the names below the header are not those in it")
    known = common.known_in({key: about[key] for key in _COMMENTS if key in about}, request)
    ours = common.COLUMNS in about
    names = request.unique(common.names_in(stored, known.record))
    wanted = request.choose_columns(names)
    masks = {} if ours else _masks(about.get("__serialized_columns__"), stored)
    places = {name: k for k, name in enumerate(names) if name in wanted and k not in masks.values()}
    table = _rows(path, "utf-8", layout, [*places.values(), *masks.values()], {})
    columns: list[Raw] = []
    with whole(path, "ECSV file"):
        for name, k in places.items():
            kind, values = kinds[stored[k]], table[str(k)]
            if k in masks:
                values = pc.if_else(pc.equal(table[str(masks[k])], "True"), pa.scalar(None, values.type), values)
            raw = Raw(name, values, str(kind.get("unit") or ""), known.record.get(stored[k], {}))
            columns += _declared(raw, kind, request, ours=ours)
    return common.assemble(columns, known, request)


class _PlainLoader(yaml.SafeLoader):
    """Reads YAML as lists, mappings and texts only, whatever objects it names."""

    def plain(self, _: str, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            return self.construct_mapping(node, deep=True)
        return self.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else str(node.value)


_PlainLoader.add_multi_constructor("!", _PlainLoader.plain)


def _masks(serialized: Any, names: list[str]) -> dict[int, int]:
    """Return the position of the mask of each column that astropy wrote with its mask as another column."""
    masks = {}
    for about in (serialized or {}).values():
        data, mask = ((about.get(key) or {}) for key in ("data", "mask"))
        if isinstance(data, dict) and isinstance(mask, dict) and {data.get("name"), mask.get("name")} <= set(names):
            masks[names.index(data["name"])] = names.index(mask["name"])
    return masks


def _declared(raw: Raw, kind: Mapping[str, Any], request: Request, *, ours: bool) -> list[Raw]:
    """Return an ECSV column with the type declared in the header."""
    text, datatype, entries = raw.values, str(kind["datatype"]), str(kind.get("subtype", ""))
    text = text if ours else pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)
    vector = re.fullmatch(r"(u?int\d+|float\d+)\[(\d+(?:,\d+)*)\]", entries)
    if vector:
        shape = tuple(int(side) for side in vector[2].split(","))
        rows = [np.full(shape, None) if cell is None else np.array(json.loads(cell)) for cell in text.to_pylist()]
        values = np.array(rows, dtype=object).reshape(len(rows), *shape)
        missing = values == None  # noqa: E711 - of each entry
        return common.columns_of(raw, np.where(missing, 0, values).astype(_NUMPY[vector[1]]), missing, request)
    if entries or datatype not in _DATATYPES:
        request.leave_out(raw.name, f"values of the kind {entries or datatype}")
        return []
    if datatype == "string":
        return [raw._replace(values=text)]
    return [raw._replace(values=text.cast(_DATATYPES[datatype]))]


def _known(table: pa.Table) -> dict[str, str]:
    known = {common.PROVENANCE: common.provenance_of(table.schema), common.COLUMNS: common.record_of(table)}
    return {key: common.to_json(value) for key, value in known.items() if value is not None}


def _write_rows(table: pa.Table, out: BinaryIO, comments: list[str]) -> None:
    text = codecs.getwriter("utf-8")(out)
    text.write("".join(f"{line}\n" for line in comments))
    plain = all(name.isprintable() for name in table.column_names)
    quoting = csv.QUOTE_MINIMAL if plain else csv.QUOTE_ALL
    csv.writer(text, lineterminator="\n", quoting=quoting).writerow(table.column_names)
    if table.num_rows:
        pacsv.write_csv(table, out, pacsv.WriteOptions(include_header=False))


class _Head(NamedTuple):
    """The start of a file: lines with # at the top, the number of empty lines below, and the next lines."""

    comments: list[str]
    blank: int
    lines: list[str]


class _Layout(NamedTuple):
    delimiter: str
    names: list[str]
    skip: int
    """Number of lines above the rows."""


def _encoding(path: Path) -> str:
    """Return the encoding: UTF-16 by the first bytes, UTF-8 if the whole file is valid, else Latin-1."""
    with whole(path, "text file"), common.opened(path) as file:
        start = file.read(3)
        if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16"
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(start)
            while part := file.read(1 << 20):
                decoder.decode(part)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "latin-1"
    return "utf-8"


def _top(path: Path, encoding: str) -> _Head:
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    with common.opened(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as lines:
        comments, blank, line = [], 0, lines.readline()
        while line.startswith("#"):
            comments.append(line.rstrip("\r\n"))
            line = lines.readline()
        while line and not line.strip():
            blank, line = blank + 1, lines.readline()
        return _Head(comments, blank, [line, *itertools.islice(lines, _SAMPLE)])


def _named_above(head: _Head, delimiter: str) -> _Layout:
    """Return the layout of a file with names in its first row. Names may contain line breaks."""
    rows = csv.reader(head.lines, delimiter=delimiter)
    names = next(rows, [])
    return _Layout(delimiter, names, len(head.comments) + head.blank + rows.line_num)


def _layout(head: _Head, request: Request) -> _Layout:
    """Return the detected layout: how columns are separated, and where their names are."""
    lines = [line for line in head.lines if line.strip()]
    if not lines:
        raise Refused(f"path: expected a table, got {request.path}, which has comments alone. Write it again.")
    counts = {}
    for delimiter in _DELIMITERS:
        rows = _split(lines, delimiter)
        same = len({len(row) for row in rows}) == 1
        counts[delimiter] = len(rows[0]) if same or delimiter != " " else 1
        counts[delimiter] += 0.5 if same and counts[delimiter] > 1 else 0
    delimiter = max(counts, key=counts.get)
    ragged = counts[","] > 1 and counts[delimiter] == int(counts[delimiter])
    delimiter = "," if ragged or counts[delimiter] <= 1 else delimiter
    if delimiter != ",":
        request.notes.append(f"Columns were read as separated by {_DELIMITERS[delimiter]}.")
    first = _split(lines[:1], delimiter)[0]
    above = _names_above(head.comments, delimiter, len(first))
    numbers = [cell for cell in first if _is_number(cell)]
    named = above and not any(_is_number(cell) for cell in above)
    if named and (numbers or (_has_ids(above) and not _has_ids(first))):
        return _Layout(delimiter, above, len(head.comments) + head.blank)
    if numbers and (len(numbers) == len(first) or not all(cell.strip().isdigit() for cell in numbers)):
        raise Refused(
            f"path: expected the names of columns in the first row of {request.path}, got {', '.join(first)[:80]}. "
            "Add a row with the names."
        )
    if delimiter == " ":
        return _Layout(delimiter, first, len(head.comments) + head.blank + 1)
    return _named_above(head, delimiter)


def _names_above(comments: list[str], delimiter: str, count: int) -> list[str]:
    """Return the names in the last line with #, if they are as many as the columns; else nothing."""
    line = comments[-1].lstrip("# ") if comments else ""
    names = [cell.strip() for cell in _split([line], delimiter)[0]] if line else []
    if delimiter == " " and len(names) != count:  # blanks within brackets are not between names
        names = [name.partition("[")[0] or name for name in _BLANKS_OUTSIDE.findall(line)]
    return names if len(names) == count else []


def _unbroken(head: _Head) -> _Head:
    """Return the head with names in one line with #, where a line break divides them, even within a name."""
    lines = [line for line in head.lines if line.strip()]
    if not head.comments or len(lines) < 3:  # the other half, and two rows
        return head
    rest, *rows = _split(lines, " ")
    count = {len(row) for row in rows}
    line = head.comments[-1] + lines[0].rstrip("\r\n")
    names = _names_above([line], " ", min(count)) if len(count) == 1 and count != {len(rest)} else []
    if not names or any(map(_is_number, names)) or not any(map(_is_number, rows[0])):
        return head
    return _Head([*head.comments[:-1], line], head.blank + 1, head.lines[1:])


def _split(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """Return rows of cells. A row that is cut off at the end of the sample may be wrong."""
    if delimiter == " ":
        lines = (line.strip().replace("\t", " ") for line in lines)
    try:
        return list(csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " "))
    except csv.Error:  # a cell of more than 128 kB
        return [next(iter(lines), "").split(delimiter)]


def _has_ids(names: list[str]) -> bool:
    return any(name.strip().lower() in ID_NAMES for name in names)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return cell.strip().lower() not in {"nan", "inf", "infinity"}


def _rows(path: Path, encoding: str, layout: _Layout, places: list[int], kinds: Mapping[int, pa.DataType]) -> pa.Table:
    """Return columns, named by their positions, as text or with the given types."""
    with whole(path, f"CSV file with columns separated by {_DELIMITERS[layout.delimiter]}"):
        if layout.delimiter == " ":
            return _spaced(path, encoding, layout, places)
        block, largest = 1 << 20, min(2 * common.size_of(path) + (1 << 20), 2**31 - 1)
        while True:
            try:
                return _parsed(path, encoding, layout, places, kinds=kinds, block=block)
            except pa.ArrowInvalid as error:
                if "Empty CSV file" in str(error):
                    return pa.table({str(k): pa.array([], kinds.get(k, pa.large_string())) for k in places})
                if "straddling" in str(error) and block < largest:  # a cell longer than a block
                    block = min(16 * block, largest)
                elif kinds:  # another program changed what a column holds
                    kinds = {}
                elif ragged := re.search(r"Expected \d+ columns, got (\d+)(?:: (.*))?", str(error), re.DOTALL):
                    raise _ragged(path, layout, int(ragged[1]), ragged[2] or "") from error
                else:
                    raise


def _ragged(path: Path, layout: _Layout, count: int, row: str) -> Refused:
    """Return the error of a row that has more or fewer cells than the first line."""
    row = " ".join(row.split())[:60]
    where = f" in “{row} …”" if row and row.isprintable() else ""
    names = len(layout.names)
    return Refused(
        f"path: expected {names:,} cell{'s' if names > 1 else ''} in every row of {path}, as in its first line, got "
        f"{count:,}{where}. Is it a table? Save it again with as many cells in every row, and in quotes those that "
        f"contain {_DELIMITERS[layout.delimiter]}."
    )


def _parsed(
    path: Path, encoding: str, layout: _Layout, places: list[int], *, kinds: Mapping[int, pa.DataType], block: int
) -> pa.Table:
    names = [str(k) for k in range(len(layout.names))]
    included = [str(k) for k in places] or names[:1]  # rows are counted where no column is wanted
    packed = "gzip" if common.is_gzipped(path) else None
    with pa.input_stream(str(path), compression=packed) as source:
        stream = source if encoding in _UTF8 else pa.transcoding_input_stream(source, encoding, "utf-8")
        return pacsv.read_csv(
            stream,
            read_options=pacsv.ReadOptions(column_names=names, skip_rows=layout.skip, block_size=block),
            parse_options=pacsv.ParseOptions(delimiter=layout.delimiter, newlines_in_values=True),
            convert_options=pacsv.ConvertOptions(
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                include_columns=included,
                column_types={name: kinds.get(int(name), pa.large_string()) for name in included},
            ),
        )


def _spaced(path: Path, encoding: str, layout: _Layout, places: list[int]) -> pa.Table:
    """Read columns separated by any number of blanks, as in TOPCAT's ASCII and files of `numpy.savetxt`."""
    with common.opened(path) as file, io.TextIOWrapper(file, encoding=encoding) as lines:
        rest = itertools.islice(lines, layout.skip, None)
        rows = _split((line for line in rest if line.strip()), " ")
    ragged = next((k for k, row in enumerate(rows, start=1) if len(row) != len(layout.names)), None)
    if ragged:
        raise _ragged(path, layout, len(rows[ragged - 1]), " ".join(rows[ragged - 1]))
    cells = {str(k): pa.array([row[k] or None for row in rows], pa.large_string()) for k in places}
    return pa.table(cells)
