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
from galviz.sky.perseus import CLASSES, SHORT
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


def perseus(n=400):
    """A catalogue as that of Wittmann et al. (2019): numbers of classes, magnitudes, a red sequence without slope."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(index=[f"PCC-{k:04d}" for k in range(n)])
    table["class"], table["r"] = rng.integers(0, 7, n), rng.uniform(17, 21, n)
    colour = np.where(rng.random(n) < 0.7, rng.normal(1.1, 0.05, n), rng.normal(0.5, 0.15, n))
    colour[:20] = 1.8
    table["g"] = table["r"] + 0.7
    table["z"] = table["g"] - colour
    return table


def test_a_catalogue_is_cleaned_as_on_the_slides():
    given = perseus()
    cleaned = members.clean(given)
    bright = given["r"] < 19.4
    red = np.arange(400) < 20
    assert (cleaned.reasons[~bright] == "not r < 19.4").all()
    assert (cleaned.reasons[bright & red] == "not less than 3 σ redder than the red sequence").all()
    kept = cleaned.table[cleaned.reasons == ""]
    assert (bright & ~red).sum() - 3 <= len(kept) <= (bright & ~red).sum()  # a few of the sequence are beyond 3 σ
    assert kept.loc[kept["member"] == 1, "class"].str.contains("dE/ETG").all()
    assert set(kept.loc[kept["member"].isna(), "class"]) == {SHORT[4]}
    assert cleaned.table["g_z"].tolist() == (given["g"] - given["z"]).tolist()
    assert cleaned.table["g_r"].to_numpy() == pytest.approx(0.7)
    assert "g − z = 1.09" in cleaned.notes[0]
    left = f"r < 19.4: {bright.sum()} left; less than 3 σ redder than the red sequence: {len(kept)} left"
    assert cleaned.notes[1] == f"400 objects; {left}"
    assert cleaned.notes[2].startswith(f"{int((kept['member'] == 1).sum())} members, ")


def test_names_of_classes_and_colours_are_taken_as_well():
    given = perseus()
    named = given.assign(g_z=given["g"] - given["z"], **{"class": given["class"].map(CLASSES)}).drop(columns=["g", "z"])
    one, other = members.clean(given), members.clean(named)
    assert one.table[["class", "member", "g_z"]].equals(other.table[["class", "member", "g_z"]])
    assert (one.reasons == other.reasons).all()


def test_what_a_catalogue_lacks_is_named():
    given = perseus()
    with pytest.raises(
        ValueError, match=r"table: expected a column 'class', got r, g, z. Name it: --column class=COLUMN"
    ):
        members.clean(given.drop(columns="class"))
    with pytest.raises(ValueError, match="expected a column 'z', got class, r, g"):
        members.clean(given.drop(columns="z"))
    with pytest.raises(ValueError, match=r"expected magnitudes in z, got 0.02, as of redshifts"):
        members.clean(given.assign(z=0.02))
    with pytest.raises(ValueError, match=r"expected numbers from 0 to 6, or names such as '3 dE/ETG', got 'spiral'"):
        members.clean(given.assign(**{"class": "spiral"}))
