"""Source-centred cutouts from SDSS frames: every source detected in r, stars and galaxies alike."""

from collections import Counter
from collections.abc import Callable

import astropy.units as u
import numpy as np
import pandas as pd
from astropy.stats import sigma_clipped_stats
from photutils.aperture import CircularAperture
from photutils.detection import find_peaks
from scipy.ndimage import gaussian_filter, uniform_filter

from galviz.sky.cutouts import CutoutSet
from galviz.sky.photometry import ab_to_flux, flux_to_ab
from galviz.sky.readers.frames import Field
from galviz.sky.readers.sdss import cutouts
from galviz.sky.readers.shelf import REFERENCE, Damaged, Shelf, Sources
from galviz.sky.surveys import SDSS

SATURATED = (12.0, 14.1, 14.1, 13.8, 12.3)
"""Magnitude per band at which stars begin to saturate in SDSS (Stoughton et al. 2002, AJ 123, 485)."""

APERTURE = 3.0
"""Radius in which `mag_r` is measured, arcsec."""

_BLUR = 1.35  # pixels: a Gaussian like the point-spread function in r, which finds faint sources best
_BOX = 7  # pixels: of two peaks nearer than half of it, the brighter is the source
_RIM = 12  # pixels at the edges of a frame that are not searched
_BESIDE = 15  # pixels: a square as wide holds the light of a star
_PART = 256


def detect(
    fields: Sources,
    *,
    size: int = 32,
    threshold: float = 4.0,
    damaged: Damaged = "raise",
    progress: Callable[[int, int], None] | None = None,
) -> tuple[CutoutSet, dict[str, int]]:
    """Return cutouts, in all bands and at the pixel scale of the survey, of all sources detected in the r frames.

    A source is a peak of the r frame, blurred with its point-spread function, above `threshold` times the noise of the
    blurred frame. Cutouts are north up, centred on the r position, and put on one grid through each band's coordinates.

    Parameters
    ----------
    fields : Field, path or sequence of them
        As in `galviz.sky.readers.sdss.cutouts`. One field is in memory at a time.
    size : int
        Height and width of a cutout, pixels of 0.396 arcsec.
    threshold : float
        In units of the noise of the blurred r frame.
    damaged : {"raise", "skip"}
        How unreadable fields are treated.
    progress : callable, optional
        Called after each field with the number of finished fields and the number of all fields.

    Returns
    -------
    cutouts : CutoutSet
        Images (N, 5, size, size), nanomaggies per pixel. ``object_id`` is field and number: ``"001035-6-0017_00042"``.
        Catalogue: ra, dec (degrees), mag_r (AB, in an aperture of 3 arcsec radius; NaN where the flux is negative),
        signal (peak in units of the noise), field. Objects of one field belong in one fold.
    dropped : dict of str to int
        How many sources were left out: ``"edge"`` (the cutout leaves a frame in some band), ``"saturated"`` (6
        arcsec of it are as bright as a saturated star), ``"twice"`` (nearer the middle of an overlapping field).

    Raises
    ------
    ValueError
        If nothing is found, or a field lacks a band.
    OSError
        If a file is damaged. The message names it.
    """
    if not threshold > 0:
        raise ValueError(f"threshold: expected a positive number of noises, got {threshold!r}.")
    shelf = Shelf(fields, damaged)
    found = []
    for k in range(len(shelf.names)):
        field = shelf.field(k)
        found += [] if field is None else [sources(field, threshold)]
        if progress is not None:
            progress(k + 1, 2 * len(shelf.names))
    positions = pd.concat(found) if found else pd.DataFrame()
    if positions.empty:
        raise ValueError(f"fields: expected sources above {threshold} times the noise, got none. Lower threshold.")
    field_names = positions["field"].to_numpy(dtype=object)

    def later(done: int, total: int) -> None:
        if progress is not None:
            progress(total + done, 2 * total)

    side = size * SDSS.pixel_scale * u.arcsec
    cut = cutouts(fields, positions, size=size, side=side, damaged=damaged, progress=later)
    return _without_bad(cut, field_names)


def sources(field: Field, threshold: float = 4.0) -> pd.DataFrame:
    """List the sources of the r frame of one field.

    Parameters
    ----------
    field : Field
    threshold : float
        As in `detect`.

    Returns
    -------
    pandas.DataFrame
        Indexed by `object_id`, numbered from the brightest peak on; columns ra, dec, mag_r, signal, field as `detect`
        gives them.
    """
    image = field.images[REFERENCE]
    blurred = gaussian_filter(image, _BLUR)
    _, sky, noise = sigma_clipped_stats(blurred[::3, ::3])
    inner = blurred[_RIM:-_RIM, _RIM:-_RIM]
    if not (inner > sky + threshold * noise).any():
        return pd.DataFrame()
    peaks = find_peaks(inner, sky + threshold * noise, box_size=_BOX)
    x, y = (np.asarray(peaks[name], dtype=int) + _RIM for name in ("x_peak", "y_peak"))
    height = blurred[y, x]
    order = np.lexsort((x, y, -height))
    x, y, height = x[order], y[order], height[order]
    places = np.transpose([x + _shift(blurred, y, x, 0, 1), y + _shift(blurred, y, x, 1, 0)])
    radius = APERTURE / SDSS.pixel_scale
    flux = CircularAperture(places, radius).do_photometry(image - np.float32(sky))[0]
    world = field.wcs[REFERENCE].wcs_pix2world(places, 0)
    ids = pd.Index([f"{field.name}_{k:05d}" for k in range(len(x))], name="object_id")
    signal = (height - sky) / noise
    columns = {"ra": world[:, 0], "dec": world[:, 1], "mag_r": flux_to_ab(flux), "signal": signal}
    return pd.DataFrame(columns | {"field": field.name}, index=ids)


def _shift(image: np.ndarray, y: np.ndarray, x: np.ndarray, dy: int, dx: int) -> np.ndarray:
    """Return the maximum of the parabola through a peak and its two neighbours, in pixels from the peak."""
    before, at, after = image[y - dy, x - dx], image[y, x], image[y + dy, x + dx]
    bend = before - 2 * at + after
    return np.where(bend < 0, np.clip(0.5 * (before - after) / np.where(bend < 0, bend, -1), -0.5, 0.5), 0.0)


def _without_bad(cut: CutoutSet, field_names: np.ndarray) -> tuple[CutoutSet, dict[str, int]]:
    """Leave out what is not whole, and count why."""
    limit = ab_to_flux(SATURATED)[:, None, None]
    why = np.where(cut.catalogue["field"].to_numpy(dtype=object) == field_names, "", "twice").astype(object)
    start = 0
    for _, images, coverage in cut.batches(_PART):
        part = why[start : start + len(images)]
        whole = np.ones(len(images), bool) if coverage is None else coverage.all(axis=(1, 2, 3))
        part[(part == "") & ~whole] = "edge"
        beside = uniform_filter(images, (0, 0, _BESIDE, _BESIDE), mode="constant") * _BESIDE**2
        part[(part == "") & (beside > limit).any(axis=(1, 2, 3))] = "saturated"
        start += len(images)
    dropped = Counter(why[why != ""])
    if (why != "").all():
        raise ValueError(f"fields: expected whole cutouts, got none of {len(why)}: {dict(dropped)}. Use smaller ones.")
    kept = cut.select(cut.object_ids[why == ""])
    return kept, {reason: dropped[reason] for reason in ("edge", "saturated", "twice")}
