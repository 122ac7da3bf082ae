"""Spectral templates of galaxies: the light of four types in survey bands, as a function of redshift."""

from functools import lru_cache

import galsim
import numpy as np

TYPES = ("E", "Sbc", "Scd", "Im")
"""Spectral types, from red to blue."""

BANDS = ("u", "g", "r", "i", "z", "y")
"""Bands of `template_magnitudes`."""


@lru_cache(maxsize=4)
def template_magnitudes(bands: tuple[str, ...], z_most: float) -> tuple[np.ndarray, np.ndarray]:
    """Return AB magnitudes of redshifted templates, up to a constant of each type.

    The spectra of Coleman, Wu & Weedman (1980) that come with GalSim, in its LSST passbands, which are similar to those
    of SDSS and HSC. Absorption between the galaxies is not included: above z = 2, u is too bright.

    Parameters
    ----------
    bands : tuple of str, length B
        Some of `BANDS`.
    z_most : float
        Highest redshift.

    Returns
    -------
    z : numpy.ndarray, shape (Z,)
        0 to `z_most` in steps of about 0.01.
    magnitudes : numpy.ndarray, shape (4, Z, B)
        Of each of `TYPES`.

    References
    ----------
    Coleman, Wu & Weedman (1980), ApJS 43, 393.
    """
    grid = np.linspace(0, z_most, max(2, round(100 * z_most) + 1))
    passbands = [galsim.Bandpass(f"LSST_{band}.dat", "nm").withZeropoint("AB") for band in bands]
    table = np.empty((len(TYPES), len(grid), len(bands)))
    for t, name in enumerate(TYPES):
        spectrum = galsim.SED(f"CWW_{name}_ext.sed", wave_type="Ang", flux_type="flambda")
        for k, z in enumerate(grid):
            shifted = spectrum.atRedshift(z)
            table[t, k] = [shifted.calculateMagnitude(passband) for passband in passbands]
    return grid, table
