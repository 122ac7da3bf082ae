"""The exam that every study passes; a new study needs one short call of it (see test_richness.py)."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target


def recipes_of(study, name):
    """The recipes of a target: RECIPES for the study's own, NAME_RECIPES for any other."""
    return study.RECIPES if study.TARGETS[name] == study.TARGET else getattr(study, f"{name.upper()}_RECIPES")


def tiny(recipe, **changes):
    """A recipe that takes seconds, of the same kind."""
    network = {**recipe.network, "width": 8 * recipe.network["groups"] if "groups" in recipe.network else 2}
    return recipe.replace(epochs=2, batch=6, folds=3, network=network, **changes)


def trained(study, name, sky, path, **options):
    target = study.TARGETS[name]
    run = Run.create(path, study=study.__name__, target=target, recipe=tiny(recipes_of(study, name)["quick"]), data="x")
    return study.train(sky, run, devices="cpu", **options)


def it_declares_what_it_is(study, sky, tmp_path):
    assert isinstance(study.PAPER, str)
    assert study.__doc__
    assert study.TARGET in study.TARGETS.values()
    assert sky.bands == study.BANDS
    assert {"devices", "resume", "encoder"} <= set(inspect.signature(study.train).parameters)  # what the command gives
    for name, target in study.TARGETS.items():
        assert isinstance(target, Target)
        recipes = recipes_of(study, name)
        assert {"quick", "paper", "best"} <= set(recipes)
        assert all(recipe.name == key for key, recipe in recipes.items())
        assert all(Recipe.from_json(recipe.to_json()) == recipe for recipe in recipes.values())


def it_is_looked_at_without_loading_torch(study, sky, tmp_path):
    code = f"import sys, {study.__name__}; print(sorted({{'torch', 'panel', 'lightning'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]"


def it_opens_a_sky_in_its_bands_and_no_other(study, sky, tmp_path):
    opened = study.load(sky.save(tmp_path / "sky"))
    assert list(opened.object_ids) == list(sky.object_ids)
    two = CutoutSet(
        images=sky.images[:][:, :2],
        bands=("a", "b"),
        catalogue=sky.catalogue,
        pixel_scale=sky.pixel_scale,
        unit=sky.unit,
    )
    with pytest.raises(ValueError, match=r"data: expected the bands .* got \('a', 'b'\)"):
        study.load(two.save(tmp_path / "two"))


def its_networks_are_those_of_their_seed(study, sky, tmp_path):
    import torch

    for name, target in study.TARGETS.items():
        for recipe in map(tiny, recipes_of(study, name).values()):
            large = recipe.network.get("head") == "as_published" or "resnet50" in str(
                recipe.network.get("architecture")
            )
            with torch.device("meta" if large else "cpu"):
                fitted = target.fitted(sky.catalogue)
                weights, same = (study.build(fitted, recipe, sky.bands).state_dict() for _ in range(2))
            assert weights.keys() == same.keys()
            assert all(w.is_meta or torch.equal(w, same[key]) for key, w in weights.items())


def it_trains_and_predicts_each_target(study, sky, tmp_path):
    for name, target in study.TARGETS.items():
        run = trained(study, name, sky, tmp_path / name)
        assert run.state()["status"] == "done"
        assert len(run.metrics()) == 2
        saved = Run.open(tmp_path / name).predictions()
        assert isinstance(saved, Predictions)
        assert saved.target == target
        assert set(saved.object_ids) == set(sky.object_ids)
        again = study.predict(run, sky)
        assert again.table.equals(saved.table)
        if target.columns:
            about = target.columns.index(target.name) if target.kind == "votes" else 0
            learned = saved.target.truth(sky.catalogue)  # a z-score has the constants of its training
            names = np.array(saved.target.classes or [np.nan], dtype=object)
            learned = names[learned.astype(int)] if target.kind == "class" else learned
            truth = dict(zip(sky.object_ids, learned[:, about], strict=True))
            assert saved.truth.tolist() == pytest.approx([truth[object_id] for object_id in saved.object_ids])


def it_says_what_it_was_trained_on(study, sky, tmp_path):
    name = next(name for name, target in study.TARGETS.items() if target == study.TARGET)
    run = trained(study, name, sky, tmp_path / "run")
    fold = run.predictions().table["fold"]
    held = len(sky) // 3
    assert sorted(fold.unique()) == [-1, 0]
    assert abs((fold == 0).sum() - held) <= 1
    part = study.predict(run, sky.select(sky.object_ids[:5])).table["fold"]
    assert part.equals(fold.loc[part.index])
    renamed = CutoutSet(
        images=sky.images[:],
        bands=sky.bands,
        catalogue=sky.catalogue.rename(index="new-{}".format),
        pixel_scale=sky.pixel_scale,
        unit=sky.unit,
    )
    assert study.predict(run, renamed).table["fold"].isna().all()


def it_stops_and_resumes(study, sky, tmp_path):
    name = next(name for name, target in study.TARGETS.items() if target == study.TARGET)
    whole = trained(study, name, sky, tmp_path / "whole")
    (tmp_path / "run").mkdir()
    Run(tmp_path / "run").request_stop()
    stopped = trained(study, name, sky, tmp_path / "run")
    assert stopped.state()["status"] == "stopped"
    resumed = study.train(sky, Run.open(tmp_path / "run"), devices="cpu", resume=True)
    assert resumed.weights.read_bytes() == whole.weights.read_bytes()
    assert np.array_equal(resumed.metrics().drop(columns="seconds"), whole.metrics().drop(columns="seconds"))


QUESTIONS = [
    it_declares_what_it_is,
    it_is_looked_at_without_loading_torch,
    it_opens_a_sky_in_its_bands_and_no_other,
    its_networks_are_those_of_their_seed,
    it_trains_and_predicts_each_target,
    it_says_what_it_was_trained_on,
    it_stops_and_resumes,
]
