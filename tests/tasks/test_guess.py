"""The task that fits a column of a catalogue, and why."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.tasks.guess import guess, learnable
from galviz.tasks.target import Target

TABLE = pd.DataFrame(
    {
        "spiral": [0, 1, 0, 0],
        "missing": [0.0, 1.0, np.nan, 0.0],
        "flag": [True, False, True, False],
        "name": ["E", "S", "E", "I"],
        "mass": [10.1, 9.3, 11.0, np.inf],
        "smooth": [0.2, 0.9, 0.5, 0.4],
        "disc": [0.8, 0.1, 0.5, 0.6],
        "objid": [1237648720693755918, 1237648720693755919, 1237648720693755920, 1237648720693755921],
        "empty": [np.nan] * 4,
        "mixed": ["1.5", "2.5", "n/a", "3.5"],
    },
    index=pd.Index(["a", "b", "c", "d"], name="object_id"),
)


@pytest.mark.parametrize(
    ("columns", "task", "why"),
    [
        (
            "spiral",
            "classification",
            "spiral: 2 values (0, 1) → classification, positive 1; --task regression otherwise",
        ),
        ("missing", "classification", "missing: 2 values (0, 1) → classification, positive 1"),
        ("flag", "classification", "flag: true or false → classification, positive True"),
        ("name", "classification", "name: text with 3 values (E, I, S) → classification"),
        ("mass", "regression", "mass: numbers with 4 values → regression"),
        ("smooth", "regression", "smooth: numbers with 4 values → regression"),
        ("smooth disc", "votes", "2 columns of fractions from 0 to 1 → votes; --task regression otherwise"),
        ("smooth mass", "regression", "2 columns of numbers → regression of all at once"),
    ],
)
def test_the_task_is_guessed_and_explained(columns, task, why):
    found = guess(TABLE, tuple(columns.split()))
    assert found.target.task == task
    assert found.why.startswith(why)


@pytest.mark.parametrize(
    ("columns", "options", "message"),
    [
        ("spirals", {}, "target: expected a column of the catalogue, got 'spirals'. Similar names: spiral"),
        ("empty", {}, "empty: expected"),
        ("objid", {}, "objid: expected values to learn, got what looks like ids"),
        ("mixed", {}, "mixed: expected numbers, got 'n/a' for the object 'c'"),
        ("name", {"task": "regression"}, "name: expected numbers, got text such as 'E' for all objects"),
        ("name spiral", {"task": "classification"}, "columns: expected one column of classes"),
        ("spiral", {"positive": "2"}, r"positive: expected one of two classes \(0, 1\), got '2'"),
        ("mass", {"positive": "1"}, "positive: expected only with classification"),
        (
            "objid",
            {"task": "votes", "positive": "1"},
            "positive: expected only with classification, got '1' with votes",
        ),
    ],
)
def test_what_cannot_be_learned_is_named(columns, options, message):
    with pytest.raises((ValueError, KeyError), match=message):
        guess(TABLE, tuple(columns.split()), **options)


def test_one_class_alone_is_named():
    with pytest.raises(ValueError, match=r"c: expected 2 to 1000 classes, got 1 \(x\)"):
        guess(pd.DataFrame({"c": ["x", "x"]}), ("c",))


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=3, max_size=20), st.booleans())
def test_whole_numbers_are_the_same_classes_with_and_without_missing_values(values, gap):
    values = [0, 1, *values]
    column = pd.Series([*values, np.nan] if gap else values, name="c")
    target = Target.of(pd.DataFrame({"c": column}), "c").fitted(pd.DataFrame({"c": column}))
    assert target.classes == tuple(map(str, sorted(set(values))))
    truth = target.truth(pd.DataFrame({"c": column}))[:, 0]
    np.testing.assert_array_equal(truth[: len(values)], values)
    assert not gap or np.isnan(truth[-1])


def test_numbers_of_classes_are_in_order():
    assert Target.of(pd.DataFrame({"c": [10, 2, 1]}), "c").fitted(pd.DataFrame({"c": [10, 2, 1]})).classes == (
        "1",
        "2",
        "10",
    )


def test_ids_are_not_offered_as_targets():
    count = np.arange(50)
    table = pd.DataFrame(
        {
            "galaxyID": 100_000 + 7 * count,
            "row": count + 1,
            "file": [f"{k}.jpg" for k in count],
            "objid": [np.nan, *(7_000_000 + 3 * count[1:])],
            "number": 1237648720693755918 + count,
            "id as text": [f"{2_000_000_000 + 3 * k}" for k in count],
            "velocity": 1000 + 7 * count,  # whole numbers that differ may be measured
            "mass": 3e9 + 1e8 * count,
            "name": ["E", "S"] * 25,
            "flag": [True, False] * 25,
            "z": np.linspace(0, 1, 50),
            "few": [*range(25), *range(25)],
            "empty": np.nan,
        }
    )
    assert learnable(table) == ["velocity", "mass", "name", "flag", "z", "few", "empty"]
    for column in ("galaxyID", "row", "objid", "number", "id as text"):
        with pytest.raises(ValueError, match=f"{column}: expected values to learn, got what looks like ids"):
            guess(table, (column,))
    assert guess(table, ("galaxyID",), "regression").target.task == "regression"
