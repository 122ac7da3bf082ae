import numpy as np
import pytest

from galviz.tools.display import linear_part, rgb_bands
from galviz.tools.viewer.figure import contours, scale_bar


@pytest.mark.parametrize(
    ("side", "length", "label"),
    [
        (8, 2, "2″"),
        (25.3, 10, "10″"),
        (100, 20, "20″"),
        (140, 50, "50″"),
        (200, 60, "1′"),
        (1000, 300, "5′"),
        (1, 0.2, "0.2″"),
    ],
)
def test_scale_bar(side, length, label):
    assert scale_bar(side) == (pytest.approx(length), label)
    assert side / 6.5 < length <= 0.4 * side + 1e-9


def test_rgb_bands():
    assert rgb_bands("ugriz") == ("i", "r", "g")
    assert rgb_bands(("g", "r", "z")) == ("z", "r", "g")
    assert rgb_bands(("red", "green", "blue")) == ("red", "green", "blue")
    assert rgb_bands(("r",)) == ("r", "r", "r")


def test_the_linear_part_follows_the_unit_and_not_the_sources():
    pixels = np.random.default_rng(1).normal(0, 0.1, (3, 40, 40))
    assert linear_part(pixels) == pytest.approx(0.8, rel=0.05)
    assert linear_part(1000 * pixels) == pytest.approx(1000 * linear_part(pixels))
    with_source = pixels.copy()
    with_source[:, 3:6, 3:6] = 50
    assert linear_part(with_source) == pytest.approx(linear_part(pixels), rel=0.05)
    assert linear_part(np.full((3, 4, 4), 2.0)) == 16
    assert linear_part(np.zeros((3, 0))) > 0


def _round(height=40, width=50):
    y, x = np.mgrid[:height, :width]
    return np.exp(-np.hypot(x - 30, y - 12) / 4)


def test_contours_are_rounds_about_a_galaxy_at_their_levels():
    noise = np.random.default_rng(0).normal(0, 0.01, (40, 50))
    levels, lines = contours(_round() + noise, 4)
    assert len(levels) == 4
    np.testing.assert_allclose(np.diff(np.log(levels - np.median(noise + _round()))), [0.9] * 3, atol=0.6)
    for line in lines[-2:]:  # x is along the columns
        np.testing.assert_allclose(line.mean(axis=0), (30, 12), atol=1)
        np.testing.assert_array_equal(line[0], line[-1])
    quiet, outer = contours(_round(), 3)
    assert quiet == sorted(quiet)
    assert len(outer) == 3


def test_no_contour_goes_where_nothing_was_observed():
    seen = np.ones((40, 50), bool)
    seen[:, 28:] = False
    _, lines = contours(np.where(seen, _round(), 0), 3, seen)
    assert lines
    assert max(line[:, 0].max() for line in lines) <= 27
    assert contours(np.zeros((8, 8)), 3) == ([], [])
    assert contours(_round(), 3, np.zeros((40, 50), bool)) == ([], [])


def test_a_picture_that_is_mostly_bright_has_contours():
    image = np.ones((20, 20))
    image[5:9, 5:9] = 0
    levels, lines = contours(image, 2)
    assert len(levels) == 2
    assert lines
