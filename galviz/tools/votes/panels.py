"""One figure with a panel for each of Galaxy Zoo's 37 answers; 37 separate figures would take seconds to draw."""

from collections.abc import Sequence

import holoviews as hv
import numpy as np

from galviz.sky.galaxy_zoo import COLUMNS, QUESTIONS, SLICES
from galviz.tools.style import BLUE, GREY, frame

_COLUMNS, _CELLS = 7, 40  # panels per row, and cells of the density along one side of a panel
_ACROSS, _DOWN = 1.3, 1.8  # spacing of the panels, in sides; must be whole numbers of cells
_TEXT = "#888888"  # readable on white and black pages
_TOOLS = ["box_zoom", "save", "reset"]


def _places() -> np.ndarray:
    """Return the lower left corner (37, 2) of each panel: question by question, each in a single row."""
    found, column, row = [], 0, 0
    for part in SLICES:
        count = part.stop - part.start
        if column + count > _COLUMNS:
            column, row = 0, row + 1
        found += [(column + k, row) for k in range(count)]
        column += count
    return np.array(found) * (_ACROSS, -_DOWN)


PLACES = _places()
"""Lower left corner of each panel, shape (37, 2); a panel is 1 wide and high."""


def in_panels(
    drawn: hv.Overlay, title: str, more: Sequence[str] = ("",) * len(COLUMNS), *, ticks: Sequence[tuple[float, str]]
) -> hv.Overlay:
    """Add frames, names and ticks to elements drawn at `PLACES`.

    Parameters
    ----------
    drawn : holoviews.Overlay or element
    title : str
        Title of the figure.
    more : sequence of str
        Text under the name of each of the 37 answers.
    ticks : sequence of (float, str)
        Heights 0…1 in a panel, and their labels.

    Returns
    -------
    holoviews.Overlay
    """
    x, y = PLACES.T
    frames = hv.Rectangles((x, y, x + 1, y + 1)).opts(fill_alpha=0, line_color=GREY, line_alpha=0.7)
    words = [answer for question in QUESTIONS for answer in question.answers]
    answers = [f"{answer}\n{extra}".strip() for answer, extra in zip(words, more, strict=True)]
    first = [part.start for part in SLICES]
    heads = [f"Question {q.number}{q.topic and f': {q.topic}'}" for q in QUESTIONS]
    beside = [(x[k], y[k] + at, f"{label} ") for k in first for at, label in ticks]
    below = [(x[k] + at, y[k] - 0.04, label) for k in range(len(x)) for at, label in ((0, "0"), (1, "1"))]
    texts = [
        _labels(list(zip(x, y + 1.04, answers, strict=True)), "left", "bottom"),
        _labels(list(zip(x[first], y[first] + 1.38, heads, strict=True)), "left", "bottom", text_font_style="bold"),
        _labels(beside, "right", "middle", text_font_size="7pt"),
        _labels(below, "center", "top", text_font_size="7pt"),
    ]
    options = {"xaxis": None, "yaxis": None, "show_grid": False, "show_legend": False, "default_tools": _TOOLS}
    options |= {"xlim": (-0.3, x.max() + 1.05), "ylim": (y.min() - 0.2, 1.62), "height": 1240, "max_width": 1240}
    options |= {"backend_opts": {"plot.outline_line_color": None}}
    return frame(hv.Overlay([frames, *_each(drawn), *texts]), title=title, **options)


def _each(drawn: hv.Overlay | hv.Element) -> list[hv.Element]:
    return list(drawn) if isinstance(drawn, hv.Overlay) else [drawn]


def _labels(places: list[tuple[float, float, str]], align: str, baseline: str, **more: object) -> hv.Labels:
    options = {"text_color": _TEXT, "text_font_size": "8pt", "text_align": align, "text_baseline": baseline}
    return hv.Labels(places, ["x", "y"], "text").opts(**(options | more))


def points(truth: np.ndarray, estimate: np.ndarray) -> hv.Points:
    """Draw truth (x) against estimate (y), (N, 37) each, one point per object and answer; NaN is left out."""
    known = np.isfinite(truth) & np.isfinite(estimate)
    place = np.stack([truth, estimate], axis=2) + PLACES
    return hv.Points(place[known], ["x", "y"]).opts(color=BLUE, size=2.5, alpha=0.5)


def density(truth: np.ndarray, estimate: np.ndarray) -> hv.Image:
    """Draw the number of `points` in the cells of all panels, as one image; empty cells are NaN."""
    wide, tall = (np.ptp(PLACES, axis=0) + 1).tolist()
    counts = np.zeros((round(tall * _CELLS), round(wide * _CELLS)), dtype=np.float32)
    for k, (x, y) in enumerate(PLACES):
        known = np.isfinite(truth[:, k]) & np.isfinite(estimate[:, k])
        column, row = (np.clip(v[known, k] * _CELLS, 0, _CELLS - 1).astype(np.int64) for v in (truth, estimate))
        cells = np.bincount(row * _CELLS + column, minlength=_CELLS**2).reshape(_CELLS, _CELLS)
        left, low = round(x * _CELLS), round((y - PLACES[:, 1].min()) * _CELLS)
        counts[low : low + _CELLS, left : left + _CELLS] = cells
    most = max(2.0, float(counts.max()))
    counts[counts == 0] = np.nan
    objects = hv.Dimension("objects", label="Objects", range=(1, most))
    image = hv.Image(counts[::-1], ["x", "y"], objects, bounds=(0, 1 - tall, wide, 1))
    bar = {
        "colorbar": True,
        "clabel": "Objects per cell",
        "colorbar_opts": {"background_fill_alpha": 0, "width": 12, "height": 300},
    }
    return image.opts(cmap="viridis", cnorm="log", clipping_colors={"NaN": "transparent"}, **bar)
