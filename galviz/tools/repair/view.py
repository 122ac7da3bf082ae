"""The inpainting view: hide bands, and watch best fits fill them in."""

import time
from collections.abc import Sequence

import holoviews as hv
import panel as pn
import param

from galviz.runs.recipe import Fit
from galviz.runs.run import Run
from galviz.runs.settings import about
from galviz.sky.cutouts import CutoutSet
from galviz.tools.export.view import ExportPanel
from galviz.tools.formatting import REFUSED, Figure, beside, field, shown_error, text
from galviz.tools.repair.core import SETTINGS, Repair
from galviz.tools.repair.figure import loss_curves
from galviz.tools.repair.html import fluxes_html, pictures_html, progress_html
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import alert

_FIT = {name: about(one) for name, one in Fit.__dataclass_fields__.items()}


class RepairView(pn.viewable.Viewer):
    """Best fits of the selected objects with some bands hidden.

    Parameters
    ----------
    run : Run
        A finished run of the study inpainting.
    cutouts : CutoutSet
        Cutouts with the bands of the run.
    selection : Selection
        The first `count` selected objects are fitted; if none is selected, the object in focus and those after it.
    **params
        Parameters of the view. Settings of the fits are those of the run by default.
    """

    off = param.ListSelector(default=[], objects=[], label="Bands that are hidden")
    count = param.Integer(default=4, bounds=(1, 12), label="Objects")
    steps = param.Integer(default=Fit().steps, bounds=_FIT["steps"].ends, label="Steps")
    restarts = param.Integer(
        default=1, bounds=_FIT["restarts"].ends, label="Starting points", doc=_FIT["restarts"].help
    )
    polish = param.Integer(default=0, bounds=_FIT["polish"].ends, label="Gauss–Newton steps", doc=_FIT["polish"].help)
    prior = param.Number(default=0.0, bounds=_FIT["prior"].ends, label="Prior", doc=_FIT["prior"].help)
    weighting = param.Selector(
        default="equal", objects=list(_FIT["weighting"].choices), label="Weights", doc=_FIT["weighting"].help
    )
    at_once = param.Boolean(default=True, label="Fit automatically", doc="each object that is selected or in focus")
    found = param.Parameter(doc="the `Repair` that is shown, if any")
    running = param.Boolean(default=False)
    version = param.Integer(default=0, doc="grows with each result")
    error = param.String(default="", doc="why the last fit failed")

    def __init__(self, run: Run, cutouts: CutoutSet, selection: Selection, **params: object) -> None:
        super().__init__()
        self.run, self.cutouts, self.selection, self._step, self._rested = run, cutouts, selection, -1, 0.0
        self._losses = hv.streams.Pipe(data=({}, []))
        self.param.off.objects = list(cutouts.bands)
        fit = {name: getattr(run.recipe.fit, name) for name in SETTINGS}
        self.param.update(**({"off": [cutouts.bands[0]]} | fit | params))
        selection.param.watch(self._changed, ["focus", "version"])
        self.param.watch(self._changed, ["off", "count", *SETTINGS])
        self._changed()

    @property
    def ids(self) -> Sequence[str]:
        """Ids to fit: the first `count` selected ones that have an image, or those from the focus on."""
        index = self.cutouts.catalogue.index
        selected = [one for one in self.selection.ids if one in index] if len(self.selection) else []
        if selected:
            return selected[: self.count]
        start = index.get_loc(self.selection.focus) if self.selection.focus in index else 0
        return [str(index[(start + k) % len(index)]) for k in range(min(self.count, len(index)))]

    def _changed(self, *_: param.parameterized.Event) -> None:
        if self.at_once:
            self.fit()

    def fit(self, _: object = None) -> None:
        """Start new fits with the current settings."""
        if self.found is not None:
            self.found.cancel()
        fit = {name: getattr(self, name) for name in SETTINGS}
        try:
            found = Repair(self.run, self.cutouts, self.ids, self.off, **fit)
        except (*REFUSED, KeyError) as error:
            self._show(found=None, running=False, error=shown_error(error))
        else:
            self._step = -1
            self._show(found=found, running=True, error="")

    def cancel(self, _: object = None) -> None:
        """Cancel the fits; what was received so far stays."""
        if self.found is not None:
            self.found.cancel()
            self._show(running=False)

    def poll(self) -> None:
        """Poll for new steps. Then pause as long as drawing took, so that a click waits for one drawing at most."""
        if self.found is None or not self.running or time.monotonic() < self._rested:
            return
        status, step = self.found.status, self.found.step
        if status == "failed":
            self.error = shown_error(RuntimeError(self.found.error))
        if step != self._step or status != "running":
            self._step, began = step, time.monotonic()
            self._show(running=status == "running")
            self._rested = 2 * time.monotonic() - began

    def _show(self, **news: object) -> None:
        self.param.update(**news, version=self.version + 1)
        self._losses.send(({}, []) if self.found is None else (self.found.losses(), self.found.ids))

    @param.depends("version")
    def _pictures(self) -> str:
        return "" if self.found is None else pictures_html(self.found)

    @param.depends("version")
    def _fluxes(self) -> str:
        return "" if self.found is None else fluxes_html(self.found.table())

    @param.depends("version")
    def _progress(self) -> str:
        return "" if self.found is None else progress_html(self.found)

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)

    @param.depends("running", "found")
    def _out(self) -> pn.viewable.Viewable:
        if self.found is None or self.found.status != "done":
            return pn.Spacer(height=0)
        wide = {"collapsed": True, "sizing_mode": "stretch_width"}
        return pn.Card(self.export_panel(), title="Export: files, Python, SAMP", **wide)

    def export_panel(self) -> ExportPanel:
        """Return the export panel of the results: fluxes, and cutouts with hidden bands taken from the fits."""
        table, sky = self.found.wide(), str(self.run.data)
        more = {"cutouts": self.found.repaired(), "source": sky, "opening": self.found.python(sky), "run": self.run}
        return ExportPanel(table, Selection(table), **more)

    def controls(self) -> pn.viewable.Viewable:
        """Return bands to hide, objects, steps, Fit automatically, Fit, Cancel; and a card with more settings."""
        off = pn.widgets.CheckButtonGroup.from_param(self.param.off, color="primary", variant="outline")
        numbers = [field(self.param[name], type=pn.widgets.IntInput, width=90) for name in ("count", "steps")]
        at_once = field(self.param.at_once, type=pn.widgets.Toggle, width=170)
        fit = pn.widgets.Button(label="Fit", color="primary", on_click=self.fit)
        cancel = pn.widgets.Button(label="Cancel", on_click=self.cancel, visible=self.param.running)
        hide = pn.Column(text("Hide bands from the fit"), off)
        row = pn.FlexBox(hide, *numbers, at_once, fit, cancel, align_items="flex-end")
        kinds = {"prior": pn.widgets.FloatInput, "weighting": pn.widgets.Select}
        more = [field(self.param[n], type=kinds.get(n, pn.widgets.IntInput), width=180) for n in SETTINGS[1:]]
        wide = {"collapsed": True, "sizing_mode": "stretch_width"}
        return pn.Column(
            row, pn.Card(pn.FlexBox(*more), title="Settings of the fit", **wide), sizing_mode="stretch_width"
        )

    def __panel__(self) -> pn.viewable.Viewable:
        losses = Figure(loss_curves(self._losses), sizing_mode="stretch_width")
        results = beside(text(self._fluxes), losses)
        parts = (self.controls(), text(self._progress), self._alert, text(self._pictures), results, self._out)
        return pn.Column(*parts, sizing_mode="stretch_width")
