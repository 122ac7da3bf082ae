"""The effect of regions of an image, and of columns of the catalogue, on an output; computed by the workers."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from galviz.measure.image_regions import Effect, elsewhere
from galviz.work import chunks
from galviz.work.question import ALL_BANDS, Question

ALL_COLUMNS = "all together"
"""Name of the contribution of all columns of the catalogue."""


class RegionEffects:
    """What an output loses when regions are hidden, each beside the same shape at random places.

    Parameters
    ----------
    question : Question
        Patch and stride do not matter.
    masks : mapping of str to numpy.ndarray of bool, shape (H, W)
        Name → pixels of a region.
    band : str
        The band in which they are hidden; all bands by default.

    Attributes
    ----------
    work : Work
    effects : dict of str to galviz.measure.image_regions.Effect
        Of the regions whose result has arrived.
    clean : float
        The output for the whole image.
    """

    def __init__(
        self,
        question: Question,
        masks: Mapping[str, np.ndarray],
        *,
        band: str = ALL_BANDS,
        on_change: Callable[[], None] | None = None,
    ) -> None:
        self.object_id, self.band = question.object_id, band
        self.masks, self.effects, self.clean = dict(masks), {}, np.nan
        bands = question.cutouts.bands
        each = band in bands and not question.shown_band
        self._row = bands.index(band) if each else 0
        path, image, request = question.given
        request = request | {"bands": "each" if each else "together"}
        hidden = [np.concatenate([mask[None], elsewhere(mask)]) for mask in self.masks.values()]
        given = [(path, image, request, masks) for masks in hidden]
        self.work = chunks.Work("galviz.work.worker:without", given, on_change)

    def poll(self) -> bool:
        """Collect the results since the last call. Return whether there were any."""
        new, names = self.work.new_results(), list(self.masks)
        for number, (outputs, clean) in new:
            change = clean - outputs[self._row].astype(np.float64)
            name = names[number]
            self.effects[name] = Effect(float(change[0]), change[1:], float(self.masks[name].mean()))
            self.clean = clean
        return bool(new)


class ColumnEffects:
    """How much the columns of the catalogue that a network takes beside the picture contribute to an output.

    Parameters
    ----------
    question : Question
        Of its settings only the output matters. The run has `data.columns`.
    on_change : callable, optional
        Passed to `galviz.work.chunks.Work`.

    Attributes
    ----------
    work : Work
    table : pandas.DataFrame or None
        Once the result has arrived: index ``column``; columns value (of the object, NaN where missing), mean (of the
        training objects) and contribution, the output less that with the mean in place of the value.
    together : float
        The contribution of all columns, replaced at once. It is not the sum, where the network combines them.
    """

    def __init__(self, question: Question, *, on_change: Callable[[], None] | None = None) -> None:
        self.table: pd.DataFrame | None = None
        self.together = np.nan
        self._names, self._values = question.run.recipe.data.columns, question.request["columns"]
        self.work = chunks.Work("galviz.work.worker:at_means", [question.given], on_change)

    def poll(self) -> bool:
        """Collect the result if it is new. Return whether it was."""
        new = self.work.new_results()
        for _, (outputs, clean, means) in new:
            change = clean - outputs.astype(np.float64)
            columns = {"value": self._values, "mean": means, "contribution": change[:-1]}
            self.table = pd.DataFrame(columns, index=pd.Index(self._names, name="column"))
            self.together = float(change[-1])
        return bool(new)

    def contributions(self) -> dict[str, float]:
        """Return column → contribution, with that of ``"all together"`` last if there are several; empty until then."""
        if self.table is None:
            return {}
        every = {ALL_COLUMNS: self.together} if len(self.table) > 1 else {}
        return self.table["contribution"].to_dict() | every
