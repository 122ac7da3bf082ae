"""Purity, completeness and F1 of each class, with their intervals."""

import numpy as np
import pytest

from galviz.measure.class_scores import class_scores


def names(*text):
    return np.array(text, dtype=object)


def test_scores_by_hand():
    found = class_scores(names("a", "a", "b", "b", None), names("a", "b", "b", "b", "a"), ("a", "b", "c"))
    assert found["precision"].tolist() == pytest.approx([1, 2 / 3, np.nan], nan_ok=True)
    assert found["recall"].tolist() == pytest.approx([0.5, 1, np.nan], nan_ok=True)
    assert found["f1"].tolist() == pytest.approx([2 / 3, 0.8, np.nan], nan_ok=True)
    assert found["support"].tolist() == [2, 2, 0]
    assert found.loc["c"].drop("support").isna().all()


def test_a_class_that_is_not_listed_counts_as_wrong():
    found = class_scores(names("a", "a", "x"), names("a", "y", "a"), ("a",))
    assert found.loc["a", ["precision", "recall", "support"]].tolist() == [0.5, 0.5, 2]


def test_the_interval_of_completeness_is_that_of_a_share():
    rng = np.random.default_rng(0)
    truth = np.repeat(names("a", "b"), 500)
    estimate = np.where(rng.random(1000) < 0.8, truth, "b").astype(object)
    row = class_scores(truth, estimate, ("a", "b")).loc["a"]
    half = 1.96 * np.sqrt(row["recall"] * (1 - row["recall"]) / 500)
    assert row["recall_high"] - row["recall"] == pytest.approx(half, rel=0.15)
    assert row["recall"] - row["recall_low"] == pytest.approx(half, rel=0.15)
    assert row["precision_low"] == row["precision"] == row["precision_high"] == 1


def test_one_class_alone_has_scores():
    found = class_scores(names("a", "a"), names("a", "a"), ("a", "b"))
    assert found.loc["a", ["precision", "recall", "f1"]].tolist() == [1, 1, 1]
    assert found.loc["b"].drop("support").isna().all()
