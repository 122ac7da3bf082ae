"""Run folders: settings, progress, weights and predictions of one trained network.

All state is in files, so that a page, a notebook and the training process can share a run without talking to each
other. Only the process that holds `Run.writer` trains into a run; a request to stop is a file as well.
"""

import csv
import io
import platform
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from galviz.io.files import read_json, room_on, write_aside, write_json
from galviz.io.lock import is_alive, me, one_holder
from galviz.io.paths import refuse_links_out
from galviz.io.records import check_fields
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.versions import VERSION, migrated
from galviz.tasks.target import Target

ACTIVE = ("waiting", "running")
_INFO = {
    "study": str, "data": str, "created": float, "fingerprint": str, "encoder": str | None,
    "target": Mapping[str, Any], "recipe": Mapping[str, Any], "build": Mapping[str, Any], "objects": Mapping[str, int],
}  # fmt: skip
_STATE = {
    "status": Literal["created", "waiting", "running", "stopped", "done", "failed"],
    "host": str, "pid": int, "heartbeat": float, "message": str, "device": str, "memory_mb": float | None,
    "load": float | None, "epoch": int, "epochs": int, "step": int, "steps": int, "eta_s": float | None,
}  # fmt: skip
_BUILD = {"bands": tuple[str, ...], "size": int}
_PACKAGES = ("galviz", "torch", "torchvision", "lightning", "numpy", "pandas", "astropy", "galsim")


class Run:
    """A run folder. Any process may open it; only the one that holds `writer` trains into it.

    Parameters
    ----------
    path : Path
        A folder made by `create`. Use `open` instead, which checks it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"<Run {self.path.name}: {self.state()['status']}>"

    @classmethod
    def create(
        cls, path: str | Path, *, study: str, target: Target, recipe: Recipe, data: str | Path, **more: Any
    ) -> Self:
        """Create a new run folder.

        Parameters
        ----------
        path : str or Path
            A folder that holds no run yet. It may exist and hold a log.
        study : str
            Name of a module in `galviz.studies`.
        target : Target
        recipe : Recipe
        data : str or Path
            The sky that the network is trained on.
        **more
            More JSON values for ``run.json``: fingerprint of the data, encoder, …

        Returns
        -------
        Run

        Raises
        ------
        FileExistsError
            If the folder already holds a run.
        """
        run = cls(Path(path))
        run.path.mkdir(parents=True, exist_ok=True)
        if (run.path / "run.json").exists():
            raise FileExistsError(f"out: expected a new folder, got {path}, which holds a run. Resume it, or move it.")
        info = {
            "version": VERSION,
            "study": study,
            "target": target.to_json(),
            "recipe": recipe.to_json(),
            "data": str(Path(data).resolve()),
            "created": time.time(),
            "versions": {"python": platform.python_version(), **_versions()},
        }
        run.write_state(status="created")
        write_json(run.path / "run.json", info | more)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a run folder.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist, or ``run.json`` or ``state.json`` is missing.
        ValueError
            If ``run.json`` or ``state.json`` is damaged, a newer galviz made the run, or the folder contains a link
            that leads out of it.
        """
        run = cls(Path(path))
        for name in ("run.json", "state.json"):
            if not (run.path / name).is_file():
                raise FileNotFoundError(
                    f"run: expected a run folder, got {path}, which has no {name}. "
                    "Train one with `galviz train`, or remove the folder."
                )
        refuse_links_out(run.path, "run")
        file = run.path / "run.json"
        info = run.info
        check_fields(info, _INFO, str(file), frozenset({"study", "target", "recipe", "data"}))
        check_fields(info.get("build", {}), _BUILD, str(file))
        try:
            Target.from_json(info["target"])
            Recipe.from_json(info["recipe"])
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from error
        file = run.path / "state.json"
        check_fields(read_json(file), _STATE, str(file), frozenset({"status"}))
        return run

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.path.name

    @property
    def info(self) -> dict[str, Any]:
        """Content of ``run.json``, in the form of this version of galviz."""
        file = self.path / "run.json"
        return migrated(read_json(file), str(file))

    def update_info(self, **more: Any) -> None:
        """Add or change fields of ``run.json``."""
        write_json(self.path / "run.json", self.info | more)

    @property
    def recipe(self) -> Recipe:
        """The recipe of the training."""
        return Recipe.from_json(self.info["recipe"])

    @property
    def target(self) -> Target:
        """The target that is learned."""
        return Target.from_json(self.info["target"])

    @property
    def data(self) -> Path:
        """Path of the sky that the network is trained on."""
        return Path(self.info["data"])

    @property
    def checkpoint(self) -> Path:
        """Path of the last checkpoint: ``last.ckpt``."""
        return self.path / "last.ckpt"

    @property
    def best(self) -> Path:
        """Path of the weights with the lowest validation loss so far, for ``keep="best"``: ``best.safetensors``."""
        return self.path / "best.safetensors"

    @property
    def weights(self) -> Path:
        """Path of the trained weights: ``model.safetensors``."""
        return self.path / "model.safetensors"

    def state(self) -> dict[str, Any]:
        """Return the progress of the run.

        Returns
        -------
        dict
            ``status``: created, waiting, running, stopped, done, failed, or lost (the file says waiting or running, but
            the process is gone); ``heartbeat``, ``host``, ``pid``; and, if known, ``epoch``, ``epochs``, ``step``,
            ``steps``, ``eta_s``, ``device``, ``memory_mb``, ``load`` (%) and ``message``.
        """
        state = read_json(self.path / "state.json")
        if state["status"] in ACTIVE and not is_alive(state):
            state = read_json(self.path / "state.json")  # read again: it may have written its end before it went
        if state["status"] in ACTIVE and not is_alive(state):
            state |= {"status": "lost", "message": "The process is gone. Resume to go on from the last checkpoint."}
        return state

    def write_state(self, **more: Any) -> None:
        """Change fields of ``state.json`` and renew its heartbeat."""
        file = self.path / "state.json"
        old = read_json(file) if file.exists() else {}
        write_json(file, old | more | me())

    @contextmanager
    def writer(self) -> Iterator[None]:
        """Hold the write lock of the run while the block runs.

        Raises
        ------
        RuntimeError
            If another living process holds it. The message names host and process.
        """
        with one_holder(self.path / "lock.json"):
            yield

    def beat(self) -> None:
        """Renew the heartbeat of the lock, from which other hosts see that this process is alive."""
        write_json(self.path / "lock.json", me())

    def request_stop(self) -> None:
        """Request that the training process stops after its current step, on any host."""
        (self.path / "stop").touch()

    def stop_requested(self) -> bool:
        """Return whether a stop was requested."""
        return (self.path / "stop").exists()

    def clear_stop(self) -> None:
        """Withdraw a request to stop."""
        (self.path / "stop").unlink(missing_ok=True)

    def append_metrics(self, row: dict[str, Any]) -> None:
        """Append a line to ``metrics.csv``. The first line fixes the columns; an incomplete last line is removed."""
        file = self.path / "metrics.csv"
        lines, torn = self._metric_lines()
        if torn:
            self._write_metric_lines(lines)
        names = lines[0].split(",") if lines else list(row)
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        if not lines:
            writer.writeheader()
        writer.writerow(row)
        with room_on(file), file.open("a", encoding="utf-8") as out:
            out.write(text.getvalue())

    def metrics(self) -> pd.DataFrame:
        """Read ``metrics.csv``, one row per epoch. An incomplete last line is ignored.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        lines, _ = self._metric_lines()
        if not lines:
            return pd.DataFrame(columns=["epoch", "step", "seconds"])
        try:
            return pd.read_csv(io.StringIO("\n".join(lines))).astype({"epoch": int}).apply(pd.to_numeric)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(
                f"{self.path / 'metrics.csv'}: expected numbers, got a damaged file ({error}). Remove the file."
            ) from error

    def cut_metrics(self, step: int) -> None:
        """Remove the lines after `step`, because a training that resumes at `step` writes them again."""
        lines, _ = self._metric_lines()
        if lines:
            column = lines[0].split(",").index("step")
            kept = [line for line in lines[1:] if int(line.split(",")[column]) <= step]
            self._write_metric_lines([lines[0], *kept])

    def _metric_lines(self) -> tuple[list[str], bool]:
        """Return the complete lines of ``metrics.csv``, and whether an incomplete one follows them."""
        file = self.path / "metrics.csv"
        if not file.exists() or file.stat().st_size == 0:
            return [], False
        whole, _, torn = file.read_text(encoding="utf-8", errors="replace").rpartition("\n")
        return whole.splitlines(), bool(torn)

    def _write_metric_lines(self, lines: list[str]) -> None:
        with write_aside(self.path / "metrics.csv") as aside:
            aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def save_predictions(self, predictions: Predictions) -> None:
        """Write ``predictions.parquet``."""
        predictions.save(self.path / "predictions.parquet")

    @property
    def samples(self) -> Path:
        """File with the predictions of a few held-out objects after the last epoch, as `Predictions`."""
        return self.path / "samples.parquet"

    def predictions(self) -> Predictions | None:
        """Read ``predictions.parquet``, or return None if there are no predictions yet."""
        file = self.path / "predictions.parquet"
        return Predictions.open(file) if file.exists() else None

    def log(self, tail: int = 200) -> str:
        """Return the last `tail` lines of ``log.txt``."""
        file = self.path / "log.txt"
        if not file.exists():
            return ""
        return "\n".join(file.read_text(encoding="utf-8", errors="replace").splitlines()[-tail:])


def list_runs(folder: str | Path) -> tuple[list[Run], dict[str, str]]:
    """Return the runs in a folder and its subfolders.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    runs : list of Run
        Newest first.
    broken : dict of str to str
        Folders that look like runs but cannot be opened, each with the reason.
    """
    runs, broken = [], {}
    for path in sorted({file.parent for name in ("run.json", "state.json") for file in Path(folder).rglob(name)}):
        try:
            runs.append(Run.open(path))
        except (OSError, ValueError) as error:
            broken[str(path)] = str(error)
    return sorted(runs, key=lambda run: run.info.get("created", 0), reverse=True), broken


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found
