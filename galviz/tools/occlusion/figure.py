"""Figures of occlusion maps: colours and limits, bars per band, mean maps, a picture to save."""

import io
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import holoviews as hv
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from galviz.tools.display import PALETTES
from galviz.tools.marks import draw_mark
from galviz.tools.style import FOCUS, plain_title


@cache
def _diverging() -> tuple[str, ...]:
    """Return a palette that is perceptually uniform and white at its centre."""
    import colorcet  # late: it takes half a second

    return tuple(colorcet.CET_D1A)


def colour_scale(values: np.ndarray, value: str) -> tuple[tuple[float, float], tuple[str, ...]]:
    """Return limits and palette of a map.

    Parameters
    ----------
    values : numpy.ndarray
        Any shape; NaN is ignored.
    value : {"change", "output"}
        A change, of either sign, is shown symmetric about zero, blue to red; an output from its minimum to its maximum.

    Returns
    -------
    limits : (float, float)
    palette : tuple of str
        256 colours.
    """
    finite = values[np.isfinite(values)]
    if value == "change":
        most = float(np.abs(finite).max(initial=0.0))
        return (-most, most), _diverging()
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0), tuple(PALETTES["viridis"])


def rgb_of(palette: Sequence[str]) -> list[list[int]]:
    """Return a palette as lists of red, green and blue, 0 to 255."""
    return [list(bytes.fromhex(colour.lstrip("#")[:6])) for colour in palette]


def mean_map(values: np.ndarray, title: str) -> hv.Image:
    """Draw a map of changes (H, W), symmetric about zero; axes are in px from the image centre."""
    (low, high), palette = colour_scale(values, "change")
    height, width = values.shape
    bounds = (-width / 2, -height / 2, width / 2, height / 2)
    dimensions = {"kdims": [hv.Dimension("dx", label="Δx (px)"), hv.Dimension("dy", label="Δy (px)")]}
    image = hv.Image(values[::-1], bounds=bounds, vdims=[hv.Dimension("change")], **dimensions)
    options = {"cmap": list(palette), "clim": (low, high), "colorbar": True, "tools": ["hover"], "toolbar": "right"}
    return image.opts(
        **options,
        title=plain_title(title),
        frame_width=240,
        frame_height=round(240 * height / width),
        fontsize={"title": "10pt"},
    )


def picture(
    image_png: bytes,
    values: np.ndarray,
    scale_of_map: tuple[tuple[float, float], Sequence[str]],
    caption: str,
    sources: pd.DataFrame | None = None,
    *,
    side: int = 480,
) -> bytes:
    """Draw an image, its map next to it, and text below, as a PNG.

    Parameters
    ----------
    image_png : bytes
        The image (W, H), row 0 at the bottom.
    values : numpy.ndarray, shape (H, W)
        The map; NaN is drawn white.
    scale_of_map : ((float, float), sequence of str)
        Limits and palette, from `colour_scale`.
    caption : str
        Text; line breaks are kept.
    sources : pandas.DataFrame, optional
        Columns x, y, kind; drawn on image and map.
    side : int
        Width of image and of map, in px.
    """
    (low, high), palette = scale_of_map
    colours = np.array(rgb_of(palette), dtype=np.uint8)
    level = np.clip((values - low) / ((high - low) or 1.0), 0, 1)
    drawn = colours[np.round(np.nan_to_num(level) * (len(colours) - 1)).astype(int)]
    drawn[~np.isfinite(values)] = 255
    height = round(side * values.shape[0] / values.shape[1])
    with Image.open(io.BytesIO(image_png)) as image:
        parts = [image.convert("RGB"), Image.fromarray(drawn[::-1])]
    lines = caption.splitlines()
    sheet = Image.new("RGB", (2 * side + 12, height + 18 * (len(lines) + 1) + 12), "white")
    pen, font = ImageDraw.Draw(sheet), _font()
    for k, part in enumerate(parts):
        sheet.paste(part.resize((side, height), Image.Resampling.NEAREST), (k * (side + 12), 0))
        for source in () if sources is None else sources.itertuples():
            scale = side / values.shape[1]
            x, y = k * (side + 12) + (source.x + 0.5) * scale, height - (source.y + 0.5) * scale
            draw_mark(pen, source.kind, x, y)
    for k, line in enumerate(lines):
        pen.text((4, height + 26 + 18 * k), line, fill=FOCUS if k == 0 else "black", font=font)
    ramp = Image.fromarray(colours[None]).resize((side // 2, 10))
    sheet.paste(ramp, (side + 12 + side // 4, height + 9))
    for place, anchor, number in ((side // 4 - 6, "rt", low), (3 * side // 4 + 6, "lt", high)):
        pen.text((side + 12 + place, height + 7), f"{number:.4g}", fill="black", font=font, anchor=anchor)
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()


@cache
def _font() -> ImageFont.FreeTypeFont:
    """Return a font with Greek letters; Pillow's default font has none."""
    from matplotlib import get_data_path

    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", 12)
