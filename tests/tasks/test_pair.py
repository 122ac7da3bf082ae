"""Which columns of a table are a truth and its prediction, and what they are."""

import numpy as np
import pandas as pd
import pytest

from galviz.tasks.pair import guess_pair, pair_of, pair_of_target
from galviz.tasks.target import Target


def table(**columns):
    size = max(map(len, columns.values()))
    return pd.DataFrame(columns, index=pd.Index([f"o{k}" for k in range(size)], name="object_id"))


def test_truth_and_estimate_are_guessed_by_name():
    def pair(*names):
        return guess_pair(pd.DataFrame({name: [1.0] for name in names}))

    assert pair("a", "ln_richness", "ln_richness_true") == ("ln_richness_true", "ln_richness")
    assert pair("oh_p50", "prediction") == ("oh_p50", "prediction")
    assert pair("estimate", "z", "truth") == ("truth", "estimate")
    assert pair("u - g", "pred") == ("u - g", "pred")
    assert pair("ra", "Z_PHOT", "z_spec") == ("z_spec", "Z_PHOT")
    assert pair("zspec", "mag", "photoz") == ("zspec", "photoz")
    assert pair("z_phot", "mag") is None
    assert pair("z", "r") is None
    assert pair("pred") is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"morphology": ["spiral", "smooth"], "p_spiral": [0.7, 0.2]}, ("morphology", "p_spiral")),
        ({"is_merger": [True, False], "merger_prob": [0.7, 0.2]}, ("is_merger", "merger_prob")),
        ({"ring": [1, 0], "p_ring": [0.7, 0.2]}, ("ring", "p_ring")),
        ({"class": ["a", "b"], "predicted": ["a", "a"]}, ("class", "predicted")),
        ({"label": [1, 0], "score": [0.7, 0.2]}, ("label", "score")),
        ({"mag": [1.0, 2.0], "kind": ["a", "b"], "prediction": ["a", "a"]}, ("kind", "prediction")),
        ({"z": [0.1, 0.2], "p_spiral": [0.7, 0.2]}, None),
        ({"ring": [1, 0], "p_ring": [7.0, 0.2]}, None),  # no probability
    ],
)
def test_classes_and_probabilities_are_guessed_by_name(columns, expected):
    assert guess_pair(table(**columns)) == expected


def test_numbers_have_their_error_and_their_unit():
    rows = table(oh=[8.1, 8.2, np.nan], net=[8.0, np.inf, 8.3], net_err=[0.1, 0.1, 0.1])
    pair = pair_of(rows, "oh", "net", unit="dex")
    assert (pair.classes, pair.sigma, pair.name) == ((), "net_err", "oh (dex)")
    np.testing.assert_array_equal(pair.true(rows), [8.1, 8.2, np.nan])
    np.testing.assert_array_equal(pair.given(rows), [8.0, np.nan, 8.3])
    assert pair_of(rows, "oh", "net", sigma="").sigma == ""


def test_a_probability_is_that_of_the_class_in_its_name():
    rows = table(kind=["spiral", "smooth", None, "smooth"], p_smooth=[0.1, 0.5, 0.9, np.nan])
    pair = pair_of(rows, "kind", "p_smooth")
    assert (pair.classes, pair.positive, pair.judged) == (("smooth", "spiral"), "smooth", ["smooth", "spiral"])
    assert pair.true(rows).tolist() == ["spiral", "smooth", None, "smooth"]
    assert pair.given(rows).tolist() == ["spiral", "smooth", "smooth", None]
    np.testing.assert_allclose(pair.chance(rows, "smooth"), [0.1, 0.5, 0.9, np.nan])
    np.testing.assert_allclose(pair.chance(rows, "spiral"), [0.9, 0.5, 0.1, np.nan])
    other = pair_of(rows, "kind", "p_smooth", positive="spiral")  # the visitor knows better
    assert other.given(rows).tolist() == ["smooth", "spiral", "spiral", None]


@pytest.mark.parametrize(
    ("truth", "classes", "positive"),
    [
        ([1, 1], ("0", "1"), "1"),
        ([0, 0], ("0", "1"), "1"),
        ([True, False], ("False", "True"), "True"),
        ([1.0, np.nan], ("0", "1"), "1"),
        (["ring", "ring"], ("not ring", "ring"), "ring"),
    ],
)
def test_one_class_alone_has_an_opposite(truth, classes, positive):
    pair = pair_of(table(t=truth, score=[0.2, 0.7]), "t", "score")
    assert (pair.classes, pair.positive) == (classes, positive)


def test_whole_numbers_are_classes_where_both_are():
    rows = table(t=[0, 2, 10], p=[0.0, 10.0, 10.0])
    assert pair_of(rows, "t", "p").classes == ("0", "2", "10")  # sorted as numbers
    assert pair_of(rows, "t", "p").given(rows).tolist() == ["0", "10", "10"]
    assert pair_of(rows.assign(p=[0.1, 9.0, 9.9]), "t", "p").classes == ()
    assert pair_of(table(t=[0, 1], p=[-0.2, 1.3]), "t", "p").classes == ()  # a regression of flags
    rows = table(t=["a", "b"], p=["a", "c"], p_a=[0.6, 0.2], p_b=[0.3, 0.2], p_c=[0.1, 0.6])
    pair = pair_of(rows, "t", "p")
    assert (pair.classes, pair.judged, pair.positive) == (("a", "b", "c"), ["a", "b", "c"], "")
    assert pair.chance(rows, "c").tolist() == [0.1, 0.6]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"t": ["a", "b", "c"], "p": [0.1, 0.2, 0.3]}, "got numbers for 3 classes"),
        ({"t": ["a", "b"], "p": [10.1, 0.2]}, "for two classes the probability of one"),
        ({"t": [0.5, 0.7], "p": ["a", "b"]}, "got classes in one and numbers in the other"),
        ({"t": [np.nan, np.nan], "p": [0.1, 0.2]}, "t: expected some known values, got none"),
        ({"t": [f"n{k}" for k in range(1200)], "p": ["n1"] * 1200}, "at most 1000 classes, got 1,200"),
    ],
)
def test_columns_that_do_not_fit_say_why(columns, message):
    with pytest.raises(ValueError, match=message):
        pair_of(table(**columns), "t", "p")


def test_columns_must_be_two():
    rows = table(t=[0.5, 0.7])
    with pytest.raises(KeyError, match="expected a column of the table, got 'q'"):
        pair_of(rows, "t", "q")
    with pytest.raises(ValueError, match="two different columns"):
        pair_of(rows, "t", "t")


def test_the_pair_of_a_run_has_the_words_of_its_target():
    target = Target("ln_x", "regression", ("x",), "λ", transform="ln", unit="Mpc")
    rows = table(ln_x=[1.0], ln_x_true=[1.0], ln_x_sigma=[0.1])
    pair = pair_of_target(target, "ln_x_true", "ln_x", rows)
    assert (pair.name, pair.sigma) == ("ln λ", "ln_x_sigma")  # a logarithm has no unit
    kinds = Target("k", "classification", ("k",), "k", classes=("a", "b"), positive="b")
    rows = table(k=["a"], k_true=["b"], p_a=[0.6], p_b=[0.4])
    assert pair_of_target(kinds, "k_true", "k", rows).judged == ["b", "a"]
