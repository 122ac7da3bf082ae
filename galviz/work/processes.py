"""Start, follow, stop and resume a training: a process in a session of its own, known to all by its run folder."""

import json
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from galviz.io.files import room_on
from galviz.runs.run import ACTIVE, Run

_GALVIZ = (sys.executable, "-u", "-m", "galviz")
_started: dict[Path, tuple[subprocess.Popen, float]] = {}  # what this process started, and when


class Update(NamedTuple):
    """What `follow` sees of a run at one moment.

    Parameters
    ----------
    state : dict
        As `Run.state` gives it. Of a process started here that has written no state yet: ``status`` waiting, or failed
        where it has ended, with the last line of its log as ``message``.
    rows : pandas.DataFrame
        The lines of ``metrics.csv`` that are new since the last look.
    restarted : bool
        True where lines seen before are gone, as after a resume from a checkpoint: `rows` then holds all lines.
    """

    state: dict[str, Any]
    rows: pd.DataFrame
    restarted: bool


def start(command: Sequence[str], run: str | Path) -> int:
    """Start ``galviz`` as a process that outlives this one; what it prints is added to the run's ``log.txt``.

    Parameters
    ----------
    command : sequence of str
        Arguments of the command line: ``["train", "richness", "--data", …, "--out", str(run)]``.
    run : str or Path
        The run folder that the command writes to, made if it is not there.

    Returns
    -------
    int
        The process id.

    Raises
    ------
    RuntimeError
        If a process is at work on the run.
    OSError
        If the disk is full.
    """
    folder = Path(run).resolve()
    if is_alive(folder):
        raise RuntimeError(
            f"run: expected a run that nobody writes, got {folder}, which is in use. Stop that one first."
        )
    with room_on(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"$ galviz {shlex.join(command)}\n")
            log.flush()
            now = time.time()
            process = subprocess.Popen(
                [*_GALVIZ, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    _started[folder] = (process, now)
    threading.Thread(target=process.wait, daemon=True).start()  # so that it leaves no zombie
    return process.pid


def resume(run: str | Path, *options: str) -> int:
    """Go on with a training from its last checkpoint, in a new process.

    Parameters
    ----------
    run : str or Path
        A run folder.
    *options : str
        Further arguments of ``galviz train``: ``"--devices", "cuda:0"``.

    Returns
    -------
    int
        The process id.

    Raises
    ------
    FileNotFoundError
        If the folder holds no whole run.
    RuntimeError
        If a process is at work on it.
    """
    folder = Path(run).resolve()
    return start(["train", Run.open(folder).info["study"], "--out", str(folder), "--resume", *options], folder)


def stop(run: str | Path) -> None:
    """Ask the training to stop after its current step, or at once where it waits in line, on whatever host it is.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    """
    Run(Path(run)).request_stop()


def remove(run: str | Path) -> None:
    """Remove a run that ended without predictions, folder and all.

    Raises
    ------
    FileNotFoundError
        If the folder holds no whole run.
    RuntimeError
        If it is going on, or has predictions.
    """
    folder = Run.open(run).path
    done = (folder / "predictions.parquet").exists()
    if done or is_alive(folder):
        what = "has predictions" if done else "is in use"
        raise RuntimeError(f"run: expected one that ended without predictions, got {folder}, which {what}. Keep it.")
    shutil.rmtree(folder)


def is_alive(run: str | Path) -> bool:
    """Say whether a process is at work on the run, or was started here and is about to be."""
    return _state(Path(run).resolve())["status"] in ACTIVE


def follow(run: str | Path) -> Iterator[Update]:
    """Look at a run again and again. Each ``next`` reads the folder once and returns at once; it never ends by itself.

    Parameters
    ----------
    run : str or Path
        A run folder, which may still be in the making.

    Yields
    ------
    Update
        State, new lines of the metrics, and whether lines seen before are gone.
    """
    folder = Path(run).resolve()
    seen = pd.DataFrame()
    while True:
        state, rows = _state(folder), Run(folder).metrics()
        restarted = not rows.iloc[: len(seen)].equals(seen) if len(seen) else False
        yield Update(state, rows if restarted else rows.iloc[len(seen) :], restarted)
        seen = rows


def devices() -> list[dict[str, Any]]:
    """List what can train on this host, as a child process sees it: torch is not loaded here.

    Returns
    -------
    list of dict
        ``device`` (``"cpu"``, ``"cuda:0"``, ``"mps"``), ``name``, ``memory_mb`` and ``free_mb`` (MiB). Found once in
        a process: that takes seconds.

    Raises
    ------
    RuntimeError
        If the child fails, with the last line that it wrote.
    """
    return [dict(device) for device in _devices()]


@cache
def _devices() -> tuple[dict[str, Any], ...]:
    done = subprocess.run([*_GALVIZ, "devices", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["nothing"]
        raise RuntimeError(f"devices: expected `galviz devices` to list them, got {said[-1]!r}. Run it in a terminal.")
    return tuple(json.loads(done.stdout))


def _state(folder: Path) -> dict[str, Any]:
    """Read the state; of a process started here that has not written any, say whether it is about to, or why not."""
    state = Run(folder).state() if (folder / "state.json").exists() else {"status": "created"}
    process, since = _started.get(folder, (None, 0.0))
    if process is None or state.get("heartbeat", 0.0) >= since:
        return state
    if process.poll() is None:
        return state | {"status": "waiting", "message": "Starting."}
    if process.returncode == 0:
        return state
    said = Run(folder).log(tail=1)
    ended = f"The process ended with exit code {process.returncode}."
    return state | {"status": "failed", "message": ended if said.startswith("$ galviz") else said}
