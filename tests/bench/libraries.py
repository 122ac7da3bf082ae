"""Our own code against the library that could replace it: the ratio of times, and the largest difference.

``python tests/bench/libraries.py --case polygon`` prints one JSON line a case. The two take turns; times are medians of
five. `ratio` is ours to theirs: above `limit`, or where a library has become exact, the replacement is worth a new try.
reproject and scikit-image are no dependencies: where they are not installed, their cases say so.
"""

import argparse
import io
import json
import pathlib
import tempfile
import time
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from astropy.io import fits, votable
from astropy.stats import binom_conf_interval
from astropy.table import Table
from matplotlib.path import Path
from scipy.stats import bootstrap as scipy_bootstrap

from galviz.io.formats.fits_table import card, write_image
from galviz.io.tables import read_table, write_table
from galviz.measure.inpainting import ssim
from galviz.measure.metrics import bootstrap, mae
from galviz.measure.threshold_stats import wilson
from galviz.sky.resample import resample, tangent_plane
from galviz.tools.selection.polygon import inside

RUNS, LIMIT = 5, 2.0
Case = tuple[Callable[[], object], Callable[[], object], float]  # ours, theirs, the largest difference


def catalogue(rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    columns = {"z": rng.uniform(0, 0.6, rows), "n": pd.array(rng.integers(0, 50, rows), dtype="Int64")}
    columns |= {"type": rng.choice(["spiral", "smooth", ""], rows)}
    table = pd.DataFrame(columns, index=pd.Index([str(10**18 + k) for k in range(rows)], name="object_id"))
    table.loc[table.index[::7], ["n", "type"]] = None
    return table


def written(kind: str, write: Callable[[Table, io.BytesIO], None]) -> Case:
    """The difference is the share of texts that come back from their file otherwise: missing where they were empty."""
    table = catalogue(20_000)

    def theirs() -> bytes:
        out = io.BytesIO()
        write(Table.from_pandas(table.reset_index()), out)
        return out.getvalue()

    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "theirs").write_bytes(theirs())
        again = read_table(pathlib.Path(folder) / "theirs").table["type"]
    differ = (again.isna() != table["type"].isna()) | (again.fillna("") != table["type"].fillna(""))
    return lambda: write_table(io.BytesIO(), table, kind), theirs, float(differ.mean())


def ecsv() -> Case:
    def write(table: Table, out: io.BytesIO) -> None:
        text = io.StringIO()
        table.write(text, format="ascii.ecsv", delimiter=",")
        out.write(text.getvalue().encode())

    return written("ecsv", write)


def vot() -> Case:
    return written(
        "votable", lambda table, out: votable.writeto(votable.from_table(table), out, tabledata_format="binary2")
    )


def fits_images() -> Case:
    images = np.random.default_rng(0).normal(size=(500, 5, 64, 64)).astype(np.float32)
    cards = [card("OBJECT", "1237"), card("PIXSCALE", 0.396), *(card(f"BAND{k}", b) for k, b in enumerate("ugriz", 1))]

    def ours() -> None:
        out = io.BytesIO()
        for image in images:
            write_image(out, image, cards, first=True)

    def theirs() -> None:
        out, header = io.BytesIO(), fits.Header([fits.Card.fromstring(one) for one in cards])
        for image in images:
            one = io.BytesIO()
            fits.PrimaryHDU(image, header).writeto(one)
            out.write(one.getvalue())

    return ours, theirs, 0.0


def polygon() -> Case:
    """The difference is the share of points of a grid, corners on the grid too, that are on another side."""
    rng, angle = np.random.default_rng(0), np.linspace(0, 2 * np.pi, 30, endpoint=False)
    x, y = rng.normal(size=(2, 1_000_000))
    star = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 0.3 * np.sin(5 * angle))[:, None]
    grid, corners = np.mgrid[-21.0:22, -21.0:22].reshape(2, -1), rng.integers(-20, 21, (20, 7, 2))

    def by_matplotlib(corners: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return Path(np.vstack([corners, corners[:1]]), closed=True).contains_points(np.column_stack([x, y]))

    differ = [inside(*grid, one) != by_matplotlib(one, *grid) for one in corners]
    return lambda: inside(x, y, star), lambda: by_matplotlib(star, x, y), float(np.mean(differ))


def intervals() -> Case:
    """The difference is the share of n for which the interval of 0 of n does not contain 0."""
    rng = np.random.default_rng(0)
    n = rng.integers(1, 1000, 100_000)
    k = (n * rng.random(100_000)).astype(int)
    rounded = binom_conf_interval(0 * n, n, 0.95, interval="wilson")[0] > 0
    return lambda: wilson(k, n), lambda: binom_conf_interval(k, n, 0.95, interval="wilson"), float(rounded.mean())


def resamples() -> Case:
    truth, noise = np.random.default_rng(0).normal(size=(2, 100_000))
    estimate = truth + noise / 10

    def theirs() -> object:
        more = {"paired": True, "vectorized": False, "method": "percentile", "rng": 0, "batch": 1}
        return scipy_bootstrap((truth, estimate), mae, n_resamples=100, **more).confidence_interval

    found = bootstrap(mae, truth, estimate, n=100)
    return lambda: bootstrap(mae, truth, estimate, n=100), theirs, float(abs(found.low - theirs().low))


def similarity() -> Case:
    from skimage.metrics import structural_similarity

    truth, noise = np.random.default_rng(0).normal(size=(2, 500, 64, 64))
    estimate = truth + 0.3 * noise

    def theirs() -> np.ndarray:
        more = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
        return np.array(
            [structural_similarity(t, e, data_range=np.ptp(t), **more) for t, e in zip(truth, estimate, strict=True)]
        )

    return lambda: ssim(truth, estimate), theirs, float(np.abs(ssim(truth, estimate) - theirs()).max())


def overlap() -> Case:
    from reproject import reproject_exact

    image, turn = np.random.default_rng(2).exponential(size=(200, 200)), np.radians(30)
    middle = {"crval1": 180.0, "crval2": 30.0, "cd1_1": -1e-4, "cd1_2": 0.0, "cd2_1": 0.0, "cd2_2": 1e-4}
    turned = {"cd1_1": -1e-4 * np.cos(turn), "cd1_2": 1e-4 * np.sin(turn)}
    turned |= {"cd2_1": turned["cd1_2"], "cd2_2": -turned["cd1_1"]}
    source = tangent_plane(middle | {"crpix1": 100.5, "crpix2": 100.5})
    target = tangent_plane(middle | turned | {"crpix1": 32.2, "crpix2": 32.3})

    def theirs() -> np.ndarray:
        return reproject_exact((image, source), target, shape_out=(64, 64), parallel=False)[0]

    flux = resample(image, source, target, (64, 64))[0]
    return (lambda: resample(image, source, target, (64, 64))), theirs, float(np.abs(flux - theirs()).max())


CASES = {
    "ecsv-2e4": ecsv, "votable-2e4": vot, "fits-images-500": fits_images, "polygon-1e6": polygon,
    "wilson-1e5": intervals, "bootstrap-1e5": resamples, "ssim-500": similarity, "reproject-64": overlap,
}  # fmt: skip


def main(case: str) -> dict:
    try:
        *both, difference = CASES[case]()
    except ImportError as error:
        return {"bench": "libraries", "case": case, "not_run": str(error)}
    times = []
    for _ in range(RUNS + 1):
        for run in both:
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
    ours, theirs = np.median(np.reshape(times, (-1, 2))[1:], axis=0)
    found = {"ours_s": round(ours, 5), "theirs_s": round(theirs, 5), "ratio": round(ours / theirs, 3), "limit": LIMIT}
    return {"bench": "libraries", "case": case} | found | {"difference": float(f"{difference:.2g}")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=CASES, help="one case (default: all)")
    chosen = parser.parse_args().case
    warnings.simplefilter("ignore")  # astropy's, of names and units
    for name in [chosen] if chosen else CASES:
        print(json.dumps(main(name)), flush=True)
