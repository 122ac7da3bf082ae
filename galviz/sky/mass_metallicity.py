"""The relation of stellar mass and gas metallicity."""

import numpy as np
from numpy.typing import ArrayLike


def metallicity_of(log_mass: ArrayLike) -> np.ndarray:
    """Return the median 12 + log(O/H) of star-forming galaxies at a stellar mass, −1.492 + 1.847 m − 0.08026 m².

    Parameters
    ----------
    log_mass : array_like
        m = log₁₀ of the stellar mass in solar masses. The relation was measured for 8.5 < m < 11.5.

    Returns
    -------
    numpy.ndarray of float64
        The shape of `log_mass`; NaN where it is NaN.

    References
    ----------
    Tremonti et al. (2004), ApJ 613, 898, equation 3.
    """
    mass = np.asarray(log_mass, dtype=np.float64)
    return -1.492 + 1.847 * mass - 0.08026 * mass**2
