"""Statistics of redMaPPer clusters in SDSS: redshifts, richness, radius, luminosity function, profile.

Numbers are fits to the SDSS DR8 catalogue v6.3 of 26,111 clusters (Rykoff et al. 2014, ApJ 785, 104; Rykoff et al.
2016, ApJS 224, 1), so that nothing here needs the catalogue itself.
"""

import numpy as np
from scipy.special import exp1

HUBBLE = 0.7
"""H0 in 100 km/s/Mpc."""

LIMIT = -2.5 * np.log10(0.2)
"""The luminosity limit of 0.2 L*, in magnitudes below m*."""

_Z_EDGES = np.linspace(0.08, 0.60, 27)
_Z_COUNTS = [169, 217, 297, 369, 555, 615, 638, 897, 1044, 1021, 991, 1069, 1511]
_Z_COUNTS += [2230, 2232, 1967, 2054, 2024, 1728, 1241, 1040, 831, 626, 442, 212, 68]
_Z_CDF = np.concatenate([[0], np.cumsum(_Z_COUNTS)]) / sum(_Z_COUNTS)

# Richness at which clusters enter the catalogue: 20, and more where 0.2 L* is fainter than the survey's depth.
_ENTRY_Z = [0.35, 0.37, 0.39, 0.41, 0.43, 0.45, 0.47, 0.49, 0.51, 0.53, 0.55, 0.57, 0.59]
_ENTRY = [18.5, 20.0, 22.3, 24.4, 26.6, 29.4, 32.7, 35.9, 40.0, 44.5, 48.9, 53.9, 61.5]
_ENTRY_SCATTER = 0.055  # in ln: the depth differs over the sky

# Expected richness: dn/dλ ∝ λ^-2.2 exp(-λ/λ_c). Massive clusters are rarer at high redshift.
_SLOPE = 2.2
_CUT_Z, _CUT = [0.15, 0.33, 0.43], [46.0, 38.0, 35.0]

_SCALE_RADIUS = 0.15 / HUBBLE  # Mpc, projected NFW (Rykoff et al. 2014, eq. 7)
_RADII = np.geomspace(1e-4, 10.0, 4000)


def draw_redshift(rng: np.random.Generator) -> float:
    """Draw the redshift of a redMaPPer cluster: the counts of the catalogue in steps of 0.02, linear within a step."""
    return float(np.interp(rng.uniform(), _Z_CDF, _Z_EDGES))


def draw_entry(z: float, rng: np.random.Generator) -> float:
    """Draw the richness that a cluster at this redshift needs to be in the catalogue: 20, rising from z = 0.35 on."""
    return max(20.0, float(np.interp(z, _ENTRY_Z, _ENTRY)) * np.exp(_ENTRY_SCATTER * rng.normal()))


def draw_expected_richness(z: float, above: float, rng: np.random.Generator) -> float:
    """Draw λ from dn/dλ ∝ λ^-2.2 exp(-λ/λ_c(z)) for λ > `above`."""
    cut = np.interp(z, _CUT_Z, _CUT)
    while True:
        richness = above * rng.uniform() ** (-1 / (_SLOPE - 1))
        if rng.uniform() < np.exp((above - richness) / cut):
            return float(richness)


def r_lambda(richness: float | np.ndarray) -> float | np.ndarray:
    """Return the radius inside which richness is counted: 1.0 (λ/100)^0.2 h⁻¹ Mpc, proper, for h = 0.7.

    Parameters
    ----------
    richness : float or numpy.ndarray
        λ, any shape.

    Returns
    -------
    float or numpy.ndarray
        Mpc, same shape.

    References
    ----------
    Rykoff et al. (2014), ApJ 785, 104, eq. 4.
    """
    return (richness / 100) ** 0.2 / HUBBLE


def counted_richness(radii: np.ndarray) -> int:
    """Return the richness counted inside its own radius: the largest λ with n(r ≤ R_λ(λ)) = λ.

    Parameters
    ----------
    radii : numpy.ndarray, shape (K,)
        Distances from the centre in Mpc, ascending, of the members above the luminosity limit, the BCG among them.

    Returns
    -------
    int
        The richness; 0 if there is no member.
    """
    count = len(radii)
    while (inside := int(np.searchsorted(radii, r_lambda(count), side="right"))) != count:
        count = inside
    return count


def m_star(z: float | np.ndarray) -> float | np.ndarray:
    """Return the apparent i magnitude of an L* galaxy with an old, passively evolving population.

    Parameters
    ----------
    z : float or numpy.ndarray
        Redshift, 0.05–0.7; any shape.

    Returns
    -------
    float or numpy.ndarray
        SDSS i magnitude, same shape.

    References
    ----------
    Rykoff et al. (2014), ApJ 785, 104, eq. 9.
    """
    low, high = (0.2730, -0.0618, -0.0227), (-11.22, -27.11, -18.02)
    x = np.log(z)
    near = 22.44 + 3.36 * x + low[0] * x**2 + low[1] * x**3 + low[2] * x**4
    far = 22.94 + 3.08 * x + high[0] * x**2 + high[1] * x**3 + high[2] * x**4
    return np.where(np.asarray(z) <= 0.5, near, far)[()]


def members_brighter(below_m_star: float | np.ndarray) -> float | np.ndarray:
    """Return the integral of the Schechter function with α = −1 (in units of φ*) down to this magnitude below m*."""
    return exp1(10 ** (-0.4 * np.asarray(below_m_star)))[()]


def draw_luminosities(size: int, bright: float, faint: float, rng: np.random.Generator) -> np.ndarray:
    """Draw magnitudes relative to m*, between two limits, from a Schechter function with α = −1; shape (size,)."""
    grid = np.linspace(bright, faint, 400)
    cdf = members_brighter(grid)
    return np.interp(rng.uniform(cdf[0], cdf[-1], size), cdf, grid)


def _enclosed(radii: np.ndarray) -> np.ndarray:
    x = radii / _SCALE_RADIUS
    inner, outer = np.minimum(x, 1 - 1e-9), np.maximum(x, 1 + 1e-9)
    arc = np.where(x < 1, np.arccosh(1 / inner) / np.sqrt(1 - inner**2), np.arccos(1 / outer) / np.sqrt(outer**2 - 1))
    return np.log(x / 2) + arc


_ENCLOSED = _enclosed(_RADII)


def members_within(radius: float | np.ndarray) -> float | np.ndarray:
    """Return the number of members inside a radius in Mpc, in arbitrary units: a projected NFW profile.

    The scale radius is 0.15 h⁻¹ Mpc.

    References
    ----------
    Bartelmann (1996), A&A 313, 697; Rykoff et al. (2014), eq. 7.
    """
    return np.interp(radius, _RADII, _ENCLOSED)


def draw_radii(size: int, within: float, rng: np.random.Generator) -> np.ndarray:
    """Draw distances from the centre in Mpc, ascending, inside a radius, from the projected NFW profile."""
    return np.interp(np.sort(rng.uniform(0, members_within(within), size)), _ENCLOSED, _RADII)
