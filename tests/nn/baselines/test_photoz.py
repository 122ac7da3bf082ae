"""Redshifts from latents: learned from the other folds, and never from what is predicted."""

import sys

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tpot_stand_in import stand_in

from galviz.nn.baselines.photoz import redshifts, regressor

FOLD = np.arange(300) % 3


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Trees as small as these only wait for each other on several."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def latents():
    return np.random.default_rng(0).normal(size=(300, 4))


def test_a_redshift_that_the_latents_know_is_found(latents):
    z = 0.5 + 0.1 * latents[:, 1] + 0.05 * np.abs(latents[:, 2])
    found = redshifts(latents, z, FOLD)
    assert np.corrcoef(found, z)[0, 1] > 0.95


def test_one_that_they_do_not_know_is_not(latents):
    z = np.random.default_rng(1).uniform(size=300)
    assert abs(np.corrcoef(redshifts(latents, z, FOLD), z)[0, 1]) < 0.2


def test_an_estimate_does_not_depend_on_the_truth_of_its_fold(latents):
    z = 0.5 + 0.1 * latents[:, 1]
    other = np.where(FOLD == 1, 9.0, z)
    one, two = redshifts(latents, z, FOLD), redshifts(latents, other, FOLD)
    np.testing.assert_array_equal(one[FOLD == 1], two[FOLD == 1])
    assert (one[FOLD == 0] != two[FOLD == 0]).any()


def test_objects_without_a_redshift_are_predicted_and_not_learned_from(latents):
    z = 0.5 + 0.1 * latents[:, 1]
    unknown = np.arange(300) < 60
    found = redshifts(latents, np.where(unknown, np.nan, z), FOLD)
    assert np.isfinite(found).all()
    assert np.corrcoef(found[unknown], z[unknown])[0, 1] > 0.9


def test_the_same_seed_gives_the_same_redshifts(latents):
    z = 0.5 + 0.1 * latents[:, 1]
    np.testing.assert_array_equal(redshifts(latents, z, FOLD), redshifts(latents, z, FOLD))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": np.zeros(300, int)}, "fold: expected at least two folds"),
        ({"z_spec": np.zeros(10)}, "latents: expected as many rows as redshifts, got 300 for 10"),
        ({"z_spec": np.where(FOLD == 0, 0.5, np.nan)}, "z_spec: expected redshifts outside fold 0, got fewer than 2"),
        (
            {"kind": "tpot", "z_spec": np.where(FOLD + np.arange(300) // 9 == 1, 0.5, np.nan)},
            "z_spec: expected redshifts outside fold 0, got fewer than 10",
        ),
        ({"kind": "forest"}, "regressor: expected boosting or tpot, got 'forest'"),
    ],
)
def test_bad_arguments_are_told(latents, changes, message):
    good = {"latents": latents, "z_spec": 0.5 + 0.1 * latents[:, 1], "fold": FOLD}
    with pytest.raises(ValueError, match=message):
        redshifts(**(good | changes))


def test_tpot_is_asked_for_by_name_and_said_to_be_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "tpot", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install galviz\[automl\]"):
        regressor("tpot")


def test_tpot_gets_the_arguments_that_it_has(latents, monkeypatch, tmp_path):
    tpot = stand_in(monkeypatch, tmp_path)
    z = 0.5 + 0.1 * latents[:, 1]
    found = redshifts(latents, z, FOLD, rows=100, kind="tpot", seed=3, minutes=0.5)
    assert found.shape == (100,)
    np.testing.assert_allclose(found, z[:100], atol=1e-6)
    assert len(tpot.MADE) == 3
    one = tpot.MADE[0]
    assert (one["max_time_mins"], one["random_state"], one["verbose"]) == (0.5, 3, 0)
    assert one["n_jobs"] >= 1


def test_only_the_folds_of_the_first_objects_are_learned_for(latents, monkeypatch, tmp_path):
    """A search takes minutes."""
    tpot, z = stand_in(monkeypatch, tmp_path), 0.5 + 0.1 * latents[:, 1]
    found = redshifts(latents, z, np.sort(FOLD), rows=60, kind="tpot")
    assert (len(tpot.MADE), found.shape) == (1, (60,))
    whole = redshifts(latents, z, np.sort(FOLD), kind="tpot")
    np.testing.assert_array_equal(found, whole[:60])
