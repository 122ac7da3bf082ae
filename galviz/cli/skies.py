"""Commands that create skies: `mock` draws synthetic ones, `ingest` reads files. See `galviz.cli.commands`."""

import argparse
import difflib
import os
import sys
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from galviz.sky.readers.find import Found
    from galviz.studies import Mock, Study

OWN = "own"
"""The study of those who bring their own images and column; the default."""

Work = Callable[[], None]
_FEW = 5000  # scientific images for which it does not pay to start processes
_LINE_S = 1.0  # seconds between two lines of progress in a log
_NAMED = 20  # objects left out that are named before they are counted


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
        what = "drawn into real SDSS frames" if args.background else "synthetic sky"
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
    return {"any": _any, "sdss": _sdss, "stacks": _stacks, "zoo": _zoo, "classes": _classes}[args.kind](args)


def _any(args: argparse.Namespace) -> Work:
    """Create a sky of images of any kind, which is found from the files."""
    if args.tile is not None or args.positions or args.detect is not None:
        more = {"frames": args.pictures, "size": args.size or 64}
        return _sdss(argparse.Namespace(**(vars(args) | more)))
    if len(args.pictures) > 1:
        one_of("kind", args.pictures[0], ("sdss", "stacks", "zoo", "classes"))
    args.pictures = args.pictures[0]
    return _read_into(new_folder(args.out), args, "any")


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
    return _table_with_positions(args), None, outside


def _stacks(args: argparse.Namespace) -> Work:
    """Create a sky of cutouts from stacked images, around the objects of a catalogue."""
    from galviz.sky.readers import stacks

    out = new_folder(args.out)
    _check_folders("frames", args.frames)
    table, notes = stacks.with_redshift(_table_with_positions(args))
    for note in notes:
        print(f"{Path(args.positions).name}: {note} (correct with --column z=NAME)")
    more = {"size": args.size, "bands": args.bands.split(",") if args.bands else (), "out": out}

    def work() -> None:
        with bar("cutting", "stacks") as progress:
            sky, left_out = stacks.cutouts(args.frames, table, **more, progress=progress)
        print(f"{out}: {sky}; left out: {', '.join(f'{count:,} {why}' for why, count in left_out.items())}")

    return work


def _table_with_positions(args: argparse.Namespace) -> "pd.DataFrame":
    """Return the table of ``--positions`` with the columns ra and dec, and those of ``--column``."""
    from galviz.io.tables import read_table
    from galviz.sky.readers.positions import with_positions

    columns = named_columns(args.column)
    given = read_table(args.positions, id_column=columns.pop("id", columns.pop("object_id", None)))
    table, notes = with_positions(given.table, given.units, columns)
    if notes:
        print(f"{Path(args.positions).name}: {', '.join(notes)} (correct with --column ra=NAME)")
    return table


def _check_folders(argument: str, folders: Sequence[str]) -> None:
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing:
        raise NotADirectoryError(f"{argument}: expected folders with frames, got {missing[0]}, which is no folder.")


def _zoo(args: argparse.Namespace) -> Work:
    """Create a sky from pictures of galaxies."""
    return _read_into(new_folder(args.out), args, "zoo")


def _classes(args: argparse.Namespace) -> Work:
    """Create a sky from pictures sorted into classes."""
    return _read_into(new_folder(args.out), args, "classes")


def _read_into(out: Path, args: argparse.Namespace, kind: str) -> Work:
    """Return the work that creates a sky from the images at a path."""
    from galviz.sky.opening import read_images
    from galviz.sky.readers.find import find_images

    given = vars(args)
    more = {"columns": named_columns(given.get("column") or []), "boxes": given.get("boxes", False)}
    more |= {"bands": given["bands"].split(",") if given.get("bands") else None, "unit": given.get("unit")}
    more |= {"zero_point": given.get("zero_point") or "", "part": given.get("part", "training")}
    found = find_images(args.pictures, given.get("table"), kind=kind, skip_bad=args.skip_bad, **more)
    if given.get("clean"):
        found = _cleaned(found, given["clean"])

    def work() -> None:
        for note in found.notes:
            print(note)
        more = {"crop": args.crop, "size": args.size, "workers": _workers(args), "skip_bad": args.skip_bad}
        # Pictures are decoded outside Python, and processes take seconds to start.
        more["threads"] = found.pictures.box is None or len(found.pictures.catalogue) < _FEW
        notes: list[str] = []
        try:
            with bar("reading", "pictures") as progress:
                sky, left_out = read_images(found, out, progress=progress, fit=args.fit, notes=notes, **more)
        except KeyboardInterrupt:
            print("galviz ingest: what was read is kept: the same command goes on from there", file=sys.stderr)
            raise
        for note in notes:
            print(f"galviz ingest: {note}", file=sys.stderr)
        for name, why in list(left_out.items())[:_NAMED]:
            print(f"galviz ingest: {name} left out: {why}", file=sys.stderr)
        if len(left_out) > _NAMED:
            print(f"galviz ingest: {len(left_out):,} left out: see rejected.parquet in {out}", file=sys.stderr)
        print(f"{out}: {sky}")

    return work


def _cleaned(found: "Found", name: str) -> "Found":
    """Return the images that a study keeps, with its catalogue."""
    from galviz.sky.readers.find import without
    from galviz.studies import named, studies

    able = {one: study.clean for one, study in studies().items() if study.clean}
    one_of("clean", name, able)
    cleaned = named(able[name])(found.pictures.catalogue)
    found.notes += cleaned.notes
    return without(found, cleaned.table, cleaned.reasons)


def named_columns(pairs: Sequence[str]) -> dict[str, str]:
    """Return the columns that ``--column ra=RAJ2000`` names. Raise a ValueError if one has another form."""
    wrong = [pair for pair in pairs if not all(pair.partition("=")[::2])]
    if wrong:
        raise ValueError(f"column: expected NAME=COLUMN, such as ra=RAJ2000 or id=objID, got {wrong[0]!r}.")
    return dict(pair.split("=", 1) for pair in pairs)


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
    """Show the progress on stderr, a bar in a terminal and lines in a log, and yield the function ``(done, total)``."""
    if not sys.stderr.isatty():
        yield _lines(what, unit)
        return
    from tqdm import tqdm

    with tqdm(desc=what, unit=f" {unit}", dynamic_ncols=True) as shown:

        def progress(done: int, total: int) -> None:
            if shown.total is None:
                shown.initial = shown.n = done  # what was read by an earlier run is not this one's speed
            shown.total = total
            shown.update(done - shown.n)

        yield progress


def _lines(what: str, unit: str) -> Callable[[int, int], None]:
    """Return a function that prints the progress as lines, at most one a second and one a percent."""
    printed, at = 0, time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal printed, at
        if time.monotonic() - at >= _LINE_S and 100 * (done - printed) >= total:
            print(f"{what}: {done}/{total} {unit}", file=sys.stderr, flush=True)  # a page reads it from the log
            printed, at = done, time.monotonic()

    return progress


def _workers(args: argparse.Namespace) -> int:
    return args.workers or os.cpu_count() or 1
