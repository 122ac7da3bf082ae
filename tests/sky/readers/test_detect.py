"""Sources found in frames made here, with stars of known place and flux, and in real ones where they are at hand."""

import numpy as np
import pytest
from sdss_files import ANGLE, COLOURS, OFFSETS, SCALE, STARS, coordinates, header, write_field

from galviz.measure.inpainting import central_flux
from galviz.runs.folds import groups_of
from galviz.sky.readers import sdss
from galviz.sky.readers.detect import detect, sources


def with_noise(field, seed=0):
    noise = 0.02 * np.random.default_rng(seed).normal(size=field.images.shape)
    return sdss.Field(field.name, field.images + noise.astype(np.float32), field.wcs)


@pytest.fixture(scope="module")
def noisy(field):
    return with_noise(field)


@pytest.fixture(scope="module")
def found(noisy):
    return detect(noisy, threshold=10)


def test_stars_are_found_where_they_are(found):
    cut, dropped = found
    assert dropped == {"edge": 0, "saturated": 0, "twice": 0}
    assert list(cut.object_ids) == [f"001035-6-0017_{k:05d}" for k in range(3)]
    by_flux = STARS[np.argsort(-STARS[:, 2])]
    places = cut.catalogue[["ra", "dec"]].to_numpy()
    apart = np.hypot((places - by_flux[:, :2])[:, 0] * np.cos(np.radians(20)), (places - by_flux[:, :2])[:, 1]) * 3600
    assert (apart < 0.1 * SCALE).all()
    expected = 22.5 - 2.5 * np.log10(by_flux[:, 2])
    np.testing.assert_allclose(cut.catalogue["mag_r"], expected, atol=0.02)


def test_cutouts_are_centred_in_every_band_and_keep_the_flux(found):
    cut, _ = found
    assert cut.images.shape == (3, 5, 32, 32)
    np.testing.assert_allclose(cut.pixel_scale, SCALE, rtol=1e-3)
    y, x = np.indices((32, 32))
    middle = np.hypot(x - 15.5, y - 15.5) < 6
    for image, star in zip(cut.images[:], 10 ** (0.4 * (22.5 - cut.catalogue["mag_r"])), strict=True):
        for band, light in zip(image, COLOURS, strict=True):
            weight = np.clip(band, 0, None) * middle
            assert (weight * x).sum() / weight.sum() == pytest.approx(15.5, abs=0.15)
            assert (weight * y).sum() / weight.sum() == pytest.approx(15.5, abs=0.15)
            assert central_flux(band) == pytest.approx(star * light, rel=0.03)


def test_objects_of_one_field_are_one_group(found):
    assert set(groups_of(found[0].catalogue)) == {"001035-6-0017"}


def test_noise_is_not_found_and_faint_stars_are_by_a_lower_threshold(field):
    empty = with_noise(sdss.Field(field.name, np.zeros_like(field.images), field.wcs))
    assert len(sources(empty, 5.5)) == 0
    with pytest.raises(ValueError, match="fields: expected sources above 6 times the noise, got none"):
        detect(empty, threshold=6)
    assert len(sources(with_noise(field), 3.0)) > len(sources(with_noise(field), 10.0)) == 3


def test_a_star_at_the_edge_of_any_band_is_dropped_and_counted(tmp_path):
    edge = field_of(tmp_path, [(150.0, 20.0, 50.0), at_pixel(18, 110)])
    cut, dropped = detect(edge, threshold=10)
    assert len(cut) == 1
    assert dropped["edge"] == 1


def test_a_star_too_bright_is_dropped_with_its_neighbours_and_counted(tmp_path):
    bright = 10 ** (0.4 * (22.5 - 13.0))
    near, far = at_pixel(162, 110), at_pixel(60, 60)
    cut, dropped = detect(field_of(tmp_path, [(150.0, 20.0, bright), near, far]), threshold=10)
    assert dropped == {"edge": 0, "saturated": 2, "twice": 0}
    assert len(cut) == 1
    assert cut.catalogue["mag_r"].iloc[0] == pytest.approx(22.5 - 2.5 * np.log10(50), abs=0.02)


def test_nothing_whole_is_an_error_that_says_why(tmp_path):
    bright = 10 ** (0.4 * (22.5 - 13.0))
    with pytest.raises(ValueError, match=r"expected whole cutouts, got none of 1: \{'saturated': 1\}"):
        detect(field_of(tmp_path, [(150.0, 20.0, bright)]), threshold=10)


def at_pixel(x, y, flux=50.0):
    """Give the star that lies at a pixel of the r frame."""
    return (*coordinates(header("r", 150.0, 20.0, ANGLE, OFFSETS[2])).wcs_pix2world(x, y, 0), flux)


def field_of(folder, stars):
    return with_noise(sdss.read_field(write_field(folder / "field", stars)))


def test_what_two_fields_see_is_kept_once(tmp_path, field):
    other = sdss.Field("001035-6-0018", field.images, field.wcs)
    cut, dropped = detect([with_noise(field), with_noise(other, 1)], threshold=10)
    assert len(cut) == 3
    assert dropped["twice"] == 3
    assert cut.catalogue.index.str.startswith(tuple(cut.catalogue["field"])).all()


def test_progress_goes_to_the_end(noisy):
    received = []
    detect(noisy, threshold=10, progress=lambda *numbers: received.append(numbers))
    assert received == [(1, 2), (2, 2)]


@pytest.mark.parametrize("threshold", [0, -1, np.nan])
def test_thresholds_must_be_positive(noisy, threshold):
    with pytest.raises(ValueError, match="threshold: expected a positive number of noises"):
        detect(noisy, threshold=threshold)


@pytest.mark.slow
def test_a_real_field_gives_about_a_thousand_whole_cutouts(real_data):
    cut, dropped = detect(sdss.read_field(real_data / "sdss_frames" / "001035-6-0017"))
    assert 700 < len(cut) < 1500
    assert dropped["edge"] < 100
    assert dropped["saturated"] > 0
    assert cut.coverage[:].all()
    images = cut.images[:]
    bright = cut.catalogue["mag_r"].to_numpy() < 20
    for band in (1, 2, 3):
        centre = images[bright, band, 14:18, 14:18].mean((1, 2))
        assert (centre > images[bright, band].mean((1, 2))).mean() > 0.95
