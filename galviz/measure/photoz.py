"""Metrics of photometric redshifts: each published definition has its own name."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.measure.metrics import NanRule, bias, bootstrap, mae, outlier_fraction, pairs, r2, sigma_nmad

Measure = Callable[[np.ndarray, np.ndarray], float]


def dz(z_spec: ArrayLike, z_phot: ArrayLike, *, nan: NanRule = "raise") -> np.ndarray:
    """Return Δz = (z_phot − z_spec) / (1 + z_spec), float64, shape (N,).

    Parameters
    ----------
    z_spec, z_phot : array_like
        (N,), as `galviz.measure.metrics.pairs` takes truth and estimate.
    nan : {"raise", "drop"}

    Raises
    ------
    ValueError
        As `pairs`; and if a z_spec is not above −1.

    References
    ----------
    Cohen et al. (2000), ApJ 538, 29.
    """
    z_spec, z_phot = pairs(z_spec, z_phot, nan)
    if not (z_spec > -1).all():
        raise ValueError(f"z_spec: expected redshifts above −1, got {z_spec.min()}. Leave out what was not measured.")
    return (z_phot - z_spec) / (1 + z_spec)


def _of_dz(measure: Measure) -> Measure:
    """Apply a measure of residuals to Δz."""

    def applied(z_spec: np.ndarray, z_phot: np.ndarray) -> float:
        delta = dz(z_spec, z_phot)
        return measure(np.zeros_like(delta), delta)

    return applied


def _median(zero: np.ndarray, delta: np.ndarray) -> float:
    return float(np.median(np.abs(delta - zero)))


def _outside(cut: float) -> Measure:
    return lambda zero, delta: outlier_fraction(zero, delta, cut)


def _outside_5_sigma(zero: np.ndarray, delta: np.ndarray) -> float:
    width = sigma_nmad(zero, delta)
    return float(np.mean(np.abs(delta - zero) > 5 * width))


MEASURES: dict[str, tuple[Measure, str]] = {
    "r2": (r2, "1 − Σ(z_phot − z_spec)² / Σ(z_spec − mean z_spec)²"),
    "bias": (_of_dz(bias), "mean Δz"),
    "sigma_nmad": (_of_dz(sigma_nmad), "1.4826 · median |Δz − median Δz|; σ_MAD of Pasquet et al. (2019)"),
    "sigma_mad_median": (_of_dz(_median), "median |Δz|"),
    "sigma_mad_mean": (_of_dz(mae), "mean |Δz|, the mean absolute deviation read literally"),
    "sigma_nmad_zero": (_of_dz(lambda a, b: 1.48 * _median(a, b)), "1.48 · median |Δz|; σ_NMAD without the median"),
    "eta_5_sigma": (_of_dz(_outside_5_sigma), "share with |Δz| > 5 sigma_nmad: each method's own cut"),
    "eta_0.05": (_of_dz(_outside(0.05)), "share with |Δz| > 0.05"),
    "eta_0.15": (_of_dz(_outside(0.15)), "share with |Δz| > 0.15"),
}
"""Measures of (z_spec, z_phot) by name, with their definitions in words; Δz = (z_phot − z_spec) / (1 + z_spec)."""


def of_dz(measure: str) -> str:
    """Return the name of a measure of `MEASURES` beside measures of z itself: ``"Δz bias"``."""
    return f"Δz {measure}"


PUBLISHED = pd.DataFrame(
    {
        "R²": [0.0110, 0.608, 0.633],
        "bias": [-0.0277, 0.00921, -0.0235],
        "σ_MAD": [0.253, 0.0589, 0.130],
        "η": [0.0, 0.450, 0.389],
    },
    index=pd.Index(["wide ResNet", "Sawicki et al.", "best fit in the latent space"], name="method"),
)
"""Table 1 of Murray, Fabbro & Yi (2019), for redshifts of COSMOS and CLAUDS. σ_MAD is not defined there, and η has each
method's own cut of 5 σ_MAD."""


def photoz_summary(
    z_spec: ArrayLike,
    z_phot: ArrayLike,
    *,
    n: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    nan: NanRule = "raise",
) -> pd.DataFrame:
    """Return all `MEASURES` with their bootstrap intervals.

    The outlier share with a cut at five of the method's own sigmas is not comparable between methods, since a method
    with a large scatter has no outliers. Compare ``eta_0.05`` and ``eta_0.15`` instead.

    Parameters
    ----------
    z_spec, z_phot : array_like
        (N,), as `galviz.measure.metrics.pairs` takes truth and estimate.
    n, level, seed, nan
        As in `galviz.measure.metrics.bootstrap`.

    Returns
    -------
    pandas.DataFrame
        Index `metric`; columns value, low, high, and definition (in words).

    References
    ----------
    Murray, Fabbro & Yi (2019), section 3.3, whose σ_MAD and η may be any of these; Pasquet et al. (2019), A&A 621, A26.
    """

    def together(z_spec: np.ndarray, z_phot: np.ndarray) -> np.ndarray:
        return np.array([measure(z_spec, z_phot) for measure, _ in MEASURES.values()])

    found = bootstrap(together, z_spec, z_phot, n=n, level=level, seed=seed, nan=nan)
    definitions = [words for _, words in MEASURES.values()]
    columns = {"value": found.value, "low": found.low, "high": found.high, "definition": definitions}
    return pd.DataFrame(columns, index=pd.Index(MEASURES, name="metric"))
