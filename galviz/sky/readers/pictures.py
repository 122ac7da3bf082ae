"""One picture per object, read from files when they are indexed."""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath

import numpy as np
import pandas as pd

from galviz.io.lazy_array import LazyRows
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.picture_files import (
    SUFFIXES,
    Broken,
    Coverage,
    Fit,
    PictureStore,
    Raw,
    middle,
    walk,
)

__all__ = ["BANDS", "Pictures", "find_pictures", "match_pictures", "middle", "pictures"]

BANDS = ("red", "green", "blue")
_KIND = {"bands": BANDS, "unit": "display", "checked": True}


@dataclass(frozen=True)
class Pictures:
    """Pictures as they are published, with their catalogue.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        One row per picture, indexed by `object_id`.
    read : callable
        Returns an iterator over the pictures, in the order of the catalogue: files, encoded bytes, pixels (H, W, 3)
        uint8 with the first row at the top, or a ValueError in place of a picture that cannot be had.
    origin : str
    pixel_scale : numpy.ndarray or float
        Arcsec per pixel as published, (N,) or one for all; NaN where not known.
    crop : int
        What is usually cut out of the middle, pixels; 0 is everything.
    bands : tuple of str
        Names of the B bands.
    unit : str
        As in `galviz.sky.checks.UNITS`.
    box : (int, int), optional
        Of scientific images (`galviz.sky.readers.fits_images.Cutout`, or what has a method ``read`` that returns one):
        the width and height that most of them have.
    wcs : bool
        Whether they have coordinates.
    size : int
        Side in pixels that suits them; 0 keeps theirs.
    """

    catalogue: pd.DataFrame
    read: Callable[[], Iterator[Raw]]
    origin: str
    pixel_scale: np.ndarray | float = np.nan
    crop: int = 0
    bands: tuple[str, ...] = BANDS
    unit: str = "display"
    box: tuple[int, int] | None = None
    wcs: bool = False
    size: int = 0


def find_pictures(folder: str | Path) -> dict[str, Raw]:
    """Return the pictures in a folder or its direct subfolders, keyed by file name without suffix.

    Hidden files (``.name``) and the folder ``__MACOSX`` are skipped. A link that leads out of the folder is not
    followed: the reason stands in place of the picture.

    Raises
    ------
    NotADirectoryError
        If it is no folder.
    ValueError
        If there is none, or two of one name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"images: expected a folder of pictures, got {folder}, which is no folder.")
    found: dict[str, Raw] = {}
    names: dict[str, PurePosixPath] = {}
    for name, raw in walk(folder, 1):
        check_single(name.stem, name, names, folder)
        found[name.stem] = raw
    if not found:
        raise ValueError(f"images: expected pictures ({', '.join(SUFFIXES)}) in {folder}, got none.")
    return found


def check_single(object_id: str, name: PurePath, names: dict[str, PurePath], place: Path) -> None:
    """Add the file of an object to `names`. Raise a ValueError if the object already has one."""
    if object_id in names:
        raise ValueError(
            f"images: expected a picture an object, got {names[object_id]} and {name} in {place}. Remove one."
        )
    names[object_id] = name


def match_pictures(table: pd.DataFrame, found: dict[str, Raw], folder: str | Path) -> dict[str, Raw]:
    """Return the picture of each object of a table.

    An `object_id` is the name of a picture without suffix. Where no picture has exactly this name, the id may have the
    suffix of a picture (``a.JPG`` for ``a.jpg``), or another normal form of Unicode.

    Returns
    -------
    dict of str to Raw
        In the order of the table, without objects that have no picture.

    Raises
    ------
    ValueError
        If no object has a picture.
    """
    spare: dict[str, list[str]] = {}
    for name in found.keys() - set(table.index):
        spare.setdefault(unicodedata.normalize("NFC", name), []).append(name)
    names = {}
    for object_id in table.index:
        near = [object_id] if object_id in found else spare.get(_plain_name(object_id), [])
        if len(near) == 1:
            names[object_id] = near[0]
    if not names:
        raise ValueError(
            f"images: expected pictures named by object_id, such as {next(iter(table.index), 'ID')}.jpg, got "
            f"{next(iter(found))} and {len(found) - 1:,} others in {folder}. Rename them, or name the column of ids."
        )
    return {object_id: found[name] for object_id, name in names.items()}


def _plain_name(object_id: str) -> str:
    stem, dot, suffix = object_id.rpartition(".")
    return unicodedata.normalize("NFC", stem if f"{dot}{suffix}".lower() in SUFFIXES else object_id)


def pictures(
    folder: str | Path,
    table: pd.DataFrame | None = None,
    *,
    pixel_scale: float = np.nan,
    crop: int = 0,
    size: int = 0,
    broken: Broken | None = None,
    fit: Fit = "pad",
) -> CutoutSet:
    """Open a folder of pictures ``<object_id>.jpg`` (.png, .tif, .webp, .bmp, .gif) as cutouts in red, green and blue.

    These are display pixels: brightness 0 to 1 as read by `galviz.sky.readers.picture_files.decoded`, not a flux. All
    headers are read at once (about 0.05 ms each), pixels only when they are indexed. If pictures have other sizes, or
    lose bits, `origin` says how many, and what was done.

    Parameters
    ----------
    folder : str or Path
        Pictures in it or in folders right below it.
    table : pandas.DataFrame, optional
        What is known of the objects, indexed by `object_id`. Objects without a picture and pictures without an object
        are left out. By default all pictures, and nothing is known of them.
    pixel_scale : float
        Arcsec per pixel of the files; NaN where it is not known.
    crop, size : int
        The square of `crop` pixels in the middle is kept, and made smaller to `size` pixels; 0 leaves it as it is.
    broken : callable, optional
        Called with an `object_id` and a reason where a picture whose pixels are read is damaged: it counts as not
        covered. By default that is an error.
    fit : {"pad", "crop"}
        Without `crop`, "pad" gives all pictures the size that is most common: smaller ones are padded with pixels that
        are 0 and not covered, larger ones are cut. "crop" gives all the size of the smallest. Nothing is stretched.

    Returns
    -------
    CutoutSet
        Images (N, 3, H, W), unit ``"display"``; a picture is decoded when it is indexed.

    Raises
    ------
    NotADirectoryError or ValueError
        As `find_pictures`; if no object has a picture; and without `broken`, if the header of one cannot be read.
    """
    found = find_pictures(folder)
    table = pd.DataFrame(index=pd.Index(list(found), name="object_id")) if table is None else table
    files = match_pictures(table, found, folder)
    store = PictureStore(files, crop, size, broken, fit)
    note = f" ({store.note})" if store.note else ""
    return CutoutSet(
        images=LazyRows(store, levels=255 if store.dtype == np.uint8 else None),
        coverage=LazyRows(Coverage(store)) if store.pads or broken is not None else None,
        catalogue=table[table.index.isin(list(files))],
        pixel_scale=pixel_scale * store.zoom,
        origin=f"pictures in {Path(folder).resolve().name}{note}",
        **_KIND,
    )
