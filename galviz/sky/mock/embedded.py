"""Synthetic clusters in real SDSS frames: only the cluster is drawn, everything else was observed."""

from collections.abc import Sequence
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np

from galviz.sky.mock.clusters import cluster_galaxies, draw_cluster
from galviz.sky.mock.colours import BANDS
from galviz.sky.mock.drawn import MARGIN, Drawn, describe, gather, kpc_per_arcsec, list_sources, near
from galviz.sky.mock.ground import Ground, cut, survey_ground
from galviz.sky.mock.parts import Progress, check, part_of, random_of, write_drawn_sky
from galviz.sky.mock.render import FWHM, add_noise, draw_images
from galviz.sky.readers.seeing import star_widths
from galviz.sky.readers.shelf import Shelf

ORIGIN = "synthetic clusters in real SDSS frames"
"""Origin of such a sky, as pages show it."""

_BATCH = 8  # clusters that follow each other lie in one field, so that a field is read once for all of them
_HELD = 8  # fields that a worker keeps in memory


def write_embedded_sky(
    path: str | Path,
    n: int,
    frames: str | Path | Sequence[str | Path],
    *,
    size: int = 64,
    side_mpc: float = 1.0,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw clusters of known richness into real frames, and write the cutouts into a folder.

    Redshift, richness and galaxies of a cluster are drawn as in `galviz.sky.mock.richness_sky`, blurred with the width
    that the stars of the field have in each band (`galviz.sky.readers.seeing.star_widths`; SDSS's medians where too few
    stars stand out), and given the photon noise of their own light (SDSS's median gains). Everything else is observed:
    noise, stars, galaxies, defects. Position and orientation on the sky are random (one of eight orientations along the
    rows of the frame: rotations by 90° and mirror images). The frame is resampled as in `galviz.sky.readers.sdss`. If a
    cutout crosses the edge of a frame, overlapping frames fill in.

    A cutout must fit into its field. So a field only takes clusters above the redshift at which a cutout of `side_mpc`
    fits (column ``z_nearest``; 1 Mpc is as wide as one SDSS frame at z = 0.095); nearer clusters are drawn again. Eight
    consecutive clusters lie in one field, so N should be at least 8 times the number of fields.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n : int
        Number of clusters, N.
    frames : path or sequence of them
        Folders with the corrected frames, five bands, of any number of fields in or below them.
    size : int
        Height and width of a cutout, pixels.
    side_mpc : float
        Side of a cutout in proper Mpc at the cluster (flat ΛCDM, H0 = 70, Ωm = 0.3).
    seed : int
        Cluster k depends on `seed`, k and the frames alone, bit for bit, on any number of workers.
    workers : int
        Processes that draw, spawned; each keeps up to 8 fields of 61 MB in memory.
    progress : callable, optional
        Called with (clusters drawn, n) as they come.

    Returns
    -------
    Path
        The folder, for `CutoutSet.open`: images (N, 5, size, size) in nanomaggies. The catalogue has the columns of
        `richness_sky`, with ``ra`` and ``dec`` of the piece of sky, and ``field``; ``group``, which fields that share
        sky have in common, so that folds keep them together; ``z_nearest``; ``fwhm_u`` … ``fwhm_z`` (arcsec). Sources
        lists the drawn galaxies alone.

    Raises
    ------
    FileExistsError
        If the folder already exists.
    FileNotFoundError
        If there is no frame.
    OSError
        If a frame is damaged, naming it.
    ValueError
        If a number is out of range, a field lacks a band, or is too small for the side.
    """
    check(n=n, size=size, side_mpc=side_mpc, workers=workers, seed=seed)
    folders = tuple(map(str, [frames] if isinstance(frames, str | Path) else frames))
    ground = survey_ground(Shelf(folders), side_mpc)
    draw = partial(_draw, folders=folders, ground=ground, seed=seed, size=size, side_mpc=side_mpc)
    more = {"part": part_of(len(BANDS), size), "batch": _BATCH, "workers": workers, "progress": progress}
    try:
        return write_drawn_sky(path, n, draw, partial(gather, origin=ORIGIN), **more)
    finally:
        _shelf.cache_clear()
        _widths.cache_clear()


def _draw(
    numbers: range, *, folders: tuple[str, ...], ground: Ground, seed: int, size: int, side_mpc: float
) -> list[Drawn]:
    """Draw the clusters with these numbers, each with its own random generator."""
    return [_draw_one(number, folders, ground, seed=seed, size=size, side_mpc=side_mpc) for number in numbers]


def _draw_one(number: int, folders: tuple[str, ...], ground: Ground, *, seed: int, size: int, side_mpc: float) -> Drawn:
    rng = random_of(seed, number)
    home = number // _BATCH % len(ground.names)
    cluster = draw_cluster(rng, ground.nearest[home])
    kpc = kpc_per_arcsec(cluster.z)
    side = 1000 * side_mpc / kpc
    scale = side / size
    background, plane = cut(_shelf(folders), ground.near[home], side, size, rng)
    scene = near(cluster_galaxies(cluster, kpc, rng), side + 2 * MARGIN)
    widths = _widths(folders, home)
    light = draw_images(scene, (size, size), scale, widths)
    image = background + add_noise(light, scale, rng, noise=np.zeros(len(BANDS)))
    row = describe(cluster, scene, plane["crval1"], plane["crval2"])
    row |= {"field": ground.names[home], "group": ground.groups[home], "z_nearest": ground.nearest[home]}
    row |= {f"fwhm_{band}": width for band, width in zip(BANDS, widths, strict=True)}
    object_id = f"embedded-{seed}-{number:06d}"
    return Drawn(object_id, image, row, scale, plane, list_sources(scene, object_id, scale, size))


@lru_cache(maxsize=1)
def _shelf(folders: tuple[str, ...]) -> Shelf:
    """Return the fields, cached in this process."""
    return Shelf(folders, held=_HELD)


@cache
def _widths(folders: tuple[str, ...], k: int) -> np.ndarray:
    """Measure the point-spread functions of field k once in this process; shape (5,), arcsec."""
    measured = star_widths(_shelf(folders).field(k))
    return np.where(np.isfinite(measured), measured, FWHM)
