"""Gradient attribution, and a check whether maps show what was learned."""

import copy
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from galviz.nn.explain.engine import Baseline, Output, Parts, as_images, cover, evaluating, reader
from galviz.nn.explain.fused_norms import body
from galviz.nn.networks.pooled_encoder import PooledEncoder

_AT_ONCE = 16 * 224**2  # pixels of the images in one batch of gradients


def integrated_gradients(
    network: nn.Module, images: np.ndarray | Tensor, *, output: Output = 0, baseline: Baseline = "zero", steps: int = 50
) -> np.ndarray:
    """Return integrated gradients from a baseline to the images.

    The sum of a map is nearly the output of the image minus that of the baseline.

    Parameters
    ----------
    network, images, output, baseline
        As in `occlude`. A blurred baseline has σ = 8 pixels.
    steps : int
        Number of points of the integral.

    Returns
    -------
    numpy.ndarray of float32, shape (N, B, H, W)

    References
    ----------
    Sundararajan et al. (2017), ICML, equation 1.
    """
    from captum.attr import IntegratedGradients  # takes a second; a map by occlusion does not need it

    parts, prepared = _prepared(network, images)
    at_once = max(1, _AT_ONCE // prepared[0, 0].numel())
    with evaluating(network):
        method = IntegratedGradients(lambda x: reader(output)(parts.rest(x)))
        found = method.attribute(prepared, cover(prepared, baseline, 16), n_steps=steps, internal_batch_size=at_once)
    return found.detach().cpu().numpy().astype(np.float32)


def grad_cam(
    network: nn.Module,
    images: np.ndarray | Tensor,
    *,
    output: Output = 0,
    layer: nn.Module | None = None,
    bands: Literal["together", "each"] = "together",
) -> np.ndarray:
    """Return Grad-CAM maps: the channels of a layer, weighted by the mean gradient of the output.

    Negative values, where the output is lowered, are set to 0. The maps of an encoder that averages several views of an
    image are turned back before they are added.

    Parameters
    ----------
    network, images, output
        As in `occlude`.
    layer : nn.Module, optional
        A layer with 2-D output. By default the last one of a ResNet, or the last convolution.
    bands : {"together", "each"}
        Whether the maps of all bands are added. One map per band needs a network that encodes each band separately.

    Returns
    -------
    numpy.ndarray of float32, shape (N, 1, H, W), or (N, B, H, W) for each band
        Interpolated to the size of the images.

    Raises
    ------
    ValueError
        If the network has no convolution, or one map per band is wanted of a network that mixes the bands.

    References
    ----------
    Selvaraju et al. (2017), ICCV, equations 1 and 2.
    """
    parts, prepared = _prepared(network, images)
    if bands == "each" and not parts.apart:
        raise ValueError(
            "bands: expected together, got each. This network mixes the bands in its first layer, so Grad-CAM has one "
            "map for all bands."
        )
    layer = layer or _last_layer(parts.encode)
    turned = parts.encode if isinstance(parts.encode, PooledEncoder) else None
    at_once = max(1, _AT_ONCE // (prepared[0, 0].numel() * (turned.views if turned else 1)))
    found, calls = [], []

    def keep(_: nn.Module, __: tuple, maps: Tensor) -> Tensor:
        calls.append(maps)
        return maps.clone()  # the next layer may change it in place

    # Captum's hook keeps the last call of a layer only; an encoder of several views calls it once for each.
    with evaluating(network), layer.register_forward_hook(keep):
        for part in prepared.detach().requires_grad_().split(at_once):
            calls.clear()
            slopes = torch.autograd.grad(reader(output)(parts.rest(part)).sum(), calls)
            views = [
                (slope.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)
                for slope, maps in zip(slopes, calls, strict=True)
            ]
            found.append(sum(turned.upright(maps, k) if turned else maps for k, maps in enumerate(views)).detach())
    total = torch.cat(found)
    total = total.reshape(len(prepared), -1, *total.shape[2:])
    total = (total if bands == "each" else total.sum(1, keepdim=True)).relu()
    return functional.interpolate(total, prepared.shape[2:], mode="bilinear").cpu().numpy().astype(np.float32)


def sanity(
    network: nn.Module,
    images: np.ndarray | Tensor,
    explain: Callable[[nn.Module, np.ndarray | Tensor], np.ndarray],
    *,
    seed: int = 0,
) -> float:
    """Return how similar maps are to those of the same network with weights shuffled within each layer.

    Parameters
    ----------
    network : nn.Module
        It is not changed.
    images : numpy.ndarray or Tensor, float32, shape (N, B, H, W)
    explain : callable
        (network, images) -> maps (N, ...): ``partial(integrated_gradients, output=3)``.
    seed : int
        Seed of the shuffling.

    Returns
    -------
    float
        Spearman's rank correlation of the absolute values of the two maps, averaged over the images. Near 0 if the maps
        show what was learned, near 1 if they only show the image. NaN if a map is constant.

    References
    ----------
    Adebayo et al. (2018), NeurIPS, section 3.
    """
    shuffled, random = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        # Biases and batch norms stay, and so does the distribution of the weights: outputs keep their size, and only
        # what was learned is lost. A network with new random weights could differ for other reasons.
        for weight in (p for p in shuffled.parameters() if p.dim() > 1):
            order = torch.randperm(weight.numel(), generator=random).to(weight.device)
            weight.copy_(weight.flatten()[order].reshape(weight.shape))
    pairs = zip(explain(network, images), explain(shuffled, images), strict=True)
    return float(np.mean([_rank_correlation(np.abs(one).ravel(), np.abs(other).ravel()) for one, other in pairs]))


def _prepared(network: nn.Module, images: np.ndarray | Tensor) -> tuple[Parts, Tensor]:
    parts = Parts(network, "captum")
    with torch.no_grad():
        return parts, parts.prepare(as_images(images).to(parts.device))


def _last_layer(encoder: nn.Module) -> nn.Module:
    encoder = encoder.network if isinstance(encoder, PooledEncoder) else body(encoder)
    named = getattr(encoder, "neck", None) or getattr(encoder, "layer4", None)
    convolutions = [module for module in encoder.modules() if isinstance(module, nn.Conv2d)]
    if named is None and not convolutions:
        raise ValueError("layer: expected a network with a convolution, got one without. Give the layer to look at.")
    return convolutions[-1] if named is None else named


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = np.stack([rankdata(one), rankdata(other)])
    ranks -= ranks.mean(1, keepdims=True)
    # Not SciPy's spearmanr, which warns where a map is constant.
    size = np.sqrt((ranks**2).sum(1).prod())
    return float(ranks.prod(0).sum() / size) if size > 0 else np.nan
