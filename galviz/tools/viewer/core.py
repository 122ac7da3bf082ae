"""The image viewer without its page: the messages that its browser part (``client.js``) receives.

Id, pixels and facts go in one message, so they always belong together. Objects are identified by id, never by row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.ids import check_ids
from galviz.sky.aperture import aperture_fluxes
from galviz.sky.cutouts import CutoutSet
from galviz.sky.photometry import FLUX_UNIT
from galviz.sky.surveys import NANOMAGGY_ZERO_POINT
from galviz.tasks.class_words import class_words
from galviz.tools.cells import text_of
from galviz.tools.display import LUPTON_Q, Stretch, object_limits, palette_bytes
from galviz.tools.labels.core import Labels
from galviz.tools.marks import marks_message
from galviz.tools.viewer import messages
from galviz.tools.viewer.figure import contours

_PAGES = {
    "Aladin Lite": "https://aladin.cds.unistra.fr/AladinLite/?target={ra:.7f}%20{dec:+.7f}&fov={field:.5f}",
    "SkyServer": "https://skyserver.sdss.org/dr18/VisualTools/navi?ra={ra:.7f}&dec={dec:.7f}",
    "Legacy Survey": "https://www.legacysurvey.org/viewer?ra={ra:.7f}&dec={dec:.7f}&mark={ra:.7f},{dec:.7f}&zoom=15",
}
_NO_FLUX = "Display pixels carry no flux: nothing is measured. Open the survey's FITS images instead of its pictures."
_NO_RING = "The radius must be above 0, and the ring's outer radius larger than its inner one."
_MOST_LEVELS = 12


def sky_links(ra: float, dec: float, side: float = 60.0) -> list[tuple[str, str]]:
    """Return name and address of pages that show a place of the sky. Addresses hold nothing but these numbers.

    Parameters
    ----------
    ra, dec : float
        Degrees. Where they are no place of the sky, there are no links.
    side : float
        Of the image, arcsec; pages that can show twice this.
    """
    if not (np.isfinite([ra, dec]).all() and -90 <= dec <= 90):
        return []
    field = 2 * side / 3600 if np.isfinite(side) else 1 / 30
    return [(name, page.format(ra=ra % 360, dec=dec, field=field)) for name, page in _PAGES.items()]


class ObjectData:
    """The images and facts of each object, and the order of the objects.

    Parameters
    ----------
    cutouts : CutoutSet
    facts : pandas.DataFrame, optional
        Columns listed for each object, indexed by `object_id`; by default the catalogue.
    labels : Labels, optional
        If given, the object's label is listed too.
    ids : sequence of str, optional
        Order of the objects; by default that of the catalogue.

    Raises
    ------
    ValueError
        If an id occurs twice.
    """

    def __init__(
        self,
        cutouts: CutoutSet,
        facts: pd.DataFrame | None = None,
        labels: Labels | None = None,
        ids: Sequence[str] | None = None,
    ) -> None:
        self.cutouts, self.labels = cutouts, labels
        self.facts = cutouts.catalogue if facts is None else facts
        self._catalogue, self._sources = cutouts.catalogue, cutouts.sources
        self._index = self._catalogue.index
        self.ids = self._index if ids is None else pd.Index(ids, dtype=object)
        if ids is not None:
            check_ids(self.ids)
        self._read: tuple[str, np.ndarray | None, np.ndarray | None] = ("", None, None)

    def knows(self, object_id: str | None) -> bool:
        """Return whether an object has an image, facts or a place in the order."""
        return any(object_id in index for index in (self._index, self.facts.index, self.ids))

    def beside(self, object_id: str, by: int) -> str:
        """Return the id `by` places further in the order, which is cyclic; an unknown id gives the first or last."""
        place = int(self.ids.get_loc(object_id)) if object_id in self.ids else min(0, -by)
        return str(self.ids[(place + by) % len(self.ids)])

    def stretch_message(
        self, object_id: str, stretch: Stretch, pictures: Mapping[str, tuple[str, ...]]
    ) -> dict[str, Any]:
        """Return how pictures of an object are drawn, and the limits of each.

        Parameters
        ----------
        object_id : str
        stretch : Stretch
            Its bands are ignored.
        pictures : mapping of str to tuple of str
            Name of a picture → the one or three bands that it shows.
        """
        bands, (images, coverage) = self.cutouts.bands, self._pixels(object_id)
        stretches = {} if images is None else {name: replace(stretch, bands=of) for name, of in pictures.items()}
        limits = {name: object_limits(images, coverage, bands, one) for name, one in stretches.items()}
        message = {"pictures": [[name, list(of)] for name, of in pictures.items()], "limits": limits, "Q": LUPTON_Q}
        message |= {"kind": stretch.kind, "a": stretch.a, "gamma": stretch.gamma}
        return message | {"palette": np.frombuffer(palette_bytes(stretch.palette), np.uint8).reshape(-1, 3).tolist()}

    def object_message(self, object_id: str) -> dict[str, Any]:
        """Return everything shown of an object, including its pixels."""
        images, coverage = self._pixels(object_id)
        _, _, height, width = self.cutouts.images.shape
        message = {"type": "object", "id": object_id, "bands": list(self.cutouts.bands), "width": width}
        message |= {"height": height, "unit": self.cutouts.unit, "origin": self.cutouts.origin}
        place = int(self.ids.get_loc(object_id)) + 1 if object_id in self.ids else 0
        message |= {"place": place, "count": len(self.ids), "facts": self._facts(object_id)}
        sources = self._marked(object_id)
        marks = marks_message(dict.fromkeys(source["kind"] for source in sources))
        message |= {"sources": sources, "marks": marks, "wcs": self._wcs(object_id)}
        scale = float(self.cutouts.pixel_scale[self._index.get_loc(object_id)]) if images is not None else 1.0
        message["arcsec"] = scale if images is not None and np.isfinite(scale) else 0.0
        message["links"] = self._links(object_id, message["wcs"], max(height, width) * scale)
        if images is not None:
            message["pixels"] = np.ascontiguousarray(images, dtype="<f4").tobytes()
        if coverage is not None:
            message["coverage"] = np.ascontiguousarray(coverage, dtype=np.uint8).tobytes()
        return message

    def contours_message(self, object_id: str, band: str, count: int) -> messages.Contours:
        """Return contour lines of a band; none where there is no image, or no such band."""
        images, coverage = self._pixels(object_id)
        levels, lines = [], []
        if images is not None and band in self.cutouts.bands:
            k = self.cutouts.bands.index(band)
            observed = None if coverage is None else coverage[k]
            levels, lines = contours(images[k], min(max(count, 1), _MOST_LEVELS), observed)
        flat = [np.round(line, 2).ravel().tolist() for line in lines]
        return messages.Contours(type="contours", id=object_id, band=band, levels=levels, lines=flat)

    def photometry_message(self, request: messages.Circle) -> messages.Photometry:
        """Return what a circle measures in each band, or why it measures nothing."""
        (images, coverage), unit = self._pixels(request["id"]), self.cutouts.unit
        answer = messages.Photometry(type="photometry", id=request["id"], bands=[], problem="")
        if unit == "display" or images is None:
            return answer | {"problem": _NO_FLUX if images is not None else "There is no image of this object."}
        centre, ring = (request["x"], request["y"]), (request["inner"], request["outer"])
        zero = NANOMAGGY_ZERO_POINT if unit == FLUX_UNIT else None
        more = {"coverage": coverage, "zero_point": zero}
        try:
            found = aperture_fluxes(images, self.cutouts.bands, centre, request["radius"], ring, **more)
        except ValueError:
            return answer | {"problem": _NO_RING}
        rows = found.drop(columns="sky").reset_index()
        return answer | {"bands": rows.astype(object).where(rows.notna(), None).to_dict("records")}

    def _pixels(self, object_id: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        if self._read[0] != object_id:
            row = int(self._index.get_loc(object_id)) if object_id in self._index else None
            coverage, images = self.cutouts.coverage, None if row is None else self.cutouts.images[row]
            self._read = object_id, images, None if coverage is None or row is None else coverage[row]
        return self._read[1:]

    def _facts(self, object_id: str) -> list[list[str]]:
        rows = self.facts.loc[[object_id]] if object_id in self.facts.index else self.facts.iloc[:0, :0]
        facts = [(name, rows.iloc[0, k]) for k, name in enumerate(rows.columns)]  # a row as a Series is all floats
        label = "" if self.labels is None else self.labels.get(object_id)
        return [
            *([["label", label]] if label else []),
            *([str(name), text_of(value, class_words(self.facts, name))] for name, value in facts),
        ]

    def _marked(self, object_id: str) -> list[messages.Source]:
        if self._sources is None:
            return []
        found = self._sources[self._sources["object_id"] == object_id].reindex(columns=["x", "y", "kind", "p_mem"])
        return found.astype(object).where(found.notna(), None).to_dict("records")

    def _wcs(self, object_id: str) -> messages.Wcs | None:
        if self.cutouts.wcs is None or object_id not in self._index:
            return None
        row = self.cutouts.wcs.iloc[self._index.get_loc(object_id)]
        names = {"crval": ("crval1", "crval2"), "crpix": ("crpix1", "crpix2")}
        names["cd"] = ("cd1_1", "cd1_2", "cd2_1", "cd2_2")
        if not np.isfinite(row.to_numpy(float)).all():
            return None
        return {key: [float(row[name]) for name in columns] for key, columns in names.items()}

    def _links(self, object_id: str, wcs: messages.Wcs | None, side: float) -> list[tuple[str, str]]:
        """Return links to the place of the middle of an image, or else of ``ra`` and ``dec`` in the catalogue."""
        if wcs is not None:
            _, _, height, width = self.cutouts.images.shape
            place = self.cutouts.wcs_of(object_id).wcs_pix2world((width - 1) / 2, (height - 1) / 2, 0)
            return sky_links(float(place[0]), float(place[1]), side)
        for table in (self._catalogue, self.facts):
            if object_id in table.index and {"ra", "dec"} <= set(table.columns):
                place = pd.to_numeric(table.loc[object_id, ["ra", "dec"]], errors="coerce")
                return sky_links(float(place["ra"]), float(place["dec"]), side)
        return []
