"""A sweep: a folder of runs over parts of the labels, with and without a pre-trained encoder, trials and folds."""

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
        Of its run folder.
    target : Target
    recipe : Recipe
    encoder : str
        Name of the run whose encoder it starts from; ``""`` for random weights.
    cell : dict
        Its fraction, method, trial and fold; empty for a pre-training.
    """

    name: str
    target: Target
    recipe: Recipe
    encoder: str
    cell: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a sweep goes through.

    Parameters
    ----------
    study : str
        Name of a module in `galviz.studies`.
    data : str
        The sky.
    fingerprint : str
        Of the sky.
    target, pretext : Target
        What is learned, and what the encoder of Ours has learned before: the band, or the order of the channels.
    recipe, pretraining : Recipe
        How. A trial's seed is the recipe's plus its number, so Base and Ours learn from the same labels in the same
        order, and those of a smaller fraction are among those of a larger one.
    fractions : tuple of float
        Parts of the labels of the objects that are trained on.
    trials : int
    folds : tuple of int
        Which of the recipe's folds are held out, one after another.
    fold_wise : bool
        True: a pre-training for each fold, which never sees an image that is held out of it. False: one, without
        labels, on all images, as published.
    """

    study: str
    data: str
    fingerprint: str
    target: Target
    pretext: Target
    recipe: Recipe
    pretraining: Recipe
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
        last = max(self.recipe.folds, 1) - 1
        if not self.folds or not set(self.folds) <= set(range(last + 1)):
            got = ", ".join(map(str, self.folds)) or "none"
            raise ValueError(f"folds: expected numbers from 0 to {last}, or all, got {got}.")
        if dict(self.recipe.network) != dict(self.pretraining.network):
            raise ValueError("network: expected the same for Base, Ours and the pre-training, got different ones.")

    def tasks(self) -> list[Task]:
        """Give the trainings in order: what others need first, then trial after trial."""
        several = self.fold_wise and len(self.folds) > 1
        first = f"{self.pretext.kind}s"
        names = {fold: f"{first}-fold{fold}" if several else first for fold in self.folds}
        found = {}
        for fold, name in names.items():
            held_out = {"folds": self.recipe.folds, "fold": fold} if self.fold_wise else {"folds": 1, "fold": 0}
            found[name] = Task(name, self.pretext, self.pretraining.replace(**held_out), "", {})
        for trial, fold, fraction, method in product(range(self.trials), self.folds, self.fractions, METHODS):
            name = f"{method}-{100 * fraction:g}pc-trial{trial}-fold{fold}"
            recipe = self.recipe.replace(label_fraction=fraction, seed=self.recipe.seed + trial, fold=fold)
            cell = {"fraction": fraction, "method": method, "trial": trial, "fold": fold}
            found[name] = Task(name, self.target, recipe, names[fold] if method == "ours" else "", cell)
        return list(found.values())

    def to_json(self) -> dict[str, Any]:
        """Give the fields as plain JSON values."""
        nested = {name: getattr(self, name).to_json() for name in ("target", "pretext", "recipe", "pretraining")}
        return vars(self) | nested | {"fractions": list(self.fractions), "folds": list(self.folds)}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Self:
        """Make a plan from what `to_json` gave.

        Raises
        ------
        ValueError
            If a field is missing or has another type, or one is there that this version does not know.
        """
        kinds = {"target": Target, "pretext": Target, "recipe": Recipe, "pretraining": Recipe}
        types = {name: Mapping if name in kinds else kind for name, kind in get_type_hints(cls).items()}
        check_fields(content, types, "sweep", frozenset(types))
        known = {name: content[name] for name in types}
        return cls(**known | {name: kind.from_json(content[name]) for name, kind in kinds.items()})


class Sweep:
    """A sweep folder: ``sweep.json``, the runs in ``runs``, and ``table.csv`` and ``.parquet`` of what they came to.

    Parameters
    ----------
    path : str or Path
        A folder that `create` made.

    Raises
    ------
    FileNotFoundError
        If it holds no sweep.
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
        """Make a new sweep folder.

        Raises
        ------
        FileExistsError
            If a sweep is there already.
        """
        path = Path(path)
        if (path / "sweep.json").exists():
            raise FileExistsError(f"out: expected a new folder, got {path}, which holds a sweep. Go on with --resume.")
        path.mkdir(parents=True, exist_ok=True)
        write_json(path / "sweep.json", plan.to_json())
        return cls(path)

    def run_path(self, name: str) -> Path:
        """Give the folder of a run by the name of its task."""
        return self.path / "runs" / name

    def is_done(self, name: str) -> bool:
        """Say whether a training has come to its predictions."""
        return (self.run_path(name) / "predictions.parquet").exists()

    def done(self) -> list[str]:
        """Name the trainings that are done."""
        return [name for name in self.tasks if self.is_done(name)]

    def going(self) -> list[str]:
        """Name the trainings that a process is at work on."""
        return [name for name in self.tasks if not self.is_done(name) and jobs.is_alive(self.run_path(name))]

    def failed(self) -> dict[str, str]:
        """Say of the trainings that went wrong why."""
        states = {
            name: Run(self.run_path(name)).state()
            for name in self.tasks
            if not self.is_done(name) and (self.run_path(name) / "state.json").exists()
        }
        return {n: state.get("message", "") for n, state in states.items() if state["status"] in {"failed", "lost"}}

    def is_running(self) -> bool:
        """Say whether a process works the sweep off."""
        lock = self.path / "lock.json"
        try:
            return is_alive(read_json(lock))
        except (FileNotFoundError, ValueError):
            return False

    def prepare(self, name: str) -> Run:
        """Open the run of a task, made where it is not there yet."""
        path, task, plan = self.run_path(name), self.tasks[name], self.plan
        if (path / "run.json").exists():
            return Run.open(path)
        encoder = str(self.run_path(task.encoder).resolve()) if task.encoder else None
        about = {"study": plan.study, "target": task.target, "recipe": task.recipe, "data": plan.data}
        return Run.create(path, **about, fingerprint=plan.fingerprint, encoder=encoder)

    def held_out(self) -> pd.DataFrame:
        """Read what the trainings that are done said of the objects that they did not see.

        Returns
        -------
        pandas.DataFrame
            A row a training and object: fraction, method, trial, fold, object_id, truth and estimate, both as the
            catalogue has them. Objects whose truth is not known are left out.
        """
        for name in self.done():
            if self.tasks[name].cell and name not in self._read:
                self._read[name] = _held_out(Run.open(self.run_path(name)), self.tasks[name].cell)
        parts = [self._read[name] for name in self.tasks if name in self._read]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*_KEYS, "truth", "estimate"])

    def table(self) -> pd.DataFrame:
        """Return the errors of the trainings that are done, as `galviz.measure.label_efficiency.measured`."""
        found = measured(self.held_out())
        labels = {
            tuple(task.cell.values()): Run(self.run_path(name)).info["objects"]["train"]
            for name, task in self.tasks.items()
            if name in self._read
        }
        found.insert(4, "labels", [labels[key] for key in found[_KEYS].itertuples(index=False, name=None)])
        return found

    def save_table(self) -> pd.DataFrame:
        """Write `table` as ``table.csv`` and ``table.parquet``, and give it."""
        table = self.table()
        with write_aside(self.path / "table.csv") as aside:
            table.to_csv(aside, index=False)
        write_parquet(table, self.path / "table.parquet", index=False)
        return table


def list_sweeps(folder: str | Path, study: str = "") -> list[Path]:
    """Find the sweeps in a folder, or the folder itself where it is one, newest first.

    Where a study is named, those of others are left out; one that cannot be read is not: opening it says why.
    """
    folder = Path(folder)
    found = [folder / "sweep.json"] if (folder / "sweep.json").exists() else folder.glob("*/sweep.json")
    found = [file for file in found if not study or _study_of(file) in (study, None)]
    return [file.parent for file in sorted(found, key=lambda file: file.stat().st_mtime, reverse=True)]


def _study_of(file: Path) -> str | None:
    """Name the study of a sweep; None where it cannot be read."""
    try:
        return read_json(file)["study"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _held_out(run: Run, cell: dict[str, Any]) -> pd.DataFrame:
    """Read the held-out predictions of a run, in the unit of the catalogue."""
    told = run.predictions().held_out().with_truth()
    told = told.table[told.table["fold"] == cell["fold"]], told.target
    values = {"truth": f"{told[1].name}_true", "estimate": told[1].name}
    inverse = (lambda names: names) if told[1].named else told[1].inverse
    found = {name: inverse(told[0][column].to_numpy()) for name, column in values.items()}
    return pd.DataFrame(cell | {"object_id": told[0].index.to_numpy()} | found)
