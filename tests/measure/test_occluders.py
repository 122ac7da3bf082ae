"""Places of an occluder, and the map that they make."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.occluders import places, spread


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 12), st.integers(1, 15), st.integers(0, 99))
def test_every_pixel_has_the_mean_of_the_places_that_cover_it(height, width, patch, stride, seed):
    patch = min(patch, height, width)
    where = places(height, width, patch, stride)
    values = np.random.default_rng(seed).normal(size=(2, len(where)))
    total, count = np.zeros((2, height, width)), np.zeros((height, width))
    for k, (row, column) in enumerate(where):
        total[:, row : row + patch, column : column + patch] += values[:, k, None, None]
        count[row : row + patch, column : column + patch] += 1
    expected = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    np.testing.assert_allclose(spread(values, where, patch, (height, width)), expected, rtol=1e-4, atol=1e-5)
    if stride <= patch:
        assert (count > 0).all()


def test_places_begin_at_the_corner_and_end_flush_with_the_edge():
    where = places(20, 15, 4, 8)
    assert where[:, 0].tolist() == [0] * 3 + [8] * 3 + [16] * 3
    assert where[:3, 1].tolist() == [0, 8, 11]
    assert places(8, 8, 8, 3).tolist() == [[0, 0]]


def test_places_that_were_not_asked_leave_gaps():
    where = places(8, 8, 4, 4)
    found = spread(np.array([1.0, 3.0]), where[[0, 3]], 4, (8, 8))
    assert (found[:4, :4] == 1).all()
    assert (found[4:, 4:] == 3).all()
    assert np.isnan(found[:4, 4:]).all()


@pytest.mark.parametrize(
    ("patch", "stride", "shown_text"),
    [(9, 4, "at most 8 pixels on an image of 8×20, got 9"), (0, 4, "patch"), (4, 0, "stride")],
)
def test_what_makes_no_sense_is_refused(patch, stride, shown_text):
    with pytest.raises(ValueError, match=shown_text):
        places(8, 20, patch, stride)
