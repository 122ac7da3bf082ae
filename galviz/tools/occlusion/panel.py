"""The tab "why" of a page: the occlusion map of one object, and the mean map of many."""

from collections.abc import Sequence

import pandas as pd
import panel as pn

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.occlusion.mean_map import MeanView
from galviz.tools.occlusion.view import OcclusionView
from galviz.tools.selection.core import Selection

_EVERY_MS = 200


class WhyView(pn.viewable.Viewer):
    """Explanations of a run's predictions.

    Parameters
    ----------
    run : Run
        A finished run.
    cutouts : CutoutSet
        Cutouts with the bands of the run.
    selection : Selection
        The object in focus is explained. The mean map is that of the selected objects in `cutouts`.
    """

    def __init__(self, run: Run, cutouts: CutoutSet, selection: Selection, **params: object) -> None:
        super().__init__(**params)

        def selected() -> Sequence[str]:
            ids = pd.Index(selection.ids, dtype=object)
            return ids[ids.isin(cutouts.catalogue.index)].to_numpy(object)

        self.one = OcclusionView(run, cutouts, selection)
        request = self.one.request
        self.mean = MeanView(run, cutouts, selected, request.settings, lambda: request.shown_band)
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self.poll, period=_EVERY_MS)
            pn.state.on_session_destroyed(lambda _: self.cancel())

    def poll(self) -> None:
        """Poll for new results."""
        self.one.poll()
        self.mean.poll()

    def cancel(self) -> None:
        """Cancel all running requests."""
        self.one.cancel()
        self.mean.cancel()

    def close(self) -> None:
        """Cancel all running requests, and follow the selection no longer."""
        self.one.close()
        self.cancel()

    def __panel__(self) -> pn.viewable.Viewable:
        mean = pn.Card(self.mean, title="Mean map of the selection", collapsed=True, sizing_mode="stretch_width")
        return pn.Column(self.one, mean, sizing_mode="stretch_width")
