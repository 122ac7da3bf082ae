"""Cutouts in FITS files: a cube or image per file, a band or a cube per extension, or a stack of cubes."""

from __future__ import annotations

import bz2
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

import numpy as np

from galviz.io.damage import whole
from galviz.io.formats import common
from galviz.sky.checks import WCS_COLUMNS

if TYPE_CHECKING:  # a page knows these files by name, and must not wait for astropy before it shows
    from astropy.io import fits
    from astropy.wcs import WCS

MOST_VALUES = 2**28
"""Largest number of pixels of one object, all bands together. A small file can claim any size."""
SUFFIXES = (".fits", ".fit", ".fts", ".fits.gz", ".fit.gz", ".fits.fz", ".fits.bz2")
_LARGEST = 2**29  # bytes of an unpacked .bz2
# Extensions that describe the image beside them, and are no band.
_BESIDE = re.compile(
    r"(^|[_\W])(masks?|weights?|wht|invvar|ivar|var(iance)?|err(or)?s?|rms|sigma|psfs?|dq|flags?|coverage|models?|"
    r"exptime|bkg|background|seg(m|map|mentation)?|nexp|ctx|con)($|[_\W\d])",
    re.IGNORECASE,
)
_DAMAGE = r"(?is).*(truncated|checksum|datasum|corrupt)"
_LOCK = RLock()
_OPEN = {"memmap": False, "checksum": True, "ignore_missing_simple": False}
_ZERO_POINTS = (
    *("MAGZERO", "MAGZPT", "MAGZP", "MAGZEROP", "MAGZRPT", "MAG_ZP", "ZEROPOINT", "ZEROPNT", "ZEROPT", "ZERO_PNT"),
    *("ZPTMAG", "ZPMAG", "PHOTZP", "PHOTZPT_AB", "ABMAGZP", "ZP_AB", "ZP"),
)
_JANSKY = {"nJy": 31.4, "uJy": 23.9, "µJy": 23.9, "mJy": 16.4, "Jy": 8.9}  # BUNIT → AB zero point; MJy is another
_NANOMAGGY = {"nanomaggy", "nanomaggies", "nmgy", "nanomaggy/pixel", "nanomaggies/pixel"}


class Cutout(NamedTuple):
    """One object as it is published."""

    pixels: np.ndarray
    """float32, (B, H, W), row 0 at the bottom; NaN where nothing was observed."""
    wcs: dict[str, float] | None = None
    """The columns `galviz.sky.checks.WCS_COLUMNS`."""
    pixel_scale: float = np.nan
    """Arcsec."""
    zero_points: tuple[float, ...] | None = None
    """AB magnitude of a pixel value of 1 in each band, as the headers say; None where they do not."""


class Contents(NamedTuple):
    """What a file holds, from its headers."""

    ids: tuple[str, ...] | None
    """Ids of its objects; None where the file is one object, whose id is the name of the file."""
    bands: tuple[str, ...] | None
    """Names of the bands; None where they have none."""
    shape: tuple[int, int, int]
    """(B, H, W) of the first object."""
    unit: str = "flux"
    """As in `galviz.sky.checks.UNITS`."""
    plane: dict[str, float] | None = None
    """Coordinates of the first object: the columns `galviz.sky.checks.WCS_COLUMNS`."""
    beside: tuple[str, ...] = ()
    """Names of what the file holds beside the images."""
    columns: Any = None
    """What the file itself says of its objects, a pandas.DataFrame of N rows, or None."""
    colour: bool = False
    """Whether its objects are colour pictures (8 bits, red, green, blue), not scientific images."""
    zero_points: tuple[str, tuple[float, ...]] | None = None
    """Keyword and value for each band of the first object, of `Cutout.zero_points`."""


class _Place(NamedTuple):
    """Where one object is in a file: one HDU (and the row of a stack), or one HDU a band."""

    hdus: tuple[int, ...]
    row: int | None = None


@dataclass(frozen=True)
class FitsCutout:
    """One object that a FITS file (or one file per band) holds. It is read by `read`, in any process."""

    paths: tuple[Path, ...]

    def read(self) -> Cutout:
        """Read the pixels. Raise a ValueError that names the file if it is damaged."""
        parts = [_one(path) for path in self.paths]
        if len({part.pixels.shape[1:] for part in parts}) > 1:
            sizes = ", ".join(f"{part.pixels.shape[2]}×{part.pixels.shape[1]}" for part in parts)
            raise ValueError(f"{self.paths[0]}: expected bands of one size, got {sizes}.")
        known = [part.zero_points for part in parts]
        points = None if None in known else sum(known, ())
        return parts[0]._replace(pixels=np.concatenate([part.pixels for part in parts]), zero_points=points)


def is_fits(path: Path) -> bool:
    """Return whether the name of a file is that of a FITS file."""
    return path.name.lower().endswith(SUFFIXES)


def has_image(path: Path) -> bool:
    """Return whether a FITS file has an image; False for a table. Raise a ValueError if it is damaged."""
    with path.open("rb") as file:
        head = file.read(2880)
    if head.startswith(b"SIMPLE  =") and re.search(rb"NAXIS   =\s+[2-9] ", head):
        return True  # most files: nothing more is read
    with _opened(path) as hdus, _strict():
        return bool(_image_hdus(hdus))


def contents(path: Path) -> Contents:
    """Return what a FITS file holds. Only headers are read.

    Raises
    ------
    ValueError
        If the file is damaged or has no image.
    """
    with _opened(path) as hdus, _strict():
        places, ids, beside = _places(path, hdus)
        first = places[0]
        header, shape = hdus[first.hdus[0]].header, _shape(hdus, first)
        bands = _band_names([hdus[k].header for k in first.hdus], shape[0])
        unit = str(header.get("BUNIT", hdus[0].header.get("BUNIT", ""))).strip().lower()
        # The Legacy Surveys' cutouts have no unit; they are in nanomaggies, as all their images.
        legacy = not unit and str(header.get("SURVEY", "")).replace(" ", "").lower().startswith("legacysurvey")
        return Contents(
            ids=ids,
            bands=bands,
            shape=shape,
            unit="nanomaggy" if unit in _NANOMAGGY or legacy else "display" if unit == "display" else "flux",
            plane=_coordinates(header, shape[1:]),
            beside=tuple(beside),
            zero_points=_zero_points(hdus, first),
        )


def count(path: Path) -> int:
    """Return how many objects a file holds."""
    with _opened(path) as hdus, _strict():
        return len(_places(path, hdus)[0])


def cutouts(path: Path) -> Iterator[Cutout | ValueError]:
    """Yield the objects of a file that holds several, one at a time; a damaged one as the reason."""
    with _opened(path) as hdus:
        with _strict():
            places = _places(path, hdus)[0]
        for place in places:
            try:
                with whole(path, "FITS image", "Fetch it again."), _strict():
                    found: Cutout | ValueError = _read(path, hdus, place)
            except (ValueError, OSError) as error:
                found = ValueError(str(error))
            yield found
            for k in place.hdus:
                if place.row is None:
                    del hdus[k].data  # memory stays flat


def _one(path: Path) -> Cutout:
    with _opened(path) as hdus, _strict():
        places, _, _ = _places(path, hdus)
        if len(places) > 1:
            raise ValueError(f"{path}: expected one object, as the other files have, got {len(places)}.")
        return _read(path, hdus, places[0])


@contextmanager
def _strict() -> Iterator[None]:
    """Make errors of astropy's warnings of damage, after which it reads on; in one thread at a time, as it must be."""
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=_DAMAGE)
        yield


@contextmanager
def _opened(path: Path) -> Iterator[fits.HDUList]:
    """Open a file. What is read of it is read inside `_strict`."""
    from astropy.io import fits

    with whole(path, "FITS file with images", "Fetch it again."):
        if not path.is_file():
            raise ValueError(f"{path}: expected a file, got none.")  # a pipe would never end
        common.size_of(path)  # refuses a .gz that unpacks to an absurd size
        with path.open("rb") as file:
            packed = file.read(3) == b"BZh"
        # astropy leaves a file open that it cannot read, unless it is given as a file.
        with _unpacked(path) if packed else common.opened(path) as file:
            with _strict():
                hdus = fits.open(file, **_OPEN)
            with hdus:
                yield hdus


def _unpacked(path: Path) -> BytesIO:
    with bz2.open(path) as packed:
        content = packed.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it unpacks to more than {_LARGEST:,} bytes")
    return BytesIO(content)


def _image_hdus(hdus: fits.HDUList) -> list[int]:
    return [k for k, hdu in enumerate(hdus) if hdu.is_image and len(_sides(hdu)) >= 2]


def _sides(hdu: Any) -> tuple[int, ...]:
    """Return the shape of an image, without axes of one pixel in front of the last three."""
    shape = tuple(hdu.shape or ())
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _places(path: Path, hdus: fits.HDUList) -> tuple[list[_Place], tuple[str, ...] | None, list[str]]:
    """Return where the objects are, their ids, and the names of what lies beside them."""
    found = _image_hdus(hdus)
    beside = [k for k in found if hdus[k].header.get("COVERAGE") is True or (k and _BESIDE.search(hdus[k].name))]
    found, others = [k for k in found if k not in beside] or found, [hdus[k].name for k in beside]
    if not found:
        raise ValueError(f"{path}: expected an image, got tables or nothing. Give it as --table beside images.")
    sides = {k: _sides(hdus[k]) for k in found}
    strange = next((k for k, shape in sides.items() if len(shape) > 4 or np.prod(shape[-3:]) > MOST_VALUES), None)
    if strange is not None:
        raise ValueError(f"{path}: expected images of at most {MOST_VALUES:,} pixels, got {sides[strange]}.")
    if len(found) == 1 and len(sides[found[0]]) == 4:
        return [_Place((found[0],), row) for row in range(sides[found[0]][0])], (), others
    if len(found) > 1 and all(len(shape) == 3 for shape in sides.values()):
        return [_Place((k,)) for k in found], tuple(_id_of(hdus[k], k) for k in found), others
    if len(found) > 1 and (len(set(sides.values())) > 1 or len(sides[found[0]]) != 2):
        got = ", ".join(f"{hdus[k].name or k} {'×'.join(map(str, sides[k][::-1]))}" for k in found[:5])
        raise ValueError(f"{path}: expected extensions of one size, a band each, or a cube an object, got {got}.")
    return [_Place(tuple(found))], None, others


def _id_of(hdu: Any, k: int) -> str:
    name = str(hdu.header.get("OBJECT", "")).strip() or hdu.name or str(k)
    return unquote(name) if "GVQUOTE" in hdu.header else name


def _shape(hdus: fits.HDUList, place: _Place) -> tuple[int, int, int]:
    sides = _sides(hdus[place.hdus[0]])[-3:]
    return sides if len(sides) == 3 else (len(place.hdus), *sides)


def _read(path: Path, hdus: fits.HDUList, place: _Place) -> Cutout:
    first = hdus[place.hdus[0]]
    if place.row is not None:
        size = first.shape[-4] if len(first.shape) >= 4 else 1
        if not 0 <= place.row < size:
            raise ValueError(f"{path}: expected row {place.row}, got {size} rows.")
        pixels = np.asarray(first.section[place.row], dtype=np.float32)
    else:
        pixels = np.concatenate([_cube(hdus[k].data) for k in place.hdus])
    _, height, width = pixels.shape
    covered = hdus[place.hdus[0] + 1] if place.hdus[0] + 1 < len(hdus) else None
    if covered is not None and covered.header.get("COVERAGE") is True and covered.shape == pixels.shape:
        pixels = np.where(np.asarray(covered.data) != 0, pixels, np.float32(np.nan))
    wcs = _coordinates(first.header, (height, width))
    points = _zero_points(hdus, place)
    return Cutout(pixels, wcs, _pixel_scale(first.header, wcs), None if points is None else points[1])


def _zero_points(hdus: fits.HDUList, place: _Place) -> tuple[str, tuple[float, ...]] | None:
    """Return keyword and AB zero point of each band; None if one has none. A band without takes the file's."""
    found = [_zero_point(hdus[k].header) or _zero_point(hdus[0].header) for k in place.hdus]
    if None in found:
        return None
    bands = _shape(hdus, place)[0]
    values = [value for _, value in found] if len(found) == bands else [found[0][1]] * bands
    return found[0][0], tuple(values)


def _zero_point(header: fits.Header) -> tuple[str, float] | None:
    """Return keyword and AB zero point that a header gives, by one of the usual keywords or by Jansky as its unit."""
    unit = str(header.get("BUNIT", "")).replace(" ", "").removesuffix("/pixel").removesuffix("/pix")
    if unit in _JANSKY:
        return "BUNIT", _JANSKY[unit]
    for key in _ZERO_POINTS:
        value = header.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 5 < value < 45:  # 0: not calibrated
            return key, float(value)
    flux = header.get("FLUXMAG0")  # of the HSC survey: the value that a star of magnitude 0 has
    if isinstance(flux, int | float) and 1e2 < flux < 1e18:
        return "FLUXMAG0", 2.5 * float(np.log10(flux))
    return None


def _cube(data: Any) -> np.ndarray:
    pixels = np.asarray(data)
    if pixels.dtype.kind not in "iuf":
        raise ValueError(f"expected numbers as pixels, got {pixels.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is thus not covered
        pixels = pixels.astype(np.float32)
    return pixels.reshape(-1, *pixels.shape[-2:])


def _band_names(headers: list[fits.Header], count: int) -> tuple[str, ...] | None:
    """Return the names of the bands that headers give, or None."""
    header = headers[0]
    if len(headers) > 1:
        names = [str(h.get("FILTER", h.get("BAND", "")) or h.get("EXTNAME", "")).strip() for h in headers]
        names = names if len(set(names)) == count else [str(h.get("EXTNAME", "")).strip() for h in headers]
    else:
        listed = str(header.get("BANDS", header.get("FILTERS", ""))).strip()
        words = re.split(r"[\s,;]+", listed) if listed else []
        names = list(listed) if len(words) == 1 and len(listed) == count else words
        for key, start in (("BAND", 0), ("BAND", 1), ("FILTER", 0), ("FILTER", 1)):
            if len(names) != count:
                names = [str(header.get(f"{key}{k}", "")).strip() for k in range(start, start + count)]
                names = names if all(names) else []
        if count == 1 and len(names) != 1:
            names = [str(header.get("FILTER", header.get("BAND", ""))).strip()]
    good = len(names) == count and all(names) and max(Counter(names).values()) == 1
    return tuple(names) if good else None


def _coordinates(header: fits.Header, shape: tuple[int, int]) -> dict[str, float] | None:
    """Return the tangent plane of an image, (H, W); of another projection or with distortion, that at its middle."""
    if not {"CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2"} <= set(header):
        return None
    from astropy.wcs import WCS

    try:
        wcs = WCS(header, naxis=2)
        if not wcs.has_celestial:
            return None
        plain = list(wcs.wcs.ctype) == ["RA---TAN", "DEC--TAN"] and not wcs.has_distortion
        system, equinox = str(wcs.wcs.radesys or "ICRS"), wcs.wcs.equinox
        if plain and system in ("ICRS", "FK5") and (np.isnan(equinox) or equinox == 2000):
            values = [*wcs.wcs.crval, *wcs.wcs.crpix, *wcs.pixel_scale_matrix.ravel()]
        else:
            values = _local_plane(wcs, shape)
    except Exception:  # noqa: BLE001 - wcslib raises almost anything over damaged cards, and pixels do not need it
        return None
    found = dict(zip(WCS_COLUMNS, map(float, values), strict=True))
    area = found["cd1_1"] * found["cd2_2"] - found["cd1_2"] * found["cd2_1"]
    good = np.isfinite(list(found.values())).all() and area != 0 and abs(found["crval2"]) <= 90
    return found if good else None


def _local_plane(wcs: WCS, shape: tuple[int, int]) -> list[float]:
    from astropy.wcs.utils import pixel_to_skycoord

    x, y = (shape[1] - 1) / 2, (shape[0] - 1) / 2
    places = pixel_to_skycoord(np.array([x, x + 1, x]), np.array([y, y, y + 1]), wcs).icrs
    east, north = places[0].spherical_offsets_to(places[1:])
    (cd11, cd12), (cd21, cd22) = east.to_value("deg"), north.to_value("deg")
    return [places[0].ra.deg, places[0].dec.deg, x + 1, y + 1, cd11, cd12, cd21, cd22]


def _pixel_scale(header: fits.Header, wcs: dict[str, float] | None) -> float:
    if wcs is not None:
        return 3600 * float(np.sqrt(abs(wcs["cd1_1"] * wcs["cd2_2"] - wcs["cd1_2"] * wcs["cd2_1"])))
    given = header.get("PIXSCALE", header.get("PIXELSCALE", np.nan))
    return float(given) if isinstance(given, int | float) and given > 0 else np.nan
