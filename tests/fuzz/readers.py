"""What is fuzzed: for each reader a small file or folder that is whole, and what reads it."""

import io
import itertools
import json
import pickle
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
from astropy.io import fits
from astropy.table import MaskedColumn, Table
from PIL import Image

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "sky" / "readers")]
import sdss_files  # noqa: E402

from galviz.io.provenance import provenance  # noqa: E402
from galviz.io.tables import KeyedTable, read_table, write_table  # noqa: E402
from galviz.pages.saved_views import read_view  # noqa: E402
from galviz.runs.predictions import Predictions  # noqa: E402
from galviz.runs.recipe import Recipe  # noqa: E402
from galviz.runs.run import Run, list_runs  # noqa: E402
from galviz.sky.cutouts import CutoutSet  # noqa: E402
from galviz.sky.export import export  # noqa: E402
from galviz.sky.readers import classes, pictures, redmapper, sdss, zoo  # noqa: E402
from galviz.sky.readers.writing import write_pictures  # noqa: E402
from galviz.tasks.target import Target  # noqa: E402

IDS = [str(1237658493878337640 + k) for k in range(11)]
ROWS = len(IDS)
TARGET = Target(name="ln_richness", task="regression", columns=("richness",), label="λ", transform="ln")
RECIPE = Recipe(name="quick", epochs=3, batch=8, optimiser={"learning_rates": {"head": 1e-2}})


@dataclass(frozen=True)
class Reader:
    """`make` writes something whole into a folder and returns its path; `read` reads that."""

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]


@dataclass(frozen=True)
class Folder:
    """`make` fills a folder and returns the files that may be damaged; `read` says whether all others were read."""

    make: Callable[[Path], list[Path]]
    read: Callable[[Path, Path], bool]


def alike(one: Any, other: Any) -> bool:
    """Whether two results have the same values."""
    if isinstance(one, pd.DataFrame):
        return isinstance(other, pd.DataFrame) and one.equals(other)
    if isinstance(one, np.ndarray):
        return one.shape == np.shape(other) and bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(alike, one, other))
    return bool(one == other)


def catalogue() -> pd.DataFrame:
    """Columns of every type, some values missing."""
    rng = np.random.default_rng(0)
    columns = {
        "ra": rng.uniform(0, 360, ROWS),
        "dec": rng.uniform(-90, 90, ROWS),
        "mag": np.where(np.arange(ROWS) % 4, rng.normal(20, 1, ROWS), np.nan).astype(np.float32),
        "specobjid": pd.array([2**60 + k if k % 3 else None for k in range(ROWS)], dtype="Int64"),
        "field": [f"field {k}" if k % 2 else "0266" for k in range(ROWS)],
        "edge": np.arange(ROWS) % 2 == 0,
    }
    return pd.DataFrame(columns, index=pd.Index(IDS, name="object_id"))


def foreign() -> Table:
    """A table of another program, of the same kind."""
    table = catalogue()
    columns = {name: table[name].to_numpy() for name in ("ra", "dec", "mag", "edge")}
    masked = MaskedColumn(np.arange(ROWS), mask=np.arange(ROWS) % 3 == 0)
    return Table({"objID": np.array(IDS, dtype=np.int64), **columns, "plate": masked, "name": list(table["field"])})


# tables


def _own(kind: str, place: Path) -> Path:
    write_table(place / "table", KeyedTable(catalogue(), {"ra": "deg"}, provenance(IDS)), kind)
    return place / "table"


def _foreign(form: str, more: dict[str, Any], place: Path) -> Path:
    table = foreign()
    if form == "parquet":
        table.to_pandas().to_parquet(place / "table")
        return place / "table"
    if form == "ascii fits":
        columns = [fits.Column("objID", "I20", array=table["objID"]), fits.Column("ra", "F16.8", array=table["ra"])]
        columns.append(fits.Column("name", "A10", array=table["name"]))
        fits.TableHDU.from_columns(columns).writeto(place / "table")
        return place / "table"
    if more.get("tabledata_format") == "binary":
        table.remove_column("plate")  # astropy writes no missing integers there
    table.write(place / "table", format=form, **more)
    return place / "table"


def _table(path: Path) -> Any:
    keyed = read_table(path)
    for kind in ("csv", "fits", "parquet"):  # what opens must go out again
        write_table(io.BytesIO(), keyed, kind)
    return [keyed.table, dict(keyed.units)]


# SDSS frames


def _frames(place: Path, *, field: int = 17, name: str = "frames") -> Path:
    whole, sdss_files.SHAPE = sdss_files.SHAPE, (40, 52)
    try:
        return sdss_files.write_field(place / name, sdss_files.STARS, packed=False, field=field)
    finally:
        sdss_files.SHAPE = whole


def _field(path: Path) -> Any:
    field = sdss.read_field(path)
    return [field.name, field.images, np.stack([wcs.wcs_pix2world([[0, 0], [9, 30]], 0) for wcs in field.wcs])]


def _clusters(place: Path) -> Path:
    ids = np.arange(ROWS, dtype=np.int32) + 1
    table = Table({"MEM_MATCH_ID": ids, "RA": ids * 1.5, "DEC": ids * 0.5, "Z_LAMBDA": ids / 50, "LAMBDA": ids * 3.0})
    table.write(place / "clusters.fits")
    return place / "clusters.fits"


# pictures


def _picture(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(rough).resize((32, 32))


def _pictures(suffix: str, place: Path) -> Path:
    (place / "pictures").mkdir()
    for k in range(3):
        _picture(k).save(place / "pictures" / f"{k}{suffix}")
    return place / "pictures"


def _pixels(path: Path) -> Any:
    found = pictures.pictures(path)
    return [list(found.object_ids), found.images[:]]


def _sky_of(find: Callable[[Path], pictures.Pictures], path: Path) -> Any:
    out = path.with_name("written")
    try:
        write_pictures(out, find(path), crop=0, size=16)
        made = CutoutSet.open(out)
        return [made.catalogue, made.images[:]]
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _zip(place: Path) -> Path:
    with zipfile.ZipFile(place / "classes.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k, name in enumerate(["star/a.png", "star/b.png", "galaxy/a.png"]):
            stream = io.BytesIO()
            _picture(k).save(stream, "png")
            archive.writestr(name, stream.getvalue())
    return place / "classes.zip"


def _cifar(place: Path) -> Path:
    folder = place / "cifar"
    folder.mkdir()
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": ["star", "galaxy"]}))
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        batch = {b"data": rng.integers(0, 256, (2, 3072), dtype=np.uint8), b"labels": [0, 1]}
        (folder / name).write_bytes(pickle.dumps(batch))
    return folder


def _cub(place: Path) -> Path:
    folder = place / "cub"
    (folder / "images/001.Wren").mkdir(parents=True)
    lines = {name: [] for name in ("images", "image_class_labels", "train_test_split", "bounding_boxes")}
    for k in (1, 2, 3):
        _picture(k).save(folder / f"images/001.Wren/wren_{k}.jpg")
        lines["images"].append(f"{k} 001.Wren/wren_{k}.jpg")
        lines["image_class_labels"].append(f"{k} 1")
        lines["train_test_split"].append(f"{k} {k % 2}")
        lines["bounding_boxes"].append(f"{k} 2.0 3.0 20.0 15.0")
    for name, text in (lines | {"classes": ["1 001.Wren"]}).items():
        (folder / f"{name}.txt").write_text("\n".join(text) + "\n")
    return folder


def _hugging_face(place: Path) -> Path:
    images = []
    for k in range(3):
        stream = io.BytesIO()
        _picture(k).save(stream, "jpeg")
        images.append({"bytes": stream.getvalue(), "path": f"{k}.jpg"})
    table = pa.table({"image": images, "id_str": ["a", "b", "c"], "ra": [1.0, 2.0, 3.0]})
    (place / "gz2").mkdir()
    with pa.OSFile(str(place / "gz2/data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    return place / "gz2"


def _galaxy10(place: Path) -> Path:
    rng = np.random.default_rng(0)
    with h5py.File(place / "galaxy10.h5", "w") as file:
        file["images"] = rng.integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
        file["ans"] = np.arange(4, dtype=np.uint8)
        file["ra"] = np.arange(4.0)
        file["dec"] = np.arange(4.0)
    return place / "galaxy10.h5"


# skies, runs, views


def small_sky() -> CutoutSet:
    """Eleven objects whose pixels hold their number."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(ROWS, 2, 8, 8)).astype(np.float32)
    return CutoutSet(images=images, bands="gr", catalogue=catalogue(), pixel_scale=0.4, unit="nanomaggy")


def _sky(place: Path) -> Path:
    return small_sky().save(place / "sky")


def _read_sky(path: Path) -> Any:
    found = CutoutSet.open(path)
    return [found.images[:], found.images[[3, 1]], found.catalogue, found.pixel_scale]


def _pixels_of_sky(path: Path) -> Any:
    return [CutoutSet.open(path).images[:]]


def _shards(place: Path) -> Path:
    """Give the images of a sky alone, so that every damage is to them."""
    return _sky(place) / "images.zarr" / "images"


def _run(place: Path, name: str = "run") -> Path:
    run = Run.create(place / name, study="richness", target=TARGET, recipe=RECIPE, data="sky", build={"bands": ["g"]})
    rng = np.random.default_rng(0)
    columns = {"ln_richness": rng.normal(size=ROWS), "ln_richness_true": rng.normal(size=ROWS)}
    table = pd.DataFrame(columns | {"fold": 0}, index=pd.Index(IDS, name="object_id"))
    run.save_predictions(Predictions(table, TARGET))
    for epoch in (1, 2):
        run.append_metrics({"epoch": epoch, "step": 10 * epoch, "seconds": 1.5 * epoch, "val_loss": 0.5 / epoch})
    (run.path / "log.txt").write_text("a line\nanother\n")
    run.write_state(status="done", epoch=3, epochs=3)
    return run.path


def _read_run(path: Path) -> Any:
    run = Run.open(path)
    return [run.predictions().table, run.metrics(), run.log(), run.recipe, run.target, run.state()["status"]]


def _view(place: Path) -> Path:
    state = {"plots": [{"x": "g - r", "y": "z"}], "selection": ["where", {"condition": "z < 0.3"}], "focus": IDS[0]}
    (place / "view.json").write_text(json.dumps({"kind": "galviz view", "table": "table.csv", "state": state}))
    return place / "view.json"


def _export(place: Path) -> Path:
    table = catalogue()
    export(place / "export.zip", "zip", table=table, provenance=provenance(IDS), cutouts=small_sky())
    with zipfile.ZipFile(place / "export.zip") as archive:
        archive.extract("table.ecsv", place)
    return place / "table.ecsv"


_FOREIGN = {
    "CSV": ("ascii.csv", {}),
    "ECSV": ("ascii.ecsv", {}),
    "VOTable TABLEDATA": ("votable", {}),
    "VOTable BINARY": ("votable", {"tabledata_format": "binary"}),
    "VOTable BINARY2": ("votable", {"tabledata_format": "binary2"}),
    "FITS": ("fits", {}),
    "FITS ASCII": ("ascii fits", {}),
    "Parquet": ("parquet", {}),
}
READERS = {
    **{f"own {kind}": Reader(partial(_own, kind), _table) for kind in ("csv", "ecsv", "votable", "fits", "parquet")},
    **{f"foreign {name}": Reader(partial(_foreign, form, more), _table) for name, (form, more) in _FOREIGN.items()},
    "exported ECSV": Reader(_export, _table),
    "redMaPPer": Reader(_clusters, redmapper.read_clusters),
    "SDSS frames": Reader(_frames, _field),
    **{
        f"pictures {suffix}": Reader(partial(_pictures, suffix), _pixels)
        for suffix in (".jpg", ".png", ".tif", ".webp", ".bmp")
    },
    "zip of classes": Reader(_zip, partial(_sky_of, classes.find_classes)),
    "CIFAR-10": Reader(_cifar, partial(_sky_of, classes.find_classes)),
    "CUB-200": Reader(_cub, partial(_sky_of, partial(classes.find_classes, boxes=True))),
    "Hugging Face": Reader(_hugging_face, partial(_sky_of, zoo.hugging_face)),
    "Galaxy10 HDF5": Reader(_galaxy10, partial(_sky_of, zoo.galaxy10)),
    "sky": Reader(_sky, _read_sky),
    "images of a sky": Reader(_shards, lambda path: _pixels_of_sky(path.parents[1])),
    "run": Reader(_run, _read_run),
    "saved view": Reader(_view, lambda path: read_view(path.read_bytes())),
}


# one bad file among ten good ones


def _many_pictures(place: Path) -> list[Path]:
    suffixes = itertools.cycle([".jpg", ".png", ".webp"])
    files = [place / f"{object_id}{suffix}" for object_id, suffix in zip(IDS, suffixes, strict=False)]
    for k, file in enumerate(files):
        _picture(k).save(file)
    return files


def _good_pictures(place: Path, victim: Path) -> bool:
    """Both ways to read a folder: each when it is looked at, or all into a sky."""
    good = [object_id for object_id in IDS if object_id != victim.stem]
    bad: dict[str, str] = {}
    found = pictures.pictures(place, broken=lambda name, why: bad.update({name: why}))
    lazily = found.select(good).images[:].any(axis=(1, 2, 3)).all() and not set(bad) & set(good)
    out = place.with_name(f"{place.name}-sky")
    try:
        table = pd.DataFrame(index=pd.Index(IDS, name="object_id"))
        write_pictures(out, zoo.folder_of_pictures(place, table), size=16, skip_bad=True)
        return bool(lazily and set(good) <= set(CutoutSet.open(out).object_ids))
    finally:
        shutil.rmtree(out, ignore_errors=True)


def _many_runs(place: Path) -> list[Path]:
    runs = [_run(place, f"run{k}") for k in range(ROWS)]
    return [run / name for run in runs for name in ("run.json", "state.json")]


def _good_runs(place: Path, victim: Path) -> bool:
    runs, broken = list_runs(place)
    found = {run.path.name for run in runs}
    everything = {f"run{k}" for k in range(ROWS)}
    return found >= everything - {victim.parent.name} and found | {Path(path).name for path in broken} == everything


def _many_fields(place: Path) -> list[Path]:
    folders = [_frames(place, field=100 + k, name=f"field{k}") for k in range(ROWS)]
    return [file for folder in folders for file in folder.iterdir()]


def _good_fields(place: Path, victim: Path) -> bool:
    found = sdss.tiles(place, size=16, damaged="skip")
    number = victim.name.split("-")[4][:4]
    return set(found.catalogue["field"]) >= {f"001035-6-{100 + k:04d}" for k in range(ROWS)} - {f"001035-6-{number}"}


FOLDERS = {
    "pictures": Folder(_many_pictures, _good_pictures),
    "runs": Folder(_many_runs, _good_runs),
    "SDSS fields": Folder(_many_fields, _good_fields),
}
