"""Best fits: the latent whose generated image is closest to an observed one, for many images at a time.

All images are in the generator's scale (`galviz.nn.gan.lsgan.Scale`). The losses of different images are summed, so
their fits are independent.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from galviz.measure.inpainting import BestFit, FitState, off_manifold
from galviz.nn.gan.fit_steps import applied, checked, fit_steps, state_at

_BATCH = 1024  # fits computed at a time


def best_fit(
    generator: nn.Module,
    images: np.ndarray,
    *,
    observed: np.ndarray | None = None,
    weights: np.ndarray | None = None,
    embedder: nn.Module | None = None,
    restarts: int = 1,
    steps: int = 200,
    lr: float = 0.25,
    polish: int = 0,
    tolerance: float | None = 1e-3,
    prior: float = 0.0,
    passes: int = 1,
    reference: np.ndarray | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> BestFit:
    """Return the best fit of each image, argmin over z of Σ w (I − G(z))² + `prior` ‖z‖².

    As published: Adam with a constant rate of 0.25, starting at the embedder's guess. With a well-trained generator it
    ends jittering around the minimum; ``steps=0, polish=20`` reaches it.

    Parameters
    ----------
    generator : nn.Module
        Latents (N, D) -> images (N, B, H, W). Its ``latent`` is the number D.
    images : numpy.ndarray, shape (N, B, H, W)
        In the generator's scale. Pixels that were not observed are ignored and may be NaN.
    observed : numpy.ndarray of bool, optional
        Shape (B,), (N, B) or (N, B, H, W): pixels that the fit uses. By default all.
    weights : numpy.ndarray, optional
        Weights w, broadcast against the images, such as inverse variances. By default 1.
    embedder : nn.Module, optional
        Provides the first starting point, E(I), with unobserved pixels set to 0, the mean of their band.
    restarts : int
        Number of starting points; the best fit is kept. All but the embedder's are drawn from a normal distribution,
        and are the same for all images.
    steps, lr : int, float
        Number of steps and learning rate of Adam.
    polish : int
        Number of damped Gauss–Newton (Levenberg–Marquardt) steps after Adam. Each costs about D / 2 steps of Adam.
    tolerance : float, optional
        A fit ends when its smallest loss has fallen by at most this fraction in 25 steps of Adam, or in one step of
        Gauss–Newton. None: never.
    prior : float
        Weight of ‖z‖². With inverse variances as `weights`, 1 gives the most probable latent.
    passes : int
        With 2, unobserved pixels are filled in from the first fit, the image is embedded and fitted again, and the
        better fit is kept.
    reference : numpy.ndarray, shape (M, B), optional
        Root mean square residuals of training images, for `BestFit.off_manifold`.
    seed : int
    progress : callable, optional
        Called with the number of finished images and the number of all images.
    cancelled : callable, optional
        Called before every step. If it returns True, `Cancelled` is raised.

    Returns
    -------
    BestFit

    Raises
    ------
    ValueError
        If shapes do not match, an image has no observed pixel, or a number is out of range.
    FloatingPointError
        If an observed pixel is NaN or infinite.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.3, eq. 2; steps are not given there. Marquardt (1963), SIAM 11, 431.
    """
    for name, given, least in (
        ("restarts", restarts, 1),
        ("passes", passes, 1),
        ("steps", steps, 0),
        ("polish", polish, 0),
    ):
        if given < least:
            raise ValueError(f"{name}: expected at least {least}, got {given}.")
    weights, images = checked(images, observed, weights)
    starts = np.repeat(random_starts(generator, restarts, seed)[None], len(images), axis=0)
    options = {"lr": lr, "tolerance": tolerance, "prior": prior, "cancelled": cancelled}
    parts, rows = [], max(1, _BATCH // restarts)
    for start in range(0, len(images), rows):
        part = slice(start, start + rows)
        fits = _Fits(generator, embedder, images[part], weights[part], (steps, polish), options)
        parts.append(fits.best_of(starts[part], passes))
        if progress is not None:
            progress(min(start + rows, len(images)), len(images))
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    residual = np.where(weights > 0, images - found["image"], np.nan)
    off = np.full(len(images), np.nan) if reference is None else off_manifold(residual, reference)
    return BestFit(**found, residual=residual, off_manifold=off)


def random_starts(generator: nn.Module, restarts: int, seed: int) -> np.ndarray:
    """Return the random starting points of `best_fit`, float32 (`restarts`, D). An embedder replaces the first."""
    return np.random.default_rng(seed).standard_normal((restarts, generator.latent), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class _Fits:
    """Fits of some images from all their starting points (N, K, D)."""

    generator: nn.Module
    embedder: nn.Module | None
    images: np.ndarray
    weights: np.ndarray
    steps: tuple[int, int]
    options: dict[str, Any]

    def best_of(self, starts: np.ndarray, passes: int) -> dict[str, np.ndarray]:
        if self.embedder is not None:
            starts[:, 0] = applied(self.embedder, self.images)
        count, restarts, latents = starts.shape
        state = self._run(starts.reshape(-1, latents))
        won = np.arange(count) * restarts + state.best_loss.reshape(count, restarts).argmin(1)
        best, loss, least = state.best[won], state.loss[won], state.best_loss[won]
        spread = np.full(self.images.shape, np.nan, dtype=np.float32)
        if restarts > 1:
            ends = state.best.reshape(starts.shape).swapaxes(0, 1)
            spread = np.stack([applied(self.generator, z) for z in ends]).std(0)
        for _ in range(passes - 1 if self.embedder is not None else 0):
            filled = np.where(self.weights > 0, self.images, applied(self.generator, best))
            again = self._run(applied(self.embedder, filled))
            better = (again.best_loss < least)[:, None]
            best, loss = np.where(better, again.best, best), np.where(better, again.loss, loss)
            least = np.minimum(least, again.best_loss)
        return {"latent": best, "image": applied(self.generator, best), "loss": loss, "spread": spread}

    def _run(self, z: np.ndarray) -> FitState:
        images, weights = (values.repeat(len(z) // len(values), axis=0) for values in (self.images, self.weights))
        state = fit_steps(self.generator, images, None, state_at(z), self.steps[0], weights=weights, **self.options)
        state = replace(state, done=np.zeros_like(state.done))
        return fit_steps(
            self.generator, images, None, state, self.steps[1], method="newton", weights=weights, **self.options
        )
