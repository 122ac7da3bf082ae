"""Checks of a new `CutoutSet`. Each message names the argument, what was expected, what was given, and a remedy."""

import numpy as np
import pandas as pd

from galviz.io.lazy_array import LazyRows

WCS_COLUMNS = ("crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2")
SOURCE_COLUMNS = ("object_id", "x", "y", "kind")
UNITS = ("nanomaggy", "display", "flux")  # flux: linear, without a zero point


def check_shapes(images: LazyRows, coverage: LazyRows | None, bands: tuple[str, ...], rows: int) -> None:
    """Raise a ValueError if images, coverage, band names and number of rows do not match."""
    if len(images.shape) != 4 or images.dtype != np.float32:
        got = f"{images.dtype} of shape {images.shape}"
        raise ValueError(f"images: expected float32 of shape (N, B, H, W), got {got}. Use images.astype('float32').")
    if len(bands) != images.shape[1] or len(set(bands)) != len(bands):
        raise ValueError(
            f"bands: expected {images.shape[1]} different names for images of shape {images.shape}, "
            f"got {len(bands)} {bands}. Axis 1 of images is the band axis."
        )
    if rows != images.shape[0]:
        raise ValueError(
            f"catalogue: expected {images.shape[0]} rows, one an image, got {rows}. Give it in the order of the images."
        )
    if coverage is not None and (coverage.shape != images.shape or coverage.dtype != bool):
        got = f"{coverage.dtype} of shape {coverage.shape}"
        raise ValueError(f"coverage: expected bool of the images' shape {images.shape}, got {got}.")


def check_unit(unit: str) -> None:
    """Raise a ValueError if the unit is unknown."""
    if unit not in UNITS:
        raise ValueError(
            f"unit: expected {UNITS[0]!r} or {UNITS[1]!r}, got {unit!r}. Scale fluxes to nanomaggies (zero point 22.5 "
            f"mag), call those without a zero point {UNITS[2]!r}, or call pixels that are shown unchanged 'display'."
        )


def pixel_scales(pixel_scale: float | np.ndarray, rows: int) -> np.ndarray:
    """Return one pixel scale per object, positive or NaN, as a read-only float64 array of shape (N,)."""
    scales = np.array(pixel_scale, dtype=np.float64)
    if scales.ndim > 1 or scales.shape not in {(), (rows,)} or (scales <= 0).any():
        raise ValueError(f"pixel_scale: expected one or {rows} positive numbers in arcsec, got {pixel_scale!r}.")
    scales = np.broadcast_to(scales, (rows,)).copy()
    scales.setflags(write=False)
    return scales


def aligned_wcs(wcs: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Return the columns `WCS_COLUMNS` as float64. Raise a ValueError if they or the index do not match."""
    missing = [name for name in WCS_COLUMNS if name not in wcs.columns]
    if missing or not wcs.index.equals(index):
        raise ValueError(
            f"wcs: expected columns {WCS_COLUMNS} and the catalogue's index, "
            f"got columns {tuple(wcs.columns)} and {'another' if not missing else 'an'} index."
        )
    return wcs[list(WCS_COLUMNS)].astype(np.float64).rename_axis("object_id")


def checked_sources(sources: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Return the sources with a new row index. Raise a ValueError if columns are missing or ids are unknown."""
    missing = [name for name in SOURCE_COLUMNS if name not in sources.columns]
    if missing:
        raise ValueError(f"sources: expected columns {SOURCE_COLUMNS}, got none named {', '.join(missing)}.")
    strange = ~sources["object_id"].isin(index)
    if strange.any():
        raise ValueError(f"sources: expected ids of the catalogue, got {sources.loc[strange, 'object_id'].iloc[0]!r}.")
    return sources.reset_index(drop=True)
