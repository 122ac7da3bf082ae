from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.tools.selection.polygon import inside

corner = st.tuples(st.integers(-20, 20), st.integers(-20, 20))


def inside_exactly(px, py, polygon):
    """The even-odd rule in rational numbers."""
    odd = False
    for (x0, y0), (x1, y1) in zip(polygon, polygon[1:] + polygon[:1], strict=True):
        if min(y0, y1) <= py < max(y0, y1):
            odd ^= px < x0 + Fraction(py - y0) * (x1 - x0) / (y1 - y0)
    return odd


@given(st.lists(corner, min_size=3, max_size=12))
def test_agrees_with_rational_arithmetic(polygon):
    x, y = (v.ravel() for v in np.mgrid[-21:22:3, -21:22:3])
    expected = [inside_exactly(int(a), int(b), polygon) for a, b in zip(x, y, strict=True)]
    assert inside(x, y, polygon).tolist() == expected


def test_neighbours_divide_the_points_between_them():
    x, y = np.random.default_rng(0).uniform(0, 1, (2, 5000)).round(2)
    left, right = [(0, -1), (0.3, -1), (0.6, 2), (0, 2)], [(0.3, -1), (2, -1), (2, 2), (0.6, 2)]
    assert (inside(x, y, left) ^ inside(x, y, right)).all()


def test_a_polygon_walked_backwards_is_the_same():
    x, y = np.random.default_rng(1).normal(size=(2, 5000))
    polygon = [(-1, -1), (1, -0.3), (0.2, 1.7), (-0.4, 0.3)]
    assert (inside(x, y, polygon) == inside(x, y, polygon[::-1])).all()
    assert 0 < inside(x, y, polygon).sum() < 5000


def test_nan_is_outside():
    square = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    assert inside([0, np.nan, 0], [0, 0, np.nan], square).tolist() == [True, False, False]


@pytest.mark.parametrize("polygon", [[], [(0, 0), (1, 1)], [(0, 0), (1, 1), (np.nan, 0)]])
def test_no_polygon_is_refused(polygon):
    with pytest.raises(ValueError, match="polygon: expected at least 3 finite corners"):
        inside([0.0], [0.0], polygon)
