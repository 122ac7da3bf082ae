"""A sky to look at: its objects one by one, its catalogue, how its values are spread."""

from html import escape

import holoviews as hv
import numpy as np
import panel as pn
import param

from galviz.figures.histograms import focus_line, histogram
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.views.picture import PictureView
from galviz.views.table import TableView
from galviz.views.words import GROW, PICTURES, text


class SkyView(pn.viewable.Viewer):
    """Pictures, catalogue and histograms of a `CutoutSet`.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
    columns : mapping of str to str, optional
        Columns whose histograms are shown, and their axis labels; by default the first two numbers of the catalogue.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)

    def __init__(
        self, cutouts: CutoutSet, selection: Selection, columns: dict[str, str] | None = None, **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.cutouts = cutouts
        numbers = list(cutouts.catalogue.select_dtypes("number"))
        wanted = {name: name for name in numbers[:2]} if columns is None else columns
        self.columns = {name: label for name, label in wanted.items() if name in numbers}

    def about(self) -> str:
        """Say which data this is."""
        count, bands, height, width = self.cutouts.images.shape
        scale = np.percentile(self.cutouts.pixel_scale, [0, 100]) if count else (np.nan, np.nan)
        scales = f"{scale[0]:.3g}″" if np.isclose(*scale) else f"{scale[0]:.3g}–{scale[1]:.3g}″"
        said = [
            f"<b>{escape(self.cutouts.origin)}</b>",
            f"{count:,} objects",
            f"{bands} bands {' '.join(map(escape, self.cutouts.bands))}",
            f"{width}×{height} px of {scales}",
            f"unit {escape(self.cutouts.unit)}",
        ]
        return " · ".join(said)

    def distribution(self, column: str) -> object:
        """Draw how a column is spread, with the value of the object in focus."""
        values = self.cutouts.catalogue[column]

        def mark(focus: str | None) -> object:
            return focus_line(float(values[focus]) if focus in values.index else None)

        bars = histogram(values.to_numpy(float), label=self.columns[column])
        return bars * hv.DynamicMap(pn.bind(mark, self.selection.param.focus))

    def __panel__(self) -> pn.viewable.Viewable:
        if not len(self.cutouts):
            return text(f"<p>{self.about()}: nothing to show.</p>")
        wide = {"linked_axes": False, "sizing_mode": "stretch_width", "styles": {"flex": "1 1 260px"}}
        charts = [pn.pane.HoloViews(self.distribution(name), **wide) for name in self.columns]
        beside = pn.Column(TableView(self.cutouts.catalogue, self.selection), pn.FlexBox(*charts), styles=GROW)
        pictures = pn.Column(PictureView(self.cutouts, self.selection), styles=PICTURES)
        return pn.Column(text(self.about()), pn.FlexBox(pictures, beside))
