"""Cutouts as FITS images: a cube (B, H, W) an object with its coordinates, read and written a few at a time."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import quote as percent

import numpy as np
from astropy.io import fits

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.formats import common
from galviz.sky.formats.fits_table import write_hdu, write_json

_AT_ONCE = 16 * 2**20  # bytes of pixels read together


def write(cutouts: CutoutSet, out: BinaryIO, passport: Mapping[str, Any]) -> None:
    """Write one multi-extension file; memory does not grow with N.

    The primary array has the passport as JSON. Each object follows as an image named after it: a cube (B, H, W) of
    float32 with ``OBJECT`` (the id), ``BUNIT``, ``BAND1`` …, ``PIXSCALE`` (arcsec) and, where they are known,
    tangent-plane coordinates, its third axis counting the bands; where there is a coverage, it comes next (uint8, 1 =
    observed).
    """
    write_json(out, fits.PrimaryHDU, {"passport": dict(passport)})
    for _, image, covered, header in _objects(cutouts, passport):
        name = header["OBJECT"]
        write_hdu(out, fits.ImageHDU(image, header, name=name))
        if covered is not None:
            write_hdu(out, _coverage(covered, header, f"{name} COVERAGE"))


def files(cutouts: CutoutSet, passport: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Make a file an object, its image first; see `write`.

    Yields
    ------
    name : str
        The id, percent-encoded where a file's name cannot hold it, and ``.fits``.
    content : bytes
    """
    for object_id, image, covered, header in _objects(cutouts, passport):
        out = BytesIO()
        write_hdu(out, fits.PrimaryHDU(image, header))
        if covered is not None:
            write_hdu(out, _coverage(covered, header, "COVERAGE"))
        yield f"{percent(object_id, safe='+ ')}.fits", out.getvalue()


def _objects(
    cutouts: CutoutSet, passport: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None, fits.Header]]:
    common_cards = _shared(cutouts, passport)
    wcs = None if cutouts.wcs is None else cutouts.wcs.to_numpy()
    row = 0
    for ids, images, coverage in cutouts.batches(max(1, _AT_ONCE // (4 * int(np.prod(cutouts.images.shape[1:]))))):
        for k, object_id in enumerate(ids):
            header = _header(object_id, cutouts.pixel_scale[row], common_cards)
            if wcs is not None:
                header.update(_coordinates(wcs[row]))
            yield object_id, images[k], None if coverage is None else coverage[k], header
            row += 1


def _shared(cutouts: CutoutSet, passport: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    run = passport.get("run") or {}
    return [
        ("BUNIT", cutouts.unit, "a pixel"),
        *((f"BAND{k}", _ascii(band), f"plane {k}") for k, band in enumerate(cutouts.bands, start=1)),
        ("SURVEY", _ascii(cutouts.survey), ""),
        ("SKY", _ascii(cutouts.origin), "where the sky comes from"),
        ("GVVER", passport.get("galviz", ""), "galviz"),
        ("GVRUN", _ascii(run.get("name", "")), "trained network"),
        ("GVIDS", passport.get("ids", {}).get("sha256", ""), "the selection, see passport"),
    ]


def _header(object_id: str, pixel_scale: float, cards: list[tuple[str, Any, str]]) -> fits.Header:
    header = fits.Header()
    header["OBJECT"] = (_ascii(object_id), "object_id")
    if header["OBJECT"] != object_id:
        header["GVQUOTE"] = ("OBJECT", "percent-encoded UTF-8")
    header["PIXSCALE"] = (float(pixel_scale), "arcsec")
    header.extend(card for card in cards if card[1] != "")
    return header


def _coordinates(row: np.ndarray) -> dict[str, Any]:
    known = {name.upper(): float(value) for name, value in zip(WCS_COLUMNS, row, strict=True)}
    celestial = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS"}
    bands = {"CTYPE3": "BAND", "CRPIX3": 1.0, "CRVAL3": 1.0, "CD3_3": 1.0}
    return {"WCSAXES": 3} | celestial | known | bands


def _coverage(covered: np.ndarray, header: fits.Header, name: str) -> fits.ImageHDU:
    header = header.copy()
    header.remove("BUNIT")
    header["COVERAGE"] = (True, "1 = observed, 0 = not observed")
    return fits.ImageHDU(covered.astype(np.uint8), header, name=name)


def _ascii(text: str) -> str:
    safe = text.isascii() and text.isprintable() and not text.endswith(" ")
    return text if safe else common.quoted_text(text, r"[^ -~]|%| \Z")
