"""Errors of reconstructed fluxes, estimated from objects whose flux is known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from galviz.io.files import read_parquet
from galviz.sky.photometry import flux_to_ab


@dataclass(frozen=True, eq=False)
class KnownFluxes:
    """Known fluxes of one band that was hidden, with their reconstructions.

    The interval of a new flux comes from the errors of the known objects with the closest estimates, in asinh of flux
    over noise. That scale measures errors in units of the noise for faint sources, and as a fraction of the flux for
    bright ones.

    Parameters
    ----------
    estimate, truth : numpy.ndarray, shape (M,)
        Reconstructed and true fluxes, in the same unit.
    noise : float
        Noise of such a flux: the scale of the asinh.

    References
    ----------
    Lei et al. (2018), J. Am. Stat. Assoc. 113, 1094 (conformal prediction), here local in the estimate.
    """

    estimate: np.ndarray
    truth: np.ndarray
    noise: float

    def interval(self, flux: ArrayLike, *, level: float = 0.68, neighbours: int = 60) -> tuple[np.ndarray, np.ndarray]:
        """Return the interval that contains the true flux with probability `level`.

        Parameters
        ----------
        flux : array_like
            (N,) estimates. NaN gives NaN.
        level : float
            In (0, 1).
        neighbours : int
            Largest number of known objects whose errors are used.

        Returns
        -------
        low, high : numpy.ndarray of float64, shape (N,)
            NaN where fewer than 10 objects are known.

        Raises
        ------
        ValueError
            If `level` is out of range.
        """
        if not 0 < level < 1:
            raise ValueError(f"level: expected a number in (0, 1), got {level}.")
        flux = np.asarray(flux, dtype=np.float64)
        low, high = np.full(flux.shape, np.nan), np.full(flux.shape, np.nan)
        known, truth = np.arcsinh(self.estimate / self.noise), np.arcsinh(self.truth / self.noise)
        if len(known) < 10:
            return low, high
        at = np.arcsinh(flux / self.noise)
        for k in np.flatnonzero(np.isfinite(at)):
            near = np.argsort(np.abs(known - at[k]), kind="stable")[:neighbours]
            error = np.sort(truth[near] - known[near])
            reach = (len(error) + 1) * (1 - level) / 2  # of n errors and a new one, each rank is as likely
            bounds = np.interp([reach - 1, len(error) - reach], np.arange(len(error)), error)
            low[k], high[k] = self.noise * np.sinh(at[k] + bounds)
        return low, high


@dataclass(frozen=True, eq=False)
class KnownFits:
    """Best fits of images that no network learned from, with all bands and with each band hidden.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per object and hidden band. ``off`` (the hidden band, or ``""``); ``rms_u`` … (root mean square residual
        of each band in the scale of the fits); ``flux``, ``flux_true`` (of the hidden band, nanomaggy inside 3 arcsec),
        ``noise`` (of such a flux). Where a band was hidden also ``fit_u`` … and ``true_u`` … (fluxes of the best fit
        and observed ones, of all bands) and ``group`` (of the object, such as its field); runs of earlier versions do
        not have them.
    """

    table: pd.DataFrame

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read a Parquet file. The object is cached until the file changes."""
        return _read(cls, path, path.stat().st_mtime_ns)

    def residuals(self, bands: Sequence[str]) -> np.ndarray:
        """Return the residuals of fits with all bands, (M, B), for `galviz.measure.inpainting.off_manifold`."""
        return self.table.loc[self.table["off"] == "", [f"rms_{band}" for band in bands]].to_numpy()

    def fluxes(self, band: str) -> KnownFluxes:
        """Return the fluxes of a band from fits in which it was hidden."""
        rows = self.table[self.table["off"] == band]
        noise = float(rows["noise"].median()) if len(rows) else 1.0
        return KnownFluxes(rows["flux"].to_numpy(), rows["flux_true"].to_numpy(), noise)


@lru_cache(maxsize=4)
def _read(kind: type[KnownFits], path: Path, _stamp: int) -> KnownFits:
    return kind(read_parquet(path))


def filled_in(
    ids: Sequence[str],
    bands: Sequence[str],
    off: Sequence[str],
    *,
    filled: np.ndarray,
    true: np.ndarray,
    known: Mapping[str, KnownFluxes],
) -> pd.DataFrame:
    """Return fluxes, magnitudes and colours of reconstructed bands, with their errors where the truth is known.

    Parameters
    ----------
    ids : sequence of str
        N objects.
    bands : sequence of str
        B bands, from blue to red.
    off : sequence of str
        The reconstructed bands.
    filled, true : numpy.ndarray, shape (N, B)
        Fluxes of the fits, and observed fluxes (NaN where a band was not observed), nanomaggy.
    known : mapping of str to KnownFluxes
        By band. Without an entry there are no intervals.

    Returns
    -------
    pandas.DataFrame
        One row per object and band of `off`: object_id, band; flux, low, high (nanomaggy; 68 % interval); mag,
        mag_bright, mag_faint (AB; NaN where a flux is not positive); mag_true, mag_error (mag − mag_true); colour (its
        name, with the next band), colour_value, colour_true, colour_error (mag).
    """
    mags = flux_to_ab(np.where(np.isin(bands, off), filled, true)), flux_to_ab(true)
    parts = [pd.DataFrame({"object_id": [], "band": []})]
    for band in off:
        b = list(bands).index(band)
        flux = filled[:, b]
        low, high = known[band].interval(flux) if band in known else np.full((2, len(flux)), np.nan)
        part = {"object_id": list(ids), "band": band, "flux": flux, "low": low, "high": high}
        part |= {"mag": mags[0][:, b], "mag_bright": flux_to_ab(high), "mag_faint": flux_to_ab(low)}
        blue, red = (b, b + 1) if b + 1 < len(bands) else (b - 1, b)
        colour, colour_true = (mag[:, blue] - mag[:, red] for mag in mags)
        part |= {"mag_true": mags[1][:, b], "mag_error": mags[0][:, b] - mags[1][:, b]}
        part |= {"colour": f"{bands[blue]}−{bands[red]}", "colour_value": colour, "colour_true": colour_true}
        parts.append(pd.DataFrame(part | {"colour_error": colour - colour_true}))
    return pd.concat(parts, ignore_index=True)
