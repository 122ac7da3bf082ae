"""`CutoutSet`: images of N objects with their catalogue, the data that every training and every page starts from."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd

from galviz.io.ids import check_ids
from galviz.io.lazy_array import LazyRows, spaced
from galviz.sky.checks import aligned_wcs, check_shapes, check_unit, checked_sources, pixel_scales

if TYPE_CHECKING:
    from astropy.wcs import WCS

_CHUNK = 256  # images read at a time when all of them are read


class CutoutSet:
    """Cutouts of N objects in B bands, keyed by `object_id`. Immutable; checked when it is created.

    Parameters
    ----------
    images : array-like, float32, shape (N, B, H, W)
        NumPy array, memory map or Zarr array, in `unit` per pixel. Read by slices, never all at once. NaN is refused.
    bands : sequence of str
        Names of axis 1, for example ``("u", "g", "r", "i", "z")``.
    catalogue : pandas.DataFrame
        One row per object, in the order of the images. Its index, ``object_id``, holds unique strings.
    pixel_scale : float or array of float, shape (N,)
        Pixel size in arcsec. It differs between objects if cutouts have a fixed size in Mpc. NaN where not known.
    unit : str
        ``"nanomaggy"`` (flux per pixel: a sum over pixels is a flux), ``"flux"`` (the same without a zero point), or
        ``"display"`` for display pixels.
    coverage : array-like of bool, shape (N, B, H, W), optional
        False where nothing was observed; the image must be 0 there. By default everything was observed.
    wcs : pandas.DataFrame, optional
        Tangent-plane (TAN) coordinates of each cutout, with the index of the catalogue and the columns
        `galviz.sky.checks.WCS_COLUMNS` (degrees; FITS convention: pixels count from 1).
    sources : pandas.DataFrame, optional
        Known sources in the cutouts: columns ``object_id``, ``x``, ``y`` (pixels from 0 along W and H), ``kind``
        (``"bcg"``, ``"member"``, ``"field"``, ``"star"``) and, if known, ``p_mem`` and more.
    origin : str
        Origin of the data, as pages show it: ``"synthetic sky"``, ``"SDSS DR17 frames"``, …
    survey : str
        A name in `galviz.sky.surveys`, or ``""``.
    checked : bool
        True if the pixels are known to be finite, because they were checked when saved. No pixel is read then.

    Raises
    ------
    ValueError
        If shapes, names or ids do not agree, or a pixel is NaN or infinite.
    TypeError
        If ids are not strings.
    """

    def __init__(
        self,
        *,
        images: Any,
        bands: Iterable[str],
        catalogue: pd.DataFrame,
        pixel_scale: float | np.ndarray,
        unit: str,
        coverage: Any = None,
        wcs: pd.DataFrame | None = None,
        sources: pd.DataFrame | None = None,
        origin: str = "your own images",
        survey: str = "",
        checked: bool = False,
    ) -> None:
        self._images = _lazy(images)
        self._coverage = None if coverage is None else _lazy(coverage)
        self._bands = tuple(bands)
        self._catalogue = catalogue.copy()
        self._catalogue.index.name = "object_id"
        check_shapes(self._images, self._coverage, self._bands, len(catalogue))
        check_ids(self._catalogue.index)
        check_unit(unit)
        self._pixel_scale = pixel_scales(pixel_scale, len(catalogue))
        self._wcs = None if wcs is None else aligned_wcs(wcs, self._catalogue.index)
        self._sources = None if sources is None else checked_sources(sources, self._catalogue.index)
        self._unit, self._origin, self._survey = unit, origin, survey
        if not checked:
            _check_pixels(self)

    def __len__(self) -> int:
        return len(self._catalogue)

    def __repr__(self) -> str:
        _, bands, height, width = self._images.shape
        size = f"{bands} bands {' '.join(self._bands)}, {width}×{height} px"
        return f"<CutoutSet of {len(self)} objects, {size}: {self._origin}>"

    path: Path | None = None
    """The folder of a saved set that was opened as a whole; None for other sets."""

    @property
    def images(self) -> LazyRows:
        """Pixels, float32, shape (N, B, H, W). They are read when they are indexed."""
        return self._images

    @property
    def coverage(self) -> LazyRows | None:
        """True where a pixel was observed, shape (N, B, H, W). None if all were."""
        return self._coverage

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of axis 1 of the images."""
        return self._bands

    @property
    def catalogue(self) -> pd.DataFrame:
        """One row per object, indexed by `object_id`. A copy: changing it does not change the set."""
        return self._catalogue.copy(deep=False)

    @property
    def object_ids(self) -> np.ndarray:
        """Ids, str, shape (N,), in the order of the images."""
        return self._catalogue.index.to_numpy(dtype=object)

    @property
    def pixel_scale(self) -> np.ndarray:
        """Pixel size of each cutout in arcsec, float64, shape (N,)."""
        return self._pixel_scale

    @property
    def wcs(self) -> pd.DataFrame | None:
        """Tangent-plane coordinates of each cutout, or None if they are not known."""
        return None if self._wcs is None else self._wcs.copy(deep=False)

    @property
    def sources(self) -> pd.DataFrame | None:
        """Known sources in the cutouts, one row per source, or None."""
        return None if self._sources is None else self._sources.copy(deep=False)

    @property
    def unit(self) -> str:
        """Unit of the pixels."""
        return self._unit

    @property
    def origin(self) -> str:
        """Origin of the data, as pages show it."""
        return self._origin

    @property
    def survey(self) -> str:
        """Name of the survey in `galviz.sky.surveys`, or ``""``."""
        return self._survey

    def row_of(self, ids: Iterable[str]) -> np.ndarray:
        """Return the rows of objects in the images.

        Parameters
        ----------
        ids : iterable of str, length n
            Any of `object_ids`, in any order.

        Returns
        -------
        numpy.ndarray of int, shape (n,)

        Raises
        ------
        KeyError
            If an id is not in the set. The message names the first of them.
        """
        ids = [ids] if isinstance(ids, str) else list(ids)
        index = self._catalogue.index
        texts = all(isinstance(value, str) for value in ids)
        wanted = pd.Index(ids, dtype=index.dtype if texts else object)  # same dtype, or pandas copies the whole index
        rows = index.get_indexer(wanted)
        if (rows < 0).any():
            first = wanted[rows < 0][0]
            raise KeyError(f"ids: expected ids of this set of {len(self)} objects, got {first!r}, which is not in it.")
        return rows

    def select(self, ids: Iterable[str]) -> "CutoutSet":
        """Return the set of these objects, in this order. No pixel is read or copied.

        Parameters
        ----------
        ids : iterable of str
            Any of `object_ids`, each at most once.

        Returns
        -------
        CutoutSet
        """
        rows = self.row_of(ids)
        catalogue = self._catalogue.iloc[rows]
        return self._like(
            images=self._images.take(rows),
            coverage=None if self._coverage is None else self._coverage.take(rows),
            catalogue=catalogue,
            pixel_scale=self._pixel_scale[rows],
            wcs=None if self._wcs is None else self._wcs.iloc[rows],
            sources=None if self._sources is None else self._sources[self._sources["object_id"].isin(catalogue.index)],
        )

    def batches(self, size: int = _CHUNK) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
        """Yield the set in order, in batches of `size` objects.

        Yields
        ------
        ids : numpy.ndarray of str, shape (n,)
        images : numpy.ndarray of float32, shape (n, B, H, W)
        coverage : numpy.ndarray of bool, shape (n, B, H, W), or None if everything was observed
        """
        for start in range(0, len(self), size):
            part = slice(start, min(start + size, len(self)))
            coverage = None if self._coverage is None else self._coverage[part]
            yield self.object_ids[part], self._images[part], coverage

    def wcs_of(self, object_id: str) -> "WCS":
        """Return the WCS of one cutout.

        Raises
        ------
        ValueError
            If the set has no WCS.
        """
        if self._wcs is None:
            raise ValueError("wcs: expected a set with coordinates, got one without. Make it from files with a WCS.")
        from galviz.sky.resample import tangent_plane  # late: a page without coordinates needs no astropy.wcs

        row = self._wcs.iloc[self.row_of([object_id])[0]]
        wcs = tangent_plane(row)
        wcs.array_shape = self._images.shape[2:]
        return wcs

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the bands, unit, shape, catalogue, and the pixels of up to 64 evenly spaced objects."""
        digest = hashlib.sha256(repr((self._bands, self._unit, self._images.shape)).encode())
        digest.update(self._catalogue.to_csv().encode())
        if len(self):
            rows = spaced(np.arange(len(self)), 64)
            digest.update(np.ascontiguousarray(self._images[rows]).tobytes())
        return digest.hexdigest()

    def save(self, path: str | Path) -> Path:
        """Write the set to a new folder (Zarr v3 and Parquet). See `galviz.sky.storage.save`."""
        from galviz.sky import storage

        return storage.save(self, path)

    @classmethod
    def open(cls, path: str | Path, bands: tuple[str, ...] | None = None) -> Self:
        """Open a saved set without reading pixels. See `galviz.sky.storage.open_cutouts`.

        With `bands`, a set with other bands raises a ValueError.
        """
        from galviz.sky import storage

        opened = storage.open_cutouts(path, cls)
        if bands is not None and opened.bands != bands:
            raise ValueError(
                f"data: expected the bands {bands}, got {opened.bands} in {path}. Use a sky that has them."
            )
        opened.path = Path(path).resolve()
        return opened

    @staticmethod
    def append(path: str | Path, more: "CutoutSet") -> None:
        """Add objects to a saved set. See `galviz.sky.storage.append`."""
        from galviz.sky import storage

        storage.append(path, more)

    def _like(self, **changes: Any) -> "CutoutSet":
        same = {"bands": self._bands, "unit": self._unit, "origin": self._origin, "survey": self._survey}
        return CutoutSet(**(same | changes), checked=True)


def _lazy(array: Any) -> LazyRows:
    return array if isinstance(array, LazyRows) else LazyRows(array)


def _check_pixels(cutouts: CutoutSet) -> None:
    for ids, images, coverage in cutouts.batches():
        bad = ~np.isfinite(images).all(axis=(1, 2, 3))
        if bad.any():
            raise ValueError(
                f"images: expected finite pixels, got NaN or infinity in {ids[bad][0]!r}. "
                "Set what was not observed to 0 and say so in coverage."
            )
        if coverage is not None and (images[~coverage] != 0).any():
            raise ValueError("images: expected 0 where coverage is False, got other values. Set those pixels to 0.")
