"""The embedded sky: clusters of known richness, drawn in five bands, as a `CutoutSet`."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.clusters import Cluster, cluster_galaxies, draw_cluster
from galviz.sky.mock.colours import BANDS
from galviz.sky.mock.drawn import MARGIN, Drawn, describe, gather, kpc_per_arcsec, list_sources, near
from galviz.sky.mock.field import field_galaxies, stars
from galviz.sky.mock.parts import Progress, check, drawn_sky, part_of, random_of, write_drawn_sky
from galviz.sky.mock.render import add_noise, draw_images, draw_seeing

_BATCH = 4  # clusters that a worker draws between two reports
_gather = partial(gather, origin="synthetic sky")
_RA, _DEC = (120.0, 240.0), (0.0, 60.0)  # degrees: the northern galactic cap as SDSS covers it, roughly


def richness_sky(
    n: int,
    *,
    size: int = 64,
    side_mpc: float = 1.0,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> CutoutSet:
    """Draw clusters whose redshifts and richnesses follow the real redMaPPer catalogue, in memory.

    Parameters
    ----------
    n : int
        Number of clusters, N.
    size : int
        Height and width of a cutout, pixels.
    side_mpc : float
        Side of a cutout in proper Mpc at the cluster (flat ΛCDM, H0 = 70, Ωm = 0.3). With 1 Mpc about half of the
        members lie outside, as on the real sky.
    seed : int
        Cluster k depends on `seed` and k alone: the same seed gives the same sky, bit for bit, on any number of
        workers, and a longer sky begins with the shorter one.
    workers : int
        Number of processes. They are spawned, so a script that uses more than one needs the usual
        ``if __name__ == "__main__":``.
    progress : callable, optional
        Called with (clusters drawn, n) as they come.

    Returns
    -------
    CutoutSet
        Images (N, 5, size, size) in nanomaggies, bands u g r i z. Catalogue: richness (members brighter than 0.2 L*
        inside R_λ), richness_drawn (the expected number it was drawn from), z, ra, dec (degrees), r_lambda (Mpc),
        mag_limit_i (0.2 L*), bcg_mag_i. Sources: every galaxy and star inside a cutout, with kind, p_mem (1 for
        members), red_sequence, z and mag_u … mag_z.

    Raises
    ------
    ValueError
        If a number is out of range.

    References
    ----------
    Rykoff et al. (2014), ApJ 785, 104; Rykoff et al. (2016), ApJS 224, 1; Rowe et al. (2015), A&C 10, 121 (GalSim).
    """
    check(n=n, size=size, side_mpc=side_mpc, workers=workers, seed=seed)
    draw = partial(_draw, seed=seed, size=size, side_mpc=side_mpc)
    return drawn_sky(n, draw, _gather, batch=_BATCH, workers=workers, progress=progress)


def write_richness_sky(
    path: str | Path,
    n: int,
    *,
    size: int = 64,
    side_mpc: float = 1.0,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw the sky of `richness_sky` into a folder, in parts of 64 MB: memory does not grow with n.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n, size, side_mpc, seed, workers, progress
        As in `richness_sky`.

    Returns
    -------
    Path
        The folder, for `CutoutSet.open`.

    Raises
    ------
    FileExistsError
        If the folder already exists.
    ValueError
        If a number is out of range.
    """
    check(n=n, size=size, side_mpc=side_mpc, workers=workers, seed=seed)
    draw = partial(_draw, seed=seed, size=size, side_mpc=side_mpc)
    more = {"part": part_of(len(BANDS), size), "batch": _BATCH, "workers": workers, "progress": progress}
    return write_drawn_sky(path, n, draw, _gather, **more)


def _draw(numbers: range, *, seed: int, size: int, side_mpc: float) -> list[Drawn]:
    """Draw the clusters with these numbers, each with its own random generator."""
    return [_draw_one(number, seed, size, side_mpc) for number in numbers]


def _draw_one(number: int, seed: int, size: int, side_mpc: float) -> Drawn:
    rng = random_of(seed, number)
    cluster = draw_cluster(rng)
    kpc = kpc_per_arcsec(cluster.z)
    side = 1000 * side_mpc / kpc
    scale = side / size
    scene = _scene(cluster, kpc, side, rng)
    fwhm, noise = draw_seeing(rng)
    image = add_noise(draw_images(scene, (size, size), scale, fwhm), scale, rng, noise)
    ra, dec = rng.uniform(*_RA), np.degrees(np.arcsin(rng.uniform(*np.sin(np.radians(_DEC)))))
    row = describe(cluster, scene, ra, dec)
    object_id = f"mock-{seed}-{number:06d}"
    plane = _tan(ra, dec, scale, size)
    return Drawn(object_id, image, row, scale, plane, list_sources(scene, object_id, scale, size))


def _scene(cluster: Cluster, kpc: float, side: float, rng: np.random.Generator) -> pd.DataFrame:
    """Return cluster, field galaxies and stars inside the cutout and its margin."""
    wide = side + 2 * MARGIN
    tables = [cluster_galaxies(cluster, kpc, rng), field_galaxies(wide, rng), stars(wide, rng)]
    return near(pd.concat(tables, ignore_index=True), wide)


def _tan(ra: float, dec: float, scale: float, size: int) -> dict[str, float]:
    """Return the tangent plane of a cutout with north up and east to the left."""
    step, centre = scale / 3600, (size + 1) / 2
    values = (ra, dec, centre, centre, -step, 0.0, 0.0, step)
    return dict(zip(WCS_COLUMNS, values, strict=True))
