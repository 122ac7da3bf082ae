"""Objects made ready for a sky, in any process: decoded, cut, shrunk, with coverage and coordinates."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from galviz.sky.readers.fits_images import Cutout
from galviz.sky.readers.picture_files import Fit, Raw, box_of, covered, cut, decoded, middle


class Cutting(NamedTuple):
    """How objects are cut and shrunk."""

    crop: int = 0
    """Side of the square that is kept, pixels; 0 is everything."""
    size: int = 0
    """Side of the result, pixels; 0 keeps the pixels of scientific images."""
    fit: Fit = "pad"
    box: tuple[int, int] = (0, 0)
    """Width and height of scientific images where `crop` and `size` are 0."""
    bands: int = 3
    flux: bool = False
    """Whether a pixel is a flux, so that a larger pixel is the sum of the smaller ones. Otherwise it is their mean."""


class Ready(NamedTuple):
    """An object after cutting and shrinking."""

    pixels: np.ndarray  # (B, H, W)
    covered: np.ndarray | None  # (H, W) or (B, H, W)
    zoom: float  # how many of its own pixels one of these is wide
    resized: bool = False  # its shape was changed by padding or cutting
    rounded: bool = False
    grey: bool = False
    empty: bool = False  # some of its pixels are NaN or infinite
    wcs: dict[str, float] | None = None
    pixel_scale: float = np.nan


def prepare(raws: list[Raw], how: Cutting) -> list[Ready | str]:
    """Return objects cut and shrunk, or the reason for each that cannot be read."""
    done: list[Ready | str] = []
    for raw in raws:
        try:
            found = raw.read() if hasattr(raw, "read") else raw
            done.append(_cutout(found, how) if isinstance(found, Cutout) else _picture(found, how))
        except (ValueError, OSError, MemoryError) as error:
            done.append(str(error) or "it is too large for the memory.")
    return done


def _picture(raw: Raw, how: Cutting) -> Ready:
    picture = decoded(raw)
    box = box_of(picture.size, how.crop, how.fit)
    size = how.size or box[0]
    pixels, seen = middle(picture, box, size), covered(picture.size, box, (size, size))
    not_square = not how.crop and picture.width != picture.height
    return Ready(pixels, seen, box[0] / size, not_square, picture.info["rounded"], picture.info["grey"])


def _cutout(cutout: Cutout, how: Cutting) -> Ready:
    """Cut and shrink a scientific image. A pixel is covered where all pixels that it is made of are finite."""
    bands, height, width = cutout.pixels.shape
    if bands != how.bands:
        raise ValueError(
            f"images: expected {how.bands} bands as in the other files, got {bands}. Make a sky of its own of it."
        )
    box = box_of((width, height), how.crop, how.fit) if how.crop or how.size else how.box
    size = (how.size, how.size) if how.size else box
    zoom, known = box[0] / size[0], np.isfinite(cutout.pixels)
    if not known.any():
        raise ValueError("images: expected pixels with a value, got NaN alone.")
    pixels = np.stack([_shrunk(band, box, size) for band in np.where(known, cutout.pixels, np.float32(0))])
    seen = None
    if not known.all() or box[0] > width or box[1] > height:
        seen = np.stack([_shrunk(band, box, size) for band in known.astype(np.float32)]) > 1 - 1e-6
        pixels = np.where(seen, pixels, np.float32(0))
    pixels = pixels if zoom == 1 or not how.flux else pixels * np.float32(zoom * zoom)
    return Ready(
        pixels,
        seen,
        zoom,
        resized=not how.crop and (width, height) != box,
        empty=not known.all(),
        wcs=None if cutout.wcs is None else _shifted(cutout.wcs, (width - box[0]) // 2, (height - box[1]) // 2, zoom),
        pixel_scale=cutout.pixel_scale,
    )


def _shrunk(band: np.ndarray, box: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    return np.asarray(cut(Image.fromarray(np.ascontiguousarray(band)), box, size))


def _shifted(wcs: dict[str, float], left: float, low: float, zoom: float) -> dict[str, float]:
    """Return a tangent plane with pixels `zoom` times as large, counted from the edges `left` and `low`."""
    changed = {name: (wcs[name] - 0.5 - edge) / zoom + 0.5 for name, edge in (("crpix1", left), ("crpix2", low))}
    return wcs | changed | {name: value * zoom for name, value in wcs.items() if name.startswith("cd")}
