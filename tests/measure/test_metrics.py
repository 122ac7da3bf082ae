import time
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galviz.measure import metrics

TRUTH = np.array([1.0, 2.0, 3.0, 4.0])
ESTIMATE = np.array([1.0, 3.0, 3.0, 8.0])  # residuals 0 1 0 4
SCALAR = [metrics.mae, metrics.rmse, metrics.bias, metrics.sigma, metrics.sigma_nmad, metrics.r2]
numbers = st.floats(-1e3, 1e3)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.mae, 1.25),
        (metrics.rmse, np.sqrt(17 / 4)),
        (metrics.bias, 1.25),
        (metrics.sigma, np.sqrt(17 / 4 - 1.25**2)),
        (metrics.sigma_nmad, 1.4826 * 0.5),
        (metrics.r2, 1 - 17 / 5),
        (partial(metrics.outlier_fraction, cut=0.5), 0.5),
        (partial(metrics.outlier_fraction, cut=1.0), 0.25),
        (metrics.accuracy, 0.5),
    ],
)
def test_by_hand(metric, expected):
    assert metric(TRUTH, ESTIMATE) == pytest.approx(expected)


def test_sign_of_the_bias():
    assert metrics.bias([0.0, 0.0], [1.0, 2.0]) > 0


@given(arrays(np.float64, 30, elements=numbers), arrays(np.float64, 30, elements=numbers))
def test_rmse_is_scatter_and_bias(truth, estimate):
    assert metrics.rmse(truth, estimate) ** 2 == pytest.approx(
        metrics.sigma(truth, estimate) ** 2 + metrics.bias(truth, estimate) ** 2, rel=1e-9, abs=1e-9
    )
    assert abs(metrics.bias(truth, estimate)) <= metrics.mae(truth, estimate) + 1e-9
    assert metrics.mae(truth, estimate) <= metrics.rmse(truth, estimate) + 1e-9


def test_nmad_of_a_gaussian_is_its_sigma_and_outliers_hardly_move_it():
    rng = np.random.default_rng(0)
    truth, residual = rng.normal(size=100_000), rng.normal(0, 0.3, 100_000)
    assert metrics.sigma_nmad(truth, truth + residual) == pytest.approx(0.3, rel=0.01)
    residual[:1000] = 50.0
    assert metrics.sigma_nmad(truth, truth + residual) == pytest.approx(0.3, rel=0.03)
    assert metrics.sigma(truth, truth + residual) > 3


def test_classes_by_name():
    assert metrics.accuracy(["u", "g", "r"], ["u", "g", "z"]) == pytest.approx(2 / 3)
    with pytest.raises(TypeError, match=r"expected numbers.*Use accuracy"):
        metrics.mae(["u"], ["g"])


@pytest.mark.parametrize("metric", [*SCALAR, metrics.accuracy])
def test_nan_is_refused_with_its_count_unless_dropped(metric):
    truth, estimate = np.append(TRUTH, [np.nan, 5.0]), np.append(ESTIMATE, [1.0, np.nan])
    with pytest.raises(ValueError, match=r"got 2 of 6 pairs with a NaN.*nan='drop'"):
        metric(truth, estimate)
    assert metric(truth, estimate, nan="drop") == metric(TRUTH, ESTIMATE)
    with pytest.raises(ValueError, match="nan: expected 'raise' or 'drop', got 'omit'"):
        metric(truth, estimate, nan="omit")


def test_nothing_left_is_refused():
    with pytest.raises(ValueError, match="expected at least one pair without NaN, got none of 1"):
        metrics.mae([np.nan], [1.0], nan="drop")
    with pytest.raises(ValueError, match="got none of 0"):
        metrics.mae([], [])


def test_shapes_and_indices_must_agree():
    with pytest.raises(ValueError, match=r"estimate: expected shape \(N,\) as truth, got \(3,\)"):
        metrics.mae(TRUTH, ESTIMATE[:3])
    with pytest.raises(ValueError, match=r"got \(4, 1\)"):  # would broadcast to 4×4 in silence
        metrics.mae(TRUTH, ESTIMATE[:, None])
    with pytest.raises(ValueError, match=r"Align them first"):
        metrics.mae(pd.Series(TRUTH, list("abcd")), pd.Series(ESTIMATE, list("dcba")))


@pytest.mark.parametrize("cut", [0.0, -1.0, np.nan])
def test_outliers_need_a_cut(cut):
    with pytest.raises(ValueError, match="cut: expected a positive number"):
        metrics.outlier_fraction(TRUTH, ESTIMATE, cut)


def test_r2_of_equal_truths_is_nan():
    assert np.isnan(metrics.r2([2.0, 2.0], [1.0, 3.0]))


def gaussian(size, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=size)
    return truth, truth + rng.normal(0.1, 0.5, size)


def test_interval_of_a_mean_is_the_textbooks():
    truth, estimate = gaussian(2000)
    found = metrics.bootstrap(metrics.bias, truth, estimate, n=2000)
    half = 1.96 * np.std(estimate - truth) / np.sqrt(2000)
    assert found.value == metrics.bias(truth, estimate)
    assert found.low == pytest.approx(found.value - half, abs=0.1 * half)
    assert found.high == pytest.approx(found.value + half, abs=0.1 * half)
    assert found.level == 0.95


def test_interval_is_wider_at_a_higher_level_and_for_fewer_pairs():
    truth, estimate = gaussian(1000)

    def width(size, level):
        found = metrics.bootstrap(metrics.mae, truth[:size], estimate[:size], n=300, level=level)
        return found.high - found.low

    assert width(1000, 0.68) < width(1000, 0.95) < width(100, 0.95)


def test_interval_depends_on_the_seed_alone():
    truth, estimate = gaussian(200)
    first = metrics.bootstrap(metrics.sigma_nmad, truth, estimate, n=100, seed=3)
    assert first == metrics.bootstrap(metrics.sigma_nmad, truth, estimate, n=100, seed=3)
    assert first != metrics.bootstrap(metrics.sigma_nmad, truth, estimate, n=100, seed=4)


def test_copies_in_a_group_add_no_knowledge():
    truth, estimate = gaussian(300)
    single = metrics.bootstrap(metrics.bias, truth, estimate, n=1500)
    copies, ids = 5, np.repeat([f"id{k}" for k in range(300)], 5)
    grouped = metrics.bootstrap(metrics.bias, np.repeat(truth, copies), np.repeat(estimate, copies), n=1500, groups=ids)
    naive = metrics.bootstrap(metrics.bias, np.repeat(truth, copies), np.repeat(estimate, copies), n=1500)
    assert grouped.high - grouped.low == pytest.approx(single.high - single.low, rel=0.1)
    assert naive.high - naive.low < 0.6 * (grouped.high - grouped.low)


def test_groups_follow_their_pairs_when_nan_is_dropped():
    truth = np.array([0.0, np.nan, 0.0, 0.0])
    estimate = np.array([1.0, 5.0, 1.0, 3.0])
    seen = set()

    def look(truth, estimate):
        seen.add(tuple(sorted(estimate)))
        return 0.0

    metrics.bootstrap(look, truth, estimate, n=50, groups=["a", "a", "a", "b"], nan="drop")
    assert seen == {(1, 1, 1, 1), (1, 1, 3), (3, 3)}


def test_bootstrap_refuses_what_makes_no_sense():
    with pytest.raises(ValueError, match="got n = 0"):
        metrics.bootstrap(metrics.mae, TRUTH, ESTIMATE, n=0)
    with pytest.raises(ValueError, match=r"level = 95"):
        metrics.bootstrap(metrics.mae, TRUTH, ESTIMATE, level=95)
    with pytest.raises(ValueError, match=r"groups: expected one a pair, shape \(4,\), got \(2,\)"):
        metrics.bootstrap(metrics.mae, TRUTH, ESTIMATE, groups=["a", "b"])


def test_summary_holds_each_metric_with_its_interval():
    truth, estimate = gaussian(500)
    table = metrics.summary(truth, estimate, cut=0.5, n=100)
    assert list(table.index) == ["mae", "rmse", "bias", "sigma", "sigma_nmad", "r2", "outlier_fraction(0.5)"]
    for metric in SCALAR:
        found = metrics.bootstrap(metric, truth, estimate, n=100)
        assert tuple(table.loc[metric.__name__, ["value", "low", "high"]]) == (found.value, found.low, found.high)
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()
    assert "0.5" in table.loc["outlier_fraction(0.5)", "definition"]


def test_summary_of_classes_is_their_accuracy():
    table = metrics.summary(["u", "g", "r", "i"], ["u", "g", "r", "z"], n=50)
    assert list(table.index) == ["accuracy"]
    assert table.loc["accuracy", "value"] == 0.75


def test_blocks_of_many_pairs_have_the_intervals_of_single_pairs(monkeypatch):
    truth, estimate = gaussian(10_000)
    estimate[:30] += 20  # outliers that are rare
    estimate = np.sort(estimate - truth) + truth  # a table is often sorted
    monkeypatch.setattr(metrics, "MANY", 10_000)
    pairs = metrics.summary(truth, estimate, cut=5, n=500)
    monkeypatch.setattr(metrics, "MANY", 9999)
    blocks = metrics.summary(truth, estimate, cut=5)
    assert (pairs["value"] == blocks["value"]).all()
    width = pairs["high"] - pairs["low"]
    assert (width > 0).all()
    assert ((blocks["high"] - blocks["low"]) / width).between(0.85, 1.18).all()
    assert ((pairs["low"] - blocks["low"]).abs() / width < 0.15).all()


def test_a_million_pairs_have_intervals_in_seconds():
    truth, estimate = gaussian(1_000_000)
    start = time.process_time()
    metrics.summary(truth, estimate)
    assert time.process_time() - start < 5


def test_a_thousand_resamples_of_20000_pairs_take_seconds():
    truth, estimate = gaussian(20_000)
    start = time.process_time()
    metrics.bootstrap(metrics.mae, truth, estimate)
    assert time.process_time() - start < 3


@pytest.mark.parametrize(
    ("file", "rmse", "nmad"),
    [("predictions-oh_p50.csv", 0.08489, 0.06506), ("predictions_64-oh_p50.csv", 0.08792, 0.06780)],
)
def test_published_network_of_wu_and_boada(real_data, file, rmse, nmad):
    table = pd.read_csv(real_data / "wu_boada_oh_p50" / file, dtype={"objID": str})
    assert len(table) == 20_466
    assert metrics.rmse(table["oh_p50"], table["prediction"]) == pytest.approx(rmse, abs=5e-6)
    assert metrics.sigma_nmad(table["oh_p50"], table["prediction"]) == pytest.approx(nmad, abs=5e-6)


def test_floors_of_richness_in_redmapper(real_data):
    table = pd.read_csv(real_data / "redmapper_dr8" / "redmapper_lambda.csv", skipinitialspace=True)
    truth = np.log(table["lambda"])
    assert metrics.mae(truth, pd.Series(truth.mean(), truth.index)) == pytest.approx(0.322, abs=5e-4)
    slices = pd.qcut(table["zlambda"], 50, labels=False)
    assert metrics.mae(truth, truth.groupby(slices).transform("median")) == pytest.approx(0.249, abs=5e-4)


def test_the_usual_cut_is_three_scatters():
    truth, estimate = gaussian(1000)
    cut = metrics.usual_cut(truth, estimate)
    assert cut == pytest.approx(3 * metrics.sigma_nmad(truth, estimate), rel=0.005)
    assert metrics.usual_cut(np.append(truth, np.nan), np.append(estimate, 1.0)) == cut
    assert metrics.usual_cut([1.0, 2.0], [1.0, 2.0]) is None
    assert metrics.usual_cut([np.nan], [1.0]) is None
