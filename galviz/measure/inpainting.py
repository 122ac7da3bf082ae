"""Best fits as plain arrays, and the quality of reconstructed pixels: PSNR, SSIM and fluxes."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from galviz.sky.photometry import POGSON
from galviz.sky.surveys import SDSS

_SIGMA, _TRUNCATE = 1.5, 3.5  # pixels: windows of 11×11, as published


@dataclass(frozen=True)
class FluxErrors:
    """Errors of the fluxes of one band.

    Parameters
    ----------
    bias : float
        Median of Δm = −2.5 log₁₀(estimate / truth), mag; positive where the estimate is too faint.
    scatter : float
        1.4826 · median |Δm − median Δm|, mag.
    measured : int
        Number of objects used.
    lost : int
        Number of objects whose true flux is high enough but whose estimated flux is not positive, so that Δm is
        undefined.
    """

    bias: float
    scatter: float
    measured: int
    lost: int


@dataclass(frozen=True, eq=False)
class FitState:
    """State of the fits of N images, as plain arrays. Row n depends only on image n.

    Parameters
    ----------
    latent, moment, square : numpy.ndarray, shape (N, D)
        State of Adam: latents, running means of the gradient and of its square.
    best : numpy.ndarray, shape (N, D)
        Latents with the smallest loss so far.
    best_loss, mark : numpy.ndarray, shape (N,)
        The smallest loss, infinite before the first step; and its value at the last convergence check.
    damping : numpy.ndarray, shape (N,)
        Damping of the Gauss–Newton steps.
    done : numpy.ndarray of bool, shape (N,)
        True where the fit has converged.
    loss : numpy.ndarray, shape (N, S)
        Loss before each step of Adam, and after each step of Gauss–Newton. NaN after convergence.
    """

    latent: np.ndarray
    moment: np.ndarray
    square: np.ndarray
    best: np.ndarray
    best_loss: np.ndarray
    mark: np.ndarray
    damping: np.ndarray
    done: np.ndarray
    loss: np.ndarray


@dataclass(frozen=True, eq=False)
class BestFit:
    """Best fits of N images.

    Parameters
    ----------
    latent : numpy.ndarray, shape (N, D)
    image : numpy.ndarray, shape (N, B, H, W)
        G(latent), all bands.
    residual : numpy.ndarray, shape (N, B, H, W)
        Observed minus fitted; NaN where nothing was observed.
    loss : numpy.ndarray, shape (N, S)
        As in `FitState`, for the best starting point.
    spread : numpy.ndarray, shape (N, B, H, W)
        Standard deviation of the images from all starting points. NaN with one starting point.
    off_manifold : numpy.ndarray, shape (N,)
        From `off_manifold`: 1 is unlike all reference images. NaN without a reference.
    """

    latent: np.ndarray
    image: np.ndarray
    residual: np.ndarray
    loss: np.ndarray
    spread: np.ndarray
    off_manifold: np.ndarray


def psnr(truth: np.ndarray, estimate: np.ndarray, peak: float | np.ndarray | None = None) -> np.ndarray:
    """Return the peak signal-to-noise ratio of each image, 10 log₁₀(peak² / mean (estimate − truth)²), dB.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (..., H, W)
        In the same unit. NaN gives NaN.
    peak : float or numpy.ndarray, shape (...), optional
        By default the range of each true image, max − min. The true image contains noise, so a noise-free estimate
        cannot reach a high ratio for a faint galaxy.

    Returns
    -------
    numpy.ndarray of float64, shape (...)
        Infinite where the two are equal. NaN where the peak is 0: a constant true image has no range.
    """
    truth, estimate = _pair(truth, estimate)
    if peak is None:
        peak = np.ptp(truth, axis=(-2, -1))
    mse = np.mean((estimate - truth) ** 2, axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(mse == 0, np.inf, 10 * np.log10(np.square(peak) / mse))
    return np.where(np.equal(peak, 0), np.nan, ratio)


def ssim(truth: np.ndarray, estimate: np.ndarray, peak: float | np.ndarray | None = None) -> np.ndarray:
    """Return the structural similarity of each image: the mean of `ssim_map` over its pixels.

    Parameters
    ----------
    truth, estimate, peak
        As in `psnr`.

    Returns
    -------
    numpy.ndarray of float64, shape (...)
        1 if the two are equal, at least −1. NaN if the true image is constant and no peak is given.

    Notes
    -----
    `skimage.metrics.structural_similarity` has the same map, but leaves 5 pixels at each border out of the mean (29 %
    of 64 × 64 pixels). It takes one image at a time, and none of fewer than 11 × 11 pixels.

    References
    ----------
    Wang et al. (2004), IEEE Trans. Image Process. 13, 600, eq. 13.
    """
    truth, estimate = _pair(truth, estimate)
    return ssim_map(truth, estimate, np.ptp(truth, axis=(-2, -1)) if peak is None else peak).mean((-2, -1))


def ssim_map(truth: np.ndarray, estimate: np.ndarray, peak: float | np.ndarray) -> np.ndarray:
    """Return the structural similarity around each pixel, in Gaussian windows with σ = 1.5 pixels (11×11).

    (2 μ ν + c₁)(2 cov + c₂) / ((μ² + ν² + c₁)(var + var + c₂)) with c₁ = (0.01 peak)² and c₂ = (0.03 peak)².

    Parameters
    ----------
    truth, estimate : numpy.ndarray of float, shape (..., H, W)
    peak : float or numpy.ndarray, shape (...)

    Returns
    -------
    numpy.ndarray of float64, shape (..., H, W)
    """
    c1, c2 = (np.square(k * np.asarray(peak))[..., None, None] for k in (0.01, 0.03))
    mean_t, mean_e = _blur(truth), _blur(estimate)
    var_t, var_e = _blur(truth**2) - mean_t**2, _blur(estimate**2) - mean_e**2
    both = _blur(truth * estimate) - mean_t * mean_e
    with np.errstate(divide="ignore", invalid="ignore"):
        light = (2 * mean_t * mean_e + c1) / (mean_t**2 + mean_e**2 + c1)
        return light * (2 * both + c2) / (var_t + var_e + c2)


def central_flux(
    images: np.ndarray, radius: float = 3.0, pixel_scale: float | np.ndarray = SDSS.pixel_scale
) -> np.ndarray:
    """Return the sum of the pixels whose centre lies within `radius` arcsec of the image centre.

    Parameters
    ----------
    images : numpy.ndarray, shape (..., H, W)
        Nanomaggies per pixel.
    radius : float
        arcsec.
    pixel_scale : float or numpy.ndarray
        arcsec/pixel, broadcast against (...).

    Returns
    -------
    numpy.ndarray of float64, shape (...)
        Nanomaggies.
    """
    height, width = images.shape[-2:]
    y, x = np.ogrid[:height, :width]
    distance = np.hypot(x - (width - 1) / 2, y - (height - 1) / 2)
    near = distance * np.asarray(pixel_scale)[..., None, None] <= radius
    return np.where(near, images, 0).sum((-2, -1), dtype=np.float64)


def flux_errors(truth: np.ndarray, estimate: np.ndarray, least: float = 0.0) -> FluxErrors:
    """Return bias and scatter of fluxes in magnitudes.

    Parameters
    ----------
    truth, estimate : numpy.ndarray, shape (N,)
        Fluxes of one band in the same unit, from `central_flux`.
    least : float
        Only objects with a larger true flux are used, for example five times its noise. For fainter ones, the noise of
        the truth would dominate.

    Returns
    -------
    FluxErrors
        Bias and scatter are NaN if no object can be used.
    """
    truth, estimate = (np.asarray(flux, dtype=np.float64) for flux in (truth, estimate))
    counts = truth > max(least, 0.0)
    good = counts & (estimate > 0)
    lost = int(counts.sum() - good.sum())
    if not good.any():
        return FluxErrors(np.nan, np.nan, 0, lost)
    fainter = -POGSON * np.log(estimate[good] / truth[good])
    bias = float(np.median(fainter))
    return FluxErrors(bias, float(1.4826 * np.median(np.abs(fainter - bias))), int(good.sum()), lost)


def pixel_weights(
    shape: tuple[int, int, int, int], observed: np.ndarray | None = None, weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the weight of every pixel, 0 where it was not observed.

    Parameters
    ----------
    shape : tuple of int
        (N, B, H, W).
    observed : numpy.ndarray of bool, optional
        (B,), (N, B) or (N, B, H, W); by default everything.
    weights : numpy.ndarray, optional
        Broadcast against `shape`; by default 1.

    Returns
    -------
    numpy.ndarray of float32, shape (N, B, H, W)

    Raises
    ------
    ValueError
        If a shape does not match, a weight is negative or not finite, or an image has no pixel with a weight.
    """
    found = np.ones(shape, dtype=np.float32)
    if observed is None and weights is None:
        return found
    if observed is not None:
        observed = np.asarray(observed, dtype=bool)
        places = {shape[1:2]: (None, ..., None, None), shape[:2]: (..., None, None), tuple(shape): (...,)}
        if observed.shape not in places:
            expected = " or ".join(map(str, places))
            raise ValueError(f"observed: expected shape {expected}, got {observed.shape}. Give one a band or pixel.")
        found *= observed[places[observed.shape]]
    if weights is not None:
        found *= np.asarray(weights, dtype=np.float32)
    if not (np.isfinite(found).all() and found.min(initial=0) >= 0):
        raise ValueError("weights: expected finite numbers of at least 0, got others. Set what is not known to 0.")
    empty = ~(found > 0).any(axis=(1, 2, 3))
    if empty.any():
        raise ValueError(f"observed: expected a pixel of every image, got none of image {empty.argmax()}.")
    return found


def off_manifold(residual: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return how unlike the training images an image is: the share of them that were fitted better.

    Parameters
    ----------
    residual : numpy.ndarray, shape (N, B, H, W)
        Observed minus fitted, NaN where nothing was observed.
    reference : numpy.ndarray, shape (M, B)
        Root mean square residuals of M training images in each band, all bands fitted. A fit to fewer bands has
        smaller residuals, so the score is then a little too low.

    Returns
    -------
    numpy.ndarray of float64, shape (N,)
        0 … 1: share of the M images whose mean square residual, weighted over the same observed bands, is smaller.
    """
    size = np.nanmean(np.square(residual, dtype=np.float64), axis=(1, 2, 3))
    return fitted_better(size, np.isfinite(residual).mean((2, 3)), reference)


def fitted_better(size: np.ndarray, share: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return `off_manifold` from mean square residuals (N,) and the observed share of each band (N, B)."""
    typical = np.square(reference, dtype=np.float64) @ (share / share.sum(1, keepdims=True)).T
    return (typical < size).mean(0)


def _pair(truth: np.ndarray, estimate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, estimate = (np.asarray(values, dtype=np.float64) for values in (truth, estimate))
    if truth.shape != estimate.shape or truth.ndim < 2:
        raise ValueError(f"estimate: expected shape (..., H, W) as truth, got {estimate.shape} for {truth.shape}.")
    return truth, estimate


def _blur(images: np.ndarray) -> np.ndarray:
    return gaussian_filter(images, _SIGMA, axes=(-2, -1), truncate=_TRUNCATE)
