"""Synthetic skies of colour pictures: what those of Galaxy Zoo, of metallicity and of cluster members share."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq

from galviz.io.lazy_array import LazyRows
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.parts import Progress, check, random_of, write_drawn_sky
from galviz.sky.readers.pictures import BANDS

Row = dict[str, object]
Drawn = tuple[str, np.ndarray, Row]
DrawOne = Callable[[np.random.Generator, int], tuple[np.ndarray, Row]]
"""From a random generator and a size to a picture, uint8 (3, size, size), and its row of the catalogue."""

_PART = 4096  # pictures that are held before they are written
_NOISE = 0.012


def write_pictures(
    path: str | Path,
    n: int,
    draw: DrawOne,
    name: str,
    *,
    size: int,
    seed: int,
    batch: int,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw a sky of pictures into a folder.

    Parameters
    ----------
    path, n, batch, workers, progress
        As in `galviz.sky.mock.parts.write_drawn_sky`.
    draw : callable
        Draws one object. It is pickled for several workers.
    name : str
        What the ids begin with.
    size : int
        Height and width, pixels.
    seed : int
        Object k depends on `seed` and k alone.

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists, or a number is out of range.
    """
    check(n=n, size=size, workers=workers, seed=seed)
    many = partial(draw_pictures, draw=draw, name=name, seed=seed, size=size)
    return write_drawn_sky(path, n, many, gather_pictures, part=_PART, batch=batch, workers=workers, progress=progress)


def draw_pictures(numbers: range, *, draw: DrawOne, name: str, seed: int, size: int) -> list[Drawn]:
    """Draw the objects with these numbers, each with its own random generator: (id, picture, row)."""
    return [(f"{name}-{seed}-{number:06d}", *draw(random_of(seed, number), size)) for number in numbers]


def gather_pictures(drawn: list[Drawn], pixel_scale: float = np.nan) -> CutoutSet:
    """Return pictures (id, uint8 (3, H, W), row), with pixels of so many arcsec, as a sky."""
    ids = pd.Index([name for name, _, _ in drawn], name="object_id")
    return CutoutSet(
        images=LazyRows(np.stack([image for _, image, _ in drawn]), levels=255),
        bands=BANDS,
        catalogue=pd.DataFrame([row for _, _, row in drawn], index=ids),
        pixel_scale=pixel_scale,
        unit="display",
        origin="synthetic sky",
        checked=True,
    )


def shown(light: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add noise and stretch for the eye, asinh(8 x) / asinh(16): light (3, H, W) -> uint8 (3, H, W)."""
    noisy = light + _NOISE * rng.standard_normal(light.shape)
    return (255 * np.clip(np.arcsinh(8 * noisy + 0.15) / np.arcsinh(16.0), 0, 1)).round().astype(np.uint8)


def bell(at: np.ndarray, middle: float, width: float) -> np.ndarray:
    """Return exp(−((at − middle) / width)²)."""
    return np.exp(-(((at - middle) / width) ** 2))


def blurred(light: np.ndarray, seeing: float) -> np.ndarray:
    """Return light (3, H, H) convolved with a Gaussian whose full width at half maximum is `seeing` pixels."""
    side = light.shape[-1]
    u, v = fftfreq(side), rfftfreq(side)
    kernel = np.exp(-2 * (np.pi * seeing / 2.3548) ** 2 * (u[:, None] ** 2 + v[None, :] ** 2))
    return irfft2(rfft2(light) * kernel, s=(side, side))
