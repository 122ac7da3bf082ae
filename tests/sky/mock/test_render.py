"""From tables to images: flux, place, blur, noise, and independence of the pixel scale."""

import galsim
import numpy as np
import pandas as pd
import pytest
from astropy.stats import sigma_clipped_stats
from threadpoolctl import threadpool_limits

from galviz.sky.mock.field import field_galaxies, stars
from galviz.sky.mock.render import FWHM, NOISE, PER_ELECTRON, add_noise, draw_images, draw_seeing


def source(**changes):
    star = {"x": 0.0, "y": 0.0, "radius": 0.0, "sersic": 0, "axis_ratio": 1.0, "angle": 0.0}
    magnitudes = {f"mag_{band}": 18.0 for band in "ugriz"}
    return pd.DataFrame([star | magnitudes | changes])


@pytest.mark.parametrize(("shape", "lost"), [({}, 0.01), ({"sersic": 1, "radius": 2.0}, 0.02)])
@pytest.mark.parametrize("scale", [0.396, 3.0])
def test_flux_is_conserved(shape, lost, scale):
    size = int(60 / scale)
    images = draw_images(source(mag_u=20.0, **shape), (size, size), scale)
    expected = 10 ** (-0.4 * (np.array([20, 18, 18, 18, 18]) - 22.5))
    np.testing.assert_allclose(images.sum(axis=(1, 2)), expected, rtol=lost)


@pytest.mark.parametrize("scale", [0.4, 3.0])
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"sersic": 1, "radius": 0.8, "axis_ratio": 0.3, "angle": 0.6},
        {"sersic": 2, "radius": 0.5, "axis_ratio": 0.7, "angle": 2.5},
        {"sersic": 4, "radius": 1.5, "axis_ratio": 0.5, "angle": 1.0},
    ],
)
def test_images_are_those_of_galsim(shape, scale):
    place, size = {"x": 0.13, "y": -0.21}, int(12 / scale)
    images = draw_images(source(**place, **shape), (size, size), scale)
    accurate = galsim.GSParams(maxk_threshold=1e-4, folding_threshold=1e-3)
    profile = galsim.DeltaFunction()
    if shape:
        profile = galsim.Sersic(shape["sersic"], half_light_radius=shape["radius"])
        profile = profile.shear(q=shape["axis_ratio"], beta=shape["angle"] * galsim.radians)
    for image, fwhm in zip(images, FWHM, strict=True):
        whole = galsim.Convolve(profile, galsim.Moffat(3.5, fwhm=fwhm), gsparams=accurate) * 10 ** (0.4 * 4.5)
        wanted = whole.drawImage(nx=size, ny=size, scale=scale, offset=np.array([*place.values()]) / scale).array
        np.testing.assert_allclose(image, wanted, atol=2e-4 * wanted.max())
        assert image.sum() == pytest.approx(wanted.sum(), rel=1e-3)


def test_threads_do_not_change_an_image():
    rng = np.random.default_rng(0)
    table = pd.concat([field_galaxies(120, rng), source(sersic=4, radius=8.0)], ignore_index=True)
    images = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            images.append(draw_images(table, (40, 40), 3.0))
    np.testing.assert_array_equal(*images)


@pytest.mark.parametrize("index", [2, 4])
def test_early_types_lose_little_light_outside_their_box(index):
    images = draw_images(source(sersic=index, radius=3.0), (300, 300), 0.396)
    assert 0.90 < images[2].sum() / 10 ** (0.4 * 4.5) <= 1.001


def test_sources_stand_where_the_table_says():
    image = draw_images(source(x=6.0, y=-4.0), (41, 61), 0.5)[2]
    assert np.unravel_index(image.argmax(), image.shape) == (20 - 8, 30 + 12)
    rows, columns = np.indices(image.shape)
    assert (image * columns).sum() / image.sum() == pytest.approx(42, abs=0.05)
    assert (image * rows).sum() / image.sum() == pytest.approx(12, abs=0.05)


def test_a_source_outside_shines_in_only_with_its_wings():
    table = source(x=12.0, mag_r=15.0)
    image = draw_images(table, (40, 40), 0.5)[2]  # the edge is at 10 arcsec
    assert 0 < image.sum() < 0.2 * 10 ** (0.4 * 7.5)
    assert draw_images(source(x=100.0), (40, 40), 0.5).sum() == 0


def test_large_pixels_hold_the_sum_of_small_ones():
    rng = np.random.default_rng(0)
    table = pd.concat([field_galaxies(60, rng), stars(60, rng)], ignore_index=True)
    small, large = draw_images(table, (128, 128), 0.5), draw_images(table, (32, 32), 2.0)
    summed = small.reshape(5, 32, 4, 32, 4).sum(axis=(2, 4))
    np.testing.assert_allclose(large, summed, atol=2e-4 * summed.max())


def test_the_blur_of_each_band_has_its_width():
    images = draw_images(source(), (81, 81), 0.1)
    for image, fwhm in zip(images, FWHM, strict=True):
        area = (image > image.max() / 2).sum() * 0.1**2
        assert 2 * np.sqrt(area / np.pi) == pytest.approx(fwhm, rel=0.03)


@pytest.mark.parametrize("scale", [0.396, 3.96])
def test_noise_grows_with_the_side_of_the_pixel(scale):
    rng = np.random.default_rng(1)
    images = add_noise(np.zeros((5, 200, 200)), scale, rng)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images.std(axis=(1, 2)), NOISE * scale / 0.396, rtol=0.02)
    np.testing.assert_allclose(images.mean(axis=(1, 2)), 0, atol=0.03 * NOISE.max() * scale / 0.396)


def test_sources_add_poisson_noise():
    rng = np.random.default_rng(2)
    images = add_noise(np.full((5, 200, 200), 100.0), 0.396, rng)
    np.testing.assert_allclose(images.var(axis=(1, 2)), NOISE**2 + 100 * PER_ELECTRON, rtol=0.03)


def test_seeing_and_depth_vary_about_the_medians():
    drawn = np.array([draw_seeing(np.random.default_rng(k)) for k in range(400)])
    np.testing.assert_allclose(np.median(drawn, axis=0), [FWHM, NOISE], rtol=0.02)
    assert (drawn.std(axis=0) / drawn.mean(axis=0)).min() > 0.04


def test_noise_is_what_a_clipped_estimate_finds_among_sources():
    rng = np.random.default_rng(3)
    table = pd.concat([field_galaxies(120, rng), stars(120, rng)], ignore_index=True)
    images = add_noise(draw_images(table, (300, 300), 0.396), 0.396, rng)
    measured = [sigma_clipped_stats(image, sigma=3, maxiters=10)[2] for image in images]
    np.testing.assert_allclose(measured, NOISE, rtol=0.06)
