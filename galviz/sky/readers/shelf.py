"""Access to many fields with only a few in memory, and assembly of the cutouts made from them."""

import os
import shutil
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from astropy.coordinates import angular_separation
from astropy.wcs import WCS

from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.frames import Field, all_bands, find_fields, read_field, read_outline
from galviz.sky.resample import resample, tangent_plane
from galviz.sky.surveys import SDSS

REFERENCE = SDSS.bands.index("r")
"""The band whose frame defines the position of a field."""

Sources = Field | str | Path | Sequence[Field | str | Path]
"""Fields, or folders with frames in or below them."""


Damaged = Literal["raise", "skip"]
"""How an unreadable field is treated: as an error, or left out with a warning that gives the reason."""

Known = pd.DataFrame | None
"""Known sources by ra and dec, or None."""

_PLACES = ("object_id", "ra", "dec", "kind")


class Shelf:
    """Fields by index: names and outlines of all, pixels of a few at a time.

    Parameters
    ----------
    fields : Field, path or sequence of them
    damaged : {"raise", "skip"}
    held : int
        Number of fields whose pixels are kept in memory, about 61 MB each.

    Attributes
    ----------
    names : list of str, length F
    outlines : list of (astropy.wcs.WCS, (int, int)), length F
        Coordinates and shape (H, W) of each r frame.
    """

    def __init__(self, fields: Sources, damaged: Damaged = "raise", held: int = 1) -> None:
        if damaged not in {"raise", "skip"}:
            raise ValueError(f"damaged: expected 'raise' or 'skip', got {damaged!r}.")
        self._skip, self._held = damaged == "skip", held
        self._sources: list[Field | tuple[Path, ...] | None] = []
        self.names, self.outlines = [], []
        for entry in [fields] if isinstance(fields, Field | str | Path) else fields:
            for name, source in ({entry.name: entry} if isinstance(entry, Field) else find_fields(entry)).items():
                self._add(name, source)
        if not self.names:
            raise ValueError("fields: expected at least one field, got none. Give a Field or a folder with frames.")
        self._middles = [wcs.wcs_pix2world(w / 2 - 0.5, h / 2 - 0.5, 0) for wcs, (h, w) in self.outlines]
        self._last: dict[int, Field] = {}

    def _add(self, name: str, source: Field | tuple[Path, ...]) -> None:
        try:
            outline = _outline(name, source)
        except (OSError, ValueError) as error:
            self._left_out(name, error)
        else:
            self.names.append(name)
            self.outlines.append(outline)
            self._sources.append(source)

    def _left_out(self, name: str, error: Exception) -> None:
        if not self._skip:
            raise error
        warnings.warn(f"fields: left out {name}: {error}", stacklevel=4)

    def field(self, k: int) -> Field | None:
        """Return field k, from memory or from disk, or None if it is damaged and skipped."""
        source = self._sources[k]
        if source is None or isinstance(source, Field):
            return source
        if k not in self._last:
            while len(self._last) >= self._held:  # let go of one before the next is read
                self._last.pop(next(iter(self._last)))
            try:
                self._last[k] = read_field(source)
            except (OSError, ValueError) as error:
                self._left_out(self.names[k], error)
                self._sources[k] = None
        return self._last.get(k)

    def distance(self, k: int, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Return the distance from the centre of field k in arcmin; `ra` and `dec` in degrees, any shape."""
        return np.degrees(angular_separation(*np.radians(self._middles[k]), np.radians(ra), np.radians(dec))) * 60

    def reaches(self, k: int, plane: Mapping[str, float], size: int) -> bool:
        """Return whether field k may overlap a cutout, from the circles around both."""
        wcs, shape = self.outlines[k]
        field = np.hypot(*shape) / 2 * np.sqrt(abs(np.linalg.det(wcs.wcs.cd)))
        cutout = np.hypot(size, size) / 2 * pixel_side(plane)
        return bool(self.distance(k, plane["crval1"], plane["crval2"]) < 60 * (field + cutout))


def pixel_side(plane: Mapping[str, float] | pd.DataFrame) -> float | pd.Series:
    """Return the pixel size of a tangent plane, or of each of many, in degrees."""
    return np.sqrt(np.abs(plane["cd1_1"] * plane["cd2_2"] - plane["cd1_2"] * plane["cd2_1"]))


def fill(image: np.ndarray, coverage: np.ndarray, field: Field, target: WCS) -> None:
    """Fill in from a field, in place, the pixels (5, H, W) of one cutout that are not covered yet."""
    for band, (frame, wcs) in enumerate(zip(field.images, field.wcs, strict=True)):
        flux, covered = resample(frame, wcs, target, image.shape[1:])
        new = covered & ~coverage[band]
        image[band][new] = flux[new]
        coverage[band] |= new


def check_places(sources: Known) -> None:
    """Raise a ValueError if the sources lack a column."""
    missing = [] if sources is None else [name for name in _PLACES if name not in sources.columns]
    if missing:
        got = tuple(sources.columns)
        raise ValueError(f"sources: expected columns {_PLACES}, got {got}, none named {missing[0]}. Rename columns.")


def cutout_set(
    images: np.ndarray,
    coverage: np.ndarray,
    catalogue: pd.DataFrame,
    planes: Sequence[Mapping[str, float]],
    sources: Known = None,
) -> CutoutSet:
    """Return the set of N cutouts of SDSS frames from pixels and coverage (N, 5, H, W) and N tangent planes.

    Of `sources` (object_id, ra, dec, kind and more) those inside the cutout of their object are kept, in pixels.
    """
    wcs = pd.DataFrame(list(planes), index=catalogue.index)
    return CutoutSet(
        images=images,
        bands=SDSS.bands,
        catalogue=catalogue,
        pixel_scale=pixel_side(wcs).to_numpy() * 3600,
        unit="nanomaggy",
        coverage=coverage,
        wcs=wcs,
        sources=None if sources is None else _inside(sources, wcs, images.shape[2:]),
        origin="SDSS DR17 frames",
        survey=SDSS.name,
    )


def collect(parts: Iterable[CutoutSet], out: str | Path | None) -> CutoutSet:
    """Return joined sets of cutouts, in memory or in a new folder `out`, which appears only when it is complete."""
    if out is None:
        return _joined(list(parts))
    out = Path(out)
    if out.exists():
        raise FileExistsError(f"out: expected a new folder, got {out}, which exists. Choose another, or remove it.")
    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        for number, part in enumerate(parts):
            CutoutSet.append(aside, part) if number else part.save(aside)
        if not aside.exists():
            raise _nothing()
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return CutoutSet.open(out)


def _joined(parts: list[CutoutSet]) -> CutoutSet:
    if not parts:
        raise _nothing()
    if len(parts) == 1:
        return parts[0]
    images = np.concatenate([part.images[:] for part in parts])
    coverage = np.concatenate([part.coverage[:] for part in parts])
    planes = pd.concat([part.wcs for part in parts]).to_dict("records")
    listed = [part.sources for part in parts if part.sources is not None]
    sources = pd.concat(listed, ignore_index=True) if listed else None
    return cutout_set(images, coverage, pd.concat([part.catalogue for part in parts]), planes, sources)


def _inside(sources: pd.DataFrame, wcs: pd.DataFrame, shape: tuple[int, int]) -> pd.DataFrame:
    """Return the sources inside the cutouts of their objects, with their pixel positions."""
    sources = sources[sources["object_id"].isin(wcs.index)]
    places = np.empty((len(sources), 2))
    for object_id, rows in sources.reset_index().groupby("object_id").indices.items():
        sky = sources.iloc[rows][["ra", "dec"]].to_numpy(float)
        places[rows] = tangent_plane(wcs.loc[object_id]).wcs_world2pix(sky, 0)
    placed = sources.assign(x=places[:, 0], y=places[:, 1])
    height, width = shape
    return placed[placed["x"].between(-0.5, width - 0.5) & placed["y"].between(-0.5, height - 0.5)]


def _nothing() -> ValueError:
    return ValueError("fields: expected at least one readable field with objects, got none. See the warnings before.")


def _outline(name: str, source: Field | tuple[Path, ...]) -> tuple[WCS, tuple[int, int]]:
    if isinstance(source, Field):
        return source.wcs[REFERENCE], source.images.shape[1:]
    return read_outline(all_bands(name, source)[REFERENCE])
