"""Filters of a million objects: a brush that moves → the selection and all histograms; and the first look.

``python tests/bench/filters.py [--case NAME]`` prints a JSON line a case; see ``bench`` in the docs for the keys.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).resolve().parents[k]) for k in (1, 2)]
from million import burned_table  # noqa: E402

from galviz.io.expressions import matches  # noqa: E402
from galviz.tools.filters.core import Exchange, Filter, Filters  # noqa: E402
from galviz.tools.selection.core import Selection  # noqa: E402

MILLION, BRUSHES = 10**6, 60


def made(rows: int) -> pd.DataFrame:
    """Objects with six columns that are filtered: three of numbers, three with few values."""
    table, rng = burned_table(rows), np.random.default_rng(2)
    return table.assign(
        mag=rng.normal(17, 1, rows).astype(np.float32), fold=rng.integers(0, 5, rows), spiral=rng.random(rows) < 0.3
    )


def seconds(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def case_brush() -> dict:
    """A range is dragged while another column filters too; the limit sorts each column once, and scatters a mask."""
    table = made(MILLION)
    selection = Selection(table)
    exchange = Exchange(Filters(table), selection, lambda _: None)
    exchange.receive({"type": "hello", "client": "bench"})
    exchange.filters.set("spiral", Filter(ticked=(False,)))
    lows, seq = np.random.default_rng(0).uniform(0, 0.3, BRUSHES), iter(range(10**6))

    def brush(low: float) -> None:
        ends = {"low": float(low), "high": float(low) + 0.25}
        exchange.receive({"type": "brush", "client": "bench", "seq": next(seq), "name": "z", "done": False} | ends)

    brush(0.1)
    ours = [seconds(lambda low=low: brush(low)) for low in lows]
    expected = matches(exchange.filters.expression(), table)
    z, spiral = table["z"].to_numpy(), table["spiral"].to_numpy()
    reference = [seconds(lambda low=low: table.query(f"{low} <= z <= {low + 0.25} and not spiral")) for low in lows[:9]]
    order = np.argsort(z, kind="stable")
    ordered = z[order]

    def sorted_once(low: float) -> np.ndarray:
        mask = np.zeros(MILLION, dtype=bool)
        mask[order[np.searchsorted(ordered, low) : np.searchsorted(ordered, low + 0.25, "right")]] = True
        return mask & ~spiral

    scattered = [seconds(lambda low=low: sorted_once(low)) for low in lows[:20]]
    compared = [seconds(lambda low=low: (z >= low) & (z <= low + 0.25) & ~spiral) for low in lows[:20]]
    result = {"ours_s": median(ours), "p95_s": float(np.quantile(ours, 0.95)), "reference": "pandas query"}
    result |= {"reference_s": median(reference), "limit": "two comparisons, no histograms"}
    result |= {"limit_s": median(compared), "sorted_once_s": median(scattered)}
    return result | {"max_error": int((expected != selection.mask).sum())}


def case_first_look() -> dict:
    """Table in memory → six columns read and counted; the limit is one pass of `np.histogram` over three of them."""
    table = made(MILLION)

    def look() -> None:
        exchange = Exchange(Filters(table), Selection(table), lambda _: None)
        exchange.receive({"type": "hello", "client": "bench"})
        exchange.close()

    numbers = [table[name].to_numpy(dtype=float, na_value=0) for name in ("z", "richness", "mag")]
    few = [table[name] for name in ("kind", "fold", "spiral")]
    counts = lambda: [np.histogram(values, 40) for values in numbers] + [values.value_counts() for values in few]  # noqa: E731
    limit = median(seconds(counts) for _ in range(5))
    result = {"ours_s": median(seconds(look) for _ in range(5)), "reference": "np.histogram and value_counts"}
    return result | {"reference_s": limit, "limit": "the same", "limit_s": limit, "max_error": 0}


CASES = {name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    wanted = parser.parse_args().case
    for name, case in CASES.items():
        if wanted in (None, name):
            found = {key: round(value, 5) if isinstance(value, float) else value for key, value in case().items()}
            print(json.dumps({"bench": "filters", "case": f"{name}-1e6"} | found), flush=True)
