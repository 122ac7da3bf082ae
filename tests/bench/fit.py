"""Training by `galviz.nn.training.fit` against a bare PyTorch loop: same network, same images in memory, same order.

``python tests/bench/fit.py --case resnet18-64-b64`` prints one JSON line a case. Times are seconds an image, medians
over epochs with validation and, on our side, checkpoint, heartbeat and books; the two take turns.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.nn.tasks import build
from galviz.nn.training.fit import fit
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import richness

BATCH, EPOCHS, TURNS = 64, 4, 2
CASES = {  # network, images that are trained on
    "resnet18-64-b64": ({"width": 64, "stem": "imagenet", "apart": False}, 384),
    "quick-64-b64": (richness.RECIPES["quick"].network, 1280),
}


def sky(objects: int) -> CutoutSet:
    """Noise that looks like nothing: speed does not depend on what is seen."""
    rng = np.random.default_rng(0)
    ids = pd.Index([f"o{k:05d}" for k in range(objects)], name="object_id")
    return CutoutSet(
        images=rng.normal(size=(objects, 5, 64, 64)).astype(np.float32),
        bands=richness.BANDS,
        catalogue=pd.DataFrame({"richness": rng.uniform(20, 100, objects)}, index=ids),
        pixel_scale=1.0,
        unit="nanomaggy",
    )


def ours(cutouts: CutoutSet, recipe: Recipe) -> tuple[list[float], float]:
    """Seconds of each epoch but the first, and the last training loss."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(Path(folder) / "run", study="richness", target=richness.TARGET, recipe=recipe, data="bench")
        fit(build(richness.TARGET, recipe, cutouts.bands), cutouts, run, richness.TARGET, recipe, devices="cpu")
        metrics = run.metrics()
        return metrics["seconds"].diff().dropna().tolist(), metrics["train_loss"].iloc[-1]


def bare(cutouts: CutoutSet, recipe: Recipe, train: np.ndarray, held_out: np.ndarray) -> tuple[list[float], float]:
    """The same in a loop of PyTorch alone."""
    network: CutoutNetwork = build(richness.TARGET, recipe, cutouts.bands).to(memory_format=torch.channels_last)
    truth = richness.TARGET.truth(cutouts.catalogue)
    network.measure(cutouts, train, truth)
    images, truth = torch.from_numpy(cutouts.images[:]), torch.from_numpy(truth.astype(np.float32))
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=recipe.optimiser.weight_decay)
    times, loss_of = [time.perf_counter()], torch.nn.MSELoss()
    for epoch in range(recipe.epochs):
        network.train()
        order, total = np.random.default_rng((recipe.seed, epoch)).permutation(len(train)), 0.0
        for part in np.split(train[order], len(train) // BATCH):
            optimiser.zero_grad()
            loss = loss_of(network(images[part]), truth[part])
            loss.backward()
            optimiser.step()
            total += loss.item()
        network.eval()
        with torch.inference_mode():
            for part in np.array_split(held_out, max(1, len(held_out) // BATCH)):
                network(images[part])
        times.append(time.perf_counter())
    return np.diff(times)[1:].tolist(), total / (len(train) // BATCH)


def main(name: str) -> dict[str, object]:
    network, images = CASES[name]
    # One batch is held out.
    recipe = Recipe(
        name="bench",
        epochs=EPOCHS,
        batch=BATCH,
        network=network,
        optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}},
        validation={"folds": images // BATCH + 1},
    )
    cutouts = sky(images + BATCH)
    from galviz.runs.folds import split

    train, held_out = split(cutouts.catalogue, recipe, np.ones(len(cutouts), bool))
    found = {"ours": ([], []), "bare": ([], [])}
    for _ in range(TURNS):
        for key, (seconds, loss) in (
            ("ours", ours(cutouts, recipe)),
            ("bare", bare(cutouts, recipe, train, held_out)),
        ):
            found[key][0].extend(seconds)
            found[key][1].append(loss)
    ours_s, bare_s = (float(np.median(found[key][0])) / len(train) for key in ("ours", "bare"))
    return {
        "bench": "fit",
        "case": name,
        "ours_s": ours_s,
        "reference": "bare PyTorch loop",
        "reference_s": bare_s,
        "ratio": bare_s / ours_s,
        "limit": "bare PyTorch loop",
        "limit_s": bare_s,
        "max_error": max(abs(a - b) for a, b in zip(found["ours"][1], found["bare"][1], strict=True)),
        "images_per_s": 1 / ours_s,
        "epochs_s": {key: [round(s, 3) for s in values[0]] for key, values in found.items()},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES, help="one case (default: all)")
    case = parser.parse_args().case
    for chosen in [case] if case else CASES:
        print(json.dumps(main(chosen)), flush=True)
