"""Resampling: exact overlap areas by known answers, flux conservation as a property."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galviz.sky.resample import coarse, resample, tangent_plane

SCALE = 0.396 / 3600


def plane(size, *, ratio=1.0, angle=0.0, shift=(0.0, 0.0), mirrored=False, ra=180.0, dec=30.0):
    """A tangent plane whose middle pixel lies `shift` pixels off (ra, dec), turned by `angle` degrees."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    cd = np.array([[cos, -sin], [sin, cos]]) @ np.diag([1.0 if mirrored else -1.0, 1.0]) * SCALE * ratio
    middle = [(size + 1) / 2 + s for s in shift]
    row = {"crval1": ra, "crval2": dec, "crpix1": middle[0], "crpix2": middle[1]}
    return tangent_plane(row | {"cd1_1": cd[0, 0], "cd1_2": cd[0, 1], "cd2_1": cd[1, 0], "cd2_2": cd[1, 1]})


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(1).normal(size=(60, 60)).astype(np.float32)


def test_same_grid_gives_the_same_pixels(noise):
    flux, covered = resample(noise, plane(60), plane(60), noise.shape)
    np.testing.assert_allclose(flux, noise, atol=1e-5)
    assert covered.all()


def test_pixels_three_times_as_large_hold_the_sum_of_nine(noise):
    flux, covered = resample(noise, plane(60), plane(20, ratio=3), (20, 20))
    np.testing.assert_allclose(flux, noise.reshape(20, 3, 20, 3).sum(axis=(1, 3)), atol=1e-5)
    assert covered.all()


def test_pixels_a_third_as_large_hold_a_ninth(noise):
    flux, _ = resample(noise, plane(60), plane(60, ratio=1 / 3), (60, 60))
    np.testing.assert_allclose(flux, np.kron(noise[20:40, 20:40], np.ones((3, 3))) / 9, atol=1e-6)


def test_a_shift_of_a_quarter_pixel_shares_a_pixel_3_to_1():
    image = np.zeros((9, 9))
    image[4, 4] = 8.0
    flux, covered = resample(image, plane(9), plane(9, shift=(0.25, 0.0)), (9, 9))
    np.testing.assert_allclose(flux[4, 3:6], [0, 6, 2], atol=1e-6)
    assert flux.sum() == pytest.approx(8)
    assert covered.sum() == 9 * 8
    assert not covered[:, 0].any()


def test_turned_by_45_degrees_the_corners_of_the_pixel_fall_outside():
    """Of a unit square, its copy turned by 45° covers 2(√2 − 1)."""
    image = np.zeros((9, 9))
    image[4, 4] = 1.0
    flux, _ = resample(image, plane(9), plane(5, angle=45), (5, 5))
    assert flux[2, 2] == pytest.approx(2 * (np.sqrt(2) - 1), abs=1e-6)
    assert flux.sum() == pytest.approx(1)


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirrored_target_keeps_the_sign(noise, mirrored):
    flux, _ = resample(np.abs(noise), plane(60), plane(20, mirrored=mirrored), (20, 20))
    assert (flux > 0).all()


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(0, 360),
    ratio=st.floats(0.2, 6),
    x=st.floats(-3, 3),
    y=st.floats(-3, 3),
    dec=st.sampled_from([0.0, 30.0, 85.0, -60.0]),
)
def test_no_flux_is_lost_at_any_angle_and_scale(angle, ratio, x, y, dec):
    """All light sits in the middle 11 pixels and the target holds them whole: the sums agree."""
    image = np.zeros((61, 61))
    image[25:36, 25:36] = np.random.default_rng(0).exponential(size=(11, 11))
    size = int(np.ceil(24 / ratio)) + 1
    target = plane(size, ratio=ratio, angle=angle, shift=(x / ratio, y / ratio), dec=dec)
    flux, covered = resample(image, plane(61, dec=dec), target, (size, size))
    assert covered[np.abs(flux) > 0].all()
    assert flux.sum() == pytest.approx(image.sum(), rel=1e-6)


def test_nothing_is_covered_off_the_image(noise):
    flux, covered = resample(noise, plane(60), plane(10, shift=(100, 0)), (10, 10))
    assert not covered.any()
    assert not flux.any()


def test_a_coarse_image_has_the_means_of_blocks_in_the_same_shape():
    images = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    found = coarse(images, 2)
    assert (found.shape, found.dtype) == (images.shape, images.dtype)
    assert found[1, 2, :2, 3:] == pytest.approx(images[1, 2, :2, 3:].mean())
    assert found[1, 2, 2:, :3] == pytest.approx(images[1, 2, 2:, :3].mean())
    np.testing.assert_allclose(
        coarse(images, 1), np.broadcast_to(images.mean(axis=(2, 3), keepdims=True), images.shape)
    )
    square = images[..., :4]
    np.testing.assert_array_equal(coarse(square, 4), square)


@pytest.mark.parametrize("pixels", [0, 3, 4])
def test_blocks_that_do_not_fit_are_refused(pixels):
    with pytest.raises(ValueError, match=f"pixels: expected a divisor of the sides 4 and 6, got {pixels}"):
        coarse(np.zeros((1, 1, 4, 6)), pixels)
