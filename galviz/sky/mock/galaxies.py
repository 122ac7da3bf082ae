"""A synthetic sky of single galaxies: redshifted spectra of four types, drawn in five bands, as a `CutoutSet`.

Colours follow from the spectra of Coleman, Wu & Weedman (1980) that come with GalSim, in its LSST passbands u g r i z
(those of SDSS are similar, but are not included in GalSim). So colours carry information about the true redshift.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.colours import BANDS, MAGNITUDES
from galviz.sky.mock.parts import Progress, check, drawn_sky, part_of, random_of, write_drawn_sky
from galviz.sky.mock.render import add_noise, draw_images, draw_seeing
from galviz.sky.surveys import SDSS
from galviz.sky.templates import TYPES, template_magnitudes

Z_MAX = 0.8
"""Highest redshift of a galaxy."""

_BRIGHT, _FAINT = 16.0, 21.0  # r magnitudes
_SLOPE = 0.35  # of log10 of the counts; flatter than the real 0.45, to have more bright galaxies
_BATCH = 32  # galaxies that a worker draws between two progress reports
_RA, _DEC = (120.0, 240.0), (0.0, 60.0)  # degrees


@dataclass(frozen=True)
class _Drawn:
    object_id: str
    image: np.ndarray
    row: dict[str, object]


def inpainting_sky(
    n: int, *, size: int = 32, seed: int = 0, workers: int = 1, progress: Progress | None = None
) -> CutoutSet:
    """Draw single galaxies with known redshifts, in memory, with the blur and the noise of SDSS.

    Parameters
    ----------
    n : int
        Number of galaxies, N.
    size : int
        Height and width of a cutout, pixels of 0.396 arcsec.
    seed : int
        Galaxy k depends on `seed` and k alone: the same seed gives the same sky, bit for bit, on any number of workers.
    workers : int
        Number of processes. They are spawned, so a script that uses more than one needs the usual
        ``if __name__ == "__main__":``.
    progress : callable, optional
        Called with (galaxies drawn, n) as they come.

    Returns
    -------
    CutoutSet
        Images (N, 5, size, size) in nanomaggies, bands u g r i z, the galaxy within half a pixel of the middle.
        Catalogue: z, type (the nearest of `TYPES`), type_number (0 … 3, not whole between two types), mag_u … mag_z (of
        all its light, without noise), radius (half-light, arcsec), sersic, axis_ratio, ra, dec (degrees).

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Coleman, Wu & Weedman (1980), ApJS 43, 393; Rowe et al. (2015), A&C 10, 121 (GalSim).
    """
    check(n=n, size=size, seed=seed, workers=workers)
    draw = partial(_draw, seed=seed, size=size)
    return drawn_sky(n, draw, _gather, batch=_BATCH, workers=workers, progress=progress)


def write_inpainting_sky(
    path: str | Path, n: int, *, size: int = 32, seed: int = 0, workers: int = 1, progress: Progress | None = None
) -> Path:
    """Draw the sky of `inpainting_sky` into a folder, in parts of 64 MB: memory does not grow with n.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n, size, seed, workers, progress
        As in `inpainting_sky`.

    Returns
    -------
    Path
        The folder, for `CutoutSet.open`.

    Raises
    ------
    FileExistsError
        If the folder already exists.
    ValueError
        If a number is out of range.
    """
    check(n=n, size=size, seed=seed, workers=workers)
    draw = partial(_draw, seed=seed, size=size)
    more = {"part": part_of(len(BANDS), size), "batch": _BATCH, "workers": workers, "progress": progress}
    return write_drawn_sky(path, n, draw, _gather, **more)


def sed_colours(z: np.ndarray, type_number: np.ndarray) -> np.ndarray:
    """Return the colours of the spectra at given redshifts, from AB magnitudes of the redshifted light.

    Parameters
    ----------
    z : numpy.ndarray, shape (K,)
        Redshift, 0 … `Z_MAX`.
    type_number : numpy.ndarray, shape (K,)
        0 (E) … 3 (Im); between two types their colours are mixed in proportion.

    Returns
    -------
    numpy.ndarray, shape (K, 5)
        Magnitudes u g r i z minus r.
    """
    grid, table = template_magnitudes(BANDS, Z_MAX)
    table = table - table[:, :, [BANDS.index("r")]]
    by_type = np.array([[np.interp(z, grid, table[t, :, b]) for b in range(len(BANDS))] for t in range(len(TYPES))])
    low = np.clip(np.floor(type_number).astype(int), 0, len(TYPES) - 2)
    part = type_number - low
    rows = np.arange(len(z))
    return (1 - part)[:, None] * by_type[low, :, rows] + part[:, None] * by_type[low + 1, :, rows]


def _gather(drawn: list[_Drawn]) -> CutoutSet:
    ids = pd.Index([one.object_id for one in drawn], name="object_id")
    return CutoutSet(
        images=np.stack([one.image for one in drawn]),
        bands=BANDS,
        catalogue=pd.DataFrame([one.row for one in drawn], index=ids),
        pixel_scale=SDSS.pixel_scale,
        unit="nanomaggy",
        wcs=pd.DataFrame([_tan(one) for one in drawn], index=ids),
        origin="synthetic sky",
        survey="sdss",
    )


def _draw(numbers: range, *, seed: int, size: int) -> list[_Drawn]:
    """Draw the galaxies with these numbers, each with its own random generator."""
    return [_draw_one(number, seed, size) for number in numbers]


def _draw_one(number: int, seed: int, size: int) -> _Drawn:
    rng = random_of(seed, number)
    galaxy = _galaxy(rng)
    fwhm, noise = draw_seeing(rng)
    image = add_noise(
        draw_images(pd.DataFrame([galaxy]), (size, size), SDSS.pixel_scale, fwhm), SDSS.pixel_scale, rng, noise
    )
    names = ("z", "type", "type_number", *MAGNITUDES, "radius", "sersic", "axis_ratio")
    place = {"ra": rng.uniform(*_RA), "dec": np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians(_DEC)))))}
    return _Drawn(f"mock-galaxy-{seed}-{number:06d}", image, {name: galaxy[name] for name in names} | place)


def _galaxy(rng: np.random.Generator) -> dict[str, object]:
    """Draw one galaxy: magnitude, redshift (higher for fainter ones), type, size and shape."""
    low, high = (10 ** (_SLOPE * edge) for edge in (_BRIGHT, _FAINT))
    r = np.log10(rng.uniform(low, high)) / _SLOPE
    z = np.clip(0.27 * 10 ** (0.12 * (r - 20)) / 1.412 * rng.gamma(2.0) ** (2 / 3), 0.02, Z_MAX)
    number = rng.triangular(0, 0.3, 3) if rng.uniform() < 0.5 else rng.uniform(0.8, 3)
    magnitudes = r + sed_colours(np.array([z]), np.array([number]))[0] + 0.02 * rng.normal(size=len(BANDS))
    radius = 10 ** (-0.13 * (r - 20)) * np.exp(0.35 * rng.normal())
    red = number < 1
    return {
        "x": rng.uniform(-0.5, 0.5) * SDSS.pixel_scale,
        "y": rng.uniform(-0.5, 0.5) * SDSS.pixel_scale,
        "z": z,
        "type": TYPES[round(number)],
        "type_number": number,
        **dict(zip(MAGNITUDES, magnitudes, strict=True)),
        "radius": float(np.clip(radius, 0.3, 4.0)),
        "sersic": (4 if number < 0.5 else 2) if red else 1,
        "axis_ratio": rng.uniform(0.5 if red else 0.25, 1.0),
        "angle": rng.uniform(0, np.pi),
    }


def _tan(one: _Drawn) -> dict[str, float]:
    """Return the tangent plane of a cutout with north up and east to the left."""
    step, centre = SDSS.pixel_scale / 3600, (one.image.shape[-1] + 1) / 2
    values = (one.row["ra"], one.row["dec"], centre, centre, -step, 0.0, 0.0, step)
    return dict(zip(WCS_COLUMNS, values, strict=True))
