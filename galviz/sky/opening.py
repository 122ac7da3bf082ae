"""Any images as a `CutoutSet`, in one call: they are read once into a sky on disk, and opened from there."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from galviz.io.paths import home
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.find import Found, find_images
from galviz.sky.readers.picture_files import Fit
from galviz.sky.readers.writing import write_pictures


def open_any_images(
    path: str | Path,
    table: str | Path | None = None,
    *,
    out: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    bands: Sequence[str] | None = None,
    unit: str | None = None,
    zero_point: str = "",
    crop: int | None = None,
    size: int | None = None,
    fit: Fit = "pad",
    skip_bad: bool = False,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    report: Callable[[str], None] | None = print,
) -> CutoutSet:
    """Return the images at a path, of any kind, with the table that belongs to them.

    The images are read once into a sky on disk, which is opened. The same call opens it again, or goes on where it was
    interrupted. A saved sky is opened as it is.

    Parameters
    ----------
    path, table, columns, bands, unit, zero_point, skip_bad
        As in `galviz.sky.readers.find.find_images`. With `skip_bad`, damaged images are left out too; see
        `galviz.sky.rejected.rejected`.
    out : str or Path, optional
        The folder of the sky. By default one in ``skies`` of ``GALVIZ_HOME`` (``~/galviz``), whose name ends with a
        digest of the arguments and of the names, sizes and times of the files.
    crop, size : int, optional
        The square of `crop` pixels in the middle is kept and made `size` pixels wide. By default pictures get at most
        128 pixels, and scientific images keep theirs.
    fit : {"pad", "crop"}
        What is done to images of another shape.
    workers : int, optional
        Number of threads that read; by default one for each core. Of FITS, ``galviz ingest`` reads many thousand files
        faster: it uses processes.
    progress : callable, optional
        Called with (images read, N).
    report : callable, optional
        Called with each sentence on what was found and matched; by default they are printed.

    Returns
    -------
    CutoutSet

    Raises
    ------
    FileNotFoundError or ValueError
        If there are no images, they do not belong together, the table does not fit, or an image is damaged.
    """
    path = Path(path)
    if (path / "galviz.json").is_file():
        return CutoutSet.open(path)
    options = (columns, bands, unit, crop, size, fit, skip_bad, zero_point)
    out = _home(path, table, options) if out is None else Path(out)
    if (out / "galviz.json").is_file():
        return CutoutSet.open(out)
    found = find_images(path, table, columns=columns, bands=bands, unit=unit, zero_point=zero_point, skip_bad=skip_bad)
    say = report or (lambda _: None)
    for note in found.notes:
        say(note)
    notes: list[str] = []
    workers = workers or os.cpu_count() or 1
    more = {"crop": crop, "size": size, "fit": fit, "skip_bad": skip_bad, "workers": workers, "threads": True}
    sky, left_out = read_images(found, out, progress=progress, notes=notes, **more)
    for note in (*notes, *(f"{name} left out: {why}" for name, why in left_out.items())):
        say(note)
    return sky


def read_images(found: Found, out: Path, *, notes: list[str], **more: object) -> tuple[CutoutSet, dict[str, str]]:
    """Read the images that were found into a new sky; see `galviz.sky.readers.writing.write_pictures`.

    Returns
    -------
    CutoutSet
    dict of str to str
        The objects that cannot be read, and why.
    """
    left_out = write_pictures(out, found.pictures, rejected=found.rejected, notes=notes, **more)
    sky = CutoutSet.open(out)
    if more.get("size") is None and found.pictures.box is None:
        notes.append(f"the pictures are made {sky.images.shape[-1]} px wide (another size: --size, in Python size=)")
    return sky, left_out


def _home(path: Path, table: str | Path | None, options: tuple[object, ...]) -> Path:
    """Return the folder for the sky of these images."""
    digest = hashlib.sha256(repr((str(path.resolve()), str(table), options)).encode())
    tops = [path, *([Path(table)] if table is not None else [])]
    for top in tops:
        for folder, folders, files in os.walk(top) if top.is_dir() else [(top.parent, [], [top.name])]:
            folders.sort()
            for name in sorted(files):
                place = Path(folder) / name
                about = place.stat() if place.exists() else None
                digest.update(repr((str(place), about and (about.st_size, about.st_mtime_ns))).encode())
    return home() / "skies" / f"{path.resolve().stem}-{digest.hexdigest()[:8]}"
