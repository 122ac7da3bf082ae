"""What a map means in words: the sign, chance, the regions that are hidden, whether a prediction is wrong."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.image_regions import DRAWS, Effect, elsewhere, superpixels
from galviz.measure.occluders import METHODS
from galviz.runs.predictions import Predictions
from galviz.tasks.target import Target
from galviz.tools.occlusion.meaning import (
    BASELINES,
    columns_html,
    columns_sentence,
    discs,
    effect_text,
    marked,
    object_line,
    region_masks,
    sentence,
    signs,
    verdict,
)
from galviz.tools.occlusion.meaning import METHODS as NAMED
from galviz.work.effects import ColumnEffects
from galviz.work.question import BASELINES as KNOWN

SQUARE = [(1.5, 1.5), (4.5, 1.5), (4.5, 4.5), (1.5, 4.5)]


def effect(change, mean=0.02, std=0.03):
    chance = np.array([-1.0, 1.0] * 12)
    return Effect(change, mean + std * chance / chance.std(ddof=1), 0.1)


@pytest.mark.parametrize(
    ("change", "text", "estimates"),
    [
        (0.12, "lowers ln λ by 0.12 (chance: 0.02 ± 0.03)", "more than by chance"),
        (-0.12, "raises ln λ by 0.12 (chance: −0.02 ± 0.03)", "more than by chance"),
        (0.05, "lowers ln λ by 0.050 (chance: 0.020 ± 0.030)", "no more than by chance"),
        (0.0, "does not change ln λ", "no more than by chance"),
    ],
)
def test_the_effect_of_a_region_is_told_with_that_of_chance_in_its_direction(change, text, estimates):
    assert effect_text(effect(change), "ln λ") == text
    assert verdict(effect(change)) == estimates
    assert text in str(sentence("the 12 members", effect(change), "ln λ"))


def test_a_region_that_matters_less_than_others_is_not_praised():
    assert verdict(effect(0.02, mean=0.3)) == "less than by chance"
    tiny = Effect(0.10, np.array([-0.001, 0.0, -0.001]), 0.1)
    assert "(chance: 0.00 ± 0.00)" in effect_text(tiny, "λ")
    whole = Effect(3.0, np.zeros(0), 1.0)
    assert "too large to compare" in effect_text(whole, "λ")
    assert verdict(whole) == ""


def test_the_sign_is_told_with_its_colours_and_turns_with_the_switch():
    assert signs("occlusion", "change", "ln λ").startswith("red: hiding it lowers ln λ, so it raises the prediction")
    assert signs("occlusion", "effect", "ln λ").startswith("red: hiding it raises ln λ, so it lowers the prediction")
    assert signs("integrated gradients", "change", "λ").startswith("red: it raises λ")
    assert signs("integrated gradients", "effect", "λ").startswith("red: it lowers λ")
    assert all("no unit" in signs("Grad-CAM", value, "λ") for value in ("change", "effect"))
    assert set(BASELINES.values()) == set(KNOWN)
    assert tuple(NAMED.values()) == METHODS


def test_regions_are_the_pixels_whose_centres_they_hold_and_several_are_hidden_together():
    other = [(5.5, 5.5), (7.5, 5.5), (7.5, 7.5)]
    masks = region_masks([{"name": "a", "points": SQUARE}, {"name": "b", "points": other}], (8, 10))
    assert list(masks) == ["a", "b", "all together"]
    expected = np.zeros((8, 10), dtype=bool)
    expected[2:5, 2:5] = True
    np.testing.assert_array_equal(masks["a"], expected)
    np.testing.assert_array_equal(masks["all together"], masks["a"] | masks["b"])
    assert region_masks([], (8, 8)) == {}


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([{"name": "a", "points": SQUARE[:2]}], "a: expected 3 to 2000 corners, got 2"),
        ([{"name": "a", "points": SQUARE}] * 2, "different names, got 'a' twice"),
        ([{"name": str(k), "points": SQUARE} for k in range(21)], "at most 20, got 21"),
        ([{"name": "a", "points": [(0.1, 0.1), (0.2, 0.1), (0.2, 0.2)]}], "at least one pixel"),
        ([{"name": "a", "points": [(0, 0), (9, 0), (float("nan"), 9)]}], "finite corners"),
    ],
)
def test_regions_that_make_no_sense_are_refused(regions, message):
    with pytest.raises(ValueError, match=message):
        region_masks(regions, (8, 8))


def test_chance_is_the_same_shape_where_the_region_is_not():
    mask = np.zeros((24, 24), dtype=bool)
    mask[3:8, 4:7] = True
    found = elsewhere(mask)
    assert found.shape == (DRAWS, 24, 24)
    assert (found.sum((1, 2)) == mask.sum()).all()
    assert not (found & mask).any()
    assert len(np.unique(found.reshape(DRAWS, -1), axis=0)) > DRAWS / 2
    assert len(elsewhere(np.ones((8, 8), dtype=bool))) == 0


def test_superpixels_keep_to_the_edge_of_a_bright_source():
    image = np.random.default_rng(0).normal(0, 0.1, (2, 32, 32)).astype(np.float32)
    y, x = np.mgrid[:32, :32]
    bright = (x - 15) ** 2 + (y - 15) ** 2 < 36
    image[:, bright] += 20
    parts = superpixels(image, 16)
    assert set(np.unique(parts)) == set(range(parts.max() + 1))
    assert 10 <= parts.max() + 1 <= 22
    inside = np.bincount(parts[bright], minlength=parts.max() + 1) / np.bincount(parts.ravel())
    assert np.abs(inside - inside.round()).max() < 0.1  # each is nearly all source, or nearly all sky
    with pytest.raises(ValueError, match="count: expected 2 to 1024 superpixels, got 1"):
        superpixels(image, 1)
    with pytest.raises(ValueError, match="finite pixels"):
        superpixels(np.full((1, 8, 8), np.nan), 4)


def test_members_stand_for_a_cluster_and_all_sources_where_none_are_known():
    sources = pd.DataFrame({"x": [3.0, 9.0, 1.0], "y": [2.0, 9.0, 1.0], "kind": ["bcg", "member", "star"]})
    name, found = marked(sources)
    assert (name, list(found["kind"])) == ("the 2 members", ["bcg", "member"])
    assert marked(sources[2:])[0] == "the only star"
    mask = discs(found, 1.0, (12, 12))
    assert mask.sum() == 10
    assert mask[2, 3]
    assert mask[9, 10]


def test_an_object_is_named_with_its_truth_and_whether_the_prediction_is_wrong():
    kinds = Target("kind", "classification", ("kind",), "kind", classes=("spiral", "round"))
    table = pd.DataFrame(
        {"kind": ["spiral", "round"], "kind_true": ["spiral", "spiral"], "p_spiral": [0.9, 0.2], "p_round": [0.1, 0.8]},
        index=pd.Index(["7", "8"], name="object_id"),
    ).assign(fold=[0, -1])
    predictions = Predictions(table, kinds)
    assert "true spiral, predicted spiral: <b>right</b>" in object_line(predictions, "7")
    line = object_line(predictions, "8")
    assert "true spiral, predicted round: <b>wrong</b> (seen in training)" in line
    assert "not among" in object_line(predictions, "<9>")
    assert "<9>" not in object_line(predictions, "<9>")
    flags = kinds.replace(classes=("0", "1"), words=("not a member", "member"))
    renamed = Predictions(table.replace({"spiral": "1", "round": "0"}), flags)
    assert "true member, predicted not a member: <b>wrong</b>" in object_line(renamed, "8")
    mass = Target("mass", "regression", ("mass",), "mass")
    numbers = {"mass": [1.0, 2.0, 5.0], "mass_true": [1.1, 2.0, 3.0], "fold": 0}
    numbers = pd.DataFrame(numbers, index=pd.Index(["a", "b", "c"], name="object_id"))
    assert "<b>off by +2</b>, farther off than 100% of the objects" in object_line(Predictions(numbers, mass), "c")
    assert "closer than 67% of the objects" in object_line(Predictions(numbers, mass), "b")
    unknown = Predictions(numbers.assign(mass_true=np.nan), mass)
    assert "the truth is not known" in object_line(unknown, "a")


@pytest.mark.parametrize(
    ("parts", "together", "words"),
    [
        (
            {"g_r": 0.1, "z": -0.02},
            0.12,
            "Hiding the 2 catalogue columns lowers ln λ by 0.12</b> (most of all g_r: it",
        ),
        ({"z": -0.02}, -0.02, "Hiding the catalogue column z raises ln λ by 0.020</b>."),
        ({"z": 0.0, "x": 0.0}, 0.0, "Hiding the 2 catalogue columns does not change ln λ</b>."),
    ],
)
def test_columns_of_the_catalogue_are_put_in_the_words_of_the_picture(parts, together, words):
    found = ColumnEffects.__new__(ColumnEffects)
    values = {"value": np.nan, "mean": 1.0, "contribution": pd.Series(parts)}
    found.table, found.together = pd.DataFrame(values), together
    assert words in columns_sentence(found, "ln λ")
    assert columns_html(found, "ln λ").count("<td>missing</td>") == len(parts)
    found.table = None
    assert columns_sentence(found, "ln λ") == columns_html(found, "ln λ") == ""
