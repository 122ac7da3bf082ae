"""Cutouts around the objects of a catalogue, out of stacked images: one FITS file a band, all bands on one grid.

So are the stacks of HSC and CLAUDS, with COSMOS's catalogue (`galviz ingest stacks`). No pixel is resampled.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.column_names import REDSHIFTS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers import fits_images
from galviz.sky.readers.fits_images import FitsCutout
from galviz.sky.readers.shelf import collect, pixel_side
from galviz.sky.readers.zero_points import NANOMAGGY
from galviz.sky.resample import tangent_plane

BANDS = "ugrizy"
"""Bands that the names of files tell, from blue to red."""

_BAND = re.compile(r"([ugrizyUGRIZY])[2sS]?")  # HSC's r2 and i2 are newer filters, CFHT's uS is u*
_SAME = 0.1  # pixels by which the corners of bands on one grid may differ
_PART_BYTES = 256 * 2**20
_Z_MOST = 9.9  # COSMOS writes 9.99 or −99 where there is no redshift, and 0 for stars


@dataclass(frozen=True, eq=False)
class Stack:
    """Images of one part of the sky in several bands, on one grid.

    Parameters
    ----------
    files : dict of str to Path
        By band.
    plane : dict of str to float
        Tangent plane, see `galviz.sky.checks.WCS_COLUMNS`.
    shape : (int, int)
        (H, W).
    """

    files: dict[str, Path]
    plane: dict[str, float]
    shape: tuple[int, int]

    def pixels(self, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return column and row of positions in degrees, counted from 0; NaN for those on the other side of the sky."""
        x, y = tangent_plane(self.plane).wcs_world2pix(ra, dec, 0)
        back, _ = tangent_plane(self.plane).wcs_pix2world(x, y, 0)
        near = np.abs((back - ra + 180) % 360 - 180) < 1
        return np.where(near, x, np.nan), np.where(near, y, np.nan)


def find_stacks(folders: Sequence[str | Path], bands: Sequence[str] = ()) -> list[Stack]:
    """Return the stacks in folders or below them. Only headers are read.

    The band is a part of a file's name: ``cosmos-u.fits``, ``calexp-HSC-G-9813-4,4.fits``. Files whose images cover the
    same pixels of the sky belong together. Masks and variances beside an image are left aside.

    Parameters
    ----------
    folders : sequence of str or Path
    bands : sequence of str, optional
        Bands to use. By default all.

    Raises
    ------
    FileNotFoundError
        If there are no such files.
    ValueError
        If an image has no coordinates, a band is there twice, or a stack lacks one that others have.
    """
    stacks: list[Stack] = []
    for path in (path for folder in folders for path in sorted(Path(folder).rglob("*")) if fits_images.is_fits(path)):
        band = _band(path.name)
        if band and (not bands or band in bands) and fits_images.has_image(path):
            _add(stacks, path, band)
    if not stacks:
        listed = ", ".join(map(str, folders))
        raise FileNotFoundError(
            f"folders: expected FITS images with a band in their names (such as -u.fits or -HSC-G-), got none in "
            f"{listed}. Rename the files, or give their folder."
        )
    every = [band for band in BANDS if any(band in stack.files for stack in stacks)]
    for stack in stacks:
        if lacking := [band for band in (bands or every) if band not in stack.files]:
            raise ValueError(
                f"{next(iter(stack.files.values()))}: expected bands {' '.join(bands or every)} on one grid, got none "
                f"of {' '.join(lacking)}. Add what is missing, or choose other --bands."
            )
    return stacks


def cutouts(
    folders: Sequence[str | Path],
    positions: pd.DataFrame,
    *,
    size: int,
    out: str | Path,
    bands: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CutoutSet, dict[str, int]]:
    """Cut squares of whole pixels around positions. The position lies within half a pixel of the middle.

    Where stacks overlap, an object is cut from the one in which it lies farthest from the edge.

    Parameters
    ----------
    folders, bands
        As in `find_stacks`.
    positions : pandas.DataFrame, N rows
        Indexed by `object_id`, with columns ``ra`` and ``dec`` (ICRS, degrees).
    size : int
        Side of a cutout, pixels.
    out : str or Path
        A new folder to which the set is saved part by part.
    progress : callable, optional
        Called with the number of finished stacks and of all.

    Returns
    -------
    cutouts : CutoutSet
        In nanomaggies if all files say their zero points, else in the unit ``"flux"``.
    left_out : dict of str to int
        Why how many objects have no cutout: ``"outside"``, ``"missing pixels"``.

    Raises
    ------
    ValueError
        If no object is left, or a file is damaged.
    """
    stacks, left_out = find_stacks(folders, bands), {"outside": 0, "missing pixels": 0}
    ra, dec = (positions[name].to_numpy(np.float64) for name in ("ra", "dec"))
    home, depth = np.full(len(positions), -1), np.zeros(len(positions))
    for k, stack in enumerate(stacks):
        (x, y), (height, width) = stack.pixels(ra, dec), stack.shape
        low, left = _corner(y, size), _corner(x, size)
        inside = np.min([left, width - size - left, low, height - size - low], axis=0) + 1  # 0 or less: not whole
        better = inside > depth  # False for NaN
        home[better], depth[better] = k, inside[better]
    left_out["outside"] = int((home < 0).sum())
    if left_out["outside"] == len(positions):
        raise ValueError(
            f"positions: expected objects whose cutouts of {size} pixels lie inside the stacks, got none of "
            f"{len(positions):,}. Check the columns ra and dec, or give other stacks."
        )
    scaled = all(fits_images.contents(path).zero_points for stack in stacks for path in stack.files.values())

    def parts() -> Iterator[CutoutSet]:
        for k, stack in enumerate(stacks):
            rows = np.flatnonzero(home == k)
            for part in np.array_split(rows, -(-len(rows) * len(stack.files) * size**2 * 4 // _PART_BYTES) or 1):
                made = _cut(stack, positions.iloc[part], size, scaled=scaled) if len(part) else None
                left_out["missing pixels"] += len(part) - (0 if made is None else len(made))
                if made is not None:
                    yield made
            if progress is not None:
                progress(k + 1, len(stacks))

    made = collect(parts(), out)
    return made.select(positions.index[positions.index.isin(made.object_ids)]), left_out


def with_redshift(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Return a catalogue with the column ``z``, NaN where there is none, and a note of where it comes from.

    It is the first of `galviz.sky.column_names.REDSHIFTS` that the catalogue has. A catalogue that has a column z
    is returned as it is.
    """
    own = {str(name).lower(): name for name in table.columns}
    name = next((own[one] for one in REDSHIFTS if one in own), None)
    if "z" in table.columns or name is None:
        return table, []
    z = pd.to_numeric(table[name], errors="coerce").astype("float64")
    z = z.where((z > 0) & (z < _Z_MOST))
    return table.assign(z=z), [f"z ← {name}, known of {z.notna().sum():,}"]


def _band(name: str) -> str:
    """Return the band in the name of a file, or ``""``: the last part of it that names one."""
    parts = [_BAND.fullmatch(part) for part in re.split(r"[-_.]", name)]
    return next((found[1].lower() for found in reversed(parts) if found), "")


def _add(stacks: list[Stack], path: Path, band: str) -> None:
    known = fits_images.contents(path)
    if known.plane is None or known.shape[0] != 1:
        got = "no coordinates" if known.plane is None else f"{known.shape[0]} images"
        raise ValueError(f"{path}: expected a single image with coordinates, got {got}. Give a file for each band.")
    new = Stack({band: path}, known.plane, known.shape[1:])
    same = next((one for one in stacks if one.shape == new.shape and _is_same_grid(one, new)), None)
    if same is None:
        stacks.append(new)
    elif band in same.files:
        raise ValueError(f"{path}: expected one file of the band {band} on a grid, got {same.files[band]} too.")
    else:
        same.files[band] = path


def _is_same_grid(one: Stack, other: Stack) -> bool:
    height, width = one.shape
    x, y = np.array([0, width - 1, 0]), np.array([0, 0, height - 1])
    return bool(np.allclose(one.pixels(*tangent_plane(other.plane).wcs_pix2world(x, y, 0)), (x, y), atol=_SAME))


def _corner(place: np.ndarray, size: int) -> np.ndarray:
    """Return the first pixel, counted from 0, of cutouts around places along one axis."""
    return np.floor(place - size / 2 + 1)


def _cut(stack: Stack, catalogue: pd.DataFrame, size: int, *, scaled: bool) -> CutoutSet | None:
    """Return the cutouts that have all pixels in all bands; None if there are none."""
    x, y = stack.pixels(catalogue["ra"].to_numpy(np.float64), catalogue["dec"].to_numpy(np.float64))
    lows, lefts = _corner(y, size).astype(int), _corner(x, size).astype(int)
    bands = [band for band in BANDS if band in stack.files]
    images = np.empty((len(catalogue), len(bands), size, size), dtype=np.float32)
    for b, band in enumerate(bands):  # one image in memory at a time
        found = FitsCutout((stack.files[band],)).read()
        pixels = found.pixels[0]
        if scaled:
            pixels = pixels * np.float32(10 ** (0.4 * (NANOMAGGY - found.zero_points[0])))
        for row, (low, left) in enumerate(zip(lows, lefts, strict=True)):
            images[row, b] = pixels[low : low + size, left : left + size]
    whole = np.isfinite(images).all(axis=(1, 2, 3))
    if not whole.any():
        return None
    planes = pd.DataFrame([stack.plane] * len(catalogue), index=catalogue.index)[list(WCS_COLUMNS)]
    planes = planes.assign(crpix1=planes["crpix1"] - lefts, crpix2=planes["crpix2"] - lows)[whole]
    return CutoutSet(
        images=images[whole],
        bands=bands,
        catalogue=catalogue[whole],
        pixel_scale=pixel_side(planes).to_numpy() * 3600,
        unit="nanomaggy" if scaled else "flux",
        coverage=np.ones(images[whole].shape, dtype=bool),
        wcs=planes,
        origin="cutouts of stacks",
    )
