"""Fluxes of reconstructed bands, calibrated on objects whose flux is known."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np

from galviz.measure.inpainting import central_flux
from galviz.measure.missing_flux import KnownFits, KnownFluxes

LEAST = 30
"""Smallest number of known objects from which a calibration is fitted."""

_FOLDS = 10
_GROUPS = 3  # smallest number of groups that are left out one after the other
_SCATTER = 0.3  # of the true flux about the regression, in asinh of flux over noise: 0.3 mag where the noise is small
_ROUNDS = 3  # the weights of a round come from the fluxes of the round before


@dataclass(frozen=True, eq=False)
class FluxCalibration:
    """Calibration of the flux of a hidden band, from the fluxes of the best fit and of the observed bands.

    A robust linear regression in asinh of flux over noise, which is a magnitude for bright sources and the flux itself
    for faint ones. Objects are weighted by the noise that their flux has on this scale.

    Parameters
    ----------
    band : int
        The hidden band, 0 … B − 1.
    seen : numpy.ndarray of bool, shape (B,)
        The bands whose observed fluxes are used.
    noise : numpy.ndarray, shape (B,)
        Noise of a flux in each band.
    model : object
        The fitted regressor of scikit-learn.
    known : KnownFluxes
        The known objects, for intervals. The estimate of each is from a regression that it was left out of, together
        with the other objects of its group.

    References
    ----------
    Huber (1964), Ann. Math. Stat. 35, 73; Barber et al. (2021), Ann. Stat. 49, 486 (cross-conformal prediction).
    """

    band: int
    seen: np.ndarray
    noise: np.ndarray
    model: Any
    known: KnownFluxes

    @classmethod
    def fit(
        cls,
        fitted: np.ndarray,
        true: np.ndarray,
        *,
        band: int,
        seen: np.ndarray,
        noise: np.ndarray,
        groups: np.ndarray,
    ) -> Self:
        """Return the calibration on M known objects.

        Parameters
        ----------
        fitted : numpy.ndarray, shape (M, B)
            Fluxes of best fits for which the band was hidden.
        true : numpy.ndarray, shape (M, B)
            Observed fluxes.
        band, seen, noise
            As in `FluxCalibration`.
        groups : numpy.ndarray, shape (M,)
            Group of each object, such as its field. With fewer than 3 groups, any objects are left out together.

        Raises
        ------
        ValueError
            If there are fewer objects than `LEAST`.
        """
        from sklearn.model_selection import GroupKFold

        if len(true) < LEAST:
            raise ValueError(f"true: expected at least {LEAST} objects, got {len(true)}.")
        if len(np.unique(groups)) < _GROUPS:
            groups = np.arange(len(true))
        features, answer = _features(fitted, true, seen, noise), np.arcsinh(true[:, band] / noise[band])
        apart = np.empty(len(true))
        for rest, part in GroupKFold(min(_FOLDS, len(np.unique(groups)))).split(features, groups=groups):
            apart[part] = _regression(features[rest], answer[rest]).predict(features[part])
        known = KnownFluxes(noise[band] * np.sinh(apart), true[:, band], noise[band])
        return cls(band, seen, noise, _regression(features, answer), known)

    def flux(self, fitted: np.ndarray, observed: np.ndarray) -> np.ndarray:
        """Return calibrated fluxes of the hidden band, (N,).

        Parameters
        ----------
        fitted, observed : numpy.ndarray, shape (N, B)
            Fluxes of the best fits, and observed ones; what was observed in bands that are not `seen` does not matter.
            NaN elsewhere gives NaN.
        """
        features = _features(fitted, observed, self.seen, self.noise)
        flux, whole = np.full(len(features), np.nan), np.isfinite(features).all(1)
        if whole.any():
            flux[whole] = self.noise[self.band] * np.sinh(self.model.predict(features[whole]))
        return flux

    def image(self, images: np.ndarray, flux: np.ndarray, pixel_scale: np.ndarray) -> np.ndarray:
        """Return the images of the hidden band with given fluxes, as `central_flux` measures them.

        The flux that is missing is added, or the excess subtracted, with the shape of the galaxy in all bands of the
        best fit, each divided by its noise.

        Parameters
        ----------
        images : numpy.ndarray, shape (N, B, H, W)
            Best fits, in the unit of the cutouts.
        flux : numpy.ndarray, shape (N,)
            NaN leaves an image as it is.
        pixel_scale : numpy.ndarray, shape (N,)
            arcsec/pixel.

        Returns
        -------
        numpy.ndarray of float32, shape (N, H, W)
            An image without light inside the aperture stays as it is.
        """
        own = images[:, self.band]
        light = np.maximum((images / self.noise[:, None, None]).sum(1), 0)
        whole = central_flux(light, pixel_scale=pixel_scale)
        more = flux - central_flux(own, pixel_scale=pixel_scale)
        share = np.divide(more, whole, out=np.zeros(len(own)), where=(whole > 0) & np.isfinite(more))
        return (own + share[:, None, None] * light).astype(np.float32)


@lru_cache(maxsize=64)
def calibration(
    fits: KnownFits, bands: tuple[str, ...], hidden: str, off: tuple[str, ...] = ()
) -> FluxCalibration | None:
    """Return the calibration of a hidden band on known fits, or None if they are too few or of an earlier version.

    Parameters
    ----------
    fits : KnownFits
    bands : tuple of str, length B
    hidden : str
        The band to calibrate.
    off : tuple of str
        All hidden bands: their observed fluxes are not used.
    """
    rows = fits.table[fits.table["off"] == hidden]
    if len(rows) < LEAST or "group" not in rows:
        return None
    fitted, true = (rows[[f"{kind}_{band}" for band in bands]].to_numpy() for kind in ("fit", "true"))
    noise = np.array([fits.fluxes(band).noise for band in bands])
    seen = np.array([band not in (hidden, *off) for band in bands])
    given = {"band": bands.index(hidden), "seen": seen, "noise": noise, "groups": rows["group"].to_numpy()}
    return FluxCalibration.fit(fitted, true, **given)


def _features(fitted: np.ndarray, observed: np.ndarray, seen: np.ndarray, noise: np.ndarray) -> np.ndarray:
    return np.arcsinh(np.concatenate([fitted / noise, (observed / noise)[:, seen]], axis=1))


def _regression(features: np.ndarray, answer: np.ndarray) -> Any:
    """Return the robust regression, with a weight of each object from its estimate, not from its noisy truth."""
    from sklearn.linear_model import HuberRegressor  # imported here because it takes a second
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    weights = np.ones(len(answer))
    for _ in range(_ROUNDS):
        model = make_pipeline(StandardScaler(), HuberRegressor(alpha=1.0, max_iter=1000))
        model.fit(features, answer, huberregressor__sample_weight=weights)
        weights = 1 / (_SCATTER**2 + np.cosh(model.predict(features)) ** -2.0)
        weights /= weights.mean()
    return model
