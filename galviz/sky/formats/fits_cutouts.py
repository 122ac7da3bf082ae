"""Cutouts as FITS images: a cube (B, H, W) an object with its coordinates, read and written a few at a time."""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import quote as percent

import numpy as np

from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.formats import common
from galviz.sky.formats.fits_table import card, write_image, write_json

_AT_ONCE = 16 * 2**20  # bytes of pixels read together
_COVERED = card("COVERAGE", value=True, comment="1 = observed, 0 = not observed")
_TANGENT = [  # celestial coordinates on the first two axes; the third counts the bands
    card(key, value)
    for key, value in {
        "WCSAXES": 3, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
        "CTYPE3": "BAND", "CRPIX3": 1.0, "CRVAL3": 1.0, "CD3_3": 1.0,
    }.items()
]  # fmt: skip


def write(cutouts: CutoutSet, out: BinaryIO, passport: Mapping[str, Any]) -> None:
    """Write one multi-extension file; memory does not grow with N.

    The primary array has the passport as JSON. Each object follows as an image named after it: a cube (B, H, W) of
    float32 with ``OBJECT`` (the id), ``BUNIT``, ``BAND1`` …, ``PIXSCALE`` (arcsec) and, where they are known,
    tangent-plane coordinates, its third axis counting the bands; where there is a coverage, it comes next (uint8, 1 =
    observed).
    """
    write_json(out, {"passport": dict(passport)})
    for object_id, image, covered, cards in _objects(cutouts, passport):
        write_image(out, image, [*cards, card("EXTNAME", _ascii(object_id))])
        if covered is not None:
            write_image(out, covered, [*cards[1:], _COVERED, card("EXTNAME", f"{_ascii(object_id)} COVERAGE")])


def files(cutouts: CutoutSet, passport: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Make a file an object, its image first; see `write`.

    Yields
    ------
    name : str
        The id, percent-encoded where a file's name cannot hold it, and ``.fits``.
    content : bytes
    """
    for object_id, image, covered, cards in _objects(cutouts, passport):
        out = BytesIO()
        write_image(out, image, cards, first=True)
        if covered is not None:
            write_image(out, covered, [*cards[1:], _COVERED, card("EXTNAME", "COVERAGE")])
        yield f"{percent(object_id, safe='+ ')}.fits", out.getvalue()


def _objects(
    cutouts: CutoutSet, passport: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray, np.ndarray | None, list[str]]]:
    """Go through id, image, coverage (uint8) and cards of each object; the first card is the image's unit."""
    shared = _shared(cutouts, passport)
    wcs = None if cutouts.wcs is None else cutouts.wcs.to_numpy()
    row = 0
    for ids, images, coverage in cutouts.batches(max(1, _AT_ONCE // (4 * int(np.prod(cutouts.images.shape[1:]))))):
        for k, object_id in enumerate(ids):
            cards = [*shared, *_own(object_id, cutouts.pixel_scale[row])]
            if wcs is not None:
                places = zip(WCS_COLUMNS, wcs[row].tolist(), strict=True)
                cards += [*_TANGENT, *(card(name.upper(), value) for name, value in places)]
            yield object_id, images[k], None if coverage is None else coverage[k].astype(np.uint8), cards
            row += 1


def _shared(cutouts: CutoutSet, passport: Mapping[str, Any]) -> list[str]:
    """Write the cards of every object: unit, bands, where the sky comes from, and to which passport it belongs."""
    bands = {f"BAND{k}": _ascii(band) for k, band in enumerate(cutouts.bands, start=1)}
    sky = {"BUNIT": cutouts.unit, **bands, "SURVEY": _ascii(cutouts.survey), "SKY": _ascii(cutouts.origin)}
    run = (passport.get("run") or {}).get("name", "")
    known = sky | {"GVVER": passport["galviz"], "GVRUN": _ascii(run), "GVIDS": passport["ids"]["sha256"]}
    return [card(key, value) for key, value in known.items() if value]


def _own(object_id: str, pixel_scale: float) -> list[str]:
    name = _ascii(object_id)
    cards = [card("OBJECT", name)]
    cards += [card("PIXSCALE", float(pixel_scale), "arcsec")] if np.isfinite(pixel_scale) else []
    return cards if name == object_id else [*cards, card("GVQUOTE", "OBJECT", "percent-encoded UTF-8")]


def _ascii(text: str) -> str:
    safe = text.isascii() and text.isprintable() and not text.endswith(" ")
    return text if safe else common.quoted_text(text, r"[^ -~]|%| \Z")
