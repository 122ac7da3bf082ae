"""Pixels to pictures: display settings, and a contact sheet of many objects as one PNG."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from galviz.sky.photometry import StretchKind, lupton_rgb, stretch_limits
from galviz.sky.photometry import stretch as stretch_pixels
from galviz.tools.viewer.figure import LUPTON_Q, PALETTES, linear_part, rgb_bands

PictureKind = Literal["lupton", "asinh", "zscale", "percentile", "linear"]
KINDS: tuple[str, ...] = get_args(PictureKind)
"""Stretches: ``"lupton"`` for colour pictures, and those of `galviz.sky.photometry.stretch`."""

_MISSING = 255  # palette entry of unobserved pixels; brightness uses 0 to 254
_RUN_LENGTH = 3  # zlib's Z_RLE: noise hardly compresses, so use the fastest strategy


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Display settings: how pixels become pictures.

    Parameters
    ----------
    bands : tuple of str
        One band, shown with a palette; or three, shown as red, green and blue.
    kind : {"lupton", "asinh", "zscale", "percentile", "linear"}
        ``"lupton"`` keeps the colours of bright sources; for one band it means ``"asinh"``. The others are those of
        `galviz.sky.photometry.stretch`, with the same limits for all three bands.
    percentile, a : float
        As in `galviz.sky.photometry.stretch`.
    limits : (float, float), optional
        Pixel values shown as black and as white in all pictures. By default they are set per picture.
    gamma : float
        Brightness 0..1 is raised to this power: values below 1 make faint structures visible.
    brightness : float
        For ``"lupton"``: with 2, a source looks as bright as one of twice its flux with 1.
    palette : str
        A key of `galviz.tools.viewer.figure.PALETTES`, for one band.

    Raises
    ------
    ValueError
        If there are neither one nor three bands, the kind or palette is unknown, or a number is invalid.
    """

    bands: tuple[str, ...]
    kind: PictureKind = "lupton"
    percentile: float = 99.5
    a: float = 0.1
    limits: tuple[float, float] | None = None
    gamma: float = 1.0
    brightness: float = 1.0
    palette: str = "grey"

    def __post_init__(self) -> None:
        if len(self.bands) not in (1, 3):
            raise ValueError(f"bands: expected one name, or three for red, green and blue, got {self.bands}.")
        for name, known in (("kind", KINDS), ("palette", tuple(PALETTES))):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}.")
        if self.limits is not None and not self.limits[0] < self.limits[1]:
            raise ValueError(f"limits: expected the black value below the white one, got {self.limits}.")
        if min(self.gamma, self.brightness, self.a) <= 0:
            raise ValueError("gamma, brightness, a: expected positive numbers.")


def default_stretch(bands: Sequence[str], unit: str = "nanomaggy") -> Stretch:
    """Return the initial display settings of a cutout set.

    Parameters
    ----------
    bands : sequence of str
        Bands of the set.
    unit : str
        Display pixels (``"display"``) are shown unchanged: 0 is black, 1 is white, and three bands are red, green and
        blue in the order of the set unless their names say otherwise. Fluxes in three or more bands use ``"lupton"``.
    """
    display = unit == "display"
    shown = rgb_bands(bands[::-1] if display else bands) if len(bands) >= 3 else (bands[0],)
    if display:
        return Stretch(bands=shown, kind="linear", limits=(0.0, 1.0))
    return Stretch(bands=shown, kind="lupton" if len(shown) == 3 else "asinh")


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


def shown_limits(pixels: np.ndarray, stretch: Stretch, observed: np.ndarray | None = None) -> tuple[float, float]:
    """Return the pixel values that a stretch shows as black and as white in one picture.

    Parameters
    ----------
    pixels : numpy.ndarray
        (H, W), or (3, H, W) for common limits of three bands.
    stretch : Stretch
        ``"lupton"`` counts as ``"asinh"``; see `lupton_limits`.
    observed : numpy.ndarray of bool, optional
        (H, W), False where nothing was observed: such pixels do not count.
    """
    if stretch.limits is not None:
        return stretch.limits
    return stretch_limits(
        pixels if observed is None else pixels[..., observed], _band_kind(stretch), percentile=stretch.percentile
    )


def lupton_limits(three: np.ndarray, stretch: Stretch, observed: np.ndarray | None = None) -> tuple[float, float]:
    """Return the black level and the linear stretch of one Lupton picture.

    By default 0 and `galviz.tools.viewer.figure.linear_part`, computed from every second row of a large picture.

    Parameters
    ----------
    three : numpy.ndarray
        (3, H, W).
    stretch : Stretch
    observed : numpy.ndarray of bool, optional
        (H, W), False where nothing was observed: such pixels do not count.
    """
    if stretch.limits is not None:
        return stretch.limits[0], (stretch.limits[1] - stretch.limits[0]) / stretch.brightness
    some = three[:, :: 2 if three.shape[1] >= 32 else 1] if observed is None else three[:, observed]
    return 0.0, linear_part(some) / stretch.brightness


def object_limits(
    images: np.ndarray, coverage: np.ndarray | None, bands: Sequence[str], stretch: Stretch
) -> tuple[float, float]:
    """Return the limits of one object's picture: `lupton_limits` for three bands by Lupton, else `shown_limits`.

    Parameters
    ----------
    images : numpy.ndarray
        (B, H, W).
    coverage : numpy.ndarray of bool, optional
        (B, H, W); pixels that are False in one of the bands shown do not count.
    bands : sequence of str
        (B,) names along axis 0.
    stretch : Stretch
    """
    rows = [list(bands).index(name) for name in stretch.bands]
    observed = None if coverage is None else coverage[rows].all(axis=0)
    if len(rows) == 1:
        return shown_limits(images[rows[0]], stretch, observed)
    return (lupton_limits if stretch.kind == "lupton" else shown_limits)(images[rows], stretch, observed)


def palette_bytes(name: str) -> bytes:
    """Return 255 colours of a palette, darkest first, as consecutive RGB bytes."""
    colours = PALETTES[name]
    entries = [colours[round(k * (len(colours) - 1) / (_MISSING - 1))] for k in range(_MISSING)]
    return bytes.fromhex("".join(colour.lstrip("#")[:6] for colour in entries))


def _band_kind(stretch: Stretch) -> StretchKind:
    return "asinh" if stretch.kind == "lupton" else stretch.kind


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
    return stretch_pixels(scaled, _band_kind(stretch), limits=(0.0, 1.0), a=stretch.a) ** stretch.gamma


def _grey(pixels: np.ndarray, observed: np.ndarray | None, stretch: Stretch) -> np.ndarray:
    """Return palette entries (N, H, W), uint8."""
    level = np.rint(_levels(pixels, observed, stretch) * (_MISSING - 1)).astype(np.uint8)
    return level if observed is None else np.where(observed, level, np.uint8(_MISSING))


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
        sheet = np.full((1, 1), _MISSING, dtype=np.uint8)
    picture = Image.fromarray(sheet)
    more = {}
    if sheet.ndim == 2:
        picture = picture.copy()
        picture.putpalette(palette_bytes(stretch.palette) + b"\0\0\0")
        more["transparency"] = _MISSING
    picture.save(out, "PNG", compress_type=_RUN_LENGTH, **more)
    return out.getvalue()
