"""Constants of surveys: bands, pixel scale, zero point, asinh softening, AB offsets, wavelengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

NANOMAGGY_ZERO_POINT = 22.5
"""AB magnitude of a flux of one nanomaggy."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Constants of a survey for photometry.

    Values per band are tuples in the order of `bands`. `of` selects from them by band name.

    Parameters
    ----------
    name : str
        Name used in code and in `CutoutSet.survey`, e.g. ``"sdss"``.
    label : str
        Name for a reader, e.g. ``"SDSS"``.
    bands : tuple of str
        The B bands, from blue to red.
    pixel_scale : float
        Native pixel scale, arcsec/pixel.
    zero_point : float
        AB magnitude of a flux of 1 in the survey's unit; 22.5 for the nanomaggy.
    softening : tuple of float
        (B,) asinh softening b, in units of the flux of a source of magnitude 0 (10⁹ nanomaggies).
    ab_offsets : tuple of float
        (B,) offset in mag: m_AB = m_survey + offset.
    wavelengths : tuple of float
        (B,) effective wavelength, Å.
    band_labels : tuple of str
        (B,) label of each band for axes and captions.

    Raises
    ------
    ValueError
        If a per-band tuple has not as many entries as there are bands.
    """

    name: str
    label: str
    bands: tuple[str, ...]
    pixel_scale: float
    zero_point: float = NANOMAGGY_ZERO_POINT
    softening: tuple[float, ...]
    ab_offsets: tuple[float, ...]
    wavelengths: tuple[float, ...]
    band_labels: tuple[str, ...]

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and len(value) != len(self.bands):
                raise ValueError(
                    f"{field.name}: expected {len(self.bands)} values, one a band {self.bands}, got {len(value)}. "
                    "Give them in the order of bands."
                )

    def of(self, field: str, bands: str | Sequence[str]) -> np.ndarray:
        """Return the values of a per-band field by band name.

        Parameters
        ----------
        field : str
            ``"softening"``, ``"ab_offsets"``, ``"wavelengths"`` or ``"band_labels"``.
        bands : str or sequence of str
            One band, or K bands in any order.

        Returns
        -------
        np.ndarray
            () for one band, (K,) for a sequence.

        Raises
        ------
        ValueError
            If a band is not one of the survey's.
        """
        names = (bands,) if isinstance(bands, str) else tuple(bands)
        unknown = tuple(name for name in names if name not in self.bands)
        if unknown:
            raise ValueError(
                f"bands: expected names among {self.bands} for the survey {self.name!r}, got {unknown}. "
                "Band names are case-sensitive."
            )
        values = np.array([getattr(self, field)[self.bands.index(name)] for name in names])
        return values[0] if isinstance(bands, str) else values


SDSS = Survey(
    name="sdss",
    label="SDSS",
    bands=("u", "g", "r", "i", "z"),
    pixel_scale=0.396,
    softening=(1.4e-10, 0.9e-10, 1.2e-10, 1.8e-10, 7.4e-10),
    ab_offsets=(-0.04, 0.0, 0.0, 0.0, 0.02),
    wavelengths=(3551.0, 4686.0, 6166.0, 7480.0, 8932.0),
    band_labels=("SDSS u", "SDSS g", "SDSS r", "SDSS i", "SDSS z"),
)
"""Sloan Digital Sky Survey, corrected frames in nanomaggies.

References
----------
Lupton, Gunn & Szalay (1999), AJ 118, 1406 (softening); Fukugita et al. (1996), AJ 111, 1748 (wavelengths);
SDSS DR17, "Measures of flux and magnitude" (softening table, nanomaggies, AB offsets).
"""

SURVEYS: dict[str, Survey] = {SDSS.name: SDSS}
"""The surveys by name."""


def survey(name: str) -> Survey:
    """Return the survey with this name.

    Parameters
    ----------
    name : str
        A key of `SURVEYS`, e.g. ``"sdss"``.

    Returns
    -------
    Survey
        Its numbers.

    Raises
    ------
    ValueError
        If there is no survey of that name; the message lists the known ones.
    """
    if name not in SURVEYS:
        known = ", ".join(repr(known) for known in sorted(SURVEYS))
        raise ValueError(
            f"survey: expected one of {known}, got {name!r}. Describe another one with galviz.sky.surveys.Survey(...)."
        )
    return SURVEYS[name]
