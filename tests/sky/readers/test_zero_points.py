"""Zero points turn counts into nanomaggies, and floats of any range are kept: both are said."""

import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

from galviz.cli.main import main
from galviz.sky.cutouts import CutoutSet
from galviz.sky.opening import open_any_images
from galviz.sky.readers.zero_points import zero_points

SIDE = 10


def pixels(bands=2, seed=0):
    return np.random.default_rng(seed).normal(5, 2, (bands, SIDE, SIDE)).astype(np.float32)


def write(path, image, **cards):
    hdu = fits.PrimaryHDU(image)
    hdu.header.update(cards)
    hdu.writeto(path)
    return path


@pytest.fixture
def opened(tmp_path):
    def read(path, **more):
        reports = []
        out = tmp_path / f"sky{len(list(tmp_path.iterdir()))}"
        return open_any_images(path, out=out, report=reports.append, workers=1, **more), " ".join(reports)

    return read


@pytest.fixture
def given(tmp_path):
    (tmp_path / "given").mkdir()
    return tmp_path / "given"


@pytest.mark.parametrize("key", ["MAGZERO", "ZEROPOINT", "MAGZPT", "PHOTZP"])
def test_a_zero_point_in_the_header_is_used_and_said(given, opened, key):
    for k in range(2):
        fits_key = {"HIERARCH ZEROPOINT": 25.0} if key == "ZEROPOINT" else {key: 25.0}
        write(given / f"g{k}.fits", pixels(seed=k), BANDS="g,r", **fits_key)
    sky, shown_text = opened(given)
    assert sky.unit == "nanomaggy"
    np.testing.assert_allclose(sky.images[1], pixels(seed=1) * 0.1, rtol=1e-6)
    assert f"zero points 25 from {key} in the headers: pixels become nanomaggies" in shown_text
    assert "is not known" not in shown_text
    assert f"zero points 25 from {key}" in sky.origin


def test_each_file_and_each_band_has_its_own(given, opened):
    for k, name in enumerate("ab"):
        for n, band in enumerate("gr"):
            write(given / f"{name}-{band}.fits", pixels(1, 2 * k + n)[0], MAGZERO=25.0 + k - n)
    sky, shown_text = opened(given)
    factors = 10 ** (0.4 * (22.5 - np.array([[25.0, 24.0], [26.0, 25.0]])))
    for k in range(2):
        expected = np.concatenate([pixels(1, 2 * k), pixels(1, 2 * k + 1)]) * factors[k][:, None, None]
        np.testing.assert_allclose(sky.images[k], expected, rtol=1e-6)
    assert "zero points 24 … 26 from MAGZERO" in shown_text


def test_janskys_and_the_flux_of_magnitude_0_are_zero_points(given, opened):
    write(given / "a.fits", pixels(), BUNIT="nJy")
    assert np.allclose(opened(given / "a.fits")[0].images[0], pixels() * 10 ** (0.4 * (22.5 - 31.4)))
    write(given / "b.fits", pixels(), FLUXMAG0=10**10.8)  # 2.5 · 10.8 = 27
    assert np.allclose(opened(given / "b.fits")[0].images[0], pixels() * 10 ** (0.4 * (22.5 - 27)))
    write(given / "c.fits", pixels(), BUNIT="MJy")  # mega, not milli
    assert opened(given / "c.fits")[0].unit == "flux"


@pytest.mark.parametrize("cards", [{"MAGZERO": 0.0}, {"MAGZERO": "unknown"}, {"MAGZERO": 25.0, "BUNIT": "nanomaggy"}])
def test_what_is_no_zero_point_or_calibrated_already_changes_nothing(given, opened, cards):
    write(given / "a.fits", pixels(), **cards)
    sky, _ = opened(given)
    np.testing.assert_array_equal(sky.images[0], pixels())
    assert sky.unit == cards.get("BUNIT", "flux")


def test_the_user_says_the_zero_point_or_keeps_the_pixels(given, opened):
    write(given / "a.fits", pixels(), BANDS="g,r", MAGZERO=25.0)
    sky, shown_text = opened(given, zero_point="g=22.5,r=20")
    np.testing.assert_allclose(sky.images[0], pixels() * np.array([1, 10])[:, None, None], rtol=1e-6)
    assert "zero points g 22.5, r 20: pixels become nanomaggies" in shown_text
    sky, _ = opened(given, unit="flux")
    assert sky.unit == "flux"
    np.testing.assert_array_equal(sky.images[0], pixels())


def test_arrays_and_stacks_take_a_zero_point_too(given, opened):
    np.savez(given / "all.npz", images=np.stack([pixels(seed=k) for k in range(3)]))
    np.testing.assert_allclose(opened(given / "all.npz", zero_point="20")[0].images[2], 10 * pixels(seed=2), rtol=1e-6)
    write(given / "stack.fits", np.stack([pixels(seed=k) for k in range(3)]), MAGZERO=20.0)
    np.testing.assert_allclose(opened(given / "stack.fits")[0].images[2], 10 * pixels(seed=2), rtol=1e-6)


def test_a_file_without_the_zero_point_of_the_others_is_named(given, opened, monkeypatch):
    monkeypatch.setattr("galviz.sky.readers.find._SAMPLE", 2)  # the first and the last are looked at
    for k in range(3):
        write(given / f"g{k}.fits", pixels(seed=k), **({} if k == 1 else {"MAGZERO": 25.0}))
    with pytest.raises(ValueError, match=r"g1.fits: expected a zero point in its header as in the other files"):
        opened(given)


@pytest.mark.parametrize("text", ["g=22", "g=22,r=x", "g=22,r=23,i=24", "bright", "g=22,23"])
def test_a_zero_point_that_does_not_fit_is_refused(text):
    with pytest.raises(ValueError, match=r"zero-point: expected a magnitude such as 27, or g=27,r=27, got"):
        zero_points(text, ("g", "r"), None, [])


def test_a_zero_point_with_another_unit_or_for_pictures_is_refused(given, opened):
    with pytest.raises(ValueError, match="zero-point: expected no other unit than nanomaggy, got flux"):
        zero_points("22", ("g",), "flux", [])
    Image.new("RGB", (SIDE, SIDE), (10, 20, 30)).save(given / "a.png")
    with pytest.raises(ValueError, match="zero-point: expected none for colour pictures"):
        opened(given, zero_point="25")


def test_on_the_command_line(given, tmp_path, capsys):
    write(given / "a.fits", pixels())
    assert main(["ingest", str(given), "--zero-point", "20", "--out", str(tmp_path / "sky"), "--workers", "1"]) == 0
    assert "zero points band1 20, band2 20" in capsys.readouterr().out
    np.testing.assert_allclose(CutoutSet.open(tmp_path / "sky").images[0], 10 * pixels(), rtol=1e-6)


def test_floats_outside_0_to_1_are_kept_and_their_range_is_said(given, opened):
    for k in range(3):
        Image.fromarray(100 * pixels(1, k)[0]).save(given / f"g{k}.tif")
    sky, shown_text = opened(given)
    low, high = (f"{f([100 * pixels(1, k) for k in range(3)]):g}" for f in (np.min, np.max))
    assert f"pictures of floats from {low} to {high} (3 looked at): kept as they are" in shown_text
    assert f"floats from {low} to {high}" in sky.origin
    assert (sky.unit, sky.bands) == ("flux", ("band1",))
    np.testing.assert_allclose(sky.images[1], 100 * pixels(1, 1)[:, ::-1])


def test_floats_from_0_to_1_stay_pictures(given, opened):
    values = np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE)).astype(np.float32)
    Image.fromarray(values).save(given / "a.tif")
    sky, _ = opened(given)
    assert (sky.unit, sky.images.shape[1]) == ("display", 3)
