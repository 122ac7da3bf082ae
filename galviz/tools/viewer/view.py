"""The image viewer. Pixels go to the browser as floats; stretching, blinking and read-out happen there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import panel as pn
import param

from galviz.sky.cutouts import CutoutSet
from galviz.tools.client import script
from galviz.tools.labels.core import Labels
from galviz.tools.messages import check
from galviz.tools.scripted import Scripted
from galviz.tools.selection.core import Selection
from galviz.tools.viewer import messages
from galviz.tools.viewer.core import ObjectData
from galviz.tools.viewer.stretch_controls import ALL, RGB, StretchView

_LOWEST = 260  # px; the least height of a pane


class FocusCanvas(Scripted):
    """The browser part of the viewer."""

    _esm = script(Path(__file__))
    _stylesheets: ClassVar[list[str]] = [Path(__file__).with_name("client.css").read_text(encoding="utf-8")]


class FocusView(pn.viewable.Viewer):
    """Images, coordinates, sources and facts of the object in focus; one large picture, or all bands together.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
        The object in focus is shown; the first of `ids` if it is unknown.
    facts : pandas.DataFrame, optional
        Columns listed for each object, indexed by `object_id`; by default the catalogue.
    stretch_view : StretchView, optional
        Display settings shared with another view; by default its own, shown above the picture.
    labels : Labels, optional
        If given, the object's label is listed too.
    ids : sequence of str, optional
        Cyclic order of Previous and Next; by default that of the catalogue.
    picture : str, optional
        Initial value of ``stretch_view.picture``; unchanged by default. For a set of one band,
        `galviz.tools.viewer.stretch_controls.ALL` means that band.
    height : int
        Largest height of a large picture in px, outside a `pane`.

    Raises
    ------
    ValueError
        If an id occurs twice, or `picture` is unknown.
    """

    def __init__(
        self,
        cutouts: CutoutSet,
        selection: Selection,
        facts: pd.DataFrame | None = None,
        *,
        stretch_view: StretchView | None = None,
        labels: Labels | None = None,
        ids: Sequence[str] | None = None,
        picture: str | None = None,
        height: int = 520,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.data = ObjectData(cutouts, facts, labels, ids)
        self.selection, self.height, self._own, self._fills = selection, height, stretch_view is None, False
        self.stretch_view = StretchView(cutouts) if stretch_view is None else stretch_view
        if picture is not None and (picture != ALL or len(cutouts.bands) > 1):
            self.stretch_view.picture = picture
        self._stretch, self._picture = self.stretch_view.stretch(), self.stretch_view.picture
        self.canvas = FocusCanvas(sizing_mode="stretch_width")
        self.canvas.on_message = self.receive
        self._focused = selection.param.watch(self._show, ["focus"])
        self._stretched = self.stretch_view.watch(self._restretch)

    @property
    def object_id(self) -> str:
        """Id of the object that is shown: the one in focus, or the first if the focus is unknown here."""
        focus = self.selection.focus
        return focus if focus is not None and self.data.knows(focus) else str(self.data.ids[0])

    def stretch_message(self) -> messages.Stretch:
        """Return the display settings, with the limits of each picture of this object."""
        bands, stretch_view = self.data.cutouts.bands, self.stretch_view
        pictures = {RGB: (stretch_view.red, stretch_view.green, stretch_view.blue)} if len(bands) > 1 else {}
        pictures |= {name: (name,) for name in bands}
        message = self.data.stretch_message(self.object_id, self._stretch, pictures)
        return message | {"name": self._picture, "all": ALL}

    def object_message(self) -> messages.Object:
        """Return everything shown of the object, including its pixels."""
        return self.data.object_message(self.object_id) | {
            "tallest": 0 if self._fills else self.height,
            "stretch": self.stretch_message(),
        }

    def receive(self, message: Mapping[str, Any]) -> None:
        """Process a message from a browser.

        Raises
        ------
        ValueError
            If it is not one of `messages.FROM_BROWSER`.
        """
        check(message, messages.FROM_BROWSER)
        act = {"hello": self._show, "step": self._step, "go": self._go, "picture": self._turn}
        act |= {"contours": self._contours, "circle": self._measure}
        act[message["type"]](message)

    def _step(self, message: messages.Step) -> None:
        self.selection.focus = self.data.beside(self.object_id, message["by"])

    def _go(self, message: messages.Go) -> None:
        wanted = message["id"].strip()
        if self.data.knows(wanted):
            self.selection.focus = wanted
        elif wanted:
            text = f"{wanted} is not among these {len(self.data.ids):,} objects."
            self.canvas.send(messages.Alert(type="alert", text=text))

    def _turn(self, message: messages.Picture) -> None:
        if message["name"] in self.stretch_view.param.picture.objects:
            self.stretch_view.picture = message["name"]

    def _contours(self, message: messages.ContoursOf) -> None:
        if message["id"] == self.object_id:  # else it is late, and another object is shown by now
            self.canvas.send(self.data.contours_message(self.object_id, message["band"], message["count"]))

    def _measure(self, message: messages.Circle) -> None:
        if message["id"] == self.object_id:
            self.canvas.send(self.data.photometry_message(message))

    def _show(self, *_: object) -> None:
        self.canvas.send(self.object_message())

    def _restretch(self, *_: param.parameterized.Event) -> None:
        turned, self._picture = self.stretch_view.picture != self._picture, self.stretch_view.picture
        self._stretch = self.stretch_view.stretch()
        stretch = self.stretch_message()
        self.canvas.send(messages.NewStretch(type="stretch", id=self.object_id, stretch=stretch, turn=turned))

    def close(self) -> None:
        """Follow the selection and the stretch no longer."""
        self.selection.param.unwatch(self._focused)
        self.stretch_view.param.unwatch(self._stretched)

    def pane(self) -> pn.viewable.Viewable:
        """Return the viewer without its settings; it fills the pane that it is put into, and the picture fills it."""
        self._fills = True
        self.canvas.param.update(sizing_mode="stretch_both", min_height=_LOWEST)
        return self.canvas

    def settings(self) -> pn.viewable.Viewable:
        """Return the controls of the stretch, for a drawer or a popover."""
        return self.stretch_view.__panel__()

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*([self.settings()] if self._own else []), self.canvas, sizing_mode="stretch_width")
