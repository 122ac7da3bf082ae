"""Shapley values of parts of an image."""

import numpy as np
import pytest
import torch
from torch import nn

from galviz.nn.explain.regions import shapley_values

PARTS = np.repeat(np.repeat(np.array([[0, 1], [2, 4]]), 4, axis=0), 4, axis=1)  # no pixel is of part 3


class Pair(nn.Module):
    """Half the light of part 0, plus 3 if parts 1 and 2 are both seen: neither changes it alone."""

    def forward(self, images):
        light = images.sum(1)
        both = (light[:, :4, 4:].sum((1, 2)) > 1) & (light[:, 4:, :4].sum((1, 2)) > 1)
        return (0.5 * light[:, :4, :4].sum((1, 2)) + 3 * both)[:, None]


def test_parts_share_what_only_both_change():
    image = np.ones((2, 8, 8), dtype=np.float32)
    values, clean, base = shapley_values(Pair(), image, PARTS, baseline="zero", samples=400)
    assert (clean, base) == (19, 0)
    assert values.shape == (1, 5)
    assert values[0, [0, 3, 4]] == pytest.approx([16, 0, 0], abs=1e-5)
    assert values[0, 1:3] == pytest.approx([1.5, 1.5], abs=0.3)
    assert values.sum() == pytest.approx(clean - base, abs=1e-4)


def test_bands_share_it_too_and_the_seed_decides():
    image = np.stack([np.ones((8, 8)), np.full((8, 8), 3.0)]).astype(np.float32)
    before = torch.random.get_rng_state()
    values, clean, base = shapley_values(Pair(), image, PARTS, baseline="zero", bands="each", samples=50)
    assert values.shape == (2, 5)
    assert values[:, 0] == pytest.approx([8, 24], abs=1e-4)
    assert values.sum() == pytest.approx(clean - base, abs=1e-4)
    again, other = (
        shapley_values(Pair(), image, PARTS, baseline="zero", bands="each", samples=50, seed=seed)[0] for seed in (0, 1)
    )
    assert (again == values).all()
    assert not (other == values).all()
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parts": PARTS[:4]}, r"parts: expected numbers from 0, shape \(8, 8\), got \(4, 8\)"),
        ({"bands": "u"}, "bands: expected together or each, got 'u'"),
        ({"samples": 0}, "samples: expected at least 1 random order, got 0"),
    ],
)
def test_what_cannot_be_is_named(changed, message):
    with pytest.raises(ValueError, match=message):
        shapley_values(**({"network": Pair(), "image": np.ones((2, 8, 8), np.float32), "parts": PARTS} | changed))
