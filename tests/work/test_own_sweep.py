"""A sweep over the folds of any column, from the command line to the page, and the mean of its networks."""

import asyncio

import numpy as np
import pandas as pd
import pytest

from galviz import predict as predict_in_notebook
from galviz import studies
from galviz.cli.main import main
from galviz.nn.inference.predict import objects
from galviz.pages.library import Library
from galviz.pages.state import PageState
from galviz.pages.sweeps import LabelsTab
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.studies import own
from galviz.work import processes as jobs
from galviz.work.sweep import Sweep, list_sweeps, runs_at

SMALL = ["epochs=1", "folds=3", "network.width=2", "batch=8", "tta=1"]


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    rng = np.random.default_rng(0)
    ids = pd.Index([f"g{k:02d}" for k in range(24)], name="object_id")
    table = pd.DataFrame({"mass": rng.normal(0, 1, 24), "kind": ["E", "S"] * 12}, index=ids)
    images = rng.normal(size=(24, 2, 16, 16)).astype(np.float32)
    path = tmp_path_factory.mktemp("own") / "sky"
    return CutoutSet(images=images, bands=("g", "r"), catalogue=table, pixel_scale=1.0, unit="flux").save(path)


@pytest.fixture(scope="module")
def worked_off(sky, tmp_path_factory):
    """A sweep over three folds, trained in this process instead of one each."""
    path = tmp_path_factory.mktemp("own") / "sweep"
    with pytest.MonkeyPatch.context() as patch:
        cutouts = CutoutSet.open(sky)
        patch.setattr(jobs, "resume", lambda run, *_: studies.train(runs_at(run)[0], cutouts, devices="cpu"))
        command = ["sweep", "--data", str(sky), "--target", "mass", "--out", str(path), "--devices", "cpu"]
        assert main([*command, "--set", *SMALL]) == 0
    return Sweep(path)


def test_every_fold_is_trained_once_with_all_labels(worked_off):
    assert list(worked_off.tasks) == [f"base-100pc-trial0-fold{k}" for k in range(3)]
    plan = worked_off.plan
    assert (plan.pretext, plan.pretraining, plan.methods) == (None, None, ("base",))
    assert Sweep(worked_off.path).plan == plan
    table = pd.read_csv(worked_off.path / "table.csv")
    assert table["objects"].sum() == 24
    assert np.isfinite(table["mae_value"]).all()
    assert table["mae_ln"].isna().all()  # half of the truth is negative


def test_the_held_out_prediction_of_an_object_is_that_of_the_network_that_did_not_learn_it(worked_off, sky, tmp_path):
    out = tmp_path / "held.parquet"
    assert main(["predict", str(worked_off.path), "--data", str(sky), "--held-out", "--out", str(out)]) == 0
    table = Predictions.open(out).table
    assert len(table) == 24
    assert (table["networks"] == 1).all()
    for run in worked_off.networks():
        own_fold = objects(run)
        held = own_fold.index[own_fold >= 0]
        np.testing.assert_allclose(table.loc[held, "mass"], run.predictions().table.loc[held, "mass"], rtol=1e-4)
    assert sorted(table["fold"].unique()) == [0, 1, 2]


def test_the_mean_of_all_networks_is_marked_as_learned(worked_off, sky):
    table = predict_in_notebook(worked_off.path, sky).table
    each = [run.predictions().table for run in worked_off.networks()]
    np.testing.assert_allclose(table["mass"], np.mean([one["mass"] for one in each], axis=0), rtol=1e-4)
    total = np.mean([one["mass_sigma"] ** 2 for one in each], axis=0) + np.var([one["mass"] for one in each], axis=0)
    np.testing.assert_allclose(table["mass_sigma"], np.sqrt(total), rtol=1e-4)
    assert (table["fold"] == -1).all()
    held = predict_in_notebook(worked_off.networks(), CutoutSet.open(sky), held_out=True)
    assert (held.table["fold"] >= 0).all()


def test_a_sweep_that_is_not_done_is_no_ensemble(worked_off, sky, tmp_path, capsys):
    Sweep.create(tmp_path / "new", worked_off.plan)
    assert main(["predict", str(tmp_path / "new"), "--data", str(sky), "--out", str(tmp_path / "x.parquet")]) == 2
    assert "base-100pc-trial0-fold0 is not. Go on with --resume" in capsys.readouterr().err


def test_the_page_of_any_column_shows_the_sweep(worked_off, galviz_home):
    tab = LabelsTab("own", Library.find((), own.STUDY), PageState(sky=""), [worked_off.path])
    assert list(tab.sweeps()) == [tab.selected]
    assert list_sweeps(worked_off.path, "own") == [worked_off.path]
    assert "3 of 3 trainings done" in tab.progress
    assert tab.view.unit == "value"
    results = tab.view.results()
    assert results.gains == {}
    assert len(results.table) == 3
    figure = tab.view.plot(results.table, "mae")
    assert "This_network" in str(figure.object)


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")  # Panel's table
def test_its_body_says_what_is_measured_and_not_what_the_paper_did(worked_off, galviz_home):
    tab = LabelsTab("own", Library.find((), own.STUDY), PageState(sky=""), [worked_off.path])

    async def last():
        return [part async for part in tab.view.body()][-1]

    words = str(asyncio.run(last())[0].object)
    assert "which it did not learn from" in words
    assert "paper" not in words.lower()


@pytest.fixture
def started(monkeypatch, galviz_home):
    found = []
    monkeypatch.setattr(jobs, "start", lambda command, _: found.append(command))
    return found


@pytest.mark.parametrize(("column", "folds", "ok"), [("mass", "0 2", True), ("", "all", False), ("--out", "0", False)])
def test_the_page_starts_a_sweep_over_a_column(sky, started, column, folds, ok):
    tab = LabelsTab("own", Library.find([str(sky)], own.STUDY), PageState(sky=""))
    tab.page.sky = next(iter(tab.library.skies()))
    tab.param.update(column=column, folds=folds)
    tab.start()
    if not ok:
        assert not started
        assert "Column: expected a column" in tab.error
        return
    assert started[0][:2] == ["sweep", "own"]
    assert started[0][-5:] == ["--target", "mass", "--folds", "0", "2"]


def test_a_sweep_of_a_column_needs_no_pre_training(sky, tmp_path, capsys):
    command = ["sweep", "--data", str(sky), "--target", "mass", "--out", str(tmp_path / "s"), "--fold-wise"]
    assert main(command) == 2
    assert "fold-wise: expected with a study that has a pre-training" in capsys.readouterr().err
