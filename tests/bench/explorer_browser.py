"""The explorer of many objects in Chromium, as a user meets it: seconds to open, to zoom, pan, filter, lasso, colour.

``python tests/bench/explorer_browser.py [--case 1e7] [--table FILE]`` serves a table with ``galviz open`` and prints
one JSON line. Each time is from the user's last movement to the picture, or to the number, that answers it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

sys.path[:0] = [str(Path(__file__).resolve().parents[k]) for k in (1, 2)]
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
from conftest import FLAGS  # noqa: E402
from filters import BRUSH  # noqa: E402
from million import FIRST  # noqa: E402
from pages import free_port  # noqa: E402

from galviz.io.tables import write_table  # noqa: E402

CASES = {"1e5": 100_000, "1e6": 1_000_000, "1e7": 10_000_000}
ZOOMS, BRUSHES, LASSOS = 20, 30, 5
WAIT = 60_000

# Collects the figures of the page in window.plots, and notes in window.drawn when each got its last picture.
WATCH = """() => {
  window.plots = []
  const seen = new Set()
  const walk = (view) => {
    if (!view || seen.has(view)) return
    seen.add(view)
    if (view.frame && view.model.title) window.plots.push(view)
    for (const child of view.children()) walk(child)
  }
  for (const root of Bokeh.index.roots ?? Object.values(Bokeh.index)) walk(root)
  window.plots = window.plots.filter((view) => view.model.renderers.some((r) => r.data_source?.data.image))
  for (const view of window.plots) for (const r of view.model.renderers)
    if (r.data_source?.data.image && !r.data_source.watched) {
      r.data_source.watched = true
      r.data_source.properties.data.change.connect(() => { window.drawn = performance.now() })
    }
  return window.plots.length
}"""
TOOL = """([scroll, drag]) => {
  const { model } = window.plots[0], find = (kind) => model.toolbar.tools.find((t) => t.type === kind)
  if (scroll) model.toolbar.active_scroll = find(scroll)
  model.toolbar.active_drag = find(drag)
}"""
MIDDLE = """() => {
  const view = window.plots[0], { x, y } = view.el.getBoundingClientRect(), { bbox } = view.frame
  return [x + bbox.left + bbox.width / 2, y + bbox.top + bbox.height / 2, bbox.width / 4, bbox.height / 4]
}"""


def write(path: Path, rows: int) -> None:
    """A table of N objects with ids of 19 digits and six columns."""
    rng = np.random.default_rng(0)
    z = rng.uniform(0.01, 0.6, rows)
    columns = {"z_spec": z, "z_phot": z + rng.normal(0, 0.02, rows) * (1 + z)}
    columns |= {"richness": np.exp(rng.normal(3.57, 0.4, rows)), "mag": rng.normal(17, 1, rows).astype(np.float32)}
    columns |= {"colour": (rng.normal(0.8, 0.2, rows) + z).astype(np.float32), "fold": rng.integers(0, 5, rows)}
    ids = pd.Index((FIRST + np.arange(rows)).astype(str), name="object_id")
    write_table(path, pd.DataFrame(columns, index=ids), "parquet")


def parts(times: list[float]) -> list[float]:
    """Median and 95th percentile."""
    return [round(float(np.quantile(times, share)), 3) for share in (0.5, 0.95)]


class Bench:
    """A page of the explorer, and what is measured on it."""

    def __init__(self, page: Any, server: subprocess.Popen) -> None:
        self.page, self.server, self.found = page, server, {}

    def memory(self, name: str) -> None:
        """Note the largest memory that the server ever had, in MB."""
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        self.found[f"{name}_mb"] = int(status.split("VmHWM:")[1].split()[0]) // 1024

    def open(self, url: str) -> None:
        """Open the page and wait for the first picture of all objects."""
        began = time.perf_counter()
        self.page.goto(url)
        self.page.locator(".panes").first.wait_for(timeout=10 * WAIT)
        self.found["panes_s"] = round(time.perf_counter() - began, 2)
        self.page.wait_for_function(f"() => ({WATCH})() > 0", polling=50, timeout=10 * WAIT)
        self.found["open_s"] = round(time.perf_counter() - began, 2)
        self.page.locator(".galviz-filters .counts", has_text="objects").first.wait_for(timeout=10 * WAIT)
        self.page.locator(".galviz-filters .plot").first.wait_for(timeout=10 * WAIT)
        self.found["filters_s"] = round(time.perf_counter() - began, 2)
        self.page.wait_for_timeout(3000)
        self.page.evaluate(WATCH)
        self.memory("opened")

    def drawn(self, move: Callable[[], None]) -> float:
        """Seconds from the end of a movement to the last new picture of what follows within a second."""
        self.page.evaluate("window.drawn = null")
        move()
        began = self.page.evaluate("performance.now()")
        self.page.wait_for_function("() => window.drawn", polling=5, timeout=WAIT)
        last = -1.0
        while last != (now := self.page.evaluate("window.drawn")):
            last = now
            self.page.wait_for_timeout(700)
        return max(0.0, last - began) / 1000

    def zoom(self) -> None:
        """Turn the wheel in and out over the plot, and drag it."""
        self.page.evaluate(TOOL, ["WheelZoomTool", "PanTool"])
        x, y, wide, high = self.page.evaluate(MIDDLE)
        mouse = self.page.mouse
        mouse.move(x, y)
        self.drawn(lambda: mouse.wheel(0, -100))
        turns = [-100 if k % 6 < 3 else 100 for k in range(ZOOMS)]
        self.found["zoom_s"] = parts([self.drawn(lambda turn=turn: mouse.wheel(0, turn)) for turn in turns])

        def drag(k: int) -> None:
            mouse.move(x, y)
            mouse.down()
            for step in range(1, 6):
                mouse.move(x + (-1) ** k * wide * step / 10, y + (-1) ** (k // 2) * high * step / 10)
                self.page.wait_for_timeout(16)
            mouse.up()

        self.found["pan_s"] = parts([self.drawn(lambda k=k: drag(k)) for k in range(ZOOMS)])

    def brush(self) -> None:
        """Drag a range in the first histogram of the filters."""
        plot = self.page.locator(".galviz-filters .plot").first
        times = [one / 1000 for one in plot.evaluate(BRUSH, BRUSHES)]
        self.found["brush_s"] = parts(times)
        self.page.wait_for_timeout(5000)
        self.memory("brushed")

    def lasso(self) -> None:
        """Draw a lasso, until the number of selected objects is there, and until the plot shows them."""
        self.page.evaluate("window.plots[0].model.reset.emit()")
        self.page.wait_for_timeout(2000)
        self.page.evaluate(TOOL, [None, "LassoSelectTool"])
        x, y, wide, high = self.page.evaluate(MIDDLE)
        counts = self.page.get_by_role("status").filter(has_text="objects selected").first
        mouse, counted = self.page.mouse, []

        def draw(k: int) -> None:
            before, part = counts.inner_text(), 0.2 + 0.15 * k
            mouse.move(x + wide * part, y)
            mouse.down()
            for angle in np.linspace(0, 2 * np.pi, 25):
                mouse.move(x + wide * part * np.cos(angle), y + high * part * np.sin(angle))
            mouse.up()
            began = time.perf_counter()
            self.page.wait_for_function(
                "([e, before]) => e.textContent !== before",
                arg=[counts.element_handle(), before],
                polling=5,
                timeout=WAIT,
            )
            counted.append(time.perf_counter() - began)

        shown = [self.drawn(lambda k=k: draw(k)) for k in range(LASSOS)]
        self.found["lasso_s"] = parts(counted)
        self.found["lasso_shown_s"] = parts([a + b for a, b in zip(counted, shown, strict=True)])

    def colour(self) -> None:
        """Colour by another column, until the new plot has its picture."""
        times = []
        for name in ("mag", "colour", "fold", "richness"):
            field = self.page.get_by_label("Colour by", exact=True).first
            field.fill(name)
            began = time.perf_counter()
            field.press("Enter")
            self.page.wait_for_function(
                f"""(name) => ({WATCH})() && window.plots.some((view) => view.model.title.text.includes(
                'of all') && !view.model.title.text.includes('density')
                && view.model.select && [...view.model.right, ...view.model.above, ...view.model.center].some((one) =>
                  one.title === name || one.items?.length))""",
                arg=name,
                polling=20,
                timeout=WAIT,
            )
            times.append(time.perf_counter() - began)
            self.page.wait_for_timeout(2500)
        self.page.evaluate(WATCH)
        self.found["colour_s"] = parts(times)


def main(case: str, table: Path | None) -> dict[str, object]:
    from playwright.sync_api import Error, sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        if table is None:
            table = Path(folder) / "table.parquet"
            subprocess.run([sys.executable, __file__, "--write", table, "--case", case], check=True)
        home, port = Path(folder) / "home", free_port()
        home.mkdir()
        env = os.environ | {"GALVIZ_HOME": str(home)}
        command = [sys.executable, "-m", "galviz", "open", str(table), "--port", str(port), "--no-browser"]
        server = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        try:
            url = next(word for line in server.stdout for word in line.split() if word.startswith("http"))
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.set_default_timeout(WAIT * 3)
            page.set_default_navigation_timeout(WAIT * 3)
            while socket.socket().connect_ex(("127.0.0.1", port)):
                time.sleep(0.05)
            errors = []
            page.on("pageerror", lambda error: errors.append(str(error)[:200]))
            bench = Bench(page, server)
            bench.open(url)
            for part in (bench.zoom, bench.colour, bench.brush, bench.lasso):
                try:
                    part()
                except Error as error:
                    errors.append(f"{part.__name__}: {str(error)[:200]}")
            bench.memory("all")
        finally:
            browser.close()
            server.terminate()
            server.wait(20)
    return {"bench": "explorer_browser", "case": case, **bench.found, "errors": errors}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", default="1e7", choices=CASES, help="number of objects (default: 1e7)")
    parser.add_argument("--table", type=Path, help="a table that `--write` made, instead of a new one")
    parser.add_argument("--write", type=Path, help="only write the table to this file")
    given = parser.parse_args()
    if given.write:
        write(given.write, CASES[given.case])
    else:
        print(json.dumps(main(given.case, given.table)))
