"""Richness by a recipe on all folds of a sky, against simple methods on the same folds.

``python tests/bench/richness.py --data SKY`` prints one JSON line: MAE in ln λ with bootstrap intervals (95 %).
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np

import galviz.nn  # noqa: F401 - before torchvision
from galviz.nn import baselines
from galviz.nn.folds import deal, groups_of
from galviz.runs import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.metrics import bootstrap, mae, sigma
from galviz.studies import richness


def network(cutouts: CutoutSet, recipe, data: str) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Estimates out of fold, folds, and seconds a training."""
    estimate, fold = np.full(len(cutouts), np.nan), np.full(len(cutouts), -1)
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(recipe.folds):
            own = recipe.replace(fold=k)
            path = Path(folder) / str(k)
            run = Run.create(path, study="richness", target=richness.TARGET, recipe=own, data=data)
            began = time.perf_counter()
            richness.train(cutouts, run, devices="cpu")
            seconds.append(round(time.perf_counter() - began, 1))
            held = run.predictions().held_out()
            rows = cutouts.row_of(held.object_ids)
            estimate[rows], fold[rows] = held.estimate, k
    return estimate, fold, seconds


def main(data: str, recipe_name: str, settings: list[str]) -> dict[str, object]:
    cutouts, recipe = richness.load(data), richness.RECIPES[recipe_name].with_settings(settings)
    truth = richness.TARGET.truth(cutouts.catalogue)[:, 0]
    estimate, fold, seconds = network(cutouts, recipe, data)
    assert np.array_equal(fold, deal(groups_of(cutouts.catalogue), recipe.folds))
    z = baselines.of_redshift(cutouts.catalogue["z"].to_numpy(), truth, fold)
    flux = baselines.of_flux(cutouts, truth, fold)
    estimates = {"network": estimate, "mean": baselines.mean(truth, fold)}
    estimates |= {f"z, {name}": values for name, values in z.items()}
    estimates |= {f"ridge, {name}": values for name, values in flux.items()}
    found = {}
    for name, values in estimates.items():
        interval = bootstrap(mae, truth, values)
        found[name] = [round(float(v), 4) for v in (interval.value, interval.low, interval.high)]
    ratio = bootstrap(lambda t, e: mae(t, e) / mae(t, np.full_like(t, t.mean())), truth, estimate)
    return {
        "bench": "richness",
        "case": recipe_name,
        "settings": settings,
        "objects": len(cutouts),
        "mae_ln_richness": found,
        "sigma": round(sigma(truth, estimate), 4),
        "part_of_the_means_mae": [round(float(v), 4) for v in (ratio.value, ratio.low, ratio.high)],
        "training_s": seconds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of a sky")
    parser.add_argument("--case", default="quick", choices=richness.RECIPES, help="recipe (default: quick)")
    parser.add_argument("--set", nargs="*", default=[], help="changes to the recipe, as galviz train takes them")
    given = parser.parse_args()
    print(json.dumps(main(given.data, given.case, given.set), ensure_ascii=False))
