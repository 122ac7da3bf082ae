"""Best fits: the latent whose image comes nearest to one that was observed, for many images at once.

All is in the generator's scale (`galviz.nn.lsgan.Scale`). Losses of images are summed, so none changes another's path.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacfwd, vmap

from galviz.sky.inpainting import BestFit, FitState, off_manifold, pixel_weights

_BETAS, _EPS = (0.9, 0.999), 1e-8  # of Adam
_WINDOW, _BATCH = 25, 1024  # steps between two looks whether the loss still falls; fits at the same time
_TRIES = (1e-3, 1e-1, 1e1, 1e3)  # dampings that a Gauss–Newton step tries, in units of the last that was best
_JACOBIANS = 32  # images whose Jacobians are in memory together


class Cancelled(Exception):  # noqa: N818 - no error
    """Raised where `cancelled` said so."""


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
    """Find argmin over z of Σ w (I − G(z))² + `prior` ‖z‖², for each image by itself.

    As published: Adam with a constant rate of 0.25 from the embedder's guess. With a generator that has learned much it
    ends in a jitter about the minimum; ``steps=0, polish=20`` reaches it.

    Parameters
    ----------
    generator : nn.Module
        From latents (N, D) to images (N, B, H, W); its ``latent`` is the number D.
    images : numpy.ndarray, shape (N, B, H, W)
        In the generator's scale. Pixels that were not observed are not looked at and may be NaN.
    observed : numpy.ndarray of bool, optional
        (B,), (N, B) or (N, B, H, W): what the fit may use. By default everything.
    weights : numpy.ndarray, optional
        w, broadcast against the images: inverse variances. By default 1: bands weigh equally.
    embedder : nn.Module, optional
        Gives the first start, E(I), in which what was not observed is 0, the mean of its band.
    restarts : int
        Starts of each image, of which the best is kept; all but the embedder's are drawn from a normal distribution.
    steps, lr : int, float
        Of Adam.
    polish : int
        Steps of Gauss–Newton with damping (Levenberg–Marquardt) after Adam's, each as dear as about D / 2 of them.
    tolerance : float, optional
        An image is done when its smallest loss fell by no more than this part of it in 25 steps of Adam, or in one of
        Gauss–Newton. None: never.
    prior : float
        Weight of ‖z‖². With inverse variances as `weights`, 1 gives the most probable latent.
    passes : int
        2: what was not observed is filled in from the first fit, embedded anew and fitted again; the better is kept.
    reference : numpy.ndarray, shape (M, B), optional
        Root mean square residuals of training images, for `BestFit.off_manifold`.
    seed : int
    progress, cancelled : callable, optional
        Told how many images are done of how many; asked before every step, and on True `Cancelled` is raised.

    Returns
    -------
    BestFit

    Raises
    ------
    ValueError
        If a shape does not fit, nothing is observed of an image, or a number is out of range.
    FloatingPointError
        If an observed pixel is NaN or infinite.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.3, eq. 2; steps are not given there. Marquardt (1963), SIAM 11, 431.
    """
    if min(restarts, passes) < 1 or min(steps, polish) < 0:
        got = f"{restarts}, {passes}, {steps} and {polish}"
        raise ValueError(f"restarts, passes, steps, polish: expected at least 1, 1, 0 and 0, got {got}.")
    weights, images = _checked(images, observed, weights)
    starts = np.random.default_rng(seed).standard_normal((len(images), restarts, generator.latent), dtype=np.float32)
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


def start_fit(embedder: nn.Module, images: np.ndarray, observed: np.ndarray | None = None) -> FitState:
    """Begin fits at the embedder's guess, for `fit_steps`; arguments as of `best_fit`."""
    return _state(_applied(embedder, _checked(images, observed, None)[1]))


def fit_steps(
    generator: nn.Module,
    images: np.ndarray,
    observed: np.ndarray | None,
    state: FitState,
    steps: int,
    *,
    method: Literal["adam", "newton"] = "adam",
    weights: np.ndarray | None = None,
    lr: float = 0.25,
    tolerance: float | None = 1e-3,
    prior: float = 0.0,
    cancelled: Callable[[], bool] = lambda: False,
) -> FitState:
    """Go on from a state that `start_fit` or this function gave; two calls of n steps are one of 2n. See `best_fit`.

    ``"newton"`` goes on from the best latents; what Adam says is done must have `done` set to False for it.
    """
    weights, images = _checked(images, observed, weights)
    like = next(generator.parameters())
    data, weights = torch.as_tensor(images).to(like), torch.as_tensor(weights).to(like)
    total = weights.sum((1, 2, 3))
    share, penalty = weights / total[:, None, None, None], prior / total
    now = {name: torch.tensor(value, device=like.device) for name, value in vars(state).items()}
    now = {name: value.to(like.dtype) if value.is_floating_point() else value for name, value in now.items()}
    if method == "newton":
        now["latent"] = now["best"].clone()
    step, end = state.loss.shape[1], state.loss.shape[1] + steps
    loss = torch.nn.functional.pad(now.pop("loss"), (0, steps), value=torch.nan)
    active = (~now["done"]).nonzero()[:, 0]
    while step < end and len(active):
        part = {name: value[active] for name, value in now.items()}
        problem = _Problem(generator, data[active], share[active], penalty[active])
        while step < end and not part["done"].any():
            if cancelled():
                raise Cancelled
            loss[active, step] = _newton(problem, part) if method == "newton" else _adam(problem, part, step + 1, lr)
            step += 1
            if tolerance is not None and (method == "newton" or step % _WINDOW == 0):
                part["done"] = part["mark"] - part["best_loss"] <= tolerance * part["best_loss"]
                part["mark"] = part["best_loss"]
        for name, value in part.items():
            now[name][active] = value
        active = active[~part["done"]]  # what is done leaves the batch
    return FitState(**{name: value.cpu().numpy() for name, value in now.items()}, loss=loss.cpu().numpy())


@dataclass(frozen=True, eq=False)
class _Problem:
    """Losses Σ w (G(z) − I)² + p ‖z‖², one an image (N,); with them come w (G(z) − I), or gradients (N, D)."""

    generator: nn.Module
    images: Tensor
    weights: Tensor
    prior: Tensor

    def loss(self, z: Tensor, image: Tensor) -> tuple[Tensor, Tensor]:
        residual = image - self.images
        pull = self.weights * residual
        return torch.linalg.vecdot(pull.flatten(1), residual.flatten(1)) + self.prior * z.square().sum(1), pull

    def gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        variable = z.clone().requires_grad_()
        with torch.enable_grad():
            image = self.generator(variable)
        loss, pull = self.loss(z, image.detach())
        (gradient,) = torch.autograd.grad(image, variable, pull)
        return loss, 2 * (gradient + self.prior[:, None] * z)

    @torch.no_grad()
    def shifts(self, z: Tensor, dampings: Tensor) -> Tensor:
        """Solve (JᵀwJ + p + λ diag) δ = Jᵀw (G(z) − I) + p z for T dampings λ (N, T); δ has shape (N, T, D)."""
        with warnings.catch_warnings():  # torch warns of itself when it first differentiates forwards
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            jacobian = vmap(jacfwd(lambda one: self.generator(one[None])[0]))(z).flatten(1, 3)
        pull = self.loss(z, self.generator(z))[1].flatten(1)
        curve = jacobian.mT @ (self.weights.flatten(1)[..., None] * jacobian)
        curve = curve + self.prior[:, None, None] * torch.eye(z.shape[1]).to(z)
        slope = (jacobian.mT @ pull[..., None])[..., 0] + self.prior[:, None] * z
        scale = torch.diagonal(curve, dim1=1, dim2=2)
        ridge = torch.diag_embed(scale + 1e-3 * scale.mean(1, keepdim=True))
        damped = curve[:, None] + dampings[..., None, None] * ridge[:, None]
        return torch.linalg.solve_ex(damped, slope[:, None, :, None])[0][..., 0]


def _adam(problem: _Problem, part: dict[str, Tensor], step: int, lr: float) -> Tensor:
    """Take one step, in place; give the losses before it."""
    z = part["latent"]
    loss, gradient = problem.gradient(z)
    _keep(part, z, loss)
    part["moment"] = part["moment"].lerp(gradient, 1 - _BETAS[0])
    part["square"] = part["square"].lerp(gradient.square(), 1 - _BETAS[1])
    moment, square = (part[name] / (1 - beta**step) for name, beta in zip(("moment", "square"), _BETAS, strict=True))
    part["latent"] = z - lr * moment / (square.sqrt() + _EPS)
    return loss


@torch.no_grad()
def _newton(problem: _Problem, part: dict[str, Tensor]) -> Tensor:
    """Take one step, in place: of several dampings the best is kept, if it is better; give the losses after it."""
    z, dampings = part["latent"], part["damping"][:, None] * torch.tensor(_TRIES).to(part["latent"])
    _keep(part, z, problem.loss(z, problem.generator(z))[0])
    pieces = [values.split(_JACOBIANS) for values in (problem.images, problem.weights, problem.prior, z, dampings)]
    shifts = [_Problem(problem.generator, *data).shifts(z, tries) for *data, z, tries in zip(*pieces, strict=True)]
    tries = (z[:, None] - torch.cat(shifts)).unbind(1)
    losses = torch.stack([problem.loss(one, problem.generator(one))[0] for one in tries], dim=1)
    loss, which = torch.where(losses.isfinite(), losses, torch.inf).min(1)
    chosen = dampings.gather(1, which[:, None])[:, 0]
    part["damping"] = torch.where(loss < part["best_loss"], chosen, 10 * part["damping"]).clamp(1e-8, 1e8)
    _keep(part, torch.stack(tries, dim=1)[torch.arange(len(z)), which], loss)
    part["latent"] = part["best"].clone()
    return part["best_loss"].clone()


def _keep(part: dict[str, Tensor], z: Tensor, loss: Tensor) -> None:
    better = loss < part["best_loss"]
    part["best"] = torch.where(better[:, None], z, part["best"])
    part["best_loss"] = torch.where(better, loss, part["best_loss"])


@dataclass(frozen=True, eq=False)
class _Fits:
    """The fits of some images from all their starts (N, K, D)."""

    generator: nn.Module
    embedder: nn.Module | None
    images: np.ndarray
    weights: np.ndarray
    steps: tuple[int, int]
    options: dict[str, Any]

    def best_of(self, starts: np.ndarray, passes: int) -> dict[str, np.ndarray]:
        if self.embedder is not None:
            starts[:, 0] = _applied(self.embedder, self.images)
        count, restarts, latents = starts.shape
        state = self._run(starts.reshape(-1, latents))
        won = np.arange(count) * restarts + state.best_loss.reshape(count, restarts).argmin(1)
        best, loss, least = state.best[won], state.loss[won], state.best_loss[won]
        spread = np.full(self.images.shape, np.nan, dtype=np.float32)
        if restarts > 1:
            ends = state.best.reshape(starts.shape).swapaxes(0, 1)
            spread = np.stack([_applied(self.generator, z) for z in ends]).std(0)
        for _ in range(passes - 1 if self.embedder is not None else 0):
            filled = np.where(self.weights > 0, self.images, _applied(self.generator, best))
            again = self._run(_applied(self.embedder, filled))
            better = (again.best_loss < least)[:, None]
            best, loss = np.where(better, again.best, best), np.where(better, again.loss, loss)
            least = np.minimum(least, again.best_loss)
        return {"latent": best, "image": _applied(self.generator, best), "loss": loss, "spread": spread}

    def _run(self, z: np.ndarray) -> FitState:
        images, weights = (values.repeat(len(z) // len(values), axis=0) for values in (self.images, self.weights))
        state = fit_steps(self.generator, images, None, _state(z), self.steps[0], weights=weights, **self.options)
        state = replace(state, done=np.zeros_like(state.done))
        return fit_steps(
            self.generator, images, None, state, self.steps[1], method="newton", weights=weights, **self.options
        )


def _checked(
    images: np.ndarray, observed: np.ndarray | None, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Give the weight of each pixel, and the images with 0 where it is 0."""
    weights = pixel_weights(images.shape, observed, weights)
    images = np.where(weights > 0, images, 0)
    if not np.isfinite(images).all():
        raise FloatingPointError("images: expected finite observed pixels, got NaN or infinity. Set observed to False.")
    return weights, images


def _state(z: np.ndarray) -> FitState:
    zeros, infinite = np.zeros_like(z), np.full(len(z), np.inf, z.dtype)
    damping, done = np.ones(len(z), z.dtype), np.zeros(len(z), dtype=bool)
    return FitState(z, zeros, zeros, z, infinite, infinite, damping, done, np.empty((len(z), 0), z.dtype))


@torch.no_grad()
def _applied(network: nn.Module, values: np.ndarray) -> np.ndarray:
    return network(torch.as_tensor(values).to(next(network.parameters()))).cpu().numpy()
