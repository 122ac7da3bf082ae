"""One object as it was observed: a band with scale bar and colour bar, three bands as a colour picture."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd
from bokeh.models import BoxAnnotation, Label
from bokeh.palettes import Cividis256, Greys256, Viridis256

from galviz.figures.style import FOCUS, GREY, ORANGE, PINK, SKY, frame
from galviz.sky.photometry import StretchKind, lupton_rgb, stretch, stretch_limits

MARKS: dict[str, tuple[str, str, str]] = {
    "bcg": ("star", FOCUS, "central galaxy"),
    "member": ("circle", ORANGE, "member"),
    "field": ("square", SKY, "field galaxy"),
    "star": ("x", PINK, "star"),
}
"""Shape, colour and name of each kind of source."""

PALETTES: dict[str, tuple[str, ...]] = {"grey": Greys256, "viridis": Viridis256, "cividis": Cividis256}
"""Perceptually uniform palettes for the pixels of a band."""

LUPTON_Q = 8
"""Softening of the asinh in Lupton's colours."""

_COLOUR_NAMES = (("r", "g", "b"), ("red", "green", "blue"), ("R", "G", "B"))
_LINEAR_SIGMAS = 8.0
_LEVELS = 1024  # steps of the colour map: an asinh needs many at its faint end
SIDE = 190
"""Pixels that a picture is wide and high on a page."""


def band_image(
    pixels: np.ndarray,
    *,
    title: str,
    unit: str,
    pixel_scale: float,
    coverage: np.ndarray | None = None,
    sources: pd.DataFrame | None = None,
    kind: StretchKind = "asinh",
    percentile: float = 99.5,
    a: float = 0.1,
    palette: str = "grey",
) -> hv.Image | hv.Overlay:
    """Draw one band of one object; the pixels go to the page as they are, the stretch is in the colour map.

    Parameters
    ----------
    pixels : numpy.ndarray
        (H, W) in `unit`; row 0 is drawn at the bottom.
    title : str
        What is shown: the band, and whose.
    unit : str
        Unit of a pixel, on the colour bar.
    pixel_scale : float
        Arcsec per pixel.
    coverage : numpy.ndarray of bool, optional
        (H, W); where it is False the picture is hatched, for nothing was observed there.
    sources : pandas.DataFrame, optional
        What to mark: columns x, y (pixels from 0) and kind.
    kind, percentile, a
        As in `galviz.sky.photometry.stretch`.
    palette : str
        A key of `PALETTES`.

    Returns
    -------
    holoviews.Image, or holoviews.Overlay with the marks
        In arcsec from the centre.
    """
    seen = np.where(coverage, pixels, np.nan) if coverage is not None else np.asarray(pixels, dtype=np.float64)
    limits = stretch_limits(seen, kind, percentile=percentile)
    limits = limits if limits[0] < limits[1] else (limits[0], limits[0] + 1.0)
    image = hv.Image(
        seen[::-1], bounds=_bounds(seen.shape, pixel_scale), vdims=[hv.Dimension("flux", unit=unit, range=limits)]
    )
    image = image.opts(
        cmap=_stretched(PALETTES[palette], limits, kind, a),
        clim=limits,
        colorbar=True,
        colorbar_opts={
            "width": 8,
            "background_fill_alpha": 0,
            "title_text_font_size": "8pt",
            "major_label_text_font_size": "8pt",
        },
        clabel=f"{unit} per pixel",
        clipping_colors={"NaN": (0, 0, 0, 0)},
        tools=["hover"],
    )
    return _framed(image, title, seen.shape, pixel_scale, sources)


def rgb_image(
    images: np.ndarray,
    bands: Sequence[str],
    *,
    title: str,
    pixel_scale: float,
    coverage: np.ndarray | None = None,
    sources: pd.DataFrame | None = None,
    brightness: float = 1.0,
) -> hv.RGB | hv.Overlay:
    """Draw three bands of one object as Lupton RGB; what is not observed in all three is hatched.

    Parameters
    ----------
    images : numpy.ndarray
        (B, H, W).
    bands : sequence of str
        (B,) names along axis 0.
    coverage : numpy.ndarray of bool, optional
        (B, H, W).
    brightness : float
        As in `rgb_pixels`.
    title, pixel_scale, sources
        As in `band_image`.

    Returns
    -------
    holoviews.RGB, or holoviews.Overlay with the marks
    """
    rgba = rgb_pixels(images, bands, coverage=coverage, brightness=brightness)
    shape = rgba.shape[:2]
    picture = hv.RGB(rgba[::-1], bounds=_bounds(shape, pixel_scale), vdims=[*"RGBA"])
    return _framed(picture, title, shape, pixel_scale, sources)


def rgb_bands(bands: Sequence[str]) -> tuple[str, str, str]:
    """Choose which bands are shown as red, green and blue: those named so, or i, r, g, else from the reddest down."""
    for colours in _COLOUR_NAMES:
        if set(colours) <= set(bands):
            return colours
    if {"g", "r", "i"} <= set(bands):
        return ("i", "r", "g")
    red_first = [*bands[::-1], *[bands[0]] * 2]
    return red_first[0], red_first[1], red_first[2]


def rgb_pixels(
    images: np.ndarray, bands: Sequence[str], *, coverage: np.ndarray | None = None, brightness: float = 1.0
) -> np.ndarray:
    """Make the pixels of a colour picture, with an alpha of 0 where not all three bands are observed.

    The linear part of the stretch is 8 σ / `brightness`, with σ the scatter of the picture's own pixels
    (1.4826 · median |p − median p|, over the three bands): pixels of any size come out alike.

    Parameters
    ----------
    images : numpy.ndarray
        (B, H, W).
    bands : sequence of str
        (B,) names along axis 0.
    coverage : numpy.ndarray of bool, optional
        (B, H, W).
    brightness : float
        1 by default; 2 shows sources half as bright the same.

    Returns
    -------
    numpy.ndarray
        (H, W, 4) uint8.
    """
    rgb = rgb_bands(bands)
    rows = [list(bands).index(name) for name in rgb]
    three = np.asarray(images, dtype=np.float64)[rows]
    seen = np.ones(three.shape[1:], bool) if coverage is None else np.asarray(coverage)[rows].all(axis=0)
    linear = linear_part(three[:, seen]) / brightness
    colours = lupton_rgb(three, ("0", "1", "2"), ("0", "1", "2"), stretch=linear, Q=LUPTON_Q)
    return np.dstack([colours, np.where(seen, 255, 0).astype(np.uint8)])


def linear_part(pixels: np.ndarray) -> float:
    """Give up to which pixel value a colour picture is linear: 8 σ, with σ the scatter of its own pixels.

    Parameters
    ----------
    pixels : numpy.ndarray
        The observed ones of three bands, any shape; none at all gives 8.
    """
    if not pixels.size:
        return _LINEAR_SIGMAS
    scatter = 1.4826 * float(np.median(np.abs(pixels - np.median(pixels))))
    return _LINEAR_SIGMAS * (scatter or float(np.abs(pixels).max()) or 1.0)


def scale_bar(side: float) -> tuple[float, str]:
    """Choose a round length that is a sixth to two fifths of a side.

    Parameters
    ----------
    side : float
        Arcsec.

    Returns
    -------
    length : float
        Arcsec.
    label : str
        ``"30″"``, or in arcmin from one arcmin on: ``"2′"``.
    """
    in_minutes = side * 0.4 >= 60
    unit = 60.0 if in_minutes else 1.0
    limit = 0.4 * side / unit
    step = 10.0 ** np.floor(np.log10(limit))
    length = float(max(m for m in (1, 2, 5) if m * step <= limit * (1 + 1e-9)) * step)
    return length * unit, f"{length:g}{'′' if in_minutes else '″'}"


def _bounds(shape: tuple[int, ...], scale: float) -> tuple[float, float, float, float]:
    height, width = shape
    return -width / 2 * scale, -height / 2 * scale, width / 2 * scale, height / 2 * scale


def _stretched(palette: Sequence[str], limits: tuple[float, float], kind: StretchKind, a: float) -> list[str]:
    """Bend a palette so that a linear colour map shows the stretch."""
    level = stretch(np.linspace(*limits, _LEVELS), kind, limits=limits, a=a)
    return [palette[k] for k in np.round(level * (len(palette) - 1)).astype(int)]


def _framed(
    picture: hv.Image | hv.RGB, title: str, shape: tuple[int, ...], scale: float, sources: pd.DataFrame | None
) -> hv.Image | hv.RGB | hv.Overlay:
    hook = partial(_hatching_and_bar, bounds=_bounds(shape, scale))
    bare = {"xaxis": None, "yaxis": None, "toolbar": None, "show_grid": False, "hooks": [hook]}
    size = {"responsive": False, "height": None, "frame_width": SIDE, "frame_height": SIDE * shape[0] // shape[1]}
    marked = picture if sources is None else picture * _marks(sources, shape, scale)
    return frame(marked, title=title, fontsize={"title": "9pt"}, **bare, **size)


def _marks(sources: pd.DataFrame, shape: tuple[int, ...], scale: float) -> hv.Points:
    height, width = shape
    place = {
        "x": (sources["x"].to_numpy(float) - (width - 1) / 2) * scale,
        "y": (sources["y"].to_numpy(float) - (height - 1) / 2) * scale,
        "kind": sources["kind"].to_numpy(object),
    }
    shapes, colours = ({kind: mark[k] for kind, mark in MARKS.items()} for k in (0, 1))
    colour = hv.dim("kind").categorize(colours, default=GREY)
    marker = hv.dim("kind").categorize(shapes, default="diamond")
    return hv.Points(place, ["x", "y"], "kind").opts(
        marker=marker, color=colour, line_color=colour, fill_alpha=0, size=8, line_width=1.3, show_legend=False
    )


def _hatching_and_bar(plot: Any, _: hv.Element, bounds: tuple[float, float, float, float]) -> None:
    """Put hatching behind the picture, seen where it is transparent, and a scale bar onto it.

    Annotations of Bokeh cost a fiftieth of what elements of HoloViews do, and there are six pictures on a page.
    """
    left, bottom, right, top = bounds
    length, text = scale_bar(right - left)
    x, y = left + 0.06 * (right - left), bottom + 0.06 * (top - bottom)
    found = {model.name: model for model in plot.state.center + plot.state.below if model.name}
    if "bar" not in found:
        hatching = {"hatch_pattern": "/", "hatch_color": "#c4c4c4", "hatch_scale": 8.0, "line_width": 0}
        plot.state.add_layout(BoxAnnotation(fill_color="#8c8c8c", fill_alpha=1, level="underlay", **hatching))
        found["bar"] = BoxAnnotation(name="bar", fill_color="white", fill_alpha=1, line_color="black", line_width=0.5)
        found["label"] = Label(name="label", x=0, y=0, text_color="white", text_font_size="11px", text_align="center")
        plot.state.add_layout(found["bar"])
        plot.state.add_layout(found["label"])
    found["bar"].update(left=x, right=x + length, bottom=y, top=y + 0.012 * (top - bottom))
    found["label"].update(x=x + length / 2, y=y + 0.02 * (top - bottom), text=text)
