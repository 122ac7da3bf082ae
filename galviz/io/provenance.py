"""Provenance of an exported selection, and the Python script that reproduces it."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any


def ids_digest(ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted ids, one per line in UTF-8. It does not depend on their order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def provenance(
    ids: Sequence[str],
    *,
    steps: Iterable[Sequence[Any]] = (),
    python: str = "",
    run: Any = None,
    stretch: Mapping[str, Any] | None = None,
    notes: Iterable[str] = (),
) -> dict[str, Any]:
    """Return the provenance of a selection as JSON values.

    Parameters
    ----------
    ids : sequence of str, length N
        The objects.
    steps : iterable of (str, mapping)
        Steps of the selection, `Selection.steps`.
    python : str
        The script that reproduces it, from `python_for`.
    run : galviz.runs.run.Run, optional
        The run whose predictions are shown.
    stretch : mapping, optional
        Stretch of the pictures, as the page names it.
    notes : iterable of str
        Notes for users of the selection, such as `galviz.io.tables.KeyedTable.notes`.

    Returns
    -------
    dict
        ``galviz`` (version), ``made`` (UTC, ISO 8601), ``ids`` (``count``, and ``sha256`` from `ids_digest`),
        ``steps``, ``python`` (a list of lines), ``run`` (``name`` and the SHA-256 of ``run.json`` and of the weights,
        or None), ``stretch`` and ``notes`` (a list).
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
    computed: Mapping[str, str] | None = None,
) -> str:
    r"""Return a complete script that reproduces a selection: it opens the table, repeats the steps and prints the ids.

    Parameters
    ----------
    selection : galviz.tools.selection.core.Selection
    source : str or Path
        Source of its table: a file for `galviz.io.tables.read_table`, the folder of a `CutoutSet` (its catalogue), or
        the folder of a `Run` (its predictions).
    id_column : str, optional
        The `id_column` argument of `read_table`.
    opening : str, optional
        The lines that create ``table``, if it is not simply read from `source`.
    notes : iterable of str
        As in `provenance`. Each becomes a comment.
    computed : mapping of str to str, optional
        Name → expression of columns that were added to the table.

    Returns
    -------
    str
        Python code. Run in a new process, it prints ``selection.ids`` in their order.
    """
    steps = selection.python()
    lines = [
        f'"""{len(selection):,} of {len(selection.table):,} objects, selected in galviz {version("galviz")}."""',
        *(f"# Note: {' '.join(note.split())}" for note in notes),
        "",
        "from galviz.tools.selection.core import Selection",
        opening or _opening(Path(source).resolve(), id_column),
        *(["from galviz.io.expressions import evaluate", ""] if computed else []),
        *(f"table[{name!r}] = evaluate({expression!r}, table)" for name, expression in (computed or {}).items()),
        "",
        "selection = Selection(table)",
        *steps.splitlines(),
        "",
        f"ids = selection.ids  # SHA-256 of the sorted ids: {ids_digest(selection.ids)}",
        r'print(*ids, sep="\n")',
    ]
    return "\n".join(lines) + "\n"


def opening_of_run(path: str | Path, *, sky: bool, in_training: bool) -> str:
    """Return the lines that create the ``table`` that pages show for a run (`galviz.runs.predictions.joined`).

    Parameters
    ----------
    path : str or Path
        The run folder.
    sky : bool
        Whether the catalogue of the run's sky is joined.
    in_training : bool
        Whether objects that were seen in training are included.
    """
    lines = ["from galviz.runs.run import Run", *["from galviz.sky.cutouts import CutoutSet"] * sky]
    lines += ["from galviz.runs.predictions import joined", "", f"run = Run.open({str(path)!r})"]
    lines += [f"table = joined(run.predictions(), {'CutoutSet.open(run.data)' if sky else None})"]
    return "\n".join([*lines, *['table = table[~table["in_training"]]'] * (not in_training)])


def opening_of_table(path: str | Path, id_column: str | None = None, table: str | None = None) -> str:
    """Return the lines that read ``table`` from a file with `galviz.io.tables.read_table`."""
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
