"""A process that makes a sky: started, polled, and found again by its name."""

import re
from collections.abc import Sequence
from pathlib import Path

import param

from galviz.io.paths import home
from galviz.pages.library import Library
from galviz.runs.run import Run
from galviz.tools.toasts import toast
from galviz.work import processes as jobs


class SkyJob(param.Parameterized):
    """Make a sky in a separate process.

    Parameters
    ----------
    library : Library
        The sky is made in its first own folder.
    """

    percent = param.Integer(default=0, bounds=(-1, 100), doc="percentage that is made; -1 if unknown")
    making = param.String(default="", doc="name of the sky that is being made")
    ready = param.String(default="", doc="name of the sky that was made last")
    result = param.String(default="", doc="result or error of the last request")

    def __init__(self, library: Library, **params: object) -> None:
        super().__init__(**params)
        self.library = library

    def start(self, command: Sequence[str], name: str) -> None:
        """Run ``galviz COMMAND --out SKY``.

        Raises
        ------
        ValueError
            If the name is not a plain folder name, or is taken.
        """
        path = self.library.new_sky(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        jobs.start([*command, "--out", str(path)], self._log_folder(path.name))
        self.param.update(making=path.name, ready="", percent=-1, result="Working …")

    def poll(self) -> None:
        """Poll the process, and update the progress."""
        if not self.making:
            return
        folder, name = self._log_folder(self.making), self.making
        log = Run(folder).log(tail=20)
        if jobs.is_alive(folder):
            self.percent = percent_of(log)
        elif (self.library.sky_folders[-1] / name / "galviz.json").exists():
            self.param.update(making="", ready=name, percent=100, result=f"{name} is ready.")
            toast(self.result)
        else:
            self.param.update(making="", percent=0, result=log.rpartition("\n")[2])
            toast(self.result or f"{name} could not be made.", bad=True)

    @staticmethod
    def _log_folder(name: str) -> Path:
        return home() / "jobs" / f"sky-{name}"


def percent_of(log: str) -> int:
    """Return the percentage that the last ``n/m`` in a log stands for; -1 if there is none."""
    # A line that starts with $ is the command: a path in it, such as 2024/05, looks like a progress.
    lines = [line for line in log.splitlines() if not line.startswith("$")]
    found = [(int(n), int(m)) for n, m in re.findall(r"(\d+)/(\d+)", "\n".join(lines))]
    done, of = next((pair for pair in reversed(found) if pair[1]), (-1, 100))
    return min(100 * done // of, 100)
