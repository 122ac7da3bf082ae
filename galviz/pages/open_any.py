"""What an explorer can be opened on: a table, a sky, a run, a folder of pictures, with or without images beside it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import pandas as pd

from galviz.io.provenance import opening_of_table
from galviz.io.tables import NUMBERED, KeyedTable, SeveralTables, read_table
from galviz.pages.library import open_predictions, open_sky
from galviz.pages.results.regression import run_opening
from galviz.runs.predictions import joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.pictures import pictures

_ESTIMATES = ("prediction", "predicted", "estimate", "estimated", "pred")


@dataclass(frozen=True)
class Opened:
    """A table with what is known of it, as `galviz.pages.explorer.Explorer` takes it."""

    table: pd.DataFrame
    cutouts: CutoutSet | None = None
    source: str = ""
    opening: str = ""
    id_column: str | None = None
    run: Run | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    pair: tuple[str, str] | None = None
    """Columns with the truth and its estimate, where they are known."""
    notes: tuple[str, ...] = ()
    """What a user should know of how the table was read: `galviz.io.tables.KeyedTable.notes`."""


class NoIds(ValueError):  # noqa: N818 - not a fault of the file: its rows can be numbered
    """A table has no column that can be used as ids, and its rows can be numbered."""


def open_any(
    path: str | Path,
    images: str | Path | None = None,
    id_column: str | None = None,
    broken: Callable[[str, str], None] | None = None,
    table: str | None = None,
) -> Opened:
    """Open what is there.

    Parameters
    ----------
    path : str or Path
        A table (`galviz.io.tables.read_table`), or the folder of a sky, of pictures, or of a run: its predictions
        of what it was not trained on.
    images : str or Path, optional
        A sky, or a folder of pictures named by `object_id`.
    id_column : str, optional
        As `read_table` takes it.
    broken : callable, optional
        As `galviz.sky.readers.pictures.pictures` takes it.
    table : str, optional
        As `read_table` takes it.

    Raises
    ------
    ValueError, OSError, TypeError or RuntimeError
        With the reason in words.
    NoIds
        If only the ids are a problem: with ``id_column=galviz.io.tables.NUMBERED`` the table can be opened.
    """
    path = Path(path)
    if (path / "run.json").exists():
        return _run(Run.open(path), images)
    if (path / "galviz.json").exists():
        sky = open_sky(path)
        return Opened(sky.catalogue, sky, str(path))
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
    about = {"opening": opening_of_table(path.resolve(), id_column, table), "units": keyed.units, "notes": keyed.notes}
    return Opened(keyed.table, cutouts, str(path), id_column=id_column or None, pair=guessed_pair(keyed.table), **about)


def guessed_pair(table: pd.DataFrame) -> tuple[str, str] | None:
    """Guess from the names of columns which is the truth and which the estimate; None where there is no such pair.

    Pairs are ``name_true`` and ``name``, ``truth`` and ``estimate``, or a column called like an estimate and the number
    before it.
    """
    names = [str(name) for name in table.select_dtypes("number")]
    pair = next(((f"{name}_true", name) for name in names if f"{name}_true" in names), None)
    guess = next((name for name in names if name.lower() in _ESTIMATES), None)
    if pair is None and guess is not None and len(names) > 1:
        pair = ("truth" if "truth" in names else names[max(names.index(guess) - 1, 0)], guess)
    return None if pair is None or pair[0] == pair[1] else pair


def _read(path: Path, id_column: str | None, table: str | None) -> KeyedTable:
    stamp = path.stat().st_mtime_ns
    try:
        return _table(str(path), stamp, id_column, table)
    except SeveralTables:
        raise
    except ValueError as error:
        if id_column == NUMBERED:
            raise
        try:  # what is read is kept for the next call, which is likely to number the rows
            rows = len(_table(str(path), stamp, NUMBERED, table))
        except ValueError:
            rows = 0
        if rows:
            raise NoIds(str(error)) from error
        raise


@lru_cache(maxsize=4)
def _table(path: str, _stamp: int, id_column: str | None, table: str | None) -> KeyedTable:
    """Read a table once a process, and again where it has changed."""
    return read_table(path, id_column=id_column, table=table)


def _run(run: Run, images: str | Path | None) -> Opened:
    predictions = open_predictions(run)
    if predictions is None:
        raise ValueError(f"run: expected one with predictions, got {run.path}, which has none yet. Finish it first.")
    try:
        cutouts = open_sky(run.data if images is None else images)
    except (ValueError, OSError):
        cutouts = None  # the table can be explored without
    table = joined(predictions, cutouts)
    table = table[~table["seen"]]  # what the network has seen would flatter it
    pair = None if predictions.target.named else ("truth", "estimate")
    return Opened(table, cutouts, str(run.path), run_opening(run, cutouts, seen=False), run=run, pair=pair)


def _images(path: str | Path, table: pd.DataFrame, broken: Callable[[str, str], None] | None) -> CutoutSet:
    return open_sky(path) if (Path(path) / "galviz.json").exists() else pictures(path, table, broken=broken)
