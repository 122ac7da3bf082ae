"""The learning rate that a range test suggests."""

import numpy as np
import pytest

from galviz.measure.rate_test import group_rates, rate_table, suggested_rate


def test_the_steepest_fall_is_found_through_noise():
    rates, rng = np.geomspace(1e-6, 10, 200), np.random.default_rng(0)
    fall = 1 / (1 + (rates / 1e-2) ** 2)  # steepest at 0.01 in the logarithm
    losses = fall + (rates / 2) ** 3 + 0.02 * rng.normal(size=200)
    table = rate_table(rates, losses)
    assert list(table.columns) == ["rate", "loss", "smoothed"]
    assert suggested_rate(table) == pytest.approx(1e-2, rel=0.4)
    assert table["smoothed"].diff().std() < 0.6 * table["loss"].diff().std()


def test_the_scatter_of_batches_before_the_fall_is_no_fall():
    rates, found = np.geomspace(1e-6, 10, 100), []
    for seed in range(100):
        noise = 0.02 * np.random.default_rng(seed).normal(size=100)
        losses = 0.2 - 0.06 / (1 + 3e-4 / rates) + 0.1 * (rates / 0.03) ** 2 + noise
        found.append(suggested_rate(rate_table(rates, losses)))
    assert np.mean(np.array(found) < 1e-5) < 0.1
    assert np.median(found) == pytest.approx(4e-4, rel=0.5)


@pytest.mark.parametrize("losses", [[], [3, 2, 1], list(range(20))])
def test_nothing_is_suggested_where_the_loss_never_falls_or_too_little_is_known(losses):
    rates = np.geomspace(1e-4, 1, max(len(losses), 1))[: len(losses)]
    assert suggested_rate(rate_table(rates, np.array(losses, dtype=float))) is None


def test_groups_keep_the_ratios_of_their_rates_with_two_digits():
    rates = {"encoder": 1e-4, "head": 3e-3}
    assert group_rates(0.01234, rates) == {"encoder": 4.1e-4, "head": 1.2e-2}
    assert group_rates(0.01234, rates | {"encoder": 10.0}, frozen=True) == {"head": 1.2e-2}
