"""Commands that create skies: `mock` draws synthetic ones, `ingest` reads files. See `galviz.cli.commands`."""

import argparse
import difflib
import os
import sys
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from galviz.sky.readers.pictures import Pictures
    from galviz.studies import Mock, Study

OWN = "own"
"""The study of those who bring their own images and column; the default."""

Work = Callable[[], None]


def mock(args: argparse.Namespace) -> Work:
    """Draw a synthetic sky."""
    from galviz.studies import named

    known = mocks()
    one_of("kind", args.kind, known)
    sky = known[args.kind]
    if args.background and not sky.over_frames:
        able = ", ".join(name for name, each in known.items() if each.over_frames)
        raise ValueError(f"background: expected with {able}, got it with {args.kind}. Leave it out.")
    _check_folders("background", args.background or [])
    out, size = new_folder(args.out), args.size or sky.size

    def work() -> None:
        draw = named(sky.write)
        if args.background:
            draw = partial(named(sky.over_frames), frames=args.background)
        with bar("drawing") as progress:
            draw(out, args.n, size=size, seed=args.seed, workers=_workers(args), progress=progress)
        what = "synthetic objects in real SDSS frames" if args.background else "synthetic sky"
        print(f"{out}: {args.n} objects of {size} px, {what}")

    return work


def mocks() -> "dict[str, Mock]":
    """Return the synthetic skies of all studies that have one, by the name of the study."""
    from galviz.studies import studies

    return {name: study.mock for name, study in studies().items() if study.mock}


def study_named(name: str) -> "Study":
    """Return a study. Raise a ValueError if there is none of this name; the message suggests a similar one."""
    from galviz.studies import open_study, study_names

    one_of("study", name, study_names())
    return open_study(name)


def ingest(args: argparse.Namespace) -> Work:
    """Create a sky from the files of a survey."""
    return {"sdss": _sdss, "zoo": _zoo, "classes": _classes}[args.kind](args)


def _sdss(args: argparse.Namespace) -> Work:
    """Create a sky of cutouts from SDSS frames."""
    out = new_folder(args.out)
    import astropy.units as u

    from galviz.sky.readers import sdss

    _check_folders("frames", args.frames)
    if args.detect is not None:
        return _detected(args, out)
    if args.tile is not None and args.side:
        raise ValueError("side: expected with --positions, got it with --tile, which is a side itself. Leave it out.")
    side = f"{args.tile} arcsec" if args.tile is not None else args.side or "1 Mpc"
    try:
        side = u.Quantity(side)
    except (TypeError, ValueError) as error:
        raise ValueError(f"side: expected such as '120 arcsec' or '1 Mpc', got {side!r}.") from error
    positions, members, outside = _positions(args)

    def work() -> None:
        damaged = "skip" if args.skip_bad else "raise"
        with bar("cutting", "fields") as progress, warnings.catch_warnings(record=True) as left_out:
            more = {"size": args.size, "side": side, "damaged": damaged, "out": out, "progress": progress}
            warnings.simplefilter("always", UserWarning)
            if positions is None:
                sky = sdss.tiles(args.frames, **more)
            else:
                sky = sdss.cutouts(args.frames, positions, sources=members, outside=outside, **more)
        for warning in left_out:
            print(f"galviz ingest: {warning.message}", file=sys.stderr)
        print(f"{out}: {sky}")

    return work


def _detected(args: argparse.Namespace, out: Path) -> Work:
    """Create a sky with a cutout of every detected source in SDSS frames."""
    if args.side or args.members:
        raise ValueError(
            "detect: expected without --side and --members, got one: cutouts have the survey's own pixels."
        )

    def work() -> None:
        from galviz.sky.readers.detect import detect

        damaged = "skip" if args.skip_bad else "raise"
        with bar("detecting", "fields") as progress:
            sky, dropped = detect(
                args.frames, size=args.size, threshold=args.detect, damaged=damaged, progress=progress
            )
        sky.save(out)
        left_out = ", ".join(f"{count} {why}" for why, count in dropped.items())
        print(f"{out}: {sky}; left out: {left_out}")

    return work


def _positions(args: argparse.Namespace) -> tuple["pd.DataFrame | None", "pd.DataFrame | None", str]:
    """Return the positions to cut out, known sources around them, and how positions outside all frames are treated."""
    from galviz.io.tables import read_table
    from galviz.sky.readers import redmapper

    outside, of_clusters = "skip" if args.skip_bad else "raise", redmapper.is_fits(args.positions or "")
    if args.members and not of_clusters:
        got = args.positions or "none"
        raise ValueError(f"members: expected with a redMaPPer catalogue in FITS as --positions, got {got}.")
    if not args.positions:
        return None, None, outside
    if of_clusters:  # a survey's catalogue: most of it lies elsewhere
        clusters = redmapper.read_clusters(args.positions)
        return clusters, redmapper.read_members(args.members, clusters) if args.members else None, "skip"
    return read_table(args.positions).table, None, outside


def _check_folders(argument: str, folders: Sequence[str]) -> None:
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing:
        raise NotADirectoryError(f"{argument}: expected folders with frames, got {missing[0]}, which is no folder.")


def _zoo(args: argparse.Namespace) -> Work:
    """Create a sky from pictures of galaxies."""
    out, place = new_folder(args.out), Path(args.pictures)
    for argument, path in (("pictures", place), ("table", Path(args.table) if args.table else place)):
        if not path.exists():
            raise FileNotFoundError(f"{argument}: expected files that are there, got {path}.")
    return _read_into(out, _finder(place, args.table), args)


def _classes(args: argparse.Namespace) -> Work:
    """Create a sky from pictures sorted into classes."""
    from galviz.sky.readers.classes import find_classes

    out, place = new_folder(args.out), Path(args.pictures)
    if not place.exists():
        raise FileNotFoundError(f"pictures: expected files that are there, got {place}.")
    return _read_into(out, partial(find_classes, place, boxes=args.boxes), args)


def _read_into(out: Path, find: Callable[[], "Pictures"], args: argparse.Namespace) -> Work:
    """Return the work that creates a sky from the pictures that `find` returns."""

    def work() -> None:
        from galviz.sky.cutouts import CutoutSet
        from galviz.sky.readers.pictures import write_pictures

        found = find()
        more = {"crop": args.crop, "size": args.size, "workers": _workers(args), "skip_bad": args.skip_bad}
        with bar("reading", "pictures") as progress, warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always", UserWarning)
            left_out = write_pictures(out, found, progress=progress, fit=args.fit, **more)
        for note in notes:
            print(f"galviz ingest: {note.message}", file=sys.stderr)
        for name, why in left_out.items():
            print(f"galviz ingest: {name} left out: {why}", file=sys.stderr)
        print(f"{out}: {CutoutSet.open(out)}")

    return work


def _finder(place: Path, table: str | None) -> Callable[[], "Pictures"]:
    """Return the reader for the layout of Galaxy Zoo files that is found in a folder."""
    import pandas as pd

    from galviz.io.tables import read_table
    from galviz.sky.readers import zoo
    from galviz.sky.readers.pictures import find_pictures

    if table:
        return lambda: zoo.folder_of_pictures(place, read_table(table).table)
    if (place / "training_solutions_rev1.csv").exists():
        return lambda: zoo.kaggle(place)
    if place.suffix.lower() in (".h5", ".hdf5"):
        return lambda: zoo.galaxy10(place)
    if place.suffix in (".arrow", ".parquet") or zoo.find_tables(place):
        return lambda: zoo.hugging_face(place)
    ids = pd.Index(sorted(find_pictures(place)), name="object_id")
    return lambda: zoo.folder_of_pictures(place, pd.DataFrame(index=ids))


def one_of(argument: str, got: str, known: Collection[str]) -> None:
    """Raise a ValueError if a value is not known. The message suggests a similar one."""
    if got not in known:
        near = difflib.get_close_matches(got, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{argument}: expected one of {', '.join(known)}, got {got!r}{hint}")


def new_folder(text: str) -> Path:
    """Return the path of a new folder. Raise a FileExistsError if it already exists."""
    path = Path(text)
    if path.exists():
        raise FileExistsError(f"out: expected a new folder, got {path}, which exists. Choose another, or remove it.")
    return path


@contextmanager
def bar(what: str, unit: str = "objects") -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr, and yield the function ``(done, total)`` that updates it."""
    from tqdm import tqdm

    with tqdm(desc=what, unit=f" {unit}", disable=None, dynamic_ncols=True) as shown:

        def progress(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield progress


def _workers(args: argparse.Namespace) -> int:
    return args.workers or os.cpu_count() or 1
