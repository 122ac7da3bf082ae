import numpy as np
import pytest

from galviz.nn.baselines import metallicity as methods
from galviz.nn.baselines.general import baselines
from galviz.nn.inference.predict import remember
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mass_metallicity import metallicity_of
from galviz.sky.mock import write_metallicity_sky
from galviz.studies import named
from galviz.studies.metallicity import STUDY, TARGET
from galviz.tasks.guess import numeric_columns


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return CutoutSet.open(write_metallicity_sky(tmp_path_factory.mktemp("oh") / "sky", 500, size=32, seed=1))


@pytest.fixture(scope="module")
def found(sky, tmp_path_factory):
    """The predictions of all baselines for a fifth of the sky."""
    path, recipe = tmp_path_factory.mktemp("run") / "run", STUDY.recipes["quick"]
    run = Run.create(path, study="metallicity", target=TARGET, recipe=recipe, data="x")
    remember(run, sky, np.arange(400), np.arange(400, 500))
    return baselines(run, sky, more={name: named(one.make) for name, one in STUDY.baselines.items()})


def rmse(predictions):
    return float(predictions.summary().loc["rmse", "value"])


def test_all_give_the_same_measures_of_the_same_objects(found, sky):
    assert set(STUDY.baselines) <= set(found)
    assert {len(one) for one in found.values()} == {100}
    assert all(one.target == TARGET for one in found.values())


def test_they_stand_in_the_order_that_the_sky_was_drawn_for(found):
    mean = rmse(found["constant"])
    assert mean == pytest.approx(0.16, abs=0.03)
    assert rmse(found["mass–metallicity"]) == pytest.approx(0.1, abs=0.02)
    assert rmse(found["magnitudes"]) < 0.8 * mean
    assert rmse(found["colours"]) < 0.9 * mean
    assert rmse(found["colours and shape"]) < min(rmse(found["colours"]), rmse(found["shape"]))


def test_the_relation_is_the_published_one(sky):
    features, estimator = methods.of_mass(sky, np.arange(5), TARGET)
    mass = sky.catalogue["lgm_tot_p50"].to_numpy()[:5]
    assert estimator.fit(features, np.zeros(5)).predict(features) == pytest.approx(metallicity_of(mass))


def test_the_forest_is_that_of_the_paper():
    assert (methods.forest().n_estimators, methods.forest().min_samples_leaf) == (40, 8)


def test_what_the_sky_lacks_is_left_out(sky):
    bare = CutoutSet(
        images=sky.images,
        bands=sky.bands,
        catalogue=sky.catalogue[["oh_p50"]],
        pixel_scale=np.nan,
        unit="display",
    )
    rows = np.arange(3)
    assert methods.magnitudes(bare, rows, TARGET) is None
    assert methods.of_mass(bare, rows, TARGET) is None
    assert methods.of_mass(sky, rows, STUDY.targets["mass"]) is None
    assert methods.colours(bare, rows, TARGET)[0].shape == (3, 4)
    assert methods.colours_and_shape(bare, rows, TARGET)[0].shape == (3, 12)


def test_measures_of_shape_are_those_of_what_is_drawn():
    y, x = np.mgrid[:33, :33] - 16.0
    round_one, long_one = (np.exp(-(x**2 + (y / ratio) ** 2) / 18) for ratio in (1.0, 0.5))
    lumpy = round_one + 2 * np.exp(-((x - 8) ** 2 + (y - 3) ** 2) / 2)
    size, elongation, *_, asymmetry, clumps, gini = methods._shape(
        np.stack([np.stack([one] * 3) for one in (round_one, long_one, lumpy)])
    ).T
    assert elongation[:2] == pytest.approx([1, 0.5], abs=0.02)
    assert size[0] > size[1]
    assert asymmetry[:2] == pytest.approx([0, 0], abs=1e-9)
    assert asymmetry[2] > 0.1
    assert clumps[2] > 1.5 * clumps[0]
    assert gini[1] > gini[0]
    assert methods._colours(np.stack([np.stack([2 * round_one, round_one, round_one / 2])]))[0] == pytest.approx(
        np.log(2) * np.ones(4)
    )


def test_other_percentiles_of_the_target_are_no_columns_to_learn_from(sky):
    columns = numeric_columns(sky.catalogue, TARGET)
    assert not any(name.startswith("oh_") for name in columns)
    assert {"lgm_tot_p50", "d4000", "modelMag_r"} <= set(columns)
