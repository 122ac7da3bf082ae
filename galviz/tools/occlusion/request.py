"""Controls of a map: which output is explained, by which method, how places are hidden, what the map shows."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import panel as pn
import param

from galviz.measure.occluders import GRAD_CAM, INTEGRATED_GRADIENTS, OCCLUSION, SHAPLEY, SUPERPIXELS
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import field
from galviz.tools.occlusion.meaning import BASELINES, METHODS, VALUES
from galviz.work.question import ALL_BANDS, OcclusionSettings, outputs

PIXELS, ARCSEC = "px", "″"


class RequestControls(pn.viewable.Viewer):
    """Controls that build the `OcclusionSettings` of a run.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    """

    output = param.Selector(default=None, objects=[None], label="Output")
    shown_band = param.Selector(default="", objects=[""], label="Image", doc="the band that the network is shown")
    band = param.Selector(default=ALL_BANDS, objects=[ALL_BANDS], label="Cover", doc="all bands at once, or one band")
    patch = param.Integer(default=8, bounds=(1, 256), label="Occluder (px)")
    stride = param.Integer(default=4, bounds=(1, 256), label="Stride (px)")
    baseline = param.Selector(default="mean", objects=BASELINES, label="Baseline", doc="what the occluder shows")
    value = param.Selector(default="change", objects=VALUES, label="The map shows")
    method = param.Selector(default=OCCLUSION, objects=METHODS, label="Method")
    segments = param.Integer(default=60, bounds=(2, 400), label="Superpixels")
    engine = param.Selector(
        default="auto",
        objects={"automatic": "auto", "fast": "fast", "Captum": "captum"},
        label="Engine",
        doc="both give the same map; fast computes only what a patch changes, and knows ResNets",
    )
    unit = param.Selector(default=PIXELS, objects=[PIXELS, ARCSEC], label="Sizes in")
    patch_arcsec = param.Number(default=1.0, bounds=(0, None), inclusive_bounds=(False, True), label="Occluder (″)")
    stride_arcsec = param.Number(default=1.0, bounds=(0, None), inclusive_bounds=(False, True), label="Stride (″)")
    scale = param.Number(default=np.nan, doc="arcsec per px of the object that is shown; NaN where it is not known")

    def __init__(self, run: Run, cutouts: CutoutSet, **params: object) -> None:
        super().__init__()
        self.single, known = run.target.one_band(cutouts.bands), outputs(run.target, cutouts.bands)
        self.param.output.objects = known
        self.param.shown_band.objects = list(cutouts.bands) if self.single else [""]
        self.param.band.objects = [ALL_BANDS] if self.single else [ALL_BANDS, *cutouts.bands]
        side = min(cutouts.images.shape[2:])
        first = {"output": next(iter(known.values())), "shown_band": self.param.shown_band.objects[0]}
        first |= {"patch": max(2, side // 8), "stride": max(1, side // 16)}
        self.param.patch.bounds = self.param.stride.bounds = (1, side)
        self.param.segments.bounds = (2, min(400, cutouts.images.shape[2] * cutouts.images.shape[3]))
        self.param.update(**(first | params))

    @property
    def names(self) -> list[str]:
        """Names of the controls, as the address of a page keeps them."""
        picture = ["output", "shown_band", "band", "patch", "stride", "baseline", "value"]
        return [*picture, "method", "segments", "unit", "engine"]

    def restore(self, given: Mapping[str, Any]) -> None:
        """Set the controls from the settings in an address. Unknown names are ignored.

        Parameters
        ----------
        given : mapping of str to value
            Values by `names`. ``seen`` is the name that `shown_band` had in older addresses.

        Raises
        ------
        ValueError
            If a value is not allowed.
        """
        named = {"shown_band" if name == "seen" else name: value for name, value in given.items()}
        named |= {name: tuple(value) for name, value in named.items() if name == "output"}  # a list in JSON
        self.param.update(**{name: named[name] for name in self.names if name in named})

    def settings(self) -> OcclusionSettings:
        """Return the request that the controls describe."""
        bands = "together" if self.band == ALL_BANDS else "each"
        place = (self.output, bands, self.patch, self.stride, self.baseline)
        return OcclusionSettings(*place, method=self.method, segments=self.segments, engine=self.engine)

    @param.depends("unit", "scale", watch=True)
    def _rescale(self) -> None:
        """Show sizes in arcsec; those of another object, with another scale, keep theirs on the sky."""
        if not np.isfinite(self.scale):
            self.unit = PIXELS
        elif self.unit == PIXELS or not self._in_arcsec:
            self.param.update(patch_arcsec=self.patch * self.scale, stride_arcsec=self.stride * self.scale)
        else:
            self._to_pixels()
        self._in_arcsec = self.unit == ARCSEC

    _in_arcsec = False

    @param.depends("patch_arcsec", "stride_arcsec", watch=True)
    def _to_pixels(self) -> None:
        if self.unit == ARCSEC and np.isfinite(self.scale):
            most = self.param.patch.bounds[1]
            sizes = (self.patch_arcsec, self.stride_arcsec)
            patch, stride = (int(np.clip(round(size / self.scale), 1, most)) for size in sizes)
            self.param.update(patch=patch, stride=stride)

    @param.depends("method", watch=True)
    def _fit_value(self) -> None:
        """Show what the method has: only what hides something has an output when hidden."""
        known = {INTEGRATED_GRADIENTS: 2, GRAD_CAM: 1, SHAPLEY: 1}.get(self.method, 3)
        offered = dict(list(VALUES.items())[:known])
        if self.value not in offered.values():
            self.value = "change"
        self.param.value.objects = offered

    def basic(self) -> list[pn.viewable.Viewable]:
        """Return the controls that are in view beside those of `above`: four at most."""
        return [
            field(self.param.output),
            field(self.param.shown_band) if self.single else field(self.param.band),
            self._when(field(self.param.baseline), "method", lambda method: method != GRAD_CAM),
            *self._sizes("patch"),
            self._when(self._number("segments"), "method", lambda method: method == SUPERPIXELS),
        ]

    def above(self) -> list[pn.widgets.Widget]:
        """Return the controls above the map: the method, and what the map shows."""
        look = {"width": 230, "margin": (8, 6, 0, 6)}
        return [field(self.param.method, **look), field(self.param.value, **look)]

    def advanced(self) -> list[pn.viewable.Viewable]:
        """Return the controls that few need."""
        switch = field(self.param.unit, type=pn.widgets.RadioButtonGroup)
        name = pn.pane.Str("Sizes in", margin=(10, 5, 0, 10))
        row = pn.Row(name, switch, visible=pn.bind(lambda scale: bool(np.isfinite(scale)), self.param.scale))
        engine = self._when(field(self.param.engine), "method", lambda method: method == OCCLUSION)
        return [*self._sizes("stride"), engine, row]

    def _sizes(self, name: str) -> list[pn.viewable.Viewable]:
        """Return a control of a size in px, and in arcsec: the one of the selected unit is seen."""
        methods = (OCCLUSION, SHAPLEY) if name == "patch" else (OCCLUSION,)  # a source is as wide as the patch

        def seen(unit: str) -> Any:
            def of(method: str, now: str) -> bool:
                return method in methods and now == unit

            return pn.bind(of, self.param.method, self.param.unit)

        in_arcsec = self.param[f"{name}_arcsec"]
        arcsec = field(in_arcsec, type=pn.widgets.FloatInput, start=0.01, step=0.5, format="0.00")
        return [self._shown(self._number(name), seen(PIXELS)), self._shown(arcsec, seen(ARCSEC))]

    def _number(self, name: str) -> pn.widgets.Widget:
        low, high = self.param[name].bounds
        return field(self.param[name], type=pn.widgets.IntInput, start=low, end=high)

    def _when(self, widget: pn.viewable.Viewable, name: str, holds: Any) -> pn.Column:
        return self._shown(widget, pn.bind(holds, self.param[name]))

    @staticmethod
    def _shown(widget: pn.viewable.Viewable, when: Any) -> pn.Column:
        return pn.Column(widget, visible=when, margin=0, sizing_mode="stretch_width")

    def __panel__(self) -> pn.viewable.Viewable:
        more = pn.Card(*self.advanced(), title="Advanced", collapsed=True, sizing_mode="stretch_width")
        return pn.Column(*self.above(), *self.basic(), more, sizing_mode="stretch_width")
