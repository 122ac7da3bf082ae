"""Which band a network took each image for."""

import holoviews as hv
import pandas as pd
import panel as pn
import param

from galviz.figures.bands import confusion
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.sky.predictions import Predictions
from galviz.views.measures import MeasuresView
from galviz.views.picture import PictureView
from galviz.views.strip import picture_strip
from galviz.views.words import GROW, PICTURES, field, text

_PICTURES = 10


class BandsView(pn.viewable.Viewer):
    """Confusion matrix and accuracy; a cell that is tapped brings its pictures.

    Parameters
    ----------
    predictions : Predictions
        Of a band target.
    selection : Selection
    cutouts : CutoutSet, optional
        The sky that it was said of; without it there are no pictures.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    training = param.Boolean(default=False, label="Include objects seen in training")
    cell = param.Tuple(default=("", ""), length=2, doc="true band and estimated band of the pictures shown")

    def __init__(
        self, predictions: Predictions, selection: Selection, cutouts: CutoutSet | None = None, **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.all, self.cutouts = predictions, cutouts
        found = dict.fromkeys(predictions.table.index.get_level_values("band"))
        self.bands = tuple(found) if cutouts is None else cutouts.bands

    @property
    def shown(self) -> Predictions:
        """The rows that are looked at: those held out, and where asked those seen in training."""
        return self.all if self.training else self.all.held_out()

    @param.depends("training")
    def matrix(self) -> pn.pane.HoloViews:
        """Show which band was taken for which."""
        plot = confusion(self.shown.truth, self.shown.estimate, self.bands)

        def tapped(x: str | None, y: str | None) -> None:
            if x in self.bands and y in self.bands:
                self.cell = (y, x)

        hv.streams.Tap(source=plot.get(0)).add_subscriber(tapped)
        return pn.pane.HoloViews(plot, linked_axes=False, sizing_mode="stretch_width")

    @param.depends("training")
    def measures(self) -> MeasuresView:
        """Show the accuracy; the bands of one object are resampled together."""
        return MeasuresView(self.shown.truth, self.shown.estimate, self.shown.object_ids)

    @param.depends("training", "cell")
    def strip(self) -> pn.viewable.Viewable:
        """Show pictures of the cell that was tapped."""
        true, given = self.cell
        if self.cutouts is None or not true:
            return text("Tap a cell to see its objects." if self.cutouts else "The sky is not there: no pictures.")
        table = self.shown.table
        ids = table[(table["band_true"] == true) & (table["band_pred"] == given)].index.get_level_values("object_id")
        known = [str(i) for i in ids if i in self.cutouts.catalogue.index][:_PICTURES]
        if not len(ids):
            return text(f"No image of band {true} was taken for {given}.")
        some = f"; {len(known)} of them:" if len(known) < len(ids) else ":"
        count = f"{len(ids):,} images of band {true} taken for {given}{some}"
        return pn.Column(text(count), picture_strip(self.cutouts, known, [""] * len(known), self.selection))

    def facts(self) -> pd.DataFrame:
        """Give for each object what each of its bands was taken for."""
        table = self.all.table.reset_index().pivot_table("band_pred", "object_id", "band", aggfunc="first")
        return table.rename(columns={band: f"{band} taken for" for band in self.bands})

    def __panel__(self) -> pn.viewable.Viewable:
        seen = int((self.all.table["fold"].fillna(0) < 0).sum())
        note = f"{len(self.all):,} images of one band each; {seen:,} of them seen in training."
        left = pn.Column(
            text(note), field(self.param.training, type=pn.widgets.Toggle), self.matrix, self.measures, styles=GROW
        )
        picture = [] if self.cutouts is None else [PictureView(self.cutouts, self.selection, self.facts())]
        return pn.FlexBox(left, pn.Column(self.strip, *picture, styles=PICTURES))
