"""Where an exported selection comes from, and the lines of Python that make it again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def ids_digest(ids: Iterable[str]) -> str:
    """SHA-256 of the sorted ids, one a line, in UTF-8: the same for the same objects in any order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def passport(
    ids: Sequence[str],
    *,
    steps: Iterable[Sequence[Any]] = (),
    python: str = "",
    run: Any = None,
    stretch: Mapping[str, Any] | None = None,
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    """Say what a selection is and how it was made, in JSON values.

    Parameters
    ----------
    ids : sequence of str, length N
        The objects.
    steps : iterable of (str, mapping)
        `Selection.steps`.
    python : str
        The lines that make it again: `python_for`.
    run : galviz.runs.run.Run, optional
        The trained network whose predictions are shown.
    stretch : mapping, optional
        How pictures were shown, in the words of the page.
    notes : iterable of str
        What a user of the objects should know, such as `galviz.io.tables.KeyedTable.notes`.

    Returns
    -------
    dict
        ``galviz`` (version), ``made`` (UTC, ISO 8601), ``ids`` (``count``, ``sha256``: see `ids_digest`), ``steps``,
        ``python`` (a list of lines), ``run`` (``name`` and the SHA-256 of ``run.json`` and the weights, or None),
        ``stretch`` and ``notes`` (a list).
    """
    return {
        "galviz": version("galviz"),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "ids": {"count": len(ids), "sha256": ids_digest(ids)},
        "steps": [[name, dict(given)] for name, given in steps],
        "python": python.splitlines(),
        "run": None if run is None else _run(run),
        "stretch": None if stretch is None else dict(stretch),
        "notes": list(notes),
    }


def python_for(
    selection: Any,
    source: str | Path,
    *,
    id_column: str | None = None,
    opening: str | None = None,
    notes: Iterable[str] = (),
) -> str:
    r"""Write a complete script that makes a selection again: it opens the table, repeats the steps and prints the ids.

    Parameters
    ----------
    selection : galviz.tools.selection.core.Selection
    source : str or Path
        What its table was read from: a file for `galviz.io.tables.read_table`, the folder of a `CutoutSet` (its
        catalogue), or that of a `Run` (its predictions).
    id_column : str, optional
        The column of ids that `read_table` was told.
    opening : str, optional
        The lines that make ``table``, where it is not simply what was read from `source`.
    notes : iterable of str
        As `passport` takes them; each becomes a comment.

    Returns
    -------
    str
        Python; run in a fresh process, ``ids`` in it and what it prints are ``selection.ids``, in that order.
    """
    steps = selection.python()
    lines = [
        f'"""{len(selection):,} of {len(selection.table):,} objects, chosen in galviz {version("galviz")}."""',
        *(f"# Note: {' '.join(note.split())}" for note in notes),
        "",
        "from galviz.tools.selection.core import Selection",
        opening or _opening(Path(source).resolve(), id_column),
        "",
        "selection = Selection(table)",
        *steps.splitlines(),
        "",
        f"ids = selection.ids  # SHA-256 of the sorted ids: {ids_digest(selection.ids)}",
        r'print(*ids, sep="\n")',
    ]
    return "\n".join(lines) + "\n"


def opening_of_run(path: str | Path, *, sky: bool, seen: bool) -> str:
    """Write the lines that make the ``table`` that pages show of a run: `galviz.runs.predictions.joined`.

    Parameters
    ----------
    path : str or Path
        The run folder.
    sky : bool
        Whether the catalogue of the run's sky is joined.
    seen : bool
        Whether the objects that the network was trained on are among them.
    """
    lines = ["from galviz.runs.run import Run", *["from galviz.sky.cutouts import CutoutSet"] * sky]
    lines += ["from galviz.runs.predictions import joined", "", f"run = Run.open({str(path)!r})"]
    lines += [f"table = joined(run.predictions(), {'CutoutSet.open(run.data)' if sky else None})"]
    return "\n".join([*lines, *['table = table[~table["seen"]]'] * (not seen)])


def opening_of_table(path: str | Path, id_column: str | None = None, table: str | None = None) -> str:
    """Write the lines that read ``table`` from a file: `galviz.io.tables.read_table` with these arguments."""
    given = {"id_column": id_column, "table": table}
    more = "".join(f", {name}={value!r}" for name, value in given.items() if value)
    return f"from galviz.io.tables import read_table\n\ntable = read_table({str(path)!r}{more}).table"


def _opening(path: Path, id_column: str | None) -> str:
    if (path / "run.json").is_file():
        return f"from galviz.runs.run import Run\n\ntable = Run.open({str(path)!r}).predictions().table"
    if path.is_dir():
        return f"from galviz.sky.cutouts import CutoutSet\n\ntable = CutoutSet.open({str(path)!r}).catalogue"
    return opening_of_table(path, id_column)


def _run(run: Any) -> dict[str, Any]:
    return {"name": run.name, "run_json": _digest(run.path / "run.json"), "weights": _digest(run.weights)}


def _digest(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
