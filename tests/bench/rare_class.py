"""A rare class, with and without class weights: rings among DECaLS galaxies, one in twenty.

``python tests/bench/rare_class.py --data shared/data/gz_decals_rings`` prints one JSON line a case. Each of five
trainings (the recipe ``probe``) learns from 8 rings, others in each, and four fifths of the galaxies without one. It is
judged on all other rings and the last fifth, as if one in twenty of these were a ring. Purity where 80 % of the rings
are found, area under the ROC curve, and purity and completeness above a probability of 0.5, with 95 % intervals from a
bootstrap of the objects.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from galviz.nn.training.train import train
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.opening import open_any_images
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

COLUMN, SHARE, RINGS, PARTS = "ring", 0.05, 8, 5


def divided(sky: CutoutSet, part: int) -> CutoutSet:
    """Return the sky with a column ``split``."""
    ring, rng = sky.catalogue[COLUMN].to_numpy() == 1, np.random.default_rng(0)
    rings, others = (rng.permutation(np.flatnonzero(one)) for one in (ring, ~ring))
    learned = np.zeros(len(sky), dtype=bool)
    learned[rings[part * RINGS : (part + 1) * RINGS]] = True
    learned[np.concatenate(np.array_split(others, PARTS)[:part] + np.array_split(others, PARTS)[part + 1 :])] = True
    more = {"bands": sky.bands, "pixel_scale": np.nan, "unit": sky.unit}
    return CutoutSet(
        images=sky.images[:], catalogue=sky.catalogue.assign(split=np.where(learned, "train", "test")), **more
    )


def learned(sky: CutoutSet, part: int, folder: Path, *, weights: bool, views: int) -> tuple[np.ndarray, np.ndarray]:
    """Return truth and probability of the held-out galaxies."""
    recipe = general_recipes("classification", sky.unit, sky.images.shape[-1])["probe"]
    loss = {"class_weights": weights, "calibration": 0.0}
    recipe = recipe.replace(loss=loss, network={"views": views}, validation={"folds": 0})
    target = Target.of(sky, COLUMN, task="classification")
    run = Run.create(folder / f"{weights}-{part}", study="own", target=target, recipe=recipe, data="sky")
    held = train(run, divided(sky, part), devices="cpu").predictions().held_out().table
    return (held[f"{COLUMN}_true"] == "1").to_numpy(int), held["p_1"].to_numpy()


def measures(truth: np.ndarray, chance: np.ndarray) -> dict[str, float]:
    """Return the measures of one part, if `SHARE` of its objects were rings."""
    rings, others = np.sort(chance[truth == 1]), chance[truth == 0]

    def purity(cut: float) -> float:
        found, wrong = SHARE * np.mean(rings >= cut), (1 - SHARE) * np.mean(others >= cut)
        return found / (found + wrong) if found + wrong else np.nan

    return {
        "purity_at_80": purity(rings[int(0.2 * len(rings))]),
        "auc": roc_auc_score(truth, chance),
        "purity_above_half": purity(0.5),
        "completeness_above_half": np.mean(rings >= 0.5),
    }


def case(sky: CutoutSet, folder: Path, *, weights: bool, views: int) -> dict[str, object]:
    """Return the means of all parts, with intervals."""
    parts = [learned(sky, part, folder, weights=weights, views=views) for part in range(PARTS)]
    rng, drawn = np.random.default_rng(0), []
    for k in range(501):
        found = []
        for truth, chance in parts:
            rows = np.arange(len(truth))
            if k:  # rings and others are drawn apart, so that none is missing
                rows = np.concatenate([rng.choice(rows[truth == c], (truth == c).sum()) for c in (0, 1)])
            found.append(measures(truth[rows], chance[rows]))
        known = {name: [one[name] for one in found if np.isfinite(one[name])] for name in found[0]}
        drawn.append({name: np.mean(values) if values else np.nan for name, values in known.items()})
    line: dict[str, object] = {"case": f"class_weights={weights}", "views": views}
    for name in drawn[0]:
        low, high = np.nanpercentile([one[name] for one in drawn[1:]], [2.5, 97.5])
        line[name] = [round(float(value), 3) for value in (drawn[0][name], low, high)]
    return line


def main() -> None:
    """Print one JSON line a case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--views", type=int, default=8, help="rotations and flips; fewer are faster")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        sky = open_any_images(args.data, out=Path(folder) / "sky", size=96)
        for weights in (False, True):
            print(json.dumps(case(sky, Path(folder), weights=weights, views=args.views)), flush=True)


if __name__ == "__main__":
    main()
