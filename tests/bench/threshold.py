"""The threshold over ten million scores: an answer of the library, and the page in Chromium.

``python tests/bench/threshold.py [--rows N]`` prints one JSON line. A page's update is timed in the browser, from the
slider's input to the new count beside the histogram, with histogram, corrections, curves and galleries following.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "browser"), str(Path(__file__).resolve().parents[1])]

MOVE = """async ([value]) => {
  const root = document.querySelector('.galviz-threshold') ?? window.deep('.galviz-threshold')
  const slider = root.querySelector('input[type=range]'), count = root.querySelector('dd'), before = count.textContent
  const began = performance.now()
  slider.value = value
  slider.dispatchEvent(new Event('input', {bubbles: true}))
  while (count.isConnected && root.querySelector('dd').textContent === before && performance.now() - began < 20000) {
    await new Promise((done) => requestAnimationFrame(done))
  }
  return performance.now() - began
}"""
DEEP = """window.deep = (wanted, root = document) => {
  for (const one of root.querySelectorAll('*')) {
    if (one.matches(wanted)) return one
    const found = one.shadowRoot && window.deep(wanted, one.shadowRoot)
    if (found) return found
  }
  return null
}"""


def drawn(rows: int) -> pd.DataFrame:
    """Calibrated scores, 5,000 of them with a known truth, and redshifts."""
    rng = np.random.default_rng(0)
    scores, truth = rng.beta(0.5, 4, rows).astype(np.float32), np.full(rows, np.nan, np.float32)
    some = rng.choice(rows, min(rows, 5000), replace=False)
    truth[some] = rng.random(len(some)) < scores[some]
    ids = pd.Index(np.char.mod("%d", np.arange(rows)).astype(object), name="object_id")
    columns = {"p_merger": scores, "truth": truth, "z": rng.uniform(0, 0.3, rows).astype(np.float32)}
    return pd.DataFrame(columns, index=ids)


def library(table: pd.DataFrame) -> float:
    """Median milliseconds of an answer to a threshold."""
    from galviz.tools.threshold.core import Scored

    scored, times = Scored(table, "p_merger", "truth"), []
    for threshold in np.random.default_rng(1).uniform(0, 1, 500):
        began = time.perf_counter()
        scored.at(float(threshold))
        times.append(time.perf_counter() - began)
    return 1000 * float(np.median(times))


def page(path: Path) -> dict[str, float]:
    """Open the page on a table and move the slider."""
    from conftest import DASHBOARDS, FLAGS, free_port
    from playwright.sync_api import sync_playwright

    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", str(DASHBOARDS / "mergers.py"), "--port", str(port)]
    env = os.environ | {"GALVIZ_HOME": str(path.parent / "home")}
    log = (path.parent / "log").open("w")
    server = subprocess.Popen([*command, "--args", str(path)], env=env, stdout=log, stderr=log)
    try:
        time.sleep(10)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            shown = browser.new_page(viewport={"width": 1500, "height": 1200})
            began = time.perf_counter()
            shown.goto(f"http://127.0.0.1:{port}/mergers", timeout=300_000)
            shown.locator(".galviz-threshold dd").first.wait_for(timeout=300_000)
            opened = time.perf_counter() - began
            shown.wait_for_timeout(5000)
            shown.evaluate(DEEP)
            places = [round(float(one), 3) for one in np.random.default_rng(2).uniform(0.02, 0.9, 40)]
            times = [shown.evaluate(MOVE, [one]) for one in places]
            browser.close()
        process = psutil.Process(server.pid)
        memory = process.memory_info().rss / 2**30
    finally:
        server.terminate()
    of = {f"page_ms_{name}": round(float(np.quantile(times[3:], q)), 1) for name, q in (("median", 0.5), ("90 %", 0.9))}
    return {"opened_s": round(opened, 1), **of, "server_gib": round(memory, 2)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10**7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "table.parquet"
        table = drawn(given.rows)
        table.to_parquet(where)
        received = {"bench": "threshold", "rows": given.rows, "answer_ms": round(library(table), 3)}
        del table
        print(json.dumps(received | page(where)), flush=True)
