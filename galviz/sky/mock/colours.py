"""Colours u−g, g−r, r−i, i−z of galaxies as a function of redshift, and of stars along the stellar locus.

The red sequence is that of redMaPPer's red galaxies in SDSS DR8 with spectra (z 0.10–0.20) and of its red-sequence
model (to 0.30; Rykoff et al. 2014), carried on with the ridge of red galaxies with spectra in Stripe 82. The blue
track follows the Scd galaxy of Coleman, Wu & Weedman (1980), set to the blue edge of the same galaxies. The stellar
locus was measured on point sources in SDSS frames.
"""

import numpy as np
import pandas as pd

BANDS = ("u", "g", "r", "i", "z")
MAGNITUDES = tuple(f"mag_{band}" for band in BANDS)

_Z = [0.05, 0.10, 0.125, 0.15, 0.175, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.55, 0.60, 0.65, 0.75]
_RED = np.array(
    [
        [1.75, 1.83, 1.865, 1.90, 1.94, 1.97, 2.03, 2.10, 2.16, 2.20, 2.22, 2.22, 2.20, 2.18, 2.15, 2.10],
        [0.83, 0.916, 0.982, 1.059, 1.145, 1.225, 1.370, 1.490, 1.630, 1.735, 1.780, 1.80, 1.81, 1.81, 1.81, 1.81],
        [0.375, 0.409, 0.423, 0.440, 0.460, 0.478, 0.520, 0.551, 0.595, 0.640, 0.710, 0.80, 0.91, 1.02, 1.10, 1.20],
        [0.290, 0.329, 0.335, 0.335, 0.327, 0.328, 0.330, 0.344, 0.352, 0.370, 0.390, 0.41, 0.43, 0.455, 0.47, 0.52],
    ]
)
_SLOPE = np.array([-0.094, -0.032, -0.012, -0.008])  # per magnitude fainter than m*
_SCATTER = np.array([0.10, 0.045, 0.022, 0.025])

_BLUE_Z = [0.05, 0.10, 0.15, 0.20, 0.25, 0.30, 0.35, 0.40, 0.45, 0.50, 0.60, 0.75]
_BLUE = np.array(
    [
        [1.05, 1.08, 1.08, 1.05, 1.00, 0.95, 0.90, 0.80, 0.72, 0.65, 0.55, 0.45],
        [0.48, 0.54, 0.60, 0.67, 0.74, 0.81, 0.88, 0.93, 0.97, 0.98, 0.95, 0.85],
        [0.27, 0.30, 0.31, 0.32, 0.33, 0.34, 0.36, 0.39, 0.44, 0.50, 0.61, 0.72],
        [0.15, 0.16, 0.17, 0.17, 0.17, 0.18, 0.19, 0.20, 0.20, 0.21, 0.24, 0.30],
    ]
)
_BLUE_SCATTER = np.array([0.25, 0.10, 0.05, 0.07])

_LOCUS_GI = [-0.17, 0.30, 0.63, 0.97, 1.42, 1.80, 2.20, 2.60, 3.00]
_LOCUS = np.array(
    [
        [1.19, 0.93, 1.20, 1.70, 2.20, 2.57, 2.55, 2.50, 2.50],
        [-0.07, 0.25, 0.465, 0.70, 1.02, 1.26, 1.435, 1.50, 1.525],
        [-0.10, 0.05, 0.165, 0.265, 0.39, 0.53, 0.765, 1.10, 1.475],
        [-0.08, 0.03, 0.066, 0.134, 0.208, 0.294, 0.443, 0.622, 0.80],
    ]
)
_LOCUS_SCATTER = np.array([0.12, 0.04, 0.03, 0.03])


def red_sequence(z: float | np.ndarray, below_m_star: float | np.ndarray = 0.0) -> np.ndarray:
    """Return the mean colours of red galaxies. Fainter ones are slightly bluer.

    Parameters
    ----------
    z : float or numpy.ndarray, shape (K,)
        Redshift; the track is constant outside 0.05–0.75.
    below_m_star : float or numpy.ndarray, shape (K,)
        i magnitude minus m*(z).

    Returns
    -------
    numpy.ndarray, shape (K, 4)
        u−g, g−r, r−i, i−z in mag.
    """
    track = np.array([np.interp(z, _Z, colour) for colour in _RED])
    return np.atleast_2d(track.T + np.multiply.outer(np.asarray(below_m_star), _SLOPE))


def blue_cloud(z: float | np.ndarray) -> np.ndarray:
    """Return the mean colours of star-forming galaxies at these redshifts; shape (K, 4) as in `red_sequence`."""
    return np.atleast_2d(np.array([np.interp(z, _BLUE_Z, colour) for colour in _BLUE]).T)


def galaxy_colours(z: np.ndarray, below_m_star: np.ndarray, red: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw colours: red galaxies scatter around the red sequence, blue ones lie between the blue cloud and it.

    Parameters
    ----------
    z, below_m_star : numpy.ndarray, shape (K,)
        Redshift, and i magnitude minus m*(z).
    red : numpy.ndarray of bool, shape (K,)
        True on the red sequence.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (K, 4)
        u−g, g−r, r−i, i−z in mag.
    """
    size = len(z)
    sequence = red_sequence(z, np.clip(below_m_star, -3, 5))
    towards_red = rng.beta(1.5, 2.0, (size, 1))
    blue = blue_cloud(z) * (1 - towards_red) + sequence * towards_red
    noise = rng.normal(size=(size, 4))
    return np.where(red[:, None], sequence + noise * _SCATTER, blue + noise * _BLUE_SCATTER)


def star_colours(g_minus_i: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw colours of stars around the stellar locus for these g−i: (K,) -> (K, 4)."""
    locus = np.array([np.interp(g_minus_i, _LOCUS_GI, colour) for colour in _LOCUS]).T
    return locus + rng.normal(size=locus.shape) * _LOCUS_SCATTER


def magnitudes(anchor: np.ndarray, band: str, colours: np.ndarray) -> pd.DataFrame:
    """Return five magnitudes from one magnitude and four colours.

    Parameters
    ----------
    anchor : numpy.ndarray, shape (K,)
        Magnitudes in `band`.
    band : str
        One of `BANDS`.
    colours : numpy.ndarray, shape (K, 4)
        u−g, g−r, r−i, i−z.

    Returns
    -------
    pandas.DataFrame
        K rows, columns `MAGNITUDES`.
    """
    steps = np.concatenate([np.zeros((len(anchor), 1)), np.cumsum(colours, axis=1)], axis=1)
    k = BANDS.index(band)
    return pd.DataFrame(anchor[:, None] + steps[:, [k]] - steps, columns=list(MAGNITUDES))
