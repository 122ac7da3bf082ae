"""Measures in ranges of a quantity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.metrics import accuracy, bias, mae
from galviz.measure.ranges import in_ranges


def test_ranges_by_hand():
    by = np.arange(20.0)
    truth, error = np.zeros(20), np.repeat([1.0, -2.0], 10)
    found = in_ranges(by, truth, error, {"bias": bias, "mae": mae}, ranges=2)
    assert found["metric"].tolist() == ["bias", "mae"] * 2
    assert found["value"].tolist() == [1, 1, -2, 2]
    ranges = found[["left", "right", "middle", "n"]].iloc[[0, 2]]
    assert ranges.to_numpy().tolist() == [[0, 9, 4.5, 10], [10, 19, 14.5, 10]]
    assert (found["low"] == found["value"]).all()  # all errors of a range are equal


def test_few_objects_have_no_interval_and_no_object_is_no_row():
    found = in_ranges([1, 2, 3], [0, 0, 0], [1, 2, 3], {"mae": mae}, ranges=1)
    assert found["value"].tolist() == [2]
    assert found[["low", "high"]].isna().all(axis=None)
    assert in_ranges([np.nan], [0], [1], {"mae": mae}).empty
    assert in_ranges([1], [np.nan], [1], {"mae": mae}).empty
    with pytest.raises(ValueError, match="ranges: expected at least 1, got 0"):
        in_ranges([1], [1], [1], {"mae": mae}, ranges=0)


def test_classes_have_ranges_too():
    names = np.array(["a", "b"] * 10, dtype=object)
    found = in_ranges(np.repeat([0, 1], 10), names, np.full(20, "a", dtype=object), {"accuracy": accuracy}, ranges=2)
    assert found["value"].tolist() == [0.5, 0.5]


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, 7.0, np.nan]), min_size=1, max_size=60), st.integers(1, 9))
def test_every_known_object_is_in_one_range(by, ranges):
    by = np.array(by)
    found = in_ranges(by, np.zeros(len(by)), np.ones(len(by)), {"mae": mae}, ranges=ranges, n=2)
    assert found["n"].sum() == np.isfinite(by).sum()
    assert len(found) <= ranges
    assert (found["left"].to_numpy()[1:] > found["right"].to_numpy()[:-1]).all()
