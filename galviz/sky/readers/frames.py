"""Reader for SDSS corrected frames: the five files of a field are read into a `Field`."""

import bz2
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import astropy.wcs
import numpy as np
from astropy.coordinates import angular_separation
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from galviz.io.damage import whole
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.resample import tangent_plane
from galviz.sky.surveys import SDSS

_LONGEST_HEADER = 2**20  # bytes
_LARGEST = 2**28  # bytes of an unpacked frame; those of the archive have 12 MB
_EQUATORIAL = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"}
_SYSTEMS = ("ICRS", "FK5")  # at the epoch of SDSS they differ by less than 0.1 arcsec
_SCALES = (0.3, 0.5)  # arcsec: the survey's pixels have 0.396
_APART = 60  # arcsec between the bands of a field, which are offset by up to 10 pixels
_NAME = re.compile(r"frame-([ugriz])-(\d{6}-\d-\d{4})\.fits(\.bz2)?$")


@dataclass(frozen=True, eq=False)
class Field:
    """One SDSS field: five corrected frames, each with its own WCS (bands are offset by some pixels).

    Parameters
    ----------
    name : str
        Run, camera column and field, as in the files' names: ``"001035-6-0017"``.
    images : numpy.ndarray of float32, shape (5, H, W)
        Nanomaggies per pixel, sky subtracted, bands u g r i z.
    wcs : tuple of astropy.wcs.WCS, length 5
        Tangent-plane coordinates of each band.
    """

    name: str
    images: np.ndarray = field(repr=False)
    wcs: tuple[astropy.wcs.WCS, ...] = field(repr=False)


def find_fields(folder: str | Path) -> dict[str, tuple[Path, ...]]:
    """Return the fields whose frames lie in a folder or below it, recognised by their file names.

    Parameters
    ----------
    folder : str or Path
        Holds ``frame-{u,g,r,i,z}-RUN-CAMCOL-FIELD.fits`` or ``.fits.bz2``; where both are there, the first is taken.

    Returns
    -------
    dict of str to tuple of Path
        The paths, at most five (u g r i z), by the name of the field, sorted by name.

    Raises
    ------
    FileNotFoundError
        If there is no frame at all.

    References
    ----------
    SDSS data model, ``BOSS_PHOTOOBJ/frames/RERUN/RUN/CAMCOL/frame``.
    """
    found: dict[str, dict[str, Path]] = {}
    for path in sorted(Path(folder).rglob("frame-*"), reverse=True):
        if name := _NAME.fullmatch(path.name):
            found.setdefault(name[2], {})[name[1]] = path
    if not found:
        raise FileNotFoundError(
            f"folder: expected frame-{{u,g,r,i,z}}-RUN-CAMCOL-FIELD.fits or .fits.bz2 in or below {folder}, got none. "
            "Give the folder that holds the frames."
        )
    return {name: tuple(found[name][band] for band in SDSS.bands if band in found[name]) for name in sorted(found)}


def read_field(source: str | Path | Sequence[str | Path]) -> Field:
    """Read the five frames of one field.

    Parameters
    ----------
    source : str, Path or sequence of them
        A folder with the frames of one field, or the five files in any order.

    Returns
    -------
    Field
        About 61 MB.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    OSError
        If a file is truncated or not a FITS file. The message names it.
    ValueError
        If a band is missing, the frames are of different fields, a pixel is NaN or infinite, or a header is not that of
        a corrected frame.
    """
    paths = _paths(source)
    with ThreadPoolExecutor() as pool:  # bzip2 is most of the time, and runs beside itself
        frames = [_parse(path, raw) for path, raw in zip(paths, pool.map(_read, paths), strict=True)]
    names = {path.name: name for path, (name, _, _) in zip(paths, frames, strict=True)}
    shapes = {image.shape for _, image, _ in frames}
    if len(set(names.values())) > 1 or len(shapes) > 1:
        raise ValueError(
            f"source: expected five frames of one field and shape, got {names} with shapes {sorted(shapes)}. "
            "Give the frames of one run, camera column and field; read several fields one by one."
        )
    _check_agreement(paths, frames)
    return Field(frames[0][0], np.stack([image for _, image, _ in frames]), tuple(wcs for _, _, wcs in frames))


def read_outline(path: str | Path) -> tuple[astropy.wcs.WCS, tuple[int, int]]:
    """Return the WCS and the shape (H, W) of one frame, from its header only. Raises as `read_field` does."""
    path = Path(path)
    with _whole(path), warnings.catch_warnings(), (bz2.open if path.suffix == ".bz2" else open)(path, "rb") as file:
        warnings.simplefilter("error", AstropyWarning)
        start = file.read(_LONGEST_HEADER)
        if not start.startswith(b"SIMPLE  ="):
            raise ValueError("no FITS header")
        header = fits.Header.fromfile(BytesIO(start))
        return _coordinates(path, header), (int(header["NAXIS2"]), int(header["NAXIS1"]))


def all_bands(name: str, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Return the five frames in the order u g r i z. Raise a ValueError if a band is missing."""
    by_band = {_NAME.fullmatch(path.name)[1]: path for path in paths}
    missing = [band for band in SDSS.bands if band not in by_band]
    if missing or len(paths) > len(by_band):
        raise ValueError(
            f"bands: expected one frame of each of u g r i z for {name}, got {len(paths)}: {' '.join(sorted(by_band))}"
            f"{', no ' + ' '.join(missing) if missing else ''}. Fetch what is missing from the archive."
        )
    return tuple(by_band[band] for band in SDSS.bands)


def _paths(source: str | Path | Sequence[str | Path]) -> tuple[Path, ...]:
    if not isinstance(source, str | Path):
        paths = [Path(path) for path in source]
        strange = [path.name for path in paths if not _NAME.fullmatch(path.name)]
        if strange:
            raise ValueError(
                f"source: expected files frame-BAND-RUN-CAMCOL-FIELD.fits or .fits.bz2, got {strange[0]!r}. "
                "Keep the names of the archive: they say band and field."
            )
        return all_bands("one field", paths)
    fields = find_fields(source)
    if len(fields) > 1:
        raise ValueError(
            f"source: expected the frames of one field in {source}, got those of {len(fields)}: {', '.join(fields)}. "
            "Give the five paths of one, as galviz.sky.readers.sdss.find_fields lists them."
        )
    return all_bands(*next(iter(fields.items())))


def _read(path: Path) -> bytes:
    with _whole(path), (bz2.open if path.suffix == ".bz2" else open)(path, "rb") as file:
        content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ValueError(f"more than {_LARGEST // 2**20} MiB unpacked")
        return content


def _parse(path: Path, raw: bytes) -> tuple[str, np.ndarray, astropy.wcs.WCS]:
    with _whole(path), warnings.catch_warnings():
        warnings.simplefilter("error", AstropyWarning)  # astropy warns of a truncated file, and reads on
        with fits.open(BytesIO(raw), memmap=False, lazy_load_hdus=False) as hdus:
            header = hdus[0].header
            wcs = _coordinates(path, header)
            _check_pixels_are_fluxes(path, header)
            image, name = np.array(hdus[0].data, dtype=np.float32), _field_name(path, hdus)
    bad = np.argwhere(~np.isfinite(image))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{path}: expected finite pixels, got {len(bad)} that are NaN or infinite, the first at row {row}, "
            f"column {column} (from 0). Frames of the archive have none: fetch it again, or fill those pixels."
        )
    return name, image, wcs


def _check_pixels_are_fluxes(path: Path, header: fits.Header) -> None:
    """Raise a ValueError if band or unit are unexpected, or pixels are not 32-bit floats."""
    band = _NAME.fullmatch(path.name)[1]
    given = {key: str(header.get(key, known)).strip() for key, known in (("FILTER", band), ("BUNIT", "nanomaggy"))}
    if given != {"FILTER": band, "BUNIT": "nanomaggy"}:
        got = f"FILTER {given['FILTER']!r} and BUNIT {given['BUNIT']!r}"
        raise ValueError(f"{path}: expected a {band} frame in nanomaggies by its name, got {got}. Fetch it again.")
    layout = (header["BITPIX"], header.get("BSCALE", 1), header.get("BZERO", 0))
    if layout != (-32, 1, 0):
        raise ValueError(
            f"{path}: expected pixels as 32-bit floats, got BITPIX, BSCALE, BZERO = {layout}. Fetch it again."
        )


def _field_name(path: Path, hdus: fits.HDUList) -> str:
    """Return run, camera column and field as the file itself has them; what it does not have, its name does."""
    run, camcol, number = _NAME.fullmatch(path.name)[2].split("-")
    tables = [hdu.data for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and "FIELD" in hdu.columns.names]
    number = tables[0]["FIELD"][0] if tables else number
    return f"{int(hdus[0].header.get('RUN', run)):06d}-{hdus[0].header.get('CAMCOL', camcol)}-{int(number):04d}"


def _coordinates(path: Path, header: fits.Header) -> astropy.wcs.WCS:
    missing = [name.upper() for name in WCS_COLUMNS if name.upper() not in header]
    given = [str(header.get(key, known)).strip() for key, known in _EQUATORIAL.items()]
    if missing or header.get("NAXIS") != 2 or given != list(_EQUATORIAL.values()):
        got = ", ".join(f"{key} {header.get(key)!r}" for key in ("NAXIS", *_EQUATORIAL))
        raise ValueError(
            f"{path}: expected an image with equatorial tangent-plane coordinates (RA---TAN, DEC--TAN, deg) in its "
            f"first HDU, got {got}, missing {missing}. Give frames of DR8 on."
        )
    system = str(header.get("RADESYS", header.get("RADECSYS", "ICRS"))).strip()
    values = {name: float(header[name.upper()]) for name in WCS_COLUMNS}
    scale = 3600 * np.sqrt(abs(values["cd1_1"] * values["cd2_2"] - values["cd1_2"] * values["cd2_1"]))
    fine = np.isfinite(list(values.values())).all() and _SCALES[0] < scale < _SCALES[1]
    fine = fine and 0 <= values["crval1"] <= 360 and abs(values["crval2"]) <= 90
    if not fine or system not in _SYSTEMS:
        raise ValueError(
            f"{path}: expected coordinates of a frame ({' or '.join(_SYSTEMS)}; pixels of {_SCALES[0]} to {_SCALES[1]} "
            f"arcsec), got {system}, {scale:.3g} arcsec, {values}. Fetch it again."
        )
    return tangent_plane(values)


def _check_agreement(paths: Sequence[Path], fields: Sequence[tuple[str, np.ndarray, astropy.wcs.WCS]]) -> None:
    """Raise a ValueError if the frames do not cover the same sky. This detects a damaged number in a header."""
    height, width = fields[0][1].shape
    corners = [[0, 0], [width, 0], [0, height]]
    places = np.radians([wcs.wcs_pix2world(corners, 0) for _, _, wcs in fields])  # (5, 3, 2)
    middle = np.median(places, axis=0)
    apart = np.degrees(angular_separation(*np.moveaxis(places, -1, 0), *np.moveaxis(middle, -1, 0))) * 3600
    if (apart > _APART).any():
        worst = int(apart.max(axis=1).argmax())
        raise ValueError(
            f"{paths[worst]}: expected a frame of the same place as the other bands, got coordinates "
            f"{apart.max():.0f} arcsec off. Fetch it again."
        )


def _whole(path: Path) -> AbstractContextManager[None]:
    return whole(path, "FITS frame", "Fetch it again.", OSError)
