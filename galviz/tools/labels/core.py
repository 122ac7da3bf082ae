"""Labels assigned by hand, stored in a CSV file that is complete after every change."""

import csv
import hashlib
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from galviz.io.files import write_aside
from galviz.io.paths import distinct_names, file_name, home

COLUMNS = ("object_id", "label", "time")
_EARLIER = ("labels.csv", "mergers*.csv", "*-labels.csv")  # where galviz 0.1 kept labels of all skies together
_LONGEST = 60


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

    @classmethod
    def of(cls, sky: str | Path, target: str = "", words: Collection[str] = ()) -> "Labels":
        """Return the labels of a target in a sky: the same on all pages, for all its runs.

        Until the first of them is given, they are those that an earlier version kept in one file for all skies.

        Parameters
        ----------
        sky : str or Path
            Folder or file of the images; where there are none, of the table or the run. A `str` is only a name.
        target : str
            Name of the target; ``""`` for labels about the objects themselves, such as good and bad.
        words : collection of str
            The labels that the keys stand for. Of an earlier file, only these are taken.

        Returns
        -------
        Labels
            Kept in ``labels/SKY/TARGET.csv`` in `galviz.io.paths.home`.
        """
        name = Path(sky).name or "sky"
        if isinstance(sky, Path):  # many folders are called "images"
            name = f"{name[:_LONGEST]}-{hashlib.sha256(str(sky.resolve().parent).encode()).hexdigest()[:6]}"
        folder, file = (next(distinct_names([file_name(part)], _LONGEST + 20)) for part in (name, target or "objects"))
        labels = cls(home() / "labels" / folder / f"{file}.csv")
        if not labels.path.exists():
            for path in sorted(found for pattern in _EARLIER for found in home().glob(pattern)):
                with suppress(ValueError):  # another file of that name
                    labels._rows |= {of: row for of, row in _read(path).items() if row[0] in words}
        return labels

    @property
    def place(self) -> str:
        """The file, to be named on a page: without the folders of the server."""
        inside = self.path.is_relative_to(home())
        return f"{self.path.relative_to(home())} in GALVIZ_HOME" if inside else self.path.name

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
        self._rows = _read(self.path)
        self._stamp = stamp


def _read(path: Path) -> dict[str, tuple[str, str]]:
    """Return label and time of each object in a file."""
    with path.open(newline="", encoding="utf-8") as lines:
        header, *rows = list(csv.reader(lines)) or [[]]
    if tuple(header) != COLUMNS or any(len(row) != len(COLUMNS) for row in rows):
        raise ValueError(f"{path}: expected a CSV with the columns {', '.join(COLUMNS)}, got {header}.")
    return {object_id: (label, time) for object_id, label, time in rows}
