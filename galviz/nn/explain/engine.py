"""The engine of occlusion: a network split at its encoder, and its output for one image with a patch covered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import psutil
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor, nn

from galviz.nn.explain.incremental import Incremental, understands
from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.tasks.target import Target

Output = int | Callable[[Tensor], Tensor]
Baseline = str | np.ndarray | Tensor
Engine = Literal["auto", "captum", "fast"]

_ENGINES = ("auto", "captum", "fast")
_BASELINES = ("zero", "mean", "blur")
_SHARE = 0.25  # fraction of the free memory that a batch may take
_BYTES = 400  # memory of a ResNet-18 per image pixel
_BATCH = 16 * 224**2  # pixels per batch at which a CPU is fastest
_PLACES = 64 * 224**2  # the same for the fast engine


class Parts:
    """A network in three parts: `prepare` the images, `encode` each view, and `finish` from the features of all views.

    The views of a `CutoutNetwork` are its single bands, or all bands together. Any other network counts as an encoder
    of all bands, with nothing before or after it.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> (N, K), in evaluation mode.
    engine : {"auto", "captum", "fast"}

    Attributes
    ----------
    apart : bool
        Whether each band is a separate view.
    fast : Incremental or None
        The encoder for the fast engine, if that is used.
    engine : {"fast", "captum"}
        The engine that is used.
    """

    def __init__(self, network: nn.Module, engine: str) -> None:
        if engine not in _ENGINES:
            raise ValueError(f"engine: expected one of {', '.join(_ENGINES)}, got {engine!r}.")
        self.network, self._whole = network, not isinstance(network, CutoutNetwork)
        self.encode = network if self._whole else network.encoder
        self.apart = not self._whole and network.apart
        self.device = next((p.device for p in network.parameters()), torch.device("cpu"))
        # A GPU is used best by large batches of whole images.
        wanted = engine == "fast" or (engine == "auto" and self.device.type == "cpu" and understands(self.encode))
        # `Incremental` raises a ValueError where engine='fast' was requested for a network that it does not know.
        self.fast = Incremental(self.encode) if wanted else None
        self.engine = "fast" if wanted else "captum"

    def prepare(self, images: Tensor) -> Tensor:
        """Return images (N, B, H, W) as the encoder sees them; the patch is applied to these, not to raw fluxes."""
        return images if self._whole else self.network.normalise(images)

    def views(self, prepared: Tensor) -> Tensor:
        """Return the inputs of the encoder: (N, B, H, W) -> (N, V, C, H, W)."""
        return prepared.unsqueeze(2 if self.apart else 1)

    def finish(self, features: Tensor) -> Tensor:
        """Return the outputs of the network from features: (N, V, F) -> (N, K)."""
        if self.fast:
            features = self.fast.last(features)
        return features[:, 0] if self._whole else self.network.from_features(features)

    def rest(self, prepared: Tensor) -> Tensor:
        """Return the outputs of the network for prepared images, (N, B, H, W) -> (N, K). Only for engine="captum"."""
        views = self.views(prepared)
        features = self.encode(views.flatten(0, 1))
        return self.finish(features.reshape(*views.shape[:2], -1))


class PreparedImage:
    """One image, prepared for occlusion.

    Parameters
    ----------
    parts : Parts
    image : Tensor, float32, shape (B, H, W)
    patch : int
    baseline : str, numpy.ndarray or Tensor
        As in `cover`.
    chunk : int, optional
        Number of positions computed at a time. By default it suits the engine and the free memory.

    Attributes
    ----------
    outputs : Tensor, shape (1, K)
        Outputs of the network for the unoccluded image.
    """

    def __init__(self, parts: Parts, image: Tensor, patch: int, baseline: Baseline, chunk: int | None = None) -> None:
        if chunk is not None and chunk < 1:
            raise ValueError(f"chunk: expected at least 1 place at a time, got {chunk}.")
        prepared = parts.prepare(image.to(parts.device)[None])
        self.parts, self.patch, self.bands = parts, patch, len(prepared[0])
        self._prepared, self._cover = prepared[0], cover(prepared, baseline, patch)[0]
        views = parts.views(prepared)[0]
        if parts.fast:
            self._clean = [parts.fast.clean(view) for view in views]
            self._features = torch.stack([parts.fast.features(clean) for clean in self._clean])
        else:
            self._features = parts.encode(views)
        self.outputs = parts.finish(self._features[None])
        self.chunk = chunk or _chunk(parts, image.shape[1] * image.shape[2])

    def change(self, places: Tensor, output: Callable[[Tensor], Tensor], band: int | None) -> Tensor:
        """Return by how much the output falls when a patch is covered, in all bands or in one.

        Each batch begins with the clean image, so that both outputs come from the same batch. Equal features give
        exactly 0, so a map is exactly 0 where the network ignores the image.

        Parameters
        ----------
        places : Tensor of int, shape (n, 2)
        output : callable
            Outputs (n, K) -> (n,).
        band : int, optional

        Returns
        -------
        Tensor, shape (n,)
            The output of the unoccluded image minus that of the occluded one.
        """
        hidden = self._cover
        if band is not None:
            hidden = self._prepared.clone()
            hidden[band] = self._cover[band]
        prepared, hidden = (self.parts.views(x[None])[0] for x in (self._prepared, hidden))
        # Only views that are covered change; the others keep the clean features.
        features = self._features.repeat(len(places) + 1, 1, 1)
        for k in [band] if self.parts.apart and band is not None else range(len(prepared)):
            features[:, k] = self._occluded(k, prepared[k], hidden[k], places)
        outputs = output(self.parts.finish(features))
        same = (features[1:] == features[:1]).all(-1).all(-1)  # a matrix product may round equal rows differently
        return torch.where(same, 0.0, outputs[0] - outputs[1:])

    def _occluded(self, k: int, view: Tensor, hidden: Tensor, places: Tensor) -> Tensor:
        """Return the features of a view (C, H, W), unoccluded and then occluded at n positions, shape (1 + n, F)."""
        if self.parts.fast:
            occluded = self.parts.fast.occluded(self._clean[k], view, hidden, places.to(view.device), self.patch)
            return torch.cat([self._features[k : k + 1], occluded])
        batch = view.repeat(len(places) + 1, 1, 1, 1)
        # The first image stays clean.
        for image, (top, left) in zip(batch[1:], places.tolist(), strict=True):
            patch = (..., slice(top, top + self.patch), slice(left, left + self.patch))
            image[patch] = hidden[patch]
        return self.parts.encode(batch)

    def changes(
        self, places: Tensor, output: Callable[[Tensor], Tensor], band: int | None, tell: Callable[[int], None]
    ) -> Tensor:
        """Return `change` for any number of positions. `tell` is called after each chunk with its number of positions.

        With Captum, a "feature" is a position of the patch, not a pixel: `fall` turns "feature k is ablated" into "the
        patch covers position k".
        """
        if self.parts.fast:
            return self._in_parts(lambda part: self.change(part, output, band), places, tell)
        from captum.attr import FeatureAblation  # takes a second, and the fast engine does not need it

        outputs = output(self.outputs)

        def fall(shown: Tensor) -> Tensor:  # (n, P): 0 at the place that is covered
            # Captum calls this with one row per ablated feature, and once with none ablated, for its reference.
            covered = (shown == 0).nonzero()[:, 1].cpu()
            if not len(covered):
                return torch.zeros_like(outputs)
            # Captum returns reference minus ablated output. With 0 as reference, minus the fall gives the fall back.
            return -self._in_parts(lambda part: self.change(part, output, band), places[covered], tell)

        shown = torch.ones(1, len(places), device=outputs.device)
        return FeatureAblation(fall).attribute(shown, perturbations_per_eval=self.chunk)[0]

    def _in_parts(self, function: Callable[[Tensor], Tensor], places: Tensor, tell: Callable[[int], None]) -> Tensor:
        """Return the joined results of a function for chunks of the positions. Chunks are halved if memory runs out."""
        found, start = [], 0
        while start < len(places):
            part = places[start : start + self.chunk]
            try:
                found.append(function(part))
            except torch.OutOfMemoryError:
                if len(part) == 1:
                    raise
                # The smaller size is kept for the chunks that follow, since they would run out of memory too.
                self.chunk = (len(part) + 1) // 2
            else:
                start += len(part)
                tell(len(part))
        return torch.cat(found)


def cover(images: Tensor, baseline: Baseline, patch: int) -> Tensor:
    """Return the values inside an occluder, for normalised images (N, B, H, W).

    Parameters
    ----------
    images : Tensor
        The normalised images.
    baseline : {"zero", "mean", "blur"}, numpy.ndarray or Tensor
        Zero; the mean of each image and band; the image blurred by a Gaussian with σ of half a patch; or any values
        that broadcast to the images.
    patch : int
        Side of the occluder, pixels.

    Returns
    -------
    Tensor, shape (N, B, H, W)

    Raises
    ------
    ValueError
        If the baseline is unknown, or does not fit the images.
    """
    if not isinstance(baseline, str):
        values = torch.as_tensor(baseline, dtype=images.dtype, device=images.device)
        try:
            return values.expand(images.shape)
        except RuntimeError:
            shape = tuple(values.shape)
            raise ValueError(f"baseline: expected a shape that fits {tuple(images.shape)}, got {shape}.") from None
    if baseline not in _BASELINES:
        raise ValueError(f"baseline: expected one of {', '.join(_BASELINES)} or an array, got {baseline!r}.")
    if baseline == "blur":
        blurred = gaussian_filter(images.cpu().numpy(), (0, 0, patch / 2, patch / 2), mode="nearest")
        return torch.from_numpy(blurred).to(images)
    return torch.zeros_like(images) if baseline == "zero" else images.mean((2, 3), keepdim=True).expand(images.shape)


def probability(column: int) -> Callable[[Tensor], Tensor]:
    """Return an `output` function: the probability of a class, from the softmax of the outputs (n, K)."""
    return partial(_probability, column)


def in_its_unit(target: Target, column: int = 0, offset: float = 0.0) -> Callable[[Tensor], Tensor]:
    """Return an `output` function: a column of the outputs (n, K), plus `offset`, in the unit of the catalogue."""
    return partial(_in_its_unit, target, column, offset)


def shifted(column: int, offset: float) -> Callable[[Tensor], Tensor]:
    """Return an `output` function: a column of the outputs (n, K), plus the linear baseline `offset`."""
    return partial(_shifted, column, offset)


def reader(output: Output) -> Callable[[Tensor], Tensor]:
    """Return the function of an `output`, outputs (n, K) -> (n,); an int selects a column."""
    if not callable(output) and not isinstance(output, int | np.integer):
        raise TypeError(f"output: expected a column or a function of the outputs, got {output!r}.")
    return output if callable(output) else partial(_column, output)


def as_images(images: np.ndarray | Tensor, axes: str = "NBHW") -> Tensor:
    """Return images as a float32 tensor, or raise a ValueError if they do not have these axes."""
    if isinstance(images, np.ndarray):
        images = images.astype(np.float32, copy=False)  # also to native byte order: FITS is big-endian
    images = torch.as_tensor(images)
    if images.dim() != len(axes):
        raise ValueError(f"images: expected shape ({', '.join(axes)}), got {tuple(images.shape)}.")
    return images.float()


def seen_apart(bands: str) -> bool:
    """Return whether each band is covered in turn; raise a ValueError for another choice than together or each."""
    if bands not in ("together", "each"):
        raise ValueError(f"bands: expected together or each, got {bands!r}.")
    return bands == "each"


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode while the block runs, and restore the mode of each module afterwards."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _chunk(parts: Parts, pixels: int) -> int:
    """Return the number of positions per chunk that suits the engine and the free memory, for this image size."""
    if parts.device.type == "cuda":
        return max(1, int(_SHARE * torch.cuda.mem_get_info(parts.device)[0]) // (_BYTES * pixels))
    best = max(1, (_PLACES if parts.fast else _BATCH) // pixels)
    return max(1, min(best, int(_SHARE * psutil.virtual_memory().available) // (_BYTES * pixels)))


def _column(column: int, outputs: Tensor) -> Tensor:
    if not 0 <= column < outputs.shape[1]:
        raise ValueError(f"output: expected a column from 0 to {outputs.shape[1] - 1}, got {column}.")
    return outputs[:, column]


def _probability(column: int, outputs: Tensor) -> Tensor:
    return _column(column, outputs.softmax(-1))


def _shifted(column: int, offset: float, outputs: Tensor) -> Tensor:
    return _column(column, outputs) + offset


def _in_its_unit(target: Target, column: int, offset: float, outputs: Tensor) -> Tensor:
    learned = _shifted(column, offset, outputs)
    if learned.requires_grad:  # NumPy would lose the gradient
        return _Inverse.apply(learned, target)
    return torch.from_numpy(target.inverse(learned.double().cpu().numpy())).to(learned.device)


class _Inverse(torch.autograd.Function):
    """The inverse transform of a target, with its gradient from a small step, as every transform is smooth."""

    @staticmethod
    def forward(context: Any, learned: Tensor, target: Target) -> Tensor:
        values, step = learned.detach().double().cpu().numpy(), 1e-5
        slope = (target.inverse(values + step) - target.inverse(values - step)) / (2 * step)
        context.save_for_backward(torch.from_numpy(slope).to(learned))
        return torch.from_numpy(target.inverse(values)).to(learned)

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = context.saved_tensors
        return gradient * slope, None
