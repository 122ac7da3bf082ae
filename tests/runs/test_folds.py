import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.runs.folds import assign_folds, groups_of, split
from galviz.runs.recipe import Recipe

RECIPE = Recipe(name="x", epochs=1, batch=2, optimiser={"learning_rates": {"head": 1e-3}})


def catalogue(rows=100, **columns):
    return pd.DataFrame(columns, index=pd.Index([f"o{k:03d}" for k in range(rows)], name="object_id"))


def everything(table):
    return np.ones(len(table), bool)


@given(st.permutations(range(30)))
def test_an_object_keeps_its_fold_in_any_order_of_rows(order):
    names = np.array([f"id{k}" for k in range(30)], dtype=object)
    assert np.array_equal(assign_folds(names, 4)[order], assign_folds(names[order], 4))


@given(st.lists(st.sampled_from("abcdefgh"), min_size=8, max_size=60), st.integers(2, 4))
def test_groups_stay_together_and_no_fold_is_empty(names, folds):
    names = np.array([*names, *"abcdefgh"], dtype=object)
    fold = assign_folds(names, folds)
    assert all(len(set(fold[names == name])) == 1 for name in set(names))
    assert set(fold) == set(range(folds))


def test_folds_are_of_equal_size():
    assert np.bincount(assign_folds(groups_of(catalogue(103)), 5)).tolist() == [21, 21, 21, 20, 20]


def test_tiles_of_a_field_stay_together():
    table = catalogue(40, field=np.repeat(["f1", "f2", "f3", "f4"], 10))
    fold = assign_folds(groups_of(table), 4)
    assert sorted(fold.reshape(4, 10).mean(1)) == [0, 1, 2, 3]


def test_too_few_groups_are_refused():
    with pytest.raises(ValueError, match="folds: expected at most 3"):
        assign_folds(np.array(["a", "b", "c"], dtype=object), 4)


def test_every_object_is_held_out_once():
    table = catalogue()
    parts = [split(table, RECIPE.replace(validation={"fold": k}), everything(table)) for k in range(5)]
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(100))
    assert all(not set(train) & set(held) and len(train) + len(held) == 100 for train, held in parts)


def test_smaller_fractions_of_the_labels_are_parts_of_larger_ones():
    table = catalogue()
    subsets = [
        set(split(table, RECIPE.replace(data={"label_fraction": f}), everything(table))[0])
        for f in (0.1, 0.3, 0.7, 1.0)
    ]
    assert [len(s) for s in subsets] == [8, 24, 56, 80]
    assert subsets[0] < subsets[1] < subsets[2] < subsets[3]


def test_the_labels_of_a_fold_are_drawn_from_its_training_part_alone():
    table = catalogue(100)
    for fold in range(10):
        own = RECIPE.replace(validation={"folds": 10, "fold": fold})
        whole, held_out = split(table, own, everything(table))
        part, same = split(table, own.replace(data={"label_fraction": 0.2}), everything(table))
        assert len(part) == 18  # a fifth of 90, not of 100
        assert set(part) < set(whole)
        assert np.array_equal(held_out, same)


def test_seeds_change_the_subset_but_not_the_folds():
    table = catalogue()
    recipes = [RECIPE.replace(seed=seed, data={"label_fraction": 0.3}) for seed in (0, 1)]
    (train0, held0), (train1, held1) = (split(table, recipe, everything(table)) for recipe in recipes)
    assert set(train0) != set(train1)
    assert np.array_equal(held0, held1)


def test_objects_without_truth_are_in_neither_part():
    table, usable = catalogue(), np.arange(100) % 2 == 0
    train, held = split(table, RECIPE, usable)
    assert sorted([*train, *held]) == list(range(0, 100, 2))


def test_without_folds_the_catalogues_own_test_objects_are_held_out():
    table = catalogue().assign(split=np.where(np.arange(100) < 30, "test", "train"))
    train, held = split(table, RECIPE.replace(validation={"folds": 0, "fold": 0}), everything(table))
    assert sorted(held) == list(range(30))
    assert sorted(train) == list(range(30, 100))
    with pytest.raises(KeyError, match="folds: expected a column 'split' for folds=0"):
        split(catalogue(), RECIPE.replace(validation={"folds": 0, "fold": 0}), everything(table))


def test_too_few_objects_are_refused():
    table = catalogue(10)
    with pytest.raises(ValueError, match="cutouts: expected at least 2 objects"):
        split(table, RECIPE, np.arange(10) < 1)
