"""A safe decoder for picture files from any source, and an array that decodes pictures when they are indexed."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from galviz.io.paths import inside

Raw = Path | bytes | np.ndarray | ValueError
"""A file, an encoded picture, pixels (uint8 (H, W, 3), or float32 (H, W) in 0…1), or the reason for a missing one."""

Broken = Callable[[str, str], None]
"""Called with the object_id of a picture that cannot be read, and the reason."""

Fit = Literal["pad", "crop"]
"""How a picture of another shape is fitted: pad it with uncovered pixels, or crop its edges."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".bmp", ".gif")
MOST_PIXELS = 2**26
"""Largest number of pixels that is decoded: 8192×8192. A small file can claim any size."""
MOST_BYTES = 2**29
"""Largest file size that is decoded, bytes."""

# Pillow knows many more formats, and some of them start other programs (EPS) or open other files.
_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF")
_DEEP = ("I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_TOP = PurePosixPath()
_ORIENTATION, _BITS, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 258, 262, 0
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Header(NamedTuple):
    """Properties of a picture that are known before it is decoded."""

    size: tuple[int, int]
    """Width and height, upright."""
    deep: bool
    """Whether its pixels have more than 8 bits."""
    rounded: bool
    """Whether its pixels are rounded, because Pillow decodes 16-bit colours to 8 bits."""


def check_fit(fit: str) -> None:
    """Raise a ValueError if `fit` is unknown."""
    if fit not in ("pad", "crop"):
        raise ValueError(f"fit: expected 'pad' or 'crop', got {fit!r}.")


def hidden(name: str) -> bool:
    """Return whether a file or folder is one that an operating system hides from the user (also ``..``)."""
    return name.startswith(".") or name == "__MACOSX"


def walk(top: Path, levels: int, folder: PurePosixPath = _TOP) -> Iterator[tuple[PurePosixPath, Raw]]:
    """Yield the pictures in a folder and its subfolders.

    Parameters
    ----------
    top : Path
    levels : int
        How many levels of folders below `top` are searched.
    folder : PurePosixPath
        Where to start below `top`.

    Yields
    ------
    name : PurePosixPath
        Relative to `top`, in the order of the names.
    raw : Path or ValueError
        The file. For a link (to a file or a folder) that leads out of `top`, and a folder that may not be read, the
        reason.
    """
    try:
        entries = sorted(os.scandir(top / folder), key=lambda entry: entry.name)
    except OSError as error:
        if folder == _TOP:
            raise
        yield folder, ValueError(f"images: expected a folder of pictures, got {folder} in {top} ({error}).")
        return
    for entry in entries:
        name, path = folder / entry.name, Path(entry.path)
        is_picture, is_folder = name.suffix.lower() in SUFFIXES, os.path.isdir(path)  # noqa: PTH112 - no error for loops
        if hidden(entry.name) or not (is_picture or is_folder):
            continue
        try:
            raw: Raw = inside(top, name, "images") if entry.is_symlink() else path
        except ValueError as error:
            yield name, error
        else:
            if not is_folder:
                yield name, raw
            elif levels:
                yield from walk(top, levels - 1, name)


def header(raw: Raw) -> Header:
    """Return size and depth of a picture without decoding it.

    Raises
    ------
    ValueError
        As `decoded`, as far as the header shows it.
    """
    with _opened(raw) as picture:
        size = picture.size[::-1] if _orientation(picture) in (5, 6, 7, 8) else picture.size
        return Header(size, picture.mode in _DEEP, _loses_bits(picture))


def decoded(raw: Raw) -> Image.Image:
    """Return a decoded picture.

    The first picture of a file is decoded and rotated according to its EXIF orientation. Transparent pixels are placed
    on black. Integers of up to 16 bits are divided by the largest value of their depth; floats must be in 0…1.

    Returns
    -------
    PIL.Image.Image
        Mode ``"RGB"``, 8 bits; or mode ``"F"``, grey in 0…1, where the file has grey pixels of more than 8 bits.
        Colours of 16 bits become 8 bits, and ``info["rounded"]`` is True. ``info["grey"]`` tells whether the file has
        no colours.

    Raises
    ------
    ValueError
        If it is no JPEG, PNG, TIFF, WebP, BMP or GIF, is damaged, has more than `MOST_PIXELS` or `MOST_BYTES`, or has
        pixels without a known range: floats outside 0…1 (or NaN), and whole numbers that are signed or have 32 bits.
    """
    with _opened(raw, whole=True) as picture:
        rounded, grey = _loses_bits(picture), picture.mode in (*_DEEP, "1", "L", "LA")
        picture.load()
        plain = _grey(picture) if picture.mode in _DEEP else _colour(picture)
        turn = _UPRIGHT.get(_orientation(picture))
        plain = plain if turn is None else plain.transpose(turn)
        plain.info |= {"rounded": rounded, "grey": grey}
        return plain


def floats(raw: Raw) -> np.ndarray | None:
    """Return the floats of a grey picture as they are, float32 (H, W), row 0 at the bottom; None if it has none.

    Raises
    ------
    ValueError
        As `decoded`, but for the range of the floats.
    """
    with _opened(raw, whole=True) as picture:
        return np.array(picture, dtype=np.float32)[::-1] if picture.mode == "F" else None


def box_of(size: tuple[int, int], crop: int, fit: Fit) -> tuple[int, int]:
    """Return width and height of the square in the middle that is kept of a picture of some size, in its pixels.

    Raises
    ------
    ValueError
        If the picture is smaller than `crop`.
    """
    if crop > min(size):
        raise ValueError(f"crop: expected at most {min(size)} pixels of this picture, got {crop}. Crop less.")
    side = crop or (max(size) if fit == "pad" else min(size))
    return side, side


def middle(picture: Image.Image, box: int | tuple[int, int] = 0, size: int | tuple[int, int] = 0) -> np.ndarray:
    """Return the middle of a picture, shrunk by averaging over areas.

    Parameters
    ----------
    picture : PIL.Image.Image
        Mode F, or any that converts to RGB.
    box : int or (int, int)
        Side (or width and height) of the part that is kept, pixels; 0 keeps all. What lies beyond the picture is 0.
    size : int or (int, int)
        Side (or width and height) of the result, pixels; 0 keeps the pixels. The mean is right to one level of 255
        where `box` is a multiple of it; elsewhere a pixel across two counts for the one with its centre.

    Returns
    -------
    numpy.ndarray, shape (3, H, W)
        Red, green, blue; row 0 at the bottom, as in all images here. uint8; of mode F, float32 in 0…1.
    """
    box = (box, box) if box and isinstance(box, int) else box or picture.size
    size = (size, size) if size and isinstance(size, int) else size or box
    picture = picture if picture.mode == "F" else picture.convert("RGB")
    pixels = np.asarray(cut(picture, box, size))
    pixels = (
        np.broadcast_to(pixels.clip(0, 1), (3, *pixels.shape)) if picture.mode == "F" else pixels.transpose(2, 0, 1)
    )
    observed = covered(picture.size, box, size)
    return pixels[:, ::-1] if observed is None else np.where(observed, pixels[:, ::-1], pixels.dtype.type(0))


def covered(picture: tuple[int, int], box: tuple[int, int], size: tuple[int, int]) -> np.ndarray | None:
    """Return which pixels of `middle` lie entirely in a picture of some width and height, bool (H, W); None if all."""
    if box[0] <= picture[0] and box[1] <= picture[1]:
        return None
    return np.asarray(cut(Image.new("F", picture, 1), box, size))[::-1] > 1 - 1e-6  # a mean may round


def as_dtype(pixels: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return pixels of `middle` as uint8 0 … 255, or as float32 in 0…1."""
    if pixels.dtype == dtype:
        return pixels
    return pixels.astype(np.float32) / np.float32(255) if dtype == np.float32 else np.rint(pixels * 255).astype(dtype)


class PictureStore:
    """Pixels (N, 3, H, W) of pictures, decoded each time they are read.

    Parameters
    ----------
    files : mapping of str to Raw
        By `object_id`, N of them.
    crop, size : int
        The square of `crop` pixels in the middle is kept, and made smaller to `size` pixels; 0 leaves it as it is.
    broken : callable, optional
        Called with an `object_id` and a reason, once, where a picture whose pixels are read is damaged: its pixels are
        0 and not covered (`Coverage`). By default that is an error.
    fit : {"pad", "crop"}
        Without `crop`, "pad" gives all pictures the size that is most common among them: smaller ones are padded,
        larger ones cut. "crop" gives all the size of the smallest. With `size`, that becomes a square. Nothing is
        stretched.

    Attributes
    ----------
    dtype : numpy.dtype
        uint8, 0 … 255; or float32 in 0…1 if a picture has grey pixels of more than 8 bits.
    zoom : float
        How many pixels of a file one of these is wide.
    pads : bool
        Whether a picture is smaller than what is kept of it.
    note : str
        What was done to pictures of another size, or ``""``.

    Raises
    ------
    ValueError
        If a header (with `broken` each of them) cannot be read. Reading pixels raises it where the rest is damaged.
    """

    def __init__(
        self,
        files: Mapping[str, Raw],
        crop: int = 0,
        size: int = 0,
        broken: Broken | None = None,
        fit: Fit = "pad",
    ) -> None:
        check_fit(fit)
        self._files, self._crop, self._broken = list(files.items()), crop, broken
        headers = self._headers()
        sizes = Counter(one.size for one in headers)
        width, height = sizes.most_common(1)[0][0]
        if fit == "crop":
            width, height = (min(side) for side in zip(*sizes, strict=True))
        self._box = box_of((width, height), 0, fit) if size else (width, height)
        self._box = (crop, crop) if crop else self._box
        self._size = (size, size) if size else self._box
        self._sizes: dict[int, tuple[int, int] | None] = {}  # of pictures that were decoded; None: cannot be read
        self.dtype = np.dtype(np.float32 if any(one.deep for one in headers) else np.uint8)
        self.shape = (len(self._files), 3, self._size[1], self._size[0])
        self.zoom = self._box[0] / self._size[0]
        self.pads = not crop and any(w < self._box[0] or h < self._box[1] for w, h in sizes)
        self.note = "; ".join(filter(None, (self._resized(sizes), _rounded(headers))))

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Decode the pictures in these rows."""
        rows = np.arange(len(self._files))[rows]
        images = np.zeros((len(rows), *self.shape[1:]), dtype=self.dtype)
        for image, row in zip(images, rows.tolist(), strict=True):
            self._read(row, image)
        return images

    def covered(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return which pixels come from a picture, bool (n, H, W); pictures not read before are decoded."""
        rows = np.arange(len(self._files))[rows].tolist()
        found = np.zeros((len(rows), *self.shape[2:]), dtype=bool)
        for one, row in zip(found, rows, strict=True):
            if row not in self._sizes:
                self._read(row, np.empty(self.shape[1:], dtype=self.dtype))
            size = self._sizes[row]
            if size is not None:
                observed = covered(size, self._box, self._size)
                one[:] = True if observed is None else observed
        return found

    def _read(self, row: int, image: np.ndarray) -> None:
        name, raw = self._files[row]
        try:
            picture = decoded(raw)
            box_of(picture.size, self._crop, "pad")
            image[:] = as_dtype(middle(picture, self._box, self._size), self.dtype)
        except ValueError as error:
            if self._broken is None:
                raise
            if self._sizes.get(row, ()) is not None:
                self._broken(name, str(error))
            self._sizes[row] = None
        else:
            self._sizes[row] = picture.size

    def _headers(self) -> list[Header]:
        found, last = [], ValueError("images: expected pictures, got none.")
        for _, raw in self._files:
            try:
                found.append(header(raw))
            except ValueError as error:
                if self._broken is None:
                    raise
                last = error
        if not found:
            raise last
        return found

    def _resized(self, sizes: Mapping[tuple[int, int], int]) -> str:
        """Describe what was done to pictures of another size."""
        others = {} if self._crop else {size: n for size, n in sizes.items() if size != self._box}
        done = {
            "padded with pixels that are not covered": any(w < self._box[0] or h < self._box[1] for w, h in others),
            "cropped": any(w > self._box[0] or h > self._box[1] for w, h in others),
        }
        what = " and ".join(word for word, was in done.items() if was)
        have = f"{sum(others.values()):,} of {sum(sizes.values()):,} pictures have another size than"
        return f"{have} {self._box[0]}×{self._box[1]}: {what}" if others else ""


class Coverage:
    """Coverage of a `PictureStore`, bool (N, 3, H, W): False for padding and for damaged pictures."""

    dtype = np.dtype(bool)

    def __init__(self, store: PictureStore) -> None:
        self._store, self.shape = store, store.shape

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return the coverage of the pictures in these rows."""
        observed = self._store.covered(rows)
        return np.broadcast_to(observed[:, None], (len(observed), *self.shape[1:])).copy()


@contextmanager
def _opened(raw: Raw, *, whole: bool = False) -> Iterator[Image.Image]:
    """Open a picture (its whole file if `whole`), and turn any error of the decoder into a ValueError that names it."""
    if isinstance(raw, ValueError):
        raise raw
    name = raw if isinstance(raw, Path) else "what is stored as a picture"
    try:
        with _image(raw, whole=whole) as picture:
            width, height = picture.size
            if width * height > MOST_PIXELS:
                raise ValueError(f"it has {width}×{height} pixels, more than {MOST_PIXELS:,}")  # noqa: TRY301 - named below
            yield picture
    except Exception as error:  # noqa: BLE001 - the decoders of damaged files raise almost anything
        why = (str(error) or type(error).__name__).partition(" <_io.")[0]  # without Pillow's name of the open file
        raise ValueError(f"images: expected a picture, got {name}, which cannot be read ({why}). Replace it.") from None


def _image(raw: Path | bytes | np.ndarray, *, whole: bool) -> Image.Image:
    if isinstance(raw, np.ndarray):
        return Image.fromarray(raw)
    size = len(raw) if isinstance(raw, bytes) else raw.stat().st_size
    if size > MOST_BYTES:
        raise ValueError(f"it has {size:,} bytes, more than {MOST_BYTES:,}")
    if isinstance(raw, Path) and not raw.is_file():
        raise ValueError("it is no file")  # a pipe would never end
    if isinstance(raw, Path) and not whole:
        return Image.open(raw, formats=_FORMATS)
    content = raw if isinstance(raw, bytes) else raw.read_bytes()  # a mapped file that shrinks would kill the process
    picture = Image.open(BytesIO(content), formats=_FORMATS)
    if picture.format == "PNG" and whole:
        with Image.open(BytesIO(content), formats=("PNG",)) as again:
            again.verify()  # nothing else checks the checksums of the pixels
    return picture


def _orientation(picture: Image.Image) -> int:
    """Return the EXIF orientation; 1 for TIFF, which Pillow turns upright itself, and where the EXIF is damaged."""
    try:
        exif = {} if picture.format == "TIFF" else Image.Image.getexif(picture)  # a PNG's own method decodes the pixels
    except Exception:  # noqa: BLE001 - damaged EXIF raises almost anything, and leaves the pixels as they are
        return 1
    return exif.get(_ORIENTATION, 1)


def _loses_bits(picture: Image.Image) -> bool:
    return picture.mode not in _DEEP and any(";16" in str(tile[3]) for tile in getattr(picture, "tile", ()))


def _colour(picture: Image.Image) -> Image.Image:
    """Return a picture of 8 bits in RGB, transparent pixels on black: what lies under them is not meant to be seen."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    black = Image.new("RGB", picture.size)
    black.paste(picture, mask=picture.getchannel("A"))
    return black


def _grey(picture: Image.Image) -> Image.Image:
    """Return a grey picture of more than 8 bits in 0…1."""
    tags = getattr(picture, "tag_v2", {})
    values = np.array(picture, dtype=np.float32)
    if picture.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise ValueError(
                f"expected floats in 0…1, got {values.min():g} … {values.max():g}; scale them, set NaN to 0"
            )
    elif picture.mode == "I" and picture.format != "PNG":
        raise ValueError("its pixels are signed or have 32 bits, so that black and white are not known; save 16 bits")
    else:
        values[values == picture.info.get("transparency", -1)] = 0
        values /= 2 ** tags.get(_BITS, (16,))[0] - 1
    return Image.fromarray(1 - values if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else values)


def cut(picture: Image.Image, box: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """Cut a box out of the middle, 0 beyond the picture, and resize it."""
    left, top = ((whole - part) // 2 for whole, part in zip(picture.size, box, strict=True))
    if left < 0 or top < 0:
        picture, left, top = picture.crop((left, top, left + box[0], top + box[1])), 0, 0
    return picture.resize(size, Image.Resampling.BOX, box=(left, top, left + box[0], top + box[1]))


def _rounded(headers: list[Header]) -> str:
    count = sum(one.rounded for one in headers)
    return f"{count:,} of {len(headers):,} pictures have colours of 16 bits: read with 8 bits" if count else ""
