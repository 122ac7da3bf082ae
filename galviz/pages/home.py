"""The home page: the skies and runs of this computer, the studies, and ways to open one's own data."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.folders import free_name
from galviz.pages.library import Library, open_sky
from galviz.pages.runs import best
from galviz.pages.shell import page_template
from galviz.pages.sky_job import SkyJob
from galviz.pages.upload import Upload, uploads
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.labels import is_table
from galviz.studies import open_study, studies
from galviz.tools.formatting import REFUSED, Text, field, shown_error, shown_time, text
from galviz.tools.gallery.figure import picture_urls
from galviz.tools.viewer.stretch import StretchView

_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_EVERY_MS = 1000
_STRIP = 4  # pictures on a card
_SIDE = 92  # px
_DEMO = (200, 32)  # objects, px: drawn within seconds


class HomePage(pn.viewable.Viewer):
    """Cards of the skies, the runs and the studies, and controls that open more data.

    Parameters
    ----------
    paths : sequence of str
        What the page was started on: skies, runs and folders of them are listed; from anything else a sky can be made.
    """

    found = param.Integer(default=0, doc="grows when skies or runs may have appeared")
    path = param.String(default="", label="A folder or a file of images on this computer")

    def __init__(self, paths: Sequence[str] = (), **params: object) -> None:
        super().__init__(**params)
        listed, self.others = split(paths)
        self.library = Library.find(listed)
        self.library = Library(self.library.sky_folders, self.library.run_folders, given=tuple(map(Path, paths)))
        self.job = SkyJob(self.library)
        self._seen = self._look()
        self.job.param.watch(lambda event: event.new and self.refresh(), "ready")
        self.path = next(iter(self.others), "")

    def poll(self) -> None:
        """Poll for new skies and runs, and for the progress of a sky that is being made."""
        self.job.poll()
        if (seen := self._look()) != self._seen:
            self._seen = seen
            self.refresh()

    def _look(self) -> tuple[object, ...]:
        return self.library.stamps(), self.library.statuses()

    def refresh(self) -> None:
        """Draw the cards again."""
        self.found += 1

    def ingest(self, path: str | Path) -> None:
        """Make a sky of images that this page may open."""
        try:
            source = self.library.allowed(path)
            self._ingest(source)
        except REFUSED as error:
            self.job.result = shown_error(error).replace("panel serve … --args PATH …", "galviz open PATH")

    def _ingest(self, source: Path) -> None:
        name = re.sub(r"[^\w.+-]", "-", source.name.partition(".")[0]).lstrip(".-") or "images"
        self.job.start(["ingest", str(source), "--skip-bad"], self._free(name))

    def _free(self, name: str) -> str:
        """Return a name for a new sky: this one, or with a number if it is taken."""
        folder = self.library.sky_folders[-1]
        return free_name(folder, name) if (folder / name).exists() else name

    def _receive(self, path: Path) -> None:
        """Show an uploaded table, or make a sky of uploaded images."""
        if shows_table(path):
            query = urlencode({"upload": path.parent.name})
            self.job.result = Markup("<a href='./explore?{}'>Explore {}</a>").format(query, path.name)
            return
        try:
            self._ingest(path)
        except REFUSED as error:
            self.job.result = shown_error(error)

    def demo(self, _: object = None) -> None:
        """Draw a small sky."""
        count, size = _DEMO
        study = next(study.example for study in studies().values() if study.example)
        try:
            self.job.start(["mock", study, "--n", str(count), "--size", str(size)], self._free("demo"))
        except REFUSED as error:
            self.job.result = shown_error(error)

    @param.depends("found")
    def cards(self) -> Text:
        """Return the cards of skies, runs and studies, as HTML."""
        skies = self.library.skies()
        runs, broken = self.library.runs()
        data = [sky_card(name, path) for name, path in newest(skies)]
        trained = [run_card(name, run) for name, run in runs.items()]
        parts = [section("Data", data, "No data yet. Open a folder of images above, or make a demo.")]
        parts.append(section("Runs", trained, "No run yet. Open data, choose a column on the tab Train, and start."))
        if broken:
            names = ", ".join(broken)
            parts.append(Markup("<p class='lead'>Damaged or incomplete run folders: {}.</p>").format(names))
        parts.append(section("Studies", [study_card(name) for name in studies()], ""))
        return text(Markup("").join(parts), sizing_mode="stretch_width", css=_CSS)

    def open_controls(self) -> pn.viewable.Viewable:
        """Return the controls that open data."""
        going = self.job.param.making.rx() != ""
        path = field(self.param.path, placeholder="/data/my_galaxies", sizing_mode="stretch_width", min_width=260)
        make = pn.widgets.Button(
            label="Open", color="primary", on_click=lambda _: self.ingest(self.path), align="end", disabled=going
        )
        demo = pn.widgets.Button(label="Make a demo", on_click=self.demo, align="end", disabled=going)
        upload = Upload(uploads, self._receive, label="Or drop a table, or a .zip of pictures, here", width=320)
        bar = pn.indicators.Progress(value=self.job.param.percent, visible=going, sizing_mode="stretch_width")
        status = text(pn.bind(Markup("<div role='status'>{}</div>").format, self.job.param.result))
        row = pn.Row(path, make, demo, upload, sizing_mode="stretch_width", styles={"flex-wrap": "wrap"})
        return pn.Column(row, bar, status, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        lead = Markup(
            "<h2>See what a network sees in galaxies</h2><p class='lead'>Open images and a table, train on any column, "
            "judge the predictions, and ask why.</p>"
        )
        parts = [text(lead, css=_CSS), self.open_controls(), self.cards]
        styles = {"width": "100%", "max-width": "1500px", "margin": "0 auto", "padding": "0 12px 40px"}
        return pn.Column(*parts, sizing_mode="stretch_width", styles=styles, css_classes=["galviz-home"])


def shows_table(path: str | Path) -> bool:
    """Return whether the page "explore" shows a file: a table, and not images; or a saved view of one."""
    return is_table(Path(path)) or Path(path).suffix.lower() == ".json"


def split(paths: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the paths that a library lists (skies, runs, folders of them), and the others."""
    listed, others = [], []
    for path in paths:
        folder = Path(path)
        marks = ("galviz.json", "run.json", "*/galviz.json", "*/run.json")
        known = folder.is_dir() and any(next(folder.glob(mark), None) for mark in marks)
        (listed if known else others).append(path)
    return listed, others


def page_of(study: str) -> str:
    """Return the name of the page of a study."""
    return "train" if study == "own" else study


def newest(skies: dict[str, Path]) -> list[tuple[str, Path]]:
    """Return names and folders of skies, the newest first."""
    return sorted(skies.items(), key=lambda one: (one[1] / "galviz.json").stat().st_mtime, reverse=True)


def section(title: str, cards: Sequence[Markup], nothing: str) -> Markup:
    """Return cards under a title, or what to do where there are none."""
    if not cards:
        return Markup("<h2>{}</h2><p class='lead'>{}</p>").format(title, nothing)
    items = Markup("").join(Markup("<li>{}</li>").format(card) for card in cards)
    return Markup("<h2>{}</h2><ul class='cards'>{}</ul>").format(title, items)


def card(
    title: str, facts: Iterable[str], links: dict[str, str], *, strip: Iterable[str] = (), metric: str = ""
) -> Markup:
    """Return one card as HTML."""
    pictures = Markup("").join(Markup("<img src='{}' alt=''>").format(url) for url in strip)
    lines = Markup("").join(Markup("<div class='facts'>{}</div>").format(fact) for fact in facts if fact)
    number = Markup("<div class='metric'>{}</div>").format(metric) if metric else ""
    ways = Markup("").join(Markup("<a href='{}'>{}</a>").format(url, words) for words, url in links.items())
    whole = Markup("<div class='strip'>{}</div><div class='about'><h3>{}</h3>{}{}</div><div class='links'>{}</div>")
    return whole.format(pictures, title, number, lines, ways)


def sky_card(name: str, path: Path) -> Markup:
    """Return the card of a sky."""
    made = shown_time((path / "galviz.json").stat().st_mtime)
    try:
        sky = open_sky(path)
        count, bands, height, width = sky.images.shape
    except REFUSED as error:
        return card(name, [f"cannot be opened: {shown_error(error)}"], {})
    facts = [f"{count:,} objects · {bands} bands · {width}×{height} px", f"made {made}"]
    links = {"Explore": {"tab": "data", "sky": name}, "Train": {"tab": "train", "sky": name}}
    urls = {words: f"./train?{urlencode(query)}" for words, query in links.items()}
    return card(name, facts, urls, strip=strip_of(path))


def run_card(name: str, run: Run) -> Markup:
    """Return the card of a run."""
    info, state = run.info, run.state()
    page = page_of(info["study"])
    facts = [f"{run.target.rules.about(run.target)} · {info['recipe']['name']} · {state['status']}"]
    facts.append(f"on {run.data.name} · {shown_time(info.get('created'))}")
    tabs = {"Predictions": "predictions", "Why": "why"} if run.weights.exists() else {"Progress": "train"}
    urls = {words: f"./{page}?{urlencode({'tab': tab, 'run': name})}" for words, tab in tabs.items()}
    return card(name, facts, urls, strip=strip_of(run.data), metric=best(run))


def study_card(name: str) -> Markup:
    """Return the card of a study."""
    study = open_study(name)
    title = (study.title or name)[:1].upper() + (study.title or name)[1:]
    return card(title, [study.paper], {"Open": f"./{page_of(name)}"})


def strip_of(path: Path) -> tuple[str, ...]:
    """Return the addresses of some pictures of a sky; none where they cannot be read."""
    file = path / "galviz.json"
    return _strip(str(path), file.stat().st_mtime_ns) if file.exists() else ()


@lru_cache(maxsize=64)
def _strip(path: str, _stamp: int) -> tuple[str, ...]:
    try:
        sky = CutoutSet.open(path)
        rows = np.unique(np.linspace(0, max(len(sky) - 1, 0), _STRIP).astype(int))[: len(sky)]
        images = (sky.images[int(row)] for row in rows)
        return picture_urls(images, sky.bands, StretchView(sky).stretch(), side=_SIDE)
    except REFUSED:
        return ()


def home_page(paths: Sequence[str] = ()) -> pn.viewable.Viewable:
    """Return the home page for one visitor.

    Parameters
    ----------
    paths : sequence of str
        As in `HomePage`.
    """

    def content() -> HomePage:
        page = HomePage(paths)
        pn.state.add_periodic_callback(page.poll, period=_EVERY_MS)
        return page

    return page_template("home", content)
