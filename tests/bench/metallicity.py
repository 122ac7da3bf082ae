"""Metallicity of drawn galaxies by each recipe and baseline, on galaxies that none of them has seen.

``python tests/bench/metallicity.py --data SKY --test OTHER`` prints one JSON line a case: RMSE, bias and σ_NMAD in dex,
95 % intervals from a bootstrap of the test sky, and the seconds and CPU seconds of the training. Both skies come from
``galviz mock metallicity``, with different seeds. No ImageNet weights of a ResNet are at hand where this runs: the
recipes with one start from random weights (``pretrained=""``), and are cut to ResNet-18; ``finetune`` starts from
ImageNet.
"""

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.metrics import bias, bootstrap, rmse, sigma_nmad
from galviz.nn.baselines import metallicity as baselines
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import metallicity, predict, predict_together, train

SMALL = ["network.architecture=timm/resnet18", "network.pretrained=", "data.normalise=standard", "batch=64"]
CASES = {
    "quick": ("quick", []),
    "quick, no TTA": ("quick", ["data.tta=1"]),
    "quick, own error": ("quick", ["loss=gaussian_nll", "loss.alpha=0.5", "loss.calibration=0.1"]),
    "as_published": ("as_published", SMALL),
    "differential": ("differential", SMALL),
    "best": ("best", [*SMALL, "epochs=20", "optimiser.freeze_epochs=0", "optimiser.first_epochs=0"]),
    "finetune": ("finetune", []),
}
SIDES = (1, 2, 4, 8, 16, 32)
TARGET = metallicity.TARGET


def coarse(sky: CutoutSet, side: int, pixels: int = 32) -> CutoutSet:
    """Average the pixels of a sky to side × side values, and repeat them: the same network sees less."""
    images = sky.images[:]
    blocks = images.reshape(*images.shape[:2], side, images.shape[2] // side, side, images.shape[3] // side)
    repeat = pixels // side
    return sky_of(sky, blocks.mean(axis=(3, 5)).repeat(repeat, axis=2).repeat(repeat, axis=3))


def sky_of(sky: CutoutSet, images: np.ndarray, bands: tuple[str, ...] | None = None) -> CutoutSet:
    """Return a sky in memory with other images of the same objects."""
    bands = bands or sky.bands
    return CutoutSet(images=images, bands=bands, catalogue=sky.catalogue, pixel_scale=np.nan, unit=sky.unit)


def trained(folder: Path, sky: CutoutSet, name: str, changes: list[str], **more: int) -> Run:
    """Train a recipe without one fold of a sky: a sixth, as in the paper, unless another number is given."""
    recipe = metallicity.RECIPES[name].with_settings(changes)
    recipe = recipe.replace(validation={"folds": more.get("folds", 6), "fold": more.get("fold", 0)})
    run = Run.create(folder, study="metallicity", target=TARGET, recipe=recipe, data="sky")
    return train(run, sky, devices="cpu")


def cost() -> np.ndarray:
    """Wall and CPU seconds so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return np.array([time.perf_counter(), used.ru_utime + used.ru_stime])


def row(case: str, truth: np.ndarray, estimate: np.ndarray, seconds: np.ndarray | None = None) -> dict[str, object]:
    """The measures of a case."""
    measures = {"rmse": rmse, "bias": bias, "sigma_nmad": sigma_nmad}
    found = {name: bootstrap(one, truth, estimate) for name, one in measures.items()}
    line = {name: [round(float(v), 4) for v in (one.value, one.low, one.high)] for name, one in found.items()}
    spent = {} if seconds is None else {"wall_s": round(seconds[0], 1), "cpu_s": round(seconds[1], 1)}
    return {"bench": "metallicity", "case": case} | line | spent


def simple(sky: CutoutSet, test: CutoutSet, truth: np.ndarray) -> list[dict[str, object]]:
    """The mean, and the baselines of the study."""
    known = TARGET.truth(sky.catalogue)[:, 0]
    lines = [row("mean", truth, np.full_like(truth, known.mean()))]
    makers = {"magnitudes": baselines.magnitudes, "mass–metallicity": baselines.of_mass, "colours": baselines.colours}
    makers |= {"shape": baselines.shape, "colours and shape": baselines.colours_and_shape}
    for name, make in makers.items():
        start = cost()
        features, estimator = make(sky, np.arange(len(sky)), TARGET)
        estimator.fit(features, known)
        lines.append(row(name, truth, estimator.predict(make(test, np.arange(len(test)), TARGET)[0]), cost() - start))
    return lines


def held(predictions: Predictions, name: str = TARGET.name) -> np.ndarray:
    """A column of predictions."""
    return predictions.table[name].to_numpy(float)


def ensemble(sky: CutoutSet, test: CutoutSet, truth: np.ndarray, folder: Path, recipe: str) -> dict[str, object]:
    """Five networks, each without a fold: their mean, and how often the intervals hold the truth."""
    start = cost()
    name, changes = CASES[recipe]
    runs = [trained(folder / f"{recipe}{k}", sky, name, changes, folds=5, fold=k) for k in range(5)]
    together = predict_together(runs, test)
    line = row(f"{recipe}, ensemble of 5", truth, held(together), cost() - start)
    spread = held(together, f"{TARGET.name}_spread")
    sigmas = {"spread": spread}
    if f"{TARGET.name}_sigma" in together.table:
        sigmas["sigma"] = held(together, f"{TARGET.name}_sigma")
    for name, sigma in sigmas.items():
        low, high = held(together) - sigma, held(together) + sigma
        line[f"holds_68_{name}"] = round(float(np.mean((low <= truth) & (truth <= high))), 3)
    line["ratio_of_spread_to_error"] = round(float(np.sqrt(np.mean(spread**2)) / rmse(truth, held(together))), 3)
    return line


def main() -> None:
    """Print one JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--test", required=True)
    ensembles = {"default": ["quick", "quick, own error"], "choices": list(CASES)}
    parser.add_argument("--ensembles", nargs="+", metavar="CASE", **ensembles)
    parser.add_argument("--cases", nargs="+", default=["simple", *CASES, "r band", "sizes", "ensemble"])
    args = parser.parse_args()
    sky, test = (CutoutSet.open(path) for path in (args.data, args.test))
    truth = TARGET.truth(test.catalogue)[:, 0]
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        for case in args.cases:
            lines = []
            if case == "simple":
                lines = simple(sky, test, truth)
            elif case == "ensemble":
                lines = [ensemble(sky, test, truth, folder, name) for name in args.ensembles]
            elif case == "sizes":
                for side in SIDES:
                    start = cost()
                    run = trained(folder / f"side{side}", coarse(sky, side), "quick", [])
                    lines.append(
                        row(f"{side} × {side} values", truth, held(predict(run, coarse(test, side))), cost() - start)
                    )
            else:
                name, changes = CASES.get(case, CASES["quick"])
                seen = [sky, test]
                if case == "r band":
                    seen = [sky_of(one, one.images[:][:, 1:2], ("green",)) for one in seen]
                start = cost()
                run = trained(folder / case, seen[0], name, changes)
                lines = [row(case, truth, held(predict(run, seen[1])), cost() - start)]
            for line in lines:
                print(json.dumps(line, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
