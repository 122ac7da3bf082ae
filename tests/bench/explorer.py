"""The explorer over many objects: seconds to open, memory, time to filter, to plot, to lasso, to zoom.

``python tests/bench/explorer.py --case 1e6`` prints one JSON line: a table in Parquet is read and explored as a page
does it, without the browser. Times are seconds, medians of five where nothing else is said.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from million import FIRST, burned_sky

from galviz.io.tables import read_table, write_table
from galviz.pages.explorer import Explorer

CASES = {"1e5": 100_000, "1e6": 1_000_000, "1e7": 10_000_000}
DRAWINGS = {
    "log": {"log_x": True, "log_y": True},
    "median": {"median": True},
    "colour": {"colour": "truth"},
    "categories": {"colour": "truth > 0"},
    "contours": {"contours": True},
    "log_median_colour": {"log_x": True, "log_y": True, "median": True, "colour": "truth"},
}
LASSO = [(0.1, 10.0), (0.4, 20.0), (0.5, 60.0), (0.2, 90.0)]


def write(path: Path, rows: int) -> None:
    """A table of N objects with ids of 19 digits, written by a process of its own: its memory goes with it."""
    rng = np.random.default_rng(0)
    columns = {"z": rng.uniform(0.01, 0.6, rows), "richness": np.exp(rng.normal(3.57, 0.4, rows))}
    columns |= {"truth": rng.normal(size=rows), "estimate": rng.normal(size=rows)}
    ids = pd.Index((FIRST + np.arange(rows)).astype(str), name="object_id")
    write_table(path, pd.DataFrame(columns, index=ids), "parquet")


def seconds(work: Callable[[], object], times: int = 5) -> float:
    """Median of the seconds that some work takes."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return round(statistics.median(taken), 4)


def main(rows: int, *, pictures: bool) -> dict[str, object]:
    pn.extension("tabulator")
    process = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        subprocess.run([sys.executable, __file__, "--write", path, "--case", f"1e{len(str(rows)) - 1}"], check=True)
        before = process.memory_info().rss
        began = time.perf_counter()
        table = read_table(path).table
        read_s = time.perf_counter() - began
    sky = burned_sky(rows) if pictures else None
    began = time.perf_counter()
    explorer = Explorer(table, sky, plots=[{"x": "z", "y": "richness"}])
    root = explorer.__panel__().get_root()
    open_s = time.perf_counter() - began
    selection, gallery = explorer.selection, explorer.gallery
    opened = process.memory_info().rss
    found = {
        "filter_s": seconds(lambda: setattr(gallery, "filter", f"z < {np.random.default_rng().uniform(0.1, 0.5)!r}")),
        "sort_s": seconds(lambda: setattr(gallery, "order", "richness" if gallery.order != "richness" else "z")),
        "where_s": seconds(lambda: selection.where("z < 0.3 and richness > 30")),
        "lasso_s": seconds(lambda: selection.lasso("z", "richness", LASSO)),
        "undo_s": seconds(selection.undo),
    }
    plot = explorer.plots[0]
    found["plot_s"] = seconds(lambda: plot.plot().get_root())
    for name, settings in DRAWINGS.items():
        plot.param.update(**settings)
        found[f"{name}_s"] = seconds(lambda: plot.plot().get_root(), 3)
        plot.param.update(**{one: plot.param[one].default for one in settings})
    plot.plot().get_root()
    ranges = [s for streams in hv.streams.Stream.registry.values() for s in streams]
    zoom = [s for s in ranges if isinstance(s, hv.streams.RangeXY)]
    if zoom:
        found["zoom_s"] = seconds(lambda: zoom[-1].event(x_range=(0.1, np.random.uniform(0.2, 0.5)), y_range=(10, 90)))  # noqa: NPY002
    drawn = explorer.plots[0].plot().object[()]
    counted = sum(np.nansum(image.dimension_values("objects")) for image in drawn if isinstance(image, hv.Image))
    return {
        "bench": "explorer",
        "case": f"{rows:,}",
        "pictures": pictures,
        "read_s": round(read_s, 2),
        "open_s": round(open_s, 2),
        "memory_mb": (opened - before) // 2**20,
        "server_mb": process.memory_info().rss // 2**20,
        **found,
        "objects_in_the_density": int(counted),
        "chosen": len(selection),
        "page": root is not None,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="1e6", choices=CASES, help="number of objects (default: 1e6)")
    parser.add_argument("--write", type=Path, help="only write the table to this file")
    given = parser.parse_args()
    if given.write:
        write(given.write, CASES[given.case])
    else:
        os.environ.setdefault("GALVIZ_HOME", tempfile.mkdtemp())
        print(json.dumps(main(CASES[given.case], pictures=given.case != "1e7")))
