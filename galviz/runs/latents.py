"""A map of latents: the plane on which objects that a network sees alike lie close, and the table of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from galviz.io.files import read_parquet
from galviz.io.ids import check_ids
from galviz.runs.predictions import Predictions, joined
from galviz.sky.cutouts import CutoutSet

PLACES = ("latent 1", "latent 2")
"""Columns of the first two principal components."""

SAVED_PLACES = ("map 1", "map 2")
"""Columns of a map that was saved: by UMAP, or by anything else."""

SAVED = ("umap.parquet", "map.parquet")
"""Files in which a map may be saved beside the latents, the first that is there counts."""

_NOT_LATENT = ("truth", "dealt")  # columns of a file of latents that are none


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Places of N objects in a plane.

    Parameters
    ----------
    places : pandas.DataFrame
        N rows, index ``object_id``; the columns `PLACES`, and `SAVED_PLACES` where a map was saved. NaN: no place.
    shares : (float, float)
        Which part of the variance of the latents lies along each of `PLACES`, 0 to 1.
    saved : str
        Name of the file with the saved map, ``""`` where there is none.
    """

    places: pd.DataFrame
    shares: tuple[float, float]
    saved: str = ""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read latents and find their principal components; read a saved map beside them too.

        Parameters
        ----------
        path : str or Path
            A Parquet file: index ``object_id``, a column a latent; truth and dealt, if there, are left out. Of a saved
            map (`SAVED`, in the same folder) the first two columns count.

        Raises
        ------
        ValueError
            If there are fewer than two objects or two columns of numbers, or ids that are no strings or not unique.
        """
        path = Path(path)
        latents = _numbers(path)
        places, shares = principal_components(latents.drop(columns=list(_NOT_LATENT), errors="ignore"))
        saved = next((name for name in SAVED if (path.parent / name).is_file()), "")
        if saved:
            given = _numbers(path.parent / saved).iloc[:, :2].set_axis(list(SAVED_PLACES), axis=1)
            places = places.join(given)
        return cls(places, shares, saved)


def principal_components(latents: pd.DataFrame) -> tuple[pd.DataFrame, tuple[float, float]]:
    """Give the first two principal components of latents.

    Parameters
    ----------
    latents : pandas.DataFrame
        (N, D) numbers, N and D at least 2. An object with NaN has no place and does not count.

    Returns
    -------
    places : pandas.DataFrame
        Columns `PLACES`, (N, 2), float64, indexed as `latents`, in its unit.
    shares : (float, float)
        Which part of the variance lies along each.

    Raises
    ------
    ValueError
        If there are fewer than two objects or two latents.
    """
    from sklearn.decomposition import PCA  # a second to import: only where it is needed

    values = latents.to_numpy(np.float64)
    known = np.isfinite(values).all(axis=1)
    if known.sum() < 2 or values.shape[1] < 2:
        raise ValueError(
            f"latents: expected at least two objects with two latents, got {known.sum()} with {values.shape[1]}. "
            "Train on a larger sky."
        )
    components = PCA(2, random_state=0).fit(values[known])
    places = np.full((len(values), 2), np.nan)
    places[known] = components.transform(values[known])
    first, second = np.nan_to_num(components.explained_variance_ratio_)
    return pd.DataFrame(places, index=latents.index, columns=list(PLACES)), (float(first), float(second))


def latent_table(
    found: LatentMap, cutouts: CutoutSet | None = None, predictions: Predictions | None = None
) -> pd.DataFrame:
    """Put the places of objects, what a network said of them, and the catalogue of their sky side by side.

    Parameters
    ----------
    found : LatentMap
    cutouts : CutoutSet, optional
        Whose catalogue is joined.
    predictions : Predictions, optional
        As `galviz.runs.predictions.joined` gives them.

    Returns
    -------
    pandas.DataFrame
        A row an object of `found` that the sky knows, in the order of `found`.

    Raises
    ------
    ValueError
        If the sky knows none of the objects.
    """
    places = found.places
    if cutouts is not None:
        places = places[places.index.isin(cutouts.catalogue.index)]
        if not len(places):
            raise ValueError("latents: expected objects of this sky, got none of it. Choose the sky of the run.")
    more = [] if cutouts is None else [cutouts.catalogue]
    more = more if predictions is None else [joined(predictions, cutouts), *more]
    table = places
    for one in more:
        table = table.join(one[[name for name in one.columns if name not in table]])
    return table


def _numbers(path: Path) -> pd.DataFrame:
    """Read the columns of numbers of a Parquet file, keyed by `object_id`."""
    table = read_parquet(path)
    try:
        check_ids(table.index)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path.name}: {error}") from None
    numbers = table.select_dtypes("number")
    if numbers.shape[1] < 2:
        raise ValueError(
            f"{path.name}: expected two columns of numbers indexed by object_id, got {numbers.shape[1]}. Save it again."
        )
    return numbers.rename_axis("object_id")
