"""From merger fractions to merger rates, with values from the literature."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Published:
    """A value from the literature, to compare a merger fraction with or to convert it to a rate.

    Parameters
    ----------
    quantity : str
        ``"merger fraction"``, ``"pair fraction"``, ``"pairs to mergers"`` (C), ``"evolution of the pair fraction"`` or
        ``"evolution of the rate"`` (the power m of 1 + z).
    value, low, high : float
        Low and high are a range or ± 1σ as in the source; NaN if there is none.
    z : float
        Redshift; NaN if it is not a single one.
    method, source : str
    status : str
        What was read of the source: ``"paper"`` or ``"abstract only"``.
    """

    quantity: str
    value: float
    low: float
    high: float
    z: float
    method: str
    source: str
    status: str


_NO = float("nan")
_LOTZ, _ABSTRACT = "Lotz et al. (2011), ApJ 742, 103", "abstract only"

PUBLISHED = (
    Published(
        "merger fraction", 0.0290, _NO, _NO, _NO, "P(merger) > 0.3, an upper bound", "Goh (2022), § 5.6", "paper"
    ),
    Published("merger fraction", 0.02, 0.01, 0.03, 0.0, "seen by eye, before × C", "Darg et al. (2010)", _ABSTRACT),
    Published("pairs to mergers", 1.5, _NO, _NO, 0.0, "for the fraction seen by eye", "Darg et al. (2010)", _ABSTRACT),
    Published("pair fraction", 0.02, _NO, _NO, 0.0, "close pairs", "Keenan et al. (2014)", _ABSTRACT),
    Published("evolution of the pair fraction", 0.7, 0.6, 0.8, _NO, "close pairs", "Keenan et al. (2014)", _ABSTRACT),
    Published("evolution of the rate", 3.0, 1.9, 4.1, _NO, "major, fixed number density", _LOTZ, _ABSTRACT),
    Published("evolution of the rate", 0.1, -0.3, 0.5, _NO, "major, fixed mass or luminosity", _LOTZ, _ABSTRACT),
)
"""Values that a page may show beside a merger fraction, each with the status of its source."""


def merger_rate(fraction: ArrayLike, t_obs: ArrayLike, merging: ArrayLike = 1.0) -> np.ndarray:
    """Return the merger rate per galaxy and Gyr for a merger fraction, R = f C / ⟨T_obs⟩.

    Parameters
    ----------
    fraction : array_like
        Merger (or pair) fraction f.
    t_obs : array_like
        Observability ⟨T_obs⟩: mean time for which this method identifies a merger, Gyr.
    merging : array_like
        Factor C from observed pairs to mergers.

    Returns
    -------
    numpy.ndarray of float64
        Rate per Gyr. NaN propagates.

    Raises
    ------
    ValueError
        If a time is not positive.

    References
    ----------
    Lotz et al. (2011), ApJ 742, 103, section 2 (fraction, time, rate).
    """
    t_obs = np.asarray(t_obs, dtype=np.float64)
    if (t_obs <= 0).any():
        raise ValueError(
            f"t_obs: expected positive times in Gyr, got {t_obs.min()}. Use one for your images and method."
        )
    return np.asarray(fraction, dtype=np.float64) * merging / t_obs
