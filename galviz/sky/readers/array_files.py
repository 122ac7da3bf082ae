"""Cutouts in files of arrays: NumPy (.npz, .npy), HDF5 and Zarr, one object or many per file.

Nothing is unpickled, nothing outside the file is opened, and rows are read one after another.
"""

import json
import math
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from galviz.io.damage import whole
from galviz.io.formats import common
from galviz.io.formats.request import ID_NAMES
from galviz.io.paths import inside
from galviz.sky.readers.fits_images import MOST_VALUES, Contents, Cutout
from galviz.sky.readers.zoo import data_set

SUFFIXES = (".npz", ".npy", ".h5", ".hdf5", ".hdf", ".zarr")
_IMAGES = ("images", "image", "cutouts", "cutout", "data", "x", "x_train", "pixels", "img", "arr_0")
_BANDS = ("bands", "filters", "band", "filter", "band_names")
_BESIDE = ("mask", "masks", "variance", "var", "weight", "weights", "psf", "psfs", "ivar", "invvar", "err", "error")
_MOST_BANDS = 16  # an axis of more is not taken for bands unless bands are named
_TOGETHER = 2**24  # values read at a time
_ZARR_CODECS = {"bytes", "zstd", "blosc", "gzip", "crc32c", "sharding_indexed", "transpose"}  # a codec can run code
_ZARR2_COMPRESSORS = {None, "zstd", "blosc", "gzip", "zlib", "lz4"}


class _Array(NamedTuple):
    """An array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype
    rows: Callable[[int], Iterator[np.ndarray]]
    """Yields all rows, in groups of this many."""


class _Layout(NamedTuple):
    """How the axes of an array of images are to be read."""

    many: bool
    last: bool
    """Whether the bands are the last axis."""
    colour: bool
    """8 bits in red, green, blue: a picture, whose first row is at the top."""


@dataclass(frozen=True)
class ArrayCutout:
    """One object that a file of arrays holds. It is read by `read`, in any process."""

    path: Path

    def read(self) -> Cutout | np.ndarray:
        """Read the pixels; a colour picture as (H, W, 3) uint8. Raise a ValueError if the file is damaged."""
        found = list(cutouts(self.path))
        if len(found) != 1:
            raise ValueError(f"{self.path}: expected one object, as the other files have, got {len(found)}.")
        if isinstance(found[0], ValueError):
            raise found[0]
        return found[0]


def is_arrays(path: Path) -> bool:
    """Return whether the name of a file or folder is that of a file of arrays."""
    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def is_zarr(path: Path) -> bool:
    """Return whether a folder is a Zarr array or group."""
    return path.is_dir() and any((path / name).is_file() for name in ("zarr.json", ".zarray", ".zgroup"))


def contents(path: Path) -> Contents:
    """Return what a file holds: ids, names of bands, shape, and columns of one value an object.

    Raises
    ------
    ValueError
        If the file is damaged, or has no array of images.
    """
    with _arrays(path) as arrays:
        name, layout = _images(path, arrays)
        shape = arrays[name].shape
        count = shape[0] if layout.many else 1
        rest = shape[1:] if layout.many else shape
        rest = (1, *rest) if len(rest) == 2 else rest
        rest = (rest[2], *rest[:2]) if layout.last else rest
        if math.prod(rest) > MOST_VALUES:
            raise ValueError(f"{path}: expected images of at most {MOST_VALUES:,} pixels, got {rest}.")
        names = next((_text(arrays[n]) for n in arrays if n.lower() in _BANDS and len(arrays[n].shape) == 1), None)
        bands = tuple(names) if names and len(names) == rest[0] == len(set(names)) else None
        columns = pd.DataFrame(index=range(count))
        beside = []
        for key, array in arrays.items():
            if key == name or (bands and key.lower() in _BANDS):
                continue
            flat = layout.many and array.shape == (count,) and array.dtype.kind in "iufbSUO"
            if flat:
                columns[key.rsplit("/", 1)[-1]] = _text(array) if array.dtype.kind in "SUO" else _all(array)
            else:
                beside.append(key)
        ids = None
        if layout.many:
            key = next((c for n in ID_NAMES for c in columns if c.lower() == n and c.lower() != "photoid"), None)
            key = key if key and columns[key].dtype.kind != "f" and columns[key].is_unique else None
            ids = () if key is None else tuple(columns[key].astype(str))
            columns = columns.drop(columns="object_id", errors="ignore")
        known = columns if layout.many and len(columns.columns) else None
        unit = "display" if arrays[name].dtype == np.uint8 else "flux"
        return Contents(ids, bands, rest, unit, beside=tuple(beside), columns=known, colour=layout.colour)


def names_in(path: Path) -> list[str]:
    """Return the names of the arrays in a file."""
    with _arrays(path) as arrays:
        return list(arrays)


def count(path: Path) -> int:
    """Return how many objects a file holds."""
    with _arrays(path) as arrays:
        name, layout = _images(path, arrays)
        return arrays[name].shape[0] if layout.many else 1


def cutouts(path: Path) -> Iterator[Cutout | np.ndarray | ValueError]:
    """Yield the objects of a file, one at a time; colour pictures as (H, W, 3) uint8."""
    with _arrays(path) as arrays:
        name, layout = _images(path, arrays)
        array = arrays[name]
        levels = 255 if array.dtype == np.uint8 else 1
        if not layout.many:
            parts = list(array.rows(len(array.shape) and array.shape[0]))
            yield _object(np.concatenate(parts), layout, levels)
            return
        step = max(1, _TOGETHER // max(1, math.prod(array.shape[1:])))
        for rows in array.rows(step):
            for row in rows:
                yield _object(row, layout, levels)


def _object(values: np.ndarray, layout: _Layout, levels: int) -> Cutout | np.ndarray:
    if layout.colour:
        return np.ascontiguousarray(values if layout.last else values.transpose(1, 2, 0)[::-1])
    values = values.transpose(2, 0, 1) if layout.last else values
    with np.errstate(over="ignore"):
        pixels = values.reshape(-1, *values.shape[-2:]).astype(np.float32)
    return Cutout(pixels if levels == 1 else pixels / np.float32(levels))


def _images(path: Path, arrays: Mapping[str, _Array]) -> tuple[str, _Layout]:
    """Return the name of the array of images, and how its axes are read."""
    able = {n: a for n, a in arrays.items() if 2 <= len(a.shape) <= 4 and a.dtype.kind in "iuf" and min(a.shape) > 0}
    named = [n for want in _IMAGES for n in able if n.rsplit("/", 1)[-1].lower() == want]
    large = sorted(
        (n for n in able if n.rsplit("/", 1)[-1].lower() not in _BESIDE), key=lambda n: -math.prod(able[n].shape)
    )
    if not named and not large:
        raise ValueError(
            f"{path}: expected an array of images (N, B, H, W), (B, H, W) or (H, W), got "
            f"{', '.join(f'{n} {a.dtype} {a.shape}' for n, a in list(arrays.items())[:6]) or 'none'}."
        )
    name = (named or large)[0]
    shape, kind = able[name].shape, able[name].dtype
    bands = next((a.shape[0] for n, a in arrays.items() if n.lower() in _BANDS and len(a.shape) == 1), None)
    lengths = {a.shape[0] for n, a in arrays.items() if len(a.shape) == 1 and n.lower() not in _BANDS}
    if len(shape) == 2:
        return name, _Layout(many=False, last=False, colour=False)
    if len(shape) == 3:
        if kind == np.uint8 and shape[2] == 3 and shape[0] not in lengths:
            return name, _Layout(many=False, last=True, colour=True)
        if bands == shape[0] or (shape[0] <= _MOST_BANDS and shape[0] not in lengths):
            return name, _Layout(many=False, last=False, colour=False)
        if bands == shape[2] or (shape[2] <= _MOST_BANDS and shape[0] not in lengths):
            return name, _Layout(many=False, last=True, colour=False)
        return name, _Layout(many=True, last=False, colour=False)
    last = bands != shape[1] and (bands == shape[3] or (shape[3] <= _MOST_BANDS and shape[3] < shape[1]))
    colour = kind == np.uint8 and (shape[3] if last else shape[1]) == 3
    return name, _Layout(many=True, last=last, colour=colour)


def _all(array: _Array) -> np.ndarray:
    parts = list(array.rows(1 << 20))
    return np.concatenate(parts) if parts else np.empty(array.shape, array.dtype)


def _text(array: _Array) -> list[str]:
    return [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in _all(array).tolist()]


@contextmanager
def _arrays(path: Path) -> Iterator[dict[str, _Array]]:
    """Yield the arrays of a file by name."""
    suffix = path.suffix.lower()
    reader = _npz if suffix == ".npz" else _npy if suffix == ".npy" else _zarr if path.is_dir() else _hdf5
    with whole(path, "file of arrays", "Save it again."), ExitStack() as stack:
        yield reader(path, stack.enter_context)


def _npz(path: Path, enter: Callable[[Any], Any]) -> dict[str, _Array]:
    archive = enter(zipfile.ZipFile(path))
    found = {}
    for member in archive.infolist():
        if not member.filename.endswith(".npy"):
            continue
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename} is compressed in another way than by deflate")
        common.check_size(path, member.file_size, member.compress_size)
        with archive.open(member) as file:
            head = _npy_head(file, member.file_size)
        if head is not None:
            shape, dtype, _ = head

            def rows(step: int, member: zipfile.ZipInfo = member) -> Iterator[np.ndarray]:
                with archive.open(member) as file:
                    yield from _npy_rows(file, member.file_size, step)

            found[member.filename.removesuffix(".npy")] = _Array(shape, dtype, rows)
    return found


def _npy(path: Path, _: Callable[[Any], Any]) -> dict[str, _Array]:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = _npy_head(file, size)
    if head is None:
        raise ValueError("its values are Python objects, which might run any code")

    def rows(step: int) -> Iterator[np.ndarray]:
        with path.open("rb") as file:
            yield from _npy_rows(file, size, step)

    return {"images": _Array(head[0], head[1], rows)}


def _npy_head(file: Any, size: int) -> tuple[tuple[int, ...], np.dtype, bool] | None:
    """Return shape, dtype and order of an array; None if it has Python objects or named fields."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(file)
    if dtype.hasobject or dtype.names:
        return None
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != size - file.tell():
        raise ValueError(f"its header claims {shape} of {dtype}, and the file has {size:,} bytes")
    return shape, dtype, by_columns


def _npy_rows(file: Any, size: int, step: int) -> Iterator[np.ndarray]:
    shape, dtype, by_columns = _npy_head(file, size)
    if by_columns and len(shape) > 1:
        if math.prod(shape) > MOST_VALUES:
            raise ValueError("it is saved by columns and too large for that. Save it with numpy.ascontiguousarray")
        yield np.frombuffer(_exactly(file, math.prod(shape) * dtype.itemsize), dtype).reshape(shape[::-1]).T
        return
    width = math.prod(shape[1:]) * dtype.itemsize
    for start in range(0, shape[0] if shape else 1, max(1, step)):
        rows = min(max(1, step), (shape[0] if shape else 1) - start)
        yield np.frombuffer(_exactly(file, rows * width), dtype).reshape(rows, *shape[1:])
    file.read(1)  # at the end, zipfile compares the checksum


def _exactly(file: Any, size: int) -> bytes:
    content = file.read(size)
    if len(content) != size:
        raise ValueError("it is cut short")
    return content


def _hdf5(path: Path, enter: Callable[[Any], Any]) -> dict[str, _Array]:
    try:
        import h5py
    except ImportError:
        raise ImportError("h5py: expected it for HDF5 files, got none. Install it: pip install h5py.") from None
    file = enter(h5py.File(path))
    own = [name for name in file if _own(file, name)]  # asking for the class of a link would open what it leads to
    groups = [name for name in own if file.get(name, getclass=True) is h5py.Group]
    own += [f"{group}/{name}" for group in groups for name in file[group] if _own(file, f"{group}/{name}")]
    found = {}
    for name in own:
        if file.get(name, getclass=True) is not h5py.Dataset:
            continue
        dtype = file[name].dtype
        if h5py.check_string_dtype(dtype) is None and dtype.kind not in "iufb":
            continue
        one = data_set(file, name, "iufbOS")

        def rows(step: int, one: Any = one) -> Iterator[np.ndarray]:
            if not one.shape:
                yield np.asarray(one[()])[None]
            for start in range(0, one.shape[0] if one.shape else 0, max(1, step)):
                yield one[start : start + step]

        found[name] = _Array(one.shape, one.dtype, rows)
    return found


def _own(file: Any, name: str) -> bool:
    """Return whether a name of an HDF5 file leads to what the file itself stores, at each step."""
    from h5py import HardLink

    parts = name.split("/")
    steps = ["/".join(parts[:k]) for k in range(1, len(parts) + 1)]
    return all(isinstance(file.get(step, getlink=True), HardLink) for step in steps)


def _zarr(path: Path, _: Callable[[Any], Any]) -> dict[str, _Array]:
    import zarr

    _check_store(path)
    top = zarr.open(path, mode="r")
    arrays = {"images": top} if isinstance(top, zarr.Array) else dict(top.arrays())
    if not isinstance(top, zarr.Array):
        arrays |= {f"{n}/{m}": array for n, group in top.groups() for m, array in group.arrays()}
    found = {}
    for name, array in arrays.items():
        if array.dtype.kind in "iufbUS":
            if math.prod(array.chunks) > MOST_VALUES:
                raise ValueError(f"its chunks {array.chunks} have more than {MOST_VALUES:,} values")
            missing = array.nchunks - array.nchunks_initialized
            if missing:
                raise ValueError(
                    f"{missing:,} of {array.nchunks:,} chunks of {name} are missing. If they are all zero, save the "
                    "array with write_empty_chunks"
                )
            found[name] = _Array(array.shape, np.dtype(array.dtype), partial(_zarr_rows, array))
    return found


def _zarr_rows(array: Any, step: int) -> Iterator[np.ndarray]:
    for start in range(0, array.shape[0], max(1, step)):
        yield np.asarray(array[start : start + step])


def _check_store(path: Path) -> None:
    """Refuse a Zarr folder with links that lead out of it, or with codecs that might do anything."""
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            place = Path(folder) / name
            if place.is_symlink():
                inside(path, place.relative_to(path))
            if name in ("zarr.json", ".zarray"):
                _check_codecs(json.loads(place.read_text(encoding="utf-8")))


def _check_codecs(about: Mapping[str, Any]) -> None:
    """Refuse an array of Zarr that needs a codec, or a filter, that might do anything."""
    if "codecs" in about:
        todo = list(about["codecs"])
        while todo:
            codec = todo.pop()
            if codec["name"] not in _ZARR_CODECS:
                raise ValueError(f"it needs the codec {codec['name']!r}")
            inner = codec.get("configuration") or {}
            todo += [*inner.get("codecs", []), *inner.get("index_codecs", [])]
    elif about.get("zarr_format") == 2 and "dtype" in about:
        compressor = (about.get("compressor") or {}).get("id")
        if compressor not in _ZARR2_COMPRESSORS or about.get("filters") or "O" in str(about["dtype"]):
            raise ValueError(f"it needs the compressor {compressor!r}, filters {about.get('filters')}")
