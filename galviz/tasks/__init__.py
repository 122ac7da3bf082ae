"""Tasks: what kind of thing is learned. A task is three files of one name: here, in `galviz.nn.tasks` and in pages.

A file here says how truth becomes numbers and which columns predictions have. It has these functions and constants:

- ``NUMERIC``: whether estimates are numbers; otherwise they are names.
- ``SELF_LABELLED``: whether the image is its own label, so that no catalogue column is needed.
- ``ACCURACY``: axis label of the accuracy on held-out objects.
- ``check(target)``: raise a ValueError if the target cannot be learned as this task.
- ``fitted(target, catalogue)``: the target completed with values from a catalogue, such as class names.
- ``truth(target, catalogue)``: the true values as learned, float64, shape (N, K), NaN where not known.
- ``classes(target, bands)``: names of the classes, empty for numbers.
- ``variants(target, bands)``: name → band indices of each variant of an image, empty if there is only one.
- ``index(target)``: names of the index levels of a table of predictions.
- ``names(target)``: the columns with estimates; the truth is in ``<name>_true``. The first is the main one.
- ``by_object(target, table)``: a table of predictions with one row per object.
- ``outputs(target, bands)``: label → output of the network that can be explained.
- ``unit(target)``: unit of the errors, for axes.
- ``about(target)``: what is learned, in a few words.
- ``shown(target)``: catalogue columns to show first.
- ``summary(target, table)``: metrics with intervals.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType


def task_names() -> list[str]:
    """Return the names of all tasks, which are the files of this folder."""
    others = ("class_words", "guess", "pair", "target")
    return sorted(file.stem for file in Path(__file__).parent.glob("[!_]*.py") if file.stem not in others)


def column_tasks() -> list[str]:
    """Return the names of the tasks that learn columns of a catalogue."""
    return [name for name in task_names() if not task(name).SELF_LABELLED]


def task(name: str) -> ModuleType:
    """Return the file of a task."""
    return import_module(f"{__name__}.{name}")
