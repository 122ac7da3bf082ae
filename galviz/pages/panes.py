"""The areas of a workspace: plot, picture and gallery side by side, each with tabs, and bars between them to drag."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar

import panel as pn
import param

from galviz.tools.client import script

Makers = Mapping[str, Callable[[], Any]]
"""Name of a tab → function that returns its content."""


class Panes(pn.custom.JSComponent):
    """Up to three areas that fill the place they have: two above, one below. Two may be stacked instead.

    An area is enlarged by a double-click on its tabs, or by the key ``f``. A narrow page shows one area at a time.

    Parameters
    ----------
    *areas : mapping of str to callable
        The tabs of each area, and functions that return their content, called when a tab is opened first.
    roomy : mapping of str to (float, float), optional
        Tabs that need more room: `wide` and `tall` while one of them is open, unless the user has moved a bar.
    """

    names = param.List(default=[], item_type=list, doc="names of the tabs, a list for each area")
    active = param.List(default=[], item_type=str, doc="name of the open tab of each area")
    wide = param.Number(default=0.5, bounds=(0.1, 0.9), doc="share of the width that the first area has")
    tall = param.Number(default=0.57, bounds=(0.1, 0.9), doc="share of the height that the upper areas have")
    stacked = param.Boolean(default=False, constant=True, doc="whether two areas are one above the other")
    large = param.Integer(default=-1, doc="number of the area that fills the whole, or -1")
    contents = pn.custom.Children(doc="content of all tabs, in order")

    _esm = script(Path(__file__), "panes.js")
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_suffix(".css").read_text(encoding="utf-8")]

    def __init__(
        self, *areas: Makers, roomy: Mapping[str, tuple[float, float]] | None = None, **params: object
    ) -> None:
        filled = [dict(area) for area in areas if area]
        self._makers = {(k, name): make for k, area in enumerate(filled) for name, make in area.items()}
        self._places = {key: pn.Column(sizing_mode="stretch_both", margin=0) for key in self._makers}
        given = {"names": [list(area) for area in filled], "active": [next(iter(area)) for area in filled]}
        given |= {"sizing_mode": "stretch_both", "margin": 0, "contents": list(self._places.values())}
        super().__init__(**(given | params))
        self._roomy, self._first_shares = dict(roomy or {}), (self.wide, self.tall)
        self._given_shares = self._first_shares
        self._fill()

    @param.depends("active", watch=True)
    def _fill(self) -> None:
        """Make the content of the open tabs that have none yet, and room for it."""
        wanted = next((self._roomy[name] for name in self.active if name in self._roomy), self._first_shares)
        moved, self._given_shares = (self.wide, self.tall) != self._given_shares, wanted
        if not moved:
            self.param.update(wide=wanted[0], tall=wanted[1])
        for key in enumerate(self.active):
            if key in self._places and not len(self._places[key]):
                self._places[key].objects = [pn.panel(self._makers[key]())]

    def open(self, name: str) -> None:
        """Open a tab by its name, in whichever area it is."""
        for k, names in enumerate(self.names):
            if name in names:
                self.active = [name if at == k else one for at, one in enumerate(self.active)]

    def state(self) -> dict[str, Any]:
        """Return what a saved view keeps of the layout."""
        kept = ("active", "wide", "tall", "large")
        return {name: getattr(self, name) for name in kept if getattr(self, name) != self._first(name)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned; what does not fit this layout is left out."""
        kept = {name: state[name] for name in ("wide", "tall", "large") if name in state}
        if "large" in kept and kept["large"] not in range(-1, len(self.names)):  # it would empty the page
            del kept["large"]
        self.param.update(**kept)
        for name in state.get("active", ()):
            self.open(name)

    def _first(self, name: str) -> Any:
        if name == "active":
            return [names[0] for names in self.names]
        return dict(zip(("wide", "tall"), self._given_shares, strict=True)).get(name, self.param[name].default)
