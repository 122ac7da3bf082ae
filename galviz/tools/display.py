"""Display settings: how pixels become pictures, in the gallery, the viewer and every contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from bokeh.palettes import Cividis256, Greys256, Viridis256

from galviz.sky.photometry import StretchKind, stretch_limits

PictureKind = Literal["lupton", "asinh", "zscale", "percentile", "linear"]
KINDS: tuple[str, ...] = get_args(PictureKind)
"""Stretches: ``"lupton"`` for colour pictures, and those of `galviz.sky.photometry.stretch`."""

PALETTES: dict[str, tuple[str, ...]] = {"grey": Greys256, "viridis": Viridis256, "cividis": Cividis256}
"""Perceptually uniform palettes for the pixels of a band."""

LUPTON_Q = 8
"""Softening parameter Q of Lupton's asinh stretch."""

MISSING = 255  # palette entry of unobserved pixels; brightness uses 0 to 254
_COLOUR_NAMES = (("r", "g", "b"), ("red", "green", "blue"), ("R", "G", "B"))
_LINEAR_SIGMAS = 8.0


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
        A key of `PALETTES`, for one band.

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


def rgb_bands(bands: Sequence[str]) -> tuple[str, str, str]:
    """Return the bands shown as red, green and blue: bands of these names, or i, r, g, else the reddest three."""
    for colours in _COLOUR_NAMES:
        if set(colours) <= set(bands):
            return colours
    if {"g", "r", "i"} <= set(bands):
        return ("i", "r", "g")
    red_first = [*bands[::-1], *[bands[0]] * 2]
    return red_first[0], red_first[1], red_first[2]


def linear_part(pixels: np.ndarray) -> float:
    """Return the pixel value up to which a colour picture is linear: 8 σ, with σ from the MAD of its pixels.

    Parameters
    ----------
    pixels : numpy.ndarray
        Observed pixels of three bands, any shape; an empty array gives 8.
    """
    if not pixels.size:
        return _LINEAR_SIGMAS
    scatter = 1.4826 * float(np.median(np.abs(pixels - np.median(pixels))))
    return _LINEAR_SIGMAS * (scatter or float(np.abs(pixels).max()) or 1.0)


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
        pixels if observed is None else pixels[..., observed], band_kind(stretch), percentile=stretch.percentile
    )


def lupton_limits(three: np.ndarray, stretch: Stretch, observed: np.ndarray | None = None) -> tuple[float, float]:
    """Return the black level and the linear stretch of one Lupton picture.

    By default 0 and `linear_part`, computed from every second row of a large picture.

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
    entries = [colours[round(k * (len(colours) - 1) / (MISSING - 1))] for k in range(MISSING)]
    return bytes.fromhex("".join(colour.lstrip("#")[:6] for colour in entries))


def band_kind(stretch: Stretch) -> StretchKind:
    """Return the stretch of a single band: asinh where colour pictures use Lupton."""
    return "asinh" if stretch.kind == "lupton" else stretch.kind
