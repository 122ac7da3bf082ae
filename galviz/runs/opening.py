"""`galviz.open`: a sky, a run, images or a table, whatever a path holds."""

from pathlib import Path
from typing import Any

import pandas as pd

from galviz.io.tables import read_table
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.opening import open_any_images

_TEXTS = (".csv", ".dat", ".ecsv", ".tsv", ".txt", ".vot", ".votable", ".xml")
_TABLES = (*_TEXTS, ".fits", ".fit", ".fz", ".gz", ".parquet")


def open(  # noqa: A001 - it reads well: galviz.open
    path: str | Path, *, table: str | Path | None = None, id_column: str | None = None, **options: Any
) -> CutoutSet | Run | pd.DataFrame:
    """Open what a path holds.

    Parameters
    ----------
    path : str or Path
        The folder of a sky or of a run; images of any kind (`galviz.sky.opening.open_any_images`); or a table in any
        format that `galviz.io.tables.read_table` reads.
    table : str or Path, optional
        The table that belongs to images; by default the one beside them, if there is one.
    id_column : str, optional
        The column of ids of a table, if it is not recognised; ``"#"`` numbers the rows.
    **options
        For images: as in `galviz.sky.opening.open_any_images`.

    Returns
    -------
    CutoutSet, Run or pandas.DataFrame
        Tables are indexed by `object_id`.

    Raises
    ------
    FileNotFoundError
        If nothing is there.
    ValueError
        If it cannot be read; the message gives the reason.
    """
    path = Path(path)
    if (path / "run.json").exists():
        return Run.open(path)
    if not path.exists():
        raise FileNotFoundError(f"path: expected a sky, a run, images or a table, got {path}, which is not there.")
    if path.is_dir() or path.suffix.lower() not in _TABLES or table is not None or options:
        return open_any_images(path, table, **options)
    try:
        return read_table(path, id_column=id_column).table
    except ValueError:
        if path.suffix.lower() in _TEXTS:
            raise
        return open_any_images(path)  # a FITS file may hold images, and a Parquet file pictures
