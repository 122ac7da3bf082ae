"""Drawing of synthetic skies in batches: in this process or several, in memory or in parts on disk."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

import numpy as np

from galviz.sky.cutouts import CutoutSet

Progress = Callable[[int, int], None]
Drawn = TypeVar("Drawn")
Draw = Callable[[range], list[Drawn]]
Gather = Callable[[list[Drawn]], CutoutSet]

_PART_BYTES = 64 * 2**20


def drawn_sky(
    n: int, draw: Draw, gather: Gather, *, batch: int, workers: int = 1, progress: Progress | None = None
) -> CutoutSet:
    """Return a synthetic sky, drawn in memory.

    Parameters
    ----------
    n : int
        Number of objects.
    draw : callable
        Numbers of objects -> drawn objects, each with its own random generator. It is pickled for several workers.
    gather : callable
        Drawn objects -> a `CutoutSet`.
    batch : int
        Objects that a worker draws between two progress reports.
    workers : int
        Number of processes.
    progress : callable, optional
        Called with (objects drawn, n) as they come.
    """
    with _mapper(workers) as over:
        return gather(_drawn(over, range(n), draw, batch=batch, n=n, progress=progress))


def write_drawn_sky(
    path: str | Path,
    n: int,
    draw: Draw,
    gather: Gather,
    *,
    part: int,
    batch: int,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw a sky into a folder, `part` objects at a time, so that memory does not grow with n. See `drawn_sky`.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.

    Raises
    ------
    FileExistsError
        If the folder already exists.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"path: expected a new folder, got {path}, which exists. Choose another, or remove it.")
    aside = path.with_name(f".{path.name}.{os.getpid()}.drawing")
    try:
        with _mapper(workers) as over:
            for start in range(0, n, part):
                numbers = range(start, min(start + part, n))
                sky = gather(_drawn(over, numbers, draw, batch=batch, n=n, progress=progress))
                CutoutSet.append(aside, sky) if start else sky.save(aside)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return path


def part_of(bands: int, size: int) -> int:
    """Return the number of float32 images (bands, size, size) in a part of 64 MB."""
    return max(1, _PART_BYTES // (4 * bands * size**2))


def check(**numbers: float) -> None:
    """Raise a ValueError if an argument of a synthetic sky is too small, or not an integer (`side_mpc`: a number)."""
    least = {"n": 1, "size": 8, "side_mpc": 0.1, "workers": 1, "seed": 0}
    for name, got in numbers.items():
        whole = name == "side_mpc" or isinstance(got, int | np.integer)
        if not whole or not least[name] <= got < np.inf:
            kind = "a number" if name == "side_mpc" else "a whole number"
            raise ValueError(f"{name}: expected {kind} of at least {least[name]}, got {got!r}.")


def random_of(seed: int, number: int) -> np.random.Generator:
    """Return the random generator of one object. It depends only on `seed` and the number of the object."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number,)))


def _drawn(
    over: Callable[..., Iterable[list[Drawn]]],
    numbers: range,
    draw: Draw,
    *,
    batch: int,
    n: int,
    progress: Progress | None,
) -> list[Drawn]:
    found: list[Drawn] = []
    for some in over(draw, [numbers[start : start + batch] for start in range(0, len(numbers), batch)]):
        found += some
        if progress is not None:
            progress(numbers.start + len(found), n)
    return found


@contextmanager
def _mapper(workers: int) -> Iterator[Callable]:
    """Yield ``map`` for one worker, else that of a pool. Processes are spawned: forked ones may hang with threads."""
    if workers == 1:
        yield map
    else:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool.map
