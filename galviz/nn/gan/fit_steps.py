"""The steps of best fits, by Adam or Gauss–Newton, for many images at a time. The fits are independent."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import jacfwd, vmap

from galviz.measure.inpainting import FitState, pixel_weights

_BETAS, _EPS = (0.9, 0.999), 1e-8  # of Adam
_WINDOW = 25  # steps between two checks whether the loss still falls
_TRIES = (1e-3, 1e-1, 1e1, 1e3)  # dampings that a Gauss–Newton step tries, in units of the last best one
_JACOBIANS = 32  # number of images whose Jacobians are in memory at a time


class Cancelled(Exception):  # noqa: N818 - no error
    """Raised when `cancelled` returns True."""


def start_fit(embedder: nn.Module, images: np.ndarray, observed: np.ndarray | None = None) -> FitState:
    """Return the initial state of fits from the embedder's guess, for `fit_steps`. Arguments as in `best_fit`."""
    return state_at(applied(embedder, checked(images, observed, None)[1]))


def state_at(latents: np.ndarray) -> FitState:
    """Return the initial state of fits that start at given latents (N, D), for `fit_steps`."""
    zeros, infinite = np.zeros_like(latents), np.full(len(latents), np.inf, latents.dtype)
    damping, done = np.ones(len(latents), latents.dtype), np.zeros(len(latents), dtype=bool)
    loss = np.empty((len(latents), 0), latents.dtype)
    return FitState(latents, zeros, zeros, latents, infinite, infinite, damping, done, loss)


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
    """Return the state of fits after more steps. Two calls of n steps equal one call of 2n steps. See `best_fit`.

    `state` is from `start_fit`, `state_at` or this function. ``"newton"`` continues from the best latents. Fits that
    Adam has finished are continued only if `done` is reset to False.
    """
    weights, images = checked(images, observed, weights)
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
        active = active[~part["done"]]  # finished fits leave the batch
    return FitState(**{name: value.cpu().numpy() for name, value in now.items()}, loss=loss.cpu().numpy())


@dataclass(frozen=True, eq=False)
class _Problem:
    """Losses Σ w (G(z) − I)² + p ‖z‖², one per image, shape (N,). With them come w (G(z) − I), or gradients (N, D)."""

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
        """Return δ, shape (N, T, D), from (JᵀwJ + p + λ diag) δ = Jᵀw (G(z) − I) + p z for T dampings λ (N, T)."""
        with warnings.catch_warnings():  # torch's own warning at the first forward derivative
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
    """Take one step of Adam in place, and return the losses before it."""
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
    """Take one step of Gauss–Newton in place, with the best of several dampings, and return the losses after it.

    A step that does not lower the loss is not taken, and the damping is increased.
    """
    z, dampings = part["latent"], part["damping"][:, None] * torch.tensor(_TRIES).to(part["latent"])
    _keep(part, z, problem.loss(z, problem.generator(z))[0])
    pieces = [values.split(_JACOBIANS) for values in (problem.images, problem.weights, problem.prior, z, dampings)]
    shifts = [_Problem(problem.generator, *data).shifts(z, tries) for *data, z, tries in zip(*pieces, strict=True)]
    tries = (z[:, None] - torch.cat(shifts)).unbind(1)
    losses = torch.stack([problem.loss(one, problem.generator(one))[0] for one in tries], dim=1)
    loss, which = torch.where(losses.isfinite(), losses, torch.inf).min(1)
    best_damping = dampings.gather(1, which[:, None])[:, 0]
    part["damping"] = torch.where(loss < part["best_loss"], best_damping, 10 * part["damping"]).clamp(1e-8, 1e8)
    _keep(part, torch.stack(tries, dim=1)[torch.arange(len(z)), which], loss)
    part["latent"] = part["best"].clone()
    return part["best_loss"].clone()


def _keep(part: dict[str, Tensor], z: Tensor, loss: Tensor) -> None:
    better = loss < part["best_loss"]
    part["best"] = torch.where(better[:, None], z, part["best"])
    part["best_loss"] = torch.where(better, loss, part["best_loss"])


def checked(
    images: np.ndarray, observed: np.ndarray | None, weights: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each pixel, and the images with 0 where the weight is 0. Raises as `best_fit` does."""
    weights = pixel_weights(images.shape, observed, weights)
    images = np.where(weights > 0, images, 0)
    if not np.isfinite(images).all():
        raise FloatingPointError("images: expected finite observed pixels, got NaN or infinity. Set observed to False.")
    return weights, images


@torch.no_grad()
def applied(network: nn.Module, values: np.ndarray) -> np.ndarray:
    """Return the output of a network for an array, (N, ...) -> (N, ...), computed on the device of the network."""
    return network(torch.as_tensor(values).to(next(network.parameters()))).cpu().numpy()
