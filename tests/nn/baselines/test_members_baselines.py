import numpy as np
import pytest

from galviz.nn.baselines import members as methods
from galviz.nn.baselines.general import baselines
from galviz.nn.inference.predict import remember
from galviz.runs.folds import split
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import write_members_sky
from galviz.studies import named
from galviz.studies.members import STUDY, TARGET
from galviz.tasks.target import Target


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return CutoutSet.open(write_members_sky(tmp_path_factory.mktemp("members") / "sky", 960, size=32, seed=1))


def f1(predictions):
    """F1 of the members among objects with a label."""
    table = predictions.table[predictions.table["member_true"].notna()]
    true, given = (table[name].to_numpy(object) == "1" for name in ("member_true", "member"))
    return 2 * (true & given).sum() / (true.sum() + given.sum())


@pytest.fixture(scope="module")
def found(sky, tmp_path_factory):
    """The F1 of each baseline of the study, for a fifth of the fields."""
    path, recipe = tmp_path_factory.mktemp("run") / "run", STUDY.recipes["quick"]
    run = Run.create(path, study="members", target=TARGET, recipe=recipe, data="x")
    rows = split(sky.catalogue, recipe, sky.catalogue["member"].notna().to_numpy())
    remember(run, sky, *rows)
    more = {name: named(one.make) for name, one in STUDY.baselines.items()}
    return {name: f1(baselines(run, sky, name, more)[name]) for name in more}


def test_colours_say_a_part_and_both_say_more_than_shape(found):
    assert set(found) == set(STUDY.baselines)
    assert 0.55 < found["colours"] < 0.8
    assert found["colours and shape"] > found["shape"] > 0.4


def test_features_are_those_of_the_catalogue_with_the_median_where_not_known(sky):
    rows = np.array([3, 1, 4])
    features, _ = methods.colours(sky, rows, TARGET)
    assert features.tolist() == sky.catalogue[["r", "g_r", "g_z"]].to_numpy()[rows].tolist()
    holes = sky.catalogue
    holes.loc[sky.object_ids[1], "g_z"] = np.nan
    torn = CutoutSet(images=sky.images, bands=sky.bands, catalogue=holes, pixel_scale=1.0, unit="display")
    assert methods.colours(torn, rows, TARGET)[0][1, 2] == np.median(features[[0, 2], 2])
    assert methods.colours_and_shape(sky, rows, TARGET)[0].shape == (3, 11)


def test_what_the_sky_lacks_is_left_out_and_numbers_are_not_classes(sky):
    bare = CutoutSet(
        images=sky.images, bands=sky.bands, catalogue=sky.catalogue[["member"]], pixel_scale=1.0, unit="display"
    )
    rows = np.arange(3)
    assert methods.colours(bare, rows, TARGET) is None
    assert methods.colours_and_shape(bare, rows, TARGET) is None
    number = Target("r", "regression", ("r",), "r")
    assert all(
        method(sky, rows, number) is None for method in (methods.colours, methods.shape, methods.colours_and_shape)
    )
