"""Baselines for any target: they learn from the training objects alone, and know nothing that gives the truth away."""

import numpy as np
import pandas as pd
import pytest

from galviz.cli.main import main
from galviz.measure.metrics import accuracy, mae
from galviz.nn.baselines.general import (
    COLUMNS,
    CONSTANT,
    PIXELS,
    baselines,
    pixel_statistics,
    table_baselines,
)
from galviz.nn.inference.predict import remember
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies import named, open_study
from galviz.tasks.guess import numeric_columns
from galviz.tasks.target import Target

RECIPE = Recipe(name="tiny", epochs=1, batch=4, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}})


@pytest.fixture(scope="module")
def sky():
    """60 objects whose brightness follows ``flux``; ``colour`` follows it too, and ``kind`` says whether it is high."""
    rng = np.random.default_rng(0)
    flux = rng.uniform(1, 10, 60)
    images = rng.normal(0, 0.1, (60, 2, 12, 12)).astype(np.float32)
    images[:, :, 4:8, 4:8] += flux[:, None, None, None].astype(np.float32)
    catalogue = pd.DataFrame(
        {
            "flux": flux,
            "flux_err": 0.1 * flux,
            "colour": flux + rng.normal(0, 0.1, 60),
            "same": 1.0,
            "fold": 0,
            "kind": np.where(flux > 5, "bright", "faint"),
        },
        index=pd.Index([f"o{k:02d}" for k in range(60)], name="object_id"),
    )
    return CutoutSet(images=images, bands=("g", "r"), catalogue=catalogue, pixel_scale=0.4, unit="nanomaggy")


def run_of(path, sky, target):
    run = Run.create(path, study="richness", target=target, recipe=RECIPE, data="x")
    remember(run, sky, np.arange(40), np.arange(40, 60))
    return run


def test_a_number(sky, tmp_path):
    found = baselines(run_of(tmp_path / "run", sky, Target.of(sky, "flux")), sky)
    error = {name: mae(received.truth, received.estimate) for name, received in found.items()}
    assert list(error) == [CONSTANT, COLUMNS, PIXELS]
    assert max(error[PIXELS], error[COLUMNS]) < 0.5 * error[CONSTANT]
    assert set(found[CONSTANT].estimate) == {sky.catalogue["flux"].iloc[:40].mean()}
    assert list(found[PIXELS].object_ids) == list(sky.object_ids[40:])


def test_classes(sky, tmp_path):
    found = baselines(run_of(tmp_path / "run", sky, Target.of(sky, "kind").fitted(sky.catalogue)), sky)
    right = {name: accuracy(received.truth, received.estimate) for name, received in found.items()}
    assert set(found[CONSTANT].estimate) == {sky.catalogue["kind"].iloc[:40].mode()[0]}
    assert min(right[COLUMNS], right[PIXELS]) > right[CONSTANT] + 0.2


def test_what_gives_the_truth_away_is_left_out(sky):
    assert numeric_columns(sky.catalogue, Target.of(sky, "flux")) == ["colour"]
    assert numeric_columns(sky.catalogue, Target.of(sky, "kind")) == ["flux", "flux_err", "colour"]


def test_a_pretext_task_has_none(sky, tmp_path):
    assert baselines(run_of(tmp_path / "run", sky, Target("band", "pretext", (), "band")), sky) == {}


def test_statistics_are_those_of_each_image_in_the_order_asked_for(sky):
    some, all_of = pixel_statistics(sky, np.array([5, 2])), pixel_statistics(sky, np.arange(60))
    assert some.shape == (2, 18)
    assert np.corrcoef(all_of[:, -1], sky.catalogue["flux"])[0, 1] > 0.9
    assert (some[0] > some[1]).sum() == (all_of[5] > all_of[2]).sum()


@pytest.mark.parametrize("column", ["flux", "kind"])
def test_a_study_adds_its_own_methods(sky, tmp_path, column):
    target = Target.of(sky, column).fitted(sky.catalogue)
    more = {name: named(one.make) for name, one in open_study("richness").baselines.items()}
    found = baselines(run_of(tmp_path / "run", sky, target), sky, more=more)
    assert list(found) == [CONSTANT, COLUMNS, PIXELS, "flux and counts"]
    one, constant = found["flux and counts"], found[CONSTANT]
    if target.numeric:
        assert mae(one.truth, one.estimate) < 0.3 * mae(constant.truth, constant.estimate)
    else:
        assert accuracy(one.truth, one.estimate) > accuracy(constant.truth, constant.estimate) + 0.2
    alone = baselines(run_of(tmp_path / "again", sky, target), sky, "flux and counts", more)
    pd.testing.assert_frame_equal(alone["flux and counts"].table, one.table)


def test_a_table_without_images_is_cross_validated(sky):
    table = sky.catalogue
    found = table_baselines(table, Target.of(table, "flux"), ["colour"], folds=3)
    assert list(found) == [CONSTANT, COLUMNS]
    error = {name: mae(received.truth, received.estimate) for name, received in found.items()}
    assert error[COLUMNS] < 0.6 * error[CONSTANT]
    always = found[CONSTANT].table
    for k in range(3):
        others = table["flux"][(always["fold"] != k).reindex(table.index).to_numpy(bool)]
        assert np.allclose(always.loc[always["fold"] == k, "flux"], others.mean())  # never its own fold
    kinds = table_baselines(table, Target.of(table, "kind"), ["colour"], folds=3)
    assert accuracy(kinds[COLUMNS].truth, kinds[COLUMNS].estimate) > 0.9


def test_what_is_not_known_is_not_predicted_and_groups_stay_together(sky):
    table = sky.catalogue.assign(group=np.repeat(np.arange(12).astype(str), 5))
    table.iloc[:3, table.columns.get_loc("flux")] = np.nan
    found = table_baselines(table, Target.of(table, "flux"), folds=4)[COLUMNS].table
    assert len(found) == 57
    assert len(found.assign(group=table["group"])[["group", "fold"]].drop_duplicates()) == 12


@pytest.mark.parametrize(("column", "error"), [("none", KeyError), ("kind", ValueError)])
def test_columns_to_learn_from_must_be_numbers(sky, column, error):
    with pytest.raises(error, match=f"columns: expected columns .*'{column}'"):
        table_baselines(sky.catalogue, Target.of(sky, "flux"), [column])


def test_baselines_from_the_command_line(sky, tmp_path, capsys):
    sky.catalogue[["flux", "colour", "flux_err", "kind"]].to_csv(tmp_path / "table.csv", index=False)
    out = tmp_path / "trees.parquet"
    command = ["baselines", str(tmp_path / "table.csv"), "--target", "flux", "--out", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr()
    assert "learned from colour\n" in printed.err
    assert "left out flux_err; --columns takes any" in printed.err
    for metric in ("mae", "rmse", "sigma_nmad", "r2"):
        assert printed.out.count(f"    {metric} ") == 2
    assert len(Predictions.open(out)) == 60
    assert main(["baselines", str(tmp_path / "table.csv"), "--target", "kind", "--columns", "colour"]) == 0
    assert capsys.readouterr().out.count("    accuracy ") == 2
    assert main(["baselines", str(tmp_path / "table.csv"), "--target", "kind", "--columns", "colours"]) == 2
