"""What a browser draws of a diagram: its objects one by one, or of many their density, as bytes."""

from typing import NamedTuple, Self

import numpy as np

from galviz.tools.diagram import messages
from galviz.tools.diagram.core import Diagram
from galviz.tools.marks import SHAPES, shape_path
from galviz.tools.plots.colouring import SIGNS
from galviz.tools.plots.figure import plane_limits
from galviz.tools.style import GREY

MAX_POINTS = 20_000
"""Above this number of objects, their density is drawn."""

_WIDE, _HIGH = 320, 240  # pixels of the density
_SHAPES = (*SHAPES, "circle", "square", "x")  # of the classes, most of which are few


class Drawing(NamedTuple):
    """A diagram as a browser draws it.

    Parameters
    ----------
    chart : dict
        A `messages.Chart`, without its data.
    data : bytes
        Its data.
    rows : numpy.ndarray of int, shape (n,)
        Rows of the table that are drawn.
    pixels : numpy.ndarray of int, shape (n,)
        The pixel of each in the density; empty if they are drawn one by one.
    """

    chart: messages.Chart
    data: bytes
    rows: np.ndarray
    pixels: np.ndarray

    @classmethod
    def of(cls, diagram: Diagram, member: str) -> Self:
        """Return the drawing of a diagram whose scores are those of the class `member`."""
        places = np.column_stack([diagram.x, diagram.y])
        low, high = limits(places)
        few, classes = len(places) <= MAX_POINTS, diagram.pair.classes
        parts = _points(diagram, places) if few else _density(diagram, (places - low) / (high - low))
        chart = messages.Chart(
            type="chart",
            x=(float(low[0]), float(high[0])),
            y=(float(low[1]), float(high[1])),
            outside=int(((places < low) | (places > high)).any(axis=1).sum()),
            missing=len(diagram.table) - len(places),
            classes=list(classes),
            names=[diagram.pair.text(name) for name in classes],
            unknown=(int(np.sum(diagram.true < 0)), int(np.sum(diagram.given < 0))),
            colours=[*[colour for colour, _ in SIGNS[: len(classes)]], GREY],
            shapes=[shape_path(shape) for shape in (*_SHAPES[: len(classes)], "x")],
            columns=[str(name) for name in diagram.table.select_dtypes("number").columns],
            scored=member in diagram.pair.judged,
            points=len(places) if few else 0,
            wide=_WIDE,
            high=_HIGH,
        )
        return cls(chart, *parts)

    def marks(self, mask: np.ndarray) -> bytes:
        """Return which points are marked, or how many objects of each pixel, from a mask of the table."""
        here = mask[self.rows]
        if self.chart["points"]:
            return here.astype(np.uint8).tobytes()
        counts = np.bincount(self.pixels[here], minlength=_WIDE * _HIGH)
        return np.minimum(counts, 255).astype(np.uint8).tobytes()


def _points(diagram: Diagram, places: np.ndarray) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return places and classes of all objects, their rows, and no pixels."""
    count = len(diagram.pair.classes)
    codes = [np.where(each < 0, count, each).astype(np.uint8) for each in (diagram.given, diagram.true)]
    data = b"".join(each.tobytes() for each in (*places.astype("<f4").T, *codes))
    return data, diagram.rows, np.empty(0, dtype=int)


def _density(diagram: Diagram, scaled: np.ndarray) -> tuple[bytes, np.ndarray, np.ndarray]:
    """Return counts and classes of the pixels, and the rows and pixels of the objects within 0 ≤ `scaled` < 1."""
    count = len(diagram.pair.classes)
    seen = ((scaled >= 0) & (scaled < 1)).all(axis=1)
    across, up = (scaled[seen] * (_WIDE, _HIGH)).astype(int).T
    pixels = up * _WIDE + across
    of = np.where(diagram.given[seen] < 0, count, diagram.given[seen])
    cells = np.bincount(pixels * (count + 1) + of, minlength=_WIDE * _HIGH * (count + 1)).reshape(-1, count + 1)
    data = cells.sum(axis=1).astype("<f4").tobytes() + cells.argmax(axis=1).astype(np.uint8).tobytes()
    return data, diagram.rows[seen], pixels


def limits(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ends of the axes, low (2,) and high (2,): all objects, but for a few that are far from the others."""
    low, high = plane_limits(places)
    if len(places) < 100:
        return low, high
    inner = np.percentile(places[:: max(len(places) // 100_000, 1)], [0.5, 99.5], axis=0)
    room = 0.3 * (inner[1] - inner[0]) + 1e-9
    return np.maximum(low, inner[0] - room), np.minimum(high, inner[1] + room)
