"""Regions beside the same shape at random places, without all tries in memory at once."""

import tracemalloc

import numpy as np
import pytest

from galviz.measure.attribution_regions import moved
from galviz.measure.image_regions import DRAWS, elsewhere, part_masks, superpixels


@pytest.mark.parametrize("shape", [(20, 20), (12, 17)])
@pytest.mark.parametrize("seed", [0, 5])
def test_the_places_are_those_that_overlap_least_of_192(shape, seed):
    mask = np.zeros(shape, dtype=bool)
    mask[3:9, 2:11] = True
    rng = np.random.default_rng(seed)
    tried = np.array([moved(mask, rng) for _ in range(8 * DRAWS)])
    expected = tried[np.argsort((tried & mask).sum((1, 2)), kind="stable")[:DRAWS]]
    np.testing.assert_array_equal(elsewhere(mask, seed=seed), expected)


def test_the_places_of_a_large_image_fit_in_memory():
    mask = np.zeros((500, 500), dtype=bool)
    mask[200:300, 220:260] = True
    tracemalloc.start()
    try:
        found = elsewhere(mask)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.nbytes == DRAWS * mask.size
    assert peak < 2.5 * found.nbytes


def test_the_masks_of_parts_cover_each_pixel_once():
    parts = superpixels(np.random.default_rng(0).normal(size=(2, 16, 16)), 9)
    masks = part_masks(parts)
    assert masks.shape == (parts.max() + 1, 16, 16)
    assert (masks.sum(0) == 1).all()
    assert (masks.argmax(0) == parts).all()
