"""Richness by a recipe on all folds of a sky, against simple methods on the same folds.

``python tests/bench/richness.py --data SKY`` prints one JSON line: MAE in ln λ with bootstrap intervals (95 %), and how
often the intervals of a network that estimates its error hold the truth.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.intervals import coverage, cross_widened
from galviz.measure.metrics import bootstrap, mae, sigma
from galviz.nn.baselines import richness as baselines
from galviz.runs.folds import assign_folds, groups_of
from galviz.runs.predictions import joined
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import richness, train


def network(cutouts: CutoutSet, recipe, data: str) -> tuple[pd.DataFrame, list[float]]:
    """Estimates out of fold (and sigma, where the network gives it) with their folds, and seconds a training."""
    parts, seconds = [], []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(recipe.validation.folds):
            own = recipe.replace(validation={"fold": k})
            path = Path(folder) / str(k)
            run = Run.create(path, study="richness", target=richness.TARGET, recipe=own, data=data)
            began = time.perf_counter()
            train(run, cutouts, devices="cpu")
            seconds.append(round(time.perf_counter() - began, 1))
            parts.append(joined(run.predictions().held_out()))
    return pd.concat(parts).reindex(cutouts.object_ids), seconds


def main(data: str, recipe_name: str, settings: list[str]) -> dict[str, object]:
    cutouts, recipe = CutoutSet.open(data, richness.BANDS), richness.RECIPES[recipe_name].with_settings(settings)
    truth = richness.TARGET.truth(cutouts.catalogue)[:, 0]
    predicted, seconds = network(cutouts, recipe, data)
    estimate, fold = predicted["ln_richness"].to_numpy(), predicted["fold"].to_numpy(int)
    assert np.array_equal(fold, assign_folds(groups_of(cutouts.catalogue), recipe.validation.folds))
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
        "intervals_hold": _coverage(truth, predicted),
        "by_fold": {int(k): _of_fold(rows) for k, rows in predicted.groupby("fold")},
        "training_s": seconds,
    }


def _coverage(truth: np.ndarray, predicted: pd.DataFrame) -> dict[str, object] | None:
    if "ln_richness_sigma" not in predicted:
        return None
    numbers = truth, predicted["ln_richness"].to_numpy(), predicted["ln_richness_sigma"].to_numpy()
    wider = cross_widened(*numbers, predicted["fold"].to_numpy(int))
    return {"as predicted": _shares(*numbers), "widened by the other folds": _shares(*numbers[:2], wider)}


def _of_fold(rows: pd.DataFrame) -> dict[str, float]:
    residual = rows["residual"].to_numpy()
    return {"mae": round(float(np.abs(residual).mean()), 4), "bias": round(float(residual.mean()), 4)}


def _shares(truth: np.ndarray, estimate: np.ndarray, sigma: np.ndarray) -> dict[str, list[float]]:
    found = coverage(truth, estimate, sigma)
    return {
        f"{level:.2f}": [round(float(row[name]), 3) for name in ("share", "low", "high")]
        for level, row in found.iterrows()
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="folder of a sky")
    parser.add_argument("--case", default="quick", choices=richness.RECIPES, help="recipe (default: quick)")
    parser.add_argument("--set", nargs="*", default=[], help="changes to the recipe, as galviz train takes them")
    given = parser.parse_args()
    print(json.dumps(main(given.data, given.case, given.set), ensure_ascii=False))
