"""ROC and purity–completeness curves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from galviz.measure.score_curves import purity_completeness, roc

TRUTH = [1, 0, 1, 0]
SCORE = [0.9, 0.8, 0.4, 0.1]  # in this order: a hit, a false one, a hit, a false one


def test_roc_by_hand():
    found = roc(TRUTH, SCORE)
    assert found.table[["x", "y"]].to_numpy().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]
    assert found.area.value == 0.75  # of four pairs of a positive and a negative, three are in order
    assert (found.positives, found.negatives) == (2, 2)
    assert roc(TRUTH, [1, 0, 1, 0]).area.value == 1
    assert roc(TRUTH, [0, 1, 0, 1]).area.value == 0
    assert roc(TRUTH, [7, 7, 7, 7]).area.value == 0.5


def test_purity_and_completeness_by_hand():
    found = purity_completeness(TRUTH, SCORE)
    rows = [[0.5, 1], [0.5, 0.5], [1, 2 / 3]]  # completeness, purity: above 0.9, 0.8, 0.4
    np.testing.assert_allclose(found.table[["x", "y"]].to_numpy()[:3], rows)
    assert found.table["threshold"].tolist()[:3] == [0.9, 0.8, 0.4]
    assert found.area.value == pytest.approx((1 + 2 / 3) / 2)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9])), min_size=2, max_size=40))
def test_areas_are_those_of_scikit_learn_and_do_not_depend_on_the_scale(pairs):
    truth, score = map(np.array, zip(*pairs, strict=True))
    for curve, expected in ((roc, roc_auc_score), (purity_completeness, average_precision_score)):
        found = curve(truth, score, n=3)
        if not truth.any() or (curve is roc and truth.all()):
            assert np.isnan(found.area.value)
            assert found.table.empty
            continue
        assert found.area.value == pytest.approx(expected(truth, score))
        assert curve(truth, np.exp(3 * score), n=1).area.value == pytest.approx(found.area.value)
        assert found.table["y"].between(0, 1).all()
        assert found.table["x"].is_monotonic_increasing


def test_one_class_is_undefined_and_what_is_not_known_is_left_out():
    assert np.isnan(roc([0, 0], [0.1, 0.2]).area.value)
    assert np.isnan(roc([1, 1], [0.1, 0.2]).area.value)
    assert np.isnan(purity_completeness([0, 0], [0.1, 0.2]).area.value)
    assert np.isnan(roc([], []).area.value)
    assert purity_completeness([1, 1], [0.1, 0.2]).area.value == 1
    found = roc([*TRUTH, np.nan, 1], [*SCORE, 0.3, np.nan])
    assert (found.area.value, found.positives, found.negatives) == (0.75, 2, 2)


def test_the_interval_and_the_band_have_the_size_of_theory():
    rng, inside, shares = np.random.default_rng(0), 0, []
    for seed in range(20):
        truth = np.arange(400) % 2
        found = roc(truth, rng.normal(truth, 1), seed=seed)
        inside += found.area.low <= 0.7602 <= found.area.high  # Φ(1/√2)
        middle = found.table[found.table["x"].between(0.3, 0.7)]
        shares.append((middle["high"] - middle["low"]).mean())
    assert inside >= 17
    assert np.mean(shares) == pytest.approx(0.14, abs=0.05)  # about ± 1.96 √(y (1 − y) / 200), y = 0.8, and more in x
    assert (found.table["low"] <= found.table["high"]).all()


def test_strange_truths_are_named():
    with pytest.raises(ValueError, match=r"truth: expected 1, 0 or NaN, got 2.0"):
        roc([0, 1, 2], [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"score: expected shape \(N,\) as truth"):
        roc([0, 1], [0.1])


def test_a_large_sample_has_a_curve_of_few_points():
    truth = np.arange(50_000) % 2
    found = purity_completeness(truth, np.random.default_rng(0).normal(truth, 1), n=2)
    assert len(found.table) == 400
    assert found.table["x"].iloc[-1] == 1
