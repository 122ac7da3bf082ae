"""Cutouts from SDSS corrected frames: aligned in all bands, area-averaged, with coverage.

Every band is resampled once, through its own coordinates, to one tangent plane. Flux is conserved: the pixels of the
cutouts are nanomaggies per cutout pixel, so that a sum over pixels is a flux in nanomaggies.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal

import astropy.units as u
import numpy as np
import pandas as pd
from astropy.cosmology import FLRW
from astropy.wcs import WCS

from galviz.io.ids import check_ids
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cosmology import COSMOLOGY
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.frames import Field, find_fields, read_field
from galviz.sky.readers.shelf import REFERENCE, Damaged, Known, Shelf, Sources, check_places, collect, cutout_set, fill
from galviz.sky.resample import tangent_plane
from galviz.sky.surveys import SDSS

__all__ = ["Field", "cutouts", "find_fields", "read_field", "tiles"]

_PART_BYTES = 256 * 2**20
_NAMED = 20  # ids that a message names before it counts


def cutouts(
    fields: Sources,
    positions: pd.DataFrame,
    *,
    size: int,
    side: u.Quantity,
    cosmology: FLRW = COSMOLOGY,
    sources: Known = None,
    outside: Literal["raise", "skip"] = "raise",
    damaged: Damaged = "raise",
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CutoutSet:
    """Return cutouts of objects from fields: north up, east left, centred on the position, all bands on one grid.

    An object is cut from the field in whose r frame it lies farthest from the edge. Parts outside that field are filled
    from the others, in the given order. Pixels outside all fields are 0 and not covered. One field is in memory at a
    time.

    Parameters
    ----------
    fields : Field, path or sequence of them
        Fields, or folders with the frames of any number of fields in or below them.
    positions : pandas.DataFrame
        Indexed by `object_id` (unique strings); columns ``ra``, ``dec`` (ICRS, degrees), for a proper length ``z``.
    size : int
        Side of the cutouts in output pixels: H = W = size.
    side : astropy.units.Quantity
        Side on the sky, one for all or N of them: an angle, or a proper length at the redshift ``z`` (1 Mpc is
        3.7 arcmin at z = 0.3).
    cosmology : astropy.cosmology.FLRW
        Turns a proper length into an angle; H0 = 70 km/s/Mpc, Ωm = 0.3, flat, by default.
    sources : pandas.DataFrame, optional
        Columns ``object_id``, ``ra``, ``dec``, ``kind`` and more: those inside the cutout of their object are kept.
    outside : {"raise", "skip"}
        How positions outside all r frames are treated: an error, or left out with a warning that names them.
    damaged : {"raise", "skip"}
        How unreadable fields are treated: an error, or left out with their objects, with a warning.
    out : str or Path, optional
        A new folder to which the set is saved part by part, for more cutouts than fit in memory.
    progress : callable, optional
        Called after each field with the number of finished fields and the number of all fields.

    Returns
    -------
    CutoutSet
        Images in nanomaggies per pixel, shape (N, 5, size, size); catalogue as `positions`, in its order, with a column
        ``field``, the name of the field cut from. With `out` the saved set, read lazily.

    Raises
    ------
    ValueError
        If a position lies outside all fields, positions, size or side are not as above, or a field lacks a band.
    OSError
        If a file is damaged. The message names it.
    """
    if outside not in {"raise", "skip"}:
        raise ValueError(f"outside: expected 'raise' or 'skip', got {outside!r}.")
    check_places(sources)
    shelf = Shelf(fields, damaged)
    scale = _pixel_scales(_checked(positions), size, side, cosmology)
    home = _homes(shelf, positions, outside)
    planes = [_centred(row.ra, row.dec, s, size) for row, s in zip(positions.itertuples(), scale, strict=True)]
    catalogue = positions.assign(field=np.array(shelf.names, dtype=object)[home])
    limit = max(1, _PART_BYTES // (4 * len(SDSS.bands) * size**2))

    def parts() -> Iterator[CutoutSet]:
        homes = np.unique(home[home >= 0])
        for k in _with_progress(homes, len(homes), progress):
            rows = np.flatnonzero(home == k)
            for start in range(0, len(rows) if shelf.field(k) else 0, limit):
                part = rows[start : start + limit]
                yield _cut(shelf, k, catalogue.iloc[part], [planes[row] for row in part], size, sources=sources)

    made = collect(parts(), out)
    return made.select(positions.index[positions.index.isin(made.object_ids)])


def tiles(
    fields: Sources,
    *,
    size: int,
    side: u.Quantity | None = None,
    damaged: Damaged = "raise",
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> CutoutSet:
    """Return tiles of whole fields: cutouts that do not overlap and are fully covered in all bands.

    Tiles have the orientation of the r frame and lie on its grid: at the frame's own scale r is copied pixel by pixel,
    and the other bands are resampled to it.

    Parameters
    ----------
    fields : Field, path or sequence of them
        Fields, or folders with the frames of any number of fields in or below them.
    size : int
        Side of a tile in output pixels: H = W = size.
    side : astropy.units.Quantity, optional
        Side of a tile on the sky, an angle. By default `size` pixels of the frame.
    damaged : {"raise", "skip"}
        How unreadable fields are treated: as an error, or they are left out with a warning.
    out : str or Path, optional
        A new folder to which the set is saved field by field.
    progress : callable, optional
        Called after each field with the number of finished fields and the number of all fields.

    Returns
    -------
    CutoutSet
        Images in nanomaggies per pixel, shape (N, 5, size, size). ``object_id`` is field, row and column:
        ``"001035-6-0017_03_05"``; catalogue columns ``ra``, ``dec`` (centre, ICRS degrees), ``field``.

    Raises
    ------
    ValueError
        If not one tile fits into a field, or a field lacks a band.
    OSError
        If a file is damaged. The message names it.
    """
    shelf = Shelf(fields, damaged)
    numbers = _with_progress(range(len(shelf.names)), len(shelf.names), progress)
    return collect((_tile(shelf.field(k), size, side) for k in numbers if shelf.field(k)), out)


def _with_progress(fields: Iterable[int], count: int, progress: Callable[[int, int], None] | None) -> Iterator[int]:
    """Yield fields, and report progress after each."""
    for done, k in enumerate(fields, start=1):
        yield k
        if progress is not None:
            progress(done, count)


def _checked(positions: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in ("ra", "dec") if name not in positions.columns]
    if missing or positions.empty:
        raise ValueError(
            f"positions: expected rows with columns ra and dec in degrees, got {len(positions)} rows with columns "
            f"{tuple(positions.columns)}. Rename the columns of the catalogue."
        )
    check_ids(positions.index)
    good = np.isfinite(positions["ra"].to_numpy(float)) & (np.abs(positions["dec"].to_numpy(float)) <= 90)
    if not good.all():
        bad = positions[~good].iloc[0]
        raise ValueError(
            f"positions: expected ra and dec in degrees, got ra={bad['ra']}, dec={bad['dec']} for {bad.name!r}. "
            "Drop the row, or convert its units."
        )
    return positions


def _pixel_scales(positions: pd.DataFrame, size: int, side: u.Quantity, cosmology: FLRW) -> np.ndarray:
    """Return the arcsec per output pixel of each cutout, shape (N,)."""
    side = u.Quantity(side)
    if side.unit.is_equivalent(u.Mpc):
        z = positions["z"].to_numpy(float) if "z" in positions.columns else np.zeros(len(positions))
        if not (z > 0).all():
            raise ValueError(
                f"positions: expected a column z > 0 for a side of {side}, "
                f"got none such for {positions.index[~(z > 0)][0]!r}. Give redshifts, or side as an angle."
            )
        side = (side / cosmology.angular_diameter_distance(z)) * u.rad
    return np.broadcast_to(_arcsec(side, size, {(), (len(positions),)}), len(positions))


def _arcsec(side: u.Quantity, size: int, shapes: set[tuple[int, ...]]) -> np.ndarray:
    """Return the arcsec per output pixel for a side given as an angle."""
    if not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"size: expected a whole number of output pixels, at least 1, got {size!r}.")
    side = u.Quantity(side)
    if not side.unit.is_equivalent(u.arcsec) or side.shape not in shapes or not (side.value > 0).all():
        raise ValueError(
            f"side: expected a positive angle (or, of cutouts, a proper length, or one an object), "
            f"got {side}. Give for example side=25 * u.arcsec."
        )
    return side.to_value(u.arcsec) / size


def _centred(ra: float, dec: float, scale: float, size: int) -> dict[str, float]:
    """Return a north-up tangent plane with the centre of the cutout as reference point."""
    values = (ra, dec, (size + 1) / 2, (size + 1) / 2, -scale / 3600, 0, 0, scale / 3600)
    return dict(zip(WCS_COLUMNS, values, strict=True))


def _homes(shelf: Shelf, positions: pd.DataFrame, outside: str) -> np.ndarray:
    """Return the index of the field in which each position is farthest from the edge, or -1, shape (N,)."""
    ra, dec = (positions[name].to_numpy(float) for name in ("ra", "dec"))
    home, depth = np.full(len(ra), -1), np.zeros(len(ra))
    for k, (wcs, (height, width)) in enumerate(shelf.outlines):
        near = np.flatnonzero(shelf.distance(k, ra, dec) < 60)
        if len(near):
            x, y = wcs.wcs_world2pix(ra[near], dec[near], 0)
            inside = np.min([x + 0.5, width - 0.5 - x, y + 0.5, height - 0.5 - y], axis=0)
            better = inside > depth[near]
            home[near[better]], depth[near[better]] = k, inside[better]
    out = np.flatnonzero(home < 0)
    if len(out) and (outside == "raise" or len(out) == len(ra)):
        first = out[0]
        distances = [shelf.distance(k, ra[first], dec[first]) for k in range(len(shelf.names))]
        nearest = int(np.argmin(distances))
        raise ValueError(
            f"positions: expected positions inside the r frames of {len(shelf.names)} fields, got "
            f"{positions.index[first]!r} at ra={ra[first]:.6f}, dec={dec[first]:.6f}, {distances[nearest]:.1f} arcmin "
            f"from the middle of the nearest, {shelf.names[nearest]} ({len(out)} of {len(ra)} positions lie outside). "
            "Add their fields, or leave them out with outside='skip'."
        )
    if len(out):
        named = ", ".join(positions.index[out[:_NAMED]]) + (", …" if len(out) > _NAMED else "")
        warnings.warn(f"positions: left out {len(out)} of {len(ra)} outside all fields: {named}", stacklevel=3)
    return home


def _cut(
    shelf: Shelf, home: int, catalogue: pd.DataFrame, planes: list[dict[str, float]], size: int, *, sources: Known
) -> CutoutSet:
    """Cut objects of one home field; the others fill in what it does not cover."""
    images = np.zeros((len(planes), len(SDSS.bands), size, size), dtype=np.float32)
    coverage = np.zeros(images.shape, dtype=bool)
    for k in [home, *(k for k in range(len(shelf.names)) if k != home)]:
        for row, plane in enumerate(planes):
            if not coverage[row].all() and shelf.reaches(k, plane, size) and shelf.field(k):
                fill(images[row], coverage[row], shelf.field(k), tangent_plane(plane))
    return cutout_set(images, coverage, catalogue, planes, sources)


def _tile(field: Field, size: int, side: u.Quantity | None) -> CutoutSet:
    wcs = field.wcs[REFERENCE]
    native = np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600
    ratio = _arcsec(size * native * u.arcsec if side is None else side, size, {()}) / native
    left, right, low, high = _common_box(field)
    step = ratio * size
    columns, rows = int((right - left) / step), int((high - low) / step)
    if not columns or not rows:
        raise ValueError(
            f"side: expected tiles that fit into field {field.name}, of which all bands cover {right - left} × "
            f"{high - low} pixels, got {step:.1f} pixels. Choose a smaller side or size."
        )
    left, low = left + int((right - left - columns * step) / 2), low + int((high - low - rows * step) / 2)
    ids, planes = [], []
    for row in range(rows):
        for column in range(columns):
            ids.append(f"{field.name}_{row:02d}_{column:02d}")
            planes.append(_shifted(wcs, left + column * step, low + row * step, ratio))
    images = np.zeros((len(ids), len(SDSS.bands), size, size), dtype=np.float32)
    coverage = np.zeros(images.shape, dtype=bool)
    for image, cover, plane in zip(images, coverage, planes, strict=True):
        fill(image, cover, field, tangent_plane(plane))
    middles = np.array([tangent_plane(plane).wcs_pix2world((size - 1) / 2, (size - 1) / 2, 0) for plane in planes])
    catalogue = pd.DataFrame({"ra": middles[:, 0], "dec": middles[:, 1], "field": field.name}, index=ids)
    whole = coverage.all(axis=(1, 2, 3))
    kept = [plane for plane, keep in zip(planes, whole, strict=True) if keep]
    return cutout_set(images[whole], coverage[whole], catalogue[whole], kept)


def _common_box(field: Field) -> tuple[int, int, int, int]:
    """Return the left, right, low and high edges of the area covered by all bands, in whole pixels of the r frame."""
    height, width = field.images.shape[1:]
    edges = np.array([[-0.5, -0.5], [-0.5, height - 0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5]])
    corners = [field.wcs[REFERENCE].wcs_world2pix(wcs.wcs_pix2world(edges, 0), 0) + 0.5 for wcs in field.wcs]
    x, y = np.moveaxis(np.round(corners, 6), -1, 0)
    left, right = np.ceil(x[:, :2].max()), np.floor(x[:, 2:].min())
    low, high = np.ceil(y[:, ::2].max()), np.floor(y[:, 1::2].min())
    return int(left), int(right), int(low), int(high)


def _shifted(wcs: WCS, left: float, low: float, ratio: float) -> dict[str, float]:
    """Return the same tangent plane with pixels `ratio` times as large, counted from the edges `left` and `low`."""
    crpix = (np.array(wcs.wcs.crpix) - 0.5 - (left, low)) / ratio + 0.5
    return dict(zip(WCS_COLUMNS, (*wcs.wcs.crval, *crpix, *(wcs.wcs.cd * ratio).ravel()), strict=True))
