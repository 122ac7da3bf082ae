"""Reading and writing tables keyed by `object_id`: CSV, ECSV, VOTable, FITS and Parquet, from any program."""

import codecs
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from galviz.io.damage import whole
from galviz.io.files import write_aside
from galviz.io.formats import common
from galviz.io.formats.request import ID_NAMES, NUMBERED, Request, SeveralTables
from galviz.io.ids import check_ids

__all__ = ["ID_NAMES", "NUMBERED", "KeyedTable", "SeveralTables", "read_table", "tables_in", "write_table"]

SUFFIXES = {"csv": ".csv", "ecsv": ".ecsv", "votable": ".vot", "fits": ".fits", "parquet": ".parquet"}

_READERS = {"csv": "text.read_csv", "ecsv": "text.read_ecsv", "votable": "votable.read", "fits": "fits_table.read"}
_WRITERS = {"csv": "text.write_csv", "ecsv": "text.write_ecsv", "votable": "votable.write", "fits": "fits_table.write"}
_READERS["parquet"], _WRITERS["parquet"] = "parquet.read", "parquet.write"


def _function(name: str) -> Callable[..., Any]:
    """Return a function of `galviz.io.formats`. Its module is imported on first use: astropy takes most of a second."""
    module, _, function = name.partition(".")
    return getattr(import_module(f"galviz.io.formats.{module}"), function)


_TEXT = {pa.large_string(): pd.StringDtype(na_value=np.nan)}
_NULLABLE = _TEXT | {pa.bool_(): pd.BooleanDtype()}
for _name in ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64"):
    _NULLABLE[pa.type_for_alias(_name.lower())] = pd.api.types.pandas_dtype(_name)
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\v\f\r\x1a")  # text has hardly any of these bytes
_ROUNDED = r"^[+-]?(\d+\.\d*([eE][+-]?\d+)?|\d+[eE]\+\d+)$"  # a number that was a float: 1.24E+18, 123.0


@dataclass(frozen=True, eq=False)
class KeyedTable:
    """A table keyed by `object_id`, with its units, provenance and notes.

    Parameters
    ----------
    table : pandas.DataFrame, N rows
        Its index ``object_id`` holds unique, non-empty strings. Columns hold numbers (a missing float is NaN; a missing
        integer or boolean is ``<NA>`` in a nullable type), dates, or text (missing: NaN).
    units : mapping of str to str
        Unit of each column that has one.
    provenance : mapping, optional
        Provenance of the rows; see `galviz.io.provenance.provenance`.
    notes : tuple of str
        Notes for the user on how the file was read, as plain sentences: columns left out and why, which of several
        tables was read, a result truncated by the server. They are not written with the table.

    Raises
    ------
    ValueError
        If an id is missing, empty or not unique, a column is called ``object_id`` or like another one, or a unit
        belongs to no column.
    TypeError
        If ids are not strings.
    """

    table: pd.DataFrame
    units: Mapping[str, str] = field(default_factory=dict)
    provenance: Mapping[str, Any] | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        index = self.table.index
        if isinstance(index.dtype, pd.StringDtype):
            _check_text_ids(index, "object_id")
        else:
            check_ids(index)
        _check_names(["object_id", *map(str, self.table.columns)])
        strange = sorted(set(self.units) - set(map(str, self.table.columns)))
        if strange:
            raise ValueError(f"units: expected units of columns of the table, got one of {strange[0]!r}.")
        table = self.table.rename_axis("object_id").rename(columns=str)
        object.__setattr__(self, "table", table)
        object.__setattr__(self, "units", {name: unit for name, unit in self.units.items() if unit})

    def __len__(self) -> int:
        return len(self.table)


def tables_in(path: str | Path) -> list[str]:
    """Return the names of the tables in a FITS or VOTable file (``"table 1"`` for one without a name), else nothing."""
    path = Path(path)
    module = {"fits": "fits_table", "votable": "votable"}.get(_format_of(path))
    with _reading(path):
        return [] if module is None else _function(f"{module}.tables_in")(path)


def read_table(
    path: str | Path,
    *,
    id_column: str | None = None,
    columns: Sequence[str] | None = None,
    table: str | int | None = None,
) -> KeyedTable:
    """Read a table from any program: CSV, ECSV, VOTable (these gzipped or not), FITS or Parquet.

    The format is detected from the content of the file, not from its name. The reader never opens another file or
    address, even if the file refers to one. Ids are read as text and never converted to a float. The same holds for
    every other column with a name in `ID_NAMES`.

    CSV may use commas, semicolons, tabs, vertical bars or blanks, and may be in UTF-8, UTF-16 or Latin-1. Lines at the
    top that begin with ``#`` are skipped, unless they hold the column names. Column types are described in
    `galviz.io.formats.typed.found`: ``NA``, ``nan``, ``null``, ``None`` and ``--`` are missing values in columns of
    numbers, booleans and dates; in a text column only an empty cell is.

    A vector column of FITS, VOTable or ECSV with up to 16 entries becomes the columns ``name_0``, ``name_1``, … A
    column that cannot be read (longer vectors, complex numbers, lists) is left out and named in the notes.

    Parameters
    ----------
    path : str or Path
    id_column : str, optional
        The column with the ids, text or integers. By default the first column with a name in `ID_NAMES`, in upper or
        lower case. `NUMBERED` uses row numbers as ids, ``"row-0001"`` first; they are valid in this file only.
    columns : sequence of str, optional
        Other columns to read. By default all. A table of 10⁷ rows opens faster with fewer columns.
    table : str or int, optional
        Which table of a FITS or VOTable file to read: a name from `tables_in`, or its position, from 0. By default the
        only one with a column of ids.

    Returns
    -------
    KeyedTable
        Integers with missing values have pandas' nullable types. Empty text from other programs is missing. A table
        from `write_table` gets its types, units and provenance back. `KeyedTable.notes` tells the user what happened.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    SeveralTables
        If the file has several tables, and not exactly one of them has a column of ids.
    ValueError
        If the file is empty, damaged or of an unknown format; the id column is missing or holds floats; an id is
        missing or not unique; or a column in `columns` holds neither numbers, booleans, dates nor text. Also if the
        file takes rows from other files, declares XML entities, unpacks to an absurd size, or holds the error message
        of a service.
    """
    path = Path(path)
    kind = _format_of(path)
    if table not in {None, 0} and kind not in {"fits", "votable"}:
        raise ValueError(f"table: expected nothing, as {path} has one table only, got {table!r}.")
    request = Request(path, id_column, columns, table)
    with _reading(path):
        common.size_of(path)  # refuses a file that unpacks to an absurd size
        arrow = _function(_READERS[kind])(path, request)
    if request.id_name is None:
        if not arrow.num_columns:
            raise ValueError(f"columns: expected one that can be read in {path}, got none. {' '.join(request.notes)}")
        request.notes.append("The ids are row numbers: they are valid in this file only.")
        arrow = _numbered(arrow)
    return _keyed(arrow, request.id_name or NUMBERED, request.notes)


def write_table(
    target: str | Path | BinaryIO, table: KeyedTable | pd.DataFrame, kind: str, *, spreadsheet: bool = False
) -> None:
    """Write a table so that `read_table` restores it: ids, values, types, units, names and provenance.

    What changes in a round trip: a missing float and NaN become the same; a nullable type without missing values
    becomes the plain type; a category becomes its values; a date with a time zone becomes text.

    What other programs see:

    - CSV: units and provenance in the comments ``# galviz columns: {…}`` and ``# galviz passport: {…}``; text in
      quotes, so that a missing text (nothing) differs from an empty one (``""``).
    - ECSV: missing and empty text are the same.
    - VOTable and FITS: names and text that the format cannot hold are percent-encoded (FITS holds ASCII only); dates
      are text; integers have 64 bits, larger ones are text.
    - FITS also: a missing boolean is byte 0, a missing integer is TNULL, a missing text is empty.

    Parameters
    ----------
    target : str, Path or binary file
        A path is written atomically.
    table : KeyedTable or pandas.DataFrame
        A data frame must be as `KeyedTable` requires.
    kind : str
        ``"csv"``, ``"ecsv"``, ``"votable"``, ``"fits"`` or ``"parquet"``.
    spreadsheet : bool
        With ``"csv"``, write for Excel or LibreOffice, not for reading back. Text and column names that begin with
        ``=``, ``+``, ``-``, ``@``, a tab or a carriage return get an apostrophe, because a spreadsheet would run them
        as a formula. Numbers are unchanged; units and provenance are left out.

    Raises
    ------
    ValueError
        If the format is unknown or has no spreadsheet version, the table is not as `KeyedTable` requires, or a column
        cannot be stored.
    """
    if kind not in _WRITERS:
        raise ValueError(f"kind: expected one of {', '.join(_WRITERS)}, got {kind!r}.")
    if spreadsheet and kind != "csv":
        raise ValueError(f"spreadsheet: expected the kind 'csv', got {kind!r}.")
    write = _function("text.write_spreadsheet" if spreadsheet else _WRITERS[kind])
    arrow = _arrow(table if isinstance(table, KeyedTable) else KeyedTable(table))
    if isinstance(target, str | Path):
        with write_aside(Path(target)) as aside, aside.open("wb") as out:
            write(arrow, out)
    else:
        write(arrow, target)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Name the file in every error. Silence warnings: each reader checks for changed values itself."""
    with whole(path, "table"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _format_of(path: Path) -> str:
    if path.is_dir():
        raise ValueError(f"path: expected a file, got the folder {path}. CutoutSet.open and Run.open open folders.")
    with whole(path, "file"), common.opened(path) as file:
        head = file.read(2048).removeprefix(b"\xef\xbb\xbf")
    if not head.strip():
        raise ValueError(f"path: expected a table, got {path}, which is empty. Write or download it again.")
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "csv"
    starts = {b"PAR1": "parquet", b"SIMPLE  =": "fits", b"<": "votable", b"# %ECSV": "ecsv", b"# galviz": "csv"}
    found = [kind for start, kind in starts.items() if head.lstrip().startswith(start)]
    if not found and (b"\0" in head or len(head.translate(None, _CONTROLS)) < 0.98 * len(head)):
        raise ValueError(
            f"path: expected CSV, ECSV, VOTable, FITS or Parquet, got {path}, which is none of these: it is not text. "
            "Save the table as one of these in the program that it comes from."
        )
    return found[0] if found else "csv"


def _check_names(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        double = next(name for name in names if list(names).count(name) > 1)
        raise ValueError(f"columns: expected different names, got {double!r} twice. Rename one.")


def _numbered(arrow: pa.Table) -> pa.Table:
    digits = len(str(len(arrow)))
    ids = pa.array([f"row-{row:0{digits}d}" for row in range(1, len(arrow) + 1)], pa.large_string())
    return arrow.add_column(0, NUMBERED, ids)


def _keyed(arrow: pa.Table, id_column: str, notes: Sequence[str]) -> KeyedTable:
    ours = common.COLUMNS.encode() in (arrow.schema.metadata or {})
    ids = _ids(arrow[id_column], id_column, ours=ours)
    rest = arrow.drop_columns(id_column)
    series = {}
    for spec, values in zip(rest.schema, rest.columns, strict=True):
        as_text = spec.name.lower() in ID_NAMES and pa.types.is_integer(spec.type)
        values = values.cast(pa.large_string()) if as_text else values  # noqa: PLW2901
        series[spec.name] = values.to_pandas(types_mapper=(_NULLABLE if values.null_count else _TEXT).get)
    index = pd.Index(ids.to_pandas(types_mapper=_TEXT.get), name="object_id")
    _check_text_ids(index, id_column)
    for column in series.values():
        column.index = index
    units = {spec.name: common.unit_of(spec) for spec in rest.schema}
    return KeyedTable(
        pd.DataFrame(series, index=index, copy=False), units, common.provenance_of(arrow.schema), tuple(notes)
    )


def _ids(values: pa.ChunkedArray, name: str, *, ours: bool) -> pa.ChunkedArray:
    """Return ids as text, stripped of blanks unless galviz wrote the file. Raise a ValueError if they are rounded."""
    rounded = pa.types.is_floating(values.type) and len(values) > values.null_count
    if pa.types.is_boolean(values.type) or pa.types.is_timestamp(values.type):
        raise ValueError(f"{name}: expected ids as text or integers, got {values.type}. Name another: id_column=…")
    if not rounded:
        values = values.cast(pa.large_string())
    if not (rounded or ours):
        values = pc.utf8_trim_whitespace(values)
        rounded = bool(len(values)) and bool(pc.all(pc.match_substring_regex(values, _ROUNDED)).as_py())
    if rounded:
        raise ValueError(
            f"{name}: expected ids as text or integers, got floats such as {values.drop_null()[0]}. "
            "A float has 15 digits: longer ids are rounded in this file already. "
            "Write it again with ids as text, name another column: "
            f"id_column=…, or number the rows: id_column={NUMBERED!r}."
        )
    return values


def _check_text_ids(index: pd.Index, name: str) -> None:
    if index.hasnans or (index == "").any():
        row = int((index.isna() | (index == "")).argmax())
        raise ValueError(f"{name}: expected an id in every row, got none in row {row}. Give it one, or remove it.")
    if not index.is_unique:
        double = index[index.duplicated()][0]
        raise ValueError(
            f"{name}: expected unique ids, got {double!r} more than once. "
            "Remove the double rows, or name another column: id_column=…"
        )


def _arrow(keyed: KeyedTable) -> pa.Table:
    try:
        table = pa.Table.from_pandas(keyed.table.reset_index(), preserve_index=False)
    except (pa.ArrowException, UnicodeError, OverflowError) as error:
        raise ValueError(
            f"table: expected numbers, truth values, dates or text, got something else ({error})."
        ) from None
    arrays, fields = [], []
    for spec, values in zip(table.schema, table.columns, strict=True):
        arrays.append(common.plain(values, spec.name))
        fields.append(common.field_with(spec.name, arrays[-1].type, keyed.units.get(spec.name, "")))
    metadata = None if keyed.provenance is None else {common.PROVENANCE: common.to_json(keyed.provenance)}
    return pa.table(arrays, schema=pa.schema(fields, metadata=metadata))


def safe_for_page(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table that a browser shows correctly: integers beyond 2⁵³, such as 19-digit ids, become text."""
    known = {name: table[name].dropna() for name in table.select_dtypes("integer")}
    big = [name for name, n in known.items() if len(n) and max(abs(int(n.min())), abs(int(n.max()))) >= 2**53]
    return table.astype(dict.fromkeys(big, "str"))
