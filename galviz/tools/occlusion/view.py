"""The occlusion view: a map of how an output changes when parts of an image are hidden."""

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, field, shown_error, shown_work, text
from galviz.tools.occlusion.canvas import OcclusionCanvas
from galviz.tools.occlusion.core import map_message, object_message, sources_of, to_png
from galviz.tools.occlusion.request import RequestControls
from galviz.tools.occlusion.result import result, save_button
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch import alert
from galviz.work.explanation import Explanation


class OcclusionView(pn.viewable.Viewer):
    """Explain a run's prediction for the object in focus; the map fills up in batches.

    Parameters
    ----------
    run : Run
        A finished run.
    cutouts : CutoutSet
        Cutouts with the bands of the run.
    selection : Selection
        The object in focus is explained.
    """

    request = param.ClassSelector(class_=RequestControls, constant=True)
    at_once = param.Boolean(default=True, label="Explain automatically", doc="each object that comes into focus")
    found = param.Parameter(doc="the `Explanation` that is shown, if any")
    running = param.Boolean(default=False)
    version = param.Integer(default=0, doc="grows with each result")
    error = param.String(default="", doc="why the last request failed")

    def __init__(self, run: Run, cutouts: CutoutSet, selection: Selection, **params: object) -> None:
        super().__init__(request=RequestControls(run, cutouts), **params)
        self.run, self.cutouts, self.selection = run, cutouts, selection
        self.canvas, self._row = OcclusionCanvas(sizing_mode="stretch_width"), 0
        self._bring()
        self._watcher = selection.param.watch(self._bring, ["focus"])

    @property
    def object_id(self) -> str:
        """The object that is explained: the one in focus, or the first if the sky lacks it."""
        ids = self.cutouts.catalogue.index
        return self.selection.focus if self.selection.focus in ids else str(ids[0])

    @param.depends("request.shown_band", watch=True)
    def _bring(self, *_: param.parameterized.Event) -> None:
        self.cancel()
        self.found, self.error = None, ""
        self.sources = sources_of(self.cutouts, self.object_id)
        self.canvas.send(object_message(self.cutouts, self.object_id, self.sources, self.request.shown_band))
        self.version += 1
        if self.at_once:
            self.explain()

    @param.depends("request.output", "request.patch", "request.stride", "request.baseline", watch=True)
    def _ask_again(self) -> None:
        if self.at_once:
            self.explain()

    @param.depends("request.band", watch=True)
    def _turn(self) -> None:
        if self.found is not None and self.found.settings == self.request.settings():
            self._send()  # the maps of all bands are already computed
        elif self.at_once:
            self.explain()

    def explain(self, _: object = None) -> None:
        """Request a new map with the current settings."""
        self.cancel()
        try:
            self.found = Explanation(
                self.run, self.cutouts, self.object_id, self.request.settings(), shown_band=self.request.shown_band
            )
        except REFUSED as error:
            self.error = shown_error(error)
        else:
            self._row = 0
            self.param.update(running=True, error="")

    def cancel(self, _: object = None) -> None:
        """Cancel the request; what was received so far stays."""
        if self.found is not None:
            self.found.work.cancel()
        self.running = False

    def close(self) -> None:
        """Follow the selection no longer."""
        self.selection.param.unwatch(self._watcher)

    def poll(self) -> None:
        """Poll for new parts of the map."""
        if self.found is None or not self.running:
            return
        status = self.found.work.status  # read before the results, as the last batch arrives before the status changes
        new, self.running = self.found.poll(), status == "running"
        if status == "failed":
            self.error = shown_error(RuntimeError(self.found.work.error))
        if new:
            self._send()

    @param.depends("request.value", watch=True)
    def _send(self) -> None:
        if self.found is not None and self.found.outputs.size:
            self.canvas.send(map_message(self.found, self.row, self.request.value))
        self.version += 1

    @property
    def row(self) -> int:
        """Index of the map to show; unchanged if the explanation has no map of the selected band."""
        if self.request.band in self.found.bands:
            self._row = self.found.bands.index(self.request.band)
        return self._row

    @param.depends("running", "version", "error")
    def progress(self) -> str:
        """Return the progress of the request, as HTML."""
        return "" if self.found is None else shown_work(self.found.work)

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)

    @param.depends("running", "found", "request.band")
    def result(self) -> pn.viewable.Viewable:
        """Show the summary of a finished map, and buttons to save it."""
        if self.found is None or self.running or self.found.work.status != "done":
            return pn.Spacer(height=0)
        found, row, sources = self.found, self.row, self.sources
        files = {"fits": found.to_fits, "png": lambda: to_png(found, row, self.request.value, sources)}
        saves = pn.Row(*(save_button(found.object_id, end, make) for end, make in files.items()))
        return pn.Column(saves, result(found, row, sources), sizing_mode="stretch_width")

    def about(self) -> str | Markup:
        """Return a note if the explained output differs from the run's prediction, which averages several views."""
        views = self.run.recipe.data.tta
        mean = f"The run's prediction is the mean over {views} rotated and mirrored views. This map explains"
        note = Markup("<p class='note'>{} the prediction for the unrotated image.</p>")
        return note.format(mean) if views > 1 else ""

    def controls(self) -> pn.viewable.Viewable:
        """Return the row of controls: previous, next, the settings, Explain automatically, Explain, Cancel."""
        explain = pn.widgets.Button(label="Explain", color="primary", on_click=self.explain)
        cancel = pn.widgets.Button(label="Cancel", on_click=self.cancel, visible=self.param.running)
        step = [
            pn.widgets.Button(label=label, on_click=lambda _, by=by: self.step(by), description=f"{which} object")
            for label, by, which in (("◀", -1, "previous"), ("▶", 1, "next"))
        ]
        at_once = field(self.param.at_once, type=pn.widgets.Toggle, width=170)
        return pn.FlexBox(*step, *self.request.fields(), at_once, explain, cancel, align_items="flex-end")

    def step(self, by: int) -> None:
        """Move the focus by this many objects, in the cyclic order of the sky."""
        ids = self.cutouts.catalogue.index
        self.selection.focus = str(ids[(ids.get_loc(self.object_id) + by) % len(ids)])

    def __panel__(self) -> pn.viewable.Viewable:
        parts = (self.controls(), text(self.progress), self._alert, self.canvas, text(self.about()), self.result)
        return pn.Column(*parts, sizing_mode="stretch_width")
