"""Best fits in short turns, for live display, and test fits of complete images with known bands hidden."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from galviz.measure.inpainting import BestFit, FitState, central_flux, pixel_weights
from galviz.nn.gan.best_fit import best_fit, random_starts
from galviz.nn.gan.fit_steps import applied, fit_steps, start_fit, state_at
from galviz.nn.gan.lsgan import Trained, build
from galviz.nn.inference.predict import load_weights
from galviz.nn.networks.normalise import pixel_noise
from galviz.runs.recipe import Fit
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
    fit: Fit,
    seed: int = 0,
) -> tuple[FitState, np.ndarray, np.ndarray]:
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
    fit : Fit
        The result does not depend on how the steps are divided among calls. No fit ends early.
    seed : int
        Seed of the random starting points.

    Returns
    -------
    state : FitState
        State of K N fits: N from the embedder's guess, and N from each random latent. K is `fit.restarts`, at least 2.
    made : numpy.ndarray of float32, shape (K N, B, H, W)
        Images of the best latents so far, in the unit of the cutouts.
    size : numpy.ndarray, shape (K N,)
        Their mean square residuals over observed pixels, in the generator's scale.
    """
    starts = max(2, fit.restarts)
    scaled = _scaled(networks, np.where(observed, images, 0))
    weights = pixel_weights(scaled.shape, observed, _weights(scaled, observed, fit))
    if state is None:
        guess = start_fit(networks.embedder, scaled, observed).latent
        drawn = random_starts(networks.generator, starts, seed)[1:]
        state = state_at(np.concatenate([guess, np.repeat(drawn, len(guess), axis=0)]))
        until = 0.0
    else:
        until = time.monotonic() + _TURN_S
    scaled, observed, weights = (np.tile(one, (starts, 1, 1, 1)) for one in (scaled, observed, weights))
    options = {"weights": weights, "prior": fit.prior, "tolerance": None}
    while time.monotonic() < until and (step := state.loss.shape[1]) < fit.steps + fit.polish:
        method = "adam" if step < fit.steps else "newton"
        state = fit_steps(networks.generator, scaled, None, state, 1, method=method, **options)
    made = applied(networks.generator, state.best)
    size = np.square(np.where(observed, scaled - made, np.nan)).reshape(len(made), -1)
    return state, _unscaled(networks, made), np.nanmean(size, axis=1)


def _scaled(networks: Trained, images: np.ndarray) -> np.ndarray:
    return networks.scale(torch.as_tensor(images).to(networks.scale.mean)).cpu().numpy()


def _unscaled(networks: Trained, images: np.ndarray) -> np.ndarray:
    return networks.scale.inverse(torch.as_tensor(images).to(networks.scale.mean)).cpu().numpy()


def _weights(scaled: np.ndarray, observed: np.ndarray | None, fit: Fit) -> np.ndarray | None:
    """Return the inverse variances of the sky (N, B, 1, 1), or None if all pixels count the same.

    A band whose noise is not known has that of the noisiest band of its image.
    """
    if fit.weighting == "equal":
        return None
    noise = pixel_noise(scaled if observed is None else np.where(observed, scaled, np.nan))
    noise = np.where(noise > 0, noise, noise.max(axis=1, keepdims=True))
    return 1 / np.square(np.where(noise > 0, noise, 1.0))[..., None, None]


def _best(
    networks: Trained, scaled: np.ndarray, observed: np.ndarray | None, fit: Fit, weights: np.ndarray | None
) -> BestFit:
    return best_fit(
        networks.generator,
        scaled,
        observed=observed,
        weights=weights,
        embedder=networks.embedder,
        restarts=fit.restarts,
        steps=fit.steps,
        polish=fit.polish,
        prior=fit.prior,
    )


def latents_of(
    networks: Trained, cutouts: CutoutSet, *, fit: Fit, progress: Callable[[int, int], None] | None = None
) -> np.ndarray:
    """Return the latents (N, D) of all objects from best fits that start at the embedder's guess.

    Parameters
    ----------
    networks : Trained
    cutouts : CutoutSet
        Read 1024 objects at a time.
    fit : Fit
    progress : callable, optional
        Called with the number of finished objects and the number of all objects.
    """
    parts = []
    for _, images, coverage in cutouts.batches(1024):
        scaled = _scaled(networks, images)
        parts.append(_best(networks, scaled, coverage, fit, _weights(scaled, coverage, fit)).latent)
        if progress is not None:
            progress(sum(map(len, parts)), len(cutouts))
    return np.concatenate(parts)


def fits_with_bands_hidden(networks: Trained, cutouts: CutoutSet, *, fit: Fit) -> pd.DataFrame:
    """Return the results of best fits of images with all bands, and with each band hidden.

    Parameters
    ----------
    networks : Trained
    cutouts : CutoutSet
        M objects with all bands.
    fit : Fit

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
    parts, weights = [], _weights(scaled, None, fit)
    for hidden in ("", *bands):
        observed = np.array([band != hidden for band in bands])
        found = _best(networks, scaled, observed, fit, weights)
        rms = np.sqrt(np.square(scaled - found.image).mean((2, 3)))
        part = pd.DataFrame(rms, columns=[f"rms_{band}" for band in bands]).assign(
            object_id=cutouts.object_ids, off=hidden
        )
        if hidden:
            flux = central_flux(_unscaled(networks, found.image), pixel_scale=scale)
            made = pd.DataFrame(flux, columns=[f"fit_{band}" for band in bands])
            part = pd.concat([part, made, true], axis=1).assign(
                flux=made[f"fit_{hidden}"],
                flux_true=true[f"true_{hidden}"],
                noise=noise[bands.index(hidden)],
                group=groups,
            )
        parts.append(part)
    return pd.concat(parts, ignore_index=True)
