"""Random sequences of lasso, filter, sort, set operation and undo: does the "Python for this" give the same ids?

One JSON line a case: how many of the sequences gave identical ids in fresh processes (many scripts in each).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.io.provenance import ids_digest, python_for
from galviz.io.tables import read_table, write_table
from galviz.tools.selection.core import HOW, Selection

CASES = {"500-sequences-200k-rows": (500, 200_000), "20-sequences-20k-rows": (20, 20_000)}
FIRST = 1237658493878337640
TYPES = ["smooth", "spirale élancée", 'it\'s "odd"']
RUNNER = """
import contextlib, io, runpy, sys
from galviz.io.provenance import ids_digest
for path in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        ids = runpy.run_path(path)["ids"]
    assert printed.getvalue().split("\\n")[:-1] == (list(ids) or [""]), path
    print(len(ids), ids_digest(ids))
"""


def make_table(rows, seed=0):
    """A catalogue with long ids, gaps, text, and a name that is no Python identifier."""
    rng = np.random.default_rng(seed)
    ids = [str(FIRST + int(k)) for k in rng.permutation(rows)]
    table = pd.DataFrame(
        {
            "z": rng.uniform(0, 0.6, rows),
            "u - g": rng.normal(1.5, 0.5, rows).astype(np.float32),
            "richness": np.where(rng.random(rows) < 0.1, np.nan, np.exp(rng.normal(3.6, 0.4, rows))),
            "n": pd.array(rng.integers(0, 50, rows), dtype="Int64"),
            "kind": pd.Series(rng.choice(["spirale élancée", 'it\'s "odd"', "smooth"], rows), dtype="str").array,
        },
        index=pd.Index(ids, dtype="str", name="object_id"),
    )
    table.loc[table.index[::7], "n"] = pd.NA
    return table


def first_ones(column, count, *, upwards):
    """Ids of the first pictures in a gallery that is sorted by a column."""
    return column.sort_values(ascending=upwards, kind="stable").index[:count]


def take_a_step(selection, rng):
    """Do one of the things that a page offers."""
    how = rng.choice(HOW)
    table = selection.table
    column = rng.choice(["z", "u - g", "richness", "n"])
    low, high = float(table[column].min()), float(table[column].max())
    at = rng.uniform(low, high)
    kind = rng.choice(TYPES)
    corners = [(rng.uniform(0, 0.6), rng.uniform(0, 3)) for _ in range(rng.randint(3, 30))]
    upwards, count = rng.random() < 0.5, rng.randint(0, 50)
    steps = {
        "lasso": lambda: selection.lasso("z", "u - g", corners, how=how),
        "filter": lambda: selection.where(f'col("{column}") {rng.choice(["<", ">="])} {at!r}', how=how),
        "text": lambda: selection.where(f"kind == {kind!r} or n % {rng.randint(2, 5)} == 0", how=how),
        "box": lambda: selection.box({column: (at, rng.choice([high, float("inf")]))}, how=how),
        "sort": lambda: selection.choose(first_ones(table[column], count, upwards=upwards), how=how),
        "invert": selection.invert,
        "keep": lambda: selection.keep_as(rng.choice(["near", "reich & schön"])),
        "recall": lambda: selection.names and selection.recall(rng.choice(selection.names), how=how),
        "undo": selection.undo,
        "redo": selection.redo,
    }
    steps[rng.choice([*steps, "lasso", "filter", "undo"])]()


def compare(folder, sequences, rows, *, seed=0, processes=2):
    """Say for each sequence whether its script, run in a fresh process, gives the ids that were chosen."""
    rng = random.Random(seed)
    source = folder / "table.parquet"
    write_table(source, make_table(rows, seed), "parquet")
    table = read_table(source).table
    expected, scripts = [], []
    for k in range(sequences):
        selection = Selection(table)
        for _ in range(rng.randint(1, 20)):
            take_a_step(selection, rng)
        expected.append(f"{len(selection)} {ids_digest(selection.ids)}")
        scripts.append(folder / f"{k}.py")
        scripts[-1].write_text(python_for(selection, source), encoding="utf-8")
    size = -(-sequences // (2 * processes))
    parts = [scripts[k : k + size] for k in range(0, sequences, size)]
    with ThreadPoolExecutor(processes) as pool:
        got = [line for lines in pool.map(run, parts) for line in lines]
    return [ours == theirs for ours, theirs in zip(expected, got, strict=True)], expected


def run(scripts):
    """Run scripts in one fresh process; give what it says of the ids of each."""
    command = [sys.executable, "-c", RUNNER, *map(str, scripts)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def main():
    """Run the cases that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    for case in [parser.parse_args().case] if parser.parse_args().case else CASES:
        start = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            same, expected = compare(Path(folder), *CASES[case])
        counts = [int(line.split()[0]) for line in expected]
        about = {"sequences": len(same), "identical": sum(same), "rows": CASES[case][1]}
        chosen = {"median_chosen": float(np.median(counts)), "different_choices": len(set(expected))}
        seconds = round(time.perf_counter() - start, 1)
        print(json.dumps({"bench": "python_for", "case": case, **about, **chosen, "ours_s": seconds}), flush=True)


if __name__ == "__main__":
    main()
