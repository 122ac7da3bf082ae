"""The synthetic sky of Galaxy Zoo: colour pictures of galaxies of known kinds, with votes.

GalSim has no spiral arms, bars, tails and dust lanes. So light is painted on a grid twice as fine as the pixels, and
convolved with GalSim's Moffat profile.
"""

from pathlib import Path

import galsim
import numpy as np
from scipy.fft import irfft2, rfft2

from galviz.sky.galaxy_zoo import COLUMNS
from galviz.sky.mock.morphology import DUST, OLD, YOUNG, Galaxy, cast_votes, draw_galaxy, fractions
from galviz.sky.mock.parts import Progress
from galviz.sky.mock.pictures import Row, shown, write_pictures

_FINE = 2
_BATCH = 16  # galaxies that a worker draws between two reports
_FWHM = 1.3 / 68  # of the image's side
_ALONG = np.linspace(0.4, 1, 12)  # the spots of a tidal tail


def write_mergers_sky(
    path: str | Path,
    n: int,
    *,
    size: int = 68,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw galaxies of all kinds, mergers among them, with votes that follow Galaxy Zoo's tree, into a folder.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n : int
        Number of galaxies.
    size : int
        Height and width, pixels.
    seed : int
        Galaxy k depends on `seed` and k alone: the same on any number of workers, and a longer sky begins with the
        shorter one.
    workers : int
        Processes that draw, spawned as in `galviz.sky.mock.sky.richness_sky`.
    progress : callable, optional
        Called with (galaxies drawn, n) as they come.

    Returns
    -------
    Path
        The folder, for `CutoutSet.open`: images (N, 3, size, size) of one byte a pixel, unit ``"display"``. Catalogue:
        the 37 vote fractions, is_merger (the truth), kind, redshift, radius (pixels), colour (red minus blue,
        magnitudes), magnitude (no zero point), voters.

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists, or a number is out of range.
    """
    more = {"size": size, "seed": seed, "workers": workers, "progress": progress}
    return write_pictures(path, n, draw_one, "zoo", batch=_BATCH, **more)


def draw_one(rng: np.random.Generator, size: int) -> tuple[np.ndarray, Row]:
    """Draw a galaxy: its picture, uint8 (3, size, size), and its row of the catalogue."""
    galaxy, voters = draw_galaxy(rng), int(rng.integers(30, 61))
    votes = cast_votes(fractions(galaxy, size), voters, rng)
    light = paint(galaxy, size, rng)
    flux = light.sum(axis=(1, 2))
    row = dict(zip(COLUMNS, votes, strict=True)) | {
        "is_merger": galaxy.kind == "merger",
        "kind": galaxy.kind,
        "redshift": galaxy.z,
        "radius": galaxy.radius * size,
        "colour": -2.5 * np.log10(flux[2] / flux[0]),
        "magnitude": -2.5 * np.log10(flux.mean()),
        "voters": voters,
    }
    return shown(light, rng), row


def paint(galaxy: Galaxy, size: int, rng: np.random.Generator) -> np.ndarray:
    """Paint a galaxy and what lies around it, blurred, without noise.

    Returns
    -------
    numpy.ndarray of float64, shape (3, size, size)
        Red, green and blue light; about 1 at the centre of a typical galaxy.
    """
    fine = size * _FINE
    step = (np.arange(fine) - (fine - 1) / 2) / fine
    x, y = np.meshgrid(step, step)
    light = _artefact(x, y, galaxy, rng) if galaxy.kind == "artefact" else _scene(x, y, galaxy, rng)
    for _ in range(rng.poisson(1.2)):  # small, far galaxies and stars
        place, width = rng.uniform(-0.5, 0.5, 2), rng.uniform(0.006, 0.016)
        colour = OLD + rng.uniform(-0.2, 1.2) * (YOUNG - OLD)
        light += rng.uniform(0.1, 0.8) * colour[:, None, None] * _spot(x, y, place, width)
    blurred = irfft2(rfft2(light) * _blur(fine), s=(fine, fine))
    return galaxy.brightness * blurred.reshape(3, size, _FINE, size, _FINE).mean(axis=(2, 4)).clip(1e-9)


def _scene(x: np.ndarray, y: np.ndarray, galaxy: Galaxy, rng: np.random.Generator) -> np.ndarray:
    """Paint a galaxy, its companion, tails and bridge."""
    g, merges = galaxy, galaxy.kind == "merger"
    distance, where, share, ratio = g.companion
    apart = distance * g.radius * np.array([np.cos(where), np.sin(where)])
    light = _galaxy(x, y, g, rng)
    if ratio:
        other = rng.uniform(0.35, 1), rng.uniform(0, np.pi)
        r, _ = _polar(x - apart[0], y - apart[1], share * g.radius, *other)
        colour = OLD if rng.random() < 0.5 else (OLD + YOUNG) / 2
        light += ratio * colour[:, None, None] * (np.exp(-1.7 * r) + 0.8 * np.exp(-((r / 0.25) ** 2)))
    if merges:
        turn = rng.choice([-1, 1])
        ends = [(np.zeros(2), where + np.pi, 1.0), (apart, where, ratio)]
        for start, direction, weight in ends:
            bend = direction + turn * rng.uniform(0.4, 1.3) * _ALONG
            away = rng.uniform(1.8, 3.6) * g.radius * _ALONG
            string = start + np.stack([away * np.cos(bend), away * np.sin(bend)], axis=1)
            spots = sum((1.1 - s) * _spot(x, y, p, 0.2 * g.radius) for s, p in zip(_ALONG, string, strict=True))
            light += 0.175 * weight * g.tails * (OLD + YOUNG)[:, None, None] * spots
        along = np.linspace(0.1, 0.9, 6)[:, None] * apart
        light += 0.25 * g.tails * OLD[:, None, None] * sum(_spot(x, y, p, 0.22 * g.radius) for p in along)
    return light


def _galaxy(x: np.ndarray, y: np.ndarray, g: Galaxy, rng: np.random.Generator) -> np.ndarray:
    """Paint one galaxy: bulge, disc, bar, arms, ring, lumps, lens, dust."""
    r, phi = _polar(x, y, g.radius, g.axis_ratio, g.angle)
    if g.kind == "smooth":
        light = OLD[:, None, None] * 1.6 * np.exp(-3.67 * (np.maximum(r, 0.02) ** 0.5 - 0.2))
        arc = np.exp(-(((r - 1.5) / 0.12) ** 2)) * (np.cos(phi - 1) > 0.4)
        return light + 0.5 * g.lens * YOUNG[:, None, None] * arc
    round_r, _ = _polar(x, y, g.radius, max(g.axis_ratio, 0.75), g.angle)
    disc = np.exp(-1.68 * r) * (1 - 0.7 * g.bulge)
    bulge = 1.8 * g.bulge * np.exp(-np.maximum(round_r, 0.01) / (0.18 + 0.35 * g.bulge))
    winding = g.number * (phi - np.log(np.maximum(r, 0.05)) / np.tan(g.pitch))
    crest = np.exp(-2.2 * (1 - np.cos(winding))) * np.clip((r - 0.25) / 0.3, 0, 1) * np.exp(-0.9 * r)
    across, along = r * np.sin(phi), r * np.cos(phi)
    bar = np.exp(-((across / 0.14) ** 2) - (along / 0.65) ** 4)
    ring = np.exp(-(((r - 1.35) / 0.13) ** 2))
    young = g.young * disc + 1.3 * g.arms * crest + 0.55 * g.ring * ring
    old = (1 - g.young) * disc + bulge + 0.5 * g.bar * bar + 0.3 * g.arms * crest
    for _ in range(7 if g.kind == "irregular" else round(4 * g.disturbed)):
        young += rng.uniform(0.3, 0.9) * _spot(
            x, y, g.radius * rng.normal(0, 0.6, 2), g.radius * rng.uniform(0.12, 0.3)
        )
    light = old * OLD[:, None, None] + young * YOUNG[:, None, None]
    lane = 1.8 * g.dust * np.exp(-((across * g.axis_ratio / 0.06) ** 2)) * (np.abs(along) < 1.8)
    return light * np.exp(-lane * DUST[:, None, None])


def _artefact(x: np.ndarray, y: np.ndarray, g: Galaxy, rng: np.random.Generator) -> np.ndarray:
    """Paint a bright star with spikes, or a satellite's trail."""
    if rng.random() < 0.6:
        spikes = np.exp(-np.abs(x) / 0.004 - np.abs(y) / 0.12) + np.exp(-np.abs(y) / 0.004 - np.abs(x) / 0.12)
        return 4 * (OLD + YOUNG)[:, None, None] / 2 * (_spot(x, y, np.zeros(2), 0.03) + 0.5 * spikes)
    away = np.cos(g.angle) * x + np.sin(g.angle) * y
    return np.array([0.9, 1.0, 0.4])[:, None, None] * np.exp(-((away / 0.012) ** 2))


def _polar(
    x: np.ndarray, y: np.ndarray, radius: float, axis_ratio: float, angle: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return radius (in units of `radius`) and angle in the plane of an inclined disc."""
    along = (np.cos(angle) * x + np.sin(angle) * y) / radius
    across = (np.cos(angle) * y - np.sin(angle) * x) / (radius * axis_ratio)
    return np.hypot(along, across), np.arctan2(across, along)


def _spot(x: np.ndarray, y: np.ndarray, place: np.ndarray, width: float) -> np.ndarray:
    return np.outer(np.exp(-(((y[:, 0] - place[1]) / width) ** 2)), np.exp(-(((x[0] - place[0]) / width) ** 2)))


_blurs: dict[int, np.ndarray] = {}


def _blur(fine: int) -> np.ndarray:
    """Return the Fourier transform of the point-spread function on a grid, drawn by GalSim once."""
    if fine not in _blurs:
        image = galsim.ImageD(fine, fine, scale=1.0)
        galsim.Moffat(beta=3.5, fwhm=max(_FWHM * fine, 1.5)).drawImage(image, center=(fine // 2 + 1, fine // 2 + 1))
        _blurs[fine] = rfft2(np.fft.ifftshift(image.array / image.array.sum()))
    return _blurs[fine]
