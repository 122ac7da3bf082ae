"""`galviz.open`: a sky, a run, images or a table, whatever a path holds."""

from pathlib import Path

import pandas as pd

from galviz.io.tables import read_table
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.pictures import pictures


def open(path: str | Path, *, table: str | Path | None = None) -> CutoutSet | Run | pd.DataFrame:  # noqa: A001 - galviz.open
    """Open what a path holds.

    Parameters
    ----------
    path : str or Path
        The folder of a sky or of a run, images, or a table in any format that `galviz.io.tables.read_table` reads.
    table : str or Path, optional
        The table that belongs to images; by default the one beside them, if there is one.

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
    if (path / "galviz.json").exists():
        return CutoutSet.open(path)
    if path.is_dir():
        return pictures(path, None if table is None else read_table(table).table)
    if not path.exists():
        raise FileNotFoundError(f"path: expected a sky, a run, images or a table, got {path}, which is not there.")
    return read_table(path).table
