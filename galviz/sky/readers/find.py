"""Images of any kind at a path: what they are is found from the files, with the table that belongs to them."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from galviz.io.ids import check_ids
from galviz.io.lazy_array import spaced
from galviz.io.paths import inside
from galviz.sky.checks import check_unit
from galviz.sky.readers import array_files, classes, fits_images, zoo
from galviz.sky.readers.array_files import ArrayCutout
from galviz.sky.readers.fits_images import Contents, Cutout, FitsCutout
from galviz.sky.readers.labels import find_labels, is_table
from galviz.sky.readers.picture_files import SUFFIXES, Raw, floats, header, hidden, walk
from galviz.sky.readers.pictures import Pictures, check_single, find_pictures
from galviz.sky.readers.positions import with_positions
from galviz.sky.readers.zero_points import calibrated, zero_points
from galviz.sky.rejected import COLUMNS

USUAL_SIZE = 128
"""Pictures that are larger are made this many pixels wide if the user gives no size."""

_SAMPLE = 64  # files whose headers are read first
_MOST_FOLDERS = 20  # in more folders than these, no tables are looked for
_LEVELS = 2  # levels of folders below the given one
_SPLITS = ("train", "test", "val", "valid", "validation")
_BAND_FILE = re.compile(
    r"(.+?)[-_.]([ugrizyjhkUGRIZYJHK]|[JHK]s?|fuv|nuv|FUV|NUV|[wW][1-4]|[fF]\d{3,4}[wnmlpWNMLP]{1,2})"
)
_BLUE_TO_RED = ["fuv", "nuv", "u", "g", "r", "i", "z", "y", "j", "h", "k", "ks", "w1", "w2", "w3", "w4"]


@dataclass
class Found:
    """Images that were found.

    Parameters
    ----------
    pictures : Pictures
    notes : list of str
        What was found and what was not, for the user.
    rejected : pandas.DataFrame
        What is left out before any pixel is read: columns object_id, file, reason.
    """

    pictures: Pictures
    notes: list[str] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(COLUMNS)))


def find_images(
    path: str | Path,
    table: str | Path | None = None,
    *,
    columns: Mapping[str, str] | None = None,
    bands: Sequence[str] | None = None,
    unit: str | None = None,
    zero_point: str = "",
    skip_bad: bool = False,
    kind: str = "any",
    boxes: bool = False,
    part: str = "training",
) -> Found:
    """Return the images at a path, of any kind, with what is known of them.

    Parameters
    ----------
    path : str or Path
        A folder or a file: pictures, also in class folders or a .zip; FITS; .npz, .npy, HDF5, Zarr; a data set of
        Hugging Face; Galaxy Zoo, Galaxy10, CIFAR-10 or CUB-200 as published.
    table : str or Path, optional
        What is known of the objects. By default the table in the same folder whose ids fit, if there is one. ``"none"``
        looks for none.
    columns : mapping of str to str, optional
        Which column is what, where it is not recognised: ``{"ra": "RAJ2000", "id": "objID"}``.
    bands : sequence of str, optional
        Names of the bands, where the files do not have them.
    unit : str, optional
        As in `galviz.sky.checks.UNITS`, where the files do not say it.
    zero_point : str
        AB magnitude of a pixel value of 1: ``"27"``, or ``"g=27.1,r=26.8"``. Pixels become nanomaggies. By default as
        the headers say, unless `unit` is given.
    skip_bad : bool
        Whether files with other bands than most are left out.
    kind : {"any", "zoo", "classes"}
        "zoo" takes only pictures, without class folders, and leaves out those without a row in `table`; "classes" only
        pictures in classes, with ids that begin with the class.
    boxes : bool
        As in `galviz.sky.readers.classes.cub200`.
    part : {"training", "test"}
        As in `galviz.sky.readers.zoo.kaggle`.

    Raises
    ------
    FileNotFoundError
        If there is no such path.
    ValueError
        If there are no images, or they do not belong together. The message says what to do.
    """
    path = Path(path)
    given = None if table is None or str(table) == "none" else Path(table)
    for argument, place in (("pictures", path), ("table", given or path)):
        if not place.exists():
            raise FileNotFoundError(f"{argument}: expected files that are there, got {place}.")
    if kind == "classes" or boxes:
        return Found(classes.find_classes(path, boxes=boxes))
    if kind == "any":
        path = _single(path)
        _refuse_others(path)
    notes: list[str] = []
    published = _known(path, kind, part)  # its tables are its catalogue
    found = published or (kind == "any" and _scientific(path, bands, (unit, zero_point), notes, skip_bad=skip_bad))
    found = found or _pictures(path, kind, notes)
    found = found if isinstance(found, Found) else Found(found)
    found.notes += notes
    if zero_point and found.pictures.box is None:
        raise ValueError("zero-point: expected none for colour pictures, got one. Leave it out.")
    if bands is not None and found.pictures.box is None and tuple(bands) != found.pictures.bands:
        raise ValueError(f"bands: expected none for colour pictures, got {', '.join(bands)}. Leave --bands out.")
    folders = [] if table is not None or published else _table_folders(path)
    strict = kind == "any" and path.is_dir()  # beside a single file, many another thing may lie
    return _with_labels(found, folders, given, columns or {}, keep=kind == "any" or given is None, strict=strict)


def without(found: Found, table: pd.DataFrame, reasons: np.ndarray) -> Found:
    """Return images with another catalogue, without the objects that there is a reason to leave out.

    Parameters
    ----------
    found : Found
    table : pandas.DataFrame
        All N rows of the new catalogue.
    reasons : numpy.ndarray of object, shape (N,)
        ``""`` for objects that are kept.

    Raises
    ------
    ValueError
        If no object is left.
    """
    pictures, rows = found.pictures, np.flatnonzero(reasons == "")
    if not len(rows):
        raise ValueError(f"table: expected objects that pass all cuts, got none of {len(table):,}. Check its columns.")
    left = reasons != ""
    more = pd.DataFrame({"object_id": table.index[left], "file": "", "reason": reasons[left]})
    kept = replace(
        pictures,
        catalogue=table.iloc[rows],
        read=partial(_only, pictures.read, rows),
        pixel_scale=np.broadcast_to(pictures.pixel_scale, len(table))[rows],
    )
    return Found(kept, found.notes, pd.concat([found.rejected, more], ignore_index=True))


def _with_labels(
    found: Found, folders: Sequence[Path], given: Path | None, columns: Mapping[str, str], *, keep: bool, strict: bool
) -> Found:
    """Add the columns of the table that belongs to the images, and positions under their usual names."""
    pictures, own = found.pictures, found.pictures.catalogue
    check_ids(own.index)
    labels = find_labels(
        folders, list(own.index), given, {} if _has(own, columns) else columns, keep=keep, strict=strict
    )
    own, notes = with_positions(own, columns=columns if _has(own, columns) else {})
    known = labels.table
    found.notes += [*notes, *labels.notes]
    found.rejected = pd.concat([found.rejected, labels.rejected], ignore_index=True)
    if not len(known):
        if folders and not labels.notes and own.empty:
            found.notes.append("no table was found beside the images: no column can be learned (give one with --table)")
        found.pictures = replace(pictures, catalogue=own)
        return found
    rows = np.arange(len(own)) if keep else np.flatnonzero(own.index.isin(known.index))
    if not keep:
        left = own.index.difference(known.index)
        more = pd.DataFrame({"object_id": left, "file": "", "reason": "no row in the table"})
        found.rejected = pd.concat([found.rejected, more], ignore_index=True)
    kept = own.index[rows]
    if len(kept.difference(known.index)):  # whole numbers and truth values stay what they are
        whole = known.select_dtypes(["integer", "bool"])
        names = {name: "boolean" if whole[name].dtype == bool else "Int64" for name in whole}
        known = known.astype({name: kind for name, kind in names.items() if whole[name].dtype != "uint64"})
    known = known.reindex(kept)
    own = own.iloc[rows].rename(columns={name: f"{name}_of_file" for name in own.columns.intersection(known.columns)})
    found.pictures = replace(
        pictures,
        catalogue=known.join(own).rename_axis("object_id"),
        read=partial(_only, pictures.read, rows) if len(rows) < len(own.index) or not keep else pictures.read,
        pixel_scale=np.broadcast_to(pictures.pixel_scale, len(pictures.catalogue))[rows],
    )
    return found


def _table_folders(path: Path) -> list[Path]:
    """Return the folders in which the table of these images may lie: theirs, and those right below it."""
    if not path.is_dir() or array_files.is_zarr(path):
        return [path.parent]
    inner = [p for p in path.iterdir() if p.is_dir() and not (p.is_symlink() or hidden(p.name))]
    return [path, *(sorted(inner) if len(inner) <= _MOST_FOLDERS else [])]


def _has(own: pd.DataFrame, columns: Mapping[str, str]) -> bool:
    return bool(columns) and set(columns.values()) <= set(own.columns)


def _only(read: Callable[[], Iterator[Raw]], rows: np.ndarray) -> Iterator[Raw]:
    wanted = set(rows.tolist())
    return (raw for row, raw in enumerate(read()) if row in wanted)


def _single(path: Path) -> Path:
    """Return the one file of a folder that holds nothing else, else the folder."""
    if not path.is_dir() or array_files.is_zarr(path):
        return path
    inner = [p for p in path.iterdir() if not hidden(p.name)]
    alone = len(inner) == 1 and (inner[0].is_file() or array_files.is_zarr(inner[0]))
    good = alone and (inner[0].suffix.lower() == ".zip" or array_files.is_arrays(inner[0]))
    return inside(path, inner[0].name) if good else path


def _refuse_others(path: Path) -> None:
    """Raise a ValueError that says what to do with a path that holds no images to be read."""
    if (path / "galviz.json").is_file():
        raise ValueError(f"pictures: expected images, got {path}, which is a sky already. Open it: CutoutSet.open.")
    if path.is_dir() and next(path.rglob("frame-?-[0-9]*.fits*"), None):
        raise ValueError(
            f"pictures: expected cutouts, got SDSS frames in {path}. Say what is cut out of them: --positions TABLE, "
            "--tile ARCSEC or --detect."
        )
    tables = [path] if path.is_file() else sorted(p for p in path.iterdir() if is_table(p))
    alone = path.is_file() and is_table(path) and not (path.suffix == ".parquet" and zoo.has_pictures(path))
    if alone or (path.is_dir() and tables and not _anything(path)):
        raise ValueError(
            f"pictures: no images here: {tables[0]} is a table. Open it with `panel serve dashboards/explore.py --args "
            f"{tables[0]}`, or train on its columns; or give the folder of images, and the table as --table."
        )
    if path.is_dir() and not any(not hidden(p.name) for p in path.iterdir()):
        raise ValueError(f"pictures: expected images, got {path}, which is empty.")


def _anything(path: Path) -> bool:
    files = _scientific_files(path)
    scientific = array_files.is_zarr(path) or next((f for f in files if not is_table(f)), None)
    published = any(map(zoo.has_pictures, zoo.find_tables(path)[:1]))
    return bool(scientific or next(walk(path, _LEVELS), None) or published or list(path.glob("*.zip")))


def _known(path: Path, kind: str, part: str) -> Pictures | Found | None:
    """Return a data set of a layout that is known, or None."""
    if part == "test" or (path / "training_solutions_rev1.csv").exists():
        return replace(zoo.kaggle(path, part), size=68)
    is_hdf5 = path.suffix.lower() in (".h5", ".hdf5")
    if is_hdf5 and (kind == "zoo" or _is_galaxy10(path)):
        return _sized(zoo.galaxy10(path))
    tables = [path] if path.suffix in (".arrow", ".parquet") else zoo.find_tables(path) if path.is_dir() else []
    if tables and (kind == "zoo" or any(zoo.has_pictures(table) for table in tables[:1])):
        found = zoo.hugging_face(path)
        if kind == "any" and "Class1.1" not in found.catalogue:
            return _sized(replace(found, crop=0, origin=f"data set {path.resolve().stem}"))
        return replace(found, size=68)
    places = (path, path / "cifar-10-batches-py", path / "cifar-10-batches-bin")
    published = any((place / name).exists() for place in places for name in ("batches.meta", "batches.meta.txt"))
    if kind == "any" and (published or (path / "image_class_labels.txt").exists()):
        return _sized(classes.find_classes(path))
    return None


def _is_galaxy10(path: Path) -> bool:
    try:
        found = array_files.names_in(path)
    except (ValueError, OSError):
        return False
    return {"images", "ans"} <= set(found)


def _pictures(path: Path, kind: str, notes: list[str]) -> Pictures:
    """Return pictures in a folder, a .zip, or one file."""
    origin = f"pictures in {path.resolve().name}"
    if kind == "zoo":
        files = find_pictures(path)
        raws = [files[name] for name in sorted(files)]
        return Pictures(pd.DataFrame(index=pd.Index(sorted(files), name="object_id")), raws.__iter__, origin)
    if path.is_dir():
        found = dict(walk(path, _LEVELS))
        raws, read = list(found.values()), None
    elif path.suffix.lower() == ".zip":
        members = {name: own for name, own in classes.members(path).items() if name.suffix.lower() in SUFFIXES}
        found, read = dict.fromkeys(members), partial(classes.unzipped, path, list(members.values()))
    elif path.suffix.lower() in SUFFIXES:
        found, raws, read = {PurePosixPath(path.name): path}, [path], None
    else:
        found = {}
    if not found:
        there = sorted({p.suffix or p.name for p in path.iterdir()})[:6] if path.is_dir() else [path.name]
        raise ValueError(
            f"pictures: expected images ({', '.join(SUFFIXES)}, .fits, .npz, .npy, .h5, .zarr, .zip, .parquet), "
            f"got {', '.join(there)} in {path}."
        )
    table = _from_names(list(found), path)
    if "class" in table:
        counts = table["class"].value_counts()
        listed = ", ".join(f"{name} {n:,}" for name, n in counts.iloc[:6].items()) + (", …" if len(counts) > 6 else "")
        notes.append(f"{len(counts):,} class folders, column class: {listed}")
    if "split" in table:
        notes.append(f"column split: {', '.join(f'{name} {n:,}' for name, n in table['split'].value_counts().items())}")
    found = Pictures(table, read or raws.__iter__, origin)
    return _with_any_floats(found, notes) or _sized(found)


@dataclass(frozen=True)
class _FloatPicture:
    """A grey picture whose floats are kept as they are, also outside 0…1. It is read by `read`, in any process."""

    raw: Raw

    def read(self) -> Cutout:
        found = floats(self.raw)
        if found is None:
            raise ValueError(
                "expected floats as in the other pictures, got whole numbers. Make a sky of its own of it."
            )
        return Cutout(found[None])


def _with_any_floats(pictures: Pictures, notes: list[str]) -> Pictures | None:
    """Return pictures as scientific images if they hold floats outside 0…1; None if they are pictures to be shown."""
    sample = []
    for raw in _sample_of(pictures):
        try:
            sample.append(floats(raw))
        except (ValueError, OSError):
            continue  # named when it is read
    known = [one for one in sample if one is not None and np.isfinite(one).any()]
    if not known or any(one is None for one in sample):
        return None
    low, high = min(np.nanmin(one) for one in known), max(np.nanmax(one) for one in known)
    if 0 <= low <= high <= 1:
        return None
    notes.append(
        f"pictures of floats from {low:g} to {high:g} ({len(known):,} looked at): kept as they are, one band band1, as "
        "fluxes without a zero point; none is clipped"
    )
    height, width = Counter(one.shape for one in known).most_common(1)[0][0]
    read, origin = pictures.read, f"{pictures.origin}, floats from {low:g} to {high:g}"
    return replace(
        pictures,
        read=lambda: map(_FloatPicture, read()),
        bands=("band1",),
        unit="flux",
        box=(width, height),
        origin=origin,
    )


def _from_names(names: list[PurePosixPath], place: Path) -> pd.DataFrame:
    """Return ids, classes and parts (train, test) of pictures from their folders."""
    common = len(names[0].parts) - 1
    while common and any(name.parts[:common] != names[0].parts[:common] for name in names):
        common -= 1
    own_class = common and all(len(name.parts) == common + 1 for name in names)  # all in one folder: no classes
    inner = [PurePosixPath(*name.parts[common:]) for name in names]
    ids: dict[str, PurePosixPath] = {}
    stems_differ = len({name.stem for name in inner}) == len(inner)
    for name in inner:
        check_single(name.stem if stems_differ else "-".join(name.with_suffix("").parts), name, ids, place)
    table = pd.DataFrame(index=pd.Index(list(ids), name="object_id"))
    depths = {len(name.parts) for name in inner}
    in_parts = depths <= {2, 3} and all(name.parts[0].lower() in _SPLITS for name in inner if len(name.parts) == 3)
    folders = [name.parent.name for name in inner]
    only_parts = depths == {2} and all(name.lower() in _SPLITS for name in folders)
    if only_parts:
        table["split"] = folders
    elif not own_class and in_parts and 2 <= len(set(folders)) <= len(names) / 2 + 1:
        table["class"] = folders
        if 3 in depths:
            table["split"] = [name.parts[0] if len(name.parts) == 3 else "train" for name in inner]
    return table


def _sized(pictures: Pictures) -> Pictures:
    """Return pictures with the size that suits them."""
    sides = Counter()
    for raw in _sample_of(pictures):
        try:
            sides[raw.shape[0] if isinstance(raw, np.ndarray) else max(header(raw).size)] += 1
        except ValueError:
            continue
    return replace(pictures, size=min(USUAL_SIZE, sides.most_common(1)[0][0]) if sides else USUAL_SIZE)


def _sample_of(pictures: Pictures) -> list[Raw]:
    raws = getattr(pictures.read, "__self__", None)  # a list, of which any item is at hand
    if isinstance(raws, list):
        return [raws[k] for k in spaced(np.arange(len(raws)), _SAMPLE)]
    return list(islice(pictures.read(), 1))


def _scientific_files(path: Path, level: int = 0) -> Iterator[Path]:
    """Yield FITS files and files of arrays in a folder, and below it, by name; no link that leads out is followed."""
    if not path.is_dir() or array_files.is_zarr(path):
        yield path
        return
    for entry in sorted(path.iterdir(), key=lambda entry: entry.name):
        if hidden(entry.name):
            continue
        scientific = fits_images.is_fits(entry) or array_files.is_arrays(entry)
        if scientific and (entry.is_file() or array_files.is_zarr(entry)):
            yield entry
        elif entry.is_dir() and level < _LEVELS:
            yield from _scientific_files(entry, level + 1)


def _scientific(
    path: Path, bands: Sequence[str] | None, unit: tuple[str | None, str], notes: list[str], *, skip_bad: bool
) -> Found | None:
    """Return scientific images: FITS files and files of arrays. None if there are none, or more pictures."""
    alone = path.is_file() or array_files.is_zarr(path)
    if alone and not (fits_images.is_fits(path) or array_files.is_arrays(path)):
        return None
    files = list(_scientific_files(path))
    outside = [f for f in files if not alone and f.is_symlink() and not _is_inside(path, f)]
    files = [f for f in files if f not in outside]
    if not alone:
        files = [f for f in files if not (fits_images.is_fits(f) and is_table(f))]
        count = sum(1 for _ in walk(path, _LEVELS))
        if count > len(files):
            notes += [f"{len(files):,} FITS files and files of arrays are not used: most are pictures"] if files else []
            return None
        notes += [f"{count:,} pictures are not used: {len(files):,} FITS files or files of arrays are"] if count else []
    if not files:
        return None
    sample, why = _contents(files[k] for k in spaced(np.arange(len(files)), _SAMPLE))
    if not sample:
        raise why
    rejected = [(f.stem, str(f), "it is a link that leads out of the folder") for f in outside]
    by_band = _by_band(files, sample)
    if by_band is not None:
        table, sources, names, incomplete = by_band
        rejected += incomplete
        read, bands = sources.__iter__, bands or names
        sample = [one._replace(shape=(len(names), *one.shape[1:]), bands=tuple(names)) for one in sample]
        notes.append(f"a file a band: {' '.join(names)}")
    elif all(one.ids is None for one in sample):
        table = _from_names([PurePosixPath(f.relative_to(path) if f != path else f.name) for f in files], path)
        table.index = pd.Index(_without_suffixes(files, table.index), name="object_id")
        read = [FitsCutout((f,)) if fits_images.is_fits(f) else ArrayCutout(f) for f in files].__iter__
    else:
        table, read, sample = _stacks(files)
    pictures = Pictures(table, read, f"images in {path.resolve().name}")
    pictures = _described(sample, files, pictures, bands=bands, unit=unit, notes=notes, skip_bad=skip_bad)
    return Found(pictures, rejected=pd.DataFrame(rejected, columns=list(COLUMNS)))


def _is_inside(folder: Path, file: Path) -> bool:
    try:
        inside(folder, file.relative_to(folder))
    except ValueError:
        return False
    return True


def _contents(files: Iterator[Path]) -> tuple[list[Contents], Exception | None]:
    found, why = [], None
    for file in files:
        try:
            found.append((fits_images if fits_images.is_fits(file) else array_files).contents(file))
        except (ValueError, OSError) as error:
            why = why or error
    return found, why


def _without_suffixes(files: list[Path], ids: pd.Index) -> list[str]:
    """Return ids without what is left of double suffixes: ``a.fits`` of ``a.fits.gz``."""
    return [one.removesuffix(".fits").removesuffix(".fit") for one in ids] if files else []


def _by_band(
    files: list[Path], sample: list[Contents]
) -> tuple[pd.DataFrame, list[FitsCutout], list[str], list[tuple[str, str, str]]] | None:
    """Return objects of which each band is a file, ``<id>-<band>.fits``; None if the names are others."""
    if any(one.shape[0] > 1 or one.ids is not None for one in sample) or not all(map(fits_images.is_fits, files)):
        return None
    groups: dict[str, dict[str, Path]] = {}
    for file in files:
        stem = file.name[
            : -len(next(end for end in sorted(fits_images.SUFFIXES, key=len)[::-1] if file.name.lower().endswith(end)))
        ]
        named = _BAND_FILE.fullmatch(stem)
        if named is None or named[2] in groups.get(named[1], {}):
            return None
        groups.setdefault(named[1], {})[named[2]] = file
    usual = Counter(frozenset(found) for found in groups.values()).most_common(1)[0][0]
    if len(usual) < 2:
        return None
    names = sorted(usual, key=lambda b: (_BLUE_TO_RED.index(b.lower()) if b.lower() in _BLUE_TO_RED else 99, b))
    whole = {name: found for name, found in groups.items() if usual <= set(found)}
    lacking = [
        (name, str(next(iter(found.values()))), f"no file of the band {', '.join(sorted(usual - set(found)))}")
        for name, found in groups.items()
        if name not in whole
    ]
    sources = [FitsCutout(tuple(found[band] for band in names)) for found in whole.values()]
    return pd.DataFrame(index=pd.Index(list(whole), name="object_id")), sources, names, lacking


def _stacks(files: list[Path]) -> tuple[pd.DataFrame, Callable[[], Iterator[Raw]], list[Contents]]:
    """Return the objects of files that hold several each."""
    parts, sample = [], []
    for file in files:
        module = fits_images if fits_images.is_fits(file) else array_files
        one = module.contents(file)
        count = module.count(file) if not one.ids else len(one.ids)
        ids = one.ids or ([file.stem] if one.ids is None else [f"{file.stem}-{k:05d}" for k in range(count)])
        table = pd.DataFrame(index=range(count)) if one.columns is None else one.columns
        parts.append(table.set_index(pd.Index(list(ids), name="object_id", dtype=object)))
        sample.append(one)
    table = pd.concat(parts)
    if not table.index.is_unique and len(files) > 1:
        table.index = [f"{file.stem}-{one}" for file, part in zip(files, parts, strict=True) for one in part.index]

    def read() -> Iterator[Raw]:
        return chain.from_iterable(
            (fits_images if fits_images.is_fits(file) else array_files).cutouts(file) for file in files
        )

    return table.rename_axis("object_id"), read, sample


def _described(
    sample: list[Contents],
    files: list[Path],
    found: Pictures,
    *,
    bands: Sequence[str] | None,
    unit: tuple[str | None, str],
    notes: list[str],
    skip_bad: bool,
) -> Pictures:
    """Return scientific images with the bands, size and unit that most of a sample have; `unit` may be given."""
    if all(one.colour for one in sample):
        return replace(found, size=min(USUAL_SIZE, max(sample[0].shape[1:])))
    counts = Counter(one.shape[0] for one in sample)
    count = counts.most_common(1)[0][0]
    if len(counts) > 1:
        first = {one.shape[0]: file.name for one, file in zip(sample[::-1], files[::-1], strict=False)}
        got = ", ".join(f"{n} ({first[n]})" for n in sorted(counts, reverse=True))
        if not skip_bad:
            raise ValueError(
                f"bands: expected the same number of bands in all files, got {got}. A sky has one set of bands: give "
                f"one kind of files, or keep those with {count} and leave out the others: --skip-bad."
            )
        notes.append(f"files have different numbers of bands, {got}: those with {count} are kept")
    same = [one for one in sample if one.shape[0] == count]
    named = Counter(one.bands for one in same if one.bands).most_common(1)
    names = tuple(bands) if bands is not None else named[0][0] if named else None
    if names is not None and (len(names) != count or len(set(names)) != count):
        raise ValueError(f"bands: expected {count} different names, got {', '.join(names)}.")
    if names is None:
        names = tuple(f"band{k}" for k in range(1, count + 1))
        notes.append(f"the files do not name their {count} bands: {' '.join(names)} (name them with --bands)")
    units = {one.unit for one in same}
    own = units.pop() if len(units) == 1 else "flux"
    headers = [one.zero_points for one in same] if own == "flux" else []
    points = zero_points(unit[1], names, unit[0], headers)
    unit = "nanomaggy" if points else unit[0] or own
    check_unit(unit)
    if points:
        notes.append(points.note)
        known = f", {points.note.partition(':')[0]}"
        found = replace(found, read=partial(calibrated, found.read, points.values), origin=found.origin + known)
    if unit == "flux":
        notes.append(
            "the unit of the pixels is not known: fluxes without a zero point (say --unit nanomaggy or "
            "--zero-point if it is known)"
        )
    shapes = Counter(one.shape[1:] for one in same)
    height, width = shapes.most_common(1)[0][0]
    if len(shapes) > 1:
        got = ", ".join(f"{w}×{h} ({n:,})" for (h, w), n in shapes.most_common(4))
        notes.append(f"files have different sizes, {got} of {len(same):,} looked at: all become {width}×{height}")
    if beside := sorted({name for one in sample for name in one.beside if name}):
        notes.append(f"not used: {', '.join(beside[:8])}{', …' if len(beside) > 8 else ''}")
    wcs = any(one.plane for one in same)
    return replace(found, bands=names, unit=unit, box=(width, height), wcs=wcs)
