"""One picture per object: read from files when they are indexed, or shrunk once into a sky on disk."""

import os
import shutil
import unicodedata
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePath, PurePosixPath
from typing import NamedTuple

import numpy as np
import pandas as pd

from galviz.io.ids import check_ids
from galviz.io.lazy_array import LazyRows
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.picture_files import (
    SUFFIXES,
    Broken,
    Coverage,
    Fit,
    PictureStore,
    Raw,
    as_dtype,
    box_of,
    check_fit,
    covered,
    decoded,
    middle,
    walk,
)

BANDS = ("red", "green", "blue")
_KIND = {"bands": BANDS, "unit": "display", "checked": True}
_PART, _BATCH = 4096, 64  # pictures in memory at a time, and pictures per task of a process
_HELD = 2**28  # bytes of encoded pictures held together


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
    """

    catalogue: pd.DataFrame
    read: Callable[[], Iterator[Raw]]
    origin: str
    pixel_scale: np.ndarray | float = np.nan
    crop: int = 0


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


def write_pictures(
    path: str | Path,
    pictures: Pictures,
    *,
    crop: int | None = None,
    size: int = 68,
    workers: int = 1,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    fit: Fit = "pad",
) -> dict[str, str]:
    """Decode, crop and shrink all pictures once into a sky on disk. Memory does not grow with N.

    The sky has one byte per pixel. If any picture has grey pixels with more than 8 bits, it has float32 in 0…1.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    pictures : Pictures
    crop, size : int
        The square of `crop` pixels in the middle of each picture is kept and made `size` pixels wide; `crop` is
        `pictures.crop` by default, 0 keeps all.
    workers : int
        Number of processes. They are spawned, so a script that uses more than one needs the usual
        ``if __name__ == "__main__":``.
    skip_bad : bool
        Leave out pictures that cannot be read, instead of stopping at the first.
    progress : callable, optional
        Called with (pictures read, N) as they come. It starts again where a later picture is the first that needs
        coverage, or more than 8 bits.
    fit : {"pad", "crop"}
        Makes a square of a picture that is none, where `crop` is 0: "pad" adds pixels that are 0 and not covered,
        "crop" keeps the square in the middle. Nothing is stretched.

    Returns
    -------
    dict of str to str
        The objects left out, and why.

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists; if a picture cannot be read, naming its object, or none can.

    Warns
    -----
    UserWarning
        How many pictures were not square, and how many lose bits.
    """
    path, crop = Path(path), pictures.crop if crop is None else crop
    if path.exists():
        raise FileExistsError(f"path: expected a new folder, got {path}, which exists. Choose another, or remove it.")
    check_fit(fit)
    check_ids(pictures.catalogue.index)
    aside = path.with_name(f".{path.name}.{os.getpid()}.reading")
    work = partial(_prepared, crop=crop, size=size, fit=fit)
    spawned = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else nullcontext()
    form, written = _Form(), None
    try:
        with spawned as pool:
            run = partial(map if pool is None else pool.map, work)
            while written is None:
                shutil.rmtree(aside, ignore_errors=True)
                form, written = _write(aside, pictures, run, form, skip_bad=skip_bad, progress=progress)
        if not aside.exists():
            raise ValueError(f"images: expected pictures that can be read, got none of {len(pictures.catalogue)}.")
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    done = "padded with pixels that are not covered" if fit == "pad" else "cropped"
    for count, what in (
        (written.not_square, f"pictures are not square: {done}"),
        (written.rounded, "pictures have colours of 16 bits: read with 8 bits"),
    ):
        if count:
            warnings.warn(f"{count:,} of {len(pictures.catalogue):,} {what}", stacklevel=2)
    return written.bad


class _Form(NamedTuple):
    """Storage format of a sky, which is fixed by its first part."""

    coverage: bool = False
    deep: bool = False


class _Small(NamedTuple):
    """A picture after cropping and shrinking."""

    pixels: np.ndarray  # (3, size, size)
    covered: np.ndarray | None  # (size, size)
    zoom: float  # how many of the picture's pixels one of these is wide
    not_square: bool
    rounded: bool


@dataclass
class _Written:
    """Counts and failures of the pictures written."""

    bad: dict[str, str] = field(default_factory=dict)
    not_square: int = 0
    rounded: int = 0


def _write(
    path: Path,
    pictures: Pictures,
    run: Callable[[list[list[Raw]]], Iterator[list[_Small | str]]],
    form: _Form,
    *,
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[_Form, _Written | None]:
    """Write all pictures in this form. If a later part needs a wider form, stop and return that form and None."""
    ids, written, start = pictures.catalogue.index, _Written(), 0
    for part in _parts(pictures.read()):
        done: list[_Small | str] = []
        for batch in run([part[k : k + _BATCH] for k in range(0, len(part), _BATCH)]):
            done += batch
            if progress is not None:
                progress(start + len(done), len(ids))
        failed = {ids[start + k]: why for k, why in enumerate(done) if isinstance(why, str)}
        if failed and not skip_bad:
            name, why = next(iter(failed.items()))
            raise ValueError(f"images: {name}: {why} Or leave such objects out: skip_bad.")
        small = {start + k: one for k, one in enumerate(done) if not isinstance(one, str)}
        needed = _Form(
            form.coverage or any(one.covered is not None for one in small.values()),
            form.deep or any(one.pixels.dtype != np.uint8 for one in small.values()),
        )
        if needed != form and path.exists():
            return needed, None
        form = needed
        _append(path, pictures, small, form)
        written.bad |= failed
        written.not_square += sum(one.not_square for one in small.values())
        written.rounded += sum(one.rounded for one in small.values())
        start += len(part)
    if start != len(ids):
        raise ValueError(f"images: expected a picture for each of {len(ids):,} objects, got {start:,}.")
    return form, written


def _parts(raws: Iterator[Raw]) -> Iterator[list[Raw]]:
    """Yield groups of pictures that fit in memory, whatever their size."""
    part, held = [], 0
    for raw in raws:
        part.append(raw)
        held += len(raw) if isinstance(raw, bytes) else getattr(raw, "nbytes", 0)
        if len(part) >= _PART or held >= _HELD:
            yield part
            part, held = [], 0
    if part:
        yield part


def _prepared(raws: list[Raw], crop: int, size: int, fit: Fit) -> list[_Small | str]:
    """Return the pictures cropped and shrunk, or the reason for each that cannot be read."""
    done: list[_Small | str] = []
    for raw in raws:
        try:
            picture = decoded(raw)
            box = box_of(picture.size, crop, fit)
            pixels, seen = middle(picture, box, size), covered(picture.size, box, (size, size))
        except (ValueError, MemoryError) as error:
            done.append(str(error) or "it is too large for the memory.")
        else:
            not_square = not crop and picture.width != picture.height
            done.append(_Small(pixels, seen, box[0] / size, not_square, picture.info["rounded"]))
    return done


def _append(path: Path, pictures: Pictures, small: dict[int, _Small], form: _Form) -> None:
    if not small:
        return
    rows = np.array(list(small))
    scale = np.broadcast_to(pictures.pixel_scale, len(pictures.catalogue))[rows]
    pixels = np.stack([as_dtype(one.pixels, np.dtype(np.float32 if form.deep else np.uint8)) for one in small.values()])
    coverage = np.ones(pixels.shape, dtype=bool)
    for seen, one in zip(coverage, small.values(), strict=True):
        seen[:] = True if one.covered is None else one.covered
    part = CutoutSet(
        images=LazyRows(pixels, levels=None if form.deep else 255),
        coverage=coverage if form.coverage else None,
        catalogue=pictures.catalogue.iloc[rows],
        pixel_scale=scale * np.array([one.zoom for one in small.values()]),
        origin=pictures.origin,
        **_KIND,
    )
    CutoutSet.append(path, part) if path.exists() else part.save(path)
