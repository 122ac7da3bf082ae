"""Atomic file writes, JSON and Parquet files.

A file is written under a temporary name and then renamed, so that a reader, or a crash, never leaves half a file. A
full disk raises an error that says what to do.
"""

import errno
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galviz.io.damage import whole
from galviz.io.paths import inside

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_PARQUET = ("Parquet file", "Restore it.")


@contextmanager
def room_on(path: Path) -> Iterator[None]:
    """Turn the system error "no space left" into one that says what to do.

    Parameters
    ----------
    path : Path
        The file that is being written.

    Raises
    ------
    OSError
        With ``errno.ENOSPC`` and a message that names the file and a remedy. Other errors pass unchanged.
    """
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        message = f"{path}: expected room on the disk, got none left. Free some space, or write elsewhere, and go on."
        raise OSError(errno.ENOSPC, message) from error


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Write a file under a temporary name and rename it at the end, so that no reader ever sees half of it.

    Parameters
    ----------
    path : Path
        The file to create or replace.

    Yields
    ------
    Path
        The temporary name to write to. On an error it is removed and `path` is unchanged.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with room_on(path):
            yield aside
            aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write `content` as indented JSON. The write is atomic."""
    with write_aside(path) as aside:
        aside.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ValueError
        If the file is not a JSON object, or is a link that leads out of its folder. The message names the file.
    """
    inside(path.parent, path.name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected JSON, got something else ({error}). Restore or remove the file.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(content).__name__}. Restore or remove the file.")  # noqa: TRY004 - the file's content is wrong, not an argument's type
    return content


def write_parquet(table: "pd.DataFrame", path: Path, **more: Any) -> None:
    """Write a table as Parquet with checksums, atomically. `more` is passed to ``DataFrame.to_parquet``."""
    with write_aside(path) as aside:
        table.to_parquet(aside, write_page_checksum=True, **more)


def read_parquet(path: Path) -> "pd.DataFrame":
    """Read one Parquet file with the index it was written with.

    Only this file is read. (``pandas.read_parquet`` takes it for a part of a data set: in a folder named ``a=1`` it
    would add a column ``a``.)

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is damaged, or is a link that leads out of its folder. The message names the file.
    """
    with whole(path, *_PARQUET):
        return parquet_table(path).to_pandas()


def parquet_table(path: Path) -> "pa.Table":
    """Read one Parquet file as an Arrow table. Raises as `read_parquet` does."""
    import pyarrow.parquet as pq

    inside(path.parent, path.name)
    with whole(path, *_PARQUET), pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read()
