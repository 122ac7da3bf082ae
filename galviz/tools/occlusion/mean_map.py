"""The mean occlusion map of many objects, computed in batches by worker processes."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import REFUSED, note, shown_error, shown_work, text
from galviz.tools.occlusion.figure import mean_map
from galviz.tools.viewer.stretch_controls import alert
from galviz.work.mean_explanation import MeanExplanation
from galviz.work.question import ALL_BANDS, OcclusionSettings

_MOST = 2000  # largest number of objects in a mean


class MeanView(pn.viewable.Viewer):
    """The mean map of the selected objects, aligned at the centres of their cutouts.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    selected : callable
        Returns the selected ids; if there are none, all objects of the sky are used.
    settings : callable
        Returns the current `OcclusionSettings`.
    shown_band : callable
        Returns the current input band of a network for single bands.
    """

    found = param.Parameter(doc="the `MeanExplanation` that is shown, if any")
    version = param.Integer(default=0, doc="grows with each result")
    error = param.String(default="", doc="why the last request failed")

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        selected: Callable[[], Sequence[str]],
        settings: Callable[[], OcclusionSettings],
        shown_band: Callable[[], str],
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.run, self.cutouts, self.settings = run, cutouts, settings
        self.selected, self.shown_band = selected, shown_band

    def start(self, _: object = None) -> None:
        """Request the maps of the selected objects; above 2,000, of a random sample."""
        self.cancel()
        selected = list(self.selected())
        ids = pd.Index(selected or self.cutouts.object_ids)
        ids = ids[ids.isin(self.cutouts.catalogue.index)]
        if len(ids) > _MOST:
            ids = ids[np.sort(np.random.default_rng(0).choice(len(ids), _MOST, replace=False))]
        try:
            found = MeanExplanation(self.run, self.cutouts, list(ids), self.settings(), shown_band=self.shown_band())
            self.param.update(found=found, error="" if len(ids) else "The sky has no image of the selected objects.")
        except REFUSED as error:
            self.error = shown_error(error)

    def cancel(self, _: object = None) -> None:
        """Cancel the request; the mean of the maps received so far stays."""
        if self.found is not None:
            self.found.work.cancel()
            self.version += 1

    def poll(self) -> None:
        """Poll for new maps, and update the view."""
        if self.found is not None and (self.found.poll() or self._ended()):
            self.version += 1

    def _ended(self) -> bool:
        """Return whether the status of the work changed since the last call; show the error of a failed one."""
        status, self._status = self.found.work.status, getattr(self, "_status", "")
        before, self._status = self._status, status
        if status == "failed" and before != status:
            self.error = shown_error(RuntimeError(self.found.work.error))
        return before != status

    @param.depends("found", "version")
    def progress(self) -> str:
        """Return the progress of the request, as HTML."""
        return "" if self.found is None else shown_work(self.found.work)

    @param.depends("found", "version")
    def view(self) -> pn.viewable.Viewable:
        """Draw the mean of the maps received so far."""
        if self.found is None or not self.found.count:
            return pn.Spacer(height=0)
        maps = [mean_map(one, f"mean of {self.found.count:,} maps · {name}") for one, name in self._rows()]
        return pn.Column(
            note(self.found.settings_text),
            pn.FlexBox(*(pn.pane.HoloViews(one, linked_axes=False, width=340) for one in maps)),
        )

    def _rows(self) -> list[tuple[np.ndarray, str]]:
        mean = self.found.mean
        names = self.cutouts.bands if len(mean) > 1 else [self.found.shown_band or ALL_BANDS]
        return list(zip(mean, names, strict=True))

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        start = pn.widgets.Button(label="Mean of the selection (or of all objects)", on_click=self.start)
        cancel = pn.widgets.Button(label="Cancel", on_click=self.cancel)
        return pn.Column(pn.Row(start, cancel), text(self.progress), self._alert, self.view)
