"""The synthetic sky of cluster members: pictures of galaxies in the fields of nearby clusters, and their photometry.

Members are dE and early-type galaxies: smooth, extended, of low surface brightness, on a red sequence with a slope and
a scatter. Behind the cluster there are early types (compact, and redder the farther they are), spirals (blue), discs
seen edge-on, mergers, and galaxies that look like a dE but have faint arms. A few unresolved stars are taken for
galaxies.

Neither colours nor pictures say all. Galaxies behind the cluster cross the red sequence. In a picture, small members
look like early types behind the cluster, and faint arms drown in the noise. Pictures show g, r and i with a colour
balance that differs a little from field to field; the catalogue also has z. Of 1,920 objects, with whole fields held
out, the recipe ``quick`` of `galviz.studies.members` finds members with an F1 of 0.81, and the forest on colours with
0.71 (0.69 over all folds).
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import truncnorm

from galviz.sky.aperture import extent
from galviz.sky.mock.parts import Progress, check, random_of, write_drawn_sky
from galviz.sky.mock.pictures import Drawn, Row, bell, blurred, gather_pictures, shown
from galviz.sky.perseus import REDSHIFTS, SHORT, membership

KINDS = {"spiral": 0, "background early type": 1, "edge-on disc": 2, "member": 3, "merger": 4, "faint arms": 6}
"""What is drawn → its class in `galviz.sky.perseus`. Members without a clear shape are of class 5."""

STAR = "star"

SIDE = 25.344
"""Width of a picture, arcsec: 64 pixels of SDSS."""

TOGETHER, PER_FIELD = 8, 60
"""Fields that are filled at the same time, and objects of each when it is full."""

SLOPE, COLOUR, SCATTER = (-0.022, -0.04), (0.68, 1.12), (0.035, 0.06)
"""The red sequence in g − r and g − z: slope (mag per mag), colour at r = 17, and scatter, mag."""

_SHARES = np.array([0.32, 0.33, 0.13, 0.0, 0.06, 0.16])  # of `KINDS` among galaxies that are no members
_FAINTEST, _BRIGHTEST = 20.3, 14.5  # r magnitude
_RADIUS = 40.0  # of a field, arcmin
_LARGEST = 7.0  # half-light radius, arcsec
_STAR_Z = 0.0002  # scatter of the redshifts of stars
_SPECTRA = 1 / 3
_FINE = 2  # light is painted on a grid twice as fine as the pixels
_BATCH, _PART = 60, 4096  # objects between two reports; objects held before they are written
_ZERO = 20.5  # r magnitude per square arcsec that is shown as 1
_SCALES = np.array([0.65, 1.0, 1.5])  # of i, r, g as red, green, blue: an average galaxy is nearly white
_REDDER = np.array([1.0, 0.0, -1.0])


@dataclass(frozen=True)
class Field:
    """The field of a cluster.

    Parameters
    ----------
    name : str
    ra, dec : float
        Its centre, degrees.
    z : float
        Redshift of the cluster.
    share : float
        Share of members among its galaxies.
    seeing : float
        Full width at half maximum, arcsec.
    colours : (float, float)
        Error of the zero points of g − r and g − z in the catalogue, mag.
    balance : (float, float, float)
        Factors of red, green and blue in its pictures.
    """

    name: str
    ra: float
    dec: float
    z: float
    share: float
    seeing: float
    colours: tuple[float, float]
    balance: tuple[float, float, float]


@dataclass(frozen=True)
class Source:
    """A galaxy, or a star that is taken for one.

    Parameters
    ----------
    kind : str
        One of `KINDS`, or `STAR`.
    z : float
        Redshift.
    r, g_r, g_z, r_i : float
        Magnitude and colours without errors.
    radius : float
        Half-light radius, arcsec; 0 for a star.
    sersic : float
        Sérsic index of a smooth galaxy.
    axis_ratio, angle : float
        The angle in radians.
    arms : float
        Contrast of the spiral arms; 0 without.
    """

    kind: str
    z: float
    r: float
    g_r: float
    g_z: float
    r_i: float
    radius: float
    sersic: float
    axis_ratio: float
    angle: float
    arms: float


def write_members_sky(
    path: str | Path,
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    stars: float = 0.03,
    workers: int = 1,
    progress: Progress | None = None,
) -> Path:
    """Draw galaxies in the fields of nearby clusters, in the colours of SDSS, and their catalogue, into a folder.

    Parameters
    ----------
    path : str or Path
        A folder that does not exist yet. It appears when the sky is complete.
    n : int
        Number of objects. Eight fields are filled in turn, then the next eight: 480 objects are eight fields of 60.
    size : int
        Height and width, pixels. A picture is `SIDE` arcsec wide, whatever its size.
    seed : int
        Object k depends on `seed` and k alone: the same on any number of workers, and a longer sky begins with the
        shorter one.
    stars : float
        Fraction of the objects that are unresolved stars with the label of a galaxy: half of them of class 1, half of
        a class of members.
    workers : int
        Processes that draw, spawned as in `galviz.sky.mock.sky.richness_sky`.
    progress : callable, optional
        Called with (objects drawn, n) as they come.

    Returns
    -------
    Path
        The folder, for `CutoutSet.open`: images (N, 3, size, size) of one byte a pixel (i, r, g as red, green, blue),
        unit ``"display"``. Catalogue: field (of which cluster; the folds keep fields whole), ra, dec, offset_arcmin
        (from the cluster's centre), r, g_r, g_z (as measured), class (a name of `galviz.sky.perseus.SHORT`), member
        (1 or 0, missing for mergers), z_spec (for a third of them; of stars, it is below 0.01), the truth: kind
        (``"star"`` for a planted star), and extent (`galviz.sky.aperture.extent` of the green picture).

    Raises
    ------
    FileExistsError or ValueError
        If the folder already exists, or a number is out of range.

    References
    ----------
    Wittmann et al. (2019), ApJS 245, 10 (dwarfs of Perseus). Pruitt & Romanowsky, "Cluster Galaxy Classification Using
    the Perseus Cluster With a Convolutional Neural Network" (slides).
    """
    check(n=n, size=size, workers=workers, seed=seed)
    if not 0 <= stars < 1:
        raise ValueError(f"stars: expected a fraction from 0 to below 1, got {stars!r}.")
    draw = partial(_draw, size=size, seed=seed, stars=stars)
    gather = partial(gather_pictures, pixel_scale=SIDE / size)
    return write_drawn_sky(path, n, draw, gather, part=_PART, batch=_BATCH, workers=workers, progress=progress)


def _draw(numbers: range, *, size: int, seed: int, stars: float) -> list[Drawn]:
    found: list[Drawn] = []
    for number in numbers:
        rng, field = random_of(seed, number), draw_field(seed, field_of(number))
        source = draw_source(field, rng, stars)
        light = paint(source, field, size, rng)
        picture = shown(light, rng)
        row = measured(source, field, rng) | {"extent": extent(picture[1], SIDE / size)}
        found.append((f"member-{seed}-{number:06d}", picture, row))
    return found


def field_of(number: int) -> int:
    """Return the number of the field that an object is in."""
    return number // (TOGETHER * PER_FIELD) * TOGETHER + number % TOGETHER


def draw_field(seed: int, number: int) -> Field:
    """Draw the field of a cluster. It depends only on `seed` and its number."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(number, 1)))
    return Field(
        name=f"cluster-{seed}-{number:03d}",
        ra=rng.uniform(120, 250),
        dec=rng.uniform(5, 55),
        z=rng.uniform(0.015, 0.028),
        share=rng.uniform(0.2, 0.38),
        seeing=rng.uniform(1.0, 1.5),
        colours=tuple(rng.normal(0, (0.015, 0.02))),
        balance=tuple(10 ** (0.4 * rng.normal(0, 0.03, 3))),
    )


def draw_source(field: Field, rng: np.random.Generator, stars: float = 0.0) -> Source:
    """Draw a galaxy in a field, or, with this probability, a star."""
    if rng.random() < stars:
        return _star(rng)
    member = rng.random() < field.share
    kind = "member" if member else str(rng.choice(list(KINDS), p=_SHARES))
    r = _magnitude(rng, 1.5 if member else 1.2)
    z = _between(rng, field.z, 0.0025, *REDSHIFTS) if member else REDSHIFTS[1] + rng.gamma(2.0, 0.03)
    colour, deviation, depth, brightness, scatter, sersic = {
        "member": (0.0, 1.0, 0.0, 22.5 + 0.60 * (r - 17), 0.85, rng.uniform(0.8, 2.2)),
        "background early type": (0.0, 1.1, 2.6, 21.4 + 0.55 * (r - 17), 0.85, rng.uniform(1.8, 4.0)),
        "spiral": (-0.27, 2.5, 0.5, 22.1 + 0.50 * (r - 17), 0.60, 1.0),
        "edge-on disc": (-0.10, 2.8, 0.6, 21.9 + 0.50 * (r - 17), 0.60, 1.0),
        "merger": (-0.20, 2.8, 0.6, 22.0 + 0.50 * (r - 17), 0.60, 1.5),
        "faint arms": (-0.11, 1.8, 0.5, 22.2 + 0.55 * (r - 17), 0.65, rng.uniform(0.9, 1.6)),
    }[kind]
    shift = colour + SCATTER[0] * deviation * rng.normal() + depth * (z - REDSHIFTS[1]) * (not member)
    g_r = COLOUR[0] + SLOPE[0] * (r - 17) + shift
    ratio = SCATTER[1] / SCATTER[0]
    surface = brightness + scatter * rng.normal()
    axis_ratio = rng.uniform(0.12, 0.26) if kind == "edge-on disc" else rng.uniform(0.45, 1.0)
    return Source(
        kind=kind,
        z=z,
        r=r,
        g_r=g_r,
        g_z=COLOUR[1] + SLOPE[1] * (r - 17) + ratio * shift + 0.02 * rng.normal(),
        r_i=0.53 * g_r + 0.02 * rng.normal(),
        radius=min(float(np.sqrt(10 ** (0.4 * (surface - r)) / (2 * np.pi * axis_ratio))), _LARGEST),
        sersic=sersic,
        axis_ratio=axis_ratio,
        angle=rng.uniform(0, np.pi),
        arms={"spiral": rng.uniform(0.4, 0.95), "faint arms": rng.uniform(0.15, 0.5)}.get(kind, 0.0),
    )


def _star(rng: np.random.Generator) -> Source:
    """Draw a star whose colour let it pass for a galaxy near the red sequence."""
    g_r = rng.uniform(0.35, 0.95)
    return Source(kind=STAR, z=_STAR_Z * rng.normal(), r=_magnitude(rng, 1.5), g_r=g_r,
                  g_z=1.35 * g_r + 0.12 + 0.03 * rng.normal(), r_i=0.42 * g_r, radius=0.0, sersic=1.0,
                  axis_ratio=1.0, angle=0.0, arms=0.0)  # fmt: skip


def _magnitude(rng: np.random.Generator, scale: float) -> float:
    """Return a magnitude in r; the number of objects grows e-fold in `scale` mag."""
    return _FAINTEST - float(rng.exponential(scale)) % (_FAINTEST - _BRIGHTEST)


def _between(rng: np.random.Generator, mean: float, sigma: float, low: float, high: float) -> float:
    """Return a normal number in [low, high)."""
    ends = (low - mean) / sigma, (high - mean) / sigma
    return min(float(truncnorm.rvs(*ends, mean, sigma, random_state=rng)), np.nextafter(high, low))


def measured(source: Source, field: Field, rng: np.random.Generator) -> Row:
    """Return the row of an object in the catalogue: place, photometry with errors, class, and what is known of z."""
    star, member = source.kind == STAR, source.kind == "member"
    number = int(rng.choice([1, 1, 3, 5])) if star else KINDS[source.kind]
    doubt = np.clip(0.15 + 0.2 * (source.r - 17), 0.1, 0.8)
    if member and rng.random() < doubt:
        number = 5
    away = _RADIUS * np.sqrt(rng.random())
    if member:  # half of the members are within 0.4 of the radius
        away = _RADIUS * rng.random() ** 1.3
    where = rng.uniform(0, 2 * np.pi)
    dec = field.dec + away * np.sin(where) / 60
    error = 0.02 * 10 ** (0.18 * (source.r - 17))
    noise = error * rng.normal(size=2) + np.array(field.colours)
    known = rng.random() < _SPECTRA
    label = float(membership([number])[0])
    return {
        "field": field.name,
        "ra": field.ra + away * np.cos(where) / 60 / np.cos(np.radians(dec)),
        "dec": dec,
        "offset_arcmin": away,
        "r": source.r + 0.7 * error * rng.normal(),
        "g_r": source.g_r + noise[0],
        "g_z": source.g_z + 1.4 * noise[1],
        "class": SHORT[number],
        "member": label,
        "z_spec": source.z if known else np.nan,
        "kind": source.kind,
    }


def paint(source: Source, field: Field, size: int, rng: np.random.Generator) -> np.ndarray:
    """Paint an object and what lies around it, blurred, without noise.

    Returns
    -------
    numpy.ndarray of float64, shape (3, size, size)
        Light in i, r, g; the picture is `SIDE` arcsec wide.
    """
    fine = size * _FINE
    step = ((np.arange(fine) + 0.5) / fine - 0.5) * SIDE  # arcsec
    x, y, pixel = step[None, :], step[:, None], SIDE / fine
    shape, young = _shape(source, x, y, pixel, rng)
    light = np.stack([shape + tint * young for tint in (0.6, 1.0, 1.6)])  # in i, r, g
    light /= light.sum(axis=(1, 2), keepdims=True)
    magnitudes = np.array([source.r - source.r_i, source.r, source.r + source.g_r])
    light *= (_SCALES * np.array(field.balance) * 10 ** (-0.4 * (magnitudes - _ZERO)) / pixel**2)[:, None, None]
    for _ in range(rng.poisson(1.5)):  # small, far galaxies and stars
        place, width = SIDE * rng.uniform(-0.5, 0.5, 2), rng.uniform(0.2, 0.5)
        spot = bell(x, place[0], width) * bell(y, place[1], width)
        light += rng.uniform(0.2, 2.0) * (1 + rng.uniform(-0.4, 0.4) * _REDDER)[:, None, None] * spot
    return blurred(light, field.seeing / pixel).reshape(3, size, _FINE, size, _FINE).mean(axis=(2, 4)).clip(1e-9)


def _shape(
    source: Source, x: np.ndarray, y: np.ndarray, pixel: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return the light of old and of young stars, (H, H), as fractions of about 1."""
    if source.kind == STAR:
        return _unit(bell(x, 0, pixel) * bell(y, 0, pixel)), np.zeros((y.size, x.size))
    r, phi = _plane(source, x, y)
    shape = _unit(_sersic(r, source.sersic, pixel / source.radius))
    young = np.zeros_like(shape)
    if source.arms:
        winding = 2 * (phi - np.log(np.maximum(r, 0.05)) / np.tan(rng.uniform(0.25, 0.6)) - rng.uniform(0, 2 * np.pi))
        arms = np.clip(1 + source.arms * np.cos(winding) * np.clip(2 * r - 0.4, 0, 1), 0, None)
        young = 0.25 * source.arms * _unit(shape * arms**2)
        shape = shape * arms
    if source.kind == "merger":
        away, where = source.radius * rng.uniform(1.0, 2.2), rng.uniform(0, 2 * np.pi)
        a, b, turn = away * np.cos(where), away * np.sin(where), rng.choice([-1, 1])
        other, _ = _plane(source, x - a, y - b, rng.uniform(0.5, 0.9))
        shape = shape + rng.uniform(0.3, 0.9) * _unit(_sersic(other, source.sersic, pixel / source.radius))
        for t in np.linspace(0.3, 1, 10):  # a tail
            bend, far = where + np.pi + turn * 0.9 * t, 3.0 * source.radius * t
            width = 0.35 * source.radius
            spot = bell(x, far * np.cos(bend), width) * bell(y, far * np.sin(bend), width)
            young += 0.03 * (1.2 - t) * _unit(spot)
    return shape, young


def _plane(source: Source, x: np.ndarray, y: np.ndarray, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Return radius, in half-light radii (times `share`), and angle in the plane of an inclined disc."""
    cos, sin = np.cos(source.angle), np.sin(source.angle)
    along, across = cos * x + sin * y, (cos * y - sin * x) / source.axis_ratio
    return np.hypot(along, across) / (share * source.radius), np.arctan2(across, along)


def _sersic(r: np.ndarray, index: float, softening: float) -> np.ndarray:
    """Return a Sérsic profile; `softening` keeps the centre of a cusp within a pixel."""
    return np.exp(-(2 * index - 1 / 3) * np.hypot(r, 0.5 * softening) ** (1 / index))


def _unit(light: np.ndarray) -> np.ndarray:
    """Return light that adds up to 1."""
    return light / max(light.sum(), 1e-12)
