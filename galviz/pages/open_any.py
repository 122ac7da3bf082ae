"""Open any data for an explorer: a table, a sky, a run or a folder of images, with or without extra images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd

from galviz.io.provenance import opening_of_table
from galviz.io.tables import NUMBERED, KeyedTable, SeveralTables, read_table
from galviz.measure.stand_ins import notes_on, stand_ins_of
from galviz.pages.library import open_predictions, open_sky
from galviz.pages.results.view import run_opening
from galviz.runs.predictions import joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.pictures import pictures
from galviz.tasks.pair import guess_pair


@dataclass(frozen=True)
class Opened:
    """A table and what is known about it, as arguments of `galviz.pages.explorer.Explorer`."""

    table: pd.DataFrame
    cutouts: CutoutSet | None = None
    source: str = ""
    opening: str = ""
    id_column: str | None = None
    run: Run | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    pair: tuple[str, str] | None = None
    """Columns of the truth and of its estimate, if known."""
    notes: tuple[str, ...] = ()
    """Notes on how the table was read (`galviz.io.tables.KeyedTable.notes`), and on its values."""


class NoIds(ValueError):  # noqa: N818 - not an error of the file: its rows can be numbered
    """Raised if a table has no column of ids, but its rows can be numbered."""


def open_any(
    path: str | Path,
    images: str | Path | None = None,
    id_column: str | None = None,
    broken: Callable[[str, str], None] | None = None,
    table: str | None = None,
) -> Opened:
    """Open data of any supported kind.

    Parameters
    ----------
    path : str or Path
        A table (`galviz.io.tables.read_table`), or the folder of a sky, of images, or of a run. Of a run, the
        predictions of held-out objects are opened.
    images : str or Path, optional
        A sky, or a folder of images named by `object_id`.
    id_column : str, optional
        As in `read_table`.
    broken : callable, optional
        As in `galviz.sky.readers.pictures.pictures`.
    table : str, optional
        As in `read_table`.

    Raises
    ------
    ValueError, OSError, TypeError or RuntimeError
        If the data cannot be opened; the message gives the reason.
    NoIds
        If only ids are missing: ``id_column=galviz.io.tables.NUMBERED`` opens the table.
    """
    path = Path(path)
    if (path / "run.json").exists():
        return _run(Run.open(path), images)
    if (path / "galviz.json").exists():
        sky = open_sky(path)
        return Opened(sky.catalogue, sky, str(path), notes=_notes(sky.catalogue))
    if path.is_dir():
        found = pictures(path, broken=broken)
        opening = (
            f"from galviz.sky.readers.pictures import pictures\n\ntable = pictures({str(path.resolve())!r}).catalogue"
        )
        return Opened(found.catalogue, found, str(path), opening=opening)
    if not path.exists():
        raise FileNotFoundError(f"table: expected a table, a sky or a run, got {path}, which is not there.")
    keyed = _read(path, id_column or None, table or None)
    cutouts = None if images is None else _images(images, keyed.table, broken)
    about = {"opening": opening_of_table(path.resolve(), id_column, table), "units": keyed.units}
    about["notes"] = (*keyed.notes, *_notes(keyed.table))
    return Opened(keyed.table, cutouts, str(path), id_column=id_column or None, pair=guess_pair(keyed.table), **about)


def _read(path: Path, id_column: str | None, table: str | None) -> KeyedTable:
    stamp = path.stat().st_mtime_ns
    try:
        return _table(str(path), stamp, id_column, table)
    except SeveralTables:
        raise
    except ValueError as error:
        if id_column == NUMBERED:
            raise
        # The result is cached for the next call, which is likely to number the rows. Where not even that can be done,
        # the file is no table, and this error says why.
        if len(_table(str(path), stamp, NUMBERED, table)):
            raise NoIds(str(error)) from error
        raise ValueError(
            f"path: expected a table with rows, got {path}, which has one line of names alone. Save it again."
        ) from error


@lru_cache(maxsize=4)
def _table(path: str, _stamp: int, id_column: str | None, table: str | None) -> KeyedTable:
    """Return a table, cached per process until its file changes."""
    return read_table(path, id_column=id_column, table=table)


def _notes(table: pd.DataFrame) -> tuple[str, ...]:
    """Return notes on numbers that perhaps stand for a missing value."""
    return tuple(notes_on(stand_ins_of(table)))


def _run(run: Run, images: str | Path | None) -> Opened:
    predictions = open_predictions(run)
    if predictions is None:
        raise ValueError(f"run: expected one with predictions, got {run.path}, which has none yet. Finish it first.")
    try:
        cutouts = open_sky(run.data if images is None else images)
    except (ValueError, OSError):
        cutouts = None  # the table can be explored without images
    table = joined(predictions, cutouts)
    table = table[~table["in_training"]]  # training objects would make the errors look too small
    pair = (predictions.truth_column, predictions.estimate_column) if not predictions.target.self_labelled else None
    return Opened(table, cutouts, str(run.path), run_opening(run, cutouts, in_training=False), run=run, pair=pair)


def _images(path: str | Path, table: pd.DataFrame, broken: Callable[[str, str], None] | None) -> CutoutSet:
    return open_sky(path) if (Path(path) / "galviz.json").exists() else pictures(path, table, broken=broken)
