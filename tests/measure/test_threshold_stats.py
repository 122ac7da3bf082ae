import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure import threshold_stats as fractions
from galviz.measure.threshold_stats import BinnedFractions, ThresholdCurve, rogan_gladen, wilson


def sample(n=4000, share=0.05, seed=0, dtype=np.float32):
    """Scores of a mediocre classifier, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < share
    return rng.beta(np.where(truth, 4, 1), np.where(truth, 2, 6)).astype(dtype), truth


class Counted:
    """Counts what `np.searchsorted` and `np.sort` are given."""

    def __init__(self, monkeypatch):
        self.searched, self.sorted = [], 0
        search, sort = np.searchsorted, np.sort

        def searchsorted(a, v, **kind):
            self.searched.append((a.dtype, np.asarray(v).dtype))
            return search(a, v, **kind)

        def counted_sort(a, *args, **kind):
            self.sorted += 1
            return sort(a, *args, **kind)

        monkeypatch.setattr(np, "searchsorted", searchsorted)
        monkeypatch.setattr(np, "sort", counted_sort)


@given(st.integers(0, 2**31), st.floats(0, 1), st.sampled_from([np.float32, np.float64]))
def test_counts_are_those_of_a_plain_comparison(seed, threshold, dtype):
    scores, truth = sample(60, 0.4, seed, dtype)
    threshold = scores[0] if seed % 2 else threshold  # a threshold that is a score: > is not ≥
    found = ThresholdCurve(scores, truth).at(threshold)
    above = scores > dtype(threshold)
    assert found.above == above.sum()
    assert (found.true_positives, found.false_positives) == ((above & truth).sum(), (above & ~truth).sum())
    assert found.fraction.value == above.mean()
    if above.any() and truth.any():
        assert found.purity.value == truth[above].mean()
        assert found.completeness.value == above[truth].mean()


def test_a_query_searches_and_neither_sorts_nor_casts(monkeypatch):
    """A million scores: each answer is a few binary searches in their own type, without touching the scores."""
    scores, truth = sample(1_000_000)
    curve = ThresholdCurve(scores, truth=truth[:1000], labelled=scores[:1000])
    counted = Counted(monkeypatch)
    found = curve.at(0.3)
    assert counted.sorted == 0
    assert counted.searched == [(np.float32, np.float32)] * 3
    assert found.above == np.count_nonzero(scores > 0.3)


def test_many_thresholds_at_once_are_the_same():
    scores, truth = sample()
    curve, thresholds = ThresholdCurve(scores, truth), np.linspace(0, 1, 11)
    together = curve.at(thresholds)
    for k, threshold in enumerate(thresholds):
        one = curve.at(threshold)
        assert one.above == together.above[k]
        np.testing.assert_equal(one.purity.low, together.purity.low[k])
        np.testing.assert_equal(one.corrected, together.corrected[k])


def test_the_papers_number():
    """2324 of 79,975 above 0.3 is a fraction of 0.0290 (Goh 2022, section 5.6)."""
    scores = np.concatenate([np.full(2324, 0.31), np.full(79_975 - 2324, 0.3)])
    found = ThresholdCurve(scores).at(0.3)
    assert round(found.fraction.value, 4) == 0.0291
    assert found.fraction.low == pytest.approx(0.0279, abs=5e-5)
    assert found.fraction.high == pytest.approx(0.0302, abs=6e-5)
    assert np.isnan(found.purity.value)
    assert np.isnan(found.corrected)


def test_wilson_by_hand():
    found = wilson(8, 10, 0.95)  # Brown, Cai & DasGupta (2001): centre (x + z²/2) / (n + z²)
    z = 1.959963985
    centre, half = (8 + z**2 / 2) / (10 + z**2), z / (10 + z**2) * np.sqrt(10 * 0.8 * 0.2 + z**2 / 4)
    assert (found.low, found.high) == (pytest.approx(centre - half), pytest.approx(centre + half))
    assert (wilson(0, 5).low, wilson(5, 5).high) == (0, 1)
    assert 0 < wilson(0, 5).high < 1
    assert np.isnan(wilson(0, 0).value)
    assert np.isnan(wilson(0, 0).low)


def test_wilson_contains_the_share_whatever_the_rounding():
    n = np.arange(1, 5001)
    for level in (0.6827, 0.95, 0.99):
        none, every = wilson(0 * n, n, level), wilson(n, n, level)
        assert (none.low == 0).all()
        assert (every.high == 1).all()


def test_rogan_gladen_undoes_a_known_cut():
    for true_share in (0.0, 0.03, 0.5, 1.0):
        seen = true_share * 0.7 + (1 - true_share) * 0.02
        assert rogan_gladen(seen, 0.7, 0.02) == pytest.approx(true_share)
    assert rogan_gladen(0.01, 0.7, 0.02) == 0  # fewer than the false ones alone: clipped
    assert rogan_gladen(0.9, 0.7, 0.02) == 1
    assert np.isnan(rogan_gladen(0.5, 0.3, 0.3))  # no better than chance: nothing to correct with
    assert np.isnan(rogan_gladen(0.5, 0.2, 0.3))


@given(st.integers(0, 2**31), st.floats(0.05, 0.9))
def test_where_all_is_labelled_the_correction_is_exact(seed, threshold):
    scores, truth = sample(200, 0.3, seed)
    found = ThresholdCurve(scores, truth).at(threshold)
    if found.completeness.value > found.false_positive_rate.value:
        assert found.corrected == pytest.approx(truth.mean())


def test_the_correction_carries_over_to_another_sample():
    labelled, truth = sample(60_000, 0.3, seed=1)
    scores, hidden = sample(60_000, 0.03, seed=2)
    curve = ThresholdCurve(scores, truth, labelled=labelled)
    for threshold in (0.2, 0.4, 0.6):
        assert curve.at(threshold).corrected == pytest.approx(hidden.mean(), abs=0.004)
    assert abs(curve.at(0.2).fraction.value - hidden.mean()) > 0.1  # the raw one is far off


def test_bootstrap_covers_agrees_and_is_seeded():
    labelled, truth = sample(2000, 0.1, seed=3)
    scores, hidden = sample(50_000, 0.1, seed=4)
    curve = ThresholdCurve(scores, truth, labelled=labelled)
    found = curve.resampled(0.4, n=4000)
    assert found == curve.resampled(0.4, n=4000)
    assert found["corrected"].low < hidden.mean() < found["corrected"].high
    raw = curve.at(0.4)
    for name in ("fraction", "purity", "completeness"):  # as Wilson says, for counts that are not small
        wilsons = getattr(raw, name)
        assert found[name].value == wilsons.value
        assert found[name].low == pytest.approx(wilsons.low, abs=0.01)
        assert found[name].high == pytest.approx(wilsons.high, abs=0.01)
    assert found["corrected"].high - found["corrected"].low > found["fraction"].high - found["fraction"].low


def test_counts_of_a_bootstrap_are_those_of_objects_drawn():
    """The multinomial shortcut against the long way: objects drawn with replacement."""
    scores, truth = sample(300, 0.2, seed=5)
    rng, drawn = np.random.default_rng(0), []
    for _ in range(1500):
        rows = rng.integers(300, size=300)
        found = ThresholdCurve(scores[rows], truth[rows]).at(0.4)
        drawn.append((found.purity.value, found.corrected))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    quick = ThresholdCurve(scores, truth).resampled(0.4, n=4000)
    for k, name in enumerate(("purity", "corrected")):
        assert quick[name].low == pytest.approx(low[k], abs=0.02)
        assert quick[name].high == pytest.approx(high[k], abs=0.02)


def test_a_sample_that_is_partly_labelled_is_drawn_as_one():
    """Where all above happen to be the labelled ones, how many of these are drawn is chance too."""
    scores, truth = np.repeat([0.9, 0.1], 100), np.repeat([1.0, np.nan], 100)
    found = ThresholdCurve(scores, truth).resampled(0.5)["fraction"]
    assert found.low == pytest.approx(0.5 - 1.96 * np.sqrt(0.25 / 200), abs=0.01)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_the_sum_of_calibrated_scores_finds_the_fraction(method):
    labelled, truth = sample(4000, 0.05, seed=6)
    scores, hidden = sample(20_000, 0.05, seed=7)
    curve = ThresholdCurve(scores, truth, labelled=labelled)
    found = curve.expected(method, n=20)
    assert found.low < hidden.mean() < found.high
    assert found.value == pytest.approx(hidden.mean(), abs=0.01)
    assert found.high - found.low < 0.03
    assert found == curve.expected(method, n=20)


def test_the_sum_over_the_labelled_themselves_is_their_fraction():
    scores, truth = sample(1000, 0.1, seed=8)
    found = ThresholdCurve(scores, truth).expected(n=40)
    assert found.value == pytest.approx(truth.mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(0.1 * 0.9 / 1000), rel=0.4)


def test_partly_labelled_samples_count_everyone_once():
    scores, truth = sample(2000, 0.2, seed=9)
    known = np.where(np.arange(2000) < 500, truth, np.nan)
    found = ThresholdCurve(scores, known).at(0.5)
    assert (found.above, found.n) == ((scores > 0.5).sum(), 2000)
    assert found.completeness.value == (scores[:500][truth[:500]] > 0.5).mean()


def test_calibration_makes_a_bent_score_straight():
    rng = np.random.default_rng(10)
    p = rng.random(20_000)
    truth = rng.random(20_000) < p
    bent = 1 / (1 + np.exp(-(2 * np.log(p / (1 - p)) - 1)))
    for method in ("isotonic", "platt"):
        back = fractions.calibrate(bent, truth, method)(bent)
        assert np.abs(back - p).mean() < 0.02
    with pytest.raises(ValueError, match="truth: expected labels 0 and 1, got 3 equal ones"):
        fractions.calibrate(np.array([0.1, 0.2, 0.3]), np.ones(3))


def test_thresholds_for_a_wish():
    scores, truth = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), np.array([0, 1, 0, 1, 1, 1])
    curve = ThresholdCurve(scores, truth)
    half = curve.threshold_for(completeness=0.5)
    assert (scores > half).tolist() == [False] * 4 + [True] * 2
    assert curve.at(curve.threshold_for(completeness=1.0)).purity.value == 0.8
    pure = curve.threshold_for(purity=1.0)
    assert (scores > pure).sum() == 3  # the most complete of the pure ones
    assert np.isnan(ThresholdCurve(scores, truth[::-1]).threshold_for(purity=0.99))
    with pytest.raises(ValueError, match="expected completeness or purity, got both or none"):
        curve.threshold_for()


@given(st.integers(0, 2**31), st.floats(0.01, 1))
def test_the_threshold_for_a_completeness_is_the_highest(seed, wanted):
    scores, truth = sample(80, 0.3, seed)
    curve = ThresholdCurve(scores, truth)
    if not truth.any():
        assert np.isnan(curve.threshold_for(completeness=wanted))
        return
    threshold = curve.threshold_for(completeness=wanted)
    assert curve.at(threshold).completeness.value >= wanted
    assert curve.at(np.nextafter(np.float32(threshold), np.float32(1))).completeness.value < wanted


def test_the_curve_runs_from_all_to_one():
    scores, truth = sample()
    curve = ThresholdCurve(scores, truth).curve(50)
    assert len(curve) == 50
    assert curve.index.is_monotonic_increasing
    assert curve["completeness"].iloc[0] == 1
    assert curve["completeness"].iloc[-1] == pytest.approx(1 / truth.sum())
    assert curve["completeness"].is_monotonic_decreasing


def test_bins_of_redshift_hold_their_own_objects():
    scores, truth = sample()
    z = np.linspace(0, 0.4, len(scores))
    z[0] = np.nan
    edges = [0.1, 0.2, 0.4]
    found = BinnedFractions(z, edges, scores, truth).at(0.4)
    for row, inside in zip(found.itertuples(), ((z >= 0.1) & (z < 0.2), (z >= 0.2) & (z <= 0.4)), strict=True):
        assert (row.n, row.above) == (inside.sum(), (scores[inside] > 0.4).sum())
        assert row.corrected == pytest.approx(truth[inside].mean())
        assert row.low < row.fraction < row.high
    assert BinnedFractions(z, [5, 6], scores).at(0.4)["n"].tolist() == [0]
    with pytest.raises(ValueError, match="expected rising edges"):
        BinnedFractions(z, [0.2, 0.1], scores)


def test_reliability_by_hand():
    found = fractions.reliability([0.05, 0.15, 0.17, 1.0], [0, 1, 0, 1], bins=10)
    assert found["n"].tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found["score"].iloc[1] == pytest.approx(0.16)
    assert found["observed"].iloc[1] == 0.5
    assert np.isnan(found["observed"].iloc[2])
    assert found["observed"].iloc[9] == 1


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(ValueError, match="scores: expected finite numbers"):
        ThresholdCurve([0.1, np.nan])
    with pytest.raises(ValueError, match="truth: expected 0, 1 or NaN"):
        ThresholdCurve([0.1, 0.2], [0.5, 1])
    with pytest.raises(ValueError, match="truth: expected 0, 1 or NaN"):
        ThresholdCurve([0.1, 0.2], [1])
