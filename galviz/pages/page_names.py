"""Which page shows what: sorting the paths that a site is started on, and the names of pages."""

from collections.abc import Iterable
from pathlib import Path

from galviz.sky.readers.labels import is_table, tables_alone


def shows_table(path: str | Path) -> bool:
    """Return whether the page "explore" shows a file: a table, and not images; or a saved view of one."""
    return is_table(Path(path)) or Path(path).suffix.lower() == ".json"


def split(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the paths that a library lists (skies, runs, folders of them), and the others.

    In place of a folder that holds tables alone, there are its tables.
    """
    listed, others = [], []
    for path in paths:
        folder = Path(path)
        marks = ("galviz.json", "run.json", "*/galviz.json", "*/run.json")
        known = folder.is_dir() and any(next(folder.glob(mark), None) for mark in marks)
        if known:
            listed.append(path)
        else:
            others += map(str, tables_alone(folder) or [path])
    return listed, others


def page_of(study: str) -> str:
    """Return the name of the page of a study."""
    return "train" if study == "own" else study
