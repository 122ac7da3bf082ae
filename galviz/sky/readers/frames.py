"""SDSS corrected frames on disk: five files of one field, read into a `Field`."""

import bz2
import re
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import astropy.wcs
import numpy as np
from astropy.io import fits
from astropy.utils.exceptions import AstropyWarning

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.resample import tangent_plane
from galviz.sky.surveys import SDSS

_NAME = re.compile(r"frame-([ugriz])-(\d{6}-\d-\d{4})\.fits(\.bz2)?$")


@dataclass(frozen=True, eq=False)
class Field:
    """One SDSS field: five corrected frames, each with its own coordinates (bands are offset by pixels).

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
    """Find the fields whose frames lie in a folder or below it, by the names of the files.

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
        If a file is truncated or no FITS file, naming it.
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
    return Field(frames[0][0], np.stack([image for _, image, _ in frames]), tuple(wcs for _, _, wcs in frames))


def read_outline(path: str | Path) -> tuple[astropy.wcs.WCS, tuple[int, int]]:
    """Read the coordinates and the shape (H, W) of one frame from its header alone."""
    path = Path(path)
    try:
        with (bz2.open if path.suffix == ".bz2" else open)(path, "rb") as file:
            header = fits.Header.fromfile(file)
    except (OSError, EOFError, ValueError) as error:
        raise _damaged(path, error) from error
    return _coordinates(path, header), (header["NAXIS2"], header["NAXIS1"])


def all_bands(name: str, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Give the five frames in the order u g r i z, or refuse fewer than five bands."""
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
    raw = path.read_bytes()
    try:
        return bz2.decompress(raw) if path.suffix == ".bz2" else raw
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error


def _parse(path: Path, raw: bytes) -> tuple[str, np.ndarray, astropy.wcs.WCS]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", AstropyWarning)  # astropy warns of a truncated file, and reads on
            with fits.open(BytesIO(raw), memmap=False, lazy_load_hdus=False) as hdus:
                header, image, name = hdus[0].header, np.array(hdus[0].data, dtype=np.float32), _field_name(path, hdus)
    except (OSError, TypeError, ValueError, AstropyWarning) as error:
        raise _damaged(path, error) from error
    wcs = _coordinates(path, header)
    band = _NAME.fullmatch(path.name)[1]
    if header.get("FILTER", band).strip() != band or header.get("BUNIT", "nanomaggy").strip() != "nanomaggy":
        got = f"FILTER {header.get('FILTER')!r} and BUNIT {header.get('BUNIT')!r}"
        raise ValueError(f"{path}: expected a {band} frame in nanomaggies by its name, got {got}. Fetch it again.")
    bad = np.argwhere(~np.isfinite(image))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{path}: expected finite pixels, got {len(bad)} that are NaN or infinite, the first at row {row}, "
            f"column {column} (from 0). Frames of the archive have none: fetch it again, or fill those pixels."
        )
    return name, image, wcs


def _field_name(path: Path, hdus: fits.HDUList) -> str:
    """Give run, camera column and field as the file itself says them; what it does not say, its name does."""
    run, camcol, number = _NAME.fullmatch(path.name)[2].split("-")
    tables = [hdu.data for hdu in hdus if isinstance(hdu, fits.BinTableHDU) and "FIELD" in hdu.columns.names]
    number = tables[0]["FIELD"][0] if tables else number
    return f"{int(hdus[0].header.get('RUN', run)):06d}-{hdus[0].header.get('CAMCOL', camcol)}-{int(number):04d}"


def _coordinates(path: Path, header: fits.Header) -> astropy.wcs.WCS:
    missing = [name.upper() for name in WCS_COLUMNS if name.upper() not in header]
    if missing or header.get("NAXIS") != 2 or header.get("CTYPE1", "").strip() != "RA---TAN":
        raise ValueError(
            f"{path}: expected an image with tangent-plane (TAN) coordinates in its first HDU, got NAXIS "
            f"{header.get('NAXIS')}, CTYPE1 {header.get('CTYPE1')!r}, missing {missing}. Give frames of DR8 on."
        )
    return tangent_plane({name: header[name.upper()] for name in WCS_COLUMNS})


def _damaged(path: Path, error: Exception) -> OSError:
    return OSError(f"{path}: expected a whole FITS frame, got a damaged one ({error}). Fetch it again.")
