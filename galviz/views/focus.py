"""The object in focus, large: its pixels go to the browser as floats, where stretch, blink and read-out happen."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.figures.contact_sheet import Look, lupton_limits, shown_limits
from galviz.figures.images import LUPTON_Q, MARKS, PALETTES, scale_bar
from galviz.gallery import text_of
from galviz.labels import Labels
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.views.look import RGB, LookView

_RESOLUTION = 255  # colours of a palette that are sent


class FocusCanvas(pn.custom.JSComponent):
    """What of the view runs in the browser; it asks nothing of any other server."""

    _esm = Path(__file__).with_name("focus.js")

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.asked = lambda: None

    def _handle_msg(self, data: Mapping[str, Any]) -> None:
        if data.get("type") == "hello":
            self.asked()


class FocusView(pn.viewable.Viewer):
    """Picture, coordinates, sources and facts of the object in focus.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
        Its focus is shown; the first object of the set while there is none.
    facts : pandas.DataFrame, optional
        What to say of each object, indexed by `object_id`; by default the catalogue.
    looks : LookView, optional
        Controls shared with another view; its own, shown above the picture, by default.
    labels : Labels, optional
        The object's label is said too.
    height : int
        Pixels that the picture is high at most.
    """

    def __init__(
        self,
        cutouts: CutoutSet,
        selection: Selection,
        facts: pd.DataFrame | None = None,
        *,
        looks: LookView | None = None,
        labels: Labels | None = None,
        height: int = 520,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.cutouts, self.selection, self.labels, self.height = cutouts, selection, labels, height
        self.facts = cutouts.catalogue if facts is None else facts
        self.looks = LookView(cutouts) if looks is None else looks
        self._own = looks is None
        self._index, self._sources, self._read = cutouts.catalogue.index, cutouts.sources, ("", None, None)
        self.canvas = FocusCanvas(sizing_mode="stretch_width")
        self.canvas.asked = self._show
        self._turned = self.looks.picture
        selection.param.watch(self._show, ["focus"])
        self.looks.watch(self._restretch)

    @property
    def object_id(self) -> str:
        """The object that is shown."""
        return str(self._index[0]) if self.selection.focus is None else self.selection.focus

    def _pixels(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        object_id, coverage = self.object_id, self.cutouts.coverage
        if self._read[0] != object_id:
            row = int(self._index.get_loc(object_id)) if object_id in self._index else None
            images = None if row is None else self.cutouts.images[row]
            self._read = object_id, images, None if coverage is None or row is None else coverage[row]
        return self._read[1:]

    def look_message(self) -> dict[str, Any]:
        """Say how pixels are drawn, with the limits that each picture of this object has by it."""
        look, bands = self.looks.look(), self.cutouts.bands
        images, coverage = self._pixels()
        name = RGB if len(look.bands) == 3 else look.bands[0]
        limits = {} if images is None else _limits(images, coverage, bands, look)
        colours = PALETTES[look.palette]
        chosen = [colours[round(k * (len(colours) - 1) / (_RESOLUTION - 1))] for k in range(_RESOLUTION)]
        message = {"name": name, "bands": list(look.bands), "kind": look.kind, "a": look.a, "gamma": look.gamma}
        return message | {"Q": LUPTON_Q, "limits": limits, "palette": [list(bytes.fromhex(c[1:7])) for c in chosen]}

    def object_message(self) -> dict[str, Any]:
        """Say all that is shown of the object, its pixels in the same message."""
        object_id, (images, coverage) = self.object_id, self._pixels()
        _, _, height, width = self.cutouts.images.shape
        message = {"type": "object", "id": object_id, "bands": list(self.cutouts.bands), "width": width}
        message |= {"height": height, "tallest": self.height, "unit": self.cutouts.unit, "origin": self.cutouts.origin}
        message |= {"facts": self._facts(object_id), "sources": self._known(object_id), "marks": MARKS}
        message |= {"wcs": self._wcs(object_id), "look": self.look_message()}
        scale = float(self.cutouts.pixel_scale[self._index.get_loc(object_id)]) if images is not None else 1.0
        length, label = scale_bar(width * scale)
        message["bar"] = {"pixels": length / scale, "label": label}
        if images is not None:
            message["pixels"] = np.ascontiguousarray(images, dtype="<f4").tobytes()
        if coverage is not None:
            message["coverage"] = np.ascontiguousarray(coverage, dtype=np.uint8).tobytes()
        return message

    def _facts(self, object_id: str) -> list[list[str]]:
        facts = self.facts.loc[object_id].items() if object_id in self.facts.index else ()
        label = "" if self.labels is None else self.labels.get(object_id)
        return [*([["label", label]] if label else []), *([str(name), text_of(value)] for name, value in facts)]

    def _known(self, object_id: str) -> list[dict[str, Any]]:
        if self._sources is None:
            return []
        found = self._sources[self._sources["object_id"] == object_id].reindex(columns=["x", "y", "kind", "p_mem"])
        return found.astype(object).where(found.notna(), None).to_dict("records")

    def _wcs(self, object_id: str) -> dict[str, list[float]] | None:
        if self.cutouts.wcs is None or object_id not in self._index:
            return None
        row = self.cutouts.wcs.iloc[self._index.get_loc(object_id)]
        names = {"crval": ("crval1", "crval2"), "crpix": ("crpix1", "crpix2")}
        names["cd"] = ("cd1_1", "cd1_2", "cd2_1", "cd2_2")
        return {key: [float(row[name]) for name in columns] for key, columns in names.items()}

    def _show(self, *_: param.parameterized.Event) -> None:
        self.canvas._send_msg(self.object_message())  # noqa: SLF001 - how Panel's components send

    def _restretch(self, *_: param.parameterized.Event) -> None:
        turned, self._turned = self.looks.picture != self._turned, self.looks.picture
        message = {"type": "look", "id": self.object_id, "look": self.look_message(), "turn": turned}
        self.canvas._send_msg(message)  # noqa: SLF001

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(*([self.looks] if self._own else []), self.canvas, sizing_mode="stretch_width")


def _limits(
    images: np.ndarray, coverage: np.ndarray | None, bands: tuple[str, ...], look: Look
) -> dict[str, tuple[float, float]]:
    """Limits of each band, and of the colours under the name that the page has for them."""
    covered = [None] * len(bands) if coverage is None else coverage
    limits = {name: shown_limits(images[k], look, covered[k]) for k, name in enumerate(bands)}
    if len(look.bands) == 3:
        rows = [bands.index(name) for name in look.bands]
        seen = None if coverage is None else coverage[rows].all(axis=0)
        limits[RGB] = (lupton_limits if look.kind == "lupton" else shown_limits)(images[rows], look, seen)
    return limits
