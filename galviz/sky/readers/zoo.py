"""Readers for Galaxy Zoo as published by Kaggle, on Hugging Face, and as Galaxy10.

`galviz.sky.readers.writing.write_pictures` makes a sky of the pictures found here.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galviz.io.damage import whole
from galviz.io.paths import inside
from galviz.io.tables import read_table
from galviz.sky.galaxy_zoo import COLUMNS, SLICES, broken_sums, conditional, cumulative
from galviz.sky.readers.picture_files import MOST_PIXELS, Raw, hidden
from galviz.sky.readers.pictures import Pictures, find_pictures, match_pictures

if TYPE_CHECKING:
    import h5py

KAGGLE_CROP = 204
"""Of 424 pixels: 3 × 68, so that each of 68 pixels is the mean of exactly 3 × 3."""

# Question and answers in the names of galaxy-datasets, in Kaggle's order: theirs of bulge size is the other way round,
# and they publish nothing of question 8, mergers among it.
_THEIRS = {
    1: ("smooth-or-featured", ("smooth", "featured-or-disk", "artifact")),
    2: ("disk-edge-on", ("yes", "no")),
    3: ("bar", ("yes", "no")),
    4: ("has-spiral-arms", ("yes", "no")),
    5: ("bulge-size", ("no", "just-noticeable", "obvious", "dominant")),
    6: ("something-odd", ("yes", "no")),
    7: ("how-rounded", ("round", "in-between", "cigar")),
    9: ("bulge-shape", ("round", "boxy", "no-bulge")),
    10: ("spiral-winding", ("tight", "medium", "loose")),
    11: ("spiral-arm-count", ("1", "2", "3", "4", "more-than-4", "cant-tell")),
}
GALAXY10 = (
    "disturbed", "merging", "round smooth", "in-between smooth", "cigar-shaped smooth", "barred spiral",
    "unbarred tight spiral", "unbarred loose spiral", "edge-on without bulge", "edge-on with bulge",
)  # fmt: skip
_TABLE, _HDF5 = ("Arrow or Parquet file", "Get it again."), ("HDF5 file", "Get it again.")
_BATCH = 256  # pictures read together
_MOST_IN_CHUNK = 2**28  # values; HDF5 decodes whole chunks, and a small file can claim large ones


def kaggle(folder: str | Path, part: str = "training") -> Pictures:
    """Return Kaggle's Galaxy Zoo challenge: ``training_solutions_rev1.csv``, ``images_training_rev1/<GalaxyID>.jpg``.

    Parameters
    ----------
    folder : str or Path
        Where the files of the challenge were unpacked.
    part : {"training", "test"}
        The test images have no votes.

    Returns
    -------
    Pictures
        Objects that have votes (of the test images: all) and a picture. Catalogue: the 37 vote fractions.

    Raises
    ------
    ValueError or NotADirectoryError
        If a file or folder is missing, no picture fits, or the votes do not follow the tree.
    """
    folder = Path(folder)
    if part not in ("training", "test"):
        raise ValueError(f"part: expected training or test, got {part!r}.")
    files = find_pictures(inside(folder, f"images_{part}_rev1", "images"))
    if part == "test":
        table = pd.DataFrame(index=pd.Index(sorted(files), name="object_id"))
        return _of_files(files, table, "Galaxy Zoo 2 (Kaggle, test images)", KAGGLE_CROP, folder)
    table = read_table(
        inside(folder, "training_solutions_rev1.csv", "table"), id_column="GalaxyID", columns=COLUMNS
    ).table
    broken = broken_sums(table)
    if len(broken):
        first = broken.iloc[0]
        raise ValueError(
            f"training_solutions_rev1.csv: expected the votes of question {first['question']:.0f} of {broken.index[0]} "
            f"to sum to {first['expected']:.4f}, got {first['sum']:.4f}. Download the file again."
        )
    return _of_files(files, table, "Galaxy Zoo 2 (Kaggle)", KAGGLE_CROP, folder)


def folder_of_pictures(folder: str | Path, table: pd.DataFrame) -> Pictures:
    """Return pictures named by object id from a folder, with a table of objects. Objects without either are left out.

    Raises
    ------
    ValueError or NotADirectoryError
        If no object has a picture.
    """
    folder = Path(folder)
    return _of_files(find_pictures(folder), table, f"pictures in {folder.resolve().name}", 0, folder)


def hugging_face(path: str | Path) -> Pictures:
    """Read a data set of the layout of ``mwalmsley/gz2``, saved by ``save_to_disk``, or its Parquet files.

    Needs pyarrow alone. Pictures are in the column ``image``, or the first that holds pictures; ids in ``id_str``, or
    they count the rows: ``"<name>-00000"``. Labels (``ClassLabel``) become the names of their classes. Several parts
    (folders ``train``, ``test``) become the column ``split``. The columns ``<question>[-gz2]_<answer>_fraction`` become
    Kaggle's cumulative votes; those of question 8, which is not published there, are NaN.

    Parameters
    ----------
    path : str or Path
        A folder with ``.arrow`` or ``.parquet`` files (also one level down: a folder a split), or one such file.

    Returns
    -------
    Pictures
        Catalogue: the 37 votes where there are fractions, and what else is a number or text, ra and dec among it.

    Raises
    ------
    ValueError
        If there are no such files, they are damaged, or have no column of pictures. A picture that is stored as a
        path out of the folder, or not at all, cannot be read.
    """
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    files = [path] if path.is_file() else [inside(path, file.relative_to(path)) for file in find_tables(path)]
    if not files:
        raise ValueError(f"path: expected .arrow or .parquet files in {path}, got none. Save it with save_to_disk.")
    with whole(files[0], *_TABLE):
        schema = _schema(files[0])
        names, kinds = schema.names, dict(zip(schema.names, schema.types, strict=True))
        column = next(
            iter(sorted(filter(None, map(_picture_column, schema)), key=lambda name: name != "image")), "image"
        )
        kind = kinds.get(column, pa.null())
    if column not in names:
        raise ValueError(f"path: expected columns image and id_str, got {', '.join(names[:12])} in {files[0]}.")
    if _picture_column(schema.field(column)) is None:
        raise ValueError(f"path: expected bytes and path in the column image, got {kind} in {files[0]}.")
    plain = [name for name, kind in kinds.items() if not (pa.types.is_nested(kind) or pa.types.is_binary(kind))]
    parts, split = [], []
    for file in files:
        with whole(file, *_TABLE):
            if plain:
                parts += [pa.Table.from_batches([batch]) for batch in _batches(file, plain)]
                rows = sum(map(len, parts)) - len(split)
            else:
                rows = sum(len(batch) for batch in _batches(file, [column]))
            split += [file.parent.name] * rows
    with whole(path, "set of files with the same columns", "Get it again."):
        table = pa.concat_tables(parts).to_pandas() if parts else pd.DataFrame(index=range(len(split)))
        names = table.pop("id_str").astype(str) if "id_str" in table else [f"{path.stem}-{k:05d}" for k in table.index]
        table.index = pd.Index(names, name="object_id")
        table = _with_class_names(table, schema)
    if len(set(split)) > 1 and "split" not in table:
        table["split"] = split

    def read() -> Iterator[Raw]:
        for file in files:
            with whole(file, *_TABLE):
                for batch in _batches(file, [column]):
                    yield from (_stored(image.as_py(), folder) for image in batch.column(column))

    return Pictures(_with_votes(table), read, f"Galaxy Zoo 2 ({path.name})", crop=KAGGLE_CROP)


def has_pictures(file: Path) -> bool:
    """Return whether an Arrow or Parquet file has a column of pictures."""
    with whole(file, *_TABLE):
        return any(map(_picture_column, _schema(file)))


def find_tables(folder: Path) -> list[Path]:
    """Return the ``.arrow`` files, or else the ``.parquet`` files, in a folder or its direct subfolders."""
    found = [
        f for place in ("*", "*/*") for f in folder.glob(place) if not any(map(hidden, f.relative_to(folder).parts))
    ]
    arrow = sorted(file for file in found if file.suffix == ".arrow")
    return arrow or sorted(file for file in found if file.suffix == ".parquet")


def galaxy10(path: str | Path) -> Pictures:
    """Read an HDF5 file of the layout of Galaxy10 DECaLS: images (N, H, W, 3) uint8, ans, ra, dec, redshift, pxscale.

    Needs h5py.

    Returns
    -------
    Pictures
        Ids count the rows: ``"galaxy10-00000"``. Catalogue: class (in words), is_merger (class "merging"), and ra, dec,
        redshift where the file has them.

    Raises
    ------
    ImportError
        If h5py is not there.
    ValueError
        If a data set is missing, of another shape or type, not entirely there, or stored anywhere but in this file
        (links, external storage, virtual data sets); or if the file is damaged.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError("h5py: expected it for HDF5 files, got none. Install it: pip install h5py.") from None
    path = Path(path)
    with whole(path, *_HDF5), h5py.File(path) as file:
        missing = {"images", "ans"} - set(file)
        if missing:
            raise ValueError(f"path: expected data sets images and ans in {path}, got {', '.join(file)}.")
        images, answers = data_set(file, "images", "u"), data_set(file, "ans", "iu")
        shape = images.shape
        if images.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or shape[1] * shape[2] > MOST_PIXELS:
            raise ValueError(f"path: expected images (N, H, W, 3) of uint8, got {images.dtype} {shape} in {path}.")
        numbers = {name: data_set(file, name, "iuf") for name in ("ra", "dec", "redshift", "pxscale") if name in file}
        for name, one in ({"ans": answers} | numbers).items():
            if one.shape != shape[:1]:
                raise ValueError(f"path: expected {name} of {shape[:1]} numbers, got {one.shape} in {path}.")
        answers, known = answers[:].astype(int), {name: one[:] for name, one in numbers.items()}
        strange = answers[(answers < 0) | (answers >= len(GALAXY10))]
        if len(strange):
            raise ValueError(f"path: expected ans from 0 to {len(GALAXY10) - 1}, got {strange[0]} in {path}.")
    scale = known.pop("pxscale", np.nan)
    ids = pd.Index([f"galaxy10-{k:05d}" for k in range(len(answers))], name="object_id")
    about = {"class": np.array(GALAXY10, dtype=object)[answers], "is_merger": answers == GALAXY10.index("merging")}

    def read() -> Iterator[Raw]:
        with whole(path, *_HDF5), h5py.File(path) as file:
            images = data_set(file, "images", "u")
            for start in range(0, len(answers), _BATCH):
                yield from _rows(images, range(start, min(start + _BATCH, len(answers))))

    return Pictures(pd.DataFrame(about | known, index=ids), read, "Galaxy10 DECaLS", scale)


def _of_files(files: dict[str, Raw], table: pd.DataFrame, origin: str, crop: int, folder: Path) -> Pictures:
    found = match_pictures(table, files, folder)
    return Pictures(table[table.index.isin(list(found))], lambda: iter(found.values()), origin, crop=crop)


def data_set(file: "h5py.File", name: str, kinds: str) -> "h5py.Dataset":
    """Return a data set whose values are all stored in the file itself; nothing else is opened."""
    from h5py import Dataset, HardLink

    plain = isinstance(file.get(name, getlink=True), HardLink) and file.get(name, getclass=True) is Dataset
    found = file[name] if plain else None
    if found is None or found.is_virtual or found.external:
        raise ValueError(
            f"path: expected {name} stored in {file.filename}, got a link to another place. Copy it there."
        )
    if found.dtype.kind not in kinds:
        raise ValueError(f"path: expected numbers in {name}, got {found.dtype} in {file.filename}.")
    if found.chunks is None:
        whole = found.id.get_storage_size() == found.nbytes
    else:
        chunks = math.prod(-(-side // chunk) for side, chunk in zip(found.shape, found.chunks, strict=True))
        whole = found.id.get_num_chunks() == chunks and math.prod(found.chunks) <= _MOST_IN_CHUNK
    if not whole:
        raise ValueError(f"path: expected all of {name} in {file.filename}, got parts of it. Get it again.")
    return found


def _rows(images: "h5py.Dataset", rows: range) -> Iterator[Raw]:
    """Read pictures together, or one by one where some of them cannot be read."""
    try:
        yield from images[rows.start : rows.stop]
    except (OSError, RuntimeError):
        for row in rows:
            try:
                raw: Raw = images[row]
            except (OSError, RuntimeError) as error:
                raw = ValueError(f"images: expected a picture, got row {row}, which cannot be read ({error}).")
            yield raw


def _stored(image: dict[str, Any] | None, folder: Path) -> Raw:
    """Return an image of a Hugging Face table: its bytes, or its file if that lies in the folder."""
    try:
        if image is None or (image["bytes"] is None and image["path"] is None):
            raise ValueError("images: expected a picture, got neither bytes nor a path. Save the data set again.")  # noqa: TRY301
        return inside(folder, image["path"], "images") if image["bytes"] is None else image["bytes"]
    except ValueError as error:
        return error


def _picture_column(field: pa.Field) -> str | None:
    """Return the name of a column of pictures, as the library datasets has them; None for another column."""
    kind = field.type
    inner = {kind.field(k).name for k in range(kind.num_fields)} if pa.types.is_struct(kind) else set()
    return field.name if {"bytes", "path"} <= inner else None


def _with_class_names(table: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Return a table with the names of classes in place of their numbers, where the data set knows them."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        labels = {name: one["names"] for name, one in features.items() if one.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return table
    for name, classes in labels.items():
        if name in table and pd.api.types.is_integer_dtype(table[name]):
            known = dict(enumerate(map(str, classes)))
            table[name] = table[name].map(known).where(table[name] >= 0)
    return table


def _schema(file: Path) -> pa.Schema:
    if file.suffix == ".parquet":
        return pq.read_schema(file)
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
        return stream.schema


def _batches(file: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    """Read an Arrow stream or a Parquet file piece by piece."""
    if file.suffix == ".parquet":
        with pq.ParquetFile(file, page_checksum_verification=True) as source:
            yield from source.iter_batches(batch_size=_BATCH, columns=columns)
        return
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            batch.validate(full=True)  # a stream is mapped, not decoded: a damaged offset would read foreign memory
            yield batch if columns is None else batch.select(columns)


def _with_votes(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with Kaggle's votes instead of the fractions and counts of galaxy-datasets."""
    starts = {number: SLICES[number - 1].start for number in _THEIRS}
    names = {f"{q}_{a}": COLUMNS[starts[k] + n] for k, (q, own) in _THEIRS.items() for n, a in enumerate(own)}
    plain = {column: column.replace("-gz2_", "_") for column in table.columns}
    fractions = {column: names.get(name.removesuffix("_fraction")) for column, name in plain.items()}
    fractions = {column: ours for column, ours in fractions.items() if ours and column.endswith("_fraction")}
    counts = [c for c, name in plain.items() if name in names or name.endswith("_total-votes")]
    rest = table.drop(columns=[*fractions, *counts])
    if not fractions:
        return rest
    given = table[list(fractions)].rename(columns=fractions).reindex(columns=list(COLUMNS)).to_numpy(dtype=np.float64)
    votes = pd.DataFrame(cumulative(conditional(given)), index=table.index, columns=list(COLUMNS))
    return votes.join(rest)
