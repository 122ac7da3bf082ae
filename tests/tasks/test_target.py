import json
from dataclasses import FrozenInstanceError

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galviz.tasks.target import Target

RICHNESS = Target(name="ln_richness", task="regression", columns=("richness",), label="λ", transform="ln")
BAND = Target(name="band", task="pretext", columns=(), label="band")


def test_truth_is_what_is_learned():
    catalogue = pd.DataFrame({"z": [0.1, 0.2], "richness": [np.e, 1.0]})
    truth = RICHNESS.truth(catalogue)
    assert truth.shape == (2, 1)
    assert truth.dtype == np.float64
    np.testing.assert_allclose(truth, [[1.0], [0.0]])


def test_truth_of_several_columns_keeps_their_order():
    target = Target(name="votes", task="votes", columns=("b", "a"), label="votes")
    np.testing.assert_array_equal(target.truth(pd.DataFrame({"a": [1], "b": [2]})), [[2.0, 1.0]])


def test_missing_truth_stays_missing():
    truth = RICHNESS.truth(pd.DataFrame({"richness": [20.0, np.nan]}))
    assert np.isnan(truth[:, 0]).tolist() == [False, True]
    nullable = pd.DataFrame({"richness": pd.array([20, None], dtype="Int64")})
    assert np.isnan(RICHNESS.truth(nullable)[:, 0]).tolist() == [False, True]


@pytest.mark.parametrize(("transform", "shown"), [("identity", "λ"), ("ln", "ln λ"), ("log10", "log₁₀ λ")])
@given(values=arrays(np.float64, 5, elements=st.floats(1e-3, 1e6)))
def test_transforms_are_undone(transform, shown, values):
    target = Target(name="t", task="regression", columns=("t",), label="λ", transform=transform)
    np.testing.assert_allclose(target.inverse(target.forward(values)), values, rtol=1e-12)
    assert target.label_learned == shown


def test_known_logarithms():
    assert RICHNESS.forward(np.e**2) == pytest.approx(2)
    target = Target(name="t", task="regression", columns=("t",), label="t", transform="log10")
    assert target.forward(1000.0) == pytest.approx(3)
    assert target.inverse(3.0) == pytest.approx(1000)


def test_a_z_score_has_mean_0_and_deviation_1_and_is_undone():
    catalogue = pd.DataFrame({"richness": [20.0, 40.0, np.nan, 60.0]})
    bare = Target(name="z_richness", task="regression", columns=("richness",), label="λ", transform="zscore")
    target = bare.fitted(catalogue)
    learned = target.truth(catalogue)[:, 0]
    assert (np.nanmean(learned), np.nanstd(learned)) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
    np.testing.assert_allclose(target.inverse(learned), catalogue["richness"])
    assert target.label_learned == "z-score of λ"
    assert target.fitted(catalogue * 2) is target
    assert Target.from_json(json.loads(json.dumps(target.to_json()))).scale == target.scale
    np.testing.assert_allclose(bare.truth(catalogue)[:, 0], learned)


def test_a_z_score_without_constants_says_so():
    bare = Target(name="z_richness", task="regression", columns=("richness",), label="λ", transform="zscore")
    for use in (bare.forward, bare.inverse, lambda _: bare.truth(pd.DataFrame({"richness": [20.0, 20.0]}))):
        with pytest.raises(ValueError, match=r"z_richness: expected the constants of its z-score, got none"):
            use([1.0])


@pytest.mark.parametrize("value", [0.0, -1.0])
def test_a_logarithm_of_nothing_is_refused(value):
    with pytest.raises(ValueError, match=r"richness: expected positive values for the transform 'ln', got (0|-1)\.0"):
        RICHNESS.truth(pd.DataFrame({"richness": [20.0, value]}))


def test_a_missing_column_is_named():
    with pytest.raises(KeyError, match="catalogue: expected the column 'richness' to learn ln_richness, got z, ra"):
        RICHNESS.truth(pd.DataFrame({"z": [0.1], "ra": [1.0]}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transform": "sqrt"}, "transform: expected one of identity, ln, log10, zscore, got 'sqrt'"),
        ({"task": "colour"}, "task: expected one of classification, pretext, regression, votes, got 'colour'"),
        ({"columns": ()}, "columns: expected at least one column, got"),
        ({"task": "pretext", "name": "band"}, "columns: expected no columns for a pretext task, got"),
        ({"task": "pretext"}, "name: expected band or order for a pretext task, got 't'"),
        ({"task": "classification", "columns": ("a", "b")}, "columns: expected one column of classes, got"),
        ({"transform": "zscore", "columns": ("a", "b")}, "columns: expected one column for the transform zscore, got"),
        ({"columns": "richness"}, "columns: expected a tuple of names, got 'richness'"),
    ],
)
def test_bad_declarations_are_named(changes, message):
    fields = {"name": "t", "task": "regression", "columns": ("richness",), "label": "λ"}
    with pytest.raises(ValueError, match=message):
        Target(**fields | changes)


def test_a_target_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        RICHNESS.name = "other"


def test_the_truth_of_a_class_is_its_number_among_the_sorted_names():
    table = pd.DataFrame({"kind": ["cat", "bird", None, "cat"]})
    target = Target("kind", "classification", ("kind",), "kind")
    fitted = target.fitted(table)
    assert fitted.classes == ("bird", "cat")
    np.testing.assert_array_equal(target.truth(table)[:, 0], [1, 0, np.nan, 1])
    np.testing.assert_array_equal(fitted.truth(pd.DataFrame({"kind": ["dog", "cat"]}))[:, 0], [np.nan, 1])
    assert fitted.fitted(table.iloc[:1]) is fitted
    assert Target.from_json(json.loads(json.dumps(fitted.to_json()))).classes == fitted.classes


def test_classes_are_called_by_words_where_their_names_say_nothing():
    target = Target("spiral", "classification", ("spiral",), "spiral", classes=("0", "1"))
    assert (target.class_text("1"), target.class_text("barred")) == ("spiral = 1", "barred")
    named = Target.from_json(json.loads(json.dumps(target.replace(words=("smooth", "spiral")).to_json())))
    assert [named.class_text(name) for name in named.classes] == ["smooth", "spiral"]


def test_bands_are_looked_at_alone_and_channels_in_all_orders():
    assert BAND.variants(("u", "g")) == {"u": (0,), "g": (1,)}
    orders = Target("order", "pretext", (), "order").variants(("red", "green", "blue"))
    assert orders["RGB"] == (0, 1, 2)
    assert orders["BRG"] == (2, 0, 1)
    assert len(orders) == len(set(orders.values())) == 6
    assert RICHNESS.variants(("u", "g")) == {}


@pytest.mark.parametrize("target", [RICHNESS, BAND], ids=lambda target: target.name)
def test_json_and_back(target):
    assert Target.from_json(json.loads(json.dumps(target.to_json()))) == target


@pytest.mark.parametrize(
    ("kind", "task"),
    [("scalar", "regression"), ("class", "classification"), ("votes", "votes"), ("band", "pretext")],
)
def test_targets_of_the_first_versions_are_read(kind, task):
    columns = [] if kind == "band" else ["t"]
    old = {"name": "band" if kind == "band" else "t", "kind": kind, "columns": columns, "label": "t"}
    assert Target.from_json(old).task == task
    with pytest.raises(ValueError, match=r"task: expected one of .* got 'member'"):
        Target.from_json(old | {"kind": "member"})


def test_several_numbers_are_learned_at_once():
    target = Target("mass and sfr", "regression", ("mass", "sfr"), "mass, SFR", transform="log10")
    table = pd.DataFrame({"mass": [10.0, 100.0], "sfr": [1.0, np.nan]})
    np.testing.assert_array_equal(target.truth(table), [[1, 0], [2, np.nan]])
    assert target.rules.names(target) == ["log10_mass", "log10_sfr"]


def test_the_probability_of_the_positive_class_is_explained_first():
    target = Target("merger", "classification", ("merger",), "merger", classes=("no", "yes"), positive="yes")
    found = target.rules.outputs(target, ("r",)).items()
    first, second = ("probability of merger = yes", "probability of merger = no")
    assert list(found) == [(first, ("probability", 1)), (second, ("probability", 0))]
    named = target.replace(words=("not a merger", "merger"))
    assert list(named.rules.outputs(named, ("r",))) == ["probability of merger", "probability of not a merger"]
