"""Start, follow, stop and resume training processes.

A training is a process in its own session, so it survives the page or notebook that started it. Everybody finds it
through its run folder.
"""

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
_started: dict[Path, tuple[subprocess.Popen, float]] = {}  # processes started here, and their start times


class Update(NamedTuple):
    """Progress of a run at one poll of `follow`.

    Parameters
    ----------
    state : dict
        As returned by `Run.state`. If a process was started here and has written no state yet, ``status`` is waiting,
        or failed if it has ended, with the last line of its log as ``message``.
    rows : pandas.DataFrame
        Lines of ``metrics.csv`` that are new since the last poll.
    restarted : bool
        True if earlier lines have disappeared, as after a resume from a checkpoint. `rows` then holds all lines.
    """

    state: dict[str, Any]
    rows: pd.DataFrame
    restarted: bool


def start(command: Sequence[str], run: str | Path) -> int:
    """Start ``galviz`` as a process that outlives this one. Its output is appended to the run's ``log.txt``.

    Parameters
    ----------
    command : sequence of str
        Arguments of the command line: ``["train", "richness", "--data", …, "--out", str(run)]``.
    run : str or Path
        The run folder that the command writes to. It is created if necessary.

    Returns
    -------
    int
        The process id.

    Raises
    ------
    RuntimeError
        If a process is training the run.
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
    threading.Thread(target=process.wait, daemon=True).start()  # reaps the process, or it would be a zombie
    return process.pid


def resume(run: str | Path, *options: str) -> int:
    """Continue a training from its last checkpoint, in a new process.

    Parameters
    ----------
    run : str or Path
        A run folder.
    *options : str
        More arguments of ``galviz train``: ``"--devices", "cuda:0"``.

    Returns
    -------
    int
        The process id.

    Raises
    ------
    FileNotFoundError
        If the folder holds no complete run.
    RuntimeError
        If a process is training it.
    """
    folder = Path(run).resolve()
    return start(["train", Run.open(folder).info["study"], "--out", str(folder), "--resume", *options], folder)


def stop(run: str | Path) -> None:
    """Request that a training stops after its current step, or at once if it waits in the queue. Works on any host.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    Run(Path(run)).request_stop()


def end(run: str | Path) -> None:
    """End a process that was started here, at once, if it is still going. A training is better stopped by `stop`."""
    process, _ = _started.get(Path(run).resolve(), (None, 0.0))
    if process is not None:
        process.terminate()


def remove(run: str | Path) -> None:
    """Remove the folder of a run that ended without predictions.

    Raises
    ------
    FileNotFoundError
        If the folder holds no complete run.
    RuntimeError
        If the run is still training, or has predictions.
    """
    folder = Run.open(run).path
    done = (folder / "predictions.parquet").exists()
    if done or is_alive(folder):
        what = "has predictions" if done else "is in use"
        raise RuntimeError(f"run: expected one that ended without predictions, got {folder}, which {what}. Keep it.")
    shutil.rmtree(folder)


def is_alive(run: str | Path) -> bool:
    """Return whether a process is training the run, or was started here and is about to."""
    return _state(Path(run).resolve())["status"] in ACTIVE


def follow(run: str | Path) -> Iterator[Update]:
    """Poll the progress of a run. Each ``next`` reads the folder once and returns at once; the iterator never ends.

    Parameters
    ----------
    run : str or Path
        A run folder. It may still be incomplete.

    Yields
    ------
    Update
        The state, new lines of the metrics, and whether earlier lines have disappeared.
    """
    folder = Path(run).resolve()
    before = pd.DataFrame()
    while True:
        state, rows = _state(folder), Run(folder).metrics()
        restarted = not rows.iloc[: len(before)].equals(before) if len(before) else False
        yield Update(state, rows if restarted else rows.iloc[len(before) :], restarted)
        before = rows


def devices() -> list[dict[str, Any]]:
    """Return the devices of this host that can train. A child process finds them, so torch is not loaded here.

    Returns
    -------
    list of dict
        ``device`` (``"cpu"``, ``"cuda:0"``, ``"mps"``), ``name``, ``memory_mb`` and ``free_mb`` (MiB). The first call
        takes seconds; the result is cached.

    Raises
    ------
    RuntimeError
        If the child process fails. The message has its last line of output.
    """
    return [dict(device) for device in _devices()]


@cache
def _devices() -> tuple[dict[str, Any], ...]:
    done = subprocess.run([*_GALVIZ, "devices", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["nothing"]
        raise RuntimeError(f"devices: expected `galviz devices` to list them, got {lines[-1]!r}. Run it in a terminal.")
    return tuple(json.loads(done.stdout))


def _state(folder: Path) -> dict[str, Any]:
    """Return the state of a run, also while a process that was started here has not written its own state yet.

    Between its start and its first heartbeat the folder still shows the old state. Then the process itself tells
    whether it is about to write or has failed.
    """
    state = Run(folder).state() if (folder / "state.json").exists() else {"status": "created"}
    process, since = _started.get(folder, (None, 0.0))
    if process is None or state.get("heartbeat", 0.0) >= since:
        return state
    if process.poll() is None:
        return state | {"status": "waiting", "message": "Starting."}
    if process.returncode == 0:
        return state
    last = Run(folder).log(tail=1)
    ended = f"The process ended with exit code {process.returncode}."
    return state | {"status": "failed", "message": ended if last.startswith("$ galviz") else last}
