"""One process at a time: a lock file that names its holder, and is taken over when the holder is gone."""

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

STALE_S = 60.0  # on another host, a heartbeat older than this belongs to a process that is gone


def me() -> dict[str, Any]:
    """Name this process: host, pid, and the heartbeat of now (seconds since 1970)."""
    return {"host": platform.node(), "pid": os.getpid(), "heartbeat": time.time()}


def rank() -> int:
    """Give the number of this process among those that train together, 0 where it is the only one or the first."""
    names = ("RANK", "LOCAL_RANK", "SLURM_PROCID")  # as torchrun, Lightning's own launcher and SLURM set them
    return int(next((os.environ[name] for name in names if name in os.environ), 0))


def is_alive(holder: dict[str, Any]) -> bool:
    """Say whether the process that `me` named lives: by its pid on this host, by its heartbeat on another."""
    if holder.get("host") != platform.node():
        return time.time() - holder.get("heartbeat", 0) < STALE_S
    try:
        process = psutil.Process(holder["pid"])
        given_anew = process.create_time() > holder["heartbeat"] + 2  # the pid belongs to a younger process now
        return process.status() != psutil.STATUS_ZOMBIE and not given_anew
    except (psutil.NoSuchProcess, KeyError, OverflowError):  # a damaged record names no process
        return False


@contextmanager
def one_holder(lock: Path) -> Iterator[None]:
    """Hold `lock` while the block runs.

    Parameters
    ----------
    lock : Path
        The file that names the holder.

    Raises
    ------
    RuntimeError
        If a process that is alive holds it, naming host and process.
    """
    with FileLock(lock.with_name(f".{lock.name}.guard")):
        holder = read_json(lock) if lock.exists() else None
        if holder is not None and is_alive(holder):
            raise RuntimeError(
                f"run: expected a run that nobody writes, got {lock.parent}, in use by process {holder['pid']} "
                f"on {holder['host']}. Stop that one first."
            )
        write_json(lock, me())
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
