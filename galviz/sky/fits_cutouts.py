"""Cutouts written as FITS images: one cube (B, H, W) per object with its WCS. Images are read a few at a time.

The header cards that all objects share are made once. `astropy.io.fits.ImageHDU` for each object takes 9 times as long.
"""

from collections.abc import Iterator, Mapping
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from galviz.io.formats import common
from galviz.io.formats.fits_table import card, write_image, write_json
from galviz.io.paths import distinct_names, file_name
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet

_AT_ONCE = 16 * 2**20  # bytes of pixels read together
_LONGEST = 68  # characters of text in one card
_SUFFIX = ".fits"
_COVERED = card("COVERAGE", value=True, comment="1 = observed, 0 = not observed")
_TANGENT = [  # celestial coordinates on the first two axes; the third counts the bands
    card(key, value)
    for key, value in {
        "WCSAXES": 3, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
        "CTYPE3": "BAND", "CRPIX3": 1.0, "CRVAL3": 1.0, "CD3_3": 1.0,
    }.items()
]  # fmt: skip


def write(cutouts: CutoutSet, out: BinaryIO, provenance: Mapping[str, Any]) -> None:
    """Write one multi-extension FITS file. Memory does not grow with N.

    The primary array has the provenance as JSON. Each object follows as an image extension: a cube (B, H, W) of float32
    with ``OBJECT`` (the id), ``BUNIT``, ``BAND1`` …, ``PIXSCALE`` (arcsec) and, if known, a tangent-plane WCS whose
    third axis counts the bands. If there is a coverage, it follows as another extension (uint8, 1 = observed).
    ``EXTNAME`` is the id. It is shortened as in `galviz.io.paths.distinct_names` if it is longer than a card, or
    differs from another one only in case, which readers ignore. ``OBJECT`` is always the whole id.
    """
    write_json(out, {"passport": dict(provenance)})
    ends = ("",) if cutouts.coverage is None else ("", " COVERAGE")
    names = distinct_names((f"{_ascii(i)}{end}" for i in cutouts.object_ids for end in ends), _LONGEST)
    for image, covered, cards in _objects(cutouts, provenance):
        write_image(out, image, [*cards, card("EXTNAME", next(names))])
        if covered is not None:
            write_image(out, covered, [*cards[1:], _COVERED, card("EXTNAME", next(names))])


def names(cutouts: CutoutSet) -> list[str]:
    """Return the file name of each object in `files`: ``<object_id>.fits``, changed if it is not a valid file name."""
    return [f"{name}{_SUFFIX}" for name in distinct_names(map(file_name, cutouts.object_ids), 255 - len(_SUFFIX))]


def files(cutouts: CutoutSet, provenance: Mapping[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Yield one FITS file per object, with the image as primary array; see `write`.

    Yields
    ------
    name : str
        As in `names`.
    content : bytes
    """
    for name, (image, covered, cards) in zip(names(cutouts), _objects(cutouts, provenance), strict=True):
        out = BytesIO()
        write_image(out, image, cards, first=True)
        if covered is not None:
            write_image(out, covered, [*cards[1:], _COVERED, card("EXTNAME", "COVERAGE")])
        yield name, out.getvalue()


def _objects(
    cutouts: CutoutSet, provenance: Mapping[str, Any]
) -> Iterator[tuple[np.ndarray, np.ndarray | None, list[str]]]:
    """Yield image, coverage (uint8) and cards of each object; the first card is the image's unit."""
    shared = _shared(cutouts, provenance)
    wcs = None if cutouts.wcs is None else cutouts.wcs.to_numpy()
    row = 0
    for ids, images, coverage in cutouts.batches(max(1, _AT_ONCE // (4 * int(np.prod(cutouts.images.shape[1:]))))):
        for k, object_id in enumerate(ids):
            cards = [*shared, *_own(object_id, cutouts.pixel_scale[row])]
            if wcs is not None:
                places = zip(WCS_COLUMNS, wcs[row].tolist(), strict=True)
                cards += [*_TANGENT, *(card(name.upper(), value) for name, value in places)]
            yield images[k], None if coverage is None else coverage[k].astype(np.uint8), cards
            row += 1


def _shared(cutouts: CutoutSet, provenance: Mapping[str, Any]) -> list[str]:
    """Return the cards that all objects share: unit, bands, origin of the sky, and provenance."""
    bands = {f"BAND{k}": _ascii(band) for k, band in enumerate(cutouts.bands, start=1)}
    sky = {"BUNIT": cutouts.unit, **bands, "SURVEY": _ascii(cutouts.survey), "SKY": _ascii(cutouts.origin)}
    run = (provenance.get("run") or {}).get("name", "")
    known = sky | {"GVVER": provenance["galviz"], "GVRUN": _ascii(run), "GVIDS": provenance["ids"]["sha256"]}
    return [card(key, value) for key, value in known.items() if value]


def _own(object_id: str, pixel_scale: float) -> list[str]:
    name = _ascii(object_id)
    cards = [card("OBJECT", name)]
    cards += [card("PIXSCALE", float(pixel_scale), "arcsec")] if np.isfinite(pixel_scale) else []
    return cards if name == object_id else [*cards, card("GVQUOTE", "OBJECT", "percent-encoded UTF-8")]


def _ascii(text: str) -> str:
    safe = text.isascii() and text.isprintable() and not text.endswith(" ")
    return text if safe else common.quoted_text(text, r"[^ -~]|%| \Z")
