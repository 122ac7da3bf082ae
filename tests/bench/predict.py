"""`galviz predict` on a CPU: its rate against the bare network, and its memory by the number of objects.

``python tests/bench/predict.py`` prints one JSON line a case. ``--case rate`` forwards eight views of each object by
our code and as many images by the bare network, in several batches. They take turns. The ratio is the median over
rounds of seconds of the processor, which depend less on what else runs than those of the clock. The memory cases,
``--case memory-10000`` …, predict skies whose pixels are made as they are read, by a small network, in two views.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch

from galviz.nn.inference.predict import predict
from galviz.nn.tasks import build
from galviz.sky.cutouts import CutoutSet
from galviz.studies import richness

SIZE, SMALL = 64, 16  # pixels, where rates and where memory are measured
OBJECTS, ROUNDS = 256, 7
BATCHES = (32, 64, 128)  # of the bare network
MEMORY = (10_000, 100_000, 1_000_000)
QUICK = richness.RECIPES["quick"]


class Noise:
    """Images of any number of objects, which repeat a few and are copied as they are read."""

    dtype = np.dtype(np.float32)

    def __init__(self, objects: int, size: int) -> None:
        self.shape = (objects, 5, size, size)
        self._few = np.random.default_rng(0).normal(size=(256, *self.shape[1:])).astype(np.float32)

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        rows = np.arange(*rows.indices(self.shape[0])) if isinstance(rows, slice) else rows
        return self._few[rows % len(self._few)]


def sky(objects: int, size: int = SIZE) -> CutoutSet:
    """A sky that looks like nothing: neither speed nor memory depends on what is seen."""
    ids = pd.Index([f"o{k:07d}" for k in range(objects)], name="object_id")
    catalogue = pd.DataFrame({"richness": np.linspace(20, 100, objects)}, index=ids)
    pixels = {"images": Noise(objects, size), "bands": richness.BANDS, "unit": "nanomaggy", "checked": True}
    return CutoutSet(catalogue=catalogue, pixel_scale=1.0, **pixels)


def spent(work: Callable[[], object]) -> tuple[np.ndarray, object]:
    """Seconds of the processor and of the clock, and what was found."""
    began = np.array([time.process_time(), time.perf_counter()])
    found = work()
    return np.array([time.process_time(), time.perf_counter()]) - began, found


def bare(network: torch.nn.Module, images: torch.Tensor, batch: int) -> torch.Tensor:
    """The outputs for images, and nothing else."""
    with torch.inference_mode():
        return torch.cat([network(part) for part in images.split(batch)])


def rate() -> dict[str, object]:
    """Forwards a second of `predict`, and of the bare network at its best."""
    cutouts = sky(OBJECTS)
    network = build(richness.TARGET, QUICK, cutouts.bands, SIZE).eval().to(memory_format=torch.channels_last)
    images, views = torch.from_numpy(cutouts.images[:]), QUICK.data.tta
    seconds: dict[str, list[np.ndarray]] = {}
    for _ in range(ROUNDS + 1):  # the first one warms up
        used, found = spent(lambda: predict(network, cutouts, richness.TARGET, QUICK))
        seconds.setdefault("ours", []).append(used / views)
        for batch in BATCHES:
            used, shown_text = spent(lambda batch=batch: bare(network, torch.cat([images] * 2), batch))
            seconds.setdefault(f"bare {batch}", []).append(used / 2)
    times = {key: np.array(values[1:]) / OBJECTS for key, values in seconds.items()}
    best = min((key for key in times if key != "ours"), key=lambda key: np.median(times[key][:, 0]))
    alone = predict(network, cutouts, richness.TARGET, QUICK.replace(data={"tta": 1})).estimate
    ratio, ratio_clock = np.median(times[best] / times["ours"], axis=0).tolist()
    return {
        "bench": "predict",
        "case": "rate",
        "ours_s": float(np.median(times["ours"][:, 0])),
        "limit": f"bare forwards, channels last, {best.removeprefix('bare ')} a batch",
        "limit_s": float(np.median(times[best][:, 0])),
        "ratio": ratio,
        "ratio_of_the_clock": ratio_clock,
        "forwards_per_s": {key: round(1 / float(np.median(values[:, 0]))) for key, values in times.items()},
        "max_error": float(np.abs(alone - shown_text[:OBJECTS, 0].numpy()).max()),
        "rows": len(found),
        "threads": torch.get_num_threads(),
    }


def memory(objects: int) -> dict[str, object]:
    """The largest memory that predicting so many objects took, and that the sky alone took."""
    recipe = QUICK.replace(network={"width": 8, "stages": 1}, data={"tta": 2})
    cutouts = sky(objects, SMALL)
    network = build(richness.TARGET, recipe, cutouts.bands, SMALL).eval()
    predict(network, sky(256, SMALL), richness.TARGET, recipe)
    before = peak()
    seconds, found = spent(lambda: predict(network, cutouts, richness.TARGET, recipe))
    return {
        "bench": "predict",
        "case": f"memory-{objects}",
        "objects": len(found),
        "size": SMALL,
        "seconds": seconds[1],
        "peak_mib": peak(),
        "peak_mib_of_the_sky": before,
        "images_mib": round(objects * 5 * SMALL**2 * 4 / 2**20),
    }


def peak() -> int:
    """The largest memory of this process until now, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


CASES = {"rate": rate} | {f"memory-{count}": (lambda count=count: memory(count)) for count in MEMORY}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="one case (default: all, each in its own process)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (default: %(default)s)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.case:
        print(json.dumps(CASES[args.case]()), flush=True)
    else:
        for chosen in CASES:
            subprocess.run([sys.executable, __file__, "--case", chosen, "--threads", str(args.threads)], check=True)
