"""Files of pictures, decoded one by one when their pixels are asked for."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

Raw = Path | bytes | np.ndarray  # a file, an encoded picture, or pixels (H, W, 3)
Broken = Callable[[str, str], None]  # told of an object_id whose picture cannot be read, and why


def middle(picture: Image.Image, crop: int = 0, size: int | tuple[int, int] = 0) -> np.ndarray:
    """Cut out the middle of a picture and make it smaller by the mean over areas.

    Parameters
    ----------
    picture : PIL.Image.Image
    crop : int
        Side of the square that is kept, pixels; 0 keeps all.
    size : int or (int, int)
        Side (or width and height) of the result, pixels; 0 keeps the pixels. The mean is right to one level of 255
        where `crop` is a multiple of it; elsewhere a pixel across two counts for the one with its centre.

    Returns
    -------
    numpy.ndarray of uint8, shape (3, H, W)
        Red, green, blue; row 0 at the bottom, as in all images here.

    Raises
    ------
    ValueError
        If the picture is smaller than `crop`.
    """
    width, height = picture.size
    if crop > min(width, height):
        raise ValueError(f"crop: expected at most {min(width, height)} pixels of this picture, got {crop}. Crop less.")
    left, top = ((width - crop) // 2, (height - crop) // 2) if crop else (0, 0)
    box = (left, top, left + crop, top + crop) if crop else (0, 0, width, height)
    wanted = (size, size) if size and isinstance(size, int) else size or (box[2] - box[0], box[3] - box[1])
    colours = picture.convert("RGB").resize(wanted, Image.Resampling.BOX, box=box)
    return np.asarray(colours).transpose(2, 0, 1)[:, ::-1]


@contextmanager
def opened(raw: Raw) -> Iterator[Image.Image]:
    """Open a picture, and say which one it is that cannot be read.

    Raises
    ------
    ValueError
        If it is no picture, or broken.
    """
    try:
        stored = BytesIO(raw) if isinstance(raw, bytes) else raw
        with Image.fromarray(raw) if isinstance(raw, np.ndarray) else Image.open(stored) as picture:
            yield picture
    except (UnidentifiedImageError, OSError, SyntaxError) as error:  # SyntaxError: what Pillow says of a broken PNG
        name = raw if isinstance(raw, Path) else "what is stored as a picture"
        raise ValueError(
            f"images: expected a picture, got {name}, which cannot be read ({error}). Replace it."
        ) from None


class PictureStore:
    """Pixels (N, 3, H, W) of picture files, whole numbers 0 … 255, decoded at each look.

    Parameters
    ----------
    files : mapping of str to Path
        By `object_id`, N of them.
    crop, size : int
        See `middle`.
    broken : callable, optional
        Called with an `object_id` and a reason, once, where a picture that is looked at cannot be read: its pixels are
        0 and not covered (`Coverage`). By default that is an error.

    Attributes
    ----------
    zoom : float
        How many pixels of a file one of these is wide.

    Raises
    ------
    ValueError
        If the first picture, or with `broken` each of them, cannot be read; so does looking at one.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, files: Mapping[str, Path], crop: int = 0, size: int = 0, broken: Broken | None = None) -> None:
        self._files, self._crop, self._broken = list(files.items()), crop, broken
        whole = (crop, crop) if crop else self._first()
        self._size = (size, size) if size else whole
        self._whole: dict[int, bool] = {}  # of the pictures that were looked at, whether they can be read
        self.shape = (len(self._files), 3, self._size[1], self._size[0])
        self.zoom = whole[0] / self._size[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Decode the pictures in these rows."""
        rows = np.arange(len(self._files))[rows]
        images = np.zeros((len(rows), *self.shape[1:]), dtype=self.dtype)
        for image, row in zip(images, rows.tolist(), strict=True):
            self._read(row, image)
        return images

    def whole(self, rows: slice | np.ndarray) -> np.ndarray:
        """Say which of the pictures in these rows can be read, bool; those not looked at before are decoded."""
        rows = np.arange(len(self._files))[rows].tolist()
        for row in rows:
            if row not in self._whole:
                self._read(row, np.empty(self.shape[1:], dtype=self.dtype))
        return np.array([self._whole[row] for row in rows], dtype=bool)

    def _read(self, row: int, image: np.ndarray) -> None:
        name, file = self._files[row]
        try:
            with opened(file) as picture:
                image[:] = middle(picture, self._crop, self._size)
        except ValueError as error:
            if self._broken is None:
                raise
            if self._whole.get(row, True):
                self._broken(name, str(error))
            self._whole[row] = False
        else:
            self._whole[row] = True

    def _first(self) -> tuple[int, int]:
        """Give width and height of the first picture, or of the first that is one."""
        for _, file in self._files[:-1]:
            try:
                with opened(file) as picture:
                    return picture.size
            except ValueError:
                if self._broken is None:
                    raise
        with opened(self._files[-1][1]) as last:
            return last.size


class Coverage:
    """Which pixels of a store were read, bool (N, 3, H, W): all of a picture, or none of a broken one."""

    dtype = np.dtype(bool)

    def __init__(self, store: PictureStore) -> None:
        self._store, self.shape = store, store.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Look at the pictures in these rows."""
        whole = self._store.whole(rows)
        return np.broadcast_to(whole[:, None, None, None], (len(whole), *self.shape[1:])).copy()
