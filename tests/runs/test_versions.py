"""Runs and sweeps of older versions. `old` holds files that galviz wrote while a recipe was one flat list of fields."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from galviz.runs.recipe import Network
from galviz.runs.run import Run, list_runs
from galviz.runs.versions import VERSION, migrated
from galviz.studies.richness import SWEEP_BAND_RECIPES, SWEEP_RECIPES
from galviz.work.sweep import Sweep

OLD = Path(__file__).parent / "old"


def old_run(name, folder, **changes):
    folder.mkdir(parents=True)
    content = json.loads((OLD / f"{name}.json").read_text()) | changes
    (folder / "run.json").write_text(json.dumps(content))
    (folder / "state.json").write_text('{"status": "done"}')
    return folder


@pytest.mark.parametrize(
    ("name", "study", "recipe", "changes"),
    [
        ("richness-quick", "richness", "quick", ["epochs=1", "network.width=4"]),
        ("richness-best", "richness", "best", ["epochs=1", "network.width=4", "data.tta=1"]),
        ("mergers-quick", "mergers", "quick", ["epochs=1", "network.width=4", "data.tta=1"]),
        ("mergers-paper", "mergers", "paper", ["epochs=1", "network.pixels=0"]),
        ("inpainting-quick", "inpainting", "quick", ["epochs=1", "network.width=16"]),
        ("inpainting-wide", "inpainting", "wide_resnet50", ["epochs=1"]),
    ],
)
def test_an_old_run_opens_with_the_recipe_it_was_trained_by(tmp_path, name, study, recipe, changes):
    run = Run.open(old_run(name, tmp_path / name))
    assert run.recipe == import_module(f"galviz.studies.{study}").RECIPES[recipe].with_settings(changes)
    run.update_info(fingerprint="other")
    assert json.loads((run.path / "run.json").read_text())["version"] == VERSION
    assert Run.open(run.path).recipe == run.recipe


@pytest.mark.parametrize(
    ("architecture", "scaling"),
    [("paper_cnn", "none"), ("paper_resnet50", "pretrained"), ("paper_resnet50_dense", "pretrained")],
)
def test_a_resnet_of_a_run_of_version_2_keeps_the_scaling_that_it_had(architecture, scaling):
    recipe = {"network": {"architecture": architecture}, "data": {"normalise": "none", "tta": 1}}
    found = migrated({"version": 2, "recipe": recipe}, "run.json")["recipe"]
    assert found == recipe | {"data": {"normalise": scaling, "tta": 1}}
    assert migrated({"version": VERSION, "recipe": recipe}, "run.json")["recipe"] == recipe


def test_an_old_sweep_opens_with_its_plan(tmp_path):
    (tmp_path / "sweep.json").write_text((OLD / "sweep.json").read_text())
    plan = Sweep(tmp_path).plan
    assert plan.recipe == SWEEP_RECIPES["quick"].with_settings(["epochs=1", "network.width=4", "folds=3"])
    # One pre-training learned from all images, whatever its recipe held out.
    assert plan.pretraining == SWEEP_BAND_RECIPES["quick"].with_settings(["epochs=1", "network.width=4", "folds=1"])
    assert migrated(plan.to_json(), "sweep") == plan.to_json()


@pytest.mark.parametrize("version", [VERSION + 1, -1, "1", None, True])
def test_a_version_that_is_not_known_is_refused(tmp_path, version):
    folder = old_run("richness-quick", tmp_path / "runs" / "new", version=version)
    with pytest.raises(ValueError, match=rf"run.json: expected version {VERSION} or older, got .*Update galviz"):
        Run.open(folder)
    assert list(list_runs(tmp_path)[1]) == [str(folder)]
    (tmp_path / "sweep.json").write_text(
        json.dumps(json.loads((OLD / "sweep.json").read_text()) | {"version": version})
    )
    with pytest.raises(ValueError, match="expected version"):
        Sweep(tmp_path)


@pytest.mark.parametrize(
    "recipe",
    [
        3,
        {},
        {"name": "quick"},
        {"data": 3, "tta": 1},
        {"network": 3},
        {"network": {"architecture": []}},
        {"loss": {"x": 1}},
    ],
)
def test_a_damaged_old_recipe_is_a_damaged_run(tmp_path, recipe):
    with pytest.raises(ValueError, match=r"run\.json"):
        Run.open(old_run("richness-quick", tmp_path / "run", recipe=recipe))


@pytest.mark.parametrize(
    ("study", "options", "expected"),
    [
        ("richness", {}, {"architecture": "resnet18", "width": 64, "stem": "imagenet"}),
        ("mergers", {}, {"architecture": "resnet18", "width": 32, "stem": "small", "dropout": 0.2}),
        ("mergers", {"architecture": "paper_resnet50_dense"}, {"architecture": "paper_resnet50_dense", "dropout": 0.2}),
        ("mergers", {"architecture": "paper_cnn", "width": 8}, {"architecture": "paper_cnn"}),  # the width was not used
        ("inpainting", {}, {"architecture": "lsgan", "width": 1024}),
    ],
)
def test_an_old_network_has_the_defaults_of_its_kind(tmp_path, study, options, expected):
    recipe = json.loads((OLD / f"{study}-quick.json").read_text())["recipe"] | {"network": options}
    assert Run.open(old_run(f"{study}-quick", tmp_path / "run", recipe=recipe)).recipe.network == Network(**expected)
