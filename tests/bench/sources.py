"""How much of what a band classifier sees lies on sources: its occlusion maps over real tiles, against moved sources.

``python tests/bench/sources.py --run RUN [--tiles 100]`` prints a JSON line. RUN is a run of ``galviz train richness
--target band`` on tiles of SDSS frames; tiles that it was not trained on are looked at, each in its five bands.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[2])]
from galviz.measure.attribution_regions import find_sources, shares  # noqa: E402
from galviz.nn.explain.occlusion import occlude, probability  # noqa: E402
from galviz.nn.inference.predict import load_weights  # noqa: E402
from galviz.nn.tasks import build  # noqa: E402
from galviz.runs.run import Run  # noqa: E402
from galviz.sky.cutouts import CutoutSet  # noqa: E402

PATCH, STRIDE = 8, 4


def on_sources(effect: np.ndarray, sources: object) -> tuple[float, float]:
    """Part of the effect, and of the area, within half an occluder of the sources."""
    found = shares(effect, sources, PATCH / 2).reindex(["sources found"]).fillna(0.0)
    return float(found["effect"].iloc[0]), float(found["area"].iloc[0])


def interval(values: np.ndarray) -> list[float]:
    """Mean over tiles with a 95 % bootstrap interval."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(2000, len(values)))].mean(1)
    return [round(float(v), 4) for v in (values.mean(), *np.percentile(means, [2.5, 97.5]))]


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("--run", required=True)
    ask.add_argument("--tiles", type=int, default=100)
    given = ask.parse_args()
    run = Run.open(given.run)
    sky = CutoutSet.open(run.data)
    network = build(run.target, run.recipe, sky.bands)
    load_weights(network, run.weights)
    held_out = np.unique(run.predictions().held_out().table.index.get_level_values("object_id"))
    ids = np.random.default_rng(0).permutation(held_out)[: given.tiles]
    start, found = time.time(), {}
    sources = [find_sources(sky.images[int(row)]) for row in sky.row_of(ids)]
    for k, row in enumerate(sky.row_of(ids)):
        for b, band in enumerate(sky.bands):
            image = sky.images[int(row)][b][None, None]
            effect = occlude(network.eval(), image, output=probability(b), patch=PATCH, stride=STRIDE, value="change")
            here, area = on_sources(effect.map[0, 0], sources[k])
            there, _ = on_sources(effect.map[0, 0], sources[(k + 1) % len(ids)])
            found.setdefault(band, []).append((here, there, area))
    result = {"bench": "sources", "case": run.name, "tiles": len(ids), "seconds": round(time.time() - start, 1)}
    result["sources a tile"] = round(float(np.mean([len(one) for one in sources])), 2)
    for band, rows in found.items():
        here, there, area = np.array(rows).T
        received = {"on sources": interval(here), "on those of another tile": interval(there), "area": interval(area)}
        result[band] = received | {"difference": interval(here - there)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
