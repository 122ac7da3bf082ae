"""Zero points of magnitudes, from headers or from the user, with which pixels become nanomaggies."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from galviz.sky.readers.fits_images import Cutout

NANOMAGGY = 22.5
"""The AB magnitude of one nanomaggy."""


class Points(NamedTuple):
    """How pixels become nanomaggies."""

    values: tuple[float, ...] | None
    """Zero point of each band; None: as the header of each object says."""
    note: str


def zero_points(
    given: str, bands: Sequence[str], unit: str | None, headers: Sequence[tuple[str, tuple[float, ...]] | None]
) -> Points | None:
    """Return the zero points of scientific images; None if they are not known, or not wanted.

    Parameters
    ----------
    given : str
        Of the user: ``"27"``, or ``"g=27.1,r=26.8"``; ``""`` takes those of the headers.
    bands : sequence of str
    unit : str or None
        Of the user. Pixels whose unit is given are not changed.
    headers : sequence of ((str, tuple of float) or None)
        Keyword and zero points of some of the files.

    Raises
    ------
    ValueError
        If the text cannot be read, a band lacks, or a unit is given as well.
    """
    if given:
        if unit not in (None, "nanomaggy"):
            raise ValueError(f"zero-point: expected no other unit than nanomaggy, got {unit}. Leave --unit out.")
        values = _parsed(given, bands)
        listed = ", ".join(f"{band} {value:g}" for band, value in zip(bands, values, strict=True))
        return Points(values, f"zero points {listed}: pixels become nanomaggies")
    if unit is not None or not headers or None in headers:
        return None
    keys, values = zip(*headers, strict=True)
    flat = [value for each in values for value in each]
    span = f"{min(flat):g}" if min(flat) == max(flat) else f"{min(flat):g} … {max(flat):g}"
    found = f"zero points {span} from {', '.join(sorted(set(keys)))} in the headers"
    return Points(None, f"{found}: pixels become nanomaggies (--unit flux keeps them)")


def _parsed(text: str, bands: Sequence[str]) -> tuple[float, ...]:
    pairs = [part.partition("=") for part in text.split(",")]
    named = {name.strip(): value for name, equals, value in pairs if equals}
    try:
        if not named:
            return (float(text),) * len(bands)
        values = tuple(float(named[band]) for band in bands)
    except (ValueError, KeyError):
        values = ()
    if (
        len(named) != len(pairs)
        or len(pairs) != len(values)
        or len(values) != len(bands)
        or not np.isfinite(values).all()
    ):
        wanted = ",".join(f"{band}=27" for band in bands)
        raise ValueError(f"zero-point: expected a magnitude such as 27, or {wanted}, got {text!r}.")
    return values


@dataclass(frozen=True)
class Calibrated:
    """An object whose pixels become nanomaggies when it is read, in any process."""

    raw: Any
    points: tuple[float, ...] | None

    @property
    def paths(self) -> tuple[Any, ...]:
        """The files of the object."""
        return getattr(self.raw, "paths", (getattr(self.raw, "path", ""),))

    @property
    def nbytes(self) -> int:
        """Bytes that it holds in memory."""
        return getattr(getattr(self.raw, "pixels", None), "nbytes", 0)

    def read(self) -> Cutout:
        """Read the pixels. Raise a ValueError if the zero point is not known."""
        found = self.raw.read() if hasattr(self.raw, "read") else self.raw
        if not isinstance(found, Cutout):
            raise ValueError("expected a scientific image, got a colour picture, which has no zero point")  # noqa: TRY004 - a bad file
        points = found.zero_points if self.points is None else self.points
        if points is None:
            raise ValueError(
                f"{self.paths[0] or 'images'}: expected a zero point in its header as in the other files, got none. "
                "Give it as --zero-point, or keep the pixels as they are: --unit flux."
            )
        factor = 10 ** (0.4 * (NANOMAGGY - np.array(points)))
        return found._replace(pixels=found.pixels * factor.astype(np.float32)[:, None, None])


def calibrated(read: Any, points: tuple[float, ...] | None) -> Iterator[Any]:
    """Yield the objects of `read`, a function that returns an iterator, with pixels that become nanomaggies."""
    return (raw if isinstance(raw, ValueError) else Calibrated(raw, points) for raw in read())
