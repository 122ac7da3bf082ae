"""Filters of a million objects: a brush that moves → the selection and all histograms; and the first look.

``python tests/bench/filters.py [--case NAME]`` prints a JSON line a case: seconds, and MB of memory.
"""

import argparse
import json
import sys
import tempfile
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


PAGE = """
import panel as pn
from filters import made
from galviz.tools.filters.view import FiltersView
from galviz.tools.selection.core import Selection
pn.extension()
rows = int(pn.state.session_args["rows"][0])
FiltersView(Selection(pn.state.as_cached(f"table {rows}", made, rows=rows))).servable()
"""
BRUSH = """async (plot, moves) => {
  const { x, y, width } = plot.getBoundingClientRect();
  const counts = plot.closest('.galviz-filters').querySelector('.counts');
  const at = (type, part) => plot.dispatchEvent(new PointerEvent(type,
    { clientX: x + part * width, clientY: y + 9, bubbles: true, pointerId: 1 }));
  plot.setPointerCapture = () => {};
  at('pointerdown', 0.2);
  at('pointermove', 0.3);
  const times = [];
  for (let k = 0; k < moves; k += 1) {
    await new Promise((done) => setTimeout(done, 60));
    const start = performance.now(), before = counts.textContent;
    at('pointermove', 0.35 + 0.6 * ((k * 37) % 100) / 100);
    while (counts.textContent === before && performance.now() - start < 5000)
      await new Promise((done) => setTimeout(done, 1));
    times.push(performance.now() - start);
  }
  at('pointerup', 0.5);
  return times;
}"""


def case_browser() -> dict:
    """Pointer moved → number of selected objects shown, in Chromium; the limit is the page of 10^5 objects."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
    from conftest import FLAGS
    from pages import serving
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n{PAGE}") as url,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        times = {}
        for rows in (MILLION // 10, MILLION):
            page = browser.new_page(viewport={"width": 400, "height": 900})
            page.goto(f"{url}?rows={rows}")
            plot = page.locator(".galviz-filters section", has_text="z").locator(".plot").first
            plot.wait_for(timeout=60_000)
            page.wait_for_timeout(500)
            times[rows] = [each / 1000 for each in plot.evaluate(BRUSH, BRUSHES)]
            page.close()
        browser.close()
    few, many = times.values()
    result = {"ours_s": median(many), "p95_s": float(np.quantile(many, 0.95)), "reference": "10^5 objects"}
    result |= {"reference_s": median(few), "reference_p95_s": float(np.quantile(few, 0.95)), "limit": "10^5 objects"}
    return result | {"limit_s": median(few), "max_error": 0}


CASES = {name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    wanted = parser.parse_args().case
    for name, case in CASES.items():
        if wanted in (None, name):
            found = {key: round(value, 5) if isinstance(value, float) else value for key, value in case().items()}
            print(json.dumps({"bench": "filters", "case": f"{name}-1e6"} | found), flush=True)
