"""Pictures, one an object: read from their files when they are looked at, or made small once, into a sky on disk."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.picture_files import Broken, Coverage, PictureStore, Raw, middle, opened
from galviz.sky.rows import LazyRows

SUFFIXES = (".jpg", ".jpeg", ".png")
BANDS = ("red", "green", "blue")
_KIND = {"bands": BANDS, "unit": "display", "checked": True}
_PART, _BATCH = 4096, 64  # pictures held together, and handed to a process together


@dataclass(frozen=True)
class Pictures:
    """Pictures as they are published, and what is known of them.

    Parameters
    ----------
    catalogue : pandas.DataFrame
        A row a picture, indexed by `object_id`.
    read : callable
        Gives an iterator over the pictures, in the order of the catalogue: files, encoded bytes, or pixels
        (H, W, 3) uint8 with the first row at the top.
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


def find_pictures(folder: str | Path) -> dict[str, Path]:
    """Find the pictures in a folder or in folders right below it, by their names without suffix.

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
    files = sorted(file for place in ("*", "*/*") for file in folder.glob(place) if file.suffix.lower() in SUFFIXES)
    found: dict[str, Path] = {}
    for file in files:
        if file.stem in found:
            raise ValueError(f"images: expected a picture an object, got {found[file.stem]} and {file}. Remove one.")
        found[file.stem] = file
    if not found:
        raise ValueError(f"images: expected pictures ({', '.join(SUFFIXES)}) in {folder}, got none.")
    return found


def pictures(
    folder: str | Path,
    table: pd.DataFrame | None = None,
    *,
    pixel_scale: float = np.nan,
    crop: int = 0,
    size: int = 0,
    broken: Broken | None = None,
) -> CutoutSet:
    """Open a folder of pictures ``<object_id>.jpg`` (or .png) as cutouts in red, green and blue.

    The pixels are meant for the eye: brightness 0 to 1 as it is in the file, not a flux. A picture of another size than
    the first is resized to it.

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
        Called with an `object_id` and a reason where a picture that is asked for cannot be read: it counts as not
        covered. By default that is an error.

    Returns
    -------
    CutoutSet
        Images (N, 3, H, W), unit ``"display"``; a picture is decoded when it is asked for.

    Raises
    ------
    NotADirectoryError or ValueError
        As `find_pictures`, and if no object has a picture.
    """
    found = find_pictures(folder)
    table = pd.DataFrame(index=pd.Index(list(found), name="object_id")) if table is None else table
    known = table[table.index.isin(list(found))]
    if not len(known):
        raise ValueError(
            f"images: expected pictures named by the object_ids of the table, such as {table.index[0]}.jpg, got "
            f"{next(iter(found.values())).name} and {len(found) - 1:,} others in {folder}. Rename them, or name the "
            "column of ids."
        )
    store = PictureStore({object_id: found[object_id] for object_id in known.index}, crop, size, broken)
    return CutoutSet(
        images=LazyRows(store, levels=255),
        coverage=None if broken is None else LazyRows(Coverage(store)),
        catalogue=known,
        pixel_scale=pixel_scale * store.zoom,
        origin=f"pictures in {Path(folder).resolve().name}",
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
) -> dict[str, str]:
    """Decode, crop and shrink all pictures, once, into a sky of one byte a pixel; memory does not grow with N.

    Parameters
    ----------
    path : str or Path
        A folder that is not there yet. It appears when the sky is complete.
    pictures : Pictures
    crop, size : int
        See `middle`; the crop is `pictures.crop` by default.
    workers : int
        Processes that decode. They are spawned: a script that asks for more than one needs the usual
        ``if __name__ == "__main__":``.
    skip_bad : bool
        Leave out pictures that cannot be read, instead of stopping at the first.
    progress : callable, optional
        Called with (pictures read, N) as they come.

    Returns
    -------
    dict of str to str
        The objects left out, and why.

    Raises
    ------
    FileExistsError or ValueError
        If the folder is there already; if a picture cannot be read, naming its object, or none can.
    """
    path, crop = Path(path), pictures.crop if crop is None else crop
    if path.exists():
        raise FileExistsError(f"path: expected a new folder, got {path}, which exists. Choose another, or remove it.")
    aside = path.with_name(f".{path.name}.{os.getpid()}.reading")
    ids, raws, bad = pictures.catalogue.index, pictures.read(), {}
    work = partial(_prepared, crop=crop, size=size)
    spawned = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if workers > 1 else nullcontext()
    try:
        with spawned as pool:
            for start in range(0, len(ids), _PART):
                part, done = list(islice(raws, _PART)), []
                batches = [part[k : k + _BATCH] for k in range(0, len(part), _BATCH)]
                for batch in map(work, batches) if pool is None else pool.map(work, batches):
                    done += batch
                    if progress is not None:
                        progress(start + len(done), len(ids))
                failed = {ids[start + k]: why for k, why in enumerate(done) if isinstance(why, str)}
                if failed and not skip_bad:
                    name, why = next(iter(failed.items()))
                    raise ValueError(f"images: {name}: {why} Or leave such objects out: skip_bad.")
                bad |= failed
                _append(aside, pictures, {start + k: one for k, one in enumerate(done) if not isinstance(one, str)})
        if not aside.exists():
            raise ValueError(f"images: expected pictures that can be read, got none of {len(ids)}.")
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return bad


_Small = tuple[np.ndarray, float]  # pixels (3, size, size), and how many of the picture's pixels one of them is wide


def _prepared(raws: list[Raw], crop: int, size: int) -> list[_Small | str]:
    """Make pictures small; of one that cannot be read, say why."""
    done: list[_Small | str] = []
    for raw in raws:
        try:
            with opened(raw) as picture:
                done.append((middle(picture, crop, size), (crop or picture.width) / size))
        except ValueError as error:
            done.append(str(error))
    return done


def _append(path: Path, pictures: Pictures, small: dict[int, _Small]) -> None:
    if not small:
        return
    rows = np.array(list(small))
    scale = np.broadcast_to(pictures.pixel_scale, len(pictures.catalogue))[rows]
    part = CutoutSet(
        images=LazyRows(np.stack([pixels for pixels, _ in small.values()]), levels=255),
        catalogue=pictures.catalogue.iloc[rows],
        pixel_scale=scale * np.array([zoom for _, zoom in small.values()]),
        origin=pictures.origin,
        **_KIND,
    )
    CutoutSet.append(path, part) if path.exists() else part.save(path)
