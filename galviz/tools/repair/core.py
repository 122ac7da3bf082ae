"""Inpainting without its page: best fits that fill in missing or hidden bands. Does not import torch."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galviz.measure.flux_calibration import FluxCalibration, calibration
from galviz.measure.inpainting import central_flux, fitted_better
from galviz.measure.missing_flux import filled_in
from galviz.runs.best_fits import is_gan, known_fits
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.work.chunks import Status, Work, call

ROWS = ("observed", "embedder only", "from random", "best fit", "residual")
"""Rows shown for an object, after Murray, Fabbro & Yi (2019), fig. 1; the residual is observed minus best fit."""

UNLIKE = 0.99
"""An object is out of the generator's domain if more than this fraction of known images has a better fit."""

SETTINGS = ("steps", "restarts", "polish", "prior", "weighting")
"""Settings of `galviz.runs.recipe.Fit` that a repair has."""

_FITTED = "galviz.work.worker:fitted"
_OTHER_RUN = "Choose another run, or train one on such a sky with the recipe quick."


class Repair:
    """Best fits of some objects with bands hidden, computed in the background.

    Each object is fitted from the embedder's guess and from a random latent, which is there for comparison. With
    `restarts`, it is fitted from that many starting points, and the best of these fits is kept. The fits run on the
    workers of `galviz.work.chunks`, in batches of steps that take about a third of a second.

    Parameters
    ----------
    run : Run
        A finished run of the study inpainting.
    cutouts : CutoutSet
        Cutouts with the bands and size of the run.
    ids : sequence of str
        Ids of N objects.
    off : sequence of str
        Bands hidden from the fits.
    seed : int
        Seed of the random starts.
    on_change : callable, optional
        Called without arguments, in another thread, after each batch of steps and at the end.
    here : bool
        Fit in this process, and return when the fits are done. For scripts, which worker processes cannot import.
    **fit
        Settings of `galviz.runs.recipe.Fit` that are to differ from those of the run: ``steps``, ``restarts``,
        ``polish``, ``prior``, ``weighting``.

    Attributes
    ----------
    fit : galviz.runs.recipe.Fit
    steps : int
        Number of steps of a fit, polishing included.
    status : {"running", "done", "cancelled", "failed"}
    error : str
        Why it failed, or ``""``.
    off : tuple of str
        Hidden bands, in the order of `bands`.
    images : numpy.ndarray of float32, shape (N, B, H, W)
        Observed images, in the unit of the cutouts.
    observed : numpy.ndarray of bool, shape (N, B, H, W)
        True for pixels that the fits use.

    Raises
    ------
    ValueError
        If bands or size differ from the run's, a band is unknown, no pixel of an object is left, or a setting is out of
        range.
    KeyError
        If an object is not among the cutouts.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        ids: Sequence[str],
        off: Sequence[str] = (),
        *,
        seed: int = 0,
        on_change: Callable[[], None] | None = None,
        here: bool = False,
        **fit: Any,
    ) -> None:
        _check(run, cutouts, off)
        self.run, self.bands, self.ids, self._cutouts = run, cutouts.bands, list(ids), cutouts
        self.fit = run.recipe.fit.replace(**fit)
        self.steps = self.fit.steps + self.fit.polish
        self.off = tuple(band for band in cutouts.bands if band in off)
        rows = cutouts.row_of(self.ids)
        self.images, self.pixel_scale = cutouts.images[rows], cutouts.pixel_scale[rows]
        there = np.isfinite(self.images)
        self._there = there if cutouts.coverage is None else there & cutouts.coverage[rows]
        self.observed = self._there & ~np.isin(self.bands, self.off)[:, None, None]
        empty = ~self.observed.any(axis=(1, 2, 3))
        if empty.any():
            raise ValueError(f"off: expected a band left of every object, got none of {self.ids[empty.argmax()]}.")
        self.status: Status = "running"
        self.error, self._options = "", {"fit": self.fit, "seed": seed}
        self._start = self._made = self._state = self._size = self._work = None
        self._lock, self._ended, self._on_change = threading.RLock(), threading.Event(), on_change or (lambda: None)
        if here:
            self._fit_here()
        else:
            self._go_on()

    @property
    def step(self) -> int:
        """Number of steps done."""
        return 0 if self._state is None else self._state.loss.shape[1]

    def losses(self) -> dict[str, np.ndarray]:
        """Return the weighted mean square residual at each step, (N, S), for the best fit and the best random start.

        In the run's scale. A prior adds to it.
        """
        if self._state is None:
            return dict.fromkeys(ROWS[3:1:-1], np.empty((len(self.ids), 0)))
        return dict(zip(ROWS[3:1:-1], self._picked(self._state.loss), strict=True))

    def pictures(self) -> dict[str, np.ndarray]:
        """Return the images (N, B, H, W) of each of `ROWS`, in the unit of the cutouts; NaN if not known yet.

        In a hidden band, the residual compares with what was observed there.
        """
        images = np.where(self._there, self.images, np.nan)
        with self._lock:
            if self._made is None:
                return dict.fromkeys(ROWS, np.full_like(images, np.nan)) | {"observed": images}
            fitted, random = self._picked(self._made)
            return dict(zip(ROWS, (images, self._start, random, fitted, images - fitted), strict=True))

    def _ends(self, values: np.ndarray) -> np.ndarray:
        """Return values of all fits as (K, N, …): those from the embedder's guess come first."""
        return values.reshape(len(values) // len(self.ids), len(self.ids), *values.shape[1:])

    def _picked(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of each object's best fit, and of its best fit from a random start."""
        ends, loss, each = self._ends(values), self._ends(self._state.best_loss), np.arange(len(self.ids))
        return ends[loss[: self.fit.restarts].argmin(0), each], ends[1:][loss[1:].argmin(0), each]

    def beyond(self) -> np.ndarray:
        """Return the fraction of known images with a better fit than each object, (N,). Warn above `UNLIKE`.

        NaN before the first steps, or if the run has no fits of known images.
        """
        known = known_fits(self.run)
        if not self.step or known is None:
            return np.full(len(self.ids), np.nan)
        with self._lock:
            size = self._picked(self._size)[0]
        return fitted_better(size, self.observed.mean((2, 3)), known.residuals(self.bands))

    def table(self) -> pd.DataFrame:
        """Measure the filled-in flux within 3 arcsec of the centre, see `galviz.measure.missing_flux.filled_in`.

        Fluxes are calibrated on training objects, see `galviz.measure.flux_calibration`. Extra columns:
        ``calibrated_on``, their number, 0 if the run has too few or is of an earlier version; ``beyond``, the values of
        `beyond`; with restarts ``spread``, the standard deviation of the flux between the fits of an object.
        """
        true = central_flux(self.pictures()["observed"], pixel_scale=self.pixel_scale[:, None])
        known, calibrations = known_fits(self.run), self._calibrations()
        errors = {} if known is None else {band: known.fluxes(band) for band in self.off}
        errors |= {band: one.known for band, one in calibrations.items()}
        filled = self._fluxes(self.pictures()["best fit"])
        table = filled_in(self.ids, self.bands, self.off, filled=filled, true=true, known=errors)
        if self.fit.restarts > 1:
            spread = self._spread()
            table["spread"] = np.ravel([spread[:, self.bands.index(band)] for band in self.off])
        count = {band: len(one.known.truth) for band, one in calibrations.items()}
        return table.assign(
            calibrated_on=table["band"].map(count).fillna(0).astype(int),
            beyond=table["object_id"].map(dict(zip(self.ids, self.beyond(), strict=True))),
        )

    def _calibrations(self) -> dict[str, FluxCalibration]:
        """Return the calibration of each hidden band that has one."""
        known = known_fits(self.run)
        found = {} if known is None else {band: calibration(known, self.bands, band, self.off) for band in self.off}
        return {band: one for band, one in found.items() if one is not None}

    def _spread(self) -> np.ndarray:
        """Return the standard deviation of the fluxes of all fits of an object, (N, B)."""
        with self._lock:
            if self._made is None:
                return np.full((len(self.ids), len(self.bands)), np.nan)
            ends = self._ends(self._made)
        return np.std([self._fluxes(end) for end in ends], axis=0)

    def _fluxes(self, fit: np.ndarray) -> np.ndarray:
        """Return the fluxes of fits (N, B), calibrated in hidden bands."""
        scale = self.pixel_scale[:, None]
        fitted, whole = (
            central_flux(images, pixel_scale=scale) for images in (fit, np.where(self.observed, self.images, fit))
        )
        flux = fitted.copy()
        for one in self._calibrations().values():
            flux[:, one.band] = one.flux(fitted, whole)
        return flux

    def wide(self) -> pd.DataFrame:
        """Return `table` with one row per object, indexed by `object_id`: columns ``u_flux``, ``u_low`` …, beyond."""
        table = self.table().set_index("object_id")
        names = [name for name in table.columns if name not in ("band", "colour", "beyond")]
        parts = [table.loc[table["band"] == band, names].add_prefix(f"{band}_") for band in self.off]
        numbers = pd.concat([pd.DataFrame(index=pd.Index(self.ids, name="object_id")), *parts], axis=1)
        return numbers.assign(beyond=self.beyond())

    def repaired(self) -> CutoutSet:
        """Return the cutouts with hidden bands and missing pixels taken from the best fits.

        A hidden band has the calibrated flux of `table`.
        """
        fit = self.pictures()["best fit"]
        flux = self._fluxes(fit)
        filled = np.where(self.observed, self.images, fit).astype(np.float32)
        for one in self._calibrations().values():
            filled[:, one.band] = one.image(fit, flux[:, one.band], self.pixel_scale)
        origin = f"{self._cutouts.origin}; filled in by best fits of {self.run.name}: {' '.join(self.off) or 'gaps'}"
        own = self._cutouts.select(self.ids)
        same = ("bands", "catalogue", "pixel_scale", "unit", "wcs", "sources", "survey")
        return CutoutSet(images=filled, origin=origin, **{name: getattr(own, name) for name in same})

    def python(self, sky: str | Path) -> str:
        """Return the Python lines that repeat this: they define ``table`` and ``cutouts``."""
        fit = ", ".join(f"{name}={getattr(self.fit, name)!r}" for name in SETTINGS)
        given = f"{self.ids!r}, off={self.off!r}, {fit}, here=True"
        return "\n".join(
            [
                "from galviz.tools.repair.core import Repair",
                "from galviz.runs.run import Run",
                "from galviz.sky.cutouts import CutoutSet",
                "",
                f"repair = Repair(Run.open({str(self.run.path)!r}), CutoutSet.open({str(sky)!r}), {given})",
                "table, cutouts = repair.wide(), repair.repaired()",
            ]
        )

    def cancel(self) -> None:
        """Cancel the fits; what was received so far stays. Returns at once."""
        self._end("cancelled")

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the fits end.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Raises
        ------
        TimeoutError
            If they are not done by then.
        RuntimeError
            If they failed.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"timeout: expected {self.steps} steps within {timeout} s, got {self.step}.")
        if self.status == "failed":
            raise RuntimeError(f"Repair: expected {self.steps} steps, got {self.step}: {self.error}.")

    def _given(self) -> tuple:
        return str(self.run.path), self.images, self.observed, self._options, self._state

    def _fit_here(self) -> None:
        while self.status == "running":
            self._came(call(_FITTED, *self._given()))
            if self.step >= self.steps:
                self._end("done")
            else:
                self._on_change()

    def _go_on(self) -> None:
        with self._lock:  # `_take` may be called before `_work` is set
            self._work = Work(_FITTED, [self._given()], self._take)

    def _came(self, result: tuple) -> None:
        self._state, self._made, self._size = result
        if self._start is None:
            self._start = self._ends(self._made)[0]

    def _take(self) -> None:
        """Store the result of a batch, and request the next one; runs in the thread that received it."""
        with self._lock:
            work = self._work
            if self.status != "running" or work.status == "running":
                return
            if work.status != "done":
                self._end("failed", work.error)
                return
            self._came(work.results()[0])
            if self.step < self.steps:
                self._go_on()
        if self.step < self.steps:
            self._on_change()
        else:
            self._end("done")

    def _end(self, status: Status, error: str = "") -> None:
        with self._lock:
            if self.status != "running":
                return
            self.status, self.error = status, error
        if self._work is not None:
            self._work.cancel()
        self._ended.set()
        self._on_change()


def _check(run: Run, cutouts: CutoutSet, off: Sequence[str]) -> None:
    if not is_gan(run.recipe) or not run.weights.exists():
        raise ValueError(
            f"run: expected a finished one of best fits, got {run.name} of {run.recipe.name}. {_OTHER_RUN}"
        )
    made, shape = run.info["build"], cutouts.images.shape[1:]
    if tuple(made["bands"]) != cutouts.bands or (made["size"], made["size"]) != shape[1:]:
        expected = f"{' '.join(made['bands'])} of {made['size']} px"
        raise ValueError(
            f"cutouts: expected {expected} as the run, got {' '.join(cutouts.bands)} of {shape[1]} px. {_OTHER_RUN}"
        )
    if unknown := sorted(set(off) - set(cutouts.bands)):
        raise ValueError(f"off: expected some of {', '.join(cutouts.bands)}, got {unknown[0]!r}.")
