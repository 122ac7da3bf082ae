"""The synthetic sky of metallicity: pictures of star-forming galaxies, with what SDSS measured in their spectra.

Metallicity follows the relation with mass, with a scatter of 0.1 dex. Two parts of the scatter can be seen in a
picture: older galaxies are richer in metals and redder, and smooth discs are richer than clumpy ones. The rest is
hidden. Dust also makes a galaxy redder, more so if it is seen edge-on; so colours alone are misleading.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.special import expit

from galviz.sky.cosmology import COSMOLOGY
from galviz.sky.mass_metallicity import metallicity_of
from galviz.sky.mock.parts import Progress
from galviz.sky.mock.pictures import Row, bell, blurred, shown, write_pictures

SCATTER = 0.1
"""Scatter of 12 + log(O/H) at fixed mass, dex."""

BY_AGE, BY_SHAPE = 0.65, 0.45
"""Parts of the scatter that age and clumps explain."""

HIDDEN = SCATTER * float(np.sqrt(1 - BY_AGE**2 - BY_SHAPE**2))
"""Scatter that nothing in a picture explains, dex."""

_FINE = 2  # light is painted on a grid twice as fine as the pixels
_BATCH = 64  # galaxies that a worker draws between two reports
_SEEING = 1.3  # arcsec, full width at half maximum
_LIMIT = 17.77  # magnitude r of the spectroscopic sample
_MASSES = (8.8, 11.4)
_REDSHIFTS = (0.02, 0.35)
_ZERO = 20.5  # r magnitude per square arcsec that is shown as 1
_SCALES = np.array([0.65, 1.0, 1.5])  # of i, r, g as red, green, blue: an average galaxy is nearly white


@dataclass(frozen=True)
class Galaxy:
    """A galaxy and what is measured of it.

    Parameters
    ----------
    mass : float
        log₁₀ of the stellar mass in solar masses.
    oh : float
        12 + log(O/H).
    age : float
        log₁₀ of the age of the stars in Gyr.
    clumps : float
        Brightness of the star-forming clumps; 1 is typical.
    sfr : float
        log₁₀ of the star-formation rate in solar masses per year.
    z : float
        Redshift.
    magnitudes : (float, float, float)
        g, r, i.
    r90 : float
        Radius with 90 % of the light, arcsec.
    concentration : float
        `r90` over the half-light radius.
    bulge : float
        Share of the light in the bulge.
    axis_ratio, angle : float
        Of the disc; the angle in radians.
    """

    mass: float
    oh: float
    age: float
    clumps: float
    sfr: float
    z: float
    magnitudes: tuple[float, float, float]
    r90: float
    concentration: float
    bulge: float
    axis_ratio: float
    angle: float


def write_metallicity_sky(
    path: str | Path,
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw star-forming galaxies in the colours of the SDSS cutout service, and their catalogue, into a folder.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n : int
        Number of galaxies.
    size : int
        Height and width, pixels. A picture is 2 `petroR90_r` wide, whatever its size. Those that `fetch_pictures` of
        `galviz.sky.sdss_query` fetches are 5 wide, as the paper's: galaxies are smaller in them.
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
        The folder, for `CutoutSet.open`: images (N, 3, size, size) of one byte a pixel (i, r, g as red, green, blue),
        unit ``"display"``. Catalogue, as in SDSS: oh_p16, oh_p50, oh_p84 (12 + log(O/H)), lgm_tot_p50 (log₁₀ of the
        mass), sfr_tot_p50 (log₁₀), d4000, z, modelMag_g, modelMag_r, modelMag_i, petroR50_r and petroR90_r (arcsec).

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists, or a number is out of range.

    References
    ----------
    Tremonti et al. (2004), ApJ 613, 898; Mannucci et al. (2010), MNRAS 408, 2115 (metallicity and star formation).
    """
    more = {"size": size, "seed": seed, "workers": workers, "progress": progress}
    return write_pictures(path, n, draw_one, "oh", batch=_BATCH, **more)


def draw_one(rng: np.random.Generator, size: int) -> tuple[np.ndarray, Row]:
    """Draw a galaxy: its picture, uint8 (3, size, size), and its row of the catalogue."""
    galaxy = draw_galaxy(rng)
    image = shown(paint(galaxy, size, rng), rng)
    return image, measured(galaxy, rng)


def draw_galaxy(rng: np.random.Generator) -> Galaxy:
    """Draw a galaxy that the spectroscopic sample of SDSS would hold."""
    mass = _MASSES[0] - 1.0
    while not _MASSES[0] < mass < _MASSES[1]:
        mass = 11.0 - rng.gamma(2.2, 0.42)
    old, smooth, hidden, dust = rng.normal(size=4)
    oh = float(metallicity_of(mass)) + SCATTER * (BY_AGE * old + BY_SHAPE * smooth) + HIDDEN * hidden
    age = 0.6 + 0.25 * (mass - 10.3) + 0.15 * old
    axis_ratio = rng.uniform(0.3, 1.0)
    reddening = 0.06 * np.exp(0.5 * dust) * (1 + 2.5 * (1 - axis_ratio))
    bulge = 0.8 * expit(1.3 * (mass - 10.7) + 0.5 * old + 0.6 * rng.normal())
    g_r = 0.50 + 0.60 * (age - 0.6) + 0.25 * (oh - 8.9) + reddening
    r_i = 0.26 + 0.20 * (age - 0.6) + 0.15 * (oh - 8.9) + 0.7 * reddening
    absolute = 4.65 - 2.5 * (mass - 0.2 - 0.6 * (age - 0.6)) + 2.3 * reddening
    redshifts, moduli, kpc = _distances()
    r = _LIMIT - rng.exponential(1 / (0.6 * np.log(10)))  # as many per magnitude as in a space without expansion
    z = float(np.interp(r - absolute, moduli, redshifts))
    r = absolute + float(np.interp(z, redshifts, moduli))
    r50 = 10 ** (0.55 + 0.25 * (mass - 10.3) + 0.12 * rng.normal()) / float(np.interp(z, redshifts, kpc))
    concentration = 2.3 + 0.9 * bulge
    return Galaxy(
        mass=mass,
        oh=oh,
        age=age,
        clumps=float(np.exp(-0.8 * smooth)),
        sfr=0.05 + 0.76 * (mass - 10) - 0.35 * old + 0.1 * rng.normal(),
        z=z,
        magnitudes=(r + g_r, r, r - r_i),
        r90=concentration * float(np.hypot(r50, _SEEING / 2)),
        concentration=concentration,
        bulge=bulge,
        axis_ratio=axis_ratio,
        angle=rng.uniform(0, np.pi),
    )


def measured(galaxy: Galaxy, rng: np.random.Generator) -> dict[str, object]:
    """Return the row of a galaxy in the catalogue, with the errors of its photometry and of its spectrum."""
    width = 0.04 * np.exp(0.3 * (galaxy.magnitudes[1] - 17) + 0.2 * rng.normal())
    g, r, i = np.array(galaxy.magnitudes) + 0.02 * rng.normal(size=3)
    return {
        "oh_p16": galaxy.oh - width,
        "oh_p50": galaxy.oh,
        "oh_p84": galaxy.oh + width * rng.uniform(0.8, 1.2),
        "lgm_tot_p50": galaxy.mass + 0.05 * rng.normal(),
        "sfr_tot_p50": galaxy.sfr,
        "d4000": 1.3 + 0.5 * (galaxy.age - 0.6) + 0.03 * rng.normal(),
        "z": galaxy.z,
        "modelMag_g": g,
        "modelMag_r": r,
        "modelMag_i": i,
        "petroR50_r": galaxy.r90 / galaxy.concentration,
        "petroR90_r": galaxy.r90,
    }


def paint(galaxy: Galaxy, size: int, rng: np.random.Generator) -> np.ndarray:
    """Paint a galaxy and what lies around it, blurred, without noise.

    Returns
    -------
    numpy.ndarray of float64, shape (3, size, size)
        Light in i, r, g; the picture is 2 `Galaxy.r90` wide.
    """
    fine = size * _FINE
    step = ((np.arange(fine) + 0.5) / fine - 0.5) * 2 * galaxy.concentration  # in half-light radii
    x, y = step[None, :], step[:, None]
    cos, sin = np.cos(galaxy.angle), np.sin(galaxy.angle)
    along, across = cos * x + sin * y, (cos * y - sin * x) / galaxy.axis_ratio
    r, phi = np.hypot(along, across), np.arctan2(across, along)
    winding = 2 * (phi - np.log(np.maximum(r, 0.05)) / np.tan(rng.uniform(0.25, 0.6)) - rng.uniform(0, 2 * np.pi))
    arms = 1 + rng.uniform(0.2, 0.7) * np.cos(winding) * np.clip(2 * r - 0.4, 0, 1)
    disc = np.exp(-1.68 * r) * arms
    bulge = np.exp(-3.67 * np.sqrt(np.maximum(np.hypot(x, y), 0.02) / 0.4))
    young = np.zeros_like(disc)
    for _ in range(12):  # round on the sky
        away, where, width = rng.uniform(0.4, 1.8), rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.2)
        a, b = away * np.cos(where), away * np.sin(where) * galaxy.axis_ratio
        spot = bell(x, a * cos - b * sin, width) * bell(y, a * sin + b * cos, width)
        young += rng.uniform(0.3, 1.0) * np.exp(-1.2 * away) * spot
    disc, bulge = disc / disc.sum(), bulge / bulge.sum()
    young *= 0.12 * galaxy.clumps / max(young.sum(), 1e-9)
    light = np.stack([galaxy.bulge * b * bulge + (1 - galaxy.bulge) * (disc + c * young) for b, c in _TINTS])
    light /= light.sum(axis=(1, 2), keepdims=True)
    arcsec = 2 * galaxy.r90 / fine
    g, r_mag, i = galaxy.magnitudes
    light *= (_SCALES * 10 ** (-0.4 * (np.array([i, r_mag, g]) - _ZERO)) / arcsec**2)[:, None, None]
    for _ in range(rng.poisson(1.0)):  # small, far galaxies and stars
        place, width = galaxy.concentration * rng.uniform(-1, 1, 2), 0.3 / galaxy.r90 * galaxy.concentration
        spot = bell(x, place[0], width) * bell(y, place[1], width)
        light += rng.uniform(0.1, 0.8) * rng.uniform(0.6, 1.4, 3)[:, None, None] * spot
    return blurred(light, _SEEING / arcsec).reshape(3, size, _FINE, size, _FINE).mean(axis=(2, 4)).clip(1e-9)


_TINTS = ((1.15, 0.4), (1.0, 1.0), (0.8, 1.8))  # of the bulge and of the clumps in i, r, g


@cache
def _distances() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return redshifts, their distance moduli, and kpc per arcsec."""
    z = np.linspace(*_REDSHIFTS, 500)
    return z, COSMOLOGY.distmod(z).value, 1 / COSMOLOGY.arcsec_per_kpc_proper(z).value
