"""The object in focus: its bands and its colour picture, with stretch, scale and what is known of it."""

from html import escape
from typing import get_args

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.figures.images import MARKS, PALETTES, SIDE, band_image, rgb_bands, rgb_image
from galviz.selection import Selection
from galviz.sky.cutouts import CutoutSet
from galviz.sky.photometry import StretchKind
from galviz.views.words import field, shown_value, text

_SIGNS = {"star": "★", "circle": "○", "square": "□", "x": "✕"}


class PictureView(pn.viewable.Viewer):
    """Bands and RGB of the object in focus.

    Parameters
    ----------
    cutouts : CutoutSet
    selection : Selection
        Its focus is shown; the first object where the focus is not in the set.
    facts : pandas.DataFrame, optional
        What to say of each object, indexed by `object_id`; by default the catalogue.
    """

    selection = param.ClassSelector(class_=Selection, constant=True)
    kind = param.Selector(default="asinh", objects=list(get_args(StretchKind)), label="Stretch")
    percentile = param.Number(default=99.5, bounds=(90, 100), step=0.1, label="Pixels within limits (%)")
    softening = param.Number(default=0.05, bounds=(0.01, 1), step=0.01, label="Softening of asinh")
    palette = param.Selector(default="grey", objects=list(PALETTES), label="Colours")
    brightness = param.Number(default=1.0, bounds=(0.1, 5), step=0.1, label="Brightness of RGB")
    sources = param.Boolean(default=False, label="Mark sources")
    typed = param.String(default="", label="Go to object_id")

    def __init__(
        self, cutouts: CutoutSet, selection: Selection, facts: pd.DataFrame | None = None, **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.cutouts = cutouts
        self._facts = cutouts.catalogue if facts is None else facts
        self._ids = pd.Index(cutouts.object_ids)
        self._read: tuple[str, np.ndarray, np.ndarray | None] | None = None

    @property
    def object_id(self) -> str:
        """The object that is shown."""
        return self.selection.focus if self.selection.focus in self._ids else str(self._ids[0])

    @param.depends("typed", watch=True)
    def _go(self) -> None:
        if self.typed.strip() in self._ids:
            self.selection.focus = self.typed.strip()

    def _step(self, by: int) -> None:
        row = int(self._ids.get_loc(self.object_id))
        self.selection.focus = str(self._ids[(row + by) % len(self._ids)])

    def _pixels(self) -> tuple[str, np.ndarray, np.ndarray | None, dict[str, object]]:
        """Give id, pixels (B, H, W), coverage and what all pictures of this object share."""
        object_id = self.object_id
        if self._read is None or self._read[0] != object_id:
            row = self.cutouts.row_of([object_id])[0]
            coverage = self.cutouts.coverage
            self._read = object_id, self.cutouts.images[row], None if coverage is None else coverage[row]
        known = self.cutouts.sources if self.sources else None
        marked = None if known is None else known[known["object_id"] == object_id]
        scale = float(self.cutouts.pixel_scale[self.cutouts.row_of([object_id])[0]])
        return *self._read, {"sources": marked, "pixel_scale": scale}

    def band(self, name: str) -> hv.Overlay:
        """Draw one band of the object."""
        object_id, images, coverage, more = self._pixels()
        k = self.cutouts.bands.index(name)
        part = None if coverage is None else coverage[k]
        missing = part is not None and not part.any()
        return band_image(
            images[k],
            title=f"{name}{' (not observed)' if missing else ''} · {object_id}",
            unit=self.cutouts.unit,
            coverage=part,
            kind=self.kind,
            percentile=self.percentile,
            a=self.softening,
            palette=self.palette,
            **more,
        )

    def rgb(self) -> hv.Overlay:
        """Draw the colour picture of the object."""
        object_id, images, coverage, more = self._pixels()
        bands = self.cutouts.bands
        title = f"RGB {''.join(rgb_bands(bands))} · {object_id}"
        return rgb_image(images, bands, title=title, coverage=coverage, brightness=self.brightness, **more)

    @param.depends("typed", "selection.focus")
    def facts(self) -> str:
        """Say which object is shown and what is known of it, and where a typed id is not there."""
        object_id, typed = self.object_id, self.typed.strip()
        found = self._facts.loc[object_id] if object_id in self._facts.index else pd.Series(dtype=object)
        said = " · ".join(f"{escape(str(name))} <b>{shown_value(value)}</b>" for name, value in found.items())
        unknown = f"<p role='alert'>{escape(typed)} is not among these {len(self._ids):,} objects.</p>"
        return f"<b>{escape(object_id)}</b> · {said}" + (unknown if typed and typed not in self._ids else "")

    @param.depends("sources")
    def pictures(self) -> pn.viewable.Viewable:
        """Give a live picture for each band, and the colour picture."""
        shared = {"focus": self.selection.param.focus}
        for_bands = shared | {name: self.param[name] for name in ("kind", "percentile", "softening", "palette")}
        live = [
            hv.DynamicMap(pn.bind(lambda name, **_: self.band(name), name, **for_bands)) for name in self.cutouts.bands
        ]
        live.append(hv.DynamicMap(pn.bind(lambda **_: self.rgb(), brightness=self.param.brightness, **shared)))
        height, width = self.cutouts.images.shape[2:]
        size = {"width": SIDE + 80, "height": SIDE * height // width + 30, "margin": (0, 6)}
        return pn.FlexBox(*(pn.pane.HoloViews(plot, linked_axes=False, **size) for plot in live))

    def controls(self) -> pn.viewable.Viewable:
        """Give what the visitor sets: the object, the stretch, the marks."""
        before = pn.widgets.Button(label="◀ Previous", on_click=lambda _: self._step(-1))
        after = pn.widgets.Button(label="Next ▶", on_click=lambda _: self._step(1))
        names = ("typed", "kind", "percentile", "softening", "palette", "brightness", "sources")
        wide = {
            "typed": {"width": 200},
            "kind": {"width": 110},
            "palette": {"width": 110},
            "sources": {"type": pn.widgets.Toggle},
        }
        widgets = [field(self.param[name], **wide.get(name, {"width": 165})) for name in names]
        return pn.FlexBox(before, after, *widgets, align_items="flex-end")

    def __panel__(self) -> pn.viewable.Viewable:
        below = text(pn.bind(lambda on: legend() if on else "", self.param.sources))
        return pn.Column(self.controls(), text(self.facts), self.pictures, below)


def legend() -> str:
    """Say which mark is what."""
    signs = [(f"<span style='color:{colour}'>{_SIGNS[sign]}</span>", name) for sign, colour, name in MARKS.values()]
    return " · ".join(f"{sign} {name}" for sign, name in signs)
