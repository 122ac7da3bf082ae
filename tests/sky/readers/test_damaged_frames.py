"""Headers that are damaged or of another kind: the frame is named, and with ``damaged="skip"`` the others are read."""

import bz2

import numpy as np
import pytest
from astropy.io import fits
from sdss_files import STARS, write_field

from galviz.sky.readers import frames, sdss


@pytest.fixture
def field(tmp_path):
    return write_field(tmp_path / "field", STARS, packed=False)


def frame(folder, band):
    return next(folder.glob(f"frame-{band}-*"))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("CTYPE2", "GLAT-TAN", "expected an image with equatorial"),
        ("CTYPE1", "GLON-TAN", "expected an image with equatorial"),
        ("CTYPE1", 7, "expected an image with equatorial"),
        ("CUNIT1", "arcsec", "expected an image with equatorial"),
        ("RADECSYS", "GALACTIC", "expected coordinates of a frame"),
        ("FILTER", 3, "expected a r frame"),
        ("BUNIT", 1.5, "expected a r frame in nanomaggies"),
        ("CD1_1", 1.0, "expected coordinates of a frame"),
        ("CRVAL2", 120.0, "expected coordinates of a frame"),
        ("CRVAL2", 21.0, "expected a frame of the same place as the other bands"),
        ("CRPIX1", 1e6, "expected a frame of the same place as the other bands"),
        ("CRVAL1", "east", "expected a whole FITS frame"),
        ("BSCALE", 2.0, "expected pixels as 32-bit floats"),
    ],
)
def test_a_header_of_another_kind_is_refused(field, key, value, message):
    raw = frame(field, "r").read_bytes()
    with fits.open(frame(field, "r")) as hdus:
        head = hdus[0].header
        head[key] = value
        header = head.tostring().encode()
    frame(field, "r").write_bytes(header + raw[len(header) :])
    with pytest.raises((ValueError, OSError), match=rf"^\S*frame-r-001035-6-0017\.fits: .*{message}"):
        sdss.read_field(field)


def test_an_integer_that_stands_for_pixels_is_refused(field):
    fits.PrimaryHDU(np.ones((220, 300), np.int16), fits.getheader(frame(field, "g"))).writeto(
        frame(field, "g"), overwrite=True
    )
    with pytest.raises(ValueError, match="expected pixels as 32-bit floats, got BITPIX"):
        sdss.read_field(field)


def test_no_flipped_header_takes_the_good_field_along(field, tmp_path, recwarn):
    """Each damaged header is an error that names its file, or changes nothing that is used."""
    good, raw = sdss.read_field(field), frame(field, "r").read_bytes()
    rng, tried = np.random.default_rng(3), {"refused": 0, "the same": 0}
    for _ in range(60):
        damaged = bytearray(raw)
        damaged[rng.integers(0, 2880)] ^= 1 << int(rng.integers(0, 8))
        frame(field, "r").write_bytes(damaged)
        try:
            frames.read_outline(frame(field, "r"))
            found = sdss.read_field(field)
        except (ValueError, OSError) as error:
            tried["refused"] += "frame-r-001035-6-0017.fits" in str(error)
        else:
            np.testing.assert_array_equal(found.images, good.images)
            moved = found.wcs[2].wcs_pix2world([[150, 110]], 0) - good.wcs[2].wcs_pix2world([[150, 110]], 0)
            assert np.abs(moved).max() * 3600 < 60  # a changed digit may stay below what the bands may differ by
            tried["the same"] += 1
    assert sum(tried.values()) == 60
    assert min(tried.values()) > 5


@pytest.mark.parametrize("how", ["FILTER", "card", "truncated", "html"])
def test_a_damaged_header_is_skipped_and_the_other_field_is_read(field, tmp_path, how):
    write_field(tmp_path / "other", STARS, field=18, dec=20.05, packed=False)
    path = frame(tmp_path / "other", "r")
    raw = path.read_bytes()
    changed = {
        "FILTER": raw.replace(b"FILTER  = 'r       '", b"FILTER  =          3"),
        "card": raw.replace(b"CRVAL1  =", b"CRVAL1  = 'a'/\xff\x00"),
        "truncated": raw[:2000],
        "html": b"<html>" * 1000,
    }[how]
    path.write_bytes(changed)
    with pytest.warns(UserWarning, match="left out 001035-6-0018"):
        made = sdss.tiles(tmp_path, size=40, damaged="skip")
    assert set(made.catalogue["field"]) == {"001035-6-0017"}


def test_a_packed_file_that_grows_beyond_reason_is_refused(field, monkeypatch):
    path = frame(field, "i")
    path.with_suffix(".fits.bz2").write_bytes(bz2.compress(path.read_bytes() + bytes(2**24)))
    path.unlink()
    monkeypatch.setattr(frames, "_LARGEST", 2**22)
    with pytest.raises(OSError, match=r"frame-i-.*more than 4 MiB unpacked"):
        sdss.read_field(field)
