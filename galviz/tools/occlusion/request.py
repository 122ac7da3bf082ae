"""Controls of an occlusion map: which output is explained, how places are hidden, what the map shows."""

from collections.abc import Mapping
from typing import Any

import panel as pn
import param

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import field
from galviz.tools.occlusion.core import VALUES
from galviz.work.explanation import ALL_BANDS, BASELINES, OcclusionSettings, outputs

SHOWN = ("band", "value")
"""Settings that change the display only; they need no new request."""


class RequestControls(pn.viewable.Viewer):
    """Controls that build a `OcclusionSettings` to a run.

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
    baseline = param.Selector(
        default="mean",
        objects=list(BASELINES),
        label="Baseline",
        doc="what the occluder shows",
    )
    value = param.Selector(default="change", objects=VALUES, label="The map shows")

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
        self.param.update(**(first | params))

    @property
    def names(self) -> list[str]:
        """Names of the controls, as the address of a page keeps them."""
        return ["output", "shown_band", "band", "patch", "stride", "baseline", "value"]

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
        return OcclusionSettings(self.output, bands, self.patch, self.stride, self.baseline)

    def fields(self) -> list[pn.widgets.Widget]:
        """Return one widget per control, in the order of `names`; those without an effect are hidden."""
        options = {"output": {"width": 190}, "shown_band": {"width": 80, "visible": self.single}}
        options |= {"band": {"width": 110, "visible": not self.single}}
        most = self.param.patch.bounds[1]
        options |= {
            name: {"type": pn.widgets.IntInput, "start": 1, "end": most, "width": 90} for name in ("patch", "stride")
        }
        options |= {"baseline": {"width": 90}, "value": {"width": 210}}
        return [field(self.param[name], **options[name]) for name in self.names]

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.FlexBox(*self.fields(), align_items="flex-end")
