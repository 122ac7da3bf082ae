"""Paths that a file names: they may not lead out of the folder that the user opened."""

import os
from pathlib import Path, PurePath


def inside(root: str | Path, name: str | PurePath, argument: str = "path") -> Path:
    """Return the path of `name` below `root`, after following links.

    A list of files, a table with a column of paths or an unpacked archive may come from a stranger. What it names is
    opened only where it lies in the folder that the user gave.

    Parameters
    ----------
    root : str or Path
        The folder that the user opened. It may be a link itself.
    name : str or PurePath
        A path relative to `root`, or an absolute one that lies below it.
    argument : str
        What the error message calls it.

    Raises
    ------
    ValueError
        If the path is absolute, climbs (``..``) or follows a link to a place outside `root`, or is no path at all.
    """
    top = Path(root).resolve()
    try:
        path = (top / name).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a NUL byte
        raise ValueError(f"{argument}: expected a file in {root}, got {str(name)!r} ({error}).") from None
    if not path.is_relative_to(top):
        raise ValueError(
            f"{argument}: expected a file in {root}, got {str(name)!r}, which lies outside. "
            "Copy the file into the folder, or give the folder that holds it."
        )
    return path


def refuse_links_out(folder: str | Path, argument: str = "path") -> None:
    """Check that no entry of a folder is a link to a place outside it. Folders below it are not searched.

    Raises
    ------
    ValueError
        If there is such a link, naming it.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_symlink():
                inside(folder, entry.name, argument)
