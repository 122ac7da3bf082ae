"""Estimates of a field shifted together: an error that all its objects share can be seen without any label."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from galviz.measure.linear_baseline import Offset
from galviz.nn.inference.predict import network_of
from galviz.runs.best_fits import is_gan
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet

FEWEST = 50
"""Smallest number of objects in a field whose estimates are shifted: the mean of fewer is too uncertain."""


def recentred(predictions: Predictions, runs: Sequence[Run], cutouts: CutoutSet, column: str) -> Predictions:
    """Return predictions whose mean in each field is what the runs expect before they see the pictures.

    A network that has not seen the seeing, the background or the zero points of a field errs alike for all its objects.
    Where the objects of a field are drawn as those of the training were, the mean of its estimates shows that error:
    it should be the mean of the linear baseline (the recipe's `offset`), or without one, that of the training objects.
    A field that is really richer than others loses that difference, so use it for fields, not for single clusters.

    Parameters
    ----------
    predictions : Predictions
        Of a regression of one number.
    runs : sequence of Run
        The runs that made them.
    cutouts : CutoutSet
        The objects.
    column : str
        Catalogue column with the field, or another group, of each object.

    Returns
    -------
    Predictions
        Estimate, p16 and p84 are shifted; the column ``t_shift`` says by how much. It is 0 in groups of fewer than 50
        objects, and where the column is empty.

    Raises
    ------
    KeyError
        If the catalogue lacks the column.
    ValueError
        If the target is not one number, or a network does not know the mean of its target.
    """
    check(runs, cutouts.catalogue, column)
    target = predictions.target
    table = predictions.table.copy()
    rows = cutouts.catalogue.loc[table.index]
    expected = np.mean([_expected(run, rows) for run in runs], axis=0)
    differs = expected - table[target.name].to_numpy(float)
    shift = np.zeros(len(table))
    for members in rows.groupby(column, observed=True).indices.values():
        if len(members) >= FEWEST:
            shift[members] = np.nanmean(differs[members])
    for name in (target.name, f"{target.name}_p16", f"{target.name}_p84"):
        if name in table:
            table[name] += shift
    return Predictions(table.assign(**{f"{target.name}_shift": shift}), target)


def check(runs: Sequence[Run], catalogue: pd.DataFrame, column: str) -> None:
    """Raise what `recentred` raises, before anything is predicted."""
    if column not in catalogue.columns:
        known = ", ".join(map(str, catalogue.columns)) or "no columns"
        raise KeyError(f"recentre: expected a column of the catalogue, got {column!r}. It has {known}.")
    for run in runs:
        target, network = run.target, run.recipe.network
        if not target.numeric or len(target.columns) > 1:
            raise ValueError(f"recentre: expected a regression of one number, got {target.task} of {target.name}.")
        if is_gan(run.recipe) or not network.standardise or network.head == "as_published":
            raise ValueError(
                f"recentre: expected a network that knows the mean of its target, got {run.name} of "
                f"{run.recipe.name}. Train one whose network.standardise is true."
            )


def _expected(run: Run, catalogue: pd.DataFrame) -> np.ndarray:
    mean, offset = float(network_of(run).centre[0]), Offset.from_json(run.info.get("offset"))
    return np.full(len(catalogue), mean) if offset is None else mean + offset.of(catalogue)
