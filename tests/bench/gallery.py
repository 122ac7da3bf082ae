"""A gallery of a million objects against one of a thousand: to open, to scroll, to filter, to sort.

``python tests/bench/gallery.py [--case NAME]`` prints a JSON line a case: seconds, and MB of memory.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import psutil
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[k]) for k in (1, 2)]
from million import burned_sky, read_id  # noqa: E402

from galviz.sky.cutouts import CutoutSet  # noqa: E402
from galviz.tools.gallery.album import Album  # noqa: E402
from galviz.tools.gallery.exchange import Exchange  # noqa: E402
from galviz.tools.gallery.figure import contact_sheet  # noqa: E402
from galviz.tools.selection.core import Selection  # noqa: E402

MILLION, THOUSAND, WINDOW = 10**6, 10**3, 84
CONDITION = "z < 0.3 and richness > 20"


def timed(work: Callable[[], object], repeats: int = 7) -> float:
    """Median seconds of a call, after one to warm up."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


def opened(rows: int) -> tuple[Exchange, list]:
    """An exchange over that many objects, and the list where its messages end up."""
    sky, sent = burned_sky(rows), []
    exchange = Exchange(Album(sky.catalogue, sky), Selection(sky.catalogue), lambda *m: sent.append(m), captions=("z",))
    return exchange, sent


def ask(exchange: Exchange, first: int) -> None:
    """Ask for a window as gallery.js does."""
    window = {"first": first, "count": WINDOW, "side": 112, "pictures": True, "version": exchange.album.version}
    exchange.receive({"type": "window", "client": "bench", "request": 1} | window)


def case_open() -> dict:
    """Table in memory → first window sent; the reference opens a thousand, the limit hashes a million ids."""
    process = psutil.Process()
    before = process.memory_info().rss

    def first(sky: CutoutSet) -> None:
        exchange = Exchange(Album(sky.catalogue, sky), Selection(sky.catalogue), lambda *_: None, captions=("z",))
        ask(exchange, 0)

    large, small = burned_sky(MILLION), burned_sky(THOUSAND)
    table_mb = (process.memory_info().rss - before) / 2**20
    ours, reference = timed(lambda: first(large), 5), timed(lambda: first(small))
    memory = {"table_mb": round(table_mb), "with_gallery_mb": round((process.memory_info().rss - before) / 2**20)}
    ids = list(large.catalogue.index)
    limit = {"limit": "a dict of 10^6 ids", "limit_s": timed(lambda: dict.fromkeys(ids), 5), "max_error": 0}
    return {"ours_s": ours, "reference": "10^3 objects", "reference_s": reference} | limit | memory


def case_window() -> dict:
    """A window in the middle of a sorted million, pictures and all; the limit draws pixels that are at hand."""
    (large, sent), (small, _) = opened(MILLION), opened(THOUSAND)
    for exchange in (large, small):
        exchange.album.arrange("z")
    places = iter(np.random.default_rng(0).integers(MILLION - WINDOW, size=1000).tolist())
    ours = timed(lambda: ask(large, next(places)), 15)
    reference = timed(lambda: ask(small, 400), 15)
    images, _, _ = large.album.pixels(large.album.ids(0, WINDOW))
    bands = large.album.cutouts.bands
    limit = timed(lambda: contact_sheet(images, None, bands, large.stretch, side=112), 15)
    result = {"ours_s": ours, "reference": "10^3 objects", "reference_s": reference}
    return result | {"limit": "drawing alone", "limit_s": limit, "max_error": wrong_pictures(*sent[-1])}


def wrong_pictures(message: dict, png: bytes) -> int:
    """Number of pictures of a window whose burned-in id is not the one that came with them."""
    sheet, whole = message["sheet"], np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    height, width = sheet["height"], sheet["width"]
    wrong = 0
    for tile in message["tiles"]:
        row, column = divmod(tile["cell"], sheet["columns"])
        picture = whole[row * height : (row + 1) * height, column * width : (column + 1) * width]
        wrong += read_id(picture) != tile["id"]
    return wrong


def case_filter() -> dict:
    """A new condition on a sorted million; the reference is pandas' query, the limit a bare NumPy mask."""
    exchange, _ = opened(MILLION)
    table = exchange.album.table
    exchange.album.arrange("z")
    ours = timed(lambda: exchange.album.arrange("z", keep=CONDITION))
    reference = timed(lambda: table.query(CONDITION).sort_values("z"))
    z, richness = table["z"].to_numpy(), table["richness"].to_numpy()
    limit = timed(lambda: np.flatnonzero((z < 0.3) & (richness > 20)))
    expected = table.query(CONDITION).sort_values("z", kind="stable").index
    error = int((expected != exchange.album.ids(0, MILLION)).sum())
    result = {"ours_s": ours, "reference": "pandas query and sort_values", "reference_s": reference}
    return result | {"limit": "NumPy mask", "limit_s": limit, "max_error": error}


def case_sort() -> dict:
    """A new order of a million; the reference is pandas' sort_values, the limit NumPy's fastest sort of the values."""
    exchange, _ = opened(MILLION)
    table, orders = exchange.album.table, iter(["z", "-z"] * 50)
    ours = timed(lambda: exchange.album.arrange(next(orders)))
    reference = timed(lambda: table.sort_values("z"))
    limit = timed(lambda: np.sort(table["z"].to_numpy()))
    exchange.album.arrange("z")
    error = int((table.sort_values("z", kind="stable").index != exchange.album.ids(0, MILLION)).sum())
    result = {"ours_s": ours, "reference": "pandas sort_values", "reference_s": reference}
    return result | {"limit": "np.sort of the values", "limit_s": limit, "max_error": error}


def case_group() -> dict:
    """A million objects in groups, sorted in each; the reference is pandas' sort_values, the limit a sort of codes."""
    exchange, _ = opened(MILLION)
    table, orders = exchange.album.table, iter(["z", "-z"] * 50)
    ours = timed(lambda: exchange.album.arrange(next(orders), group="kind"))
    reference = timed(lambda: table.sort_values(["kind", "z"]))
    codes = np.unique(table["kind"].to_numpy(dtype=str), return_inverse=True)[1]
    limit = timed(lambda: np.lexsort((table["z"].to_numpy(), codes)))
    exchange.album.arrange("z", group="kind")
    expected = table.sort_values(["kind", "z"], kind="stable").index
    error = int((expected != exchange.album.ids(0, MILLION)).sum())
    result = {"ours_s": ours, "reference": "pandas sort_values", "reference_s": reference}
    return result | {"limit": "np.lexsort", "limit_s": limit, "max_error": error}


PAGE = """
import panel as pn
from million import burned_sky
from galviz.tools.gallery.view import Gallery
pn.extension()
rows = int(pn.state.session_args["rows"][0])
Gallery(pn.state.as_cached(f"sky {rows}", burned_sky, rows=rows), height=700).servable()
"""


def case_browser() -> dict:
    """Scroll bar moved → all pictures in view drawn, in Chromium at 1500×900; the limit is the page of a thousand."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "browser"))
    from conftest import FLAGS, free_port
    from playwright.sync_api import sync_playwright
    from test_gallery_page import SCROLL

    folder, port = Path(tempfile.mkdtemp()), free_port()
    (folder / "page.py").write_text(PAGE)
    env = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-m", "panel", "serve", "page.py", "--port", str(port), "--log-level", "error"]
    server = subprocess.Popen(command, cwd=folder, env=env, stderr=subprocess.DEVNULL)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            found = {rows: scrolled(browser, port, rows, SCROLL) for rows in (THOUSAND, MILLION)}
            browser.close()
        memory = psutil.Process(server.pid).memory_info().rss / 2**20
    finally:
        server.terminate()
    result = {"ours_s": found[MILLION][0], "reference": "10^3 objects", "reference_s": found[THOUSAND][0]}
    result |= {"limit": "10^3 objects", "limit_s": found[THOUSAND][0], "max_error": 0}
    return result | {"opened_s": round(found[MILLION][1], 2), "server_mb": round(memory)}


def scrolled(browser: object, port: int, rows: int, scroll: str) -> tuple[float, float]:
    """Median seconds from scroll to picture, and seconds from a second visit to the first picture."""
    url = f"http://localhost:{port}/page?rows={rows}"
    for _ in range(60):
        try:
            urllib.request.urlopen(url).close()  # the first visit makes the sky
            break
        except OSError:
            time.sleep(0.5)
    page = browser.new_page(viewport={"width": 1500, "height": 900})
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_selector(".galviz-gallery .cell canvas", timeout=60_000)
    opened_s = time.perf_counter() - start
    view = page.locator(".galviz-gallery .view")
    height = view.evaluate("view => view.scrollHeight")
    places = np.random.default_rng(1).uniform(0.02, 0.98, 15) * height
    times = [view.evaluate(scroll, float(to)) for to in places]
    page.close()
    return median(times) / 1000, opened_s


CASES = {name.removeprefix("case_"): case for name, case in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", choices=CASES)
    wanted = parser.parse_args().case
    for name, case in CASES.items():
        if wanted in (None, name):
            found = {key: round(value, 5) if isinstance(value, float) else value for key, value in case().items()}
            print(json.dumps({"bench": "gallery", "case": f"{name}-1e6"} | found), flush=True)
