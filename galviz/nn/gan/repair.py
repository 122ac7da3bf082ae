"""Best fits in short turns, for live display, and test fits of complete images with known bands hidden."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from galviz.measure.inpainting import FitState, central_flux
from galviz.nn.gan.best_fit import best_fit
from galviz.nn.gan.fit_steps import applied, fit_steps, start_fit, state_at
from galviz.nn.gan.lsgan import Trained, build
from galviz.nn.inference.predict import load_weights
from galviz.nn.networks.normalise import pixel_noise
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.groups import groups_of

_TURN_S = 0.3  # duration of one turn, seconds


def open_trained(run: Run) -> Trained:
    """Return the networks of a finished run."""
    made = run.info["build"]
    trained = build(run.recipe, len(made["bands"]), made["size"]).trained()
    load_weights(trained, run.weights)
    return trained


def go_on(
    networks: Trained,
    images: np.ndarray,
    observed: np.ndarray,
    state: FitState | None = None,
    *,
    steps: int = 200,
    seed: int = 0,
) -> tuple[FitState, np.ndarray]:
    """Continue best fits for about a third of a second, and return their state and current images.

    Parameters
    ----------
    networks : Trained
    images : numpy.ndarray of float32, shape (N, B, H, W)
        In the unit of the cutouts.
    observed : numpy.ndarray of bool, shape (N, B, H, W)
        Pixels that the fits use. The values of the other pixels do not matter.
    state : FitState, optional
        State from the previous call. None: start the fits without a step.
    steps : int
        Total number of Adam steps. The result does not depend on how they are divided among calls.
    seed : int
        Seed of the random starting points.

    Returns
    -------
    state : FitState
        State of 2 N fits: N from the embedder's guess, N from random latents.
    made : numpy.ndarray of float32, shape (2 N, B, H, W)
        Images of the best latents so far, in the unit of the cutouts.
    """
    scaled = _scaled(networks, np.where(observed, images, 0))
    if state is None:
        guess = start_fit(networks.embedder, scaled, observed).latent
        drawn = np.random.default_rng(seed).standard_normal(guess.shape, dtype=np.float32)
        state = state_at(np.concatenate([guess, drawn]))
    else:
        twice, observed = np.concatenate([scaled, scaled]), np.concatenate([observed, observed])
        until = time.monotonic() + _TURN_S
        while time.monotonic() < until and state.loss.shape[1] < steps:
            state = fit_steps(networks.generator, twice, observed, state, 1, tolerance=None)
    return state, _unscaled(networks, applied(networks.generator, state.best))


def _scaled(networks: Trained, images: np.ndarray) -> np.ndarray:
    return networks.scale(torch.as_tensor(images).to(networks.scale.mean)).cpu().numpy()


def _unscaled(networks: Trained, images: np.ndarray) -> np.ndarray:
    return networks.scale.inverse(torch.as_tensor(images).to(networks.scale.mean)).cpu().numpy()


def latents_of(
    networks: Trained, cutouts: CutoutSet, *, steps: int, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the latents (N, D) of all objects from best fits that start at the embedder's guess.

    Parameters
    ----------
    networks : Trained
    cutouts : CutoutSet
        Read 1024 objects at a time.
    steps : int
        Number of Adam steps.
    progress : callable, optional
        Called with the number of finished objects and the number of all objects.
    """
    parts = []
    for _, images, coverage in cutouts.batches(1024):
        fit = best_fit(
            networks.generator,
            _scaled(networks, images),
            observed=coverage,
            embedder=networks.embedder,
            steps=steps,
        )
        parts.append(fit.latent)
        if progress is not None:
            progress(sum(map(len, parts)), len(cutouts))
    return np.concatenate(parts)


def fits_with_bands_hidden(networks: Trained, cutouts: CutoutSet, *, steps: int) -> pd.DataFrame:
    """Return the results of best fits of images with all bands, and with each band hidden.

    Parameters
    ----------
    networks : Trained
    cutouts : CutoutSet
        M objects with all bands.
    steps : int
        Number of Adam steps from the embedder's guess.

    Returns
    -------
    pandas.DataFrame
        Table for `galviz.measure.missing_flux.KnownFits`, (B + 1) M rows.
    """
    images, bands = cutouts.images[:], cutouts.bands
    scaled = _scaled(networks, images)
    summed = central_flux(np.ones(images.shape[2:]), pixel_scale=cutouts.pixel_scale[0])  # pixels
    noise = np.median(pixel_noise(images), axis=0) * np.sqrt(summed)
    scale, groups = cutouts.pixel_scale[:, None], groups_of(cutouts.catalogue)
    true = pd.DataFrame(central_flux(images, pixel_scale=scale), columns=[f"true_{band}" for band in bands])
    parts = []
    for hidden in ("", *bands):
        observed = np.array([band != hidden for band in bands])
        fit = best_fit(networks.generator, scaled, observed=observed, embedder=networks.embedder, steps=steps)
        rms = np.sqrt(np.square(scaled - fit.image).mean((2, 3)))
        part = pd.DataFrame(rms, columns=[f"rms_{band}" for band in bands]).assign(
            object_id=cutouts.object_ids, off=hidden
        )
        if hidden:
            flux = central_flux(_unscaled(networks, fit.image), pixel_scale=scale)
            made = pd.DataFrame(flux, columns=[f"fit_{band}" for band in bands])
            part = pd.concat([part, made, true], axis=1).assign(
                flux=made[f"fit_{hidden}"],
                flux_true=true[f"true_{hidden}"],
                noise=noise[bands.index(hidden)],
                group=groups,
            )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
