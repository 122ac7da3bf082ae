"""Occlusion by the fast engine against Captum's, and against plain forward passes of occluded images in batches.

``python tests/bench/occlusion.py --case resnet18-224-w16-s8`` prints one JSON line a case. Ours is the whole map, with
what it takes to get ready; the others are timed on some images and scaled to all. They take turns, and the ratios are
medians over rounds. All of them work with an allocator that keeps what was freed.
"""

import argparse
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from captum.attr import Occlusion

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.occluders import places
from galviz.nn.explain import occlusion

CASES = {  # network, window, places that references are timed on
    "resnet18-224-w16-s8": ("resnet18", 16, 48),
    "resnet18-224-w32-s8": ("resnet18", 32, 48),
    "resnet50-224-w16-s8": ("resnet50", 16, 32),
}
SIZE, STRIDE, ROUNDS = 224, 8, 5
DENSE = (8, 16, 32)  # images a batch
CAPTUM = {1: 8, 16: 33, 32: 33}  # places an evaluation, and images after which it is stopped
ALLOCATOR = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**34)}


def network_for(name: str) -> torch.nn.Module:
    """A network of random weights whose batch norms have seen images."""
    from torchvision import models

    torch.manual_seed(0)
    network = getattr(models, name)(num_classes=5)
    with torch.no_grad():
        for _ in range(3):
            network(torch.randn(8, 3, 128, 128))
    return network.eval().to(memory_format=torch.channels_last)


def dense(network: torch.nn.Module, image: torch.Tensor, corners: np.ndarray, window: int, batch: int) -> np.ndarray:
    """What the network says of zero at some places, `batch` images at a time."""
    shown_text = []
    with torch.inference_mode():
        for part in np.array_split(corners, -(-len(corners) // batch)):
            occluded = image.repeat(len(part), 1, 1, 1).contiguous(memory_format=torch.channels_last)
            for k, (top, left) in enumerate(part):
                occluded[k, :, top : top + window, left : left + window] = 0
            shown_text.append(network(occluded)[:, 0])
    return torch.cat(shown_text).numpy()


class Enough(Exception):  # noqa: N818 - it is no error
    """As many images have been seen as were wanted."""


def captum(network: torch.nn.Module, image: torch.Tensor, window: int, batch: int, wanted: int) -> int:
    """Let Captum begin a map; give how many images the network saw of it."""
    seen = 0

    def forward(images: torch.Tensor) -> torch.Tensor:
        nonlocal seen
        if seen >= wanted:
            raise Enough
        seen += len(images)
        return network(images.contiguous(memory_format=torch.channels_last))

    with contextlib.suppress(Enough):
        method = Occlusion(forward)
        method.attribute(image, (3, window, window), (3, STRIDE, STRIDE), target=0, perturbations_per_eval=batch)
    return seen


def ours(network: torch.nn.Module, image: torch.Tensor, window: int) -> occlusion.Occlusion:
    """The whole map, from nothing."""
    occlusion._last.clear()
    return occlusion.occlude(network, image, patch=window, stride=STRIDE, baseline="zero", engine="fast")


def timed(work: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what was found."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def main(name: str) -> dict[str, object]:
    """Run one case."""
    model, window, sample = CASES[name]
    network, corners = network_for(model), places(SIZE, SIZE, window, STRIDE)
    some = corners[np.linspace(0, len(corners) - 1, sample).astype(int)]
    image = torch.randn(1, 3, SIZE, SIZE)
    rounds: dict[str, list[float]] = {}
    errors = []
    for _ in range(ROUNDS + 1):  # the first one warms up
        image = image + 0.01
        seconds, found = timed(partial(ours, network, image, window))
        rounds.setdefault("ours", []).append(seconds)
        for batch in DENSE:
            seconds, shown_text = timed(partial(dense, network, image, some, window, batch))
            rounds.setdefault(f"dense {batch}", []).append(seconds / sample * len(corners))
        rows = (found.places[:, None] == some).all(-1).argmax(0)
        errors.append(np.abs(found.outputs[0, 0, rows] - shown_text).max())
        for batch, wanted in CAPTUM.items():
            seconds, seen = timed(partial(captum, network, image, window, batch, wanted))
            rounds.setdefault(f"captum {batch}", []).append(seconds / seen * (len(corners) + 1))
    times = {key: np.array(values[1:]) for key, values in rounds.items()}
    best = {
        kind: min((k for k in times if k.startswith(kind)), key=lambda k: np.median(times[k]))
        for kind in ("dense", "captum")
    }
    over = {key: round(float(np.median(values / times["ours"])), 2) for key, values in times.items() if key != "ours"}
    return {
        "bench": "occlusion",
        "case": name,
        "ours_s": float(np.median(times["ours"])),
        "reference": "captum 1 per evaluation",
        "reference_s": float(np.median(times["captum 1"])),
        "ratio": over["captum 1"],
        "best_captum": best["captum"],
        "ratio_best_captum": over[best["captum"]],
        "limit": f"dense batched forwards, eager, {best['dense'].removeprefix('dense ')} a batch",
        "limit_s": float(np.median(times[best["dense"]])),
        "ratio_limit": over[best["dense"]],
        "ratios_limit": [round(float(r), 2) for r in times[best["dense"]] / times["ours"]],
        "ratio_limit_of_the_fastest": round(float(times[best["dense"]].min() / times["ours"].min()), 2),
        "over_all": over,
        "max_error": float(max(errors)),
        "largest_change": float(np.ptp(found.outputs)),
        "places": len(corners),
        "places_of_dense": sample,
        "images_of_captum": CAPTUM,
        "threads": torch.get_num_threads(),
    }


if __name__ == "__main__":
    if os.environ | ALLOCATOR != os.environ:
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | ALLOCATOR)  # noqa: S606 - itself
    torch.set_num_threads(2)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="one case (default: all)")
    case = parser.parse_args().case
    for chosen in [case] if case else CASES:
        print(json.dumps(main(chosen)), flush=True)
