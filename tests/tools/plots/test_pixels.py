"""Objects counted in pixels."""

import numpy as np
import pytest

from galviz.tools.plots.pixels import Window, spread

N = 150_000  # more than are counted at once


@pytest.fixture(scope="module")
def places():
    return np.exp(np.random.default_rng(0).normal(size=(2, N)))


@pytest.mark.parametrize("log", [(False, False), (True, False), (True, True)])
def test_each_object_inside_counts_in_its_pixel(places, log):
    window = Window((0.5, 3.0), (0.2, 2.0), (40, 30), log)
    edges = [
        np.geomspace(*ends, pixels + 1) if one else np.linspace(*ends, pixels + 1)
        for ends, pixels, one in zip((window.x, window.y), window.size, log, strict=True)
    ]
    counts = window.counts(*places)
    np.testing.assert_array_equal(counts[..., 0].T, np.histogram2d(*places, bins=edges)[0])
    assert counts.shape == (30, 40, 1)


def test_ends_are_inside_and_nan_is_not():
    x = np.array([0.0, 1.0, np.nan, 1.1, -0.1, 0.5])
    assert Window((0.0, 1.0), (0.0, 1.0), (2, 2)).counts(x, x)[..., 0].tolist() == [[1, 0], [0, 2]]


def test_categories_are_counted_apart(places):
    window, codes = Window((0.5, 3.0), (0.2, 2.0), (7, 5)), np.random.default_rng(1).integers(-1, 3, N).astype(np.int8)
    counts = window.counts(*places, codes, 3)
    for code in (-1, 0, 1, 2):
        np.testing.assert_array_equal(counts[..., code], window.counts(*places[:, codes == code])[..., 0])


def test_means_are_of_the_values_that_are_finite(places):
    window, values = Window((0.5, 30.0), (0.2, 20.0), (9, 8)), np.random.default_rng(1).normal(size=N)
    values[::3], values[1::9] = np.nan, np.inf
    counts, means = window.means(*places, values)
    known = np.isfinite(values)
    edges = np.linspace(0.5, 30, 10), np.linspace(0.2, 20, 9)
    number, total = (np.histogram2d(*places[:, known], edges, weights=one)[0].T for one in (None, values[known]))
    np.testing.assert_array_equal(counts, window.counts(*places)[..., 0])
    np.testing.assert_array_equal(np.isnan(means), number == 0)
    np.testing.assert_allclose(means[number > 0], (total[number > 0] / number[number > 0]))


def test_an_object_spreads_to_the_pixels_around_it():
    counts = np.zeros((4, 5), dtype=int)
    counts[0, 0], counts[2, 3] = 1, 2
    assert spread(counts).tolist() == [[1, 1, 0, 0, 0], [1, 1, 2, 2, 2], [0, 0, 2, 2, 2], [0, 0, 2, 2, 2]]
