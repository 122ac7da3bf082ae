"""Maps of latents: a plane in which objects that look similar to a network lie close together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from galviz.io.files import read_parquet
from galviz.io.ids import check_ids
from galviz.runs.predictions import Predictions, joined
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.class_words import with_class_words

PLACES = ("latent 1", "latent 2")
"""Columns of the first two principal components."""

SAVED_PLACES = ("map 1", "map 2")
"""Columns of a map that was saved: by UMAP, or by anything else."""

SAVED = ("umap.parquet", "map.parquet")
"""Names of a file with a saved map beside the latents. The first that exists is used."""

_NOT_LATENT = ("truth", "dealt")  # columns in a latents file that are not latents


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Positions of N objects in a plane.

    Parameters
    ----------
    places : pandas.DataFrame
        N rows, index ``object_id``. Columns `PLACES`, and also `SAVED_PLACES` if there is a saved map. NaN where an
        object has no position.
    shares : (float, float)
        Fraction of the variance of the latents along each of `PLACES`, 0 to 1.
    saved : str
        Name of the file with the saved map, ``""`` if there is none.
    """

    places: pd.DataFrame
    shares: tuple[float, float]
    saved: str = ""

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Read latents, compute their principal components, and read a saved map if there is one.

        Parameters
        ----------
        path : str or Path
            A Parquet file with index ``object_id`` and one column per latent. Columns ``truth`` and ``dealt`` are
            ignored. Of a saved map (`SAVED`, in the same folder) the first two numeric columns are used.

        Raises
        ------
        ValueError
            If there are fewer than two objects or two numeric columns, or if ids are not strings or not unique.
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
    """Return the first two principal components of latents.

    Parameters
    ----------
    latents : pandas.DataFrame
        Shape (N, D), N and D at least 2. An object with a NaN is left out of the fit and gets no position (NaN).

    Returns
    -------
    places : pandas.DataFrame
        Columns `PLACES`, shape (N, 2), float64, with the index and the unit of `latents`.
    shares : (float, float)
        Fraction of the variance along each component.

    Raises
    ------
    ValueError
        If there are fewer than two objects or two latents.
    """
    from sklearn.decomposition import PCA  # imported here because it takes a second

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
    """Return one table with positions in the latent map, predictions and the catalogue.

    Parameters
    ----------
    found : LatentMap
    cutouts : CutoutSet, optional
        Its catalogue is joined. Objects that are not in it are left out.
    predictions : Predictions, optional
        Joined with `galviz.runs.predictions.joined`.

    Returns
    -------
    pandas.DataFrame
        One row per object, in the order of `found`.

    Raises
    ------
    ValueError
        If no object of the map is in `cutouts`.
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
    return with_class_words(table, None if predictions is None else predictions.target)


def _numbers(path: Path) -> pd.DataFrame:
    """Read the numeric columns of a Parquet file, indexed by `object_id`."""
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
