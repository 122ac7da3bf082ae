"""A form to make a synthetic sky in a separate process, with its progress."""

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.library import Library
from galviz.pages.sky_job import SkyJob
from galviz.pages.state import PageState
from galviz.studies import Study, open_study
from galviz.tools.formatting import REFUSED, field, shown_error, text

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

    def __init__(self, study: Study, library: Library, page: PageState, **params: object) -> None:
        drawn = open_study(study.example) if study.example else study
        super().__init__(page=page, **({"size": drawn.mock.size} if drawn.mock else {}) | params)
        self.study, self.drawn, self.library, self.job = study, drawn, library, SkyJob(library)
        self.job.param.watch(self._found, "ready")

    def make(self, _: object = None) -> None:
        """Start the process."""
        command = ["mock", self.drawn.name, "--n", str(self.objects), "--size", str(self.size)]
        try:
            self.job.start([*command, "--seed", str(self.seed)], self.sky_name)
        except REFUSED as error:
            self.job.result = shown_error(error)

    def poll(self) -> None:
        """Poll the process, and update the progress."""
        self.job.poll()

    def _found(self, event: param.parameterized.Event) -> None:
        if event.new:
            self.page.param.update(sky=event.new, found=self.page.found + 1)

    def __panel__(self) -> pn.viewable.Viewable:
        make = pn.widgets.Button(
            label="Make a synthetic sky",
            color="primary",
            on_click=self.make,
            disabled=self.job.param.making.rx() != "",
        )
        names = ("objects", "size", "seed")
        fields = [field(self.param[name], type=pn.widgets.IntInput, width=110) for name in names]
        fields.append(field(self.param.sky_name, width=160))
        bar = pn.indicators.Progress(
            value=self.job.param.percent, visible=self.job.param.making.rx() != "", sizing_mode="stretch_width"
        )
        status = text(pn.bind(Markup("<div role='status'>{}</div>").format, self.job.param.result))
        own = text(_OWN_DATA.format(*self.study.ingest, self.library.bands or "…", self.library.sky_folders[-1]))
        if self.drawn.mock is None:
            return pn.Column(own)
        form = pn.Column(pn.FlexBox(*fields, make, align_items="flex-end"), bar, status)
        if self.study.example:
            return pn.Column(own, text(_EXAMPLE.format(self.drawn.mock.about, self.drawn.target.columns[0])), form)
        return pn.Column(form, own)
