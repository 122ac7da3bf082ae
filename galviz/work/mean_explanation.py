"""The mean occlusion map of many objects, computed by the workers."""

from collections.abc import Callable, Sequence

import numpy as np

from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.work import chunks
from galviz.work.question import OcclusionSettings, Question


class MeanExplanation:
    """The mean occlusion map of many objects, averaged in the pixels of their cutouts.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    ids : sequence of str
    settings : OcclusionSettings
    shown_band
        As in `Question`.
    on_change : callable, optional
        Passed to `galviz.work.chunks.Work`.

    Attributes
    ----------
    work : Work
    count : int
        Number of maps in the mean. Objects with non-finite pixels are left out.
    mean : numpy.ndarray of float32, shape (R, H, W)
        Mean contribution (see `Explanation.map`). NaN until the first map arrives.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        ids: Sequence[str],
        settings: OcclusionSettings,
        *,
        shown_band: str = "",
        on_change: Callable[[], None] | None = None,
    ) -> None:
        rows = len(cutouts.bands) if settings.bands == "each" and not shown_band else 1
        self.count, self._sum = 0, np.zeros((rows, *cutouts.images.shape[2:]))
        self.shown_band = shown_band
        questions = [Question(run, cutouts, name, settings, shown_band) for name in ids]
        self.settings_text = questions[0].text if questions else ""
        given = [question.given for question in questions]
        self.work = chunks.Work("galviz.work.worker:changed", given, on_change)

    @property
    def mean(self) -> np.ndarray:
        """Mean of the maps that have arrived."""
        with np.errstate(invalid="ignore"):
            return (self._sum / self.count if self.count else self._sum * np.nan).astype(np.float32)

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new = self.work.new_results()
        whole = [change for _, change in new if np.isfinite(change).all()]
        self._sum += sum(whole, np.zeros_like(self._sum))
        self.count += len(whole)
        return bool(new)
