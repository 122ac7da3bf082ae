"""See what a network sees in galaxies: the nouns of the road from a sky to a page, each loaded on first use.

>>> sky = galviz.CutoutSet.open("sky")  # galviz mock richness --out sky     images, catalogue, scale
>>> galviz.Target                       # what is learned: columns, transform, unit
>>> galviz.Recipe                       # how: epochs, batch, learning rates, seed
>>> run = galviz.Run.open("run")        # galviz train richness --data sky --out run --recipe quick
>>> run.predictions().held_out()        # galviz.Predictions: estimate and truth, keyed by object_id
>>> galviz.Selection                    # the ids chosen and the one in focus, shared by the views of a page
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galviz.runs.predictions import Predictions
    from galviz.runs.recipe import Recipe
    from galviz.runs.run import Run
    from galviz.sky.cutouts import CutoutSet
    from galviz.tasks.target import Target
    from galviz.tools.selection.core import Selection

__all__ = ["CutoutSet", "Predictions", "Recipe", "Run", "Selection", "Target", "__version__"]

_HOMES = {
    "CutoutSet": "galviz.sky.cutouts",
    "Predictions": "galviz.runs.predictions",
    "Recipe": "galviz.runs.recipe",
    "Run": "galviz.runs.run",
    "Selection": "galviz.tools.selection.core",
    "Target": "galviz.tasks.target",
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
