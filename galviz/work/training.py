"""Everything around a training on the command line: its claim on the run, the queue, signals, progress, failures."""

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
from galviz.runs.headline import headline
from galviz.runs.run import ACTIVE, Run
from galviz.work.processes import Update, follow
from galviz.work.queue import in_line, is_empty

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_POLL_S = 0.5  # seconds between two polls of the queue and of a request to stop


def follows() -> bool:
    """Return whether this is a secondary process of a parallel training. Only the first process writes to the run."""
    return rank() > 0


def when_made(path: str | Path, patience_s: float = 120.0) -> Run:
    """Wait until another process has created a run, and open it."""
    deadline = time.monotonic() + patience_s
    while not (Path(path) / "run.json").exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    return Run.open(path)


def claim(run: Run) -> None:
    """Claim a run for this process before torch is loaded, which takes seconds.

    Raises
    ------
    RuntimeError
        If another process trains it or is about to. The message names host and process.
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
            run.clear_stop()  # older than this process: it was meant for an earlier one
        for part in run.path.glob(".*.part"):
            part.unlink()  # an unfinished file of a killed process
        run.write_state(status="waiting", message="Loading.")


def device_names(devices: str | int | None) -> list[str]:
    """Return the devices that a training uses: ``"cpu"``, ``"cuda:0"``, ``"mps"``.

    Parameters
    ----------
    devices : str, int or None
        As in `galviz.nn.training.fit.fit`.
    """
    if isinstance(devices, str) and devices != "auto":
        return ["cuda:0" if devices == "cuda" else devices]
    if is_empty():
        found = accelerators()
    else:  # in a child process, so that this one does not hold torch in memory while it waits
        code = "from galviz.work.training import accelerators; print(*accelerators())"
        found = subprocess.check_output([sys.executable, "-c", code], text=True, start_new_session=True).split()
    return found[: devices if isinstance(devices, int) else 1] or ["cpu"]


def accelerators() -> list[str]:
    """Return the devices of torch other than the CPU, best first. Nothing is allocated on them."""
    import torch

    return [f"cuda:{k}" for k in range(torch.cuda.device_count())] or ["mps"] * torch.backends.mps.is_available()


@contextmanager
def turn(run: Run, devices: str | int | None, *, wait: bool = True) -> Iterator[bool]:
    """Wait in the queue for the devices, and hold them while the block runs.

    The command line does this for its trainings. A call of `galviz.nn.training.fit.fit`, or of the `train` of a study,
    from Python trains at once; the caller decides what runs beside it.

    Parameters
    ----------
    run : Run
        Its state shows what it waits for.
    devices : str, int or None
        As in `galviz.nn.training.fit.fit`.
    wait : bool
        If False, start at once. Trainings that come later still wait for this one.

    Yields
    ------
    bool
        True if it is this run's turn. False if a stop was requested while it waited; the run is then stopped.
    """
    names = device_names(devices)
    with in_line(run.name, names) as ahead:
        yield not wait or _wait_for_turn(run, names, ahead)


def _wait_for_turn(run: Run, names: list[str], ahead: Callable[[], list[dict[str, Any]]]) -> bool:
    """Wait until no training is ahead and return True, or return False if a stop was requested meanwhile."""
    last = ""
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
            if message != last:
                print(f"galviz train: {message}", file=sys.stderr, flush=True)
            last = message
            time.sleep(_POLL_S)
        if last:
            run.write_state(message="Loading.")
    return True


@contextmanager
def failure_noted(run: Run) -> Iterator[None]:
    """Record an error of the block in the run: a line in its state, and the traceback in its log."""
    try:
        yield
    except Exception as error:
        with suppress(OSError), (run.path / "log.txt").open("a", encoding="utf-8") as log:
            log.write(traceback.format_exc())
        reported = _if_disk_is_full(error, run)
        with suppress(OSError, RuntimeError), run.writer():  # RuntimeError: another process holds the run
            run.write_state(status="failed", message=str(reported))
        if reported is error:
            raise
        raise reported from error


@contextmanager
def stop_on_signals(run: Run) -> Iterator[None]:
    """Turn Ctrl-C and SIGTERM into a request to stop. A second Ctrl-C interrupts at once."""
    signals = []

    def request_stop(signum: int, _: Any) -> None:
        if signals and signum == signal.SIGINT:
            raise KeyboardInterrupt
        signals.append(signum)
        run.request_stop()
        os.write(2, b"galviz train: stopping, after this step at the latest; Ctrl-C again breaks off\n")

    old = {number: signal.signal(number, request_stop) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def shown(run: Run) -> Iterator[None]:
    """Show the progress of the training on stderr, read from its folder: a bar in a terminal, lines in a log."""
    over = threading.Event()
    thread = threading.Thread(target=_draw if sys.stderr.isatty() else _print, args=(run, over), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _if_disk_is_full(error: Exception, run: Run) -> Exception:
    """Return the error, or a clearer one if the disk is full, because torch does not report that."""
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    if not full and shutil.disk_usage(run.path).free > 2**20:
        return error
    return OSError(f"{run.path}: expected room on the disk, got none left. Free some space, and go on with --resume.")


def summary(run: Run) -> str:
    """Return the progress of a run as one line: its status, its epoch, and its result as pages show it."""
    update, found = next(follow(run.path)), headline(run)
    epoch = [_epoch(update)] if len(update.rows) else []
    seconds = [f"{update.rows.iloc[-1]['seconds']:.0f} s"] if len(update.rows) else []
    return ", ".join([update.state["status"], *epoch, *([str(found)] if found else []), *seconds])


def _draw(run: Run, over: threading.Event) -> None:
    """Draw a progress bar over the steps, with the last metrics beside it."""
    with tqdm(desc="training", unit=" steps", dynamic_ncols=True) as bar:
        for update in _updates(run, over, 0.3):
            bar.total, bar.n = update.state.get("steps"), update.state.get("step", 0)
            if len(update.rows):
                bar.set_postfix_str(_line(update), refresh=False)
            bar.refresh()


def _print(run: Run, over: threading.Event) -> None:
    """Print one line per epoch, for a log file or a terminal without a progress bar."""
    for update in _updates(run, over, 1.0):
        for row in range(0 if update.restarted else len(update.rows)):
            print(_line(update, row), file=sys.stderr, flush=True)


def _updates(run: Run, over: threading.Event, every: float) -> Iterator[Update]:
    """Poll the run every `every` seconds, and once more when the training is over."""
    updates = follow(run.path)
    next(updates)  # skip the metrics of earlier processes
    last = False
    while not last:
        last = over.wait(every)
        yield next(updates)


def _line(update: Update, row: int = -1) -> str:
    values = update.rows.iloc[row].to_dict()
    shown = [
        f"{name.replace('train_', 'training ').replace('val_', 'held-out ')} {value:.4g}"
        for name, value in values.items()
        if "loss" in name or name.startswith("val_")
    ]
    return ", ".join([_epoch(update, row), *shown, f"{values['seconds']:.0f} s"])


def _epoch(update: Update, row: int = -1) -> str:
    epochs = f"/{update.state['epochs']}" if "epochs" in update.state else ""
    return f"epoch {update.rows.iloc[row]['epoch']:.0f}{epochs}"
