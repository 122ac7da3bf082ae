"""Lock files that name their holder and can be taken over when the holder is gone.

A lock is a JSON file with host, pid and heartbeat. It tells others who holds it, also on other hosts that share the
disk. A process that crashes leaves its file behind; the next one sees from the record that the holder is gone and takes
over, so nobody has to clean up.

filelock guards each change of such a file. Its own locks cannot replace the file: FileLock names no holder and needs
flock, which many cluster disks lack; SoftFileLock never takes over from another host; SoftFileLease waits a full lease
before it does.
"""

import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock

from galviz.io.files import read_json, write_json

STALE_S = 60.0  # a process on another host counts as gone after this time without a heartbeat


def me() -> dict[str, Any]:
    """Return a record of this process: host, pid, and the current time as heartbeat (seconds since 1970)."""
    return {"host": platform.node(), "pid": os.getpid(), "heartbeat": time.time()}


def rank() -> int:
    """Return the rank of this process in a parallel training; 0 if it is the first or the only one."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # set by torchrun, Lightning's launcher and SLURM
    return int(next((os.environ[name] for name in names if name in os.environ), 0))


def is_alive(holder: dict[str, Any]) -> bool:
    """Return whether the process of a record from `me` is alive.

    On this host the pid decides, on another host the age of the heartbeat.
    """
    # A pid says nothing about a process on another host.
    if holder.get("host") != platform.node():
        return time.time() - holder.get("heartbeat", 0) < STALE_S
    try:
        process = psutil.Process(holder["pid"])
        # Pids are reused. A process that started after the heartbeat (with 2 s of tolerance) cannot have written it.
        given_anew = process.create_time() > holder["heartbeat"] + 2
        # A zombie keeps its pid until its parent has read how it ended, but it writes nothing any more.
        return process.status() != psutil.STATUS_ZOMBIE and not given_anew
    except (psutil.NoSuchProcess, KeyError, OverflowError, ValueError):  # the last two: a damaged record
        return False


def holder_of(lock: Path) -> dict[str, Any]:
    """Return the record in a lock file. It is empty, as of a process that is gone, if the file is missing or damaged.

    A file is missing if its holder removed it a moment ago, and damaged if the machine went down.
    """
    try:
        return read_json(lock)
    except (FileNotFoundError, ValueError):
        return {}


@contextmanager
def one_holder(lock: Path) -> Iterator[None]:
    """Hold `lock` while the block runs.

    Parameters
    ----------
    lock : Path
        The lock file. It names the holder.

    Raises
    ------
    RuntimeError
        If a living process holds it. The message names host and process.
    """
    # The guard makes "check, then write" one step. Without it, two processes could both find a dead holder and both
    # take over. It is held for a moment only, not during the block.
    with FileLock(lock.with_name(f".{lock.name}.guard")):
        holder = holder_of(lock)
        if is_alive(holder):
            raise RuntimeError(
                f"run: expected a run that nobody writes, got {lock.parent}, in use by process {holder['pid']} "
                f"on {holder['host']}. Stop that one first."
            )
        write_json(lock, me())
    try:
        yield
    finally:
        # Remove the lock only if it is still ours.
        holder = holder_of(lock)  # another host may have taken over, if this process was stopped for a minute
        if (holder.get("host"), holder.get("pid")) == (platform.node(), os.getpid()):
            lock.unlink(missing_ok=True)
