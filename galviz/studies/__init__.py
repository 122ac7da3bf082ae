"""Studies: presets for the targets of a paper. A study is one file with a `Study` named ``STUDY``."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import pandas as pd

from galviz.runs.ensemble import combined
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies._recipes import general_recipes
from galviz.tasks.guess import Guess, guess
from galviz.tasks.target import Target

Recipes = Mapping[str, Recipe]


@dataclass(frozen=True, kw_only=True)
class Mock:
    """A synthetic sky that a study can draw.

    Parameters
    ----------
    write : str
        Its function, as ``"module:name"``: called with a path, the number of objects, ``size``, ``seed``, ``workers``
        and ``progress``.
    size : int
        Default side of a cutout, pixels.
    about : str
        What is drawn, for the help of ``galviz mock``.
    over_frames : str
        A function that draws into real SDSS frames, also called with ``frames``; ``""`` if there is none.
    """

    write: str
    size: int
    about: str
    over_frames: str = ""


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """How a sweep over label fractions compares a pre-trained encoder with random weights.

    Parameters
    ----------
    target : str
        Name of the pretext target.
    recipes, base : mapping of str to Recipe
        Recipes of the pre-training and of the target, by the same names.
    cross_validated : tuple of str
        Names of the recipes whose folds are all held out in turn; of the others, the first.
    """

    target: str
    recipes: Recipes
    base: Recipes
    cross_validated: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A method without a network that a study compares its runs with.

    Parameters
    ----------
    make : str
        Its function, as ``"module:name"``: called with a `CutoutSet`, rows (n,) and the `Target`, it returns features
        (n, D) and a scikit-learn estimator, which is fitted to the training objects of a run; or None if the sky lacks
        what it needs.
    about : str
        What it is, for the page.
    """

    make: str
    about: str


@dataclass(frozen=True, kw_only=True)
class Study:
    """What a paper learned, from which images, and how.

    Parameters
    ----------
    name : str
        Name of the file.
    title : str
        Title of its page; by default the name.
    paper : str
        Authors, year and title.
    bands : tuple of str or None
        Bands of the images. None: any.
    targets : mapping of str to Target
        Targets by name on the command line. The first is the study's own. Any column can be learned as well.
    recipes : mapping of str to Recipe
        Recipes of its own target, and of all others that are not in `other_recipes`.
    other_recipes : mapping of str to (mapping of str to Recipe)
        Name of a target → its recipes.
    about_recipes : mapping of str to str
        Name of a recipe → what it is for, for the page.
    baselines : mapping of str to Baseline
        Methods of the field by name, in addition to those for any target (`galviz.nn.baselines.general`).
    mock : Mock, optional
    example : str
        Without a mock: name of the study whose synthetic sky an empty page offers, or ``""``.
    ingest : (str, str)
        Arguments of ``galviz ingest`` that make a sky for this study, and what they do.
    clean : str
        A function that makes the catalogue of this study from that of images which are being read, as
        ``"module:name"``: called with a table, it returns a
        `galviz.sky.rejected.Cleaned`. ``""``: there is none.
    pretraining : Pretraining, optional
    tabs : mapping of str to str
        Tabs of the page in addition to the common ones: name → function that builds it, as ``"module:name"``.
    first : tuple of str
        Tabs that stand before the common ones.
    without : tuple of str
        Common tabs that the page does not have.
    opens_tables : bool
        Whether its page can be started on a table of predictions.
    train, predict : callable, optional
        Used instead of `galviz.nn.training.train.train` and `galviz.nn.inference.predict.apply_run`.
    """

    name: str
    title: str = ""
    paper: str
    bands: tuple[str, ...] | None
    targets: Mapping[str, Target]
    recipes: Recipes
    other_recipes: Mapping[str, Recipes] = field(default_factory=dict)
    about_recipes: Mapping[str, str] = field(default_factory=dict)
    baselines: Mapping[str, Baseline] = field(default_factory=dict)
    mock: Mock | None = None
    example: str = ""
    ingest: tuple[str, str] = ("", "")
    clean: str = ""
    pretraining: Pretraining | None = None
    tabs: Mapping[str, str] = field(default_factory=dict)
    first: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    opens_tables: bool = False
    train: Callable[..., Run] | None = None
    predict: Callable[..., Predictions] | None = None

    @property
    def target(self) -> Target | None:
        """The study's own target, if it has one."""
        return next(iter(self.targets.values()), None)

    def choose(self, name: str, cutouts: CutoutSet | None, task: str = "", positive: str = "") -> Guess:
        """Return a target by its name, or of columns of a catalogue, and the reason for its task.

        Parameters
        ----------
        name : str
            One of `targets`; or a column, or several separated by commas. A name with a comma may be quoted. ``""``:
            the study's own.
        cutouts : CutoutSet or None
            The sky with the columns.
        task, positive
            As in `galviz.tasks.guess.guess`, for columns.

        Raises
        ------
        KeyError
            If there is neither a target nor a column of this name.
        ValueError
            As `galviz.tasks.guess.guess`.
        """
        if not name and self.targets:
            name = next(iter(self.targets))
        if name in self.targets:
            return Guess(self.targets[name], f"{name}: {self.targets[name].task}, as in the study {self.name}")
        if cutouts is None or not name:
            known = f"one of {', '.join(self.targets)}, or " if self.targets else ""
            cure = " Give the sky that has it: --data SKY." if cutouts is None else " Name it with --target COLUMN."
            raise ValueError(f"target: expected {known}a column of the catalogue, got {name or 'none'!r}.{cure}")
        parts = [name] if name in cutouts.catalogue.columns else next(csv.reader([name], skipinitialspace=True))
        columns, known = tuple(filter(None, map(str.strip, parts))), cutouts.catalogue.columns
        if self.targets and not set(columns) <= set(known):
            near = get_close_matches(name, [*self.targets, *map(str, known)], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else "."
            targets = ", ".join(self.targets)
            raise KeyError(f"target: expected a column of the catalogue, or one of {targets}, got {name!r}{hint}")
        found = guess(cutouts.catalogue, columns, task, positive)
        if not _has_test(cutouts):
            return found
        held_out = "objects whose split is test are held out (folds=5: a fifth of all instead)"
        return found._replace(why=f"{found.why}; {held_out}")

    def recipes_of(self, target: str, task: str = "", cutouts: CutoutSet | None = None) -> Recipes:
        """Return the recipes of a target.

        Parameters
        ----------
        target : str
            Its name in `targets`, or any column.
        task : str
            The task of a column.
        cutouts : CutoutSet, optional
            The sky, whose unit and size the recipes for a column are made for. By default pictures of 128 pixels. If
            its catalogue has a column ``split``, recipes for a column hold out the objects of its ``"test"``.
        """
        if target in self.targets or not task:
            return self.other_recipes.get(target, self.recipes)
        if cutouts is None:
            return general_recipes(task, "display", 128)
        recipes = general_recipes(task, cutouts.unit, cutouts.images.shape[-1])
        if not _has_test(cutouts):
            return recipes
        return {name: recipe.replace(validation={"folds": 0}) for name, recipe in recipes.items()}


def _has_test(cutouts: CutoutSet) -> bool:
    """Return whether a catalogue says in a column ``split`` which objects are for training, and which for the test."""
    return {"train", "test"} <= set(cutouts.catalogue.get("split", ()))


def study_names() -> list[str]:
    """Return the names of all studies, which are the files of this folder, without importing them."""
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py"))


def open_study(name: str) -> Study:
    """Return a study by its name."""
    return import_module(f"{__name__}.{name}").STUDY


def studies() -> dict[str, Study]:
    """Return all studies by name."""
    return {name: open_study(name) for name in study_names()}


def named(function: str) -> Callable[..., Any]:
    """Import a function that a study names as ``"module:name"``."""
    module, _, name = function.partition(":")
    return getattr(import_module(module), name)


def train(run: Run, cutouts: CutoutSet, **options: Any) -> Run:
    """Train the recipe of a run on a sky; see `galviz.nn.training.train.train` for the options."""
    from galviz.nn.training.train import train as train_network

    return (open_study(run.info["study"]).train or train_network)(run, cutouts, **options)


def predict(run: Run, cutouts: CutoutSet, progress: Callable[[int, int], None] | None = None) -> Predictions:
    """Apply the network of a run to a sky.

    Parameters
    ----------
    run : Run
        A trained run.
    cutouts : CutoutSet
    progress : callable, optional
        Called with the number of finished objects and the number of all objects.
    """
    from galviz.nn.inference.predict import apply_run

    return (open_study(run.info["study"]).predict or apply_run)(run, cutouts, progress)


def predict_together(
    runs: Sequence[Run],
    cutouts: CutoutSet,
    progress: Callable[[int, int], None] | None = None,
    *,
    held_out: bool = False,
) -> Predictions:
    """Apply the networks of several runs to a sky, and average them; see `galviz.runs.ensemble.combined`.

    Parameters
    ----------
    runs : sequence of Run
        Trained runs of the same target, such as one a fold.
    cutouts : CutoutSet
    progress : callable, optional
        As in `predict`, over all runs together.
    held_out : bool
        Predict each object only by networks that were not trained on it.
    """
    from galviz.nn.inference.predict import objects

    if len(runs) == 1 and not held_out:
        return predict(runs[0], cutouts, progress)
    parts, done = [], 0
    skies = [_not_learned(cutouts, objects(run)) if held_out else cutouts for run in runs]
    count = sum(map(len, skies))
    for run, sky in zip(runs, skies, strict=True):
        if len(sky):
            of_run = None if progress is None else (lambda now, _, before=done: progress(before + now, count))
            parts.append(predict(run, sky, of_run))
        done += len(sky)
    if not parts:
        raise ValueError(
            "data: expected objects that a network was not trained on, got none. Predict without held-out."
        )
    return combined(parts, held_out=held_out)


def _not_learned(cutouts: CutoutSet, fold: pd.Series) -> CutoutSet:
    """Return the objects that a run was not trained on, by the fold of the objects that it knows."""
    learned = fold.reindex(cutouts.object_ids).eq(-1).to_numpy(bool, na_value=False)
    return cutouts.select(cutouts.object_ids[~learned]) if learned.any() else cutouts
