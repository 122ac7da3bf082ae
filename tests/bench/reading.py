"""Training from a sky on disk against the same images in memory: the same network, order and validation.

``python tests/bench/reading.py`` prints one JSON line a case. Times are seconds an image, medians over epochs; the two
take turns. On a busy machine read ``cpu_ratio``: CPU seconds of the whole training, reading included, which is the
ratio if nothing of the reading hides behind the network. ``tiny`` is hardly a network, so the reading is all that
counts; ``quick`` is the general recipe. The cases ``memory-…`` train on N and on 4 N images that are never kept in
memory, each in a process of its own, and give the largest memory of the process in MiB. The order of the objects is
that of every training: a new one in each epoch.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from galviz.io.lazy_array import LazyRows
from galviz.nn.tasks import build
from galviz.nn.training import data
from galviz.nn.training.fit import fit
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

BATCH, EPOCHS, TURNS = 64, 4, 2
TARGET = Target("y", "regression", ("y",), "y")
SKIES = {  # bands, side in pixels, levels of the pixels on disk (None: float32)
    "colour-112-bytes": (3, 112, 255),
    "colour-112-float32": (3, 112, None),
    "ugriz-64-float32": (5, 64, None),
}
CASES = {f"{sky}-{network}": (sky, network) for sky in SKIES for network in ("quick", "tiny")}
MEMORY = {f"memory-{sky}": sky for sky in ("colour-112-bytes", "colour-112-float32")}
OBJECTS = {"quick": 640, "tiny": 1280}
MEMORY_OBJECTS = 2000


class Galaxies:
    """Round galaxies with noise, drawn when they are read, so that no sky is too large to write."""

    def __init__(self, objects: int, bands: int, side: int, levels: int | None) -> None:
        self.shape, self.dtype = (objects, bands, side, side), np.dtype("float32" if levels is None else "uint8")
        self.levels = levels

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        places = np.arange(self.shape[0])[rows]
        side = self.shape[-1]
        y, x = (line - np.float32((side - 1) / 2) for line in np.ogrid[:side, :side])
        found = np.empty((len(places), *self.shape[1:]), self.dtype)
        for k, place in enumerate(places.tolist()):
            rng = np.random.default_rng(place)
            noise = rng.normal(0, 0.02, self.shape[1:]).astype(np.float32)
            image = noise + rng.uniform(0.3, 1) * np.exp(-(x * x + y * y) / (side * rng.uniform(1, 4)))
            found[k] = image if self.levels is None else (image.clip(0, 1) * self.levels).round()
        return found


def write(path: Path, name: str, objects: int) -> None:
    """Write a sky."""
    bands, side, levels = SKIES[name]
    ids = pd.Index([f"o{k:06d}" for k in range(objects)], name="object_id")
    CutoutSet(
        images=LazyRows(Galaxies(objects, bands, side, levels), levels=levels),
        bands=tuple("ugriz"[:bands]),
        catalogue=pd.DataFrame({"y": np.random.default_rng(0).normal(size=objects)}, index=ids),
        pixel_scale=1.0,
        unit="flux" if levels is None else "display",
        checked=True,
    ).save(path)


def recipe(sky: CutoutSet, network: str, epochs: int) -> Recipe:
    """Return the general recipe, or the same with a network that costs next to nothing."""
    changes = {"stages": 1, "width": 2} if network == "tiny" else {}
    quick = general_recipes("regression", sky.unit, sky.images.shape[-1])["quick"]
    return quick.replace(epochs=epochs, batch=BATCH, network=changes, loss={"name": "mse", "calibration": 0.0})


def seconds(sky: CutoutSet, network: str, epochs: int, *, keep: bool) -> tuple[list[float], float, float]:
    """Return the seconds of each epoch but the first, the CPU seconds of all, and the last training loss."""
    data._SHARE = 1.0 if keep else 0.0
    how = recipe(sky, network, epochs)
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", study="own", target=TARGET, recipe=how, data="bench")
        start = time.process_time()
        fit(build(TARGET, how, sky.bands, sky.images.shape[-1]), sky, run, TARGET, how, devices="cpu")
        spent, metrics = time.process_time() - start, run.metrics()
        return metrics["seconds"].diff().dropna().tolist(), spent, metrics["train_loss"].iloc[-1]


def compare(case: str) -> dict[str, object]:
    """Return one case of speed."""
    name, network = CASES[case]
    found: dict[str, list] = {"disk": [], "memory": []}
    losses: dict[str, list] = {"disk": [], "memory": []}
    cpu: dict[str, list] = {"disk": [], "memory": []}
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / "sky", name, OBJECTS[network])
        sky = CutoutSet.open(Path(folder) / "sky")
        for _ in range(TURNS):
            for key in found:
                times, spent, loss = seconds(sky, network, EPOCHS, keep=key == "memory")
                found[key] += times
                losses[key].append(loss)
                cpu[key].append(spent / (EPOCHS * len(sky)))
    disk, memory = (float(np.median(found[key])) / len(sky) for key in ("disk", "memory"))
    return {
        "bench": "reading",
        "case": case,
        "ours_s": disk,
        "reference": "the same images in memory",
        "reference_s": memory,
        "ratio": memory / disk,
        "limit": "the same images in memory",
        "limit_s": memory,
        "max_error": max(abs(a - b) for a, b in zip(losses["disk"], losses["memory"], strict=True)),
        "images_per_s": 1 / disk,
        "cpu_s": {key: float(np.median(values)) for key, values in cpu.items()},
        "cpu_ratio": float(np.median(cpu["memory"]) / np.median(cpu["disk"])),
        "epochs": len(found["disk"]),
        "threads": torch.get_num_threads(),
    }


def memory(case: str) -> dict[str, object]:
    """Return one case of memory."""
    peaks = {}
    for objects in (MEMORY_OBJECTS, 4 * MEMORY_OBJECTS):
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder) / "sky", MEMORY[case], objects)
            command = [sys.executable, __file__, "--peak", str(Path(folder) / "sky")]
            peaks[objects] = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    few, many = peaks.values()
    size = 4 * np.prod(SKIES[MEMORY[case]][1:2] * 2) * SKIES[MEMORY[case]][0] / 2**20
    return {
        "bench": "reading",
        "case": case,
        "peak_mb": peaks,
        "ratio": few / many,
        "images_mb": {objects: round(float(size * objects)) for objects in peaks},
    }


def main() -> None:
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=[*CASES, *MEMORY], help="one case (default: all)")
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peak:
        seconds(CutoutSet.open(given.peak), "tiny", 2, keep=False)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
        return
    for case in [given.case] if given.case else [*CASES, *MEMORY]:
        print(json.dumps((compare if case in CASES else memory)(case)), flush=True)


if __name__ == "__main__":
    main()
