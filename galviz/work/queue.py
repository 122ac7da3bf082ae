"""A queue for the devices of this host: trainings run in turn, first come, first served.

A place in the queue is a file that names its process and the devices that it needs. It is valid as long as the process
is alive. So no server has to run for the queue, and a process that was killed does not block it.
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

from galviz.io.files import write_json
from galviz.io.lock import holder_of, is_alive, me


def folder() -> Path:
    """Return the folder of this host's queue: in ``GALVIZ_QUEUE``, or in a folder of this user in the temporary folder.

    A SLURM job has its own queue, because it has its own devices.

    Raises
    ------
    PermissionError
        If other users can enter the folder in the temporary folder.
    """
    named = os.environ.get("GALVIZ_QUEUE")
    root = Path(named) if named else Path(tempfile.gettempdir()) / f"galviz-{os.getuid()}"
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Anyone can create a folder of this name in the temporary folder first, or a link. lstat does not follow a link,
    # which therefore has the wrong owner or mode and is refused.
    found = root.lstat()
    if not named and (found.st_uid != os.getuid() or found.st_mode & 0o077):
        raise PermissionError(
            f"queue: expected a folder that nobody else can enter, got {root}. "
            "Remove it, or name another in GALVIZ_QUEUE."
        )
    job = os.environ.get("SLURM_JOB_ID")
    # A name of its own per host: a temporary folder may be shared by several machines, whose pids mean nothing here.
    line = root / (f"{platform.node()}-job-{job}" if job else platform.node())
    line.mkdir(exist_ok=True)
    return line


def is_empty() -> bool:
    """Return whether no process waits for any device."""
    return not _places(folder())


@contextmanager
def in_line(name: str, devices: Sequence[str]) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Hold a place in the queue while the block runs.

    A process that needs several devices holds one place for all of them. With one place per device, two processes
    could wait for each other forever.

    Parameters
    ----------
    name : str
        Name that is shown to those who wait behind.
    devices : sequence of str
        ``"cpu"``, ``"cuda:0"``, ``"mps"``, as this process numbers them.

    Yields
    ------
    callable
        Returns the places that are ahead and need one of the same devices, in order: dicts with ``name`` and ``pid``.
        It is this process's turn when the list is empty.
    """
    line, wanted = folder(), {_on_host(device) for device in devices}
    with FileLock(line / ".guard"):  # so that no two processes draw the same number
        places = _places(line)
        # Places of dead processes are removed only here, where the guard is held; elsewhere they are skipped.
        for gone in set(line.glob("*.json")) - places.keys():
            gone.unlink(missing_ok=True)
        # The number follows from the living places: a counter in a file of its own could be lost.
        number = 1 + max((place["number"] for place in places.values()), default=0)
        mine = line / f"{number:09d}-{os.getpid()}.json"
        write_json(mine, me() | {"number": number, "name": name, "devices": sorted(wanted)})

    def ahead() -> list[dict[str, Any]]:
        return [
            # Two trainings on two devices never wait for each other.
            place
            for place in _places(line).values()
            if place["number"] < number and wanted & set(place["devices"])
        ]

    try:
        yield ahead
    finally:
        mine.unlink(missing_ok=True)  # it is missing where someone cleared the folder: the turn is over anyway


def _places(line: Path) -> dict[Path, dict[str, Any]]:
    """Return the places of living processes, first come first: file names begin with the number of the place."""
    places = {file: holder_of(file) for file in sorted(line.glob("*.json"))}
    return {file: place for file, place in places.items() if is_alive(place)}


def _on_host(device: str) -> str:
    """Return a name of a device that is the same in all processes of this host.

    CUDA numbers only the devices that a process may see: with ``CUDA_VISIBLE_DEVICES=3``, its ``"cuda:0"`` is
    ``"cuda:3"`` for others.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    number = re.fullmatch(r"cuda:(\d+)", device)
    ids = [each.strip() for each in visible.split(",")] if visible else []
    if number is None or int(number[1]) >= len(ids):
        return device
    return f"cuda:{ids[int(number[1])]}"
