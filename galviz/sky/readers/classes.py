"""Pictures sorted into classes, as they are published: CIFAR-10, CUB-200, or one folder per class.

`galviz.sky.readers.writing.write_pictures` makes a sky of them. Its catalogue has the column ``class`` and, if the
pictures are published in two parts, ``split``: ``"train"`` or ``"test"``.
"""

import io
import math
import pickle
import pickletools
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from galviz.io.paths import inside
from galviz.sky.readers.picture_files import MOST_BYTES, SUFFIXES, Raw, decoded, hidden, walk
from galviz.sky.readers.pictures import Pictures, check_single

_SIDE = 32
_ROW = 3 * _SIDE**2
_BATCHES = {f"data_batch_{k}": "train" for k in range(1, 6)} | {"test_batch": "test"}
_SPLITS = ("train", "test")
_NO_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)
_MOST_BATCH = 2**27  # bytes; a file of CIFAR-10 has 31 MB


def find_classes(path: str | Path, *, boxes: bool = False) -> Pictures:
    """Return the pictures at a path, with the layout detected from its files.

    Parameters
    ----------
    path : str or Path
        A path for `cifar10`, `cub200` or `folders`, or the folder that contains an unpacked CIFAR-10.
    boxes : bool
        As in `cub200`.

    Raises
    ------
    FileNotFoundError or ValueError
        If no layout matches, the files are invalid, or boxes are requested for another data set than CUB-200.
    """
    path = Path(path)
    if (path / "image_class_labels.txt").exists():
        return cub200(path, boxes=boxes)
    if boxes:
        raise ValueError(f"boxes: expected with CUB-200, got them for {path}. Leave them out.")
    for place in (path, path / "cifar-10-batches-py", path / "cifar-10-batches-bin"):
        if any((place / name).exists() for name in ("batches.meta", "batches.meta.txt")):
            return cifar10(place)
    return folders(path)


def cifar10(folder: str | Path) -> Pictures:
    """Read CIFAR-10 as published: ``data_batch_1`` … ``5`` and ``test_batch``, pickles for Python or ``.bin`` files.

    Only arrays, text and numbers are created from a pickle. A pickle with anything else is refused.

    Parameters
    ----------
    folder : str or Path
        With ``batches.meta`` (Python) or ``batches.meta.txt`` (binary), which name the classes.

    Returns
    -------
    Pictures
        With 32×32 pixels. Ids count the rows: ``"cifar10-train-00000"``, the same for both kinds of files.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is truncated, damaged or of another kind. The message names it.

    References
    ----------
    Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, section 3.1.
    """
    folder = Path(folder)
    binary = (folder / "batches.meta.txt").exists()
    files = {folder / f"{name}{'.bin' if binary else ''}": split for name, split in _BATCHES.items()}
    for file in [folder / ("batches.meta.txt" if binary else "batches.meta"), *files]:
        if not inside(folder, file.name).is_file():
            raise FileNotFoundError(f"path: expected {file.name} of CIFAR-10 in {folder}, got none. Unpack it again.")
        if file.stat().st_size > _MOST_BATCH:
            raise ValueError(f"path: expected at most {_MOST_BATCH:,} bytes, got more in {file}. Unpack it again.")
    batch, classes = (_bin_batch, _bin_classes) if binary else (_pickled_batch, _pickled_classes)
    names = classes(folder)
    parts = []
    for file, split in files.items():
        labels = batch(file)[1]
        if labels.max() >= len(names):
            raise ValueError(f"path: expected labels below {len(names)}, got {labels.max()} in {file}. Unpack again.")
        parts.append(pd.DataFrame({"class": np.array(names, dtype=object)[labels], "split": split}))
    table = pd.concat(parts, ignore_index=True)
    number = table.groupby("split").cumcount()
    ids = [f"cifar10-{split}-{k:05d}" for split, k in zip(table["split"], number, strict=True)]

    def read() -> Iterator[Raw]:
        for file in files:
            yield from batch(file)[0].reshape(-1, 3, _SIDE, _SIDE).transpose(0, 2, 3, 1)

    return Pictures(table.set_index(pd.Index(ids, name="object_id")), read, "CIFAR-10")


def cub200(folder: str | Path, *, boxes: bool = False) -> Pictures:
    """Read CUB-200-2011: ``images.txt``, ``image_class_labels.txt``, ``classes.txt``, ``train_test_split.txt``.

    Parameters
    ----------
    folder : str or Path
        Where it was unpacked; its pictures are in ``images``.
    boxes : bool
        Cut out the smallest square around the box of ``bounding_boxes.txt``, moved into the picture where it lies
        partly beside it, and no larger than it.

    Returns
    -------
    Pictures
        Ids are the names of the files without suffix.

    Raises
    ------
    FileNotFoundError
        If one of the lists or a picture is missing.
    ValueError
        If a list lacks a picture of ``images.txt``, naming it, or has lines of another form; if ``images.txt`` names
        a file outside the folder, or two pictures of one name.

    References
    ----------
    Wah et al. (2011), The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001.
    """
    folder = Path(folder)
    files = _listed(inside(folder, "images.txt"), 2)[0]
    numbers = files.index
    names = _listed(inside(folder, "classes.txt"), 2)[0]
    label = _listed(inside(folder, "image_class_labels.txt"), 2, numbers)[0]
    train = _listed(inside(folder, "train_test_split.txt"), 2, numbers)[0]
    unknown = label[~label.isin(names.index)]
    if len(unknown):
        raise ValueError(f"classes.txt: expected the class {unknown.iloc[0]!r} in {folder}, got none. Unpack it again.")
    places: dict[str, Path] = {}
    seen: dict[str, PurePosixPath] = {}
    for name in map(PurePosixPath, files):
        place = inside(folder, "images" / name, "images.txt")
        if not place.is_file():
            raise FileNotFoundError(f"images: expected {place}, which images.txt lists, got none. Unpack it again.")
        check_single(name.stem, name, seen, folder)
        places[name.stem] = place
    table = pd.DataFrame(
        {"class": names[label].to_numpy(), "split": np.where(train == "1", "train", "test")},
        index=pd.Index(list(places), name="object_id"),
    )
    if not boxes:
        return Pictures(table, lambda: iter(places.values()), "CUB-200-2011")
    listed = _listed(inside(folder, "bounding_boxes.txt"), 5, numbers)
    found = listed.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(found).all(axis=1) & (found[:, 2:] >= 1).all(axis=1))
    if bad.any():
        got = " ".join(listed[bad].iloc[0])
        raise ValueError(f"bounding_boxes.txt: expected x, y, width and height, got {got!r}. Unpack it again.")
    return Pictures(table, lambda: map(_boxed, places.values(), found), "CUB-200-2011, the birds' boxes")


def folders(path: str | Path) -> Pictures:
    """Find pictures in one folder per class, ``<class>/<name>.jpg``, or such in ``train`` and ``test``; or in a .zip.

    Parameters
    ----------
    path : str or Path
        A folder, or a .zip file, which is not unpacked. Hidden files and ``__MACOSX`` are skipped, and members of a
        zip file whose names climb (``..``) or are absolute. A link that leads out of the folder is not followed: it is
        an object that cannot be read.

    Returns
    -------
    Pictures
        Ids are the parts of their paths: ``"train-airplane-0001"``.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no zip file, holds no picture in such folders, or two of one id.
    """
    path = Path(path)
    if path.is_dir():
        found = dict(walk(path, 2))
    elif path.exists():
        found = members(path)
    else:
        raise FileNotFoundError(f"path: expected pictures, got {path}, which is not there.")
    kept = {name: raw for name, raw in found.items() if _fits(name) or isinstance(raw, ValueError)}
    if not any(map(_fits, kept)):
        raise ValueError(f"path: expected <class>/<name>.jpg (or .png), or such in train and test, got none in {path}.")
    columns = {"class": [name.parent.name for name in kept]}
    if any(len(name.parts) == 3 for name in kept):
        columns["split"] = [name.parts[0] if len(name.parts) == 3 else "train" for name in kept]
    names: dict[str, PurePosixPath] = {}
    for name in kept:
        check_single("-".join(name.with_suffix("").parts), name, names, path)
    table = pd.DataFrame(columns, index=pd.Index(list(names), name="object_id"))
    read = (lambda: iter(kept.values())) if path.is_dir() else partial(unzipped, path, list(kept.values()))
    return Pictures(table, read, f"pictures in {path.resolve().name}")


class _Part:
    """Placeholder for a NumPy object in a pickle, so that no size claimed by a pickle is ever allocated."""

    def __init__(self, *args: Any) -> None:
        self.args: tuple[Any, ...] = args
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Plain(pickle.Unpickler):
    """An unpickler that creates only plain values and `_Part`."""

    _KNOWN = (
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and might do anything")
        return _Part


_PUT = {"PUT", "BINPUT", "LONG_BINPUT"}
_MANY = {  # what a list of labels and of names is made of; the rest, such as a tuple in a tuple, occurs a few times
    *_PUT, "GET", "BINGET", "LONG_BINGET", "MEMOIZE", "MARK", "APPEND", "APPENDS", "INT", "BININT", "BININT1",
    "BININT2", "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINUNICODE", "SHORT_BINUNICODE",
}  # fmt: skip


def _check_opcodes(content: bytes) -> None:
    """Refuse a pickle that is truncated, deeply nested (a crash), or has absurd memo indices (32 GB of memory)."""
    names, parts = Counter(), 0
    for number, (opcode, argument, _) in enumerate(pickletools.genops(content)):
        names[opcode.name] += opcode.name not in _MANY
        parts = max(parts, int(argument) if opcode.name in _PUT else 0)
        if parts > number or names.total() > 1000:
            raise pickle.UnpicklingError(f"its part {number} is not one of CIFAR-10")


def _unpickled(file: Path) -> dict[bytes, Any]:
    content = file.read_bytes()
    try:
        _check_opcodes(content)
        found = _Plain(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # noqa: BLE001 - what a damaged pickle raises can be almost anything
        raise ValueError(f"path: expected a file of CIFAR-10, got {file}: {error}. Unpack it again.") from None
    if not isinstance(found, dict):
        raise ValueError(f"path: expected a file of CIFAR-10, got {file}, which is none. Unpack it again.")  # noqa: TRY004 - the file is bad
    return {key.encode("utf-8", "replace") if isinstance(key, str) else key: value for key, value in found.items()}


def _pickled_classes(folder: Path) -> list[str]:
    names = _unpickled(folder / "batches.meta").get(b"label_names")
    if not isinstance(names, list) or not names or not all(isinstance(name, bytes | str) for name in names):
        raise ValueError(f"path: expected label_names in {folder / 'batches.meta'}, got none. Unpack it again.")
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else name for name in names]


def _pickled_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    found = _unpickled(file)
    data, labels = _bytes_of(found.get(b"data")), found.get(b"labels")
    whole = isinstance(labels, list) and all(type(label) is int and 0 <= label <= 255 for label in labels)
    if not whole or not labels or data is None or data.shape != (len(labels), _ROW):
        raise ValueError(f"path: expected labels and data of {_ROW} bytes each, got others in {file}. Unpack it again.")
    return data, np.array(labels)


def _bytes_of(array: Any) -> np.ndarray | None:
    """Return a pickled array of bytes; None for anything else."""
    try:
        _, shape, dtype, by_columns, content = array.state
        fits = dtype.args[0] in ("u1", b"u1") and isinstance(content, bytes) and len(content) == math.prod(shape)
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C") if fits else None
    except (AttributeError, IndexError, TypeError, ValueError):
        return None


def _bin_classes(folder: Path) -> list[str]:
    return _text(folder / "batches.meta.txt").split()


def _bin_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = np.fromfile(file, np.uint8)
    if not len(rows) or len(rows) % (_ROW + 1):
        expected = f"a multiple of {_ROW + 1} bytes"
        raise ValueError(f"path: expected {expected}, got {len(rows)} in {file}, which is cut short. Unpack it again.")
    rows = rows.reshape(-1, _ROW + 1)
    return rows[:, 1:], rows[:, 0].astype(int)


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{file.name}: expected text in UTF-8, got {error}. Unpack it again.") from None


def _listed(file: Path, words: int, numbers: pd.Index | None = None) -> pd.DataFrame:
    """Read lines of a number and so many words less one, in the order of `numbers`."""
    rows = [line.split(maxsplit=words - 1) for line in _text(file).splitlines() if line.strip()]
    bad = next((" ".join(row) for row in rows if len(row) != words), None)
    if bad is not None or not rows:
        raise ValueError(f"{file.name}: expected {words} words a line, got {bad or 'no line'!r}. Unpack it again.")
    table = pd.DataFrame([row[1:] for row in rows], index=[row[0] for row in rows], dtype=object)
    if not table.index.is_unique:
        double = table.index[table.index.duplicated()][0]
        raise ValueError(f"{file.name}: expected a line a number, got {double!r} twice. Unpack it again.")
    if numbers is None:
        return table
    missing = numbers[~numbers.isin(table.index)]
    if len(missing):
        raise ValueError(f"{file.name}: expected a line for image {missing[0]} of images.txt, got none. Unpack again.")
    return table.loc[numbers]


def _boxed(place: Path, box: np.ndarray) -> Raw:
    """Cut a square around a box (x, y, width, height) out of a picture; of a broken one, return why."""
    try:
        picture = decoded(place)
    except ValueError as error:
        return error
    side = round(min(max(box[2:]), *picture.size))
    corner = np.round(box[:2] + box[2:] / 2 - side / 2)
    left, top = np.clip(corner, 0, np.array(picture.size) - side).astype(int).tolist()
    return np.asarray(picture.crop((left, top, left + side, top + side)))


def members(path: Path) -> dict[PurePosixPath, str]:
    """List the members of a zip file, without those that are hidden or whose names lead out of it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {PurePosixPath(name): name for name in sorted(archive.namelist())}
    except _NO_ZIP as error:
        raise ValueError(f"path: expected a folder or a .zip file, got {path}: {error}. Download it again.") from None
    return {name: own for name, own in names.items() if not (name.is_absolute() or any(map(hidden, name.parts)))}


def _fits(name: PurePosixPath) -> bool:
    """Return whether it is a picture in the folder of a class."""
    parts = name.parts
    in_class = len(parts) == 2 or (len(parts) == 3 and parts[0] in _SPLITS)
    return in_class and name.suffix.lower() in SUFFIXES


def unzipped(path: Path, names: list[str]) -> Iterator[Raw]:
    """Yield members of a zip file, unpacked; the reason in place of one that cannot be read."""
    with zipfile.ZipFile(path) as archive:
        for name in names:
            try:
                member = archive.getinfo(name)
                if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise zipfile.BadZipFile("it is compressed in another way than by deflate")  # of unknown size
                if member.file_size > MOST_BYTES:
                    raise zipfile.BadZipFile(f"it unpacks to {member.file_size:,} bytes, more than {MOST_BYTES:,}")
                raw: Raw = archive.read(member)
            except (*_NO_ZIP, KeyError) as error:
                raw = ValueError(f"images: expected a picture, got {name} in {path}, which cannot be read ({error}).")
            yield raw
