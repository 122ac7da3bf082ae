"""Maps of the sky: a tangent plane for a field, Mollweide's projection for the whole sky; east is to the left."""

from dataclasses import dataclass

import numpy as np

FIELD = 30.0
"""Largest distance of an object from the centre, in degrees, in a tangent plane."""

_ANGLES = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
_SINES = (2 * _ANGLES + np.sin(2 * _ANGLES)) / np.pi  # sin(dec) of each auxiliary angle of Mollweide's projection
_UNITS = {"°": 1.0, "′": 60.0, "″": 3600.0}


@dataclass(frozen=True)
class Projection:
    """A map of the sky.

    Parameters
    ----------
    ra, dec : float
        The centre, in degrees; `dec` is 0 on a map of the whole sky.
    whole : bool
        Whether the map shows the whole sky, in Mollweide's projection.
    unit : {"°", "′", "″"}
        Unit of the axes of a tangent plane.
    """

    ra: float
    dec: float
    whole: bool
    unit: str = "°"

    @classmethod
    def of(cls, ra: np.ndarray, dec: np.ndarray) -> "Projection":
        """Return the map that suits positions in degrees, (N,), finite."""
        if not len(ra):
            return cls(180.0, 0.0, whole=True)
        x, y, z = (float(part.mean()) for part in _vectors(ra, dec))
        centre = cls(
            float(np.degrees(np.arctan2(y, x)) % 360), float(np.degrees(np.arctan2(z, np.hypot(x, y)))), whole=False
        )
        away = float(np.degrees(np.arccos(np.clip(_cosine(ra, dec, centre.ra, centre.dec).min(), -1, 1))))
        if np.sqrt(x**2 + y**2 + z**2) > 1e-6 and away <= FIELD:
            unit = "°" if away > 1 else "′" if away > 1 / 60 else "″"
            return cls(centre.ra, centre.dec, whole=False, unit=unit)
        return cls(_opposite_of_gap(ra), 0.0, whole=True)

    def project(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the places (N, 2) of positions in degrees. In a tangent plane, what is behind it is NaN."""
        if self.whole:
            angle = np.interp(np.sin(np.radians(dec)), _SINES, _ANGLES)
            x = 2 * np.sqrt(2) / 180 * self._turn(ra) * np.cos(angle)
            return np.column_stack([x, np.sqrt(2) * np.sin(angle)])
        turn, d, d0 = np.radians(self._turn(ra)), np.radians(dec), np.radians(self.dec)
        with np.errstate(all="ignore"):
            depth = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(turn)
            depth = np.where(depth > 1e-6, depth, np.nan)
            x = np.cos(d) * np.sin(turn) / depth
            y = (np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(turn)) / depth
        return np.degrees(np.column_stack([x, y])) * _UNITS[self.unit]

    def unproject(self, places: np.ndarray) -> np.ndarray:
        """Return the positions (N, 2) of places in degrees; RA is within 180° of the centre: also below 0, above 360.

        A place outside a map of the whole sky is moved to its edge.
        """
        x, y = np.asarray(places, dtype=float).T
        if self.whole:
            angle = np.arcsin(np.clip(y / np.sqrt(2), -1, 1))
            dec = np.degrees(np.arcsin(np.clip((2 * angle + np.sin(2 * angle)) / np.pi, -1, 1)))
            turn = 180 / (2 * np.sqrt(2)) * x / np.maximum(np.cos(angle), 1e-9)
            return np.column_stack([self.ra + np.clip(turn, -180, 180), dec])
        x, y = (np.radians(one / _UNITS[self.unit]) for one in (x, y))
        d0 = np.radians(self.dec)
        turn = np.degrees(np.arctan2(x, np.cos(d0) - y * np.sin(d0)))
        dec = np.degrees(np.arctan2(np.sin(d0) + y * np.cos(d0), np.hypot(x, np.cos(d0) - y * np.sin(d0))))
        return np.column_stack([self.ra + turn, dec])

    def outline(self, corners: np.ndarray, steps: int = 32) -> np.ndarray:
        """Return a polygon drawn on the map as positions, as in `unproject`; each side becomes `steps` parts."""
        corners = np.asarray(corners, dtype=float)
        ends, part = np.roll(corners, -1, axis=0), np.arange(steps)[None, :, None] / steps
        return self.unproject((corners[:, None] + (ends - corners)[:, None] * part).reshape(-1, 2))

    def grid(self) -> list[np.ndarray]:
        """Return the lines of a map of the whole sky, each (n, 2): every 30° in RA and in Dec."""
        dec, ra = np.linspace(-90, 90, 91), self.ra + np.linspace(-180, 180, 91)[1:-1]
        up = [self._line(np.full(91, turn), dec) for turn in (-180.0, *self._thirty(), 180.0)]
        along = [self.project(ra, np.full(89, at)) for at in np.arange(-60, 61, 30)]
        return [*up, *along]

    def labels(self) -> list[tuple[float, float, str]]:
        """Return the labels of the lines of `grid`: x, y and text."""
        along = [
            (*self._line(np.array([turn]), np.zeros(1))[0], f"{round(self.ra + turn) % 360}°")
            for turn in self._thirty()
            if abs(turn) < 175
        ]
        up = [(*self._line(np.array([180.0]), np.array([at]))[0], f"{at:+.0f}°") for at in (-60.0, -30.0, 30.0, 60.0)]
        return [*along, *up]

    def _thirty(self) -> list[float]:
        """Return the multiples of 30° in RA, as angles from the middle of the map."""
        return sorted(float(self._turn(np.array([ra]))[0]) for ra in range(0, 360, 30))

    def _line(self, turn: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the places (n, 2) of a Mollweide map at angles from its middle, of which 180° is the left edge."""
        angle = np.interp(np.sin(np.radians(dec)), _SINES, _ANGLES)
        return np.column_stack([2 * np.sqrt(2) / 180 * turn * np.cos(angle), np.sqrt(2) * np.sin(angle)])

    def _turn(self, ra: np.ndarray) -> np.ndarray:
        """Return the angle in RA from the centre, from -180 up to 180 degrees."""
        return (np.asarray(ra, dtype=float) - self.ra + 180) % 360 - 180


def _vectors(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    a, d = np.radians(ra), np.radians(dec)
    return np.cos(a) * np.cos(d), np.sin(a) * np.cos(d), np.sin(d)


def _cosine(ra: np.ndarray, dec: np.ndarray, ra0: float, dec0: float) -> np.ndarray:
    """Return the cosine of the distances from a position, all in degrees."""
    here = _vectors(np.array([ra0]), np.array([dec0]))
    return sum(one * at[0] for one, at in zip(_vectors(ra, dec), here, strict=True))


def _opposite_of_gap(ra: np.ndarray) -> float:
    """Return the RA opposite to the widest range without objects, so that the edge of the map cuts nothing; or 180."""
    empty = np.histogram(ra % 360, bins=36, range=(0, 360))[0] == 0
    if not empty.any():
        return 180.0
    runs = [next((k for k in range(36) if not empty[(first + k) % 36]), 36) for first in range(36)]
    first = int(np.argmax(runs))
    return float((first * 10 + runs[first] * 5 + 180) % 360)
