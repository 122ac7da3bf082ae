"""A drawn cluster and the set of many: code shared by the fully synthetic and the embedded sky."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from galviz.sky.cosmology import COSMOLOGY
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import laws
from galviz.sky.mock.clusters import Cluster
from galviz.sky.mock.colours import BANDS, MAGNITUDES

MARGIN = 10.0
"""Sources up to this distance outside a cutout still contribute light to it, arcsec."""


@dataclass(frozen=True)
class Drawn:
    """A drawn cutout of a cluster.

    Parameters
    ----------
    object_id : str
    image : numpy.ndarray of float32, shape (5, H, W)
        Nanomaggies per pixel.
    row : dict
        Its row of the catalogue.
    pixel_scale : float
        arcsec/pixel.
    plane : mapping of str to float
        Its tangent plane, `galviz.sky.checks.WCS_COLUMNS`.
    sources : pandas.DataFrame
        As `list_sources` gives it.
    """

    object_id: str
    image: np.ndarray
    row: dict[str, float | str]
    pixel_scale: float
    plane: Mapping[str, float]
    sources: pd.DataFrame


def gather(drawn: list[Drawn], origin: str) -> CutoutSet:
    """Return the set of drawn cutouts; `origin` describes them for pages."""
    ids = pd.Index([one.object_id for one in drawn], name="object_id")
    return CutoutSet(
        images=np.stack([one.image for one in drawn]),
        bands=BANDS,
        catalogue=pd.DataFrame([one.row for one in drawn], index=ids),
        pixel_scale=np.array([one.pixel_scale for one in drawn]),
        unit="nanomaggy",
        wcs=pd.DataFrame([one.plane for one in drawn], index=ids),
        sources=pd.concat([one.sources for one in drawn], ignore_index=True),
        origin=origin,
        survey="sdss",
    )


def describe(cluster: Cluster, scene: pd.DataFrame, ra: float, dec: float) -> dict[str, float]:
    """Return the catalogue columns of a drawn cluster. The first row of `scene` is its BCG."""
    return {
        "richness": cluster.richness,
        "richness_drawn": cluster.richness_drawn,
        "z": cluster.z,
        "ra": ra,
        "dec": dec,
        "r_lambda": laws.r_lambda(cluster.richness),
        "mag_limit_i": laws.m_star(cluster.z) + laws.LIMIT,
        "bcg_mag_i": scene["mag_i"].iloc[0],
    }


def near(scene: pd.DataFrame, wide: float) -> pd.DataFrame:
    """Return the sources in a square of `wide` arcsec around the centre."""
    return scene[(scene[["x", "y"]].abs() <= wide / 2).all(axis=1)]


def list_sources(scene: pd.DataFrame, object_id: str, scale: float, size: int) -> pd.DataFrame:
    """Return the sources inside the cutout, with positions in pixels from 0."""
    pixels = scene[["x", "y"]] / scale + (size - 1) / 2
    inside = ((pixels >= -0.5) & (pixels < size - 0.5)).all(axis=1)
    about = scene.loc[inside, ["kind", "p_mem", "red_sequence", "z", *MAGNITUDES]]
    return pd.concat([pixels[inside], about], axis=1).assign(object_id=object_id)


def kpc_per_arcsec(z: float) -> float:
    """Return the proper scale at a redshift, kpc per arcsec."""
    return COSMOLOGY.kpc_proper_per_arcmin(z).value / 60
