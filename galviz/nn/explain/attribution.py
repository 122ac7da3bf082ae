"""Why a network says what it says: occlusion, and from `galviz.nn.explain.gradients` what else explains it.

Occlusion covers a patch of the image, place after place, and looks at what the network then says. Its two engines
give the same numbers: ``"captum"`` runs the network on every occluded image and works for all networks; ``"fast"``
computes only what a patch changes in a ResNet (`galviz.nn.explain.incremental`).
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
    Look,
    Output,
    Parts,
    as_images,
    cover,
    evaluating,
    in_its_unit,
    probability,
    reader,
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

_SMALL = 48**2  # pixels of images that are faster seen whole than in patches


@dataclass(frozen=True)
class Occlusion:
    """What a network says of N images when a patch is covered; R is 1, or a row a band.

    Parameters
    ----------
    map : numpy.ndarray of float32, shape (N, R, H, W)
        The mean over the places that cover a pixel.
    outputs : numpy.ndarray of float32, shape (N, R, P)
        The output with the patch at each place.
    places : numpy.ndarray of int, shape (P, 2)
        Top and left of the patch.
    clean : numpy.ndarray of float32, shape (N,)
        The output for each image as it is.
    patch : int
        Side of the patch, pixels.
    """

    map: np.ndarray
    outputs: np.ndarray
    places: np.ndarray
    clean: np.ndarray
    patch: int


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
    """Cover a patch of images, place after place, and map what the network then says.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> (N, K). Of a `CutoutNetwork` the patch is covered after the normalisation.
    images : numpy.ndarray or Tensor, float32, shape (N, B, H, W)
    output : int or callable
        A column of the outputs, or a function of them, (n, K) -> (n,), such as `probability` and `in_its_unit` give.
    patch, stride : int
        Side of the patch and distance between its places, pixels (see `galviz.measure.occluders.places`).
    baseline : {"mean", "zero", "blur"}, numpy.ndarray or Tensor
        What is seen in the patch, in the numbers that the network sees (see `galviz.nn.explain.engine.cover`).
    bands : {"together", "each"}
        Whether a patch covers all bands at once, or each in turn.
    value : {"output", "change"}
        What is mapped: the output of the occluded image, as published; or the output of the image as it is minus that
        of the occluded one, positive where what is covered raises the output, and 0 where the network ignores it.
    engine : {"auto", "captum", "fast"}
        ``"auto"``: the fast one where it knows the network, on a CPU, for images from 48×48 pixels; else Captum.
    chunk : int, optional
        Places at a time; by default what suits the engine and the free memory. It is halved when memory runs out.
    progress : callable, optional
        Told after each part of the work how many occluded images are done, and how many there are.
    cancelled : callable, optional
        Asked after each part of the work.

    Returns
    -------
    Occlusion
        All NaN for an image with a pixel that is not finite.

    Raises
    ------
    ValueError
        If an argument is not known or does not fit the images, or the fast engine does not know the network.
    InterruptedError
        If it was cancelled.

    References
    ----------
    Zeiler and Fergus (2014), ECCV, section 4.2. Liang et al. (2020), arXiv:2012.02368, figure 2 and section 5.
    """
    images = as_images(images)
    if value not in ("output", "change"):
        raise ValueError(f"value: expected output or change, got {value!r}.")
    count, rows, size = len(images), _rows(bands, images.shape[1]), images.shape[2:]
    places = all_places(*size, patch, stride)
    outputs = np.empty((count, len(rows), len(places)), dtype=np.float32)
    maps, clean = np.empty((count, len(rows), *size), dtype=np.float32), np.empty(count, dtype=np.float32)
    asked = {"output": output, "patch": patch, "bands": bands, "engine": engine, "chunk": chunk, "cancelled": cancelled}
    for k, covered in enumerate(_for_each(baseline, images.shape)):
        told = progress and (lambda done, total, before=k: progress(before * total + done, count * total))
        outputs[k], clean[k] = outputs_at(network, images[k], places, baseline=covered, progress=told, **asked)
        maps[k] = spread(clean[k] - outputs[k] if value == "change" else outputs[k], places, patch, size)
    return Occlusion(maps, outputs, places, clean, patch)


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
    """Compute what a network says of one image with a patch covered at some places.

    What can be computed once for an image is kept for the next call: a map may be asked for in parts.

    Parameters
    ----------
    network : nn.Module
    image : numpy.ndarray or Tensor, float32, shape (B, H, W)
    places : numpy.ndarray of int, shape (P, 2)
        Top and left of the patch; any places within the image.
    output, patch, baseline, bands, engine, chunk, progress, cancelled
        As `occlude` takes them.

    Returns
    -------
    outputs : numpy.ndarray of float32, shape (1, P), or (B, P) where each band is covered in turn
    clean : float
        The output for the image as it is.

    Raises
    ------
    ValueError, InterruptedError
        As `occlude` does; also if a place is not within the image.
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
        look = _look_at(network, image, patch=patch, baseline=baseline, engine=engine, chunk=chunk)
        clean = np.float32(read(look.said).item())
        changes = torch.stack([look.changes(where, read, band, tell) for band in rows])
    return (clean - changes.cpu().numpy()).astype(np.float32), float(clean)


def _parts_of(network: nn.Module, engine: Engine) -> Parts:
    """Give the parts of a network, those of the last one again if it is asked for again and has not changed."""
    return _again("parts", network, (engine,), lambda: Parts(network, engine))


def _look_at(
    network: nn.Module, image: Tensor, *, patch: int, baseline: Baseline, engine: Engine, chunk: int | None
) -> Look:
    """Give an image ready to be occluded, the last one again if it is asked for again."""
    if engine == "auto" and image.shape[1] * image.shape[2] < _SMALL:
        engine = "captum"
    fixed = baseline if isinstance(baseline, str) else np.asarray(baseline).tobytes()
    asked = (engine, chunk, patch, fixed, tuple(image.shape), image.cpu().numpy().tobytes())
    return _again("look", network, asked, lambda: Look(_parts_of(network, engine), image, patch, baseline, chunk))


_last: dict[str, tuple[nn.Module, tuple, Any]] = {}


def _again(kind: str, network: nn.Module, asked: tuple, make: Callable[[], Any]) -> Any:
    """Give the last answer again where nothing has changed: chunks of one map are asked for one after another."""
    weights = [*network.parameters(), *network.buffers()]
    state = (*asked, *((w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights))  # noqa: SLF001
    held = _last.get(kind)
    if held is None or held[0] is not network or held[1] != state:
        held = _last[kind] = (network, state, make())
    return held[2]


def _teller(
    total: int, progress: Callable[[int, int], None] | None, cancelled: Callable[[], bool] | None
) -> Callable[[int], None]:
    """Give what is told how many more images are done: it hands on how many that are, or stops the work."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        if cancelled is not None and cancelled():
            raise InterruptedError(f"occlude: cancelled after {done} of {total} occluded images.")
        if progress is not None:
            progress(done, total)

    tell(0)
    return tell


def _rows(bands: str, count: int) -> list[int | None]:
    if bands not in ("together", "each"):
        raise ValueError(f"bands: expected together or each, got {bands!r}.")
    return list(range(count)) if bands == "each" else [None]


def _for_each(baseline: Baseline, shape: torch.Size) -> list[Baseline]:
    """Give the baseline of each of N images."""
    if isinstance(baseline, str):
        return [baseline] * shape[0]
    return list(cover(torch.empty(shape), baseline, 1))
