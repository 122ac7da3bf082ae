"""Purity, completeness and F1 of each class, with their intervals."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import classification_report

from galviz.measure.class_scores import class_scores, matrix_scores, scores_by_region


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


# Pruitt & Romanowsky print reports of scikit-learn, without the confusion matrices behind them. These matrices are
# the only ones that give the printed digits. Rows are true, columns predicted; class 1 is a cluster member. The second
# region has a title, "Red Sequence"; of its averages only the support can be read.
PAPER = {
    "all": (
        [[233, 14], [14, 74]],
        {
            "0": "0.94 0.94 0.94 247",
            "1": "0.84 0.84 0.84 88",
            "accuracy": "0.92 335",
            "macro avg": "0.89 0.89 0.89 335",
            "weighted avg": "0.92 0.92 0.92 335",
        },
    ),
    "first region": (
        [[88, 1], [0, 1]],
        {
            "0": "1.00 0.99 0.99 89",
            "1": "0.50 1.00 0.67 1",
            "accuracy": "0.99 90",
            "macro avg": "0.75 0.99 0.83 90",
            "weighted avg": "0.99 0.99 0.99 90",
        },
    ),
    "red sequence": (
        [[69, 9], [12, 59]],
        {"0": "0.85 0.88 0.87 78", "1": "0.87 0.83 0.85 71", "accuracy": "149"},
    ),
    "last region": (
        [[76, 4], [2, 14]],
        {
            "0": "0.97 0.95 0.96 80",
            "1": "0.78 0.88 0.82 16",
            "accuracy": "0.94 96",
            "macro avg": "0.88 0.91 0.89 96",
            "weighted avg": "0.94 0.94 0.94 96",
        },
    ),
}


def objects_of(matrix):
    """Names of true and predicted classes, one an object."""
    true, given = np.indices((2, 2)).reshape(2, -1).repeat(np.ravel(matrix), axis=1).astype(str).astype(object)
    return true, given


def printed(row):
    """A row as scikit-learn prints it; accuracy stands in one column alone."""
    numbers = row[["f1"] if row.name == "accuracy" else ["precision", "recall", "f1"]]
    return " ".join([*(f"{value:.2f}" for value in numbers), str(int(row["support"]))])


@pytest.mark.parametrize("part", PAPER)
def test_every_digit_of_the_papers_reports(part):
    matrix, report = PAPER[part]
    found = class_scores(*objects_of(matrix), ("0", "1"), averages=True, n=10)
    for name, line in report.items():
        assert printed(found.loc[name]).endswith(line)
    pd.testing.assert_frame_equal(found, matrix_scores(matrix, ("0", "1"), averages=True, n=10))


def test_the_accuracies_behind_the_papers_reports():
    accuracy = {part: matrix_scores(matrix, ("0", "1"), averages=True, n=0).loc["accuracy", "f1"]
                for part, (matrix, _) in PAPER.items()}  # fmt: skip
    assert accuracy == pytest.approx(
        {"all": 0.9164, "first region": 0.9889, "red sequence": 0.8591, "last region": 0.9375}, abs=5e-5
    )


def test_the_papers_regions_add_up_to_all():
    whole, *parts = (np.array(matrix) for matrix, _ in PAPER.values())
    assert (sum(parts) == whole).all()
    regions = list(PAPER)[1:]
    truth, estimate = (
        np.concatenate(values) for values in zip(*(objects_of(PAPER[part][0]) for part in regions), strict=True)
    )
    region = np.repeat(regions, [part.sum() for part in parts]).astype(object)
    found = scores_by_region(truth, estimate, region, ("0", "1"), regions, n=10)
    assert found.loc[("red sequence", "1"), "support"] == 71
    for part in regions:
        assert [printed(row) for _, row in found.loc[part].iterrows()][:2] == list(PAPER[part][1].values())[:2]


def test_a_region_without_objects_is_undefined():
    region = np.array(["blue cloud"] * 3 + [None], dtype=object)
    found = scores_by_region(
        names("0", "0", "0", "1"), names("0", "0", "0", "1"), region, ("0", "1"), ("blue cloud", "green valley"), n=10
    )
    assert found.loc["green valley", "support"].tolist() == [0] * 5
    assert found.loc["green valley"].drop(columns="support").isna().all(axis=None)
    assert found.loc[("blue cloud", "accuracy"), "f1"] == 1
    assert found.loc[("blue cloud", "1")].drop("support").isna().all()  # no member there: undefined, not 0
    assert found.loc[("blue cloud", "macro avg"), ["f1", "support"]].tolist() == [1, 3]


def test_averages_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, estimate = rng.choice(["a", "b", "c"], (2, 200), p=[0.6, 0.3, 0.1]).astype(object)
    found = class_scores(truth, estimate, ("a", "b", "c"), averages=True, n=10)
    theirs = classification_report(truth, estimate, output_dict=True, zero_division=np.nan)
    for name in ("a", "b", "c", "macro avg", "weighted avg"):
        ours = found.loc[name, ["precision", "recall", "f1", "support"]].tolist()
        assert ours == pytest.approx(list(theirs[name].values()))
    assert found.loc["accuracy", ["precision", "recall", "f1"]].tolist() == pytest.approx([theirs["accuracy"]] * 3)


def test_whole_groups_are_resampled():
    """Of 20 clusters, a half is all right and a half all wrong: 20 objects decide, not 1000."""
    truth, group = names(*["a"] * 1000), np.repeat(np.arange(20), 50)
    estimate = np.where(group % 2, "a", "b").astype(object)
    alone = class_scores(truth, estimate, ("a", "b")).loc["a"]
    found = class_scores(truth, estimate, ("a", "b"), groups=group).loc["a"]
    assert found["recall"] == alone["recall"] == 0.5
    assert alone["recall_high"] - 0.5 == pytest.approx(1.96 * np.sqrt(0.25 / 1000), rel=0.15)
    assert found["recall_high"] - 0.5 == pytest.approx(1.96 * np.sqrt(0.25 / 20), rel=0.15)


def test_groups_follow_objects_that_are_left_out():
    truth, estimate = names(None, "a", "b", "b"), names("a", "a", "b", "a")
    found = class_scores(truth, estimate, ("a", "b"), groups=["x", "y", "y", "z"], n=50)
    assert found["support"].tolist() == [1, 2]


def test_intervals_do_not_depend_on_how_many_resamples_are_in_memory(monkeypatch):
    matrix = [[40, 3], [8, 20]]
    whole = matrix_scores(matrix, ("a", "b"))
    monkeypatch.setattr("galviz.measure.class_scores._AT_ONCE", 28)
    pd.testing.assert_frame_equal(matrix_scores(matrix, ("a", "b")), whole)


def test_a_matrix_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"matrix: expected shape \(2, 2\), .* got \(2, 4\)"):
        matrix_scores(np.zeros((2, 4), int), ("a", "b"))
