"""A table beside images: which of its columns names them, which rows have an image, and what comes along."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import pandas as pd

from galviz.io.paths import inside
from galviz.io.tables import ID_NAMES, NUMBERED, SeveralTables, read_table, tables_in
from galviz.sky.readers import array_files, fits_images
from galviz.sky.readers.picture_files import SUFFIXES as PICTURES
from galviz.sky.readers.picture_files import hidden
from galviz.sky.readers.positions import with_positions

TABLES = (
    ".csv",
    ".tsv",
    ".txt",
    ".dat",
    ".ecsv",
    ".vot",
    ".votable",
    ".xml",
    ".parquet",
    ".csv.gz",
    ".ecsv.gz",
    ".vot.gz",
)
_SUFFIXES = sorted({*PICTURES, *fits_images.SUFFIXES, *array_files.SUFFIXES}, key=len, reverse=True)
_SHOWN = 3  # ids that a message names
_ID_KEYS = ("object_id", "id")  # --column id=objID


@dataclass
class Labels:
    """A table matched to images.

    Parameters
    ----------
    table : pandas.DataFrame
        Its rows that have an image, indexed by the id of the image.
    notes : list of str
        What was matched, what was not, and what comes along.
    rejected : pandas.DataFrame
        Rows without an image: columns object_id, file, reason.
    """

    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=lambda: _rejected([], "", ""))


class _Match(NamedTuple):
    column: str
    images: dict[int, str]  # row → id of its image


def plain_name(name: str) -> str:
    """Return the name of an image without folders and suffix, in one normal form of Unicode."""
    name = PurePosixPath(str(name).strip().replace("\\", "/")).name
    suffix = next((end for end in _SUFFIXES if name.lower().endswith(end)), "")
    return unicodedata.normalize("NFC", name[: -len(suffix)] if suffix and len(suffix) < len(name) else name)


def is_table(path: Path) -> bool:
    """Return whether a file is a table by its name; of FITS, whether it has no image."""
    if hidden(path.name) or not (path.name.lower().endswith(TABLES) or fits_images.is_fits(path)) or not path.is_file():
        return False
    if not fits_images.is_fits(path):
        return True
    try:
        return not fits_images.has_image(path)
    except (ValueError, OSError):
        return False


def tables_alone(folder: Path) -> list[Path]:
    """Return the tables of a folder that holds tables and no images, sorted; else nothing.

    Other files, such as a README, may lie beside them; folders may hold images.
    """
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if hidden(path.name):
            continue
        if is_table(path):
            found.append(path)
        elif path.is_dir() or path.name.lower().endswith((*_SUFFIXES, ".zip")):
            return []
    return found


def match_rows(values: Iterable[str], ids: Sequence[str]) -> dict[int, str]:
    """Return the image of each row that has one, by the id that the row gives.

    An id is the exact name of an image; or its name with a folder and a suffix of pictures, in any normal form of
    Unicode; or, of digits alone, the same number without leading zeros. An id that fits several images fits none.

    Parameters
    ----------
    values : iterable of str
        The ids in a table.
    ids : sequence of str
        The names of the images, without suffix.

    Returns
    -------
    dict of int to str
        Row → id of the image.
    """
    exact = set(ids)
    plain, numbers = _unique((plain_name(one), one) for one in ids), _unique(_numbered(ids))
    found = {}
    for row, value in enumerate(values):
        name = plain_name(value)
        hit = value if value in exact else name if name in exact else plain.get(name)
        hit = numbers.get(name.lstrip("0")) if hit is None and _is_number(name) else hit
        if hit is not None:
            found[row] = hit
    return found


def find_labels(
    folders: Sequence[Path],
    ids: Sequence[str],
    given: Path | None,
    columns: Mapping[str, str],
    *,
    keep: bool,
    strict: bool = True,
) -> Labels:
    """Return the table that belongs to images.

    Parameters
    ----------
    folders : sequence of Path
        Where tables are looked for if none is given.
    ids : sequence of str
        Names of the images.
    given : Path, optional
        The table that the user names.
    columns : mapping of str to str
        As in `galviz.sky.readers.positions.with_positions`; ``object_id`` or ``id`` is the column that names images.
    keep : bool
        Whether images without a row are kept.
    strict : bool
        Whether it is an error if there are tables, and none of them fits.

    Raises
    ------
    ValueError
        If the table fits no image, an image has several rows, or several tables fit.
    """
    id_column = next((columns[key] for key in _ID_KEYS if key in columns), None)
    columns = {key: own for key, own in columns.items() if key not in _ID_KEYS}
    if given is not None:
        table, units, match = _read(given, ids, id_column)
        if match is None:
            raise ValueError(_nothing_fits(given, table, ids, id_column))
        return _labels(given, table, units, match, ids=ids, columns=columns, keep=keep)
    fitting, others = _fitting(folders, ids, id_column)
    best = max((len(match.images) for *_, match in fitting), default=0)
    first = [one for one in fitting if len(one[3].images) == best]
    if len(first) > 1:
        names = ", ".join(f"{path.name} ({len(match.images):,} rows)" for path, _, _, match in first)
        raise ValueError(f"table: expected one that fits the images, got {names}. Name one: --table FILE, or none.")
    if first:
        labels = _labels(*first[0], ids=ids, columns=columns, keep=keep)
        small = [(path, match) for path, _, _, match in fitting if path != first[0][0]]
        labels.notes += [f"{p.name}: not used: it fits {len(m.images):,} images (--table to use it)" for p, m in small]
        labels.notes += others
        return labels
    if columns or id_column:
        raise ValueError(f"column: expected a table beside the images, got none that fits. {' '.join(others)}")
    if others and strict:
        raise ValueError(f"{others[0]} Or make the sky without it: --table none.")
    return Labels(pd.DataFrame(index=pd.Index([], dtype=object)), others)


def _fitting(
    folders: Sequence[Path], ids: Sequence[str], id_column: str | None
) -> tuple[list[tuple[Path, pd.DataFrame, Mapping[str, str], "_Match"]], list[str]]:
    """Return the tables in folders that fit the images, and why the others do not."""
    fitting, others = [], []
    for path in sorted(p for folder in folders for p in folder.iterdir() if is_table(p)):
        try:
            table, units, match = _read(inside(path.parent, path.name, "table"), ids, id_column)
        except ValueError as error:
            others += [] if _unsure(path) else [f"table: {path.name} cannot be read: {error}"]
            continue
        if match is not None:
            fitting.append((path, table, units, match))
        elif not _unsure(path):
            others.append(_nothing_fits(path, table, ids, id_column))
    return fitting, others


def _unsure(path: Path) -> bool:
    """Return whether a file may well be something else than a table: a README, for example."""
    return path.suffix.lower() in (".txt", ".dat", ".xml")


def _read(
    path: Path, ids: Sequence[str], id_column: str | None
) -> tuple[pd.DataFrame, Mapping[str, str], _Match | None]:
    """Read a table without regard to its ids, and match them to the images."""
    names = tables_in(path)
    found = []
    for name in names if len(names) > 1 else [None]:
        table, units = _all_columns(path, name)
        if id_column is not None and id_column not in table.columns and len(names) < 2:
            raise ValueError(f"column: expected one of {', '.join(table.columns[:20])} for ids, got {id_column!r}.")
        found.append((table, units, _match(table, ids, id_column)))
    able = [one for one in found if one[2] is not None]
    if len(able) > 1:
        raise SeveralTables(f"table: expected one table that fits the images in {path}, got {len(able)}.", names)
    return able[0] if able else found[0]


def _all_columns(path: Path, name: str | None) -> tuple[pd.DataFrame, Mapping[str, str]]:
    """Return a table with all its columns, that of its ids among them."""
    try:
        keyed = read_table(path, id_column=NUMBERED, table=name)
    except ValueError:
        keyed = read_table(path, id_column="object_id", table=name)  # the one name that the row numbers take
        return keyed.table.reset_index(), keyed.units
    return keyed.table.reset_index(drop=True), keyed.units


def _match(table: pd.DataFrame, ids: Sequence[str], id_column: str | None) -> _Match | None:
    """Return the column that names most images, each once; of several, one with a name of `ID_NAMES`, or the first."""
    best: tuple[tuple[float, bool], _Match] | None = None
    usual = sorted(table.columns, key=lambda column: column.lower() not in ID_NAMES)
    for column in [id_column] if id_column in table.columns else [] if id_column else usual:
        values = table[column]
        if not (pd.api.types.is_integer_dtype(values) or pd.api.types.is_string_dtype(values)):
            continue
        known = values.dropna()
        images = {int(known.index[row]): one for row, one in match_rows(known.astype(str), ids).items()}
        different = len(set(images.values()))
        rank = (
            different**2 / max(1, len(images)),
            column.lower() in ID_NAMES,
        )  # a class 0 … 9 also names 0.jpg … 9.jpg
        if images and (best is None or rank > best[0]):
            best = (rank, _Match(column, images))
        if len(images) == different == len(ids):
            break
    return None if best is None else best[1]


def _labels(
    path: Path,
    table: pd.DataFrame,
    units: Mapping[str, str],
    match: _Match,
    *,
    ids: Sequence[str],
    columns: Mapping[str, str],
    keep: bool,
) -> Labels:
    kept = table.iloc[list(match.images)]
    kept.index = pd.Index(list(match.images.values()), name="object_id")
    notes = []
    if not kept.index.is_unique:
        same = kept.reset_index().duplicated()
        double = kept.index[kept.index.duplicated()].unique()
        if not kept.index[~same.to_numpy()].is_unique:
            raise ValueError(
                f"table: expected a row an image, got {len(double):,} images with several in {path.name}: "
                f"{_some(double)}. Remove the double rows, or name another column of ids: --column id=NAME."
            )
        kept = kept[~same.to_numpy()]
        notes.append(f"{path.name}: {int(same.sum()):,} rows are there twice, word for word: one of each is used")
    if "object_id" in kept.columns:  # the index has it
        name = "object_id" if match.column == "object_id" else ""
        kept = kept.drop(columns=name) if name else kept.rename(columns={"object_id": "object_id_original"})
    others = [str(column) for column in kept.columns if column != match.column]
    kept, read_as = with_positions(kept, units, columns)
    listed = ", ".join(others[:12]) + (f" and {len(others) - 12:,} more" if len(others) > 12 else "")
    notes.insert(
        0,
        f"{path.name}: {len(table):,} rows; column {match.column} matches {len(kept):,} of {len(ids):,} images; "
        f"columns: {listed or 'none'}",
    )
    missing = table.drop(index=list(match.images))
    named = missing[match.column].astype(str)
    if len(missing):
        notes.append(f"{path.name}: {len(missing):,} rows have no image: {_some(named)}")
    bare = len(ids) - len(kept)
    if bare:
        first = _some(one for one in ids if one not in kept.index)
        what = "their columns are empty" if keep else "they are left out"
        notes.append(f"{bare:,} images have no row in {path.name}: {first}; {what}")
    notes += [f"{', '.join(read_as)} (correct with --column ra=NAME)"] if read_as else []
    return Labels(kept, notes, _rejected(named, path.name, f"no image of this id, which is a row of {path.name}"))


def _nothing_fits(path: Path, table: pd.DataFrame, ids: Sequence[str], id_column: str | None) -> str:
    """Return a message with three ids of each side."""
    column = id_column or next((c for n in ID_NAMES for c in table.columns if c.lower() == n), None)
    text = [c for c in table.columns if pd.api.types.is_string_dtype(table[c])]
    column = column or (text or [*table.columns, None])[0]
    have = _some(table[column].dropna().astype(str)) if column in table.columns else "nothing"
    return (
        f"table: expected a column of {path.name} with the names of the images, such as {_some(ids)}; got {have} in "
        f"{column}, and no match in any column. Name the column, --column id=NAME, or rename the images."
    )


def _some(values: Iterable[str]) -> str:
    values = list(map(str, values))
    return ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")


def _rejected(ids: Iterable[str], file: str, reason: str) -> pd.DataFrame:
    ids = list(ids)
    return pd.DataFrame({"object_id": ids, "file": [file] * len(ids), "reason": [reason] * len(ids)}, dtype="str")


def _unique(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return name → id of the names that belong to one id only."""
    found: dict[str, str | None] = {}
    for name, one in pairs:
        found[name] = None if name in found and found[name] != one else one
    return {name: one for name, one in found.items() if one is not None}


def _numbered(ids: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((one.lstrip("0"), one) for one in ids if _is_number(one))


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit()
