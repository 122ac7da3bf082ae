"""A `CutoutSet` on disk: images as Zarr v3 (a chunk an object, shards of about 64 MB), tables as Parquet, in parts.

Images of 256 levels (pictures) stay whole numbers of one byte, and are float32 in 0…1 when they are read.

``galviz.json`` is written last and names what counts, so an append that is interrupted leaves the old set readable.
"""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import zarr

from galviz.sky.files import read_json, room_on, write_json
from galviz.sky.rows import LazyRows

if TYPE_CHECKING:
    from galviz.sky.cutouts import CutoutSet

FORMAT = 1
_LEVELS = {"uint8": 255}
_SHARD_BYTES = 64 * 2**20


def save(cutouts: "CutoutSet", path: str | Path) -> Path:
    """Write a set to a new folder, whole or not at all.

    Parameters
    ----------
    cutouts : CutoutSet
    path : str or Path
        A folder that is not there yet.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If the folder is there already.
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
            about = {"format": FORMAT, "bands": list(cutouts.bands), **{k: getattr(cutouts, k) for k in fixed}}
            _add_part(aside, cutouts, about | {"coverage": cutouts.coverage is not None, "parts": []})
            aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def append(path: str | Path, more: "CutoutSet") -> None:
    """Add objects to a saved set; an interruption leaves the old set as it was.

    Parameters
    ----------
    path : str or Path
        A folder written by `save`.
    more : CutoutSet
        Same bands, unit and image shape, coverage and WCS where the saved set has them; ids that are not there yet.

    Raises
    ------
    ValueError
        If the two do not fit together, or an id is there already.
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
    """Open a saved set. Tables are read, pixels are not.

    Parameters
    ----------
    path : str or Path
        A folder written by `save`.
    kind : type
        The class to make.

    Returns
    -------
    CutoutSet

    Raises
    ------
    FileNotFoundError
        If the folder holds no saved set.
    """
    path = Path(path)
    about = _read_about(path)
    group = zarr.open_group(path / "images.zarr", mode="r")
    catalogue = _read_tables(path, about, "catalogue")
    geometry = _read_tables(path, about, "geometry")
    rows = np.arange(len(catalogue))
    sources = _read_tables(path, about, "sources")
    return kind(
        images=LazyRows(group["images"], rows, levels=_LEVELS.get(str(group["images"].dtype))),
        coverage=LazyRows(group["coverage"], rows) if about["coverage"] else None,
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


def _make_arrays(path: Path, cutouts: "CutoutSet") -> None:
    group = zarr.create_group(path / "images.zarr", zarr_format=3)
    shape = cutouts.images.shape[1:]
    pixels = next((name for name, levels in _LEVELS.items() if levels == cutouts.images.levels), "float32")
    rows = max(1, _SHARD_BYTES // (np.dtype(pixels).itemsize * int(np.prod(shape))))
    wanted = {"images": pixels} | ({"coverage": "bool"} if cutouts.coverage is not None else {})
    for name, dtype in wanted.items():
        group.create_array(name, shape=(0, *shape), chunks=(1, *shape), shards=(rows, *shape), dtype=dtype)


def _add_part(path: Path, cutouts: "CutoutSet", about: dict[str, Any]) -> None:
    group = zarr.open_group(path / "images.zarr", mode="r+")
    start, number = sum(about["parts"]), len(about["parts"])
    shard = group["images"].shards[0]
    for name in ("images", "coverage") if about["coverage"] else ("images",):
        array, new = group[name], getattr(cutouts, name).raw
        array.resize((start + len(cutouts), *array.shape[1:]))
        row = 0
        while row < len(cutouts):  # whole shards at a time: a shard is written once
            stop = min(len(cutouts), row + shard - (start + row) % shard)
            array[start + row : start + stop] = new[row:stop]
            row = stop
    geometry = pd.DataFrame({"pixel_scale": cutouts.pixel_scale}, index=cutouts.catalogue.index)
    geometry = geometry if cutouts.wcs is None else geometry.join(cutouts.wcs)
    tables = {"catalogue": cutouts.catalogue, "geometry": geometry, "sources": cutouts.sources}
    for name, table in tables.items():
        file = path / f"{name}-{number:05d}.parquet"
        if table is not None:
            table.to_parquet(file)
        else:
            file.unlink(missing_ok=True)  # left there by an append that was interrupted
    write_json(path / "galviz.json", about | {"parts": [*about["parts"], len(cutouts)]})


def _read_about(path: Path) -> dict[str, Any]:
    if not (path / "galviz.json").is_file():
        raise FileNotFoundError(
            f"path: expected a folder with a saved sky, got {path}, which has no galviz.json. "
            "Make one with `galviz mock` or `galviz ingest`."
        )
    about = read_json(path / "galviz.json")
    if about.get("format") != FORMAT:
        raise ValueError(f"{path}: expected a sky of format {FORMAT}, got {about.get('format')!r}. Make it anew.")
    return about


def _read_tables(path: Path, about: dict[str, Any], name: str) -> pd.DataFrame:
    files = [path / f"{name}-{number:05d}.parquet" for number in range(len(about["parts"]))]
    tables = [pd.read_parquet(file) for file in files if name != "sources" or file.is_file()]
    return pd.concat(tables, ignore_index=name == "sources") if tables else pd.DataFrame()
