"""A fitted red sequence, with known answers, and the regions beside it."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.red_sequence import REGIONS, RedSequence, Region, fit_red_sequence, not_too_red, region_of

TRUE = RedSequence(slope=-0.04, intercept=1.2, scatter=0.05, pivot=17.0)


def field(objects=800, red=0.5, blue=0.35, seed=0):
    """Magnitudes, colours and kinds (0: on the line `TRUE`, 1: blue cloud, 2: anything) of drawn objects."""
    rng = np.random.default_rng(seed)
    magnitude = np.clip(19.4 - rng.exponential(1.2, objects), 13, None)
    kind = rng.choice(3, objects, p=[red, blue, 1 - red - blue])
    colours = (
        TRUE.colour(magnitude) + rng.normal(0, TRUE.scatter, objects),
        0.7 - 0.1 * (magnitude - 17) + rng.normal(0, 0.2, objects),
        rng.uniform(0, 2.5, objects),
    )
    return magnitude, np.choose(kind, colours), kind


@pytest.mark.parametrize(("red", "blue"), [(1.0, 0.0), (0.9, 0.05), (0.5, 0.35), (0.3, 0.6), (0.3, 0.0)])
def test_the_line_is_found_among_other_objects(red, blue):
    fit = fit_red_sequence(*field(red=red, blue=blue)[:2], pivot=17.0, n=0)
    assert fit.sequence.slope == pytest.approx(-0.04, abs=0.01)
    assert fit.sequence.intercept == pytest.approx(1.2, abs=0.02)
    assert fit.sequence.scatter == pytest.approx(0.05, rel=0.2)
    assert fit.share == pytest.approx(red, abs=0.06)
    assert np.isnan(fit.slope.low)


def test_a_line_through_all_objects_is_far_off():
    """The reason for a robust fit."""
    magnitude, colour, _ = field(red=0.3, blue=0.6)
    assert np.polyfit(magnitude - 17, colour, 1)[1] < 1


def test_intervals_hold_the_truth():
    held = []
    for seed in range(8):
        fit = fit_red_sequence(*field(300, seed=seed)[:2], pivot=17.0, n=50, level=0.9)
        found = (fit.slope, fit.intercept, fit.scatter)
        held += [i.low <= true <= i.high for i, true in zip(found, (-0.04, 1.2, 0.05), strict=True)]
        assert fit.slope.level == 0.9
    assert 0.75 <= np.mean(held) < 1  # 90 % of 24, and never all: the intervals would be too wide


def test_a_start_decides_which_line_is_found():
    """More objects lie in the blue cloud than on the line: without a start, the cloud is found."""
    magnitude, colour, _ = field(red=0.2, blue=0.7, seed=3)
    assert fit_red_sequence(magnitude, colour, pivot=17.0, n=0).sequence.intercept < 1
    drawn = RedSequence(slope=0.0, intercept=1.15, scatter=0.08, pivot=18.0)
    fit = fit_red_sequence(magnitude, colour, start=drawn, n=0)
    assert fit.sequence.pivot == 18
    assert fit.sequence.colour(17) == pytest.approx(1.2, abs=0.02)


def test_the_pivot_changes_the_intercept_alone():
    magnitude, colour, _ = field()
    here, there = (fit_red_sequence(magnitude, colour, pivot=pivot, n=0).sequence for pivot in (15.0, 19.0))
    assert here.slope == pytest.approx(there.slope, abs=1e-3)
    assert here.colour(18) == pytest.approx(there.colour(18), abs=1e-3)
    assert fit_red_sequence(magnitude, colour, n=0).sequence.pivot == np.median(magnitude)


def test_objects_without_a_colour_are_left_out():
    magnitude, colour, _ = field()
    more = np.concatenate([magnitude, [17, np.nan, 18]]), np.concatenate([colour, [np.nan, 1.2, np.inf]])
    fit = fit_red_sequence(*more, pivot=17.0, n=0)
    assert fit.objects == 800
    assert fit.sequence == fit_red_sequence(magnitude, colour, pivot=17.0, n=0).sequence


def test_whole_clusters_are_resampled():
    """Each cluster has its own shift in colour: eight shifts are known less well than 800 galaxies."""
    magnitude, colour, _ = field(red=1.0, blue=0.0)
    cluster = np.arange(800) % 8
    colour = colour + np.random.default_rng(0).normal(0, 0.05, 8)[cluster]
    alone, together = (fit_red_sequence(magnitude, colour, n=60, groups=g).intercept for g in (None, cluster))
    assert together.high - together.low > 3 * (alone.high - alone.low)


def test_equal_colours_and_rounded_magnitudes_have_a_line():
    fit = fit_red_sequence(np.arange(20) % 4 + 15.0, np.full(20, 0.7), n=5)
    assert fit.sequence.colour([15, 18]) == pytest.approx(0.7)
    assert fit.sequence.scatter < 0.001


@pytest.mark.parametrize(
    ("magnitude", "colour", "message"),
    [
        (np.arange(9.0), np.arange(9.0), "expected at least 10 objects with both and different magnitudes, got 9"),
        (np.full(20, 17.0), np.arange(20.0), "got 20 objects"),
        (np.arange(20.0), np.full(20, np.nan), "got 0 objects"),
        (np.arange(20.0), np.arange(19.0), r"colour: expected shape \(N,\) as magnitude"),
    ],
)
def test_too_little_to_fit(magnitude, colour, message):
    with pytest.raises(ValueError, match=message):
        fit_red_sequence(magnitude, colour)


def test_regions_and_their_edges():
    line = RedSequence(slope=0.0, intercept=0.0, scatter=1.0, pivot=17.0)  # an offset is a colour
    offsets = [99, 2, np.nextafter(2, 0), -2, np.nextafter(-2, -3), -5, np.nextafter(-5, -6), np.nan]
    names = ["red shoulder"] * 2 + ["red sequence"] * 2 + ["green valley"] * 2 + ["blue cloud", None]
    assert region_of(line, np.full(8, 18.0), offsets).tolist() == names
    assert [a.low for a in REGIONS[:-1]] == [b.high for b in REGIONS[1:]]  # no gap, no overlap


def test_a_dragged_line_moves_the_regions():
    magnitude = np.array([15.0, 19.0])
    assert region_of(TRUE, magnitude, TRUE.colour(magnitude) + 0.06).tolist() == ["red sequence"] * 2
    lower = RedSequence(TRUE.slope, TRUE.intercept - 0.06, TRUE.scatter, TRUE.pivot)
    assert region_of(lower, magnitude, TRUE.colour(magnitude) + 0.06).tolist() == ["red shoulder"] * 2
    own = (Region("near", -1, 1),)
    assert region_of(TRUE, magnitude, TRUE.colour(magnitude) + np.array([0.04, 0.06]), own).tolist() == ["near", None]


def test_most_objects_on_the_line_are_in_its_region():
    magnitude, colour, kind = field(5000)
    region = region_of(fit_red_sequence(magnitude, colour, n=0).sequence, magnitude, colour)
    assert np.mean(region[kind == 0] == "red sequence") == pytest.approx(0.954, abs=0.01)  # within 2 σ
    assert np.mean(region[kind == 1] == "red sequence") < 0.1


def test_an_object_at_the_limit_is_too_red():
    line = RedSequence(slope=0.0, intercept=0.0, scatter=1.0, pivot=17.0)
    assert not_too_red(line, [17, 17, 17, 17], [3.0, 2.99, -9.0, -np.inf]).tolist() == [False, True, True, False]
    assert not_too_red(line, [17], [2.0], limit=2).tolist() == [False]


def test_members_of_real_clusters_lie_on_the_sequence(real_data):
    """1,838 galaxies in the fields of 101 clusters; nothing about membership is used in the fit."""
    file = next((real_data / "splus_clusters").glob("cluster.gals*.dat"))
    table = pd.read_csv(file, sep=r"\s+", comment="#", header=None)
    magnitude, colour, member = table[25], table[26], table[21] == 0  # M_r, rest-frame g − r
    line = fit_red_sequence(magnitude, colour, pivot=-21.0, n=0).sequence
    assert -0.04 < line.slope < 0
    assert line.intercept == pytest.approx(0.73, abs=0.02)
    assert line.scatter == pytest.approx(0.05, abs=0.01)
    share = member.groupby(region_of(line, magnitude, colour)).mean()
    assert share["red sequence"] > 0.65
    assert share["red sequence"] > share["green valley"] > share["blue cloud"]
    assert share["red shoulder"] < 0.5  # most galaxies that are redder than the sequence lie behind the cluster
