"""One colour and one shape for each kind of source, the same in every view, figure and legend."""

from collections.abc import Iterable

import numpy as np
from PIL import ImageDraw

from galviz.tools.style import FOCUS, GREY, ORANGE, PINK, SKY

_AROUND = np.linspace(0, 2 * np.pi, 25)  # closed: the last angle is the first
_STAR = np.where(np.arange(11) % 2, 0.42, 1.0), np.linspace(0, 2 * np.pi, 11)

SHAPES: dict[str, tuple[np.ndarray, ...]] = {
    "circle": (np.column_stack([np.sin(_AROUND), -np.cos(_AROUND)]) * 0.85,),
    "square": (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * 0.78,),
    "x": (np.array([[-1, -1], [1, 1]]) * 0.75, np.array([[-1, 1], [1, -1]]) * 0.75),
    "diamond": (np.array([[0, -1], [1, 0], [0, 1], [-1, 0], [0, -1]]),),
    "star": (np.column_stack([np.sin(_STAR[1]), -np.cos(_STAR[1])]) * 1.15 * _STAR[0][:, None],),
}
"""Name of a shape → its lines, each (K, 2) points to the right and down, about 1 from the middle."""

MARKS: dict[str, tuple[str, str, str]] = {
    "bcg": ("star", FOCUS, "central galaxy"),
    "member": ("circle", ORANGE, "member"),
    "field": ("square", SKY, "field galaxy"),
    "star": ("x", PINK, "star"),
    "found": ("diamond", GREY, "found, star or galaxy"),
}
"""Kind of source → shape, colour and name."""

_RADIUS = 7  # px of the screen


def mark_of(kind: str) -> tuple[str, str, str]:
    """Return shape, colour and name of a kind; one that is not known is a grey diamond with its own name."""
    return MARKS.get(kind, (*MARKS["found"][:2], kind))


def marks_message(kinds: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return the marks of some kinds for a script: the path of the shape (SVG, in px), colour and name."""
    return {kind: (shape_path(shape), colour, name) for kind in kinds for shape, colour, name in [mark_of(kind)]}


def shape_path(shape: str) -> str:
    """Return one of `SHAPES` as a path of SVG, in px around the middle."""
    lines = ("L".join(f"{x:.1f},{y:.1f}" for x, y in line * _RADIUS) for line in SHAPES[shape])
    return "".join(f"M{line}" for line in lines)


def draw_mark(pen: ImageDraw.ImageDraw, kind: str, x: float, y: float, radius: float = 6) -> None:
    """Draw the mark of a source with a dark rim, at `x`, `y` of a Pillow image."""
    shape, colour, _ = mark_of(kind)
    for line in SHAPES[shape]:
        points = [(x + right, y + down) for right, down in line * radius]
        pen.line(points, fill="black", width=4, joint="curve")
        pen.line(points, fill=colour, width=2, joint="curve")
