"""A contact sheet: pictures of many objects as one PNG."""

import io
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from galviz.sky.photometry import lupton_rgb
from galviz.sky.photometry import stretch as stretch_pixels
from galviz.tools.display import LUPTON_Q, MISSING, Stretch, band_kind, lupton_limits, palette_bytes, shown_limits

_RUN_LENGTH = 3  # zlib's Z_RLE: noise hardly compresses, so use the fastest strategy


@dataclass(frozen=True)
class Sheet:
    """A contact sheet: picture k is in column k mod `columns` and row k // `columns`.

    Parameters
    ----------
    png : bytes
    columns : int
    width, height : int
        Size of one picture in px.
    """

    png: bytes
    columns: int
    width: int
    height: int


def contact_sheet(
    images: np.ndarray,
    coverage: np.ndarray | None,
    bands: Sequence[str],
    stretch: Stretch,
    *,
    side: int = 128,
) -> Sheet:
    """Draw N objects on one contact sheet.

    Parameters
    ----------
    images : numpy.ndarray
        (N, B, H, W), finite; row 0 is drawn at the bottom.
    coverage : numpy.ndarray of bool, optional
        (N, B, H, W). Pixels not observed in one of the bands shown are transparent, not black.
    bands : sequence of str
        (B,) names along axis 1.
    stretch : Stretch
    side : int
        Size on the screen, in px. Larger images are averaged over blocks of 2×2, 3×3, … pixels, but stay at least this
        large.

    Returns
    -------
    Sheet

    Raises
    ------
    ValueError
        If the stretch names an unknown band.
    """
    missing = [name for name in stretch.bands if name not in bands]
    if missing:
        raise ValueError(f"bands: expected names among {tuple(bands)}, got {stretch.bands}.")
    rows = [list(bands).index(name) for name in stretch.bands]
    pixels = np.asarray(images)[:, rows]
    observed = None if coverage is None or coverage[:, rows].all() else np.asarray(coverage)[:, rows].all(axis=1)
    pixels, observed = _binned(pixels, observed, max(1, min(pixels.shape[2:]) // max(side, 1)))
    columns = max(1, int(np.ceil(np.sqrt(len(pixels)))))
    drawn = _grey(pixels[:, 0], observed, stretch) if len(rows) == 1 else _colour(pixels, observed, stretch)
    return Sheet(_png(_laid_out(drawn[:, ::-1], columns), stretch), columns, pixels.shape[3], pixels.shape[2])


def picture_urls(
    images: Iterable[np.ndarray], bands: Sequence[str], stretch: Stretch, *, side: int = 128
) -> tuple[str, ...]:
    """Return single pictures as addresses that hold the picture itself (``data:``).

    Parameters
    ----------
    images : iterable of numpy.ndarray
        (B, H, W) each.
    bands, stretch, side
        As in `contact_sheet`.
    """
    sheets = (contact_sheet(np.asarray(one, np.float32)[None], None, bands, stretch, side=side) for one in images)
    return tuple(f"data:image/png;base64,{b64encode(sheet.png).decode()}" for sheet in sheets)


def _binned(pixels: np.ndarray, observed: np.ndarray | None, f: int) -> tuple[np.ndarray, np.ndarray | None]:
    if f == 1:
        return pixels, observed
    height, width = (size // f * f for size in pixels.shape[2:])
    shifts = [(slice(i, height, f), slice(j, width, f)) for i in range(f) for j in range(f)]
    mean = sum(pixels[:, :, rows, columns] for rows, columns in shifts) / np.float32(len(shifts))
    return mean, None if observed is None else np.all([observed[:, rows, columns] for rows, columns in shifts], axis=0)


def _levels(pixels: np.ndarray, observed: np.ndarray | None, stretch: Stretch) -> np.ndarray:
    """Return brightness 0..1 of (N, ...) pixels; each of the N has its own limits unless the stretch sets them."""
    observed = [None] * len(pixels) if observed is None else observed
    limits = [shown_limits(picture, stretch, part) for picture, part in zip(pixels, observed, strict=True)]
    low, high = np.reshape(limits, (len(pixels), 2, *[1] * (pixels.ndim - 1))).swapaxes(0, 1)
    scaled = (pixels - low) / np.where(high > low, high - low, np.inf)
    return stretch_pixels(scaled, band_kind(stretch), limits=(0.0, 1.0), a=stretch.a) ** stretch.gamma


def _grey(pixels: np.ndarray, observed: np.ndarray | None, stretch: Stretch) -> np.ndarray:
    """Return palette entries (N, H, W), uint8."""
    level = np.rint(_levels(pixels, observed, stretch) * (MISSING - 1)).astype(np.uint8)
    return level if observed is None else np.where(observed, level, np.uint8(MISSING))


def _colour(pixels: np.ndarray, observed: np.ndarray | None, stretch: Stretch) -> np.ndarray:
    """Return colours (N, H, W, 3), uint8; with a fourth channel, alpha, if pixels are missing."""
    if stretch.kind == "lupton":
        colours = np.empty((len(pixels), *pixels.shape[2:], 3), dtype=np.uint8)
        for k, three in enumerate(pixels):
            colours[k] = _lupton(three, None if observed is None else observed[k], stretch)
        if stretch.gamma != 1:
            bent = np.rint(255 * (np.arange(256) / 255) ** stretch.gamma).astype(np.uint8)
            colours = bent[colours]
    else:
        colours = np.rint(np.moveaxis(_levels(pixels, observed, stretch), 1, -1) * 255).astype(np.uint8)
    return (
        colours if observed is None else np.concatenate([colours, 255 * observed[..., None].astype(np.uint8)], axis=-1)
    )


def _lupton(three: np.ndarray, observed: np.ndarray | None, stretch: Stretch) -> np.ndarray:
    """Return the Lupton picture of one object: (3, H, W) to (H, W, 3) uint8."""
    low, linear = lupton_limits(three, stretch, observed)
    return lupton_rgb(three - np.float32(low), ("0", "1", "2"), ("0", "1", "2"), stretch=linear, Q=LUPTON_Q)


def _laid_out(drawn: np.ndarray, columns: int) -> np.ndarray:
    """Arrange pictures (N, H, W, ...) in one (rows · H, columns · W, ...)."""
    n, height, width, *rest = drawn.shape
    rows = -(-n // columns)
    cells = np.zeros((rows * columns, height, width, *rest), dtype=np.uint8)
    cells[:n] = drawn
    return (
        cells.reshape(rows, columns, height, width, *rest).swapaxes(1, 2).reshape(rows * height, columns * width, *rest)
    )


def _png(sheet: np.ndarray, stretch: Stretch) -> bytes:
    out = io.BytesIO()
    if not sheet.size:
        sheet = np.full((1, 1), MISSING, dtype=np.uint8)
    picture = Image.fromarray(sheet)
    more = {}
    if sheet.ndim == 2:
        picture = picture.copy()
        picture.putpalette(palette_bytes(stretch.palette) + b"\0\0\0")
        more["transparency"] = MISSING
    picture.save(out, "PNG", compress_type=_RUN_LENGTH, **more)
    return out.getvalue()
