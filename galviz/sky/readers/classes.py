"""Pictures that belong to classes, as they are published: CIFAR-10, CUB-200, or a folder a class.

What is found here is made into a sky by `galviz.sky.readers.pictures.write_pictures`. Its catalogue has the columns
``class`` and, where the pictures are published in two parts, ``split``: ``"train"`` or ``"test"``.
"""

import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

import numpy as np
import pandas as pd

from galviz.sky.readers.picture_files import Raw, opened
from galviz.sky.readers.pictures import SUFFIXES, Pictures

_SIDE = 32
_ROW = 3 * _SIDE**2
_BATCHES = {f"data_batch_{k}": "train" for k in range(1, 6)} | {"test_batch": "test"}
_SPLITS = ("train", "test")


def find_classes(path: str | Path, *, boxes: bool = False) -> Pictures:
    """Tell from the files which of the layouts it is, and find the pictures.

    Parameters
    ----------
    path : str or Path
        As `cifar10`, `cub200` or `folders` take it, or the folder that CIFAR-10 unpacks into.
    boxes : bool
        As `cub200` takes it.

    Raises
    ------
    FileNotFoundError or ValueError
        If it is none of them, or something is wrong with it; also if there are no boxes but they are asked for.
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

    Of a pickle nothing is made but arrays, text and numbers: one that asks for anything else is refused.

    Parameters
    ----------
    folder : str or Path
        With ``batches.meta`` (Python) or ``batches.meta.txt`` (binary), which name the classes.

    Returns
    -------
    Pictures
        Of 32×32 pixels; ids count the rows: ``"cifar10-train-00000"``, the same for both kinds of files.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If a file is cut short or damaged, or is not what it should be, naming it.

    References
    ----------
    Krizhevsky (2009), Learning Multiple Layers of Features from Tiny Images, section 3.1.
    """
    folder = Path(folder)
    binary = (folder / "batches.meta.txt").exists()
    files = {folder / f"{name}{'.bin' if binary else ''}": split for name, split in _BATCHES.items()}
    for file in [folder / ("batches.meta.txt" if binary else "batches.meta"), *files]:
        if not file.is_file():
            raise FileNotFoundError(f"path: expected {file.name} of CIFAR-10 in {folder}, got none. Unpack it again.")
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
        Ids are the names of the files without suffix; a picture that is not square is squeezed.

    Raises
    ------
    FileNotFoundError
        If one of the lists or a picture is missing.
    ValueError
        If a list lacks a picture of ``images.txt``, naming it, or has lines of another form.

    References
    ----------
    Wah et al. (2011), The Caltech-UCSD Birds-200-2011 Dataset, CNS-TR-2011-001.
    """
    folder = Path(folder)
    files = _listed(folder / "images.txt", 2)[0]
    numbers = files.index
    names = _listed(folder / "classes.txt", 2)[0]
    label = _listed(folder / "image_class_labels.txt", 2, numbers)[0]
    train = _listed(folder / "train_test_split.txt", 2, numbers)[0]
    unknown = label[~label.isin(names.index)]
    if len(unknown):
        raise ValueError(f"classes.txt: expected the class {unknown.iloc[0]!r} in {folder}, got none. Unpack it again.")
    places = [folder / "images" / name for name in files]
    for place in places:
        if not place.is_file():
            raise FileNotFoundError(f"images: expected {place}, which images.txt lists, got none. Unpack it again.")
    table = pd.DataFrame(
        {"class": names[label].to_numpy(), "split": np.where(train == "1", "train", "test")},
        index=pd.Index([place.stem for place in places], name="object_id"),
    )
    if not boxes:
        return Pictures(table, lambda: iter(places), "CUB-200-2011")
    found = _listed(folder / "bounding_boxes.txt", 5, numbers).to_numpy(dtype=float)
    return Pictures(table, lambda: map(_boxed, places, found), "CUB-200-2011, the birds' boxes")


def folders(path: str | Path) -> Pictures:
    """Find pictures in a folder a class, ``<class>/<name>.jpg``, or such in ``train`` and ``test``; or in a .zip.

    Parameters
    ----------
    path : str or Path
        A folder, or a .zip file, which is not unpacked.

    Returns
    -------
    Pictures
        Ids are the parts of their paths: ``"train-airplane-0001"``.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    ValueError
        If it is no zip file, or holds no picture in such folders.
    """
    path = Path(path)
    if path.is_dir():
        found = {PurePosixPath(file.relative_to(path).as_posix()): file for file in sorted(path.rglob("*"))}
    elif path.exists():
        found = dict.fromkeys(_inside(path), path)
    else:
        raise FileNotFoundError(f"path: expected pictures, got {path}, which is not there.")
    kept = {name: file for name, file in found.items() if name.suffix.lower() in SUFFIXES and _fits(name)}
    if not kept:
        raise ValueError(f"path: expected <class>/<name>.jpg (or .png), or such in train and test, got none in {path}.")
    columns = {"class": [name.parts[-2] for name in kept]}
    if any(len(name.parts) == 3 for name in kept):
        columns["split"] = [name.parts[0] if len(name.parts) == 3 else "train" for name in kept]
    ids = pd.Index(["-".join(name.with_suffix("").parts) for name in kept], name="object_id")
    return Pictures(pd.DataFrame(columns, index=ids), _reader(path, kept), f"pictures in {path.resolve().name}")


class _Plain(pickle.Unpickler):
    """An unpickler that makes arrays and plain values, and nothing else."""

    _RECONSTRUCT = np.zeros(0).__reduce__()[0]
    _KNOWN = {  # noqa: RUF012 - never changed
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
        ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
        ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, and might do anything")
        return self._KNOWN[module, name]


def _unpickled(file: Path) -> dict[bytes, Any]:
    stream: BinaryIO
    with file.open("rb") as stream:
        try:
            found = _Plain(stream, encoding="bytes").load()
        except Exception as error:  # noqa: BLE001 - what a damaged pickle raises can be almost anything
            raise ValueError(f"path: expected a file of CIFAR-10, got {file}: {error}. Unpack it again.") from None
    if not isinstance(found, dict):
        raise ValueError(f"path: expected a file of CIFAR-10, got {file}, which is none. Unpack it again.")  # noqa: TRY004 - the file is bad
    return {key.encode() if isinstance(key, str) else key: value for key, value in found.items()}


def _pickled_classes(folder: Path) -> list[str]:
    names = _unpickled(folder / "batches.meta").get(b"label_names")
    if not isinstance(names, list) or not names:
        raise ValueError(f"path: expected label_names in {folder / 'batches.meta'}, got none. Unpack it again.")
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _pickled_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    found = _unpickled(file)
    data, labels = found.get(b"data"), np.asarray(found.get(b"labels", ()))
    fits = isinstance(data, np.ndarray) and data.dtype == np.uint8 and data.shape == (labels.size, _ROW)
    if not labels.size or not fits or labels.dtype.kind != "i" or (labels < 0).any():
        raise ValueError(f"path: expected labels and data of {_ROW} bytes each, got others in {file}. Unpack it again.")
    return data, labels


def _bin_classes(folder: Path) -> list[str]:
    return (folder / "batches.meta.txt").read_text(encoding="utf-8").split()


def _bin_batch(file: Path) -> tuple[np.ndarray, np.ndarray]:
    rows = np.fromfile(file, np.uint8)
    if not len(rows) or len(rows) % (_ROW + 1):
        expected = f"a multiple of {_ROW + 1} bytes"
        raise ValueError(f"path: expected {expected}, got {len(rows)} in {file}, which is cut short. Unpack it again.")
    rows = rows.reshape(-1, _ROW + 1)
    return rows[:, 1:], rows[:, 0].astype(int)


def _listed(file: Path, words: int, numbers: pd.Index | None = None) -> pd.DataFrame:
    """Read lines of a number and so many words less one, in the order of `numbers`."""
    lines = file.read_text(encoding="utf-8").splitlines()
    rows = [line.split(maxsplit=words - 1) for line in lines if line.strip()]
    bad = next((line for line, row in zip(lines, rows, strict=False) if len(row) != words), None)
    if bad is not None or not rows:
        raise ValueError(f"{file.name}: expected {words} words a line, got {bad or 'no line'!r}. Unpack it again.")
    table = pd.DataFrame([row[1:] for row in rows], index=[row[0] for row in rows], dtype=object)
    if numbers is None:
        return table
    missing = numbers[~numbers.isin(table.index)]
    if len(missing):
        raise ValueError(f"{file.name}: expected a line for image {missing[0]} of images.txt, got none. Unpack again.")
    return table.loc[numbers]


def _boxed(place: Path, box: np.ndarray) -> Raw:
    """Cut a square around a box (x, y, width, height) out of a picture; of a broken one, give the file."""
    try:
        with opened(place) as picture:
            side = min(round(max(box[2:])), *picture.size)
            corner = np.round(box[:2] + box[2:] / 2 - side / 2).astype(int)
            left, top = np.clip(corner, 0, np.array(picture.size) - side).tolist()
            return np.asarray(picture.convert("RGB").crop((left, top, left + side, top + side)))
    except ValueError:
        return place  # it will be named where it is read


def _inside(path: Path) -> list[PurePosixPath]:
    try:
        with zipfile.ZipFile(path) as archive:
            return sorted(map(PurePosixPath, archive.namelist()))
    except zipfile.BadZipFile as error:
        raise ValueError(f"path: expected a folder or a .zip file, got {path}: {error}. Download it again.") from None


def _fits(name: PurePosixPath) -> bool:
    parts = name.parts
    return len(parts) == 2 or (len(parts) == 3 and parts[0] in _SPLITS)


def _reader(path: Path, kept: dict[PurePosixPath, Path]) -> Callable[[], Iterator[Raw]]:
    def read() -> Iterator[Raw]:
        with zipfile.ZipFile(path) as archive:
            for name in kept:
                yield archive.read(str(name))

    return (lambda: iter(kept.values())) if path.is_dir() else read
