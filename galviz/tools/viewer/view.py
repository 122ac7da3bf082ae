"""The object in focus: its pixels go to the browser as floats, where stretch, blink and read-out happen."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import panel as pn
import param

from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.core import Portrait
from galviz.tools.viewer.stretch import ALL, RGB, LookView


class FocusCanvas(pn.custom.JSComponent):
    """What of the view runs in the browser; it asks nothing of any other server."""

    _esm = script(Path(__file__))
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_name("client.css").read_text(encoding="utf-8")]

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.heard: Callable[[Mapping[str, Any]], None] = lambda _: None

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        self.heard(data)

    def send(self, message: dict[str, Any]) -> None:
        """Bring a message to every browser that shows this."""
        self._send_msg(message)


class FocusView(pn.viewable.Viewer):
    """Pictures, coordinates, sources and facts of the object in focus: one large, or colours and all bands together.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
        Its focus is shown; the first of `ids` where neither the set nor the facts know it.
    facts : pandas.DataFrame, optional
        What to say of each object, indexed by `object_id`; by default the catalogue.
    looks : LookView, optional
        Controls shared with another view; its own, shown above the picture, by default.
    labels : Labels, optional
        The object's label is said too.
    ids : sequence of str, optional
        The order in which Previous and Next go, round and round; by default that of the catalogue.
    picture : str, optional
        What `looks` shows at first, one of ``looks.param.picture.objects``; by default it is left alone. Of a set of
        one band, `galviz.tools.viewer.stretch.ALL` is that band.
    height : int
        Pixels that a large picture is high at most.

    Raises
    ------
    ValueError
        If an id comes twice, or there is no such picture.
    """

    def __init__(
        self,
        cutouts: CutoutSet,
        selection: Selection,
        facts: pd.DataFrame | None = None,
        *,
        looks: LookView | None = None,
        labels: Labels | None = None,
        ids: Sequence[str] | None = None,
        picture: str | None = None,
        height: int = 520,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.portrait = Portrait(cutouts, facts, labels, ids)
        self.selection, self.height, self._own = selection, height, looks is None
        self.looks = LookView(cutouts) if looks is None else looks
        if picture is not None and (picture != ALL or len(cutouts.bands) > 1):
            self.looks.picture = picture
        self._look, self._picture = self.looks.look(), self.looks.picture
        self.canvas = FocusCanvas(sizing_mode="stretch_width")
        self.canvas.heard = self.receive
        selection.param.watch(self._show, ["focus"])
        self.looks.watch(self._restretch)

    @property
    def object_id(self) -> str:
        """The object that is shown."""
        focus = self.selection.focus
        return focus if focus is not None and self.portrait.knows(focus) else str(self.portrait.ids[0])

    def look_message(self) -> dict[str, Any]:
        """Say how pixels are drawn, with the limits that each picture of this object has by it."""
        bands, looks = self.portrait.cutouts.bands, self.looks
        pictures = {RGB: (looks.red, looks.green, looks.blue)} if len(bands) > 1 else {}
        pictures |= {name: (name,) for name in bands}
        told = self.portrait.look_message(self.object_id, self._look, pictures)
        return told | {"name": self._picture, "all": ALL}

    def object_message(self) -> dict[str, Any]:
        """Say all that is shown of the object, its pixels in the same message."""
        return self.portrait.object_message(self.object_id) | {"tallest": self.height, "look": self.look_message()}

    def receive(self, message: Mapping[str, Any]) -> None:
        """Do what a browser asks.

        Raises
        ------
        ValueError
            If the message is none of those that ``focus.js`` sends.
        """
        does = {"hello": self._show, "step": self._step, "go": self._go, "picture": self._turn}
        if message.get("type") not in does:
            raise ValueError(f"message: expected one of {', '.join(does)}, got {message.get('type')!r}.")
        does[message["type"]](message)

    def _step(self, message: Mapping[str, Any]) -> None:
        self.selection.focus = self.portrait.beside(self.object_id, int(message["by"]))

    def _go(self, message: Mapping[str, Any]) -> None:
        wanted = str(message["id"]).strip()
        if self.portrait.knows(wanted):
            self.selection.focus = wanted
        elif wanted:
            words = f"{wanted} is not among these {len(self.portrait.ids):,} objects."
            self.canvas.send({"type": "said", "words": words})

    def _turn(self, message: Mapping[str, Any]) -> None:
        if message["name"] in self.looks.param.picture.objects:
            self.looks.picture = message["name"]

    def _show(self, *_: object) -> None:
        self.canvas.send(self.object_message())

    def _restretch(self, *_: param.parameterized.Event) -> None:
        turned, self._picture = self.looks.picture != self._picture, self.looks.picture
        self._look = self.looks.look()
        self.canvas.send({"type": "look", "id": self.object_id, "look": self.look_message(), "turn": turned})

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*([self.looks] if self._own else []), self.canvas, sizing_mode="stretch_width")
