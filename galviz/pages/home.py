"""The home page: the skies and runs of this computer, the studies, and ways to open one's own data."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.folders import free_name
from galviz.pages.home_cards import newest, run_card, section, sky_card, study_card, table_card, tool_cards
from galviz.pages.library import Library
from galviz.pages.page_names import shows_table, split
from galviz.pages.shell import page_template
from galviz.pages.sky_job import SkyJob
from galviz.pages.upload import Upload, uploads
from galviz.studies import studies
from galviz.tools.formatting import REFUSED, Text, field, shown_error, text

_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_EVERY_MS = 1000
_LINE = (14, 6)  # of a button beside a field
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
        listed, others = split(paths)
        self.library = replace(Library.find(listed), given=tuple(map(Path, dict.fromkeys([*paths, *others]))))
        self.job = SkyJob(self.library)
        self._seen = self._look()
        self.job.param.watch(lambda event: event.new and self.refresh(), "ready")
        self.path = next((path for path in others if not shows_table(path)), "")

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
        tables = [table_card(name, path) for name, path in self.library.tables().items()]
        parts = [section("Tables", tables, "")] if tables else []
        parts += [section("Data", data, "No data yet. Open a folder of images above, or make a demo.")]
        parts.append(section("Runs", trained, "No run yet. Open data, choose a column on the tab Train, and start."))
        if broken:
            names = ", ".join(broken)
            parts.append(Markup("<p class='lead'>Damaged or incomplete run folders: {}.</p>").format(names))
        parts.append(section("Studies", [study_card(name) for name in studies()], ""))
        parts.append(section("Tools", tool_cards(), ""))
        return text(Markup("").join(parts), sizing_mode="stretch_width", css=_CSS)

    def open_controls(self) -> pn.viewable.Viewable:
        """Return the controls that open data."""
        going = self.job.param.making.rx() != ""
        path = field(self.param.path, placeholder="/data/my_galaxies", sizing_mode="stretch_width", min_width=260)
        make = pn.widgets.Button(
            label="Open", color="primary", on_click=lambda _: self.ingest(self.path), margin=_LINE, disabled=going
        )
        demo = pn.widgets.Button(label="Make a demo", on_click=self.demo, margin=_LINE, disabled=going)
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
        styles = {"width": "100%", "max-width": "2400px", "margin": "0 auto", "padding": "0 12px 40px"}
        return pn.Column(*parts, sizing_mode="stretch_width", styles=styles, css_classes=["galviz-home"])


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
