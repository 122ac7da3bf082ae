"""Sweeps: a folder of runs over label fractions, trials and folds, with and without a pre-trained encoder."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple, Self, get_type_hints

import pandas as pd

from galviz.io.files import read_json, write_aside, write_json, write_parquet
from galviz.io.lock import is_alive
from galviz.io.records import check_fields
from galviz.measure.label_efficiency import METHODS, measured
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.runs.versions import VERSION, migrated
from galviz.tasks.target import Target
from galviz.work import processes as jobs

FRACTIONS = (0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""As Liang et al. (2020), table 1."""

_KEYS = ["fraction", "method", "trial", "fold"]


class Task(NamedTuple):
    """One training of a sweep.

    Parameters
    ----------
    name : str
        Name of its run folder.
    target : Target
    recipe : Recipe
    encoder : str
        Name of the run that provides the initial encoder; ``""`` for random weights.
    cell : dict
        Its fraction, method, trial and fold. Empty for a pre-training.
    """

    name: str
    target: Target
    recipe: Recipe
    encoder: str
    cell: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """Settings of a sweep.

    Parameters
    ----------
    study : str
        Name of a module in `galviz.studies`.
    data : str
        Path of the sky.
    fingerprint : str
        Fingerprint of the sky.
    target, pretext : Target
        The target, and the pretext task that the encoder of "ours" learns first: the band, or the order of the
        channels. None: there is no pre-training, only "base".
    recipe, pretraining : Recipe
        Their recipes; None without a pre-training. The seed of a trial is the recipe's seed plus the number of the
        trial. So "base" and "ours" learn from the same labels in the same order, and the labels of a smaller fraction
        are a subset of a larger one.
    fractions : tuple of float
        Label fractions of the training objects, in (0, 1].
    trials : int
        Number of trials, which differ in their seeds.
    folds : tuple of int
        Which folds of the recipe are held out, one after another.
    fold_wise : bool
        True: one pre-training per fold, which never sees a held-out image. False: one pre-training, with the split of
        its own recipe. As published that is 4:1, so it sees most of the held-out images, without their labels.
    """

    study: str
    data: str
    fingerprint: str
    target: Target
    pretext: Target | None
    recipe: Recipe
    pretraining: Recipe | None
    fractions: tuple[float, ...]
    trials: int
    folds: tuple[int, ...]
    fold_wise: bool

    def __post_init__(self) -> None:
        fractions = tuple(sorted({float(fraction) for fraction in self.fractions}))
        for name, value in (("fractions", fractions), ("folds", tuple(sorted(set(self.folds))))):
            object.__setattr__(self, name, value)
        if not fractions or fractions[0] <= 0 or fractions[-1] > 1:
            raise ValueError(f"fractions: expected numbers in (0, 1], got {', '.join(map(str, fractions)) or 'none'}.")
        if self.trials < 1:
            raise ValueError(f"trials: expected at least 1, got {self.trials}.")
        last = max(self.recipe.validation.folds, 1) - 1
        if not self.folds or not set(self.folds) <= set(range(last + 1)):
            got = ", ".join(map(str, self.folds)) or "none"
            raise ValueError(f"folds: expected numbers from 0 to {last}, or all, got {got}.")
        if self.pretraining is not None and self.recipe.network != self.pretraining.network:
            raise ValueError("network: expected the same for Base, Ours and the pre-training, got different ones.")

    @property
    def methods(self) -> tuple[str, ...]:
        """``"base"``, and ``"ours"`` if there is a pre-training."""
        return METHODS if self.pretext else METHODS[:1]

    def tasks(self) -> list[Task]:
        """Return the trainings in order: pre-trainings first, because others need them, then trial after trial."""
        several = self.fold_wise and len(self.folds) > 1
        first = f"{self.pretext.name}s" if self.pretext else ""
        names = {fold: f"{first}-fold{fold}" if several else first for fold in self.folds if self.pretext}
        found = {}
        for fold, name in names.items():
            held_out = {"folds": self.recipe.validation.folds, "fold": fold} if self.fold_wise else {}
            found[name] = Task(name, self.pretext, self.pretraining.replace(validation=held_out), "", {})
        for trial, fold, fraction, method in product(range(self.trials), self.folds, self.fractions, self.methods):
            name = f"{method}-{100 * fraction:g}pc-trial{trial}-fold{fold}"
            recipe = self.recipe.replace(
                seed=self.recipe.seed + trial, data={"label_fraction": fraction}, validation={"fold": fold}
            )
            cell = {"fraction": fraction, "method": method, "trial": trial, "fold": fold}
            found[name] = Task(name, self.target, recipe, names[fold] if method == "ours" else "", cell)
        return list(found.values())

    def to_json(self) -> dict[str, Any]:
        """Return the fields as plain JSON values."""
        nested = {name: getattr(self, name) for name in ("target", "pretext", "recipe", "pretraining")}
        plain = {name: each and each.to_json() for name, each in nested.items()} | {
            "fractions": list(self.fractions),
            "folds": list(self.folds),
        }
        return {"version": VERSION} | vars(self) | plain

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Return the plan that `to_json` described.

        Raises
        ------
        ValueError
            If a field is missing or has the wrong type, or a newer galviz made it.
        """
        content = migrated(content, "sweep")
        kinds = {"target": Target, "pretext": Target, "recipe": Recipe, "pretraining": Recipe}
        if content.get("pretext") is None and content.get("pretraining") is None:
            del kinds["pretext"], kinds["pretraining"]
        types = {name: Mapping if name in kinds else kind for name, kind in get_type_hints(cls).items()}
        check_fields(content, types, "sweep", frozenset(types))
        known = {name: content[name] for name in types}
        return cls(**known | {name: kind.from_json(content[name]) for name, kind in kinds.items()})


class Sweep:
    """A sweep folder: ``sweep.json``, the runs in ``runs``, and their errors in ``table.csv`` and ``table.parquet``.

    Parameters
    ----------
    path : str or Path
        A folder made by `create`.

    Raises
    ------
    FileNotFoundError
        If the folder holds no sweep.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / "sweep.json").is_file():
            raise FileNotFoundError(
                f"sweep: expected a folder with a sweep.json, got {path}. Start one with `galviz sweep`."
            )
        self.plan = Plan.from_json(read_json(self.path / "sweep.json"))
        self.tasks = {task.name: task for task in self.plan.tasks()}
        self._read: dict[str, pd.DataFrame] = {}

    @classmethod
    def create(cls, path: str | Path, plan: Plan) -> Self:
        """Create a new sweep folder.

        Raises
        ------
        FileExistsError
            If the folder already holds a sweep.
        """
        path = Path(path)
        if (path / "sweep.json").exists():
            raise FileExistsError(f"out: expected a new folder, got {path}, which holds a sweep. Go on with --resume.")
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "sweep.json", plan.to_json())
        return cls(path)

    def run_path(self, name: str) -> Path:
        """Return the folder of the run of a task."""
        return self.path / "runs" / name

    def is_done(self, name: str) -> bool:
        """Return whether a training has written its predictions."""
        return (self.run_path(name) / "predictions.parquet").exists()

    def done(self) -> list[str]:
        """Return the names of the finished trainings."""
        return [name for name in self.tasks if self.is_done(name)]

    def going(self) -> list[str]:
        """Return the names of the trainings that are running or waiting."""
        return [name for name in self.tasks if not self.is_done(name) and jobs.is_alive(self.run_path(name))]

    def failed(self) -> dict[str, str]:
        """Return the names of the failed or lost trainings, each with the reason."""
        states = {
            name: Run(self.run_path(name)).state()
            for name in self.tasks
            if not self.is_done(name) and (self.run_path(name) / "state.json").exists()
        }
        return {n: state.get("message", "") for n, state in states.items() if state["status"] in {"failed", "lost"}}

    def is_running(self) -> bool:
        """Return whether a process is running the sweep."""
        lock = self.path / "lock.json"
        try:
            return is_alive(read_json(lock))
        except (FileNotFoundError, ValueError):
            return False

    def prepare(self, name: str) -> Run:
        """Return the run of a task. It is created if it does not exist yet."""
        path, task, plan = self.run_path(name), self.tasks[name], self.plan
        if (path / "run.json").exists():
            return Run.open(path)
        encoder = str(self.run_path(task.encoder).resolve()) if task.encoder else None
        about = {"study": plan.study, "target": task.target, "recipe": task.recipe, "data": plan.data}
        return Run.create(path, **about, fingerprint=plan.fingerprint, encoder=encoder)

    def held_out(self) -> pd.DataFrame:
        """Return the predictions of all finished trainings for their held-out objects.

        Returns
        -------
        pandas.DataFrame
            One row per training and object: fraction, method, trial, fold, object_id, truth and estimate, in the unit
            of the catalogue. Objects whose truth is not known are left out.
        """
        for name in self.done():
            if self.tasks[name].cell and name not in self._read:
                self._read[name] = _held_out(Run.open(self.run_path(name)), self.tasks[name].cell)
        parts = [self._read[name] for name in self.tasks if name in self._read]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_KEYS, "truth", "estimate"])

    def networks(self) -> list[Run]:
        """Return the finished trainings with the most labels, of those from the pre-trained encoder if there is one.

        Raises
        ------
        FileNotFoundError
            If there is none yet.
        """
        method, most = self.plan.methods[-1], self.plan.fractions[-1]
        cells = {name: task.cell for name, task in self.tasks.items() if task.cell}
        wanted = [n for n, cell in cells.items() if (cell["method"], cell["fraction"]) == (method, most)]
        missing = [name for name in wanted if not self.is_done(name)]
        if missing:
            raise FileNotFoundError(
                f"run: expected a sweep whose trainings with the most labels are done, got {self.path}, where "
                f"{missing[0]} is not. Go on with --resume."
            )
        return [Run.open(self.run_path(name)) for name in wanted]

    def table(self) -> pd.DataFrame:
        """Return the errors of the finished trainings, from `galviz.measure.label_efficiency.measured`.

        Beside each stand its number of labels, its seed, the number of folds, and the number of objects of its
        pre-training: 0 without one, NaN if its run is gone.
        """
        found = measured(self.held_out())
        tasks = {tuple(task.cell.values()): task for name, task in self.tasks.items() if name in self._read}
        rows = [tasks[key] for key in found[_KEYS].itertuples(index=False, name=None)]
        columns = {
            "labels": [self._learned_from(task.name) for task in rows],
            "seed": [task.recipe.seed for task in rows],
            "folds": [task.recipe.validation.folds for task in rows],
            "pretraining_objects": [self._learned_from(task.encoder) if task.encoder else 0 for task in rows],
        }
        for place, (name, values) in enumerate(columns.items(), len(_KEYS)):
            found.insert(place, name, values)
        return found

    def _learned_from(self, name: str) -> float:
        """Return the number of objects that a training learned from; NaN if its run is gone."""
        path = self.run_path(name)
        return Run(path).info["objects"]["train"] if (path / "run.json").exists() else float("nan")

    def save_table(self) -> pd.DataFrame:
        """Write `table` to ``table.csv`` and ``table.parquet``, and return it."""
        table = self.table()
        with write_aside(self.path / "table.csv") as aside:
            table.to_csv(aside, index=False)
        write_parquet(table, self.path / "table.parquet", index=False)
        return table


def runs_at(path: str | Path) -> list[Run]:
    """Return the run in a folder, or the trained networks of a sweep; see `Sweep.networks`."""
    return Sweep(path).networks() if (Path(path) / "sweep.json").is_file() else [Run.open(path)]


def list_sweeps(folder: str | Path, study: str = "") -> list[Path]:
    """Return the sweeps in a folder, or the folder itself if it is a sweep, newest first.

    If a study is given, sweeps of other studies are left out. A sweep that cannot be read is kept, because opening it
    shows the reason.
    """
    folder = Path(folder)
    found = [folder / "sweep.json"] if (folder / "sweep.json").exists() else folder.glob("*/sweep.json")
    found = [file for file in found if not study or _study_of(file) in (study, None)]
    return [file.parent for file in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)]


def _study_of(file: Path) -> str | None:
    """Return the study of a sweep, or None if the file cannot be read."""
    try:
        return read_json(file)["study"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _held_out(run: Run, cell: dict[str, Any]) -> pd.DataFrame:
    """Return the held-out predictions of a run, in the unit of the catalogue."""
    result = run.predictions().held_out().with_truth()
    table, target = result.table[result.table["fold"] == cell["fold"]], result.target
    values = {"truth": result.truth_column, "estimate": result.estimate_column}  # of several numbers: the first
    inverse = target.inverse if target.numeric else (lambda names: names)
    found = {name: inverse(table[column].to_numpy()) for name, column in values.items()}
    return pd.DataFrame(cell | {"object_id": table.index.to_numpy()} | found)
