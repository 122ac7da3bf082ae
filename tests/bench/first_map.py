"""How long a visitor waits for a map: cold, with nothing started, and warm, for another object of the same run.

``python tests/bench/first_map.py`` prints one JSON line a case. The network is a small ResNet-18 with random weights;
patch and stride are those that a page opens with. "cold" is the wait of a page that did not warm its worker: the worker
starts, imports torch and loads the network. "after warming" is the first map of a page that did. ``worker_cpu_s`` is
the processor time of the worker for all of it, which does not depend on what else the machine does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

SIDES = (64, 128)
LIMITS = {"cold": 3.0, "after warming": 0.5, "warm": 0.5}  # s
OBJECTS = 8


def make_run(folder: Path, side: int) -> None:
    """A run with random weights, and its sky."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from at_once import random_run
    from conftest import make_tiny_sky

    sky = make_tiny_sky(OBJECTS, size=side)
    sky.save(folder / "sky")
    random_run(folder / "run", sky, folder / "sky", width=16)


def waits(folder: Path, *, warmed: bool) -> dict[str, list[float]]:
    """Seconds until whole maps are there, in this process, whose worker is not started yet."""
    from galviz.runs.run import Run
    from galviz.sky.cutouts import CutoutSet
    from galviz.work.chunks import Work
    from galviz.work.explanation import explanation
    from galviz.work.question import OcclusionSettings, Question

    run, found = Run.open(folder / "run"), {"cold": [], "after warming": [], "warm": [], "cpu_s": []}
    sky = CutoutSet.open(folder / "sky")
    side = sky.images.shape[2]
    if warmed:
        Work("galviz.work.worker:warmed", [(str(run.path),)]).results(600)  # as `galviz.work.explanation.warm`
    for k, name in enumerate(sky.object_ids):
        start = time.perf_counter()
        explanation(Question(run, sky, name, OcclusionSettings(patch=side // 8, stride=side // 16))).work.results(600)
        kind = "warm" if k else "after warming" if warmed else "cold"
        found[kind].append(time.perf_counter() - start)
    worker = [one for one in psutil.Process().children(recursive=True) if one.num_threads() > 3]
    found["cpu_s"] = [sum(sum(one.cpu_times()[:2]) for one in worker)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sides", type=int, nargs="+", default=SIDES)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(waits(Path(given.one[0]), warmed=given.one[1] == "warmed")))
        return
    for side in given.sides:
        with tempfile.TemporaryDirectory() as folder:
            make_run(Path(folder), side)
            every: dict[str, list[float]] = {}
            for _ in range(given.rounds):
                for how in ("bare", "warmed"):
                    command = [sys.executable, __file__, "--one", folder, how]
                    done = subprocess.run(command, capture_output=True, text=True, check=True)
                    for kind, seconds in json.loads(done.stdout.splitlines()[-1]).items():
                        every.setdefault(kind, []).extend(seconds)
            for kind, limit in LIMITS.items():
                median = statistics.median(every[kind])
                line = {"case": f"{kind} {side} px", "median_s": round(median, 3), "limit_s": limit}
                line |= {"ratio": round(median / limit, 2), "most_s": round(max(every[kind]), 3), "n": len(every[kind])}
                line |= {"worker_cpu_s": round(statistics.median(every["cpu_s"]), 2), "load": os.getloadavg()[0]}
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
