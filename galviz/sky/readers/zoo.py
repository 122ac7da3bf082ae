"""Galaxy Zoo as it is published: by Kaggle, on Hugging Face, and as Galaxy10.

What is found here is made into a sky by `galviz.sky.readers.pictures.write_pictures`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from galviz.sky.readers.pictures import Pictures, Raw, find_pictures
from galviz.sky.tables import read_table
from galviz.sky.votes import COLUMNS, SLICES, broken_sums, conditional, cumulative

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
_BATCH = 256  # pictures read together


def kaggle(folder: str | Path, part: str = "training") -> Pictures:
    """Find Kaggle's Galaxy Zoo challenge: ``training_solutions_rev1.csv``, ``images_training_rev1/<GalaxyID>.jpg``.

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
    files = find_pictures(folder / f"images_{part}_rev1")
    if part == "test":
        table = pd.DataFrame(index=pd.Index(sorted(files), name="object_id"))
        return _of_files(files, table, "Galaxy Zoo 2 (Kaggle, test images)", KAGGLE_CROP)
    table = read_table(folder / "training_solutions_rev1.csv", id_column="GalaxyID", columns=COLUMNS).table
    broken = broken_sums(table)
    if len(broken):
        first = broken.iloc[0]
        raise ValueError(
            f"training_solutions_rev1.csv: expected the votes of question {first['question']:.0f} of {broken.index[0]} "
            f"to sum to {first['expected']:.4f}, got {first['sum']:.4f}. Download the file again."
        )
    return _of_files(files, table, "Galaxy Zoo 2 (Kaggle)", KAGGLE_CROP)


def folder_of_pictures(folder: str | Path, table: pd.DataFrame) -> Pictures:
    """Take any folder of pictures named by object id, and a table indexed by it; objects without either are left out.

    Raises
    ------
    ValueError or NotADirectoryError
        If no object has a picture.
    """
    return _of_files(find_pictures(folder), table, f"pictures in {Path(folder).resolve().name}", 0)


def hugging_face(path: str | Path) -> Pictures:
    """Read a data set of the layout of ``mwalmsley/gz2``, saved by ``save_to_disk``, or its Parquet files.

    Needs pyarrow alone. The columns ``<question>[-gz2]_<answer>_fraction`` become Kaggle's cumulative votes; those of
    question 8, which is not published there, are NaN.

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
        If there are no such files, or they have no columns image and id_str.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(f for g in ("*", "*/*") for f in path.glob(f"{g}.arrow"))
    files = files or sorted(f for g in ("*", "*/*") for f in path.glob(f"{g}.parquet"))
    if not files:
        raise ValueError(f"path: expected .arrow or .parquet files in {path}, got none. Save it with save_to_disk.")
    names = next(_batches(files[0], None)).schema
    if not {"image", "id_str"} <= set(names.names):
        raise ValueError(f"path: expected columns image and id_str, got {', '.join(names.names[:12])} in {files[0]}.")
    plain = [f.name for f in names if not (pa.types.is_nested(f.type) or pa.types.is_binary(f.type))]
    table = pa.concat_tables(pa.Table.from_batches([b]) for f in files for b in _batches(f, plain)).to_pandas()
    table.index = pd.Index(table.pop("id_str").astype(str), name="object_id")

    def read() -> Iterator[Raw]:
        for file in files:
            for batch in _batches(file, ["image"]):
                for image in batch.column("image"):
                    one = image.as_py()
                    yield one["bytes"] if one["bytes"] is not None else Path(one["path"])

    return Pictures(_with_votes(table), read, f"Galaxy Zoo 2 ({path.name})", crop=KAGGLE_CROP)


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
        If a data set is missing.
    """
    try:
        import h5py
    except ImportError:
        raise ImportError("h5py: expected it for HDF5 files, got none. Install it: pip install h5py.") from None
    path = Path(path)
    with h5py.File(path) as file:
        missing = {"images", "ans"} - set(file)
        if missing:
            raise ValueError(f"path: expected data sets images and ans in {path}, got {', '.join(file)}.")
        known = {name: file[name][:] for name in ("ra", "dec", "redshift") if name in file}
        answers, scale = file["ans"][:].astype(int), file["pxscale"][:] if "pxscale" in file else np.nan
    ids = pd.Index([f"galaxy10-{k:05d}" for k in range(len(answers))], name="object_id")
    about = {"class": np.array(GALAXY10, dtype=object)[answers], "is_merger": answers == GALAXY10.index("merging")}

    def read() -> Iterator[Raw]:
        with h5py.File(path) as file:
            for start in range(0, len(answers), _BATCH):
                yield from file["images"][start : start + _BATCH]

    return Pictures(pd.DataFrame(about | known, index=ids), read, "Galaxy10 DECaLS", scale)


def _of_files(files: dict[str, Path], table: pd.DataFrame, origin: str, crop: int) -> Pictures:
    known = table[table.index.isin(list(files))]
    if not len(known):
        raise ValueError(
            f"images: expected pictures named by object_id, such as {table.index[0]}.jpg, got {next(iter(files))} and "
            f"{len(files) - 1:,} others. Rename them, or name the column of ids."
        )
    return Pictures(known, lambda: iter([files[name] for name in known.index]), origin, crop=crop)


def _batches(file: Path, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    """Read an Arrow stream or a Parquet file piece by piece."""
    if file.suffix == ".parquet":
        yield from pq.ParquetFile(file).iter_batches(batch_size=_BATCH, columns=columns)
        return
    with pa.memory_map(str(file)) as source, pa.ipc.open_stream(source) as stream:
        for batch in stream:
            yield batch if columns is None else batch.select(columns)


def _with_votes(table: pd.DataFrame) -> pd.DataFrame:
    """Turn fractions among those asked (names of galaxy-datasets) into Kaggle's votes; leave out their counts."""
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
