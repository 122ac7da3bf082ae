"""What all tests share: the real data where it is at hand, a tiny sky, and a home of their own."""

import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import cache_from_source
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

from galviz.sky.cutouts import CutoutSet

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BITS = 64  # an id of 19 digits as 8×8 pixels

settings.register_profile("shared", deadline=None)  # on a shared machine, how long an example takes says nothing
settings.load_profile("shared")

# Where packages were installed without bytecode and Python is told to write none, each process that a test starts
# would compile thousands of files anew (half of its time): let them keep it in a folder of the tests.
if sys.dont_write_bytecode and not Path(cache_from_source(pytest.__file__)).exists():
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(Path(__file__).resolve().parents[1] / ".pytest_cache" / "bytecode")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix


def burn(image: np.ndarray, object_id: str) -> None:
    """Write an id of digits into the first 8×8 pixels of every band of (B, H, W): 1 for a set bit, else 0."""
    bits = [int(object_id) >> k & 1 for k in range(BITS)]
    image[:, :8, :8] = np.reshape(bits, (8, 8))


def burned(image: np.ndarray) -> str:
    """Read the id that `burn` wrote into (B, H, W)."""
    bits = image[0, :8, :8].reshape(-1) > 0.5
    return str(sum(1 << k for k in range(BITS) if bits[k]))


def make_tiny_sky(
    rows: int = 12, first: int = 1237658493878337640, size: int = 16, *, coverage: bool = False
) -> CutoutSet:
    """Draw objects whose id is burned into their picture and whose flux follows their richness."""
    rng = np.random.default_rng(first % 2**32)
    ids = [str(first + k) for k in range(rows)]
    richness = np.exp(rng.normal(3.57, 0.4, rows))
    images = rng.normal(0, 0.02, (rows, 5, size, size)).astype(np.float32)
    images[:, :, 8:, 8:] += (0.01 * richness[:, None] * [0.1, 0.5, 1.0, 1.4, 1.6])[:, :, None, None].astype(np.float32)
    for image, object_id in zip(images, ids, strict=True):
        burn(image, object_id)
    covered = np.ones(images.shape, dtype=bool)
    covered[:, :, :, -1] = not coverage
    images[~covered] = 0
    catalogue = pd.DataFrame(
        {"richness": richness, "z": rng.uniform(0.1, 0.3, rows)}, index=pd.Index(ids, name="object_id")
    )
    return CutoutSet(
        images=images,
        bands=("u", "g", "r", "i", "z"),
        catalogue=catalogue,
        pixel_scale=0.396,
        unit="nanomaggy",
        coverage=covered if coverage else None,
        origin="synthetic sky",
        survey="sdss",
    )


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; the test is skipped where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real data are not at {REAL_DATA}; they are no part of the repository")
    return REAL_DATA


@pytest.fixture(scope="session")
def make_sky() -> Callable[..., CutoutSet]:
    """Maker of small skies: ``make_sky(rows, first id, size, coverage=…)``."""
    return make_tiny_sky


@pytest.fixture(scope="session")
def tiny_sky() -> CutoutSet:
    """12 objects, 5 bands, 16×16 pixels, ids (19 digits, differing in the last ones) burned into the first 8×8."""
    return make_tiny_sky()


@pytest.fixture(scope="session")
def burned_id() -> Callable[[np.ndarray], str]:
    """Reader of the id burned into an image (B, H, W)."""
    return burned


@pytest.fixture(scope="session", autouse=True)
def galviz_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Trainings of the tests wait for each other in a line of their own."""
    queue = tmp_path_factory.mktemp("queue")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALVIZ_QUEUE", str(queue))
        yield queue


@pytest.fixture(autouse=True)
def galviz_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Skies and runs of a test live in its own folder."""
    home = tmp_path / "galviz-home"
    monkeypatch.setenv("GALVIZ_HOME", str(home))
    return home


@pytest.fixture(autouse=True)
def no_loop_left() -> Iterator[None]:
    """Close the event loops that Panel makes where none runs: their end would be held against another test."""
    policy, made = asyncio.get_event_loop_policy(), []

    def make() -> asyncio.AbstractEventLoop:
        made.append(type(policy).new_event_loop(policy))
        return made[-1]

    policy.new_event_loop = make
    yield
    del policy.new_event_loop
    for loop in {*made, getattr(policy._local, "_loop", None)} - {None}:
        if not loop.is_running():
            loop.close()
    current = getattr(policy._local, "_loop", None)
    if current is not None and current.is_closed():
        asyncio.set_event_loop(None)
