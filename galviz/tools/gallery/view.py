"""The gallery on a page: pictures of any number of objects, sorted and filtered, linked to the other views."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.io.markup import as_markdown
from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.columns.core import column_versions
from galviz.tools.formatting import Choices, note, shown_error
from galviz.tools.gallery.badges import Badges
from galviz.tools.gallery.exchange import SIZES, Exchange
from galviz.tools.labels.core import Labels
from galviz.tools.scripted import Scripted
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import StretchView, alert


class GalleryGrid(Scripted):
    """The browser part of the gallery."""

    _esm = script(Path(__file__))
    _bytes = "png"


class Gallery(pn.viewable.Viewer):
    """Pictures, ids and captions of a table's objects: scroll, sort, filter, select, label.

    Parameters
    ----------
    cutouts : CutoutSet or None
        Images of the objects; without them tiles show text.
    table : pandas.DataFrame, optional
        Objects, indexed by `object_id`; by default the catalogue of the cutouts.
    selection : Selection, optional
        Selected objects and focus, shared with other views; a new one by default.
    labels : Labels, optional
        Stores the labels. Expressions see them as the column ``label``, as it was when the expression was entered.
    keys : mapping of str to str, optional
        Key → label; used only with `labels`.
    badges : Pair, (str, str) or str, optional
        Columns of the truth and of its prediction, or one of flags: a badge on each picture says whether it is right.
    height : int
        Height of the scrolling part in px, outside a `pane`.
    """

    order = param.String(default="", label="Sort by", doc="column or expression; empty: the order of the table")
    descending = param.Boolean(default=False, label="Largest first")
    filter = param.String(default="", label="Show only", doc="condition on columns, such as z < 0.3")
    only_selected = param.Boolean(default=False, label="Selected only", doc="show only the selected objects")
    captions = param.ListSelector(default=[], objects=[], label="Captions")
    group = param.String(default="", label="Group by", doc="column with few values; empty: no groups")
    enlarge = param.Boolean(default=True, label="Enlarge the picture under the pointer")
    tile = param.Integer(default=112, bounds=SIZES, step=8, label="Picture size (px)")
    error = param.String(default="", doc="why the last change failed")

    def __init__(
        self,
        cutouts: CutoutSet | None,
        table: pd.DataFrame | None = None,
        selection: Selection | None = None,
        *,
        labels: Labels | None = None,
        keys: Mapping[str, str] | None = None,
        badges: Badges = None,
        height: int = 640,
        **params: object,
    ) -> None:
        super().__init__()
        self.stretch_view = None if cutouts is None else StretchView(cutouts)
        self.grid = GalleryGrid(sizing_mode="stretch_width", height=height)
        more = {"labels": labels, "keys": keys, "badges": badges}
        self.exchange = Exchange.of(cutouts, table, selection, self.grid.send, **more)
        self.exchange.on_change = lambda changes: self.param.update(**changes)
        self.exchange.controls = self._line("size", "group")
        self.grid.on_message = self.exchange.receive
        self.album, self.selection = self.exchange.album, self.exchange.selection
        self.table = self.album.table
        self._offer_captions()
        columns = ", ".join(["object_id", *map(str, self.table.columns[:60])])
        self.param.order.doc = f"A column, or an expression such as abs(z - 0.3). Columns: {as_markdown(columns)}"
        self.param.update(**({"captions": list(self.exchange.captions)} | params))
        self._versions = column_versions(self.table)
        self._watcher = self.selection.param.watch(self._follow, ["version"])
        if self.stretch_view is not None:
            self.stretch_view.watch(self._restretch)

    @property
    def pictured(self) -> bool:
        """Whether any object has a picture; without pictures a table shows more than a gallery."""
        return self.album.pictured

    def _line(self, *names: str) -> list[str]:
        """Return the controls in the line above the pictures."""
        return [name for name in names if name != "size" or self.exchange.album.pictured]

    @param.depends("order", "descending", "filter", "only_selected", "group", watch=True)
    def _arrange(self, *, stay: bool = False) -> None:
        among = self.selection.mask_of(self.table) if self.only_selected else None
        more = {"keep": self.filter, "among": among, "group": self.group, "stay": stay}
        self._try(self.exchange.arrange, self.order, descending=self.descending, **more)

    def _offer_captions(self) -> None:
        self.param.captions.objects = {str(name): name for name in self.table.columns}

    def _follow(self, _: param.parameterized.Event) -> None:
        versions = column_versions(self.table)
        renewed, self._versions = versions != self._versions, versions
        if renewed:
            self._offer_captions()
            self.captions = [name for name in self.captions if name in versions]
        if self.only_selected or renewed:
            self._arrange(stay=True)

    def close(self) -> None:
        """Follow the selection no longer."""
        self.selection.param.unwatch(self._watcher)
        self.exchange.close()

    @param.depends("tile", "enlarge", watch=True)
    def _resize(self) -> None:
        self.exchange.show(tile=self.tile, enlarge=self.enlarge)

    @param.depends("captions", watch=True)
    def _caption(self) -> None:
        self._try(self.exchange.show, captions=tuple(self.captions))

    def _restretch(self, *_: param.parameterized.Event) -> None:
        stretch = self.stretch_view.stretch()
        if stretch != self.exchange.stretch:
            self.exchange.show(stretch=stretch)

    def _try(self, change: Callable[..., None], *given: Any, **named: Any) -> None:
        try:
            change(*given, **named)
        except ValueError as error:
            self.error = shown_error(error)
        else:
            self.error = ""
        if self.exchange.error != self.error and "sort" in self.exchange.controls:  # in a pane, it stands there
            self.exchange.show(error=self.error)

    def controls(self) -> pn.viewable.Viewable:
        """Return the controls outside a pane: order, filter, captions."""
        return self._fields("order", "descending", "only_selected", "filter", "captions")

    def _fields(self, *names: str, **more: Any) -> pn.viewable.Viewable:
        given = {"order": {"placeholder": "order of the table", "width": 190}}
        given["descending"] = {"type": pn.widgets.Toggle, "align": "end", "width": 110}
        given["only_selected"] = {"type": pn.widgets.Toggle, "align": "end", "width": 130}
        given["filter"] = {"placeholder": "all; for example z < 0.3", "width": 300}
        given["captions"] = {"type": Choices, "width": 260, "max_items": 6}
        given["enlarge"] = {"type": pn.widgets.Checkbox}
        widgets = {name: given[name] | {"margin": (3, 8)} | more for name in names}
        controls = pn.Param(self, parameters=list(names), widgets=widgets, default_layout=pn.FlexBox, show_name=False)
        controls.layout[0].align_items = "end"
        return controls.layout[0]

    def pane(self, more: Callable[[], None] | None = None) -> pn.viewable.Viewable:
        """Return the gallery with one line of controls, which fills its place in both directions.

        Parameters
        ----------
        more : callable, optional
            Opens `settings` on the page, when the user clicks on ⋯. By default they open above the pictures.
        """
        settings = [] if more else [pn.Column(self.settings(), visible=False, sizing_mode="stretch_width")]

        def turn() -> None:
            settings[0].visible = not settings[0].visible

        self.grid.param.update(sizing_mode="stretch_both", height=None, min_height=120, margin=0)
        self.exchange.on_more = more or turn
        self.exchange.show(controls=self._line("size", "sort", "group", "more"))
        return pn.Column(*settings, self.grid, sizing_mode="stretch_both", margin=0)

    def settings(self) -> pn.viewable.Viewable:
        """Return the settings that do not stand in the line of a `pane`, except those of the stretch."""
        names = ["filter", "only_selected", "captions", *(["enlarge"] if self.pictured else [])]
        wide = {"width": None, "sizing_mode": "stretch_width"}
        fields = self._fields(*names, **wide)
        fields.param.update(flex_direction="column", align_items="stretch", sizing_mode="stretch_width")
        return pn.Column(fields, *self._kept(), sizing_mode="stretch_width")

    def _kept(self) -> list[pn.viewable.Viewable]:
        labels = self.album.labels
        return [] if labels is None else [note(f"Labels are kept in {labels.place}.")]

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        """Show why the last change failed; the gallery stays as it was."""
        return alert(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        settings = [] if self.stretch_view is None else [self.stretch_view]
        parts = [self.controls(), *settings, self._alert, self.grid, *self._kept()]
        return pn.Column(*parts, sizing_mode="stretch_width")
