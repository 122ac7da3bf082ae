"""Foreground and background of a cluster: field galaxies and stars, as tables like those of clusters.

Counts were measured on four SDSS DR17 fields, colours of galaxies on 4,830 SDSS galaxies to i = 21.
"""

import numpy as np
import pandas as pd

from galviz.sky.mock.clusters import DEPTH
from galviz.sky.mock.colours import galaxy_colours, magnitudes, star_colours
from galviz.sky.mock.laws import m_star

# log10 of the number per r magnitude and square arcmin at r = 20, its slope, and the scatter from place to place in ln
_GALAXIES = (-0.47, 0.45, 0.30)
_STARS = (-0.72, 0.11, 0.30)
_BRIGHT = 13.0


def field_galaxies(side: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the galaxies of a square patch of sky to r = 22.

    Parameters
    ----------
    side : float
        Side of the patch, arcsec, centred on (0, 0).
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Columns as `galviz.sky.mock.clusters.cluster_galaxies`; kind is ``"field"``.
    """
    r = _draw_magnitudes(_GALAXIES, side, rng)
    size = len(r)
    z = 0.27 * 10 ** (0.12 * (r - 20)) / 1.412 * rng.gamma(2.0, size=size) ** (2 / 3)
    z = np.clip(z, 0.02, 0.75)
    red = rng.uniform(size=size) < np.clip(0.45 - 0.07 * (r - 18), 0.15, 0.55)
    below = np.clip(r - 0.5 - m_star(np.clip(z, 0.05, 0.7)), -2, 4)
    radius = 10 ** (-0.13 * (r - 20)) * np.exp(0.35 * rng.normal(size=size))
    return _table(
        side,
        rng,
        kind="field",
        red_sequence=red,
        z=z,
        **magnitudes(r, "r", galaxy_colours(z, below, red, rng)),
        radius=np.clip(radius, 0.2, 8.0),
        sersic=np.where(red, 2, 1),
        axis_ratio=rng.uniform(np.where(red, 0.5, 0.25), 1.0),
        angle=rng.uniform(0, np.pi, size),
    )


def stars(side: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the stars of a square patch of sky, r from 13 to 22, at high galactic latitude.

    Parameters
    ----------
    side : float
        Side of the patch, arcsec, centred on (0, 0).
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        Columns as `galviz.sky.mock.clusters.cluster_galaxies`; kind is ``"star"``, radius and sersic are 0.
    """
    r = _draw_magnitudes(_STARS, side, rng)
    size = len(r)
    disc, halo = 0.65 + np.abs(rng.normal(0, 0.35, size)), rng.normal(2.35, 0.35, size)
    dwarf = rng.uniform(size=size) < np.clip(0.15 + 0.08 * (r - 15), 0.1, 0.6)
    colours = star_colours(np.clip(np.where(dwarf, halo, disc), -0.17, 3.0), rng)
    nothing = np.zeros(size)
    return _table(
        side,
        rng,
        kind="star",
        red_sequence=False,
        z=nothing,
        **magnitudes(r, "r", colours),
        radius=nothing,
        sersic=nothing.astype(int),
        axis_ratio=nothing + 1,
        angle=nothing,
    )


def _draw_magnitudes(counts: tuple[float, float, float], side: float, rng: np.random.Generator) -> np.ndarray:
    level, slope, scatter = counts
    steep = slope * np.log(10)
    low, high = np.exp(steep * (_BRIGHT - 20)), np.exp(steep * (DEPTH - 20))
    area = (side / 60) ** 2 * np.exp(scatter * rng.normal() - scatter**2 / 2)
    number = rng.poisson(10**level * (high - low) / steep * area)
    return 20 + np.log(rng.uniform(low, high, number)) / steep


def _table(side: float, rng: np.random.Generator, **columns: object) -> pd.DataFrame:
    size = len(columns["z"])
    x, y = rng.uniform(-side / 2, side / 2, (2, size))
    return pd.DataFrame({"x": x, "y": y, "kind": columns.pop("kind"), "p_mem": 0.0, **columns})
