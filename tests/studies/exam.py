"""The exam that every study passes; a new study needs one short call of it (see test_richness.py)."""

import subprocess
import sys

import numpy as np
import pytest

from galviz import studies
from galviz.runs.best_fits import is_gan
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target


def tiny(recipe, **changes):
    """A recipe that takes seconds, of the same kind."""
    width = {"resnet18": 2, "lsgan": 8 * recipe.network.groups}.get(recipe.network.architecture, recipe.network.width)
    network = {"width": width}
    if recipe.network.is_timm and recipe.network.timm_name != "efficientnet_lite0":
        network["pretrained"] = ""  # its weights would be downloaded
    return recipe.replace(epochs=2, batch=6, network=network, validation={"folds": 3}, **changes)


def trained(study, name, sky, path, **options):
    target, recipe = study.targets[name], tiny(study.recipes_of(name)["quick"])
    return studies.train(
        Run.create(path, study=study.name, target=target, recipe=recipe, data="x"), sky, devices="cpu", **options
    )


def built(target, recipe, sky):
    from galviz.nn.gan import lsgan
    from galviz.nn.tasks import build

    size = sky.images.shape[-1]
    return lsgan.build(recipe, len(sky.bands), size) if is_gan(recipe) else build(target, recipe, sky.bands, size)


def it_declares_what_it_is(study, sky, tmp_path):
    assert studies.open_study(study.name) == study
    assert sky.bands == study.bands
    assert set(study.first) <= set(study.tabs)
    for function in (*study.tabs.values(), *([study.mock.write] if study.mock else [])):
        assert callable(studies.named(function))
    for name, target in study.targets.items():
        assert isinstance(target, Target)
        recipes = study.recipes_of(name)
        assert {"quick", "best"} <= set(recipes)
        assert all(recipe.name == key for key, recipe in recipes.items())
        assert all(Recipe.from_json(recipe.to_json()) == recipe for recipe in recipes.values())


def it_is_looked_at_without_loading_torch(study, sky, tmp_path):
    heavy = "{'torch', 'panel', 'lightning'}"
    code = f"import sys, galviz.studies.{study.name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def its_networks_are_those_of_their_seed(study, sky, tmp_path):
    import torch

    for name, target in study.targets.items():
        for recipe in map(tiny, study.recipes_of(name).values()):
            large = recipe.network.head == "as_published" or any(
                name in recipe.network.architecture for name in ("resnet34", "resnet50")
            )
            with torch.device("meta" if large else "cpu"):
                fitted = target.fitted(sky.catalogue)
                weights, same = (built(fitted, recipe, sky).state_dict() for _ in range(2))
            assert weights.keys() == same.keys()
            assert all(w.is_meta or torch.equal(w, same[key]) for key, w in weights.items())


def it_trains_and_predicts_each_target(study, sky, tmp_path):
    for name, target in study.targets.items():
        run = trained(study, name, sky, tmp_path / name)
        assert run.state()["status"] == "done"
        assert len(run.metrics()) == 2
        saved = Run.open(tmp_path / name).predictions()
        assert isinstance(saved, Predictions)
        assert saved.target == target
        assert set(saved.object_ids) == set(sky.object_ids)
        again = studies.predict(run, sky)
        assert again.table.equals(saved.table)
        if target.columns:
            about = target.columns.index(target.name) if target.task == "votes" else 0
            learned = saved.target.truth(sky.catalogue)  # a z-score has the constants of its training
            names = np.array(saved.target.classes or [np.nan], dtype=object)
            learned = names[learned.astype(int)] if target.task == "classification" else learned
            truth = dict(zip(sky.object_ids, learned[:, about], strict=True))
            assert saved.truth.tolist() == pytest.approx([truth[object_id] for object_id in saved.object_ids])


def it_says_what_it_was_trained_on(study, sky, tmp_path):
    name = next(iter(study.targets))
    run = trained(study, name, sky, tmp_path / "run")
    fold = run.predictions().table["fold"]
    held = len(sky) // 3
    assert sorted(fold.unique()) == [-1, 0]
    assert abs((fold == 0).sum() - held) <= 1
    part = studies.predict(run, sky.select(sky.object_ids[:5])).table["fold"]
    assert part.equals(fold.loc[part.index])
    renamed = CutoutSet(
        images=sky.images[:],
        bands=sky.bands,
        catalogue=sky.catalogue.rename(index="new-{}".format),
        pixel_scale=sky.pixel_scale,
        unit=sky.unit,
    )
    assert studies.predict(run, renamed).table["fold"].isna().all()


def it_stops_and_resumes(study, sky, tmp_path):
    name = next(iter(study.targets))
    whole = trained(study, name, sky, tmp_path / "whole")
    (tmp_path / "run").mkdir()
    Run(tmp_path / "run").request_stop()
    stopped = trained(study, name, sky, tmp_path / "run")
    assert stopped.state()["status"] == "stopped"
    resumed = studies.train(Run.open(tmp_path / "run"), sky, devices="cpu", resume=True)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    assert np.array_equal(resumed.metrics().drop(columns="seconds"), whole.metrics().drop(columns="seconds"))


QUESTIONS = [
    it_declares_what_it_is,
    it_is_looked_at_without_loading_torch,
    its_networks_are_those_of_their_seed,
    it_trains_and_predicts_each_target,
    it_says_what_it_was_trained_on,
    it_stops_and_resumes,
]
