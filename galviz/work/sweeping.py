"""Run a sweep: start its trainings as processes, one after another on each device."""

import time
from collections.abc import Callable, Sequence

from galviz.io.files import write_json
from galviz.io.lock import me, one_holder
from galviz.work import processes as jobs
from galviz.work.sweep import Sweep

_POLL_S = 0.5


def work_off(
    sweep: Sweep, devices: Sequence[str] = ("auto",), report: Callable[[str], None] = print, poll_s: float = _POLL_S
) -> list[str]:
    """Run all trainings of a sweep that are not done, each as its own process, one at a time per device.

    A stopped training continues from its checkpoint. If another process still trains one, this waits for it. A file
    ``stop`` in the folder ends the sweep after the current step of each running training.

    Parameters
    ----------
    sweep : Sweep
    devices : sequence of str
        ``"auto"``, ``"cpu"``, ``"cuda:0"``, … If a device is listed several times, that many trainings share it, and
        they do not wait in its queue.
    report : callable
        Called with a text when a training begins or ends.
    poll_s : float
        Seconds between two polls.

    Returns
    -------
    list of str
        Names of the trainings that are still not done.

    Raises
    ------
    RuntimeError
        If another process is running the sweep.
    """
    stop, lock = sweep.path / "stop", sweep.path / "lock.json"
    with one_holder(lock):
        stop.unlink(missing_ok=True)
        busy: dict[int, str] = dict(enumerate(sweep.going()))  # trainings of an earlier sweep process that is gone
        tried = set(busy.values())
        while True:
            for lane in [lane for lane, name in busy.items() if not jobs.is_alive(sweep.run_path(name))]:
                _ended(sweep, busy.pop(lane), report)
            ready = [] if stop.exists() else _ready(sweep, tried)
            for lane in [k for k in range(len(devices)) if k not in busy][: len(ready)]:
                busy[lane] = ready.pop(0)
                tried.add(busy[lane])
                _start(sweep, busy[lane], devices[lane], shared=devices.count(devices[lane]) > 1)
                report(f"{busy[lane]} begins" + (f" on {devices[lane]}" if devices[lane] != "auto" else ""))
            if stop.exists():
                for name in busy.values():
                    jobs.stop(sweep.run_path(name))
            if not busy:
                break
            write_json(lock, me())
            time.sleep(poll_s)
        stop.unlink(missing_ok=True)
    return [name for name in sweep.tasks if not sweep.is_done(name)]


def _ready(sweep: Sweep, tried: set[str]) -> list[str]:
    """Return the names of the trainings that can start: not tried, not done, and with their encoder trained."""
    return [
        name
        for name, task in sweep.tasks.items()
        if name not in tried and not sweep.is_done(name) and (not task.encoder or sweep.is_done(task.encoder))
    ]


def _start(sweep: Sweep, name: str, device: str, *, shared: bool) -> None:
    sweep.prepare(name)
    jobs.resume(sweep.run_path(name), "--devices", device, *(["--no-queue"] if shared else []))


def _ended(sweep: Sweep, name: str, report: Callable[[str], None]) -> None:
    done = sweep.is_done(name)
    if done:
        sweep.save_table()
    update = next(jobs.follow(sweep.run_path(name)))
    why = "" if done else f": {update.state['status']} {update.state.get('message', '')}".rstrip()
    report(f"{name}{why or ' done'} ({len(sweep.done())} of {len(sweep.tasks)})")
