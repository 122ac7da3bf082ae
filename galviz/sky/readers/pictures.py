"""A folder of pictures, one an object, named by its id: read when they are looked at."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, UnidentifiedImageError

from galviz.sky.cutouts import CutoutSet

SUFFIXES = (".jpg", ".jpeg", ".png")
BANDS = ("red", "green", "blue")


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


def pictures(folder: str | Path, table: pd.DataFrame | None = None, *, pixel_scale: float = np.nan) -> CutoutSet:
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
        Arcsec per pixel; NaN where it is not known.

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
    store = _Pictures([found[object_id] for object_id in known.index])
    origin = f"pictures in {Path(folder).resolve().name}"
    return CutoutSet(images=store, bands=BANDS, catalogue=known, pixel_scale=pixel_scale, unit="display",
                     origin=origin, checked=True)  # fmt: skip


class _Pictures:
    """Pixels (N, 3, H, W) of picture files, float32 from 0 to 1, row 0 at the bottom as in all images here."""

    dtype = np.dtype(np.float32)

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        with _opened(self._files[0]) as first:
            self._size = first.size
        self.shape = (len(self._files), len(BANDS), self._size[1], self._size[0])

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        files = self._files[rows] if isinstance(rows, slice) else [self._files[row] for row in rows]
        images = np.empty((len(files), *self.shape[1:]), dtype=self.dtype)
        for image, file in zip(images, files, strict=True):
            with _opened(file) as picture:
                colours = picture.convert("RGB")
                colours = colours if colours.size == self._size else colours.resize(self._size, Image.Resampling.BOX)
            image[:] = np.asarray(colours, dtype=np.float32).transpose(2, 0, 1)[:, ::-1] / 255
        return images


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(
            f"images: expected a picture, got {file}, which cannot be read ({error}). Replace it."
        ) from None
