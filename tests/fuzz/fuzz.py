"""Damaged files for every reader: each is refused by an error of ours, or read. None hangs or takes all memory.

``python tests/fuzz/fuzz.py [--n 2000] [--seed 0]`` prints a JSON line a reader, and one of folders with one bad file
among ten good ones. The suite tries 200 inputs (test_fuzz.py).
"""

import argparse
import json
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]
from mutate import mutated  # noqa: E402
from readers import FOLDERS, READERS, Folder, Reader, alike  # noqa: E402

SECONDS = 20  # that one input may take on a slow machine
GIB = 4  # of address space that may be added


@dataclass
class Outcome:
    """What became of the inputs of one reader.

    `changed` counts accepted inputs whose values differ from those of the undamaged file: a digit that was changed in a
    text cannot be told from another number, but where there are checksums there must be none.
    """

    reader: str
    tried: int = 0
    refused: int = 0
    accepted: int = 0
    changed: int = 0
    seconds: float = 0.0
    uncaught: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        return vars(self) | {"seconds": round(self.seconds, 1), "uncaught": len(self.uncaught)}


class Hang(BaseException):
    """Raised in the middle of what takes too long."""


def fuzz(readers: dict[str, Reader], count: int, seed: int, folder: Path) -> list[Outcome]:
    """Try `count` damaged inputs, shared among the readers in turn."""
    outcomes = []
    for number, (name, reader) in enumerate(readers.items()):
        place = folder / name.replace(" ", "-")
        place.mkdir(parents=True)
        target = reader.make(place)
        with limited():
            expected = reader.read(target)
        outcome = Outcome(name)
        for k in range(number, count, len(readers)):
            rng = np.random.default_rng([seed, number, k])
            files = [target] if target.is_file() else sorted(file for file in target.rglob("*") if file.is_file())
            victim = files[int(rng.integers(len(files)))]
            content = victim.read_bytes()
            victim.write_bytes(mutated(content, rng))
            start = time.perf_counter()
            try:
                with limited():
                    same = alike(reader.read(target), expected)
                outcome.accepted += 1
                outcome.changed += not same
            except (ValueError, OSError) as error:
                outcome.refused += 1
                if not str(error):
                    outcome.uncaught.append(f"{name} {k}: {type(error).__name__} without a word")
            except (Exception, Hang) as error:  # noqa: BLE001 - what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                outcome.uncaught.append(f"{name} {k} {victim.name}: {error!r:.200} in {where.filename}:{where.lineno}")
            outcome.seconds = max(outcome.seconds, time.perf_counter() - start)
            outcome.tried += 1
            victim.write_bytes(content)
        outcomes.append(outcome)
    return outcomes


def fuzz_folders(folders: dict[str, Folder], count: int, seed: int, place: Path) -> dict[str, tuple[int, int]]:
    """Put one bad file among ten good ones, and count the folders of which all good ones were read."""
    result = {}
    for number, (name, kind) in enumerate(folders.items()):
        made = place / f"folder-{number}"
        made.mkdir(parents=True)
        victims = kind.make(made)
        whole = tried = 0
        for k in range(number, count, len(folders)):
            rng = np.random.default_rng([seed, 99, number, k])
            victim = victims[int(rng.integers(len(victims)))]
            content = victim.read_bytes()
            victim.write_bytes(mutated(content, rng))
            try:
                with limited():
                    whole += kind.read(made, victim)
            except (Exception, Hang):  # noqa: BLE001 - counted as not read, and shown
                traceback.print_exc()
            victim.write_bytes(content)
            tried += 1
        result[name] = (whole, tried)
    return result


class limited:  # noqa: N801 - reads as a statement
    """A block that may take `SECONDS` and `GIB` more, without warnings."""

    def __enter__(self) -> None:
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        self._limit = resource.getrlimit(resource.RLIMIT_AS)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + GIB * 2**30
        resource.setrlimit(resource.RLIMIT_AS, (most, self._limit[1]))
        signal.signal(signal.SIGALRM, _hang)
        signal.alarm(SECONDS)

    def __exit__(self, *error: object) -> None:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_AS, self._limit)
        self._warnings.__exit__(*error)


def _hang(*_: object) -> None:
    raise Hang(f"more than {SECONDS} s")


def lines(outcomes: list[Outcome], folders: dict[str, tuple[int, int]]) -> Iterator[str]:
    """A JSON line a reader, one of all, and one of the folders."""
    total = Counter()
    for outcome in outcomes:
        yield json.dumps(outcome.row())
        total.update({name: value for name, value in outcome.row().items() if name not in ("reader", "seconds")})
    yield json.dumps({"reader": "all", **total})
    whole, tried = (sum(pair[k] for pair in folders.values()) for k in (0, 1))
    yield json.dumps({"folders with one bad file": tried, "all ten good ones read": whole, "by kind": folders})


def main() -> None:
    """Try and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--readers", nargs="*", default=list(READERS), help="names, all by default")
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="galviz-fuzz-"))
    try:
        outcomes = fuzz({name: READERS[name] for name in args.readers}, args.n, args.seed, place)
        folders = fuzz_folders(FOLDERS, min(args.n, 200), args.seed, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    print(*lines(outcomes, folders), sep="\n")
    for outcome in outcomes:
        print(*outcome.uncaught, sep="\n", end="\n" if outcome.uncaught else "", file=sys.stderr)
    sys.exit(any(outcome.uncaught for outcome in outcomes) or any(whole < tried for whole, tried in folders.values()))


if __name__ == "__main__":
    main()
