"""Galaxies of the synthetic Galaxy Zoo sky: their morphology, colours, and the votes of volunteers."""

from dataclasses import dataclass

import numpy as np

from galviz.sky.galaxy_zoo import PARENTS, SLICES, conditional, cumulative

KINDS = ("smooth", "disc", "edge-on", "irregular", "merger", "artefact")
_SHARES = np.array([0.44, 0.34, 0.14, 0.03])  # of the first four, among what neither merges nor is an artefact
_ARTEFACTS = 0.01
_MERGERS = 0.035  # at z = 0; grows as (1 + z)³ (Lotz et al. 2011, fixed number density)

OLD, YOUNG, DUST = np.array([1.0, 0.74, 0.48]), np.array([0.62, 0.74, 1.0]), np.array([0.55, 0.8, 1.15])
"""Light of old and young stars in red, green and blue, and how strongly dust absorbs each colour."""


@dataclass(frozen=True)
class Galaxy:
    """Parameters of a galaxy. Lengths are in units of its radius, angles in radians, strengths in 0…1.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    z : float
    radius : float
        Half-light radius in units of the image's side.
    brightness : float
        Proportional to the signal-to-noise ratio of the peak; about 1 for a typical galaxy.
    axis_ratio, angle, bulge, young : float
        bulge: its fraction of the light; young: fraction of the rest that is blue.
    bar, arms, ring, dust, disturbed, lens : float
        Strength of each feature; 0 if there is none.
    number, pitch : int, float
        Number and pitch angle of the spiral arms.
    companion : tuple of float
        (distance, angle, size, brightness) of a second galaxy; brightness 0 if there is none. Unless the kind is
        ``"merger"``, it is a chance projection.
    tails : float
        Strength of tidal tails and of the bridge.
    """

    kind: str
    z: float
    radius: float
    brightness: float
    axis_ratio: float
    angle: float
    bulge: float
    young: float
    bar: float
    arms: float
    ring: float
    dust: float
    disturbed: float
    lens: float
    number: int
    pitch: float
    companion: tuple[float, float, float, float]
    tails: float


def draw_galaxy(rng: np.random.Generator) -> Galaxy:
    """Draw the parameters of a galaxy. Distant ones are smaller and fainter, and more of them are mergers."""
    z = float(np.clip(rng.gamma(3.0, 0.03), 0.01, 0.25))
    merges = rng.random() < _MERGERS * (1 + z) ** 3
    kind = str(rng.choice(KINDS[:4], p=_SHARES / _SHARES.sum()))
    kind = "merger" if merges else "artefact" if rng.random() < _ARTEFACTS else kind
    flat, round_ = kind in ("disc", "irregular", "merger"), kind == "smooth"
    spiral = kind == "disc" and rng.random() < 0.65
    near = kind == "merger" or rng.random() < 0.08

    def sometimes(share: float, allowed: bool = True) -> float:  # noqa: FBT001, FBT002 - read as a sentence
        return float(rng.uniform(0.4, 1.0)) if allowed and rng.random() < share else 0.0

    return Galaxy(
        kind=kind,
        z=z,
        radius=float(np.clip(0.115 * (0.08 / z) ** 0.25 * np.exp(0.22 * rng.normal()), 0.05, 0.2)),
        brightness=float(np.clip((0.08 / z) ** 0.6 * np.exp(0.35 * rng.normal()), 0.25, 4)),
        axis_ratio=float(rng.uniform(0.3, 1) if flat or round_ else rng.uniform(0.1, 0.2)),
        angle=float(rng.uniform(0, np.pi)),
        bulge=float(np.clip(rng.beta(1.5, 3.5) if not round_ else rng.uniform(0.6, 1), 0, 1)),
        young=float(rng.uniform(0, 0.1) if round_ else rng.uniform(0.3, 0.9)),
        bar=sometimes(0.35, kind == "disc"),
        arms=float(rng.uniform(0.35, 1)) if spiral else sometimes(0.4, kind == "merger"),
        ring=sometimes(0.04, kind == "disc"),
        dust=sometimes(0.25, kind == "edge-on"),
        disturbed=float(rng.uniform(0.3, 1)) if kind == "merger" else sometimes(0.02, flat),
        lens=sometimes(0.006, round_),
        number=int(rng.choice([1, 2, 3, 4, 5], p=[0.08, 0.6, 0.15, 0.1, 0.07])),
        pitch=float(np.radians(rng.uniform(8, 38))),
        companion=_companion(rng, merges=kind == "merger") if near else (0.0, 0.0, 0.0, 0.0),
        tails=float(rng.uniform(0.2, 1)) if kind == "merger" else 0.0,
    )


def _companion(rng: np.random.Generator, *, merges: bool) -> tuple[float, float, float, float]:
    distance = rng.uniform(0.6, 1.8) if merges else rng.uniform(1.0, 2.6)
    ratio = rng.uniform(0.3, 1.0) if merges else rng.uniform(0.15, 0.9)
    return (
        float(distance),
        float(rng.uniform(0, 2 * np.pi)),
        float(np.sqrt(ratio) * rng.uniform(0.7, 1.1)),
        float(ratio),
    )


def fractions(galaxy: Galaxy, size: int) -> np.ndarray:
    """Return the mean votes for each question, from the morphology and how well it is resolved.

    Parameters
    ----------
    galaxy : Galaxy
    size : int
        Side of the image, pixels. Details smaller than one or two pixels are not recognised.

    Returns
    -------
    numpy.ndarray of float64, shape (37,)
        Probabilities of the answers of each question; they sum to 1.
    """
    g = galaxy
    seen = float(np.clip((g.radius * size - 2) / 5, 0.05, 1) * np.clip(g.brightness / 0.8, 0.3, 1))
    edge_on = _step(0.27 - g.axis_ratio, 0.04) if g.kind != "smooth" else 0.05
    texture = max(g.arms, g.bar, g.ring, 0.9 * g.disturbed, edge_on, 0.45 if g.kind == "disc" else 0.0)
    featured = 0.04 + 0.9 * texture * seen if g.kind not in ("smooth", "artefact") else 0.06
    star = 0.85 if g.kind == "artefact" else 0.02
    odd = _odd(g, seen)
    strength = 1 - float(np.prod(1 - 0.95 * np.clip(odd, 0, 1)))
    kinds = odd + 0.004
    arms = [_near(g.number, k, 0.35) for k in range(1, 6)]
    blurred = 0.12 + 0.5 * (1 - seen)
    parts = {
        1: [(1 - star) * (1 - featured), (1 - star) * featured, star],
        2: _two(edge_on),
        3: _two(0.05 + 0.9 * g.bar * seen),
        4: _two(0.04 + 0.92 * g.arms * seen),
        5: [_near(g.bulge, centre, 0.13) + 0.01 for centre in (0.02, 0.22, 0.48, 0.8)],
        6: _two(0.03 + 0.94 * strength),
        7: [_near(g.axis_ratio, centre, 0.13) + 0.005 for centre in (0.98, 0.66, 0.28)],
        8: kinds,
        9: [0.9 * _step(g.bulge - 0.2, 0.07) + 0.02, 0.06, _step(0.2 - g.bulge, 0.07) + 0.02],
        10: [_near(np.degrees(g.pitch), centre, 6) + 0.02 for centre in (12, 22, 33)],
        11: [*(np.array(arms) / sum(arms) * (1 - blurred)), blurred],
    }
    return np.concatenate([np.asarray(parts[k], dtype=np.float64) / np.sum(parts[k]) for k in range(1, 12)])


def _odd(g: Galaxy, seen: float) -> np.ndarray:
    """Return the strength of each kind of oddity: ring, lens, disturbed, irregular, other, merger, dust lane."""
    merger, chance = g.kind == "merger", g.companion[3] * (1.5 - 0.4 * g.companion[0])
    return np.array(
        [
            g.ring * seen,
            g.lens * seen,
            (0.35 if merger else 0.8) * g.disturbed * seen,
            0.85 * seen if g.kind == "irregular" else 0.0,
            0.3 if g.kind == "artefact" else 0.4 * chance * (not merger),
            g.tails * (0.4 + 0.6 * seen) if merger else 0.55 * chance,  # by chance side by side, and taken for merging
            g.dust * seen,
        ]
    )


def cast_votes(own: np.ndarray, voters: int, rng: np.random.Generator) -> np.ndarray:
    """Draw votes of volunteers. Only those whose previous answer leads to a question answer it; counts are multinomial.

    Parameters
    ----------
    own : numpy.ndarray, shape (37,)
        Probabilities from `fractions`.
    voters : int
        Number of volunteers who answer the first question.
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of float64, shape (37,)
        Cumulative vote fractions, as Kaggle publishes them.
    """
    counts = np.zeros(37)
    for part, parent in zip(SLICES, PARENTS, strict=True):
        voted = voters - counts[2] if parent is None else counts[parent]  # only stars end the tree here
        counts[part] = rng.multinomial(int(voted), own[part])
    shares = conditional(counts[None])
    shares[0, SLICES[5]] = np.where(np.isnan(shares[0, SLICES[5]]), [0, 1], shares[0, SLICES[5]])  # all say: a star
    return cumulative(shares)[0]


def _two(yes: float) -> list[float]:
    yes = float(np.clip(yes, 0.01, 0.99))
    return [yes, 1 - yes]


def _step(x: float, width: float) -> float:
    return float(1 / (1 + np.exp(-x / width)))


def _near(x: float, centre: float, width: float) -> float:
    return float(np.exp(-0.5 * ((x - centre) / width) ** 2))
