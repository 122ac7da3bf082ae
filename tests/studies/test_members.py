"""The study of cluster members: what it declares, and that nothing is on both sides of a split."""

import exam
import numpy as np
import pandas as pd
import pytest
import torch

from galviz import studies
from galviz.nn.tasks import build
from galviz.nn.training import module
from galviz.nn.training.augment import augmented
from galviz.runs.folds import split
from galviz.sky.cutouts import CutoutSet
from galviz.sky.mock import write_members_sky
from galviz.sky.perseus import SHORT
from galviz.studies import members


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    """Three objects, none of them a merger, in each of eight fields."""
    return CutoutSet.open(write_members_sky(tmp_path_factory.mktemp("skies") / "members", 24, size=32, seed=4))


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, sky, tmp_path):
    question(members.STUDY, sky, tmp_path)


def test_the_baselines_are_functions(sky):
    for baseline in members.STUDY.baselines.values():
        assert callable(studies.named(baseline.make))


def test_targets_are_two_classes_and_all_seven(sky):
    two, seven = members.TARGETS.values()
    assert (two.classes, two.positive) == (("0", "1"), "1")
    assert two.truth(sky.catalogue)[:, 0].tolist() == sky.catalogue["member"].tolist()
    assert seven.fitted(sky.catalogue).classes == tuple(SHORT.values())
    codes = seven.truth(sky.catalogue)[:, 0].astype(int)
    assert [SHORT[code] for code in codes] == sky.catalogue["class"].tolist()


def test_as_published_is_what_the_slides_say():
    published, written = (members.RECIPES[name] for name in ("as_published", "as_written"))
    about = published.optimiser
    assert (published.epochs, published.batch, published.network.timm_name) == (200, 20, "resnet50")
    assert (published.network.pretrained, published.validation.keep) == ("imagenet", "best")
    assert (about.name, about.schedule, about.decay, about.decay_epochs) == ("sgd", "exponential", 0.9, 20.0)
    assert set(about.learning_rates.values()) == {0.8}
    assert published.validation.folds == 4  # a quarter is held out
    assert written.replace(name="as_published", optimiser={"decay_epochs": 20.0}) == published


def test_every_recipe_is_described():
    assert members.STUDY.about_recipes.keys() == members.RECIPES.keys()


def test_a_grey_network_does_not_see_colours(sky):
    images = torch.from_numpy(sky.images[:4])
    grey = (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True).repeat(1, 3, 1, 1)
    for name, same in (("grey", True), ("quick", False)):
        recipe = exam.tiny(members.RECIPES[name])
        network = build(members.TARGET, recipe, sky.bands, 32).eval()
        network.measure(sky, np.arange(24), None)
        assert torch.allclose(network(images), network(grey), atol=1e-4) is same


def flat(catalogue):
    """Pictures of one brightness each: however an object is turned, it can be recognised."""
    value = np.linspace(0.1, 0.9, len(catalogue), dtype=np.float32)
    images = np.broadcast_to(value[:, None, None, None], (len(catalogue), 3, 32, 32)).copy()
    return CutoutSet(images=images, bands=members.BANDS, catalogue=catalogue, pixel_scale=np.nan, unit="display")


def recognised(images, sky):
    """Return the ids of the objects that images show."""
    known = sky.images[:][:, 0, 0, 0]
    seen = images.mean((1, 2, 3))
    return set(sky.object_ids[np.abs(seen[:, None] - known).argmin(1)])


def test_no_object_and_no_rotation_of_it_is_on_both_sides_and_fields_are_whole(sky, tmp_path, monkeypatch):
    plain, seen = flat(sky.catalogue), []

    def watched(images, how):
        assert how == ("turn",)
        turned = augmented(images, how)
        seen.append(turned.numpy().copy())
        return turned

    monkeypatch.setattr(module, "augmented", watched)
    table = exam.trained(members.STUDY, "member", plain, tmp_path / "run").predictions().table
    learned, held_out = recognised(np.concatenate(seen), plain), set(table.index[table["fold"] == 0])
    assert learned | held_out == set(plain.object_ids)
    assert not learned & held_out
    fields = plain.catalogue["field"]
    assert not set(fields[list(learned)]) & set(fields[list(held_out)])


def test_a_split_after_the_rotations_has_objects_on_both_sides(sky):
    """The order of the slides: every picture is turned 15 times, and the copies are split."""
    plain = flat(sky.catalogue)
    copies = pd.DataFrame(index=[f"{one}-{turn}" for one in plain.object_ids for turn in range(15)])
    images = augmented(torch.from_numpy(np.repeat(plain.images[:], 15, axis=0)), ("turn",)).numpy()
    recipe, usable = members.RECIPES["quick"], np.ones(len(copies), dtype=bool)

    def on_both_sides(catalogue):
        learned, held_out = split(catalogue, recipe, usable)
        return recognised(images[learned], plain) & recognised(images[held_out], plain)

    assert len(on_both_sides(copies)) > 20
    assert not on_both_sides(copies.assign(field=np.repeat(sky.catalogue["field"].to_numpy(), 15)))
