"""Labels assigned by hand, stored in a CSV file that is complete after every change."""

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from galviz.io.files import write_aside
from galviz.io.paths import home

COLUMNS = ("object_id", "label", "time")


class Labels:
    """One label per object, by `object_id`; every change is saved at once.

    Several instances may write to one file, in one process or in many: each reads the others' changes before it
    writes, and undoes only its own.

    Parameters
    ----------
    path : str or Path, optional
        A CSV with the columns `COLUMNS` (time: UTC, ISO 8601), created with the first label. By default ``labels.csv``
        in `galviz.io.paths.home`.

    Attributes
    ----------
    listeners : list of callable
        Called without arguments after each change by this instance.

    Raises
    ------
    ValueError
        If the file exists but is not such a CSV.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        self.path = home() / "labels.csv" if path is None else Path(path)
        self._rows: dict[str, tuple[str, str]] = {}
        self._stamp: tuple[int, int] | None = None
        self._past: list[tuple[str, tuple[str, str] | None]] = []
        self.listeners: list[Callable[[], None]] = []
        self._refresh()

    @property
    def place(self) -> str:
        """The file, to be named on a page: without the folders of the server."""
        return f"{self.path.name} in GALVIZ_HOME" if self.path.parent == home() else self.path.name

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, object_id: str) -> str:
        return self._rows[object_id][0]

    def get(self, object_id: str, default: str = "") -> str:
        """Return the label of an object, or `default` if it has none."""
        return self._rows.get(object_id, (default,))[0]

    def to_dict(self) -> dict[str, str]:
        """Return all labels by `object_id`."""
        return {object_id: label for object_id, (label, _) in self._rows.items()}

    def set(self, object_id: str, label: str) -> None:
        """Label an object, replacing an older label; an empty label removes it."""
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._past.append((object_id, self._write(object_id, (label, now) if label else None)))
        self._notify()

    def undo(self) -> str | None:
        """Undo the last `set` and return its object; None if there is nothing to undo."""
        if not self._past:
            return None
        object_id, before = self._past.pop()
        self._write(object_id, before)
        self._notify()
        return object_id

    def _notify(self) -> None:
        for listen in self.listeners:
            listen()

    def _write(self, object_id: str, row: tuple[str, str] | None) -> tuple[str, str] | None:
        """Write a row to the file, and return the previous one."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.path.with_name(f".{self.path.name}.lock")):
            self._refresh()
            before = self._rows.pop(object_id, None)
            if row is not None:
                self._rows[object_id] = row
            with write_aside(self.path) as aside, aside.open("w", newline="", encoding="utf-8") as out:
                lines = csv.writer(out)
                lines.writerow(COLUMNS)
                lines.writerows((key, *value) for key, value in self._rows.items())
            self._stamp = self._file_stamp()
        return before

    def _file_stamp(self) -> tuple[int, int] | None:
        if not self.path.exists():
            return None
        stat = self.path.stat()
        return stat.st_mtime_ns, stat.st_ino

    def _refresh(self) -> None:
        stamp = self._file_stamp()
        if stamp is None or stamp == self._stamp:
            return
        with self.path.open(newline="", encoding="utf-8") as lines:
            header, *rows = list(csv.reader(lines)) or [[]]
        if tuple(header) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
            raise ValueError(f"{self.path}: expected a CSV with the columns {', '.join(COLUMNS)}, got {header}.")
        self._rows = {object_id: (label, time) for object_id, label, time in rows}
        self._stamp = stamp
