"""How long a visitor waits for a page: the first one of a server that has just started, and the next one.

``python tests/bench/first_page.py`` prints one JSON line a case, medians of ``--rounds``. "libraries" is the limit: a
page of Panel, Bokeh and panel-material-ui that shows one line of text. ``first_s`` is from the start of the process,
``next_s`` from opening the address again in the same browser; both end when the last part of the page has its place and
size. ``html_s`` is until the browser has the page, which is when the server has built it. ``cpu_s`` is the processor
time of the server and of the browser for the next page, which depends little on what else the machine does.
``document_kb`` and ``models`` are of the page as it is sent, ``messages`` and ``message_kb`` of all that is sent.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
from playwright.sync_api import Page, sync_playwright

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "browser"), str(TESTS)]
from conftest import FLAGS  # noqa: E402
from pages import free_port  # noqa: E402

from galviz.io.tables import write_table  # noqa: E402

LIBRARIES = """
import panel as pn
import panel_material_ui as pmui
pn.extension("tabulator", notifications=False)
pmui.Page(title="libraries", main=[pn.pane.HTML("<p class='bare'>Here</p>")], sidebar=["left"]).servable()
"""
CASES = {  # page, and what a visitor sees last of it
    "libraries": ["p.bare"],
    "home": [".cards .about"],
    "explore": [".bk-Canvas", ".tabulator-row", ".galviz-filters .plot"],
    "occlusion": [".galviz-occlusion svg", ".galviz-gallery .picture"],
    "richness": [".bk-Canvas", ".galviz-gallery .picture", ".galviz-filters .plot"],
}
WAIT = 120_000

# Runs before the scripts of the page: notes in `window.drawnAt` when all parts of the page were first there, each with
# a size, and in `window.movedAt` when one of them, or any other element, last had another place or size.
WATCH = """wanted => {
  let last = null
  const look = () => {
    let sum = 0
    const found = wanted.map(() => false)
    const walk = (root) => root.querySelectorAll('*').forEach((one) => {
      const { x, y, width, height } = one.getBoundingClientRect()
      sum = (31 * sum + x + 3 * y + 5 * width + 7 * height + 1) % 1e9
      wanted.forEach((selector, k) => { found[k] ||= width * height > 0 && one.matches(selector) })
      if (one.shadowRoot) walk(one.shadowRoot)
    })
    walk(document)
    const now = performance.now()
    if (found.every(Boolean)) window.drawnAt ??= now
    if (sum !== last) window.movedAt = now
    last = sum
    setTimeout(look, 100)
  }
  look()
}"""
RESTS = (
    "() => window.drawnAt && performance.now() - window.movedAt > 600 && Bokeh.documents.every((one) => one.is_idle)"
)
FIGURES = """() => {
  const [page] = performance.getEntriesByType('navigation'), loaded = performance.getEntriesByType('resource')
  return {
    html: page.responseEnd, html_kb: page.encodedBodySize / 1024, drawn: window.drawnAt, moved: window.movedAt,
    models: Bokeh.documents.reduce((sum, one) => sum + one._all_models.size, 0), requests: loaded.length,
    loaded_kb: loaded.reduce((sum, one) => sum + one.transferSize, 0) / 1024,
  }
}"""


def make_data(folder: Path) -> dict[str, list[str]]:
    """Make a table of 1,000 rows, and a run of a small sky; returns what each page is started on."""
    rng = np.random.default_rng(0)
    z = rng.uniform(0.01, 0.6, 1000)
    columns = {"z_spec": z, "z_phot": z + rng.normal(0, 0.02, 1000) * (1 + z), "mag": rng.normal(17, 1, 1000)}
    ids = pd.Index([str(1237658493878337640 + k) for k in range(1000)], name="object_id")
    write_table(folder / "table.parquet", pd.DataFrame(columns, index=ids), "parquet")
    make = "import sys; from pathlib import Path; from first_map import make_run; make_run(Path(sys.argv[1]), 64)"
    subprocess.run(
        [sys.executable, "-c", make, folder], cwd=TESTS / "bench", check=True, stdout=subprocess.DEVNULL
    )  # it has torch, and another conftest
    (folder / "libraries.py").write_text(LIBRARIES, "utf-8")
    paths = [str(folder / "run"), str(folder / "sky")]
    return {"explore": [str(folder / "table.parquet")], "occlusion": paths, "richness": paths[::-1]}


def cpu(of: psutil.Process) -> float:
    """Processor time, s, of a process and all that it started."""
    total = 0.0
    for one in [of, *of.children(recursive=True)]:
        with contextlib.suppress(psutil.Error):
            total += sum(one.cpu_times()[:2])
    return total


def visit(page: Page, url: str, wanted: list[str]) -> dict[str, float]:
    """Open a page, wait until it is drawn and rests, and return its figures."""
    sizes: list[int] = []

    def listen(channel: Any) -> None:
        channel.on("framereceived", lambda data: sizes.append(len(data)))

    page.on("websocket", listen)
    page.add_init_script(f"({WATCH})({json.dumps(wanted)})")
    page.goto(url, timeout=WAIT)
    page.wait_for_function(RESTS, polling=50, timeout=WAIT)
    found = page.evaluate(FIGURES)
    return found | {"messages": len(sizes), "message_kb": sum(sizes) / 1024, "document_kb": max(sizes) / 1024}


def measured(browser: Any, case: str, folder: Path, given: list[str], *, nexts: int) -> dict[str, list[float]]:
    """Start a server, open its first page, and then the next ones in the same browser."""
    script = folder / "libraries.py" if case == "libraries" else TESTS.parent / "dashboards" / f"{case}.py"
    port = free_port()
    command = [sys.executable, "-m", "panel", "serve", str(script), "--address", "127.0.0.1", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"GALVIZ_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    context, found = browser.new_context(viewport={"width": 1440, "height": 900}), {}
    url = f"http://127.0.0.1:{port}/{script.stem}"
    began = time.perf_counter()
    server = subprocess.Popen([*command, "--args", *given], env=environment, stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.01)
        listening = time.perf_counter() - began
        for number in range(1 + nexts):
            page = context.new_page()
            before = cpu(psutil.Process()), cpu(psutil.Process(server.pid))
            figures = visit(page, url, CASES[case])
            seconds = {name: figures.pop(name) / 1000 for name in ("html", "drawn", "moved")}
            if number == 0:
                one = {"listens_s": listening, "first_html_s": listening + seconds["html"]}
                one |= {"first_drawn_s": listening + seconds["drawn"], "first_s": listening + seconds["moved"]}
                one |= {"first_server_cpu_s": cpu(psutil.Process(server.pid))}
            else:
                one = {"html_s": seconds["html"], "drawn_s": seconds["drawn"], "next_s": seconds["moved"]}
                after = cpu(psutil.Process()), cpu(psutil.Process(server.pid))
                one |= {"server_cpu_s": after[1] - before[1]}
                one |= {"browser_cpu_s": after[0] - before[0] - (after[1] - before[1])} | figures
            for name, value in one.items():
                found.setdefault(name, []).append(value)
            page.close()
    finally:
        server.terminate()
        server.wait(30)
        context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--nexts", type=int, default=2, help="next pages in each round")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES)
    given = parser.parse_args()
    found: dict[str, dict[str, list[float]]] = {case: {} for case in given.cases}
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        started_on = make_data(folder)
        path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        for _ in range(given.rounds):
            for case in given.cases:
                for key, values in measured(browser, case, folder, started_on.get(case, []), nexts=given.nexts).items():
                    found[case].setdefault(key, []).extend(values)
        browser.close()
    for case, figures in found.items():
        line = {"case": case} | {key: round(statistics.median(values), 2) for key, values in figures.items()}
        print(json.dumps(line | {"load": round(os.getloadavg()[0], 1)}), flush=True)


if __name__ == "__main__":
    main()
