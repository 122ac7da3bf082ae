"""A `CutoutSet` on disk: images as Zarr v3 (one chunk per object, shards of about 64 MB), tables as Parquet, in parts.

Images with 256 levels (pictures) are stored as bytes and read as float32 in 0…1.

``galviz.json`` is written last and lists the valid parts, so an interrupted append leaves the old set readable.

Every chunk has a checksum, and every chunk is written, even an empty one. A missing shard or a flipped byte is thus an
error when it is read, never zeros. Older sets without checksums (no ``"checksums"`` in ``galviz.json``) still open. In
them only missing shards and non-finite pixels are detected.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec

from galviz.io.damage import whole
from galviz.io.files import read_json, read_parquet, room_on, write_json, write_parquet
from galviz.io.lazy_array import LazyRows
from galviz.io.paths import inside, refuse_links_out
from galviz.sky.shards import ShardFiles, can_read

if TYPE_CHECKING:
    from galviz.sky.cutouts import CutoutSet

FORMAT = 1
_ABOUT = {"bands": list, "unit": str, "origin": str, "survey": str, "coverage": bool, "parts": list}
_CODECS = {"sharding_indexed", "bytes", "zstd", "crc32c"}
_ALL_CHUNKS = {"array.write_empty_chunks": True}  # by default Zarr omits zeros; here a missing chunk is damage
_LEVELS = {"uint8": 255}
_LARGEST = 2**31  # bytes of one object's images; a larger size means a damaged or hostile header
_SHARD_BYTES = 64 * 2**20
_SHARD_ROWS = 2**14  # of small images; Zarr writes a shard object by object, also those that it does not have yet


def save(cutouts: "CutoutSet", path: str | Path) -> Path:
    """Write a set to a new folder. The write is atomic.

    Parameters
    ----------
    cutouts : CutoutSet
    path : str or Path
        A folder that does not exist yet.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder already exists.
    OSError
        If the disk is full.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"path: expected a new folder, got {path}, which exists. Append, or choose another.")
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with room_on(path):
            aside.mkdir()
            _make_arrays(aside, cutouts)
            fixed = ("unit", "origin", "survey")
            about = {"format": FORMAT, "checksums": True, "bands": list(cutouts.bands)}
            about |= {name: getattr(cutouts, name) for name in fixed}
            _add_part(aside, cutouts, about | {"coverage": cutouts.coverage is not None, "parts": []})
            aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def append(path: str | Path, more: "CutoutSet") -> None:
    """Add objects to a saved set. An interruption leaves the old set unchanged.

    Parameters
    ----------
    path : str or Path
        A folder written by `save`.
    more : CutoutSet
        The same bands, unit and image shape; coverage and WCS if the saved set has them; new ids.

    Raises
    ------
    ValueError
        If the two sets do not match, or an id already exists.
    """
    path = Path(path)
    about = _read_about(path)
    group = zarr.open_group(path / "images.zarr", mode="r+")
    wcs, pixels = "crval1" in _read_tables(path, about, "geometry"), group["images"]
    expected = (tuple(about["bands"]), about["unit"], tuple(pixels.shape[1:]), about["coverage"], wcs)
    got = (more.bands, more.unit, more.images.shape[1:], more.coverage is not None, more.wcs is not None)
    if got != expected:
        raise ValueError(
            f"more: expected (bands, unit, shape, coverage, wcs) {expected} as in {path}, got {got}. "
            "Save it as a set of its own."
        )
    if more.images.levels != _LEVELS.get(str(pixels.dtype)):
        had, given = (str(levels or "float32") for levels in (_LEVELS.get(str(pixels.dtype)), more.images.levels))
        raise ValueError(
            f"more: expected images of {had} levels as in {path}, got {given}. Save it as a set of its own."
        )
    known = _read_tables(path, about, "catalogue").index
    double = known.intersection(more.catalogue.index)
    if len(double):
        raise ValueError(f"object_id: expected ids that are not in {path} yet, got {double[0]!r}, which is.")
    with room_on(path):
        _add_part(path, more, about)


def open_cutouts(path: str | Path, kind: type["CutoutSet"]) -> "CutoutSet":
    """Open a saved set. Tables are read at once, pixels only when they are indexed.

    Parameters
    ----------
    path : str or Path
        A folder written by `save`.
    kind : type
        The class of the result. It is an argument because `galviz.sky.cutouts` imports this module.

    Returns
    -------
    CutoutSet

    Raises
    ------
    FileNotFoundError
        If the folder holds no saved set.
    ValueError
        If a part is damaged, does not match the others, or leads out of the folder. The message names the part.
    """
    path = Path(path)
    about = _read_about(path)
    refuse_links_out(path, "sky")
    catalogue = _read_tables(path, about, "catalogue")
    geometry = _read_tables(path, about, "geometry")
    if not geometry.index.equals(catalogue.index) or "pixel_scale" not in geometry:
        raise ValueError(f"{path}: expected geometry of the objects in the catalogue, got others. Restore the folder.")
    rows = np.arange(len(catalogue))
    sources = _read_tables(path, about, "sources")
    images = StoredArray(path, "images", about)
    return kind(
        images=LazyRows(images, rows, levels=_LEVELS.get(str(images.dtype))),
        coverage=LazyRows(StoredArray(path, "coverage", about), rows) if about["coverage"] else None,
        bands=about["bands"],
        catalogue=catalogue,
        pixel_scale=geometry.pop("pixel_scale").to_numpy(),
        wcs=None if geometry.columns.empty or geometry.isna().any(axis=None) else geometry,
        sources=None if sources.columns.empty else sources,
        unit=about["unit"],
        origin=about["origin"],
        survey=about["survey"],
        checked=True,
    )


class StoredArray:
    """An array of a saved set, shape (N, B, H, W). Damage raises an error that names the part; it never reads as zeros.

    Parameters
    ----------
    path : Path
        The folder of the set.
    name : {"images", "coverage"}
    about : dict
        Content of ``galviz.json``.

    Raises
    ------
    ValueError
        If the array is missing, has an unexpected shape or dtype, or needs a codec that `save` does not use.
    """

    def __init__(self, path: Path, name: str, about: dict[str, Any]) -> None:
        self._path, self._name, self._checksums = path, name, about.get("checksums", False)
        self._present: set[int] = set()  # shards whose file is known to exist
        with self._whole():
            metadata = read_json(inside(path, f"images.zarr/{name}/zarr.json"))
            strange = set(_codec_names(metadata["codecs"])) - _CODECS  # a codec can run any code
            if strange or metadata["zarr_format"] != 3:
                raise ValueError(f"codecs {', '.join(sorted(strange)) or 'of Zarr 2'}")
            self._array = zarr.open_array(path / "images.zarr" / name, mode="r", zarr_format=3)
            self.dtype, self.shape = self._array.dtype, self._array.shape
            kinds, count = (["bool"] if name == "coverage" else ["float32", *_LEVELS]), sum(about["parts"])
            fits = self._array.ndim == 4 and self.shape[0] >= count and self.shape[1] == len(about["bands"])
            fits = fits and np.prod(self.shape[1:], dtype=float) * self.dtype.itemsize <= _LARGEST
            if not fits or str(self.dtype) not in kinds or not self._array.shards:
                expected = f"{' or '.join(kinds)} of {count} objects in {len(about['bands'])} bands, in shards"
                raise ValueError(f"{self.dtype} of shape {self.shape} in place of {expected}")
            folder = path / "images.zarr" / name
            self._files = ShardFiles(folder, self._array) if can_read(self._array) else None

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Read rows along axis 0.

        Raises
        ------
        ValueError
            If a shard is missing or damaged.
        """
        places = np.array(range(*rows.indices(self.shape[0]))) if isinstance(rows, slice) else np.asarray(rows)
        with self._whole():
            for shard in np.unique(places // self._array.shards[0]).tolist():
                self._check_shard(int(shard))
            if self._files:
                return self._files.read(places)
            values = np.asarray(self._array[rows] if isinstance(rows, slice) else self._array.oindex[rows])
            if not self._checksums and values.dtype.kind == "f" and not np.isfinite(values).all():
                raise ValueError("pixels that are not finite")
            return values

    def _check_shard(self, shard: int) -> None:
        """Raise a ValueError if the file of a shard is missing or lies outside the set."""
        if shard not in self._present:
            key = self._array.metadata.encode_chunk_key((shard, 0, 0, 0))
            if not inside(self._path, f"images.zarr/{self._name}/{key}").is_file():
                raise ValueError(f"no file {key}")
            self._present.add(shard)

    def _whole(self) -> AbstractContextManager[None]:
        """Return a context that turns any error of Zarr and its codecs into one that names this array."""
        return whole(self._path, f"sky with its {self._name}", "Restore images.zarr, or make the sky again.")


def _codec_names(codecs: list[dict[str, Any]]) -> Iterator[str]:
    for codec in codecs:
        yield codec["name"]
        inner = codec.get("configuration") or {}
        yield from _codec_names([*inner.get("codecs", []), *inner.get("index_codecs", [])])


def _make_arrays(path: Path, cutouts: "CutoutSet") -> None:
    group = zarr.create_group(path / "images.zarr", zarr_format=3)
    shape = cutouts.images.shape[1:]
    pixels = next((name for name, levels in _LEVELS.items() if levels == cutouts.images.levels), "float32")
    rows = max(1, min(_SHARD_ROWS, _SHARD_BYTES // (np.dtype(pixels).itemsize * int(np.prod(shape)))))
    wanted = {"images": pixels} | ({"coverage": "bool"} if cutouts.coverage is not None else {})
    for name, dtype in wanted.items():
        layout = {"shape": (0, *shape), "chunks": (1, *shape), "shards": (rows, *shape)}
        group.create_array(name, dtype=dtype, compressors=[ZstdCodec(), Crc32cCodec()], **layout)


def _add_part(path: Path, cutouts: "CutoutSet", about: dict[str, Any]) -> None:
    with zarr.config.set(_ALL_CHUNKS):
        group = zarr.open_group(path / "images.zarr", mode="r+")
        arrays = {name: group[name] for name in (("images", "coverage") if about["coverage"] else ("images",))}
    start, number = sum(about["parts"]), len(about["parts"])
    shard = arrays["images"].shards[0]
    for name, array in arrays.items():
        new = getattr(cutouts, name).raw
        array.resize((start + len(cutouts), *array.shape[1:]))
        row = 0
        while row < len(cutouts):  # one shard at a time, so that each is written only once
            stop = min(len(cutouts), row + shard - (start + row) % shard)
            array[start + row : start + stop] = new[row:stop]
            row = stop
    geometry = pd.DataFrame({"pixel_scale": cutouts.pixel_scale}, index=cutouts.catalogue.index)
    geometry = geometry if cutouts.wcs is None else geometry.join(cutouts.wcs)
    tables = {"catalogue": cutouts.catalogue, "geometry": geometry, "sources": cutouts.sources}
    for name, table in tables.items():
        file = path / f"{name}-{number:05d}.parquet"
        if table is not None:
            write_parquet(table, file)
        else:
            file.unlink(missing_ok=True)  # a leftover of an interrupted append
    known = about.get("sources") if about["parts"] else []  # older skies do not say which parts have sources
    more = {} if known is None else {"sources": [*known, cutouts.sources is not None]}
    write_json(path / "galviz.json", about | more | {"parts": [*about["parts"], len(cutouts)]})


def _read_about(path: Path) -> dict[str, Any]:
    if not (path / "galviz.json").is_file():
        raise FileNotFoundError(
            f"path: expected a folder with a saved sky, got {path}, which has no galviz.json. "
            "Make one with `galviz mock` or `galviz ingest`."
        )
    about = read_json(path / "galviz.json")
    if about.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a sky of format {FORMAT}, got {about.get('format')!r}. Make it again.")
    wrong = [name for name, kind in _ABOUT.items() if not isinstance(about.get(name), kind)]
    wrong += ["bands"] * (not wrong and not all(isinstance(band, str) for band in about["bands"]))
    wrong += ["parts"] * (not wrong and not all(isinstance(part, int) and part >= 0 for part in about["parts"]))
    if wrong:
        got = json.dumps(about.get(wrong[0]))[:80]
        raise ValueError(f"{path / 'galviz.json'}: expected {wrong[0]} as galviz writes it, got {got}. Restore it.")
    return about


def _read_tables(path: Path, about: dict[str, Any], name: str) -> pd.DataFrame:
    tables = []
    for number, rows in enumerate(about["parts"]):
        file = path / f"{name}-{number:05d}.parquet"
        if name == "sources":
            expected = number < len(about.get("sources", ())) and about["sources"][number]
            tables += [read_parquet(file)] if expected or file.is_file() else []
            continue
        tables.append(read_parquet(file))
        if len(tables[-1]) != rows:
            raise ValueError(f"{file}: expected {rows} rows, got {len(tables[-1])}. Restore the file.")
    return pd.concat(tables, ignore_index=name == "sources") if tables else pd.DataFrame()
