"""The skies and runs that a page can show, found by name and opened once per process."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import pandas as pd

from galviz.io.files import read_json
from galviz.io.paths import home, inside
from galviz.pages.folders import level, named, new_folder
from galviz.runs.predictions import Predictions, joined
from galviz.runs.run import ACTIVE, Run, list_runs
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.labels import is_table
from galviz.studies import Study
from galviz.tasks.target import Target

NO_RUN = (
    "No run yet. Train one on the tab Train. Runs are found in the folder runs of GALVIZ_HOME (~/galviz), and in the "
    "folders after --args."
)
"""Note of a tab that needs a run."""


@dataclass(frozen=True)
class Library:
    """Folders in which skies and runs are found.

    Parameters
    ----------
    sky_folders : tuple of Path
        Each is a sky, or a folder of skies.
    run_folders : tuple of Path
        Each is a run, or a folder of runs. New runs are written to the last one.
    study : str
        Only runs of this study are found in folders; ``""`` finds the runs of all studies.
    bands : tuple of str
        Only skies with these bands are found in folders; empty finds all skies.
    given : tuple of Path
        Other files and folders that the page was started on.
    """

    sky_folders: tuple[Path, ...]
    run_folders: tuple[Path, ...]
    study: str = ""
    bands: tuple[str, ...] = ()
    given: tuple[Path, ...] = ()

    @classmethod
    def find(cls, paths: Sequence[str | Path] = (), study: Study | None = None) -> "Library":
        """Return a library of the given paths and of `galviz.io.paths.home`.

        Parameters
        ----------
        paths : sequence of str or Path
            Skies, runs, or folders of either.
        study : Study, optional
            Folders are searched only for its runs and for skies with its bands.

        Returns
        -------
        Library

        Raises
        ------
        FileNotFoundError
            If a path does not exist.
        """
        given = [Path(path).resolve() for path in paths]
        for path in given:
            if not path.is_dir():
                raise FileNotFoundError(f"path: expected a sky, a run or a folder of them, got {path}, not there.")
        of = ("", ()) if study is None else (study.name, study.bands)
        return cls((*given, home() / "skies"), (*given, home() / "runs"), *of)

    def skies(self) -> dict[str, Path]:
        """Return the skies: displayed name → folder."""
        found = [(root, file.parent) for root in self.sky_folders for file in level(root, "galviz.json")]
        return named([(root, path) for root, path in found if root == path or self._can_learn_from(path)])

    def _can_learn_from(self, path: Path) -> bool:
        with suppress(ValueError, OSError, KeyError):
            return not self.bands or tuple(read_json(path / "galviz.json")["bands"]) == self.bands
        return False

    def runs(self) -> tuple[dict[str, Run], dict[str, str]]:
        """Return the runs by name, newest first, and the incomplete run folders with the reason."""
        found, broken = [], {}
        for root in self.run_folders:
            runs, half = list_runs(root) if root.is_dir() else ([], {})
            found += [(root, run) for run in runs if run.path == root or self.study in ("", run.info["study"])]
            broken |= half
        newest = sorted(found, key=lambda pair: pair[1].info.get("created", 0), reverse=True)
        runs = {run.path: run for _, run in newest}
        return {name: runs[path] for name, path in named([(root, run.path) for root, run in newest]).items()}, broken

    def tables(self) -> dict[str, Path]:
        """Return the tables among the files that the page was started on: displayed name → file."""
        return named([(path.parent, path) for path in self.given if is_table(path)])

    def first_sky(self, run: str = "") -> str:
        """Return the name of the sky to show first: the run's, else the newest; of those given, if any were."""
        found = self.skies()
        found = {name: found[name] for name in self._given_skies()} or found
        path = self.run_path(run) if run else None
        data = None if path is None else Run(path).data.resolve()
        newest = sorted(found, key=lambda name: _stamp(found[name] / "galviz.json"), reverse=True)
        return next((name for name in newest if found[name].resolve() == data), next(iter(newest), ""))

    def _given_skies(self) -> list[str]:
        """Return the names of the skies in the folders that were given, thus not those of `galviz.io.paths.home`."""
        return [name for name, path in self.skies().items() if _under(path, self.sky_folders[:-1])]

    def first_run(self, sky: str = "") -> str:
        """Return the name of the run to show first: an active one, else the newest finished one, else the newest.

        If a sky is named, or skies were given, only its runs can be first, and runs that were given themselves.
        """
        runs, skies = self.runs()[0], self.skies()
        wanted = {skies[name].resolve() for name in ([sky] if sky in skies else self._given_skies())}
        if wanted:
            on_it = {name: run for name, run in runs.items() if run.data.resolve() in wanted}
            runs = on_it or {name: run for name, run in runs.items() if _under(run.path, self.run_folders[:-1])}
        status = {name: run.state()["status"] for name, run in runs.items()}
        going = [name for name in runs if status[name] in ACTIVE]
        done = [name for name in runs if status[name] == "done"]
        return next(iter([*going, *done, *runs]), "")

    def judged(self, target: Target, without: str = "") -> dict[str, Callable[[], pd.DataFrame | None]]:
        """Return a function per finished run of a target (except `without`) that reads predictions and truth."""

        def read(run: Run) -> pd.DataFrame | None:
            predictions = open_predictions(run)
            return None if predictions is None else joined(predictions)

        found = self.predicted().items()
        return {name: partial(read, run) for name, run in found if name != without and run.target == target}

    def predicted(self) -> dict[str, Run]:
        """Return the runs that have predictions, newest first."""
        return {name: run for name, run in self.runs()[0].items() if (run.path / "predictions.parquet").exists()}

    def stamps(self) -> dict[Path, int]:
        """Return the files that mark a sky or a run with predictions, each with its modification time in ns."""
        found = [file for root in self.sky_folders for file in level(root, "galviz.json")]
        found += [file for root in self.run_folders for file in root.rglob("predictions.parquet")]
        return {file: _stamp(file) for file in found}

    def statuses(self) -> dict[Path, str]:
        """Return the status of each run by its folder; ``""`` where it cannot be read."""

        def status(folder: Path) -> str:
            with suppress(ValueError, OSError, KeyError):
                return str(Run(folder).state()["status"])
            return ""

        found = (file.parent for root in self.run_folders for file in root.rglob("run.json"))
        return {folder: status(folder) for folder in found}

    def allowed(self, path: str | Path, argument: str = "path") -> Path:
        """Return the resolved path if this page may open it. For paths from a visitor or from a file.

        A page may open what lies in `galviz.io.paths.home`, the files and folders that it was started on, and the
        skies and runs that it lists. A listed folder may be a symbolic link to another place: the owner put it there.

        Raises
        ------
        ValueError
            If the path lies anywhere else.
        """
        whole = Path(path).absolute()
        for root in (home(), *self.sky_folders, *self.run_folders, *self.given):
            with suppress(ValueError):
                return inside(root, whole, argument)
        for listed in (*self.skies().values(), *(run.path for run in self.runs()[0].values())):
            with suppress(ValueError):
                return inside(listed, whole, argument)
        raise ValueError(
            f"{argument}: expected a path in {home()} or in what the page was started on, got {str(path)!r}. "
            "Start the page on that too: panel serve … --args PATH …"
        )

    def run_path(self, name: str) -> Path | None:
        """Return the folder of a run by its name, or None if there is none. Finds new runs at once.

        The name may come from an address, so an unlisted name must be a folder directly in the folder of new runs.
        """
        found = self.runs()[0]
        if name in found:
            return found[name].path
        with suppress(ValueError, OSError):  # outside the folder, or too long
            new = inside(self.run_folders[-1], name)
            return (
                self.run_folders[-1] / new.name
                if new.parent == self.run_folders[-1].resolve() and new.is_dir()
                else None
            )
        return None

    def new_run(self, name: str) -> Path:
        """Return the folder for a new run; it is not created yet.

        Raises
        ------
        ValueError
            If the name is not a plain folder name, or is taken.
        """
        return new_folder(self.run_folders[-1], name)

    def new_sky(self, name: str) -> Path:
        """Return the folder for a new sky; raises as `new_run` does."""
        return new_folder(self.sky_folders[-1], name)


def open_sky(path: str | Path) -> CutoutSet:
    """Open a sky, cached per process until its file changes."""
    return _sky(str(path), _stamp(Path(path) / "galviz.json"))


def open_predictions(run: Run) -> Predictions | None:
    """Return the predictions of a run, cached until the file changes; None if there are none."""
    stamp = _stamp(run.path / "predictions.parquet")
    return _predictions(str(run.path), stamp) if stamp else None


@lru_cache(maxsize=8)
def _sky(path: str, _stamp: int) -> CutoutSet:
    return CutoutSet.open(path)


@lru_cache(maxsize=8)
def _predictions(path: str, _stamp: int) -> Predictions | None:
    return Run.open(path).predictions()


def _under(path: Path, roots: Sequence[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def _stamp(file: Path) -> int:
    return file.stat().st_mtime_ns if file.exists() else 0
