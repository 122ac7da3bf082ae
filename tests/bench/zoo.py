"""Real pictures of Galaxy Zoo: the guess, Goh's CNN, ResNet-50 and ours, each trained on four fifths of them.

``python tests/bench/zoo.py --data DATA --case svl`` prints one JSON line a network, with the wall time. DATA holds the
folders ``galaxyzoo2_svl``, ``galaxyzoo_kaggle_spiral`` and ``gz_decals_rings``. All networks begin with random weights,
take no look at the objects held out, and end after the epochs given here.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from galviz.io.tables import read_table
from galviz.measure.metrics import bootstrap
from galviz.measure.threshold_stats import ThresholdCurve
from galviz.nn.networks.galaxy_zoo import SigmoidVotes, build
from galviz.nn.training.fit import fit
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.writing import write_pictures
from galviz.sky.readers.zoo import folder_of_pictures
from galviz.studies.mergers import RECIPES
from galviz.tasks.target import Target

CASES = {  # folder, table, column of ids, what is learned, square that is kept, folds that are held out in turn
    "svl": ("galaxyzoo2_svl", "catalog.csv", "object_id", ("smooth_debiased", "spiral_debiased"), 204, 1),
    "spiral": ("galaxyzoo_kaggle_spiral", "labels.csv", "GalaxyID", ("spiral",), 204, 1),
    "rings": ("gz_decals_rings", "catalog.csv", "object_id", ("ring",), 0, 2),
}
PLAIN = {"validation": {"keep": "last", "patience": 0, "stop_after": 0}}
NETWORKS = {
    "CNN": RECIPES["paper"].replace(**PLAIN, epochs=40, batch=64),
    "ResNet-50": RECIPES["paper_resnet50"].replace(**PLAIN, epochs=20, batch=64),
    "ours": RECIPES["quick"].replace(epochs=100, batch=32),
}


def sky_of(data: Path, case: str, folder: Path) -> CutoutSet:
    """Read the pictures of a case at 68 pixels, or at half their size."""
    name, table, ids, columns, crop, _ = CASES[case]
    table = read_table(data / name / table, id_column=ids).table[list(columns)].astype(float)
    table.index = [one.removesuffix(".jpg") for one in table.index]
    write_pictures(folder / "sky", folder_of_pictures(data / name / "images", table), crop=crop, size=68)
    return CutoutSet.open(folder / "sky")


def network_of(recipe: Recipe, outputs: int) -> nn.Module:
    """Build a recipe's network with other outputs: independent sigmoids."""
    network = build(recipe.replace(network={"votes": "sigmoid"}))
    network.head[-1], network.votes = nn.Linear(network.head[-1].in_features, outputs), SigmoidVotes()
    return network


def learned(sky: CutoutSet, recipe: Recipe, target: Target, folds: int, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Estimates (n, K) and truth (n, K) of the objects of the folds that are held out."""
    parts = []
    for fold in range(folds):
        own = recipe.replace(validation={"fold": fold})
        run = Run.create(folder / f"{recipe.name}-{fold}", study="mergers", target=target, recipe=own, data="pictures")
        fit(network_of(own, len(target.columns)), sky, run, target, own, devices="cpu")
        parts.append(run.predictions().held_out().table)
    of = [np.concatenate([p[[f"{c}{end}" for c in target.columns]].to_numpy() for p in parts]) for end in ("", "_true")]
    return of[0], of[1]


def judged(case: str, estimate: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    """Say how good estimates are, with 95 % intervals over objects."""

    def interval(measure: object) -> list[float]:
        rows = np.arange(len(truth))
        found = bootstrap(lambda a, _: measure(estimate[a.astype(int)], truth[a.astype(int)]), rows, rows)
        return [round(float(one), 4) for one in (found.value, found.low, found.high)]

    if case == "svl":
        return {"RMSE": interval(lambda e, t: float(np.sqrt(np.mean((e - t) ** 2))))}
    received = {"accuracy": interval(lambda e, t: float(((e > 0.5) == (t > 0.5)).mean()))}

    def purity(e: np.ndarray, t: np.ndarray) -> float:
        curve = ThresholdCurve(e[:, 0], t[:, 0])
        return float(curve.at(curve.threshold_for(completeness=0.8)).purity.value)

    return received | {"purity at 80 % completeness": interval(purity)}


def main(data: Path, case: str, names: list[str]) -> None:
    """Train what is asked for, and print."""
    columns, folds = CASES[case][3], CASES[case][5]
    target = Target(columns[0], "votes", columns, columns[0])
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        sky = sky_of(data, case, folder)
        for name in names:
            began = time.perf_counter()
            estimate, truth = learned(sky, NETWORKS[name].replace(name=name), target, folds, folder)
            received = {"bench": "zoo", "case": case, "network": name, "objects": len(sky), "held out": len(truth)}
            received |= judged(case, estimate, truth) | {"seconds": round(time.perf_counter() - began)}
            print(json.dumps(received, ensure_ascii=False), flush=True)
        guess = np.broadcast_to(np.nanmean(target.truth(sky.catalogue), axis=0), truth.shape)
        received = {"bench": "zoo", "case": case, "network": "guess"} | judged(case, guess + 0.0, truth)
        print(json.dumps(received, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--case", choices=CASES, default="svl")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    main(given.data, given.case, given.networks)
