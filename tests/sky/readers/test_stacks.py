"""Cutouts of stacks: the pixels of the files, in the middle of which the object lies."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from commands import main

from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers.stacks import cutouts, find_stacks, with_redshift
from galviz.sky.resample import tangent_plane

SIDE, SCALE = 60, 0.168 / 3600
NAMES = {"u": "CFHT-MegaCam-uS-9813-{}.fits", "g": "calexp-HSC-G-9813-{}.fits", "i": "calexp-HSC-I2-9813-{}.fits"}


def plane(column):
    """Patches that overlap by 20 pixels from left to right."""
    names = ("crval1", "crval2", "crpix1", "crpix2", "cd1_1", "cd1_2", "cd2_1", "cd2_2")
    return dict(zip(names, (150.0, 2.0, 30.5 - 40 * column, 30.5, -SCALE, 0.0, 0.0, SCALE), strict=True))


def pixels(band, column):
    """Every pixel of a band differs from all others; where patches overlap, they agree."""
    y, x = np.mgrid[:SIDE, :SIDE]
    return (1e4 * "ugi".index(band) + 100 * y + x + 40 * column).astype(np.float32)


def write(folder, band, column, image=None, **header):
    """A file as the HSC survey has them: image, mask, variance; the zero point is in the first header."""
    first = fits.PrimaryHDU()
    first.header["FLUXMAG0"] = 10 ** (0.4 * 27)
    image = fits.ImageHDU(pixels(band, column) if image is None else image, name="IMAGE")
    image.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg"})
    image.header.update({name.upper(): value for name, value in plane(column).items()} | header)
    beside = [fits.ImageHDU(np.zeros((SIDE, SIDE), np.int32), name="MASK")]
    beside.append(fits.ImageHDU(np.ones((SIDE, SIDE), np.float32), name="VARIANCE"))
    folder.mkdir(exist_ok=True)
    fits.HDUList([first, image, *beside]).writeto(folder / NAMES[band].format(column), overwrite=True)


@pytest.fixture
def folder(tmp_path):
    for band in NAMES:
        for column in (0, 1):
            write(tmp_path / "stacks", band, column)
    return tmp_path / "stacks"


def positions(places):
    """Objects at pixels (x, y) of the first patch, counted from 0."""
    ra, dec = tangent_plane(plane(0)).wcs_pix2world(*np.transpose(places).astype(float), 0)
    return pd.DataFrame({"ra": ra, "dec": dec}, index=pd.Index([f"o{k}" for k in range(len(ra))], name="object_id"))


def test_bands_of_one_grid_belong_together(folder):
    stacks = find_stacks([folder])
    assert [sorted(stack.files) for stack in stacks] == [["g", "i", "u"]] * 2
    assert [len(stack.files) for stack in find_stacks([folder], ["u", "g"])] == [2, 2]


@pytest.mark.parametrize("size", [8, 9])
def test_pixels_are_those_of_the_files_and_the_object_is_in_the_middle(folder, tmp_path, size):
    places = [(20.2, 30.4), (50.0, 25.0), (80.3, 12.9), (2.0, 30.0), (500.0, 30.0)]
    made, left_out = cutouts([folder], positions(places), size=size, out=tmp_path / "sky")
    assert (list(made.object_ids), made.bands, left_out["outside"]) == (["o0", "o1", "o2"], ("u", "g", "i"), 2)
    assert made.unit == "nanomaggy"
    np.testing.assert_allclose(made.pixel_scale, 0.168)
    for k, (x, y) in enumerate(places[:3]):
        at = tangent_plane(made.wcs.iloc[k]).wcs_world2pix(*made.catalogue[["ra", "dec"]].iloc[k], 0)
        assert np.abs(np.array(at) - (size - 1) / 2).max() <= 0.5 + 1e-6
        left, low = round(x - at[0]), round(y - at[1])
        for b, first in enumerate((0, 1e4, 2e4)):
            rows, columns = np.mgrid[low : low + size, left : left + size]
            expected = (first + 100 * rows + columns) * 10 ** (0.4 * (22.5 - 27))
            np.testing.assert_allclose(made.images[k][b], expected, rtol=1e-5)


def test_an_object_with_missing_pixels_is_left_out(folder, tmp_path):
    image = pixels("g", 0)
    image[30, 20] = np.nan
    write(folder, "g", 0, image)
    made, left_out = cutouts([folder], positions([(20, 30), (10, 10)]), size=8, out=tmp_path / "sky")
    assert (list(made.object_ids), left_out) == (["o1"], {"outside": 0, "missing pixels": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: next(folder.glob("*-I2-9813-1*")).unlink(), "expected bands u g i on one grid, got none of i"),
        (lambda folder: write(folder, "g", 1, CTYPE1="PIXEL"), "expected a single image with coordinates"),
        (lambda folder: write(folder, "g", 1, CRVAL1=150.1), "expected bands u g i on one grid, got none of g"),
        (lambda folder: next(folder.glob("*-G-9813-1*")).rename(folder / "c-R-g.fits"), ""),
    ],
)
def test_files_that_do_not_belong_together_are_named(folder, change, message):
    change(folder)
    if message:
        with pytest.raises(ValueError, match=message):
            find_stacks([folder])
    else:
        assert len(find_stacks([folder])) == 2  # the last part of a name that tells a band


def test_nothing_to_cut_is_said(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="expected FITS images with a band in their names"):
        find_stacks([tmp_path / "none"])
    with pytest.raises(ValueError, match=r"got none of 1\. Check the columns ra and dec"):
        cutouts([folder], positions([(0, 0)]), size=8, out=tmp_path / "sky")


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"PHOTOZ": [0.5, 9.99], "ZPDF": [0.4, 0.4]}, [0.5, np.nan]),
        ({"ZPDF": [-99.0, 0.4]}, [np.nan, 0.4]),
        ({"photoz": [0.5, 0.6], "zspec": [0.7, 0.0]}, [0.7, np.nan]),
        ({"z": [20.1, 20.2], "photoz": [0.5, 0.6]}, [20.1, 20.2]),
        ({"mag": [20.1, 20.2]}, None),
    ],
)
def test_the_redshift_of_a_catalogue_is_recognised(columns, expected):
    table, _ = with_redshift(pd.DataFrame(columns))
    if expected is None:
        assert "z" not in table
    else:
        np.testing.assert_array_equal(table["z"], expected)


def test_one_command_makes_the_sky(folder, tmp_path, capsys):
    table = positions([(20, 30), (50, 25), (500, 30)]).rename(columns={"ra": "ALPHA_J2000", "dec": "DELTA_J2000"})
    table.reset_index().assign(ZPDF=[0.3, -99.0, 0.5]).to_csv(tmp_path / "cosmos.csv", index=False)
    command = ["ingest", "stacks", str(folder), "--positions", str(tmp_path / "cosmos.csv"), "--size", "8"]
    assert main([*command, "--bands", "u,g", "--out", str(tmp_path / "sky")]) == 0
    received = capsys.readouterr().out
    assert "z ← ZPDF, known of 2" in received
    assert "left out: 1 outside, 0 missing pixels" in received
    sky = CutoutSet.open(tmp_path / "sky")
    assert (sky.bands, sky.images.shape, sky.catalogue["z"].iloc[0]) == (("u", "g"), (2, 2, 8, 8), 0.3)
    assert np.isnan(sky.catalogue["z"].iloc[1])
