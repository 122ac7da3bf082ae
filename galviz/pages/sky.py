"""The data tab: objects, catalogue and histograms of one sky."""

from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer, labels_of
from galviz.pages.saved_views import ViewState
from galviz.pages.workspace import Section, Workspace, fills
from galviz.sky.cutouts import CutoutSet
from galviz.sky.rejected import rejected
from galviz.tasks.class_words import with_class_words
from galviz.tasks.target import Target
from galviz.tools.formatting import data_table, text
from galviz.tools.selection.core import Selection

_MOST_CAPTIONS = 3


class SkyView(Workspace):
    """The explorer of a `CutoutSet`, with a summary of the data.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
        Selection of the page. It shows the catalogue from now on.
    columns : mapping of str to str, optional
        Columns for the first histograms and captions → axis label; by default the first two numeric columns.
    source : str
        Folder of the sky.
    target : Target, optional
        Its classes are shown in words.
    """

    def __init__(
        self,
        cutouts: CutoutSet,
        selection: Selection,
        columns: dict[str, str] | None = None,
        source: str = "",
        target: Target | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.cutouts, self.rejected = cutouts, left_out(source) if source else pd.DataFrame()
        table = with_class_words(cutouts.catalogue, target)
        numbers = list(table.select_dtypes("number"))
        wanted = {name: name for name in numbers[:2]} if columns is None else columns
        self.columns = {name: label for name, label in wanted.items() if name in numbers}
        plots = [{"kind": "histogram", "x": name} for name in self.columns]
        more = {"plots": plots, "columns": self.columns, "labels": labels_of(source), "source": source}
        self.explorer = Explorer(table, cutouts, selection=selection, **more)
        if self.columns:
            self.explorer.gallery.captions = list(self.columns)[:_MOST_CAPTIONS]
        self.more: list[Section] = []
        if len(self.rejected):
            self.explorer.others[f"Left out ({len(self.rejected):,})"] = self._left_out
        self.kept = ViewState(self.explorer, "data", of=Path(source).name, about={"table": source})

    def about(self) -> Markup:
        """Return a summary of the data: origin, number of objects, bands, size, pixel scale, unit."""
        count, bands, height, width = self.cutouts.images.shape
        scale = np.percentile(self.cutouts.pixel_scale, [0, 100]) if count else (np.nan, np.nan)
        scales = (
            "unknown scale"
            if np.isnan(scale).any()
            else f"{scale[0]:.3g}″"
            if np.isclose(*scale)
            else f"{scale[0]:.3g}–{scale[1]:.3g}″"
        )
        facts = [
            Markup("<b>{}</b>").format(self.cutouts.origin),
            f"{count:,} objects",
            f"{bands} bands {' '.join(self.cutouts.bands)}",
            f"{width}×{height} px of {scales}",
            f"unit {self.cutouts.unit}",
            *([Markup("<b>{:,} left out</b>, see the tab").format(len(self.rejected))] if len(self.rejected) else []),
        ]
        return Markup(" · ").join(facts)

    def main(self) -> pn.viewable.Viewable:
        """Return the summary and the explorer."""
        if not len(self.cutouts):
            return text(self.about() + ": nothing to show.")
        return fills(text(self.about(), margin=(4, 8)), self.kept.refused, self.explorer.main())

    def left(self) -> list[Section]:
        """Return the selection, and the saved views."""
        return [*self.explorer.left(), Section("Saved views", self.kept, shut=True)]

    def right(self) -> list[Section]:
        """Return the settings of the explorer, and `more`."""
        return [*self.explorer.right(), *self.more]

    def _left_out(self) -> pn.viewable.Viewable:
        """Return the table of the images that were left out of the sky."""
        return data_table(self.rejected, pagination="local", page_size=20, widths={"reason": 700})


def left_out(path: str | Path) -> pd.DataFrame:
    """Return what was left out of a sky: file and reason by `object_id`, without the folders of the files."""
    table = rejected(path)
    short = {file: Path(file).name for file in table["file"] if file}
    reasons = [
        reason.replace(file, short[file]) if file else reason
        for file, reason in zip(table["file"], table["reason"], strict=True)
    ]
    return table.assign(file=table["file"].map(short), reason=reasons).set_index("object_id")
