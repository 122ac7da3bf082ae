import shutil
import sys

import exam
import numpy as np
import pandas as pd
import pytest
from tpot_stand_in import stand_in

from galviz import studies
from galviz.measure.inpainting import central_flux
from galviz.nn.gan.repair import open_trained
from galviz.runs.best_fits import known_fits
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock.galaxies import inpainting_sky
from galviz.studies import inpainting
from galviz.tools.repair.core import Repair

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sky():
    return inpainting_sky(24, size=32, seed=1)


@pytest.fixture(scope="module")
def run(tmp_path_factory, sky):
    return exam.trained(inpainting.STUDY, "redshift", sky, tmp_path_factory.mktemp("runs") / "redshift")


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, sky, tmp_path):
    question(inpainting.STUDY, sky, tmp_path)


def test_a_sky_without_redshifts_is_fitted_but_not_predicted(sky, tmp_path):
    bare = CutoutSet(
        images=sky.images[:],
        bands=sky.bands,
        catalogue=sky.catalogue.drop(columns="z"),
        pixel_scale=sky.pixel_scale,
        unit=sky.unit,
    )
    done = exam.trained(inpainting.STUDY, "redshift", bare, tmp_path / "run")
    assert done.state()["status"] == "done"
    assert inpainting.latents(done, bare, steps=3).shape == (24, 64)
    with pytest.raises(ValueError, match=r"run: expected one whose sky has a column z, got run"):
        studies.predict(done, bare)


def test_latents_make_the_images_better_than_the_embedder_does(run, sky):
    import torch

    networks = open_trained(run)
    scaled = networks.scale(torch.from_numpy(sky.images[:]))
    found = torch.tensor(inpainting.latents(run, sky, steps=30).to_numpy())
    with torch.inference_mode():
        guess = networks.embedder(scaled)
        before, after = (((networks.generator(z) - scaled) ** 2).mean((1, 2, 3)) for z in (guess, found))
    assert (after <= before).all()
    assert (after < 0.95 * before).any()


def test_an_object_is_predicted_from_the_other_folds(run, sky, tmp_path):
    """Its own redshift must change nothing in what is said of it."""
    table = run.predictions().table["z_phot"]
    shutil.copytree(run.path, tmp_path / "run")
    known = pd.read_parquet(tmp_path / "run" / inpainting.LATENTS)
    known.loc[known["dealt"] == known["dealt"].iloc[0], "truth"] = 9.0
    known.to_parquet(tmp_path / "run" / inpainting.LATENTS)
    again = studies.predict(Run.open(tmp_path / "run"), sky).table["z_phot"]
    same = known["dealt"].reindex(table.index) == known["dealt"].iloc[0]
    np.testing.assert_array_equal(again[same], table[same])
    assert (again[~same] != table[~same]).any()


@pytest.mark.parametrize("name", ["wide_resnet50", "resnet18"])
def test_redshifts_are_learned_from_images_too(name, sky, tmp_path):
    recipe = inpainting.RECIPES[name].replace(epochs=1, batch=8, validation={"folds": 3})
    run = Run.create(tmp_path / "run", study="inpainting", target=inpainting.TARGET, recipe=recipe, data="x")
    studies.train(run, sky, devices="cpu")
    received = run.predictions()
    assert studies.predict(run, sky).table.equals(received.table)
    assert sorted(received.table["fold"].unique()) == [-1, 0]
    with pytest.raises(ValueError, match="run: expected a finished one of best fits, got run of "):
        Repair(run, sky, sky.object_ids[:1])


def test_it_starts_from_no_encoder(sky, tmp_path):
    with pytest.raises(ValueError, match="encoder: expected none for best fits"):
        inpainting.train(Run(tmp_path), sky, encoder="run")


def test_a_run_says_how_images_were_fitted_that_it_did_not_learn_from(run, sky):
    known = known_fits(run)
    assert known.residuals(sky.bands).shape == (2, 5)  # a tenth of 16
    assert run.info["objects"]["train"] == 14
    scale = np.asarray(run.info["normalisation"]["std"])
    assert (known.residuals(sky.bands) * scale < 10).all()
    truth = known.fluxes("g").truth
    assert len(truth) == 2
    rows = known.table[known.table["off"] == "g"].set_index("object_id")
    images = sky.select(rows.index).images[:]
    np.testing.assert_allclose(rows[[f"true_{band}" for band in sky.bands]], central_flux(images), rtol=1e-5)
    np.testing.assert_array_equal(rows[["fit_g", "true_g"]], rows[["flux", "flux_true"]])
    assert rows["group"].tolist() == rows.index.tolist()
    assert set(known.table["object_id"]) <= set(sky.object_ids)


def test_latents_and_redshifts_are_those_of_the_settings_of_the_run(sky, tmp_path, monkeypatch):
    tpot, fit = stand_in(monkeypatch, tmp_path), {"steps": 2, "restarts": 2, "prior": 1.0, "minutes": 0.5}
    recipe = exam.tiny(inpainting.RECIPES["paper_tpot"]).replace(epochs=1, fit=fit)
    given = {"study": "inpainting", "target": inpainting.TARGET, "data": "x"}
    run = studies.train(Run.create(tmp_path / "run", recipe=recipe, **given), sky, devices="cpu")
    assert [one["max_time_mins"] for one in tpot.MADE] == [0.5] * 3  # one for each fold
    assert studies.predict(run, sky).table.equals(run.predictions().table)
    known = pd.read_parquet(run.path / inpainting.LATENTS).drop(columns=["dealt", "truth"])
    pd.testing.assert_frame_equal(known, inpainting.latents(run, sky))
    assert not known.equals(inpainting.latents(run, sky, prior=0.0))
    monkeypatch.setitem(sys.modules, "tpot", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install galviz\[automl\]"):
        studies.predict(run, sky)


def test_what_redshifts_lack_is_said_before_the_training(sky, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tpot", None)
    given = {"study": "inpainting", "target": inpainting.TARGET, "data": "x"}
    run = Run.create(tmp_path / "run", recipe=inpainting.RECIPES["paper_tpot"], **given)
    with pytest.raises(ModuleNotFoundError, match=r"pip install galviz\[automl\]"):
        studies.train(run, sky)
    run = Run.create(tmp_path / "quick", recipe=inpainting.RECIPES["quick"], **given)
    few = sky.catalogue.assign(z=sky.catalogue["z"].where(np.arange(24) < 1))
    same = {"bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    with pytest.raises(ValueError, match="z_spec: expected redshifts outside fold 0, got fewer than 2"):
        studies.train(run, CutoutSet(images=sky.images[:], catalogue=few, **same))
    assert not run.checkpoint.exists()
