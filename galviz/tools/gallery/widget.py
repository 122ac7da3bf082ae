"""The gallery as a notebook widget; its filter, selection and focus are traitlets."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets

from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.display import Stretch
from galviz.tools.gallery import messages
from galviz.tools.gallery.badges import Badges
from galviz.tools.gallery.exchange import SIZES, Exchange
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection


class GalleryWidget(anywidget.AnyWidget):
    """Pictures, ids and captions of a table's objects: scroll, sort, filter, select, label.

    Parameters
    ----------
    cutouts : CutoutSet or None
        Images of the objects; without them tiles show text.
    table : pandas.DataFrame, optional
        Objects, indexed by `object_id`; by default the catalogue of the cutouts.
    linked : Selection, optional
        Selection shared with other views; a new one by default.
    labels : Labels, optional
        Stores the labels. Expressions see them as the column ``label``.
    keys : mapping of str to str, optional
        Key → label; used only with `labels`.
    badges : Pair, (str, str) or str, optional
        Columns of the truth and of its prediction, or one of flags: a badge on each picture says whether it is right.

    Attributes
    ----------
    selection : list of str
        The selected ids, in table order; set it to select others.
    focus : str or None
        The id in focus.
    filter, order, group : str
        A condition, a column or expression to sort by, and a column with few values to group by. An invalid one raises
        `ValueError` and changes nothing.
    descending : bool
    captions : list of str
        Columns under each picture.
    stretch : Stretch
        Display settings.
    tile, height : int
        Width of a picture, and height of the widget, in px.
    enlarge : bool
        Whether a picture under the pointer is enlarged.
    """

    _esm = script(Path(__file__))

    selection = traitlets.List(traitlets.Unicode())
    focus = traitlets.Unicode(None, allow_none=True)
    filter = traitlets.Unicode("")
    order = traitlets.Unicode("")
    group = traitlets.Unicode("")
    descending = traitlets.Bool(default_value=False)
    captions = traitlets.List(traitlets.Unicode())
    stretch = traitlets.Instance(Stretch, allow_none=True)
    tile = traitlets.Int(112, min=SIZES[0], max=SIZES[1])
    enlarge = traitlets.Bool(default_value=True)
    height = traitlets.Int(480, min=160).tag(sync=True)

    def __init__(
        self,
        cutouts: CutoutSet | None,
        table: pd.DataFrame | None = None,
        *,
        linked: Selection | None = None,
        labels: Labels | None = None,
        keys: Mapping[str, str] | None = None,
        badges: Badges = None,
        **traits: Any,
    ) -> None:
        more = {"labels": labels, "keys": keys, "badges": badges, "controls": ("size", "sort", "group")}
        self.exchange = Exchange.of(cutouts, table, linked, self._send_on, **more)
        self.exchange.on_change = self._take
        self.album, self.linked = self.exchange.album, self.exchange.selection
        first = {"captions": list(self.exchange.captions), "stretch": self.exchange.stretch, "focus": self.linked.focus}
        super().__init__(**(first | {"selection": list(self.linked.ids)} | traits))
        self._watcher = self.linked.param.watch(self._follow, ["focus", "version"])
        self.on_msg(lambda _, message, __: self.exchange.receive(message))

    def close(self) -> None:
        """Follow the selection no longer, and close the widget."""
        watcher = vars(self).pop("_watcher", None)  # ipywidgets closes once more at the end
        if watcher is not None:
            self.linked.param.unwatch(watcher)
            self.exchange.close()
        super().close()

    def _send_on(self, message: messages.State | messages.Window, png: bytes | None) -> None:
        self.send(message, buffers=None if png is None else [png])

    def _follow(self, *_: Any) -> None:
        self.focus, self.selection = self.linked.focus, list(self.linked.ids)

    def _take(self, changes: Mapping[str, Any]) -> None:
        for name, value in changes.items():
            if getattr(self, name) != value:
                setattr(self, name, value)

    @traitlets.validate("filter", "order", "descending", "group")
    def _arranged(self, proposal: Mapping[str, Any]) -> Any:
        given = {name: getattr(self, name) for name in ("filter", "order", "descending", "group")}
        given[proposal["trait"].name] = proposal["value"]
        more = {"descending": given["descending"], "keep": given["filter"], "group": given["group"]}
        self.exchange.arrange(given["order"], **more)
        return proposal["value"]

    @traitlets.validate("captions")
    def _captioned(self, proposal: Mapping[str, Any]) -> list[str]:
        self.exchange.show(captions=tuple(proposal["value"]))
        return proposal["value"]

    @traitlets.observe("stretch", "tile", "enlarge")
    def _shown(self, change: Mapping[str, Any]) -> None:
        self.exchange.show(**{change["name"]: change["new"]})

    @traitlets.observe("focus")
    def _focused(self, change: Mapping[str, Any]) -> None:
        self.linked.focus = change["new"]

    @traitlets.observe("selection")
    def _select(self, change: Mapping[str, Iterable[str]]) -> None:
        if list(change["new"]) != list(self.linked.ids):
            self.linked.choose(change["new"])
