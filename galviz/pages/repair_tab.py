"""The inpainting tab: best fits with hidden bands, a gallery to select objects, and their state in the address."""

from collections.abc import Sequence
from contextlib import suppress

import panel as pn
import param

from galviz.pages.polling import poll_while_open
from galviz.pages.state import PageState, query, write_query
from galviz.runs.recipe import Fit
from galviz.runs.run import Run
from galviz.runs.settings import parsed, text_of
from galviz.sky.cutouts import CutoutSet
from galviz.tools.gallery.view import Gallery
from galviz.tools.repair.core import SETTINGS
from galviz.tools.repair.view import RepairView

_EVERY_MS = 200
_NO_BAND = "none"


class RepairTab(pn.viewable.Viewer):
    """A gallery of objects, and the best fits of the selected ones.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    page : PageState
        Its selection shows the objects of this tab from now on.

    Notes
    -----
    Hidden bands, the number of objects and settings of the fit are stored in the page's address.
    """

    def __init__(self, run: Run, cutouts: CutoutSet, page: PageState) -> None:
        super().__init__()
        table, self.selection = cutouts.catalogue, page.selection
        self.selection.show(table)
        self.repair = RepairView(run, cutouts, self.selection, **_from_address(cutouts.bands))
        self.repair.param.watch(self._write, ["off", "count", *SETTINGS])
        self.gallery = Gallery(cutouts, table, self.selection, height=330)
        self._stop = poll_while_open(self.repair.poll, self.repair.cancel, _EVERY_MS)

    def _write(self, *_: param.parameterized.Event) -> None:
        fit = {name: text_of(getattr(self.repair, name)) for name in SETTINGS}
        write_query(hidden=",".join(self.repair.off) or _NO_BAND, objects=str(self.repair.count), **fit)

    def close(self) -> None:
        """Cancel running fits, and poll no more."""
        self._stop()
        self.repair.cancel()

    def __panel__(self) -> pn.viewable.Viewable:
        title = "Objects: the selected ones are fitted, or else the one in focus and the next"
        card = pn.Card(self.gallery, title=title, sizing_mode="stretch_width")
        return pn.Column(self.repair, card, sizing_mode="stretch_width")


def _from_address(bands: Sequence[str]) -> dict[str, object]:
    """Return the parameters of a `RepairView` from the page's address; invalid values are ignored."""
    address, settings = query(), {}
    hidden = address.get("hidden", "?").split(",")
    if hidden == [_NO_BAND] or set(hidden) <= set(bands):
        settings["off"] = [band for band in bands if band in hidden]
    low, high = RepairView.param.count.bounds
    if (number := address.get("objects", "")).isdecimal() and low <= int(number) <= high:
        settings["count"] = int(number)
    for name in address.keys() & SETTINGS:
        with suppress(ValueError):
            value = parsed(name, address[name], Fit.__dataclass_fields__[name].type)
            settings[name] = getattr(Fit().replace(**{name: value}), name)
    return settings
