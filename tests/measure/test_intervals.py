"""Intervals that say how often they hold the truth, and do."""

import numpy as np
import pytest
from scipy.stats import norm

from galviz.measure.intervals import LEVELS, ONE_SIGMA, coverage, cross_widened, pit, pit_histogram, sigma_scale


def test_shares_by_hand():
    found = coverage([0, 0, 0, np.nan], [0.5, 1.5, -3.0, 0.0], [1.0, 1.0, 1.0, 1.0], [ONE_SIGMA, 0.95])
    assert found["share"].tolist() == [pytest.approx(1 / 3), pytest.approx(2 / 3)]
    assert found["n"].tolist() == [3, 3]
    assert (found["low"] < found["share"]).all()
    assert (found["share"] < found["high"]).all()


def test_intervals_of_the_right_width_hold_what_they_say():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.1, 3, 20_000)
    found = coverage(rng.normal(0, sigma), np.zeros(20_000), sigma)
    assert found["share"].to_numpy() == pytest.approx(np.array(LEVELS), abs=0.01)
    assert coverage(rng.normal(0, sigma), np.zeros(20_000), sigma / 2)["share"].iloc[0] == pytest.approx(
        2 * norm.cdf(0.5) - 1, abs=0.01
    )


def test_widening_undoes_what_a_network_believes_of_itself():
    rng = np.random.default_rng(1)
    sigma = rng.uniform(0.1, 3, 20_000)
    truth = rng.normal(0, sigma)
    assert sigma_scale(truth, np.zeros(20_000), sigma) == pytest.approx(1, abs=0.02)
    assert sigma_scale(truth, np.zeros(20_000), sigma / 4) == pytest.approx(4, rel=0.02)
    assert sigma_scale(truth, np.zeros(20_000), sigma / 4, level=0.95) == pytest.approx(4, rel=0.02)


@pytest.mark.parametrize("known", [20, 100])
def test_few_known_objects_are_enough_for_new_ones_whatever_their_errors_are(known):
    rng = np.random.default_rng(2)
    held = []
    for _ in range(400):
        pulls = rng.standard_t(3, known + 200) * 2.5  # neither normal nor of width 1
        wide = sigma_scale(pulls[:known], np.zeros(known), np.ones(known))
        held.append(np.mean(np.abs(pulls[known:]) <= wide))
    assert np.mean(held) == pytest.approx(ONE_SIGMA, abs=0.012)


def test_too_few_known_objects_change_nothing():
    assert sigma_scale(np.arange(9.0), np.zeros(9), np.ones(9)) == 1
    assert sigma_scale(np.r_[np.arange(9.0), [np.nan] * 20], np.zeros(29), np.ones(29)) == 1
    assert sigma_scale(np.arange(10.0), np.zeros(10), np.ones(10)) != 1


def test_a_width_that_is_none_is_named():
    with pytest.raises(ValueError, match=r"sigma: expected positive numbers, got 0.0"):
        coverage([1, 2], [1, 2], [1.0, 0.0])


def test_folds_that_are_harder_than_thought_widen_each_other():
    rng = np.random.default_rng(3)
    fold = np.repeat([0, 1, 2, 3], 2000)
    truth = rng.normal(0, 1.5, 8000)
    sigma = np.ones(8000)
    wider = cross_widened(truth, np.zeros(8000), sigma, fold)
    assert wider == pytest.approx(1.5, rel=0.05)
    truth[fold == 0] *= 100  # what a fold is like itself is not known there
    again = cross_widened(truth, np.zeros(8000), sigma, fold)
    assert again[fold == 0].tolist() == wider[fold == 0].tolist()
    assert (again[fold != 0] > 2 * wider[fold != 0]).all()


def test_pit_by_hand():
    found = pit([0.0, 1.0, -1.96, np.nan], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0])
    assert found == pytest.approx([0.5, norm.cdf(1), 0.025], abs=1e-4)
    with pytest.raises(ValueError, match=r"sigma: expected positive numbers, got 0.0"):
        pit([1.0], [1.0], [0.0])


def test_the_histogram_is_flat_where_errors_are_right_and_shows_how_they_are_wrong():
    rng = np.random.default_rng(0)
    sigma = rng.uniform(0.1, 3, 20_000)
    truth = rng.normal(0, sigma)
    right = pit_histogram(pit(truth, 0 * truth, sigma))
    assert right["n"].sum() == 20_000
    assert right["n"].between(right["low"], right["high"]).mean() >= 0.8
    small = pit_histogram(pit(truth, 0 * truth, sigma / 2))["n"]
    assert min(small.iloc[0], small.iloc[-1]) > 2 * small.iloc[10]
    large = pit_histogram(pit(truth, 0 * truth, sigma * 2))["n"]
    assert max(large.iloc[0], large.iloc[-1]) < large.iloc[10] / 2
    shifted = pit_histogram(pit(truth, 0 * truth + sigma, sigma))["n"]
    assert shifted.iloc[0] > 5 * shifted.iloc[-1]  # estimates too high: the truth lies low
    assert pit_histogram([])["n"].sum() == 0
