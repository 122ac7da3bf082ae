"""A line for the devices of this host: trainings take their turns, first come, first served.

A place in the line is a file that names its process and the devices that it wants. It counts as long as the process
lives: nothing has to run for the line, and a process that was killed is stepped over.
"""

import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from galviz.io.files import read_json, write_json
from galviz.io.lock import is_alive, me


def folder() -> Path:
    """Give the folder of this host's line: in ``GALVIZ_QUEUE``, or of this user in the system's temporary folder.

    Within a job of SLURM the line is the job's own, as its devices are.

    Raises
    ------
    PermissionError
        If others than the user could write to the folder in the temporary folder.
    """
    asked = os.environ.get("GALVIZ_QUEUE")
    root = Path(asked) if asked else Path(tempfile.gettempdir()) / f"galviz-{os.getuid()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = root.lstat()
    if not asked and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise PermissionError(
            f"queue: expected a folder that nobody else can enter, got {root}. "
            "Remove it, or name another in GALVIZ_QUEUE."
        )
    job = os.environ.get("SLURM_JOB_ID")
    line = root / (f"{platform.node()}-job-{job}" if job else platform.node())
    line.mkdir(exist_ok=True)
    return line


def is_empty() -> bool:
    """Say whether nobody is in line, for whatever device."""
    return not _places(folder())


@contextmanager
def in_line(name: str, devices: Sequence[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Hold a place in line while the block runs, and give it up at its end.

    Who wants several devices holds one place for all of them, so that no two ever wait for each other.

    Parameters
    ----------
    name : str
        What the others are told, who wait for it.
    devices : sequence of str
        ``"cpu"``, ``"cuda:0"``, ``"mps"``: as this process counts them.

    Yields
    ------
    callable
        Gives those who are ahead now and want one of the devices, the first first: dicts with ``name`` and ``pid``.
        The turn has come when there are none.
    """
    line, wanted = folder(), {_on_host(device) for device in devices}
    with FileLock(line / ".guard"):
        places = _places(line)
        for gone in set(line.glob("*.json")) - places.keys():
            gone.unlink(missing_ok=True)
        number = 1 + max((place["number"] for place in places.values()), default=0)
        mine = line / f"{number:09d}-{os.getpid()}.json"
        write_json(mine, me() | {"number": number, "name": name, "devices": sorted(wanted)})

    def ahead() -> list[dict[str, Any]]:
        return [
            place for place in _places(line).values() if place["number"] < number and wanted & set(place["devices"])
        ]

    try:
        yield ahead
    finally:
        mine.unlink(missing_ok=True)


def _places(line: Path) -> dict[Path, dict[str, Any]]:
    """Read the places whose processes live, the first first."""
    places = {file: _place(file) for file in sorted(line.glob("*.json"))}
    return {file: place for file, place in places.items() if is_alive(place)}


def _place(file: Path) -> dict[str, Any]:
    try:
        return read_json(file)
    except (FileNotFoundError, ValueError):  # given up a moment ago, or torn when the machine went down
        return {}


def _on_host(device: str) -> str:
    """Name a device as every process of this host would: CUDA counts only those that a process may see."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    number = re.fullmatch(r"cuda:(\d+)", device)
    ids = [each.strip() for each in visible.split(",")] if visible else []
    if number is None or int(number[1]) >= len(ids):
        return device
    return f"cuda:{ids[int(number[1])]}"
