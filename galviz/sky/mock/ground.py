"""Placement of cutouts in real frames: overlapping frames, the lowest redshift that fits, and random positions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.mock.drawn import kpc_per_arcsec
from galviz.sky.readers.shelf import Shelf, fill
from galviz.sky.resample import tangent_plane

Outline = tuple[WCS, tuple[int, int]]

_RIM = 16  # pixels: the other bands are offset from r by less
_APART = 60.0  # arcmin: no frame is as long
_REDSHIFTS = np.arange(80, 596) / 1000  # of the clusters that are drawn
_ROOM = 1.02  # at the nearest redshift, cutouts find place within this of their side
_GRID = np.stack(np.meshgrid(*[np.linspace(-0.5, 0.5, 5)] * 2), axis=-1).reshape(-1, 2)
_TRIES, _ROUNDS = 256, 400
_TURNS = [np.array(turn) for turn in ([[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]])]
_TURNS += [turn @ np.diag([-1, 1]) for turn in _TURNS]


@dataclass(frozen=True)
class Ground:
    """Geometry of F fields, known before any pixel is read.

    Parameters
    ----------
    names, groups : tuple of str, length F
        Name of each field, and of the first field in its group of fields that overlap, directly or through others.
    near : tuple of tuple of int, length F
        Indices of the fields that can fill in where a cutout leaves this one. The field itself comes first.
    nearest : tuple of float, length F
        The smallest redshift at which a cutout fits.
    """

    names: tuple[str, ...]
    groups: tuple[str, ...]
    near: tuple[tuple[int, ...], ...]
    nearest: tuple[float, ...]


def survey_ground(shelf: Shelf, side_mpc: float) -> Ground:
    """Return the geometry of the fields.

    Parameters
    ----------
    shelf : Shelf
    side_mpc : float
        Side of a cutout, proper Mpc.

    Raises
    ------
    ValueError
        If a cutout does not fit into a field at any redshift.
    """
    count = len(shelf.names)
    shared = np.array([[overlap(one, other) for other in shelf.outlines] for one in shelf.outlines])
    label = np.arange(count)
    for _ in range(count):
        label = np.array([label[row].min() for row in shared])
    near = []
    for k in range(count):
        middle = _middle(shelf.outlines[k])
        others = [j for j in np.flatnonzero(label == label[k]) if j != k and shelf.distance(j, *middle) < _APART]
        near.append((k, *(int(j) for j in others)))
    nearest = [_nearest([shelf.outlines[j] for j in row], side_mpc, shelf.names[row[0]]) for row in near]
    return Ground(tuple(shelf.names), tuple(shelf.names[k] for k in label), tuple(near), tuple(nearest))


def overlap(one: Outline, other: Outline) -> bool:
    """Return whether two frames overlap, or are closer than the offset between bands."""
    wcs, _ = one
    ra, dec = _middle(one)
    away = other[0].wcs_world2pix(ra, dec, 0)
    if not np.hypot(*(np.array(away) - np.array(other[1])[::-1] / 2)) < _APART * 60 / _native(other):
        return False
    boxes = [_corners(one), np.transpose(wcs.wcs_world2pix(*other[0].wcs_pix2world(_corners(other), 0).T, 0))]
    for box in boxes:  # convex outlines are apart where an edge of one of them parts them
        for along in np.diff(box[:3], axis=0):
            across = np.array([-along[1], along[0]]) / np.hypot(*along)
            first, second = (corners @ across for corners in boxes)
            if first.max() + _RIM < second.min() or second.max() + _RIM < first.min():
                return False
    return True


def cut(
    shelf: Shelf, near: Sequence[int], side: float, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, dict[str, float]]:
    """Return a square of sky at a random position, in one of the eight orientations along the frame.

    Parameters
    ----------
    shelf : Shelf
    near : sequence of int
        The field that the middle lies in, then those that fill in where the cutout leaves it.
    side : float
        arcsec.
    size : int
        Side in output pixels: H = W = size.
    rng : numpy.random.Generator

    Returns
    -------
    image : numpy.ndarray of float32, shape (5, size, size)
        Nanomaggies per pixel, all of it covered.
    plane : dict
        The tangent plane, `galviz.sky.checks.WCS_COLUMNS`.

    Raises
    ------
    ValueError
        If no position is found.
    """
    outlines = [shelf.outlines[k] for k in near]
    wcs, (height, width) = outlines[0]
    for _ in range(_ROUNDS):
        centres = rng.uniform(0, 1, (_TRIES, 2)) * [width, height] - 0.5
        turn = _TURNS[rng.integers(len(_TURNS))]
        for centre in centres[places(outlines, centres, side / _native(outlines[0]))][:1]:
            cd = wcs.wcs.cd @ turn * (side / size / _native(outlines[0]))
            middle = wcs.wcs_pix2world([centre], 0)[0]
            plane = dict(zip(WCS_COLUMNS, map(float, (*middle, *[(size + 1) / 2] * 2, *cd.ravel())), strict=True))
            image, coverage = np.zeros((2, 5, size, size), dtype=np.float32)
            coverage = coverage.astype(bool)
            for k in near:
                if not coverage.all() and shelf.reaches(k, plane, size):
                    fill(image, coverage, shelf.field(k), tangent_plane(plane))
            if coverage.all():
                return image, plane
    raise ValueError(
        f"frames: expected {side:.0f} arcsec that all bands of {shelf.names[near[0]]} cover, found none in "
        f"{_ROUNDS * _TRIES} tries. Leave that field out."
    )


def places(outlines: Sequence[Outline], centres: np.ndarray, side: float) -> np.ndarray:
    """Return around which centres a square along the first frame is covered by the frames together.

    Parameters
    ----------
    outlines : sequence of (astropy.wcs.WCS, (int, int))
        Coordinates and shape of the r frames.
    centres : numpy.ndarray, shape (K, 2)
        x and y in pixels of the first frame.
    side : float
        In such pixels. All points of a 5×5 grid over the square must be imaged.

    Returns
    -------
    numpy.ndarray of bool, shape (K,)
    """
    points = (centres[:, None] + side * _GRID).reshape(-1, 2)
    sky = outlines[0][0].wcs_pix2world(points, 0)
    imaged = np.zeros(len(points), dtype=bool)
    for wcs, (height, width) in outlines:
        pixels = wcs.wcs_world2pix(sky, 0)
        imaged |= ((pixels > _RIM) & (pixels < np.array([width, height]) - 1 - _RIM)).all(axis=1)
    return imaged.reshape(len(centres), -1).all(axis=1)


def _nearest(outlines: Sequence[Outline], side_mpc: float, name: str) -> float:
    height, width = outlines[0][1]
    steps = np.linspace(0, 1, 9)
    centres = np.stack(np.meshgrid(steps * width, steps * height), axis=-1).reshape(-1, 2) - 0.5
    for z in _REDSHIFTS:
        side = 1000 * side_mpc / kpc_per_arcsec(z)
        if places(outlines, centres, _ROOM * side / _native(outlines[0])).any():
            return float(z)
    raise ValueError(
        f"side_mpc: expected a side that fits into the frames of {name}, got {side_mpc} Mpc, which is {side:.0f} "
        "arcsec at the largest redshift. Choose a smaller one, or leave that field out."
    )


def _native(outline: Outline) -> float:
    """Return the pixel scale of a frame, arcsec."""
    return float(np.sqrt(abs(np.linalg.det(outline[0].wcs.cd))) * 3600)


def _middle(outline: Outline) -> tuple[float, float]:
    wcs, (height, width) = outline
    ra, dec = wcs.wcs_pix2world(width / 2 - 0.5, height / 2 - 0.5, 0)
    return float(ra), float(dec)


def _corners(outline: Outline) -> np.ndarray:
    """Return the corners in order, shape (4, 2), in pixels."""
    height, width = outline[1]
    return np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
