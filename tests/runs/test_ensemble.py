"""Ensembles: the mean of several networks, how far they differ, and who may predict what."""

import numpy as np
import pandas as pd
import pytest

from galviz.runs.ensemble import combined
from galviz.runs.predictions import Predictions
from galviz.tasks.target import Target

MASS = Target("mass", "regression", ("mass",), "mass")
KIND = Target("kind", "classification", ("kind",), "kind", classes=("E", "S"))
VOTES = Target("a", "votes", ("a", "b"), "a")
IDS = ["g1", "g2", "g3"]


def part(target, fold, **columns):
    index = pd.Index(IDS, name="object_id")
    return Predictions(pd.DataFrame(columns | {"fold": pd.array(fold, dtype="Int64")}, index=index), target)


def mass(values, fold, sigma=None, target=MASS):
    error = {} if sigma is None else {"mass_sigma": sigma}
    return part(target, fold, mass=values, mass_true=[1.0, 2.0, np.nan], **error)


def test_numbers_are_averaged_and_their_error_is_that_of_the_mixture():
    found = combined([mass([1.0, 2, 3], [0, -1, None], [0.1, 0.2, 0.3]), mass([3.0, 2, 7], [-1, 1, None], [0.3] * 3)])
    table = found.table
    assert table["mass"].tolist() == [2, 2, 5]
    assert table["mass_spread"].tolist() == [1, 0, 2]
    np.testing.assert_allclose(table["mass_sigma"], np.sqrt([0.05 + 1, 0.065, 0.09 + 4]))
    np.testing.assert_allclose(table["mass_p84"] - table["mass"], table["mass_sigma"])
    assert table["mass_true"].tolist()[:2] == [1, 2]
    assert table["networks"].tolist() == [2, 2, 2]
    assert table["fold"].fillna(-9).tolist() == [-1, -1, -9]  # each of the first two was learned by one of them


def test_without_errors_the_spread_is_all_that_is_known():
    table = combined([mass([1.0, 2, 3], [None] * 3), mass([3.0, 2, 7], [None] * 3)]).table
    assert "mass_sigma" not in table
    np.testing.assert_allclose(table["mass"] - table["mass_p16"], table["mass_spread"])


def test_a_network_never_predicts_held_out_objects_that_it_learned():
    parts = [mass([1.0, 2, 3], [0, -1, None]), mass([30.0, 20, 7], [-1, 1, None])]
    table = combined(parts, held_out=True).table
    assert table["mass"].tolist() == [1, 20, 5]
    assert table["networks"].tolist() == [1, 1, 2]
    assert table["fold"].fillna(-9).tolist() == [0, 1, -9]
    learned = [mass([1.0, 2, 3], [-1, 0, 0]), mass([1.0, 2, 3], [-1, 0, 0])]
    assert combined(learned, held_out=True).table.index.tolist() == ["g2", "g3"]
    with pytest.raises(ValueError, match="expected objects that a network was not trained on"):
        combined([mass([1.0, 2, 3], [-1] * 3)], held_out=True)


def test_each_z_score_is_in_the_units_of_its_own_training():
    z = MASS.replace(transform="zscore")
    first, second = z.replace(centre=10.0, scale=2.0), z.replace(centre=12.0, scale=4.0)
    parts = [mass([0.0, 1, 2], [None] * 3, [0.5] * 3, first), mass([0.0, 1, 2], [None] * 3, [0.5] * 3, second)]
    table = combined(parts).table
    np.testing.assert_allclose(table["mass"], [(10 + 12) / 2, (12 + 16) / 2, (14 + 20) / 2] @ np.eye(3) / 2 - 5)
    np.testing.assert_allclose(table["mass_sigma"], np.sqrt((0.5**2 + 1.0**2) / 2 + table["mass_spread"] ** 2))


def test_the_class_is_that_of_the_mean_probability():
    chances = [([0.9, 0.6, 0.2], "EES"), ([0.3, 0.1, 0.2], "SSS")]
    parts = [
        part(KIND, [None] * 3, kind=list(names), kind_true=["E", None, "S"], p_E=p, p_S=[1 - each for each in p])
        for p, names in chances
    ]
    table = combined(parts).table
    assert table["kind"].tolist() == ["E", "S", "S"]
    np.testing.assert_allclose(table["p_E"], [0.6, 0.35, 0.2])
    np.testing.assert_allclose(table["kind_spread"], [0.3, 0.25, 0], atol=1e-12)
    assert table["kind_true"].tolist() == ["E", None, "S"]


def test_votes_and_their_concentrations_are_averaged():
    parts = [part(VOTES, [0] * 3, a=[x] * 3, b=[1 - x] * 3, a_true=[0.5] * 3, b_true=[0.5] * 3, a_alpha=[9.0] * 3,
                  b_alpha=[3.0] * 3) for x in (0.2, 0.4)]  # fmt: skip
    table = combined(parts).table
    np.testing.assert_allclose(table[["a", "b", "a_spread", "a_alpha"]].iloc[0], [0.3, 0.7, 0.1, 9])


def test_networks_of_other_targets_are_refused():
    with pytest.raises(ValueError, match="expected networks that all learned mass, got one of a"):
        combined([mass([1.0, 2, 3], [0] * 3), part(VOTES, [0] * 3, a=[0.1] * 3, b=[0.9] * 3)])
