"""The occlusion map as a notebook widget; its settings and its results are traitlets."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets

from galviz.measure.attribution_regions import sources_of
from galviz.measure.occluders import ENGINES, METHODS
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.messages import check
from galviz.tools.occlusion.core import effects_message, map_message, name_of, object_message
from galviz.tools.occlusion.meaning import VALUES, effect_text, region_masks
from galviz.tools.occlusion.messages import FROM_BROWSER
from galviz.work.effects import ColumnEffects, RegionEffects
from galviz.work.explanation import Explanation, explanation
from galviz.work.question import ALL_BANDS, BASELINES, OcclusionSettings, Question, outputs

_SETTINGS = ("object_id", "output", "shown_band", "band", "patch", "stride", "baseline", "method", "segments", "engine")


class OcclusionWidget(anywidget.AnyWidget):
    """Explain a run's prediction for an object. Setting a traitlet starts a new map, which fills up in batches.

    Parameters
    ----------
    run : Run or str or Path
        A finished run.
    cutouts : CutoutSet, optional
        By default the sky that the run was trained on.

    Attributes
    ----------
    object_id : str
    output : str
        The output to explain, a key of `galviz.work.question.outputs`.
    shown_band : str
        Input band of a network for single bands; ``""`` for other networks.
    band : str
        The band that is occluded, or ``"all bands"`` at once.
    patch, stride : int
        Side of the occluder and distance between its places, in px.
    baseline : {"mean", "zero", "blur"}
        Values inside the occluder.
    method : {"occlusion", "superpixels", "Shapley values", "integrated gradients", "Grad-CAM"}
        As in `galviz.work.question.OcclusionSettings`.
    segments : int
        Number of superpixels that is aimed at.
    engine : {"auto", "fast", "captum"}
        What computes a map by patches, as in `galviz.nn.explain.occlusion.occlude`.
    value : {"change", "effect", "output"}
        What the map shows, as in `galviz.work.explanation.Explanation.map`. A method that hides nothing shows the
        contribution instead of the output when hidden.
    regions : list of dict
        The regions that are hidden: ``{"name": "core", "points": [(x, y), …]}``, corners in px from 0, row 0 at the
        bottom. They are drawn in the view, or set here.
    effects : dict of str to str
        What hiding each region changes, beside the same shape at random places; that of all together as well.
    columns : dict of str to float
        What each column of the catalogue contributes that the network takes beside the picture, and ``"all together"``;
        see `galviz.work.effects.ColumnEffects`.
    map : numpy.ndarray of float32, shape (H, W), or None
        NaN where no result has arrived yet.
    clean : float
        The output for the unchanged image.
    status : str
        running, done, cancelled or failed, as in `galviz.work.chunks.Work`.
    progress : float
        Fraction of the places done, 0 … 1.
    """

    _esm = script(Path(__file__))

    object_id = traitlets.Unicode()
    output = traitlets.Unicode()
    shown_band = traitlets.Unicode()
    band = traitlets.Unicode(ALL_BANDS)
    patch = traitlets.Int(8, min=1)
    stride = traitlets.Int(4, min=1)
    baseline = traitlets.Enum(BASELINES, default_value=BASELINES[0])
    method = traitlets.Enum(METHODS, default_value=METHODS[0])
    segments = traitlets.Int(60, min=2)
    engine = traitlets.Enum(ENGINES, default_value=ENGINES[0])
    regions = traitlets.List(traitlets.Dict())
    effects = traitlets.Dict(read_only=True)
    columns = traitlets.Dict(read_only=True)
    value = traitlets.Enum(list(VALUES.values()), default_value="change")
    map = traitlets.Instance(np.ndarray, allow_none=True, read_only=True)
    clean = traitlets.Float(np.nan, read_only=True)
    status = traitlets.Unicode("", read_only=True)
    progress = traitlets.Float(0.0, read_only=True)

    def __init__(self, run: Run | str | Path, cutouts: CutoutSet | None = None, **traits: Any) -> None:
        if unknown := sorted(set(traits) - set(self.traits())):
            raise TypeError(f"{unknown[0]}: expected one of the widget's traits, got an unknown argument.")
        self.run = run if isinstance(run, Run) else Run.open(run)
        self.cutouts = CutoutSet.open(self.run.data) if cutouts is None else cutouts
        self.found: Explanation | None = None
        self.hidden: RegionEffects | None = None
        self.of_columns: ColumnEffects | None = None
        self._outputs = outputs(self.run.target, self.cutouts.bands)
        single = self.run.target.one_band(self.cutouts.bands)
        first = {"object_id": str(self.cutouts.object_ids[0]), "output": next(iter(self._outputs))}
        first |= {"shown_band": self.cutouts.bands[0] if single else ""}
        super().__init__(**(first | traits))
        self.on_msg(lambda _widget, message, _buffers: self.receive(message))
        self.observe(lambda change: self._other(change["name"]), _SETTINGS)
        self.observe(lambda _: self.measure(), "regions")
        self.observe(lambda _: self._draw(), "value")
        self.explain()

    @traitlets.validate("patch")
    def _fits(self, proposal: Mapping[str, Any]) -> int:
        most = min(self.cutouts.images.shape[2:])
        if proposal["value"] > most:
            raise ValueError(f"patch: expected at most {most} pixels, as the image has, got {proposal['value']}.")
        return proposal["value"]

    @traitlets.validate("regions")
    def _drawn(self, proposal: Mapping[str, Any]) -> list[dict[str, Any]]:
        region_masks(proposal["value"], self.cutouts.images.shape[2:])  # raises a ValueError for a bad one
        return proposal["value"]

    @traitlets.validate("object_id", "output", "band", "shown_band")
    def _known(self, proposal: Mapping[str, Any]) -> str:
        name, value = proposal["trait"].name, proposal["value"]
        single = self.run.target.one_band(self.cutouts.bands)
        known = {"output": list(self._outputs), "shown_band": list(self.cutouts.bands) if single else [""]}
        known["band"] = [ALL_BANDS, *([] if single else self.cutouts.bands)]
        if name == "object_id":
            self.cutouts.row_of([value])
        elif value not in known[name]:
            raise ValueError(f"{name}: expected one of {', '.join(map(repr, known[name]))}, got {value!r}.")
        return value

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message of a browser: it is new, wants another object or band, or sends regions.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, FROM_BROWSER)
        if message["type"] == "hello":
            self._bring()
        elif message["type"] == "step":
            ids = self.cutouts.object_ids
            at = int(self.cutouts.row_of([self.object_id])[0]) + (1 if message["by"] > 0 else -1)
            self.object_id = str(ids[at % len(ids)])
        elif message["type"] == "band":
            self.band = message["name"]
        elif message["id"] == self.object_id:
            self.regions = [dict(region) for region in message["regions"]]

    def _other(self, name: str) -> None:
        if name == "object_id" and self.regions:
            with self.hold_trait_notifications():
                self.regions = []  # they belong to the object on which they were drawn
        self.explain()

    def measure(self) -> None:
        """Request what hiding the regions changes."""
        if self.hidden is not None:
            self.hidden.work.cancel()
        self.hidden = None
        self.set_trait("effects", {})
        masks = region_masks(self.regions, self.cutouts.images.shape[2:])
        if masks and self.found is not None:
            self.hidden = RegionEffects(self.found.question, masks, band=self.band, on_change=self._poll_regions)
        self._poll_regions()

    def _poll_regions(self) -> None:
        hidden = self.hidden
        if hidden is not None:
            hidden.poll()
            texts = {name: effect_text(effect, name_of(self.found)) for name, effect in hidden.effects.items()}
            if hidden.work.status == "failed":  # the texts say why there are no more
                texts = effects_message(self.object_id, hidden, name_of(self.found))["texts"]
            self.set_trait("effects", texts)
        self.send(effects_message(self.object_id, hidden, name_of(self.found)), buffers=[])

    def explain(self) -> None:
        """Request a new map; the previous one is dropped."""
        self.cancel()
        bands = "together" if self.band == ALL_BANDS else "each"
        place = (self._outputs[self.output], bands, self.patch, self.stride, self.baseline)
        settings = OcclusionSettings(*place, method=self.method, segments=self.segments, engine=self.engine)
        question = Question(self.run, self.cutouts, self.object_id, settings, self.shown_band)
        self.found = explanation(question, on_change=self._poll)
        self._bring()
        self._poll()
        self.measure()
        self.set_trait("columns", {})
        if self.run.recipe.data.columns:
            self.of_columns = ColumnEffects(question, on_change=self._poll_columns)
            self._poll_columns()

    def _poll_columns(self) -> None:
        if self.of_columns is not None and self.of_columns.poll():
            self.set_trait("columns", self.of_columns.contributions())

    def cancel(self) -> None:
        """Cancel the request; what was received so far stays."""
        for request in (self.found, self.hidden, self.of_columns):
            if request is not None:
                request.work.cancel()

    def wait(self, timeout: float | None = None) -> np.ndarray:
        """Wait until the map is complete, and return it.

        Parameters
        ----------
        timeout : float, optional
            Seconds.

        Raises
        ------
        TimeoutError or RuntimeError
            As `galviz.work.chunks.Work.results` does.
        """
        self.found.work.results(timeout)
        self._poll()
        return self.map

    def _poll(self) -> None:
        found = self.found
        if found is None:
            return
        status = found.work.status  # read before the results, as the last batch arrives before the status changes
        found.poll()
        self.set_trait("status", status)
        self.set_trait("progress", found.work.done / max(1, found.work.total))
        self._draw()

    def _draw(self) -> None:
        found = self.found
        row = found.bands.index(self.band) if self.band in found.bands else 0
        self.set_trait("clean", float(found.clean))
        value = self.value if self.value in found.values else "change"
        self.set_trait("map", found.map(value)[row])
        message = map_message(found, row, value)
        self.send(message, buffers=[message.pop("values"), message.pop("outputs")])

    def _bring(self) -> None:
        sources = sources_of(self.cutouts, self.object_id)
        message = object_message(self.cutouts, self.object_id, sources, self.shown_band, self.regions)
        self.send(message, buffers=[message.pop("png")])
        if self.found is not None:
            self._draw()
            self.send(effects_message(self.object_id, self.hidden, name_of(self.found)), buffers=[])
