"""Linear ways to fill in a band: exact where the sky is linear."""

import numpy as np
import pytest

from galviz.nn.baselines.bands import BandRegression, PCAInpainting


@pytest.fixture
def images():
    """Band 2 is a linear function of the others, pixel by pixel."""
    images = np.random.default_rng(0).normal(size=(40, 4, 8, 8)).astype(np.float32)
    images[:, 2] = 0.5 + 2 * images[:, 0] - images[:, 3]
    return images


@pytest.mark.parametrize("window", [1, 3])
def test_a_linear_band_is_returned(images, window):
    found = BandRegression.fit(images[:30], 2, window=window).predict(images[30:])
    np.testing.assert_allclose(found, images[30:, 2], atol=1e-3)


def test_the_missing_band_itself_is_not_looked_at(images):
    model = BandRegression.fit(images, 2)
    hidden = images.copy()
    hidden[:, 2] = np.nan
    np.testing.assert_array_equal(model.predict(hidden), model.predict(images))


def test_a_window_sees_the_neighbours_and_one_pixel_does_not(images):
    images[:, 2] = np.roll(images[:, 0], 1, axis=2)
    inner = (slice(None), slice(1, -1), slice(1, -1))
    errors = [  # the images are periodic, the windows are not: pixels at the rim are learned from all the same
        np.abs(BandRegression.fit(images, 2, window=window).predict(images) - images[:, 2])[inner].mean()
        for window in (1, 3)
    ]
    assert errors[1] < 0.3 * errors[0]


def test_pixels_drawn_are_those_of_the_seed(images):
    noisy = images + np.random.default_rng(1).normal(size=images.shape)
    one, same, other = (BandRegression.fit(noisy, 2, pixels=200, seed=s).predict(noisy) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_images_made_of_few_components_are_returned_with_a_band_off():
    rng = np.random.default_rng(0)
    parts = rng.normal(size=(5, 3 * 8 * 8))
    images = (rng.normal(size=(80, 5)) @ parts + 3).reshape(80, 3, 8, 8)
    images += 1e-3 * rng.normal(size=images.shape)
    model = PCAInpainting.fit(images[:60], components=5)
    hidden = images[60:].copy()
    hidden[:, 1] = np.nan
    found = model.predict(hidden, np.array([True, False, True]))
    np.testing.assert_allclose(found, images[60:], atol=0.02)


def test_nothing_observed_gives_the_mean_image_and_noise_is_drawn_towards_it():
    rng = np.random.default_rng(0)
    images = (rng.normal(size=(200, 3)) @ rng.normal(size=(3, 2 * 4 * 4))).reshape(200, 2, 4, 4)
    images += rng.normal(size=images.shape)
    model = PCAInpainting.fit(images, components=3)
    nothing = model.predict(images[:2], np.array([False, False]))
    np.testing.assert_allclose(nothing, np.broadcast_to(images.mean(0), nothing.shape), atol=1e-5)
    filled = model.predict(images, np.array([True, False]))
    assert np.mean((filled[:, 1] - images[:, 1]) ** 2) < np.mean((images[:, 1] - images[:, 1].mean(0)) ** 2)


@pytest.mark.parametrize(
    ("band", "window", "message"),
    [(4, 1, "band: expected one of at least two bands"), (0, 2, "window: expected an odd number of pixels, got 2")],
)
def test_bad_arguments_are_told(images, band, window, message):
    with pytest.raises(ValueError, match=message):
        BandRegression.fit(images, band, window=window)
