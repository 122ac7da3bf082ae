"""Frames on disk: what a field holds, and what is said of files that are missing, damaged or of something else."""

import shutil

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from sdss_files import BANDS, SHAPE, STARS, positions, write_field

from galviz.sky.readers import sdss


def test_a_field_is_five_frames_with_their_own_coordinates(field):
    assert field.name == "001035-6-0017"
    assert field.images.shape == (5, *SHAPE)
    assert field.images.dtype == np.float32
    assert field.images.dtype.isnative
    assert len({tuple(wcs.wcs.crpix) for wcs in field.wcs}) == 5


def test_packed_or_not_and_folder_or_files_give_the_same_field(tmp_path, field):
    plain = write_field(tmp_path / "plain", STARS, packed=False)
    again = sdss.read_field(sorted(plain.iterdir(), reverse=True))
    np.testing.assert_array_equal(again.images, field.images)


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def frame(folder, band):
    return next(folder.glob(f"frame-{band}-*"))


def test_a_missing_band_is_named(folder, tmp_path):
    broken = copied(folder, tmp_path)
    frame(broken, "i").unlink()
    for read in (sdss.read_field, lambda path: sdss.tiles(path, size=40)):
        with pytest.raises(ValueError, match=r"bands: expected one frame of each of u g r i z.*no i\. Fetch"):
            read(broken)
    with pytest.raises(FileNotFoundError, match="got none"):
        sdss.read_field(tmp_path / "nowhere")


@pytest.mark.parametrize("renamed", [False, True])
def test_frames_of_different_fields_are_refused(folder, tmp_path, renamed):
    """Told by what the file says itself, whatever its name is."""
    broken = copied(folder, tmp_path)
    other = write_field(tmp_path / "other", [], field=18)
    mixed = [frame(other if band == "g" else broken, band) for band in BANDS]
    if renamed:
        shutil.copy(mixed[1], frame(broken, "g"))
        mixed = broken
    with pytest.raises(ValueError, match=r"expected five frames of one field.*001035-6-0018"):
        sdss.read_field(mixed)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.95])
def test_a_truncated_file_is_named(tmp_path, packed, kept):
    broken = write_field(tmp_path / "field", STARS, packed=packed)
    path = frame(broken, "z")
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * kept)])
    with pytest.raises(OSError, match=r"frame-z-001035-6-0017\.fits.*expected a whole FITS frame"):
        sdss.read_field(broken)


def test_a_file_of_something_else_is_named(folder, tmp_path):
    broken = copied(folder, tmp_path)
    frame(broken, "r").write_bytes(b"<html>404</html>" * 500)
    with pytest.raises(OSError, match=r"frame-r-001035-6-0017\.fits\.bz2: expected a whole FITS frame"):
        sdss.cutouts(broken, positions(STARS[:, :2]), size=16, side=6 * u.arcsec)


def test_a_damaged_field_takes_no_good_one_with_it(folder, tmp_path):
    copied(folder, tmp_path)
    other = write_field(tmp_path / "other", STARS, field=18, dec=20.05)
    path = frame(other, "g")
    path.write_bytes(path.read_bytes()[:-100])
    wanted = positions([(150.0, 20.05), (150.0, 20.0)])
    with pytest.raises(OSError, match="frame-g-001035-6-0018"):
        sdss.cutouts(tmp_path, wanted, size=16, side=6 * u.arcsec)
    with pytest.warns(UserWarning, match="left out 001035-6-0018.*frame-g-001035-6-0018"):
        cut = sdss.cutouts(tmp_path, wanted, size=16, side=6 * u.arcsec, damaged="skip")
    assert list(cut.object_ids) == ["id1"]
    with pytest.warns(UserWarning, match="left out 001035-6-0018"):
        made = sdss.tiles(tmp_path, size=40, damaged="skip", out=tmp_path / "sky")
    assert set(made.catalogue["field"]) == {"001035-6-0017"}


def test_a_nan_pixel_is_named(folder, tmp_path):
    broken = write_field(tmp_path / "field", STARS, packed=False)
    with fits.open(frame(broken, "u"), mode="update") as hdus:
        hdus[0].data[12, 34] = np.nan
    with pytest.raises(ValueError, match=r"frame-u-.*got 1 that are NaN or infinite, the first at row 12, column 34"):
        sdss.read_field(broken)
