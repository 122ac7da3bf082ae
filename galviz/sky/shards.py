"""Rows of a Zarr array in shards, read straight from its files: Zarr reads the index of a shard again for each row."""

import os
from io import FileIO
from pathlib import Path

import numpy as np
import zarr
from google_crc32c import value as crc32c
from numcodecs.zstd import Zstd

_CRC = 4  # bytes of a checksum


class ShardFiles:
    """The files of an array whose chunks are single rows, each compressed by zstd and followed by its CRC-32C.

    Parameters
    ----------
    folder : Path
        The folder of the array.
    array : zarr.Array
        One for which `can_read` is true.

    References
    ----------
    Zarr v3, "sharding-indexed" codec, version 1.0: a shard ends with the offset and length of each of its chunks.
    """

    def __init__(self, folder: Path, array: zarr.Array) -> None:
        self._folder, self._encode_key = folder, array.metadata.encode_chunk_key
        self._shape, self._dtype, self._rows = array.shape, array.dtype, array.shards[0]
        self._indices: dict[int, tuple[tuple[int, ...], np.ndarray]] = {}

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return rows, which may be in any order: (n,) -> (n, ...).

        Raises
        ------
        ValueError
            If a checksum, a length or an offset is wrong.
        OSError
            If a file cannot be read.
        """
        if len(rows) and not 0 <= rows.min() <= rows.max() < self._shape[0]:
            raise IndexError(f"rows from {rows.min()} to {rows.max()} of {self._shape[0]}")
        values = np.empty((len(rows), *self._shape[1:]), self._dtype)
        shards, places = np.divmod(rows, self._rows)
        for shard in np.unique(shards).tolist():
            self._read_shard(shard, np.flatnonzero(shards == shard), places, values)
        return values

    def _read_shard(self, shard: int, wanted: np.ndarray, places: np.ndarray, values: np.ndarray) -> None:
        codec = Zstd()
        with (self._folder / self._encode_key((shard, 0, 0, 0))).open("rb", buffering=0) as file:
            index, end = self._index(shard, file)
            for k in wanted.tolist():
                offset, length = index[places[k]].tolist()
                if offset + length > end or length < _CRC:  # also if it was never written
                    raise ValueError(f"row {shard * self._rows + places[k]} outside its shard")
                content = _whole(file, offset, length)
                values[k] = np.frombuffer(codec.decode(content), self._dtype).reshape(self._shape[1:])

    def _index(self, shard: int, file: FileIO) -> tuple[np.ndarray, int]:
        """Return offset and length of each row of a shard, and where the rows end. Kept until the file changes."""
        about = os.fstat(file.fileno())
        state = (about.st_ino, about.st_size, about.st_mtime_ns)
        end = about.st_size - 16 * self._rows - _CRC
        known, index = self._indices.get(shard, (None, None))
        if known != state or index is None:
            if end < 0:
                raise ValueError(f"a shard of {about.st_size} bytes")
            content = _whole(file, end, 16 * self._rows + _CRC)
            index = np.frombuffer(content, "<u8").reshape(self._rows, 2)
            self._indices[shard] = state, index
        return index, end


def can_read(array: zarr.Array) -> bool:
    """Return whether an array has the layout that `ShardFiles` reads, as `galviz.sky.storage` writes it."""
    if not array.shards or array.chunks != (1, *array.shape[1:]) or array.shards[1:] != array.shape[1:]:
        return False
    sharding = array.metadata.to_dict()["codecs"]
    if len(sharding) != 1 or sharding[0]["name"] != "sharding_indexed":
        return False
    inside = sharding[0]["configuration"]
    codecs, index = inside["codecs"], inside["index_codecs"]
    return (
        [codec["name"] for codec in codecs] == ["bytes", "zstd", "crc32c"]
        and [codec["name"] for codec in index] == ["bytes", "crc32c"]
        and inside.get("index_location", "end") == "end"
        and all(_is_little(parts[0]) for parts in (codecs, index))
        and array.dtype.newbyteorder("<") == array.dtype
    )


def _is_little(codec: dict) -> bool:
    return (codec.get("configuration") or {}).get("endian", "little") == "little"


def _whole(file: FileIO, offset: int, length: int) -> bytes:
    """Return a part of a file without the checksum at its end. Raise a ValueError if the checksum is wrong."""
    file.seek(offset)
    content = file.read(length)
    if crc32c(content[:-_CRC]) != int.from_bytes(content[-_CRC:], "little"):
        raise ValueError("a wrong checksum")
    return content[:-_CRC]
