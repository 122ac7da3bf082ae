"""Random clusters: redshift and richness, and a table of galaxies."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from galviz.sky.mock import laws
from galviz.sky.mock.colours import galaxy_colours, magnitudes

DEPTH = 22.0
"""Members are drawn down to this i magnitude, about the depth of SDSS, and to 0.2 L* where that is fainter."""

_REACH = 1.5  # members are drawn to this many R_λ
_BELOW_ENTRY = 0.45  # expected richness starts here, in units of what a cluster needs to enter the catalogue


@dataclass(frozen=True)
class Cluster:
    """A cluster with its catalogue values.

    Parameters
    ----------
    z : float
        Redshift.
    richness : int
        Members brighter than 0.2 L* inside R_λ(`richness`), the BCG among them.
    richness_drawn : float
        Expected richness, drawn from the law of the population.
    radii : numpy.ndarray, shape (K,)
        Distances of all members above the limit from the centre, Mpc, ascending; the BCG's 0 is the first.
    """

    z: float
    richness: int
    richness_drawn: float
    radii: np.ndarray


def draw_cluster(rng: np.random.Generator, nearest: float = 0.0) -> Cluster:
    """Draw a cluster that redMaPPer would have found, at a redshift of at least `nearest`.

    The expected richness follows a decreasing law. The number of members has Poisson scatter, members are counted
    inside their own R_λ, and the cluster is kept if the count reaches the threshold at its redshift. The resulting
    richness follows the real catalogue, including its threshold and scatter.
    """
    z = laws.draw_redshift(rng)
    while z < nearest:
        z = laws.draw_redshift(rng)
    entry = laws.draw_entry(z, rng)
    while True:
        expected = laws.draw_expected_richness(z, _BELOW_ENTRY * entry, rng)
        inside = laws.r_lambda(expected)
        growth = laws.members_within(_REACH * inside) / laws.members_within(inside)
        satellites = laws.draw_radii(rng.poisson((expected - 1) * growth), _REACH * inside, rng)
        radii = np.concatenate([[0.0], satellites])
        richness = laws.counted_richness(radii)
        if richness >= entry:
            return Cluster(z, richness, expected, radii)


def cluster_galaxies(cluster: Cluster, kpc_per_arcsec: float, rng: np.random.Generator) -> pd.DataFrame:
    """Draw the galaxies of a cluster: the BCG, the members above the limit, and the fainter ones.

    Parameters
    ----------
    cluster : Cluster
    kpc_per_arcsec : float
        Proper scale at its redshift.
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        One row per galaxy, the BCG first: x, y (arcsec from the centre), kind, p_mem, red_sequence, z, mag_u … mag_z,
        radius (half-light, arcsec), sersic (index), axis_ratio, angle (radians).
    """
    m_star = laws.m_star(cluster.z)
    radii, below = _members(cluster, max(DEPTH - m_star, laws.LIMIT), rng)
    size = len(radii)
    place = rng.uniform(0, 2 * np.pi, size)
    radii[0] = abs(rng.normal(0, 0.01))
    red = rng.uniform(size=size) > _blue_fraction(cluster, radii, below)
    red[0] = True
    z = np.full(size, cluster.z)
    kpc, sersic = _shapes(below, red, rng)
    kpc[0], sersic[0] = 18 * 10 ** (-0.24 * (below[0] + 1.25)), 4
    return pd.DataFrame(
        {
            "x": radii * np.cos(place) * 1000 / kpc_per_arcsec,
            "y": radii * np.sin(place) * 1000 / kpc_per_arcsec,
            "kind": np.where(np.arange(size) == 0, "bcg", "member"),
            "p_mem": 1.0,
            "red_sequence": red,
            "z": z,
            **magnitudes(m_star + below, "i", galaxy_colours(z, below, red, rng)),
            "radius": kpc / kpc_per_arcsec,
            "sersic": sersic,
            "axis_ratio": rng.uniform(np.where(red, 0.5, 0.25), 1.0),
            "angle": rng.uniform(0, np.pi, size),
        }
    )


def _members(cluster: Cluster, faint: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return radii (Mpc) and magnitudes below m* of the BCG, the members above the limit and the fainter ones."""
    bright = laws.draw_luminosities(len(cluster.radii), -2.0, laws.LIMIT, rng)
    bright[0] = -1.25 - 0.8 * np.log10(cluster.richness / 33) + rng.normal(0, 0.3)
    share = laws.members_brighter(faint) / laws.members_brighter(laws.LIMIT) - 1
    reach = _REACH * laws.r_lambda(cluster.richness_drawn)
    number = (cluster.richness_drawn - 1) * laws.members_within(reach) / laws.members_within(reach / _REACH)
    extra = rng.poisson(number * share)
    below = np.concatenate([np.maximum(bright, bright[0]), laws.draw_luminosities(extra, laws.LIMIT, faint, rng)])
    return np.concatenate([cluster.radii, laws.draw_radii(extra, reach, rng)]), below


def _blue_fraction(cluster: Cluster, radii: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the blue fraction: higher in the outskirts, for faint galaxies and at high z (Butcher & Oemler 1984)."""
    outside = radii / laws.r_lambda(cluster.richness)
    return np.clip(0.05 + 0.15 * outside + 0.05 * below + 0.3 * (cluster.z - 0.2), 0.02, 0.6)


def _shapes(below: np.ndarray, red: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return half-light radii in kpc (Shen et al. 2003) and Sérsic indices, few, so that GalSim shares its tables."""
    kpc = 5.5 * 10 ** (-0.4 * np.where(red, 0.6, 0.25) * below) * np.exp(0.3 * rng.normal(size=len(below)))
    return np.clip(kpc, 1.2, 30), np.where(red, np.where(below < 0.5, 4, 2), 1)
