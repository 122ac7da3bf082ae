"""A dashboard served as a user would, driven in Chromium: no script may fail, nothing outside may be asked for."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from million import read_id
from pages import free_port

from galviz.runs.run import list_runs

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOCAL = re.compile(r"(https?|wss?)://127\.0\.0\.1|data:|blob:|about:")
DASHBOARDS = Path(__file__).parents[2] / "dashboards"
SLOW_MS = 120_000  # how long a loaded machine may take

# All figures of the page: title, where a point (x, y) of the plot is on the screen, and the pixels of its picture.
FIGURES = """() => {
  const figures = [], seen = new Set()
  const walk = (view) => {
    if (!view || seen.has(view)) return
    seen.add(view)
    if (view.frame && view.model.title) figures.push(view)
    for (const child of view.children()) walk(child)
  }
  for (const root of Bokeh.index.roots ?? Object.values(Bokeh.index)) walk(root)
  return figures.map((view) => {
    const box = view.el.getBoundingClientRect()
    const at = (x, y) => [box.x + view.frame.x_scale.compute(x), box.y + view.frame.y_scale.compute(y)]
    const sources = view.model.renderers.map((r) => r.data_source?.data).filter(Boolean)
    const image = sources.map((data) => data.image?.[0]).find(Boolean)
    const points = sources.find((data) => data.object_id)
    return {
      title: view.model.title.text,
      image: image ? Array.from(image) : null,
      shape: image?.shape ?? null,
      lines: sources.map((data) => Object.fromEntries(
        Object.entries(data).filter(([, v]) => v?.length < 1000).map(([k, v]) => [k, Array.from(v)]))),
      points: points && Array.from(points.object_id).map((id, k) => ({
        id, place: at(points[Object.keys(points)[0]][k], points[Object.keys(points)[1]][k]) })),
    }
  })
}"""

# The pictures in focus: the id above them, what each is called, its green pixels from the top row down.
PICTURES = """root => ({ id: root.querySelector('.id').textContent,
  pictures: [...root.querySelectorAll('canvas')].map((canvas) => ({ width: canvas.width, height: canvas.height,
    label: canvas.getAttribute('aria-label'),
    pixels: [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]
      .filter((_, k) => k % 4 === 1),
  })) })"""


class Server:
    """`panel serve` of a dashboard, or of several (``"explore richness"``), with a home of its own."""

    def __init__(
        self,
        dashboard: str,
        home: Path,
        arguments: tuple[object, ...] = (),
        options: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> None:
        self.dashboard, self.home, self.port = dashboard, home, free_port()
        self.options, self.environment = options, environment or {}
        self.arguments = ["--args", *map(str, arguments)] if arguments else []
        self.log = home.parent / f"{home.name}.log"
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/{self.dashboard}"

    def start(self) -> None:
        pages = [str(DASHBOARDS / f"{name}.py") for name in self.dashboard.split()]
        arguments = [*pages, "--port", str(self.port), *self.options, *self.arguments]
        environment = {"GALVIZ_HOME": str(self.home), "OMP_NUM_THREADS": "1"} | self.environment
        command = [sys.executable, "-m", "panel", "serve", *arguments]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | environment)
        end = time.time() + SLOW_MS / 1000
        while time.time() < end and self.process.poll() is None:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(f"the server did not start: {self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def maps(self) -> str:
        """What is mapped into the server's memory."""
        return Path(f"/proc/{self.process.pid}/maps").read_text()


@pytest.fixture(scope="session")
def chromium():
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SLOW_MS)
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """Maker of servers: ``serve("richness", *arguments)``, each with an empty home, or the one that is given.

    They end with the module: an idle server still takes a few percent of a processor.
    """
    servers = []

    def make(dashboard: str, *arguments: object, home: Path | None = None, **more: object) -> Server:
        servers.append(Server(dashboard, home or tmp_path_factory.mktemp("home"), arguments, **more))
        return servers[-1]

    yield make
    for server in servers:
        server.kill()
        for run in list_runs(server.home / "runs")[0]:
            run.request_stop()  # what a failed test left behind


# Wait until a page rests: the open tab is there, Bokeh has drawn all, and no element has changed its size for a while.
RESTS = """() => {
  let sum = 0, opening = false
  const walk = (root) => root.querySelectorAll('*').forEach((one) => {
    opening ||= one.matches('.busy:not([hidden])') && one.textContent.startsWith('Opening')
    const { x, y, width, height } = one.getBoundingClientRect()
    sum = (31 * sum + x + 3 * y + 5 * width + 7 * height + 1) % 1e9
    if (one.shadowRoot) walk(one.shadowRoot)
  })
  walk(document)
  const now = performance.now()
  if (opening || sum !== window.restsSum || !Bokeh.documents.every((one) => one.is_idle)) window.restsSince = now
  window.restsSum = sum
  return now - window.restsSince > 300
}"""


# What a page cuts off or makes a visitor scroll to the side: the main area, panes, tabs that scroll, drawers, the line
# of measures, the tools of a picture.
PLACES = "html, main.main, .main-content, .galviz-main, .galviz-scrolls, .panes .page, .galviz-section"
PLACES += ", .cards, .galviz-focus .tools"
STICKS_OUT = """places => Math.max(...places.map((one) => {
  const main = one.matches('.galviz-main') ? one.scrollHeight - one.clientHeight : 0
  return one.checkVisibility() ? Math.max(main, one.scrollWidth - one.clientWidth) : 0
}))"""


class Driven:
    """A page, and what went wrong on it."""

    def __init__(self, page) -> None:
        self.page, self.errors, self.outside = page, [], []
        page.set_default_timeout(SLOW_MS)
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: None if LOCAL.match(request.url) else self.outside.append(request.url))

    def figures(self, title: str = "") -> list[dict]:
        return [figure for figure in self.page.evaluate(FIGURES) if figure["title"].startswith(title)]

    def pictures(self) -> tuple[set[str], set[str]]:
        """Ids said by the pictures in focus, and ids burned into their pixels as the page draws them."""
        seen = self.page.locator(".galviz-focus").evaluate(PICTURES)
        drawn = [np.reshape(one["pixels"], (one["height"], one["width"])) for one in seen["pictures"]]
        labels = {one["label"].partition(",")[0] for one in seen["pictures"]}
        return {seen["id"], *labels}, {read_id(picture) for picture in drawn}

    def shows(self, object_id: str) -> bool:
        """Say whether an object is in focus, by name and by pixels, in all its pictures."""
        return self.pictures() == ({object_id}, {object_id})

    def rests(self) -> None:
        """Wait until the page is drawn and nothing on it moves."""
        self.page.evaluate("window.restsSum = null")
        self.page.wait_for_function(RESTS, polling=50)

    def sticks_out(self, width: int) -> int:
        """Pixels of the page that stand out of its width, once it has this one and rests."""
        self.page.set_viewport_size({"width": width, "height": self.page.viewport_size["height"]})
        self.rests()
        return self.page.locator(PLACES).evaluate_all(STICKS_OUT)

    def tab(self, name: str) -> None:
        """Open a tab of the page."""
        self.page.get_by_role("tab", name=name, exact=True).click()

    def pane(self, name: str) -> None:
        """Open a tab of a pane."""
        self.page.locator(".panes .tabs").get_by_role("tab", name=name, exact=True).click()

    def drawer(self, side: str, section: str = "") -> None:
        """Open the left or right drawer, and in it a section that is shut."""
        place, toggle = {"left": (".sidebar", "drawer"), "right": (".contextbar", "contextbar")}[side]
        self.page.get_by_role("button", name=re.compile(f"^(Open|Close) {toggle}$")).wait_for()
        opener = self.page.get_by_role("button", name=f"Open {toggle}", exact=True)
        if opener.count():
            opener.click()
        self.page.locator(f".MuiDrawer-paper{place}").wait_for()
        if section:
            card = self.page.locator(place).locator(".galviz-section", has=self.page.get_by_text(section, exact=True))
            card.locator(".card-header").click()

    def set_field(self, label: str, value: object) -> None:
        """Type into a field, and press Enter."""
        field = self.page.get_by_label(label, exact=True).first
        field.fill(str(value))
        field.press("Enter")

    def until(self, holds, seconds: float = SLOW_MS / 1000):
        """Wait until `holds` gives something true, and give it; a page that is being rebuilt is asked again."""
        end, last = time.time() + seconds, None
        while time.time() < end:
            try:
                last = holds()
            except Exception as error:  # noqa: BLE001 - a figure may vanish while it is read
                last = error
            if last and not isinstance(last, Exception):
                return last
            self.page.wait_for_timeout(100)
        pytest.fail(f"waited {seconds:.0f} s in vain; last seen: {last!r}; errors: {self.errors[:3]}")


@pytest.fixture
def open_page(chromium):
    """Opener of pages. When the test ends, no script may have failed and nothing outside may have been asked for."""
    pages = []

    def make(url: str, width: int = 1500, height: int = 1200) -> Driven:
        driven = Driven(chromium.new_page(viewport={"width": width, "height": height}))
        pages.append(driven)
        driven.page.goto(url)
        return driven

    yield make
    for driven in pages:
        driven.page.close()
        assert not driven.errors, "\n".join(driven.errors)
        assert driven.outside == []
