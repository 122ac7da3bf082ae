"""Networks that learn what is left when one column has said what it knows."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.linear_baseline import Offset
from galviz.nn.inference.predict import apply_run
from galviz.nn.tasks import build
from galviz.nn.training.fit import fit
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import richness
from galviz.tasks.target import Target
from galviz.work.question import OcclusionSettings, Question
from galviz.work.worker import occluded

RECIPE = Recipe(
    name="tiny",
    epochs=1,
    batch=8,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-6, "head": 1e-6}},
    loss={"name": "gaussian_nll", "calibration": 0.3},
    data={"offset": "z"},
    validation={"folds": 3},
)
BANDS = richness.BANDS


@pytest.fixture(scope="module")
def sky(make_sky):
    """Objects whose richness their redshift tells to a tenth."""
    sky = make_sky(rows=90)
    z = sky.catalogue["z"].to_numpy()
    noise = np.random.default_rng(0).normal(0, 0.1, 90)
    return with_catalogue(sky, sky.catalogue.assign(richness=np.exp(2 + 5 * z + noise)))


def with_catalogue(sky, catalogue):
    more = {name: getattr(sky, name) for name in ("bands", "pixel_scale", "unit", "survey", "origin")}
    return CutoutSet(images=sky.images[:], catalogue=catalogue, **more)


def train(sky, path, recipe=RECIPE, target=richness.TARGET):
    run = Run.create(path, study="richness", target=target, recipe=recipe, data="sky")
    return fit(build(target, recipe, BANDS), sky, run, target, recipe, devices="cpu")


@pytest.fixture(scope="module")
def run(sky, tmp_path_factory):
    return train(sky, tmp_path_factory.mktemp("runs") / "run")


def test_a_network_that_has_learned_nothing_errs_as_the_column_does(run, sky, tmp_path):
    without = train(sky, tmp_path / "without", RECIPE.replace(data={"offset": ""}))
    with_z, alone = (np.abs(each.predictions().held_out().residual).mean() for each in (run, without))
    assert with_z < 0.15
    assert alone > 0.25
    assert run.metrics()["val_mae"].iloc[-1] == pytest.approx(with_z, rel=1e-4)


def test_the_line_is_that_of_the_objects_that_are_learned_from(run, sky):
    table = run.predictions().table.loc[sky.object_ids]
    held = (table["fold"] >= 0).to_numpy()
    catalogue = sky.catalogue.copy()
    catalogue.loc[held, "richness"] *= 50
    truth = richness.TARGET.truth(catalogue)[~held, 0]
    found = Offset.from_json(run.info["offset"])
    other = Offset.fit("z", catalogue["z"][~held], truth)
    assert found.of(catalogue) == pytest.approx(other.of(catalogue), abs=0.1)  # those kept aside do not count in one
    assert found.mean < truth.mean() + 0.2


def test_a_saved_run_says_of_another_sky_what_it_said(run, sky):
    again = apply_run(Run.open(run.path), sky)
    pd.testing.assert_frame_equal(again.table, run.predictions().table)


def test_the_error_is_calibrated_on_what_is_left(run):
    held = run.predictions().held_out().table
    pulls = (held["ln_richness"] - held["ln_richness_true"]) / held["ln_richness_sigma"]
    assert 0.5 < pulls.std() < 2


def test_the_reason_is_asked_of_the_whole_estimate(run, sky):
    name = str(sky.object_ids[4])
    row = int(sky.row_of([name])[0])
    estimate = run.predictions().table.loc[name, "ln_richness"]
    for output, expected in ((("learned", 0), estimate), (("shown", 0), np.exp(estimate))):
        requested = Question(run, sky, name, OcclusionSettings(output=output, patch=8)).request
        assert requested["offset"] != 0
        _, clean = occluded(str(run.path), sky.images[row], requested, np.array([[0, 0]]))
        assert clean == pytest.approx(expected, rel=1e-4)


def test_a_sky_without_the_column_is_named(run, sky, tmp_path):
    bare = with_catalogue(sky, sky.catalogue.drop(columns="z"))
    with pytest.raises(KeyError, match="expected the column 'z', which the recipe's offset names"):
        apply_run(run, bare)
    with pytest.raises(KeyError, match="train without: --set offset="):
        train(bare, tmp_path / "run")


def test_bands_have_no_offset(sky, tmp_path):
    recipe = RECIPE.replace(loss={"name": "cross_entropy", "calibration": 0.0}, data={"normalise": "minmax"})
    with pytest.raises(ValueError, match="offset: expected none for the target band, got 'z'"):
        train(sky, tmp_path / "run", recipe, Target("band", "pretext", (), "band"))


def test_runs_without_one_ask_as_before(tmp_path, sky):
    run = Run.create(tmp_path / "run", study="richness", target=richness.TARGET, recipe=RECIPE, data="sky")
    assert Question(run, sky, str(sky.object_ids[0]), OcclusionSettings()).request["offset"] == 0
