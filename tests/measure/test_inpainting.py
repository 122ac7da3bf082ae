"""Measures of what was filled in: known answers, and limits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.inpainting import central_flux, flux_errors, off_manifold, pixel_weights, psnr, ssim, ssim_map


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(3, 2, 24, 24))


def test_psnr_has_its_known_value():
    truth = np.zeros((4, 4))
    truth[0, 0] = 10.0
    assert psnr(truth, truth + 1) == pytest.approx(20.0)
    assert psnr(truth, truth + 0.1) == pytest.approx(40.0)
    assert psnr(truth, truth + 1, peak=100.0) == pytest.approx(40.0)
    assert psnr(truth, truth) == np.inf


def test_psnr_of_a_constant_truth_is_undefined():
    flat = np.full((2, 5, 5), 3.0)
    assert np.isnan(psnr(flat, flat + np.array([[[0]], [[1]]]))).all()
    assert psnr(flat, flat + 1, peak=10.0) == pytest.approx([20, 20])  # a peak that is given is one
    flat[0, 0, 0] = 4.0
    assert np.isfinite(psnr(flat, flat + 1)).tolist() == [True, False]


def test_psnr_of_noise_is_that_of_its_variance(images):
    noisy = images + 0.1 * np.random.default_rng(1).normal(size=images.shape)
    expected = 20 * np.log10(np.ptp(images, axis=(2, 3)) / 0.1)
    np.testing.assert_allclose(psnr(images, noisy), expected, atol=1)


def test_ssim_is_1_for_equal_images_and_less_for_others(images):
    np.testing.assert_allclose(ssim(images, images), 1)
    assert (ssim(images + 20, 20 - images) < -0.7).all()  # as bright, of the opposite structure
    other = np.random.default_rng(1).normal(size=images.shape)
    assert (np.abs(ssim(images, other)) < 0.2).all()


def test_ssim_is_the_published_formula_in_windows_of_11_pixels():
    x, y = np.random.default_rng(2).normal(size=(2, 11, 11))
    profile = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    w = np.outer(profile, profile) / profile.sum() ** 2
    mx, my = (w * x).sum(), (w * y).sum()
    vx, vy, vxy = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2, (w * x * y).sum() - mx * my
    c1, c2 = (0.01 * 4) ** 2, (0.03 * 4) ** 2
    expected = (2 * mx * my + c1) * (2 * vxy + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    whole = [np.pad(a, 5, mode="constant") for a in (x, y)]
    assert ssim_map(*whole, 4.0)[10, 10] == pytest.approx(expected)


def test_ssim_of_even_images_is_the_luminance_term():
    """Without structure SSIM = (2 μ ν + C) / (μ² + ν² + C), C = (0.01 peak)²."""
    value = ssim(np.full((16, 16), 2.0), np.full((16, 16), 4.0), peak=10.0)
    assert value == pytest.approx((2 * 8 + 0.01) / (4 + 16 + 0.01))
    assert np.isnan(ssim(np.full((16, 16), 2.0), np.full((16, 16), 4.0)))


@given(st.floats(1e-3, 1e3), st.integers(0, 100))
def test_neither_depends_on_the_unit(factor, seed):
    rng = np.random.default_rng(seed)
    truth, estimate = rng.normal(size=(2, 16, 16))
    assert psnr(factor * truth, factor * estimate) == pytest.approx(psnr(truth, estimate))
    assert ssim(factor * truth, factor * estimate) == pytest.approx(ssim(truth, estimate))


def test_central_flux_sums_the_pixels_inside_the_radius():
    image = np.zeros((2, 9, 9))
    image[0, 4, 4], image[0, 4, 7], image[0, 0, 0] = 1.0, 10.0, 100.0
    image[1] = 1.0
    np.testing.assert_allclose(central_flux(image, radius=2.9, pixel_scale=1.0), [1.0, 25.0])
    np.testing.assert_allclose(central_flux(image, radius=3.0, pixel_scale=1.0), [11.0, 29.0])
    assert central_flux(image, radius=1.5, pixel_scale=0.5)[0] == 11.0


def test_flux_errors_have_their_known_values():
    truth = np.array([1.0, 1.0, 1.0, 1.0, 1.0])
    estimate = truth * 10 ** (-0.4 * np.array([0.1, 0.2, 0.3, 0.4, 5.0]))  # fainter by 0.1 … mag
    found = flux_errors(truth, estimate)
    assert found.bias == pytest.approx(0.3)
    assert found.scatter == pytest.approx(1.4826 * 0.1)
    assert (found.measured, found.lost) == (5, 0)


def test_what_has_no_magnitude_is_counted_and_what_is_too_faint_left_out():
    truth = np.array([10.0, 10.0, 10.0, 1.0, -1.0])
    estimate = np.array([10.0, -1.0, 0.0, 5.0, 5.0])
    found = flux_errors(truth, estimate, least=2.0)
    assert (found.bias, found.measured, found.lost) == (0.0, 1, 2)
    assert np.isnan(flux_errors(truth, -np.abs(estimate)).bias)


@pytest.mark.parametrize("function", [psnr, ssim])
def test_shapes_must_agree(function):
    with pytest.raises(ValueError, match=r"estimate: expected shape \(..., H, W\) as truth"):
        function(np.zeros((2, 4, 4)), np.zeros((3, 4, 4)))


def test_weights_of_the_pixels_are_those_of_the_bands_times_those_given():
    shape = (2, 3, 4, 4)
    assert (pixel_weights(shape) == 1).all()
    by_band = pixel_weights(shape, [True, False, True])
    assert (by_band.sum((0, 2, 3)) == [32, 0, 32]).all()
    each = pixel_weights(shape, np.array([[True, False, True], [False, False, True]]))
    assert (each.sum((2, 3)) == [[16, 0, 16], [0, 0, 16]]).all()
    weighted = pixel_weights(shape, [True, False, True], np.array([1.0, 2.0, 3.0])[:, None, None])
    assert (weighted[0].mean((1, 2)) == [1, 0, 3]).all()


@pytest.mark.parametrize("weights", [-1.0, np.nan, np.inf])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="weights: expected finite numbers of at least 0"):
        pixel_weights((1, 2, 4, 4), None, weights)


def test_an_image_fitted_worse_than_all_others_is_off_the_manifold():
    reference = np.linspace(0.1, 1.0, 10)[:, None] * np.ones(2)
    residual = np.ones((4, 2, 4, 4)) * np.array([0.05, 0.45, 2.0, 0.45])[:, None, None, None]
    residual[3, 1] = np.nan
    np.testing.assert_allclose(off_manifold(residual, reference), [0, 0.4, 1, 0.4])


def test_only_bands_that_were_observed_are_compared():
    """A band that is always fitted badly must not hide what is unusual in another."""
    reference = np.array([[0.1, 100.0]] * 10)
    residual = np.full((2, 2, 4, 4), 1.0)
    residual[1, 1] = np.nan
    np.testing.assert_allclose(off_manifold(residual, reference), [0, 1])
