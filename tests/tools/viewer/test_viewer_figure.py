import numpy as np
import pytest

from galviz.tools.display import linear_part, rgb_bands
from galviz.tools.viewer.figure import scale_bar


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
