"""Which band is this? A network trained on three SDSS fields and tested on the fourth, against histograms of pixels.

``python tests/bench/bands.py --frames FOLDER`` prints one JSON line; FOLDER holds the frames of four fields.
"""

import argparse
import json
import tempfile
import time
from functools import partial
from pathlib import Path

import astropy.units as u
import numpy as np
import torch

import galviz.nn  # noqa: F401 - before torchvision
from galviz.measure.metrics import accuracy, bootstrap
from galviz.nn.baselines import richness as baselines
from galviz.nn.networks.normalise import Normalise
from galviz.runs.folds import assign_folds, groups_of
from galviz.runs.run import Run
from galviz.sky.readers import sdss
from galviz.studies import richness, train


def scaled(images: np.ndarray, mode: str) -> np.ndarray:
    """Pixels as the network sees them."""
    return Normalise(mode, richness.BANDS)(torch.from_numpy(images)).numpy()


def main(frames: str, recipe_name: str, settings: list[str], size: int, tile: float | None) -> dict[str, object]:
    cutouts = sdss.tiles(frames, size=size, side=None if tile is None else tile * u.arcsec)
    fields = sorted(set(groups_of(cutouts.catalogue)))
    recipe = richness.BAND_RECIPES[recipe_name].with_settings([*settings, f"folds={len(fields)}"])
    fold = assign_folds(groups_of(cutouts.catalogue), len(fields))
    by_histogram = {
        name: np.array(richness.BANDS)[baselines.bands_by_histogram(cutouts, fold, scale)]
        for name, scale in (("flux", None), ("as the network sees it", partial(scaled, mode=recipe.data.normalise)))
    }
    found, seconds = {}, []
    for k in range(len(fields)):
        with tempfile.TemporaryDirectory() as folder:
            own, target = recipe.replace(validation={"fold": k}), richness.TARGETS["band"]
            run = Run.create(Path(folder) / "run", study="richness", target=target, recipe=own, data=frames)
            began = time.perf_counter()
            train(run, cutouts, devices="cpu")
            seconds.append(round(time.perf_counter() - began, 1))
            held = run.predictions().held_out()
        out = fold == k
        truth = np.tile(np.array(richness.BANDS, dtype=object), out.sum())
        answers = {"network": (held.truth, held.estimate)}
        answers |= {f"histogram, {name}": (truth, bands[out].ravel()) for name, bands in by_histogram.items()}
        groups = np.arange(out.sum()).repeat(len(richness.BANDS))
        field = str(cutouts.catalogue["field"][out].iloc[0])
        found[field] = {}
        for name, (true, shown_text) in answers.items():
            interval = bootstrap(accuracy, true, shown_text, groups=groups)
            found[field][name] = [round(float(v), 4) for v in (interval.value, interval.low, interval.high)]
    return {
        "bench": "bands",
        "case": recipe_name,
        "settings": settings,
        "tiles": len(cutouts),
        "size": size,
        "tile_arcsec": round(float(cutouts.pixel_scale[0]) * size, 2),
        "accuracy_on_the_field_left_out": found,
        "training_s": seconds,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", required=True, help="folder with the frames of four fields, in or below it")
    parser.add_argument("--case", default="quick", choices=richness.BAND_RECIPES, help="recipe (default: quick)")
    parser.add_argument("--set", nargs="*", default=[], help="changes to the recipe, as galviz train takes them")
    parser.add_argument("--size", type=int, default=64, help="side of a tile in pixels (default: 64)")
    parser.add_argument("--tile", type=float, help="side of a tile in arcsec (default: the pixels of the frame)")
    given = parser.parse_args()
    print(json.dumps(main(given.frames, given.case, given.set, given.size, given.tile), ensure_ascii=False))
