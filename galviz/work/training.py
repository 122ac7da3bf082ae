"""What surrounds a training on the command line: one process a run, its turn, signals, progress, failures noted."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from tqdm import tqdm

from galviz.io.lock import rank
from galviz.runs.run import ACTIVE, Run
from galviz.work.processes import Update, follow
from galviz.work.queue import in_line, is_empty

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_LOOK_S = 0.5  # between two looks at the line, and at the wish to stop


def follows() -> bool:
    """Say whether this process only helps another one that trains, and so leaves the run to that one."""
    return rank() > 0


def when_made(path: str | Path, patience_s: float = 120.0) -> Run:
    """Open a run that another process is making."""
    deadline = time.monotonic() + patience_s
    while not (Path(path) / "run.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return Run.open(path)


def claim(run: Run) -> None:
    """Mark the run as this process's, before torch is loaded.

    Raises
    ------
    RuntimeError
        If another process works on it or is about to, naming host and process.
    """
    with run.writer():
        state = run.state()
        if state["status"] in ACTIVE and state["pid"] != os.getpid():
            raise RuntimeError(
                f"run: expected a run that nobody writes, got {run.path}, in use by process {state['pid']} "
                f"on {state['host']}. Stop that one first."
            )
        stop = run.path / "stop"
        if stop.exists() and stop.stat().st_mtime < psutil.Process().create_time():
            run.clear_stop()  # it was meant for a process that is gone
        for part in run.path.glob(".*.part"):
            part.unlink()  # what a killed process was writing
        run.write_state(status="waiting", message="Loading.")


def device_names(devices: str | int | None) -> list[str]:
    """Name the devices that a training takes: ``"cpu"``, ``"cuda:0"``, ``"mps"``.

    Parameters
    ----------
    devices : str, int or None
        As `galviz.nn.training.fit.fit` takes it.
    """
    if isinstance(devices, str) and devices != "auto":
        return ["cuda:0" if devices == "cuda" else devices]
    if is_empty():
        found = accelerators()
    else:  # in a child: while this process waits, it need not hold torch in memory
        code = "from galviz.work.training import accelerators; print(*accelerators())"
        found = subprocess.check_output([sys.executable, "-c", code], text=True, start_new_session=True).split()
    return found[: devices if isinstance(devices, int) else 1] or ["cpu"]


def accelerators() -> list[str]:
    """Ask torch for the devices besides the CPU, the best first; nothing is put on them."""
    import torch

    return [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["mps"] * torch.backends.mps.is_available()


@contextmanager
def turn(run: Run, devices: str | int | None, *, wait: bool = True) -> Iterator[bool]:
    """Wait in line for the devices, and let others wait for them while the block runs.

    The command line does so for its trainings. Who calls `galviz.nn.training.fit.fit`, or the `train` of a study, from
    Python trains at once, and decides alone what runs beside it.

    Parameters
    ----------
    run : Run
        Says in its state what it waits for.
    devices : str, int or None
        As `galviz.nn.training.fit.fit` takes it.
    wait : bool
        False to go on at once; who comes later waits all the same.

    Yields
    ------
    bool
        True where the turn has come, False where a stop was asked for before: the run is stopped then.
    """
    names = device_names(devices)
    with in_line(run.name, names) as ahead:
        yield not wait or _has_come(run, names, ahead)


def _has_come(run: Run, names: list[str], ahead: Callable[[], list[dict[str, Any]]]) -> bool:
    """Wait until nobody is ahead; False where a stop was asked for meanwhile."""
    said = ""
    with run.writer():
        while others := ahead():
            if run.stop_requested():
                run.write_state(status="stopped", message="")
                run.clear_stop()
                return False
            count = "1 training is ahead," if len(others) == 1 else f"{len(others)} trainings are ahead; the first is"
            message = f"Waits for {', '.join(names)}: {count} {others[0]['name']} (process {others[0]['pid']})."
            run.write_state(status="waiting", message=message, device=names[0])
            run.beat()
            if message != said:
                print(f"galviz train: {message}", file=sys.stderr, flush=True)
            said = message
            time.sleep(_LOOK_S)
        if said:
            run.write_state(message="Loading.")
    return True


@contextmanager
def failure_noted(run: Run) -> Iterator[None]:
    """Note what goes wrong in the block in the run: a line in its state, the traceback in its log."""
    try:
        yield
    except Exception as error:
        with suppress(OSError), (run.path / "log.txt").open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        said = _if_disk_is_full(error, run)
        with suppress(OSError, RuntimeError), run.writer():  # not where another process holds the run
            run.write_state(status="failed", message=str(said))
        if said is error:
            raise
        raise said from error


@contextmanager
def stop_on_signals(run: Run) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a request to stop; a second Ctrl-C breaks off."""
    asked = []

    def ask(signum: int, _: Any) -> None:
        if asked and signum == signal.SIGINT:
            raise KeyboardInterrupt
        asked.append(signum)
        run.request_stop()
        os.write(2, b"galviz train: stopping, after this step at the latest; Ctrl-C again breaks off\n")

    old = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def shown(run: Run) -> Iterator[None]:
    """Show on stderr how far the training is, by following its folder: a bar in a terminal, lines in a log."""
    over = threading.Event()
    thread = threading.Thread(target=_draw if sys.stderr.isatty() else _print, args=(run, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _if_disk_is_full(error: Exception, run: Run) -> Exception:
    """Give the error, or where the cause is a full disk (torch does not say so) one that says it."""
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if not full and shutil.disk_usage(run.path).free > 2**20:
        return error
    return OSError(f"{run.path}: expected room on the disk, got none left. Free some space, and go on with --resume.")


def summary(run: Run) -> str:
    """Say in a line how far a run is: its status, its epochs, and its last metrics."""
    update = next(follow(run.path))
    return f"{update.state['status']}, {_line(update)}" if len(update.rows) else update.state["status"]


def _draw(run: Run, over: threading.Event) -> None:
    """Move a bar over the steps, with the last metrics beside it."""
    with tqdm(desc="training", unit=" steps", dynamic_ncols=True) as bar:
        for update in _looks(run, over, 0.3):
            bar.total, bar.n = update.state.get("steps"), update.state.get("step", 0)
            if len(update.rows):
                bar.set_postfix_str(_line(update), refresh=False)
            bar.refresh()


def _print(run: Run, over: threading.Event) -> None:
    """Print a line an epoch."""
    for update in _looks(run, over, 1.0):
        for row in range(0 if update.restarted else len(update.rows)):
            print(_line(update, row), file=sys.stderr, flush=True)


def _looks(run: Run, over: threading.Event, every: float) -> Iterator[Update]:
    """Look at the run every few moments, and a last time when the training is over."""
    updates = follow(run.path)
    next(updates)  # what was there before is not news
    last = False
    while not last:
        last = over.wait(every)
        yield next(updates)


def _line(update: Update, row: int = -1) -> str:
    values = update.rows.iloc[row].to_dict()
    epochs = f"/{update.state['epochs']}" if "epochs" in update.state else ""
    shown = [f"{name} {value:.4g}" for name, value in values.items() if "loss" in name or name.startswith("val_")]
    return ", ".join([f"epoch {values['epoch']:.0f}{epochs}", *shown, f"{values['seconds']:.0f} s"])
