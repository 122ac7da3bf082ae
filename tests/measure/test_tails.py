import numpy as np
import pytest

from galviz.measure.metrics import rmse
from galviz.measure.relation import relation
from galviz.measure.tails import corrected, slope, tails


def test_a_line_has_its_slope_and_its_pivot():
    truth = np.linspace(8, 9, 101)
    found = tails(truth, 8.7 + 0.6 * (truth - 8.7))
    assert found.slope.value == pytest.approx(0.6)
    assert (found.slope.low, found.slope.high) == pytest.approx((0.6, 0.6))
    assert found.pivot == pytest.approx(8.7)
    assert found.ends == pytest.approx((8.1, 8.9))
    assert found.shares == (0.0, 0.0)
    assert tails(truth, truth + 0.1).slope.value == pytest.approx(1)
    assert np.isnan(slope(np.ones(4), np.arange(4.0)))


def test_the_interval_holds_the_slope_of_a_noisy_prediction():
    rng = np.random.default_rng(0)
    truth = rng.normal(8.9, 0.2, 4000)
    found = tails(np.append(truth, np.nan), np.append(8.9 + 0.8 * (truth - 8.9) + rng.normal(0, 0.05, 4000), 9.0))
    assert found.slope.low < 0.8 < found.slope.high
    assert found.slope.high - found.slope.low == pytest.approx(3.92 * 0.05 / 0.2 / np.sqrt(4000), rel=0.2)
    assert 0 < found.shares[0] < 0.08


def test_the_correction_straightens_the_line_and_costs_exactness():
    rng = np.random.default_rng(0)
    label = rng.normal(8.9, 0.2, 4000)
    best = 8.9 + 0.8 * (label - 8.9) + rng.normal(0, 0.08, 4000)
    straight = corrected(label, best)
    assert slope(label, straight) == pytest.approx(1)
    assert straight.mean() == pytest.approx(label.mean())
    assert rmse(label, straight) > rmse(label, best)
    assert corrected(label, best, of=[best[3]])[0] == pytest.approx(straight[3])
    with pytest.raises(ValueError, match="expected predictions that rise with the truth, got a slope of -1"):
        corrected(label, -label)


def test_a_relation_has_the_scatter_that_was_added():
    rng = np.random.default_rng(0)
    x = rng.normal(10, 0.5, 8000)
    found = relation(np.append(x, np.nan), np.append(-1.492 + 1.847 * x - 0.08026 * x**2 + rng.normal(0, 0.1, 8000), 9))
    assert found.objects == 8000
    assert found.rms == pytest.approx(0.1, rel=0.03)
    assert found.sigma_nmad == pytest.approx(0.1, rel=0.03)
    line = np.linspace(0, 1, 500)
    assert relation(line, 3 * line).rms == pytest.approx(0, abs=1e-9)
    assert relation(np.ones(50), np.arange(50.0)).objects == 50
    assert np.isnan(relation([], []).rms)


@pytest.mark.parametrize("truth", [[1.0], [2.0, 2.0, np.nan]])
def test_one_true_value_gives_no_slope(truth):
    with pytest.raises(ValueError, match="slope is undefined: expected at least two different true values"):
        tails(truth, np.arange(len(truth)))
