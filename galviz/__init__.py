"""See what a network sees in galaxies. Everything here is loaded on first use.

>>> sky = galviz.open("my_galaxies/")               # pictures with a table beside them, FITS, HDF5, a sky, a run
>>> run = galviz.train(sky, target="spiral")        # returns at once; run.wait(), run.stop()
>>> run.predictions().held_out().summary()          # metrics with intervals
>>> galviz.explore(run)                             # linked plots, gallery, pictures
>>> galviz.explain(run, "1237648720693755918")      # what the prediction depends on

The nouns: `CutoutSet` (images and catalogue), `Target` (what is learned), `Recipe` (how), `Run` (a trained network and
its folder), `Predictions` (estimate and truth by `object_id`), `Selection` (the selected objects and the one in focus).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galviz.pages.notebook import explain, explore, follow, predict, train
    from galviz.runs.opening import open  # noqa: A004 - it reads well: galviz.open
    from galviz.runs.predictions import Predictions
    from galviz.runs.recipe import Recipe
    from galviz.runs.run import Run
    from galviz.sky.cutouts import CutoutSet
    from galviz.tasks.target import Target
    from galviz.tools.selection.core import Selection

__all__ = [
    "CutoutSet",
    "Predictions",
    "Recipe",
    "Run",
    "Selection",
    "Target",
    "__version__",
    "explain",
    "explore",
    "follow",
    "open",
    "predict",
    "train",
]

_HOMES = {
    "CutoutSet": "galviz.sky.cutouts",
    "Predictions": "galviz.runs.predictions",
    "Recipe": "galviz.runs.recipe",
    "Run": "galviz.runs.run",
    "Selection": "galviz.tools.selection.core",
    "Target": "galviz.tasks.target",
    "explain": "galviz.pages.notebook",
    "explore": "galviz.pages.notebook",
    "follow": "galviz.pages.notebook",
    "open": "galviz.runs.opening",
    "predict": "galviz.pages.notebook",
    "train": "galviz.pages.notebook",
}


def __getattr__(name: str) -> Any:
    """Load an export when it is first used (PEP 562)."""
    if name == "__version__":
        from importlib.metadata import version

        value = version("galviz")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'galviz' has no attribute {name!r}; it exports {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
