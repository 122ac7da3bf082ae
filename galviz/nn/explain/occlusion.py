"""Occlusion maps, and the other attribution methods from `galviz.nn.explain.gradients`.

Occlusion covers a patch of the image at one position after another, and records the output. Two engines give the same
numbers: ``"captum"`` runs the network on every occluded image and works for all networks; ``"fast"`` computes only
what a patch changes in a ResNet of ours, torchvision or timm (`galviz.nn.explain.incremental`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from galviz.measure.occluders import places as all_places
from galviz.measure.occluders import spread
from galviz.nn.explain.engine import (
    Baseline,
    Engine,
    Output,
    Parts,
    PreparedImage,
    as_images,
    cover,
    evaluating,
    in_its_unit,
    probability,
    reader,
    seen_apart,
    shifted,
)
from galviz.nn.explain.gradients import grad_cam, integrated_gradients, sanity

__all__ = [
    "Occlusion",
    "grad_cam",
    "in_its_unit",
    "integrated_gradients",
    "occlude",
    "outputs_at",
    "probability",
    "sanity",
    "shifted",
]

_SMALL = 48**2  # pixels of an image; below this size the bookkeeping of the fast engine costs more than it saves


@dataclass(frozen=True)
class Occlusion:
    """Occlusion maps of N images. R is 1, or one row per band.

    Parameters
    ----------
    map : numpy.ndarray of float32, shape (N, R, H, W)
        Mean over the positions that cover a pixel.
    outputs : numpy.ndarray of float32, shape (N, R, P)
        The output with the patch at each of P positions.
    places : numpy.ndarray of int, shape (P, 2)
        Top and left pixel of the patch at each position.
    clean : numpy.ndarray of float32, shape (N,)
        The output for each unoccluded image.
    patch : int
        Side of the patch, pixels.
    engine : {"fast", "captum"}
        The engine that was used. ``"captum"`` takes several times as long.
    """

    map: np.ndarray
    outputs: np.ndarray
    places: np.ndarray
    clean: np.ndarray
    patch: int
    engine: str


def occlude(
    network: nn.Module,
    images: np.ndarray | Tensor,
    *,
    output: Output = 0,
    patch: int = 16,
    stride: int = 8,
    baseline: Baseline = "mean",
    bands: Literal["together", "each"] = "together",
    value: Literal["output", "change"] = "output",
    engine: Engine = "auto",
    chunk: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Occlusion:
    """Return occlusion maps: the output of a network with a patch of the image covered, as a function of position.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> (N, K). In a `CutoutNetwork` the patch is applied after the normalisation.
    images : numpy.ndarray or Tensor, float32, shape (N, B, H, W)
    output : int or callable
        A column of the outputs, or a function of them, (n, K) -> (n,), as returned by `probability` or `in_its_unit`.
    patch, stride : int
        Side of the patch and distance between its positions, pixels (see `galviz.measure.occluders.places`).
    baseline : {"mean", "zero", "blur"}, numpy.ndarray or Tensor
        Normalised pixel values inside the patch (see `galviz.nn.explain.engine.cover`).
    bands : {"together", "each"}
        Whether the patch covers all bands at once, or each band in turn.
    value : {"output", "change"}
        ``"output"``: the output of the occluded image, as published. ``"change"``: the contribution, that is the output
        of the unoccluded image minus that of the occluded one. It is positive where the covered pixels raise the
        output, and exactly 0 where the network ignores them.
    engine : {"auto", "captum", "fast"}
        ``"auto"``: the fast engine if it supports the network, on a CPU, for images of at least 48×48 pixels; otherwise
        Captum. `Occlusion.engine` says which.
    chunk : int, optional
        Number of positions computed at a time. By default it suits the engine and the free memory. It is halved when
        memory runs out.
    progress : callable, optional
        Called after each chunk with the number of finished occluded images and the number of all.
    cancelled : callable, optional
        Called after each chunk. If it returns True, the computation ends.

    Returns
    -------
    Occlusion
        All NaN for an image with a non-finite pixel.

    Raises
    ------
    ValueError
        If an argument is unknown or does not fit the images, or the fast engine does not support the network.
    InterruptedError
        If `cancelled` returned True.

    References
    ----------
    Zeiler and Fergus (2014), ECCV, section 4.2. Liang et al. (2020), arXiv:2012.02368, figure 2 and section 3.4.
    """
    images = as_images(images)
    if value not in ("output", "change"):
        raise ValueError(f"value: expected output or change, got {value!r}.")
    count, rows, size = len(images), _rows(bands, images.shape[1]), images.shape[2:]
    places = all_places(*size, patch, stride)
    outputs = np.empty((count, len(rows), len(places)), dtype=np.float32)
    maps, clean = np.empty((count, len(rows), *size), dtype=np.float32), np.empty(count, dtype=np.float32)
    settings = {
        "output": output,
        "patch": patch,
        "bands": bands,
        "engine": engine,
        "chunk": chunk,
        "cancelled": cancelled,
    }
    for k, covered in enumerate(_for_each(baseline, images.shape)):
        report = progress and (lambda done, total, before=k: progress(before * total + done, count * total))
        outputs[k], clean[k] = outputs_at(network, images[k], places, baseline=covered, progress=report, **settings)
        maps[k] = spread(clean[k] - outputs[k] if value == "change" else outputs[k], places, patch, size)
    return Occlusion(maps, outputs, places, clean, patch, engine_for(network, size, engine))


def outputs_at(
    network: nn.Module,
    image: np.ndarray | Tensor,
    places: np.ndarray,
    *,
    output: Output = 0,
    patch: int = 16,
    baseline: Baseline = "mean",
    bands: Literal["together", "each"] = "together",
    engine: Engine = "auto",
    chunk: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> tuple[np.ndarray, float]:
    """Return the output of a network for one image, with a patch covered at each of P positions.

    The clean layers of the image are cached for the next call, because a map is often requested in chunks.

    Parameters
    ----------
    network : nn.Module
    image : numpy.ndarray or Tensor, float32, shape (B, H, W)
    places : numpy.ndarray of int, shape (P, 2)
        Top and left pixel of the patch, at any position inside the image.
    output, patch, baseline, bands, engine, chunk, progress, cancelled
        As in `occlude`.

    Returns
    -------
    outputs : numpy.ndarray of float32, shape (1, P), or (B, P) if each band is covered in turn
    clean : float
        The output for the unoccluded image.

    Raises
    ------
    ValueError, InterruptedError
        As in `occlude`. A ValueError also if a position is not inside the image.
    """
    image, places = as_images(image, axes="BHW"), np.asarray(places, dtype=np.int64).reshape(-1, 2)
    if (places < 0).any() or (places + patch > image.shape[1:]).any():
        bad = places[((places < 0) | (places + patch > image.shape[1:])).any(1)][0].tolist()
        raise ValueError(
            f"places: expected patches of {patch} pixels within {tuple(image.shape[1:])}, got one at {bad}."
        )
    rows, read, where = _rows(bands, len(image)), reader(output), torch.from_numpy(places)
    tell = _teller(len(rows) * len(places), progress, cancelled)
    with evaluating(network), torch.no_grad():
        prepared = _prepared(network, image, patch=patch, baseline=baseline, engine=engine, chunk=chunk)
        clean = np.float32(read(prepared.outputs).item())
        changes = torch.stack([prepared.changes(where, read, band, tell) for band in rows])
    return (clean - changes.cpu().numpy()).astype(np.float32), float(clean)


def engine_for(network: nn.Module, size: tuple[int, int], engine: Engine = "auto") -> str:
    """Return which engine is used for a network and images of height and width `size`: ``"fast"`` or ``"captum"``."""
    return _parts_of(network, _for_size(engine, size)).engine


def _for_size(engine: Engine, size: tuple[int, int]) -> Engine:
    return "captum" if engine == "auto" and size[0] * size[1] < _SMALL else engine


def _parts_of(network: nn.Module, engine: Engine) -> Parts:
    """Return the parts of a network. They are cached until another network is requested, or its weights change."""
    return _again("parts", network, (engine,), lambda: Parts(network, engine))


def _prepared(
    network: nn.Module, image: Tensor, *, patch: int, baseline: Baseline, engine: Engine, chunk: int | None
) -> PreparedImage:
    """Return an image prepared for occlusion. The last one is cached."""
    engine = _for_size(engine, image.shape[1:])
    # Arrays are compared by their bytes: equal arrays are one request, whichever objects hold them.
    fixed = baseline if isinstance(baseline, str) else np.asarray(baseline).tobytes()
    request = (engine, chunk, patch, fixed, tuple(image.shape), image.cpu().numpy().tobytes())
    return _again(
        "image", network, request, lambda: PreparedImage(_parts_of(network, engine), image, patch, baseline, chunk)
    )


_last: dict[str, tuple[nn.Module, tuple, Any]] = {}


def _again(kind: str, network: nn.Module, request: tuple, make: Callable[[], Any]) -> Any:
    """Return the cached result of `make` if nothing has changed, since chunks of one map come one after another.

    A change of the weights is seen from their addresses and version counters, without reading them. Inference tensors
    have no version counter.
    """
    weights = [*network.parameters(), *network.buffers()]
    state = (*request, *((w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights))  # noqa: SLF001
    held = _last.get(kind)
    if held is None or held[0] is not network or held[1] != state:
        # One entry a kind, so that a page that turns from run to run does not fill the memory.
        held = _last[kind] = (network, state, make())
    return held[2]


def _teller(
    total: int, progress: Callable[[int, int], None] | None, cancelled: Callable[[], bool] | None
) -> Callable[[int], None]:
    """Return a function that takes the number of newly finished images.

    It reports their sum to `progress`, and raises an InterruptedError if `cancelled` returns True.
    """
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if cancelled is not None and cancelled():
            raise InterruptedError(f"occlude: cancelled after {done} of {total} occluded images.")
        if progress is not None:
            progress(done, total)

    # A request that was cancelled while it waited ends before the first chunk.
    tell(0)
    return tell


def _rows(bands: str, count: int) -> list[int | None]:
    return list(range(count)) if seen_apart(bands) else [None]


def _for_each(baseline: Baseline, shape: torch.Size) -> list[Baseline]:
    """Return one baseline per image: the same name for all, or the slices of an array, broadcast to the images."""
    if isinstance(baseline, str):
        return [baseline] * shape[0]
    # Checks the shape and broadcasts; the pixels of the images do not matter for an array.
    return list(cover(torch.empty(shape), baseline, 1))
