"""The occlusion view: a map of how an output changes when parts of an image are hidden, and what it means."""

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.attribution_regions import sources_of
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, field, shown_error, shown_work, text
from galviz.tools.occlusion.canvas import OcclusionCanvas
from galviz.tools.occlusion.core import effects_message, map_message, name_of, object_message, to_png
from galviz.tools.occlusion.meaning import (
    SOURCES,
    TOGETHER,
    columns_html,
    columns_sentence,
    definition,
    discs,
    map_verdict,
    marked,
    object_line,
    region_masks,
    sentence,
)
from galviz.tools.occlusion.request import RequestControls
from galviz.tools.occlusion.result import result, save_button
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import alert
from galviz.work.effects import ColumnEffects, RegionEffects
from galviz.work.explanation import explanation
from galviz.work.question import Question


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
    automatic = param.Boolean(default=True, label="Explain automatically", doc="each object that comes into focus")
    found = param.Parameter(doc="the `Explanation` that is shown, if any")
    effects = param.Parameter(doc="the `RegionEffects` of the regions that are shown, if any")
    columns = param.Parameter(doc="the `ColumnEffects` of the object, if the network takes columns of the catalogue")
    running = param.Boolean(default=False)
    version = param.Integer(default=0, doc="grows with each result")
    error = param.String(default="", doc="why the last request failed")

    def __init__(self, run: Run, cutouts: CutoutSet, selection: Selection, **params: object) -> None:
        super().__init__(request=RequestControls(run, cutouts), **params)
        self.run, self.cutouts, self.selection = run, cutouts, selection
        self.canvas, self._row = OcclusionCanvas(sizing_mode="stretch_both"), 0
        self.canvas.on_message = self.receive
        self._drawn: dict[str, list[dict[str, Any]]] = {}
        self._verdict: tuple[Any, str] = (None, "")
        self.predictions = _predictions(run)
        self._show_object()
        self._watcher = selection.param.watch(self._show_object, ["focus"])

    @property
    def object_id(self) -> str:
        """The object that is explained: the one in focus, or the first if the sky lacks it."""
        ids = self.cutouts.catalogue.index
        return self.selection.focus if self.selection.focus in ids else str(ids[0])

    @property
    def regions(self) -> list[dict[str, Any]]:
        """The regions that were drawn on this object: name, and corners in px."""
        return self._drawn.get(self.object_id, [])

    @param.depends("request.shown_band", watch=True)
    def _show_object(self, *_: param.parameterized.Event) -> None:
        self.cancel()
        self.found, self.error, self.effects, self.columns = None, "", None, None
        self.request.scale = float(self.cutouts.pixel_scale[self.cutouts.row_of([self.object_id])[0]])
        self.sources = sources_of(self.cutouts, self.object_id)
        shown = (self.object_id, self.sources, self.request.shown_band, self.regions)
        self.canvas.send(object_message(self.cutouts, *shown))
        self.version += 1
        if self.automatic:
            self.explain()

    @param.depends(
        *(f"request.{name}" for name in ("output", "patch", "stride", "baseline", "method", "segments", "engine")),
        watch=True,
    )
    def _explain_again(self) -> None:
        if self.automatic:
            self.explain()

    @param.depends("request.band", watch=True)
    def _change_band(self) -> None:
        if self.found is not None and self.found.settings == self.request.settings():
            self._send()  # the maps of all bands are already computed
            self.measure()
        elif self.automatic:
            self.explain()

    def explain(self, _: object = None) -> None:
        """Request a new map with the current settings."""
        self.cancel()
        self.effects = self.columns = None
        try:
            shown = self.request.shown_band
            question = Question(self.run, self.cutouts, self.object_id, self.request.settings(), shown)
            self.found = explanation(question)
            if self.run.recipe.data.columns:
                self.columns = ColumnEffects(question)
        except REFUSED as error:
            self.error = shown_error(error)
        else:
            self._row = 0
            self.param.update(running=True, error="")

    def cancel(self, _: object = None) -> None:
        """Cancel the request; what was received so far stays."""
        for request in (self.found, self.effects, self.columns):
            if request is not None:
                request.work.cancel()
        self.running = False

    def close(self) -> None:
        """Follow the selection no longer."""
        self.selection.param.unwatch(self._watcher)

    def poll(self) -> None:
        """Poll for new parts of the map, and for the effects of regions."""
        if self.found is not None and self.running:
            status = self.found.work.status  # read before the results: the last batch arrives before the status changes
            new, running = self.found.poll(), status == "running"
            if status == "failed":
                self.error = shown_error(RuntimeError(self.found.work.error))
            if status == "done":
                self.measure()  # after the map, which must not wait for it
            self.running = running
            if new:
                self._send()
        if self.columns is not None and self.columns.poll():
            self.version += 1
        if self.effects is None:
            return
        failed, new = self.effects.work.status == "failed", self.effects.poll()
        if new or failed:
            self._send_effects()
        if failed:
            self.param.update(error=self.effects.work.error, effects=None)

    def measure(self) -> None:
        """Request what hiding the regions that were drawn changes; where there are none, the marked sources."""
        if self.effects is not None:
            self.effects.work.cancel()
        self.effects = None
        if self.found is None or self.found.object_id != self.object_id:
            return
        found, shape = self.found, (self.found.height, self.found.width)
        try:
            masks = region_masks(self.regions, shape)
            if not masks and len(self.sources):
                masks = {SOURCES: discs(marked(self.sources)[1], found.settings.radius, shape)}
            if masks:
                self.effects = RegionEffects(found.question, masks, band=self.request.band)
        except REFUSED as error:
            self.error = shown_error(error)
        self._send_effects()

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message of the browser, which has been checked: another object, another band, other regions."""
        if message["type"] == "step":
            self.step(1 if message["by"] > 0 else -1)
        elif message["type"] == "band":
            if message["name"] in self.request.param.band.objects:
                self.request.band = message["name"]
        elif message["id"] == self.object_id:
            self._drawn[self.object_id] = [dict(region) for region in message["regions"]]
            # For a browser that comes back to this tab.
            self.canvas.latest["object"] = self.canvas.latest["object"] | {"regions": self.regions}
            self.error = ""
            self.measure()

    def _send_effects(self) -> None:
        self.canvas.send(effects_message(self.object_id, self.effects, self._unit))
        self.version += 1

    @property
    def _unit(self) -> str:
        return "" if self.found is None else name_of(self.found)

    @param.depends("request.value", watch=True)
    def _send(self) -> None:
        if self.found is not None and self.found.outputs.size and self.request.value in self.found.values:
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

    @param.depends("version")
    def object_summary(self) -> Markup:
        """Return the object, its true and its predicted value, and whether the prediction is wrong, as HTML."""
        return object_line(self.predictions, self.object_id, self.request.shown_band)

    @param.depends("running", "version", "found", "effects")
    def meaning(self) -> Markup | str:
        """Return what the map means, as HTML: what hiding the marked region changes, and what is by chance."""
        found, effects = self.found, self.effects
        if found is None or self.running or found.work.status != "done":
            return self.progress()
        lines = []
        for name, effect in {} if effects is None else effects.effects.items():
            several = TOGETHER in effects.masks
            if name == TOGETHER or not several:
                many = "both regions" if len(self.regions) == 2 else f"all {len(self.regions)} regions"
                what = {SOURCES: marked(self.sources)[0], TOGETHER: many}.get(name, name)
                where = "" if effects.band not in self.cutouts.bands else f" in {effects.band}"
                lines.append(sentence(what + where, effect, name_of(found)))
        if effects is not None and not lines:
            note = "Measuring the effect of hiding the marked region …"
            lines.append(Markup("<span class='note'>{}</span>").format(note))
        of = found, self.row
        if self._verdict[0] != of:  # it is compared with the map at 200 random places
            self._verdict = of, map_verdict(*of, self.sources, name_of(found))
        lines.append(Markup("{}").format(self._verdict[1]))
        if self.columns is not None:
            lines.append(columns_sentence(self.columns, name_of(found)))
        return Markup(" ").join(lines)

    @param.depends("running", "found", "request.band")
    def result(self) -> pn.viewable.Viewable:
        """Show the summary of a finished map, and buttons to save it."""
        if self.found is None or self.running or self.found.work.status != "done":
            return pn.Spacer(height=0)
        found, row, sources = self.found, self.row, self.sources
        value = self.request.value if self.request.value in found.values else "change"
        files = {"fits": found.to_fits, "png": lambda: to_png(found, row, value, sources)}
        saves = pn.Row(*(save_button(found.object_id, end, make) for end, make in files.items()))
        about = text(Markup("<p class='note'>{}</p>").format(definition(found, name_of(found))))
        return pn.Column(about, result(found, row, sources), text(self.of_columns), saves, sizing_mode="stretch_width")

    @param.depends("version")
    def of_columns(self) -> Markup:
        """Return what each column of the catalogue contributes, as an HTML table."""
        return Markup("") if self.columns is None or self.found is None else columns_html(self.columns, self._unit)

    def about(self) -> str | Markup:
        """Return a note if the explained output differs from the run's prediction, which averages several views."""
        views = self.run.recipe.data.tta
        mean = f"The run's prediction is the mean over {views} rotated and mirrored views. This map explains"
        note = Markup("<p class='note'>{} the prediction for the unrotated image.</p>")
        return note.format(mean) if views > 1 else ""

    def head(self) -> pn.viewable.Viewable:
        """Return the lines above the map: which object, what the map shows and means, and the progress."""
        explain = pn.widgets.Button(label="Explain", color="primary", on_click=self.explain, margin=(4, 5))
        cancel = pn.widgets.Button(label="Cancel", on_click=self.cancel, visible=self.param.running, margin=(4, 5))
        step = [
            pn.widgets.Button(
                label=label, on_click=lambda _, by=by: self.step(by), description=f"{which} object ({key})",
                margin=(4, 2),
            )
            for label, by, which, key in (("◀", -1, "previous", "←"), ("▶", 1, "next", "→"))
        ]  # fmt: skip
        by_hand = pn.Column(explain, visible=pn.bind(lambda on: not on, self.param.automatic), margin=0)
        summary = text(self.object_summary, margin=(8, 10), styles={"flex": "1 1 300px"})
        parts = (*step, summary, *self.request.above(), by_hand, cancel)
        row = pn.FlexBox(*parts, align_items="center", sizing_mode="stretch_width")
        # As high while the map is computed as after: the pictures below must not jump.
        means = text(self.meaning, margin=(2, 10), sizing_mode="stretch_width", styles={"min-height": "40px"})
        return pn.Column(row, means, self._alert, sizing_mode="stretch_width", margin=0)

    def settings(self) -> pn.viewable.Viewable:
        """Return the controls beside the map: few, and the others under "Advanced"."""
        explain = pn.widgets.Button(label="Explain again", on_click=self.explain)
        automatic = field(self.param.automatic, type=pn.widgets.Toggle)
        more = pn.Card(
            *self.request.advanced(), automatic, explain,
            title="Advanced", collapsed=True, sizing_mode="stretch_width", css_classes=["galviz-section"],
        )  # fmt: skip
        return pn.Column(*self.request.basic(), more, text(self.about()), sizing_mode="stretch_width")

    def step(self, by: int) -> None:
        """Move the focus by this many objects, in the cyclic order of the sky."""
        ids = self.cutouts.catalogue.index
        self.selection.focus = str(ids[(ids.get_loc(self.object_id) + by) % len(ids)])

    def __panel__(self) -> pn.viewable.Viewable:
        parts = (self.head(), pn.Column(self.canvas, height=520, sizing_mode="stretch_width"), self.settings())
        return pn.Column(*parts, self.result, sizing_mode="stretch_width")


def _predictions(run: Run) -> Predictions | None:
    """Return the predictions of a run; none if it has none that can be read, and a note stands where they would be."""
    try:
        return run.predictions()
    except REFUSED:
        return None
