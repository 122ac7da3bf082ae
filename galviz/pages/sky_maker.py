"""A form to make a synthetic sky in a separate process, with its progress."""

import re
from pathlib import Path

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.paths import home
from galviz.pages.library import Library
from galviz.pages.state import PageState
from galviz.runs.run import Run
from galviz.studies import Study, open_study
from galviz.tools.formatting import REFUSED, field, shown_error, text
from galviz.work import processes as jobs

_OWN_DATA = Markup("""
<p><b>Your own images</b>: <code>galviz ingest {}</code> {}; from Python, <code>CutoutSet(images=…, bands={},
catalogue=…, pixel_scale=…, unit=…).save("SKY")</code> makes one from arrays. Put it into <code>{}</code>, where it is
found in a few seconds, or open it by <code>panel serve … --args SKY</code>.</p>
""")
_EXAMPLE = Markup("""<p><b>No images at hand?</b> Make a synthetic sky, as an example: {}. Then learn its column
<code>{}</code> on the tab Train.</p>""")


class SkyMaker(pn.viewable.Viewer):
    """Make a synthetic sky, and select it on the page.

    Parameters
    ----------
    study : Study
        Its synthetic sky is drawn, or its example, if it has one.
    library : Library
    page : PageState
    """

    page = param.ClassSelector(class_=PageState, constant=True)
    objects = param.Integer(default=400, bounds=(10, 1_000_000), label="Objects")
    size = param.Integer(default=64, bounds=(16, 512), label="Side in pixels")
    seed = param.Integer(default=0, bounds=(0, None), label="Seed")
    sky_name = param.String(default="synthetic", label="Name")
    percent = param.Integer(default=0, bounds=(-1, 100), doc="percentage that is drawn; -1 if unknown")
    making = param.String(default="", doc="name of the sky that is being made")
    result = param.String(default="", doc="result or error of the last request")

    def __init__(self, study: Study, library: Library, page: PageState, **params: object) -> None:
        drawn = open_study(study.example) if study.example else study
        super().__init__(page=page, **({"size": drawn.mock.size} if drawn.mock else {}) | params)
        self.study, self.drawn, self.library = study, drawn, library

    def make(self, _: object = None) -> None:
        """Start the process."""
        try:
            path = self.library.new_sky(self.sky_name)
            path.parent.mkdir(parents=True, exist_ok=True)
            command = [
                "mock",
                self.drawn.name,
                "--n",
                str(self.objects),
                "--size",
                str(self.size),
                "--seed",
                str(self.seed),
            ]
            jobs.start([*command, "--out", str(path)], self._job(path.name))
            self.param.update(making=path.name, percent=-1, result="Drawing …")
        except REFUSED as error:
            self.result = shown_error(error)

    def poll(self) -> None:
        """Poll the process, and update the progress."""
        if not self.making:
            return
        job = self._job(self.making)
        log = Run(job).log(tail=20)
        found = re.findall(r"(\d+)/(\d+)", log)
        if jobs.is_alive(job):
            self.percent = int(100 * int(found[-1][0]) / int(found[-1][1])) if found else -1
        elif (self.library.sky_folders[-1] / self.making / "galviz.json").exists():
            self.page.param.update(sky=self.making, found=self.page.found + 1)
            self.param.update(making="", percent=100, result=f"{self.making} is ready.")
        else:
            self.param.update(making="", percent=0, result=log.rpartition("\n")[2])

    @staticmethod
    def _job(name: str) -> Path:
        return home() / "jobs" / f"sky-{name}"

    def __panel__(self) -> pn.viewable.Viewable:
        make = pn.widgets.Button(
            label="Make a synthetic sky",
            color="primary",
            on_click=self.make,
            disabled=self.param.making.rx() != "",
        )
        names = ("objects", "size", "seed")
        fields = [field(self.param[name], type=pn.widgets.IntInput, width=110) for name in names]
        fields.append(field(self.param.sky_name, width=160))
        bar = pn.indicators.Progress(
            value=self.param.percent, visible=self.param.making.rx() != "", sizing_mode="stretch_width"
        )
        status = text(pn.bind(Markup("<div role='status'>{}</div>").format, self.param.result))
        own = text(_OWN_DATA.format(*self.study.ingest, self.library.bands or "…", self.library.sky_folders[-1]))
        if self.drawn.mock is None:
            return pn.Column(own)
        form = pn.Column(pn.FlexBox(*fields, make, align_items="flex-end"), bar, status)
        if self.study.example:
            return pn.Column(own, text(_EXAMPLE.format(self.drawn.mock.about, self.drawn.target.columns[0])), form)
        return pn.Column(form, own)
