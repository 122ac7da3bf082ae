"""Why did the network say that: the map of one object, and the mean of many."""

from collections.abc import Callable, Sequence

import panel as pn

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tools.occlusion.mean_map import MeanView
from galviz.tools.occlusion.view import OcclusionView
from galviz.tools.selection.core import Selection

_EVERY_MS = 200


class WhyView(pn.viewable.Viewer):
    """All that is asked of a run about its images.

    Parameters
    ----------
    run : Run
        A finished one.
    cutouts : CutoutSet
        With the bands that it takes.
    selection : Selection
        Its focus is explained.
    chosen : callable, optional
        Gives the ids over which the mean map is made; by default those chosen in the selection.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        selection: Selection,
        chosen: Callable[[], Sequence[str]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.one = OcclusionView(run, cutouts, selection)
        asked = self.one.asked
        self.mean = MeanView(run, cutouts, chosen or (lambda: selection.ids), asked.question, lambda: asked.seen)
        if pn.state.curdoc is not None:
            pn.state.add_periodic_callback(self.look, period=_EVERY_MS)
            pn.state.on_session_destroyed(lambda _: self.cancel())

    def look(self) -> None:
        """Take what has come."""
        self.one.look()
        self.mean.look()

    def cancel(self) -> None:
        """End what runs."""
        self.one.cancel()
        self.mean.cancel()

    def __panel__(self) -> pn.viewable.Viewable:
        mean = pn.Card(self.mean, title="Mean map of the selection", collapsed=True, sizing_mode="stretch_width")
        return pn.Column(self.one, mean, sizing_mode="stretch_width")
