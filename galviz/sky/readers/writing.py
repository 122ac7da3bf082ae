"""A sky of pictures: each is decoded, cut and shrunk once, in parts that a killed process leaves complete."""

import hashlib
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from galviz.io.files import read_json, write_json, write_parquet
from galviz.io.ids import check_ids
from galviz.io.lazy_array import LazyRows
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.picture_files import (
    Fit,
    Raw,
    as_dtype,
    check_fit,
)
from galviz.sky.readers.pictures import Pictures
from galviz.sky.readers.prepared import Cutting, Ready, prepare
from galviz.sky.rejected import COLUMNS, REJECTED
from galviz.sky.resample import tangent_plane

_RECORD = "reading.json"  # in the folder of a sky that is being made: how far it is
_PART, _BATCH = 4096, 64  # pictures in memory at a time, and pictures per task of a process
_FIRST = 256  # pictures of the first part: parts grow while they take less than _PART_S
_PART_S = 15.0  # seconds; about so much work is lost where the process is killed
_PART_BYTES = 2**26  # of a part as it is written: one shard of the sky, so that few are written twice
_HELD = 2**28  # bytes of encoded pictures held together


def write_pictures(
    path: str | Path,
    pictures: Pictures,
    *,
    crop: int | None = None,
    size: int | None = 68,
    workers: int = 1,
    threads: bool = False,
    skip_bad: bool = False,
    progress: Callable[[int, int], None] | None = None,
    fit: Fit = "pad",
    rejected: pd.DataFrame | None = None,
    notes: list[str] | None = None,
) -> dict[str, str]:
    """Decode, crop and shrink all pictures once into a sky on disk. Memory does not grow with N.

    The sky has one byte per pixel. If any picture has grey pixels with more than 8 bits, and of scientific images, it
    has float32.

    If the process is killed or fails, the same call goes on where it stopped: what is done is kept in the hidden folder
    ``.<name>.reading`` beside `path`.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    pictures : Pictures
    crop, size : int
        The square of `crop` pixels in the middle of each picture is kept and made `size` pixels wide; `crop` is
        `pictures.crop` by default, 0 keeps all. With None, `size` is `pictures.size`.
    workers : int
        Number of processes. They are spawned, so a script that uses more than one needs the usual
        ``if __name__ == "__main__":``.
    threads : bool
        Use threads instead of processes.
    skip_bad : bool
        Leave out pictures that cannot be read, instead of stopping at the first.
    progress : callable, optional
        Called with (pictures read, N) as they come. It starts again where a later picture is the first that needs
        coverage, or more than 8 bits.
    fit : {"pad", "crop"}
        Makes a square of a picture that is none, where `crop` is 0: "pad" adds pixels that are 0 and not covered,
        "crop" keeps the square in the middle. Nothing is stretched.
    rejected : pandas.DataFrame, optional
        What was left out before: columns object_id, file, reason. It is kept in `REJECTED`, with the pictures that
        cannot be read.
    notes : list of str, optional
        Gets what is worth knowing about the pictures, instead of warnings.

    Returns
    -------
    dict of str to str
        The objects left out, and why.

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists; if a picture cannot be read, naming its object, or none can.
    RuntimeError
        If another process makes the same sky.

    Warns
    -----
    UserWarning
        How many pictures were not square, and how many lose bits.
    """
    path, crop = Path(path), pictures.crop if crop is None else crop
    if size is None:
        size = min(crop, pictures.size) if crop and pictures.size else pictures.size
    if path.exists():
        raise FileExistsError(f"path: expected a new folder, got {path}, which exists. Choose another, or remove it.")
    check_fit(fit)
    check_ids(pictures.catalogue.index)
    aside = path.with_name(f".{path.name}.reading")
    scientific = pictures.box is not None
    how = Cutting(crop, size, fit, pictures.box or (0, 0), len(pictures.bands), flux=pictures.unit != "display")
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise RuntimeError(f"out: expected a sky that nobody makes, got {path}. Wait for the other process.") from None
    try:
        writer = _Writer(aside, pictures, _digest(pictures, how), scientific)
        if writer.start and notes is not None:
            notes.append(
                f"{writer.start:,} of {len(pictures.catalogue):,} were read by an earlier run: it goes on there"
            )
        with _pool(workers, threads=threads) as pool:
            run = partial(map if pool is None else pool.map, partial(prepare, how=how))
            list(run([[]] * workers))  # the start of the processes is no measure of how long a part takes
            while not _write(writer, run, skip_bad=skip_bad, progress=progress):
                pass
        if not aside.exists():
            raise ValueError(f"images: expected pictures that can be read, got none of {len(pictures.catalogue)}.")
        _keep_rejected(aside, writer.written.bad, rejected)
        (aside / _RECORD).unlink(missing_ok=True)
        aside.rename(path)
    finally:
        lock.release()
        Path(lock.lock_file).unlink(missing_ok=True)
    written, count = writer.written, len(pictures.catalogue)
    if notes is None:
        for note in written.warnings(count, fit, scientific=scientific):
            warnings.warn(note, stacklevel=2)
    else:
        notes += [*written.warnings(count, fit, scientific=scientific), *written.remarks(count, wcs=pictures.wcs)]
    return {name: why for name, (_, why) in written.bad.items()}


@dataclass
class _Written:
    """What became of the pictures: their number, and those that were left out, by object_id: file and reason."""

    bad: dict[str, tuple[str, str]] = field(default_factory=dict)
    resized: int = 0
    rounded: int = 0
    grey: int = 0
    empty: int = 0
    no_wcs: int = 0

    def add(self, other: "_Written") -> None:
        self.bad |= {name: tuple(why) for name, why in other.bad.items()}
        for name in ("resized", "rounded", "grey", "empty", "no_wcs"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def warnings(self, count: int, fit: Fit, *, scientific: bool) -> list[str]:
        """Return what was done to pictures that are not as the others."""
        done = "padded with pixels that are not covered" if fit == "pad" else "cropped"
        resized = f"pictures are not square: {done}"
        if scientific:
            resized = "cutouts have another size: cut, or padded with pixels that are not covered"
        found = ((self.resized, resized), (self.rounded, "pictures have colours of 16 bits: read with 8 bits"))
        return [f"{n:,} of {count:,} {what}" for n, what in found if n]

    def remarks(self, count: int, *, wcs: bool) -> list[str]:
        """Return what else is worth knowing."""
        found = (
            (self.grey % (count - len(self.bad) or 1), "pictures are grey: red, green and blue are the same in them"),
            (self.empty, "cutouts have pixels that are NaN or infinite: 0 and not covered"),
            (self.no_wcs * wcs, "cutouts have no coordinates (WCS): none of this sky are kept"),
        )
        return [f"{n:,} of {count:,} {what}" for n, what in found if n]


class _Form(NamedTuple):
    """Storage format of a sky, which is fixed by its first part."""

    coverage: bool = False
    deep: bool = False


class _Writer:
    """A sky that is being made in the folder `path`, part by part, and how far it is."""

    def __init__(self, path: Path, pictures: Pictures, request: str, scientific: bool) -> None:  # noqa: FBT001
        self.path, self.pictures, self.request = path, pictures, request
        self.form = _Form(deep=scientific)
        self.start, self.written, self._pending, self._steps = 0, _Written(), _Written(), []
        self.part = self._wanted = _FIRST
        self._resume()

    def again(self, form: _Form) -> None:
        """Begin again in another form."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.form, self.start = form, 0
        self.written, self._pending, self._steps = _Written(), _Written(), []

    def add(self, ready: dict[int, Ready], of_part: _Written, stop: int) -> None:
        """Append the objects of a part, by row, that ends before row `stop`."""
        self.written.add(of_part)
        self._pending.add(of_part)
        if ready:
            # A step counts once its last object is in the sky: the record may be one step ahead of it.
            self._steps.append({"last": max(ready), "stop": stop, **asdict(self._pending)})
            self._pending = _Written()
            if self.path.exists():
                self._record()
                CutoutSet.append(self.path, self._cutouts(ready))
            else:
                self._cutouts(ready).save(self.path)
                self._record()
        self.start = stop

    def next_part(self, seconds: float, shard: int) -> None:
        """Set the length of the next part from the time that the last one took; it ends with a shard at the latest."""
        grown = self._wanted * 2 if seconds < _PART_S / 2 else self._wanted
        grown = grown if seconds < 4 * _PART_S else grown // 2
        self._wanted = max(1, min(grown, _PART, shard))
        self.part = min(self._wanted, shard - self.start % shard)

    def _record(self) -> None:
        write_json(self.path / _RECORD, {"request": self.request, "form": list(self.form), "steps": self._steps})

    def _resume(self) -> None:
        """Go on with the same request where it stopped; remove what is left of another one."""
        if not self.path.exists():
            return
        try:
            record, saved = read_json(self.path / _RECORD), CutoutSet.open(self.path).object_ids
            last = self.pictures.catalogue.index.get_loc(saved[-1])
            same = record["request"] == self.request
            steps = [step for step in record["steps"] if step["last"] <= last] if same else []
            done = [_Written(**{k: v for k, v in step.items() if k not in ("last", "stop")}) for step in steps]
            form, start = _Form(*record["form"]), steps[-1]["stop"]
        except (OSError, ValueError, KeyError, IndexError, TypeError):
            shutil.rmtree(self.path, ignore_errors=True)
            return
        self.form, self.start, self._steps = form, start, steps
        for step in done:
            self.written.add(step)

    def _cutouts(self, ready: dict[int, Ready]) -> CutoutSet:
        rows, pictures, deep = np.array(list(ready)), self.pictures, self.form.deep
        catalogue = pictures.catalogue.iloc[rows]
        scale = np.broadcast_to(pictures.pixel_scale, len(pictures.catalogue))[rows]
        own = np.array([one.pixel_scale for one in ready.values()])
        dtype = np.dtype(np.float32 if deep else np.uint8)
        pixels = np.stack([as_dtype(one.pixels, dtype) for one in ready.values()])
        coverage = np.ones(pixels.shape, dtype=bool) if self.form.coverage else None
        for observed, one in zip(() if coverage is None else coverage, ready.values(), strict=coverage is not None):
            observed[:] = True if one.covered is None else one.covered
        unknown = dict.fromkeys(WCS_COLUMNS, np.nan)
        wcs = [one.wcs or unknown for one in ready.values()] if pictures.wcs else None
        if wcs is not None and not {"ra", "dec"} & set(catalogue.columns):
            middle_x, middle_y = (pixels.shape[3] - 1) / 2, (pixels.shape[2] - 1) / 2
            places = [
                (np.nan, np.nan) if row is unknown else tangent_plane(row).wcs_pix2world(middle_x, middle_y, 0)
                for row in wcs
            ]
            ra, dec = np.array(places, dtype=float).T
            catalogue = catalogue.assign(ra=ra, dec=dec)
        return CutoutSet(
            images=LazyRows(pixels, levels=None if deep else 255),
            coverage=coverage,
            catalogue=catalogue,
            pixel_scale=np.where(np.isnan(scale), own, scale) * np.array([one.zoom for one in ready.values()]),
            origin=pictures.origin,
            bands=pictures.bands,
            unit=pictures.unit,
            wcs=None if wcs is None else pd.DataFrame(wcs, catalogue.index),
            checked=True,
        )


def _write(
    writer: _Writer,
    run: Callable[[list[list[Raw]]], Iterator[list[Ready | str]]],
    *,
    skip_bad: bool,
    progress: Callable[[int, int], None] | None,
) -> bool:
    """Write all pictures. If a later part needs a wider form, make ready for that form and return False."""
    ids, first = writer.pictures.catalogue.index, writer.start
    if first and progress is not None:
        progress(first, len(ids))
    for part in _parts(islice(writer.pictures.read(), first, None), writer):
        began, start, done = monotonic(), writer.start, []
        for batch in run([part[k : k + _BATCH] for k in range(0, len(part), _BATCH)]):
            done += batch
            if progress is not None:
                progress(start + len(done), len(ids))
        if start + len(done) > len(ids):
            break  # named below
        failed = {ids[start + k]: (_file(part[k]), why) for k, why in enumerate(done) if isinstance(why, str)}
        if failed and not skip_bad:
            name, (_, why) = next(iter(failed.items()))
            raise ValueError(f"images: {name}: {why} Or leave such objects out: skip_bad.")
        ready = {start + k: one for k, one in enumerate(done) if not isinstance(one, str)}
        form = _Form(
            writer.form.coverage or any(one.covered is not None for one in ready.values()),
            writer.form.deep or any(one.pixels.dtype != np.uint8 for one in ready.values()),
        )
        if form != writer.form and writer.path.exists():
            writer.again(form)
            return False
        writer.form = form
        counts = {name: sum(getattr(one, name) for one in ready.values()) for name in ("resized", "rounded", "grey")}
        empty, no_wcs = (sum(f(one) for one in ready.values()) for f in (lambda o: o.empty, lambda o: o.wcs is None))
        writer.add(ready, _Written(failed, **counts, empty=empty, no_wcs=no_wcs), start + len(part))
        held = max((one.pixels.nbytes for one in ready.values()), default=1)
        writer.next_part(monotonic() - began, shard=max(1, _PART_BYTES // held))
    if writer.start != len(ids):
        raise ValueError(f"images: expected a picture for each of {len(ids):,} objects, got {writer.start:,}.")
    return True


def _parts(raws: Iterator[Raw], writer: _Writer) -> Iterator[list[Raw]]:
    """Yield groups of pictures that fit in memory, whatever their size."""
    part, held = [], 0
    for raw in raws:
        part.append(raw)
        held += len(raw) if isinstance(raw, bytes) else getattr(getattr(raw, "pixels", raw), "nbytes", 0)
        if len(part) >= min(writer.part, _PART) or held >= _HELD:
            yield part
            part, held = [], 0
    if part:
        yield part


def _pool(workers: int, *, threads: bool) -> AbstractContextManager[Executor | None]:
    if workers < 2:
        return nullcontext()
    if threads:
        return ThreadPoolExecutor(workers)
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """End this process when its parent is killed; otherwise it would wait for more work for ever."""

    def wait() -> None:
        parent_process().join()
        os._exit(1)

    Thread(target=wait, daemon=True).start()


def _digest(pictures: Pictures, how: Cutting) -> str:
    """Return a digest of what is to be made, so that only the same request goes on with what is there."""
    about = (pictures.origin, pictures.bands, pictures.unit, pictures.wcs, how, list(map(str, pictures.catalogue)))
    digest = hashlib.sha256(repr(about).encode())
    digest.update(pd.util.hash_pandas_object(pictures.catalogue).to_numpy().tobytes())
    return digest.hexdigest()


def _file(raw: Any) -> str:
    paths = getattr(raw, "paths", (getattr(raw, "path", raw),))
    return str(paths[0]) if isinstance(paths[0], Path) else ""


def _keep_rejected(folder: Path, bad: dict[str, tuple[str, str]], before: pd.DataFrame | None) -> None:
    rows = [(name, file, why) for name, (file, why) in bad.items()]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype("str")
    table = table if before is None else pd.concat([before.astype("str"), table], ignore_index=True)
    if len(table):
        write_parquet(table, folder / REJECTED)
