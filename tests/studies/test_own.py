"""Recipes for any column: each fits its task, its images, and is found by name."""

import pandas as pd
import pytest
import torch

from galviz import studies
from galviz.nn.tasks import build
from galviz.nn.training.module import freeze_blocks
from galviz.sky.cutouts import CutoutSet
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

TARGETS = {
    "regression": Target("a+b", "regression", ("a", "b"), "a"),
    "classification": Target("c", "classification", ("c",), "c", classes=("x", "y", "z")),
    "votes": Target("v", "votes", ("v", "w"), "v"),
}


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize(("unit", "size", "bands"), [("display", 64, 3), ("nanomaggy", 32, 5), ("nanomaggy", 64, 1)])
def test_every_recipe_builds_a_network_for_its_images(task, unit, size, bands):
    recipes = general_recipes(task, unit, size)
    assert list(recipes) == ["quick", "best", "finetune", *(["probe"] if task == "classification" else [])]
    for recipe in recipes.values():
        with torch.device("meta") if recipe.network.width == 64 and not recipe.network.is_timm else torch.device("cpu"):
            network = build(TARGETS[task], recipe, tuple(f"b{k}" for k in range(bands)), size)
        pictures = "pretrained" if recipe.network.pretrained else "standard"
        assert recipe.data.normalise == (pictures if unit == "display" else "asinh")
        freeze_blocks(network.encoder, recipe.optimiser.freeze_blocks)  # fewer than the encoder has
        assert set(recipe.optimiser.learning_rates) == {"encoder", "head"}
        assert {name for name, _ in network.named_children()} >= {"normalise", "encoder", "head"}


def test_the_study_of_your_own_images_has_no_target_and_takes_any_column(tiny_sky):
    study = studies.open_study("own")
    assert study.choose("richness", tiny_sky).target.columns == ("richness",)
    assert study.choose("richness, z", tiny_sky).target.columns == ("richness", "z")
    for name, message in [
        ("", "target: expected a column of the catalogue, got 'none'"),
        ("rich", "Similar names: richness"),
    ]:
        with pytest.raises((ValueError, KeyError), match=message):
            study.choose(name, tiny_sky)


def test_the_reason_names_the_study_of_its_own_target():
    guess = studies.open_study("mergers").choose("", None)
    assert guess.why == "votes: votes, as in the study mergers"


def test_a_comma_may_be_part_of_a_name(tiny_sky):
    catalogue = pd.DataFrame({"a,b": tiny_sky.catalogue["z"], "c": tiny_sky.catalogue["richness"]})
    sky = CutoutSet(
        images=tiny_sky.images[:], bands=tiny_sky.bands, catalogue=catalogue, pixel_scale=1.0, unit=tiny_sky.unit
    )
    study = studies.open_study("own")
    assert study.choose("a,b", sky).target.columns == ("a,b",)
    assert study.choose('c, "a,b"', sky).target.columns == ("c", "a,b")
