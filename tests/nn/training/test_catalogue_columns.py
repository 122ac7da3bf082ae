"""Columns of the catalogue beside the picture, for every task."""

import numpy as np
import pandas as pd
import pytest
import torch
from at_once import Now

from galviz.nn.inference.predict import apply_run, network_of
from galviz.nn.networks.columns import WithColumns
from galviz.nn.tasks import build
from galviz.nn.training.train import train
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target
from galviz.tools.occlusion.view import OcclusionView
from galviz.tools.occlusion.widget import OcclusionWidget
from galviz.tools.selection.core import Selection
from galviz.work.effects import ColumnEffects
from galviz.work.question import OcclusionSettings, Question
from galviz.work.worker import attributed, occluded, sane, without

RECIPE = Recipe(
    name="tiny",
    epochs=30,
    batch=30,
    network={"width": 2, "stem": "small"},
    optimiser={"learning_rates": {"encoder": 1e-4, "head": 2e-2}},
    data={"columns": ("colour", "z")},
    validation={"folds": 3},
)
TASKS = {
    "regression": (
        Target("size", "regression", ("size",), "size"),
        {"loss": {"name": "gaussian_nll", "calibration": 0.2}},
    ),
    "classification": (Target("red", "classification", ("red",), "red"), {"loss": {"name": "cross_entropy"}}),
    "votes": (
        Target("red_frac", "votes", ("red_frac", "blue_frac"), "votes"),
        {"loss": {"name": "binomial"}, "network": {"votes": "sigmoid"}},
    ),
}


@pytest.fixture(scope="module")
def sky(make_sky):
    """Objects whose colour tells everything; the pictures tell nothing. Two in ten lack their colour."""
    sky, rng = make_sky(rows=120), np.random.default_rng(0)
    colour = rng.normal(0.7, 0.2, 120)
    red = np.where(colour > 0.7, "yes", "no")
    frac = 1 / (1 + np.exp(-10 * (colour - 0.7)))
    known = np.where(np.arange(120) % 10 < 2, np.nan, colour)
    columns = {"colour": known, "size": 3 * colour, "red": red, "red_frac": frac, "blue_frac": 1 - frac}
    more = {name: getattr(sky, name) for name in ("bands", "pixel_scale", "unit", "survey", "origin")}
    return CutoutSet(images=sky.images[:], catalogue=sky.catalogue.assign(**columns), **more)


@pytest.fixture(scope="module")
def runs(sky, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")

    def trained(task, columns=RECIPE.data.columns):
        target, changes = TASKS[task]
        recipe = RECIPE.replace(**changes).replace(data={"columns": columns})
        name = f"{task}-{'-'.join(columns)}"
        run = Run.create(folder / name, study="own", target=target, recipe=recipe, data="sky")
        return train(run, sky, devices="cpu")

    return {task: trained(task) for task in TASKS} | {"pictures": trained("classification", ())}


def errors(run, sky):
    """How wrong held-out objects with a known colour are."""
    table = run.predictions().held_out().table
    table = table[sky.catalogue.loc[table.index, "colour"].notna()]
    name = run.target.name
    if name == "red":
        return (table["red"] != table["red_true"]).mean()
    return (table[name] - table[f"{name}_true"]).abs().mean() / table[f"{name}_true"].std()


@pytest.mark.parametrize("task", TASKS)
def test_what_only_a_column_tells_is_learned_from_it(runs, sky, task):
    chance = 0.5 if task == "classification" else 0.8  # the mean distance from the mean, in standard deviations
    assert errors(runs[task], sky) < 0.6 * chance


def test_the_pictures_alone_tell_nothing(runs, sky):
    assert errors(runs["pictures"], sky) > 0.3


@pytest.mark.parametrize("task", TASKS)
def test_a_run_that_is_opened_again_predicts_the_same(runs, sky, task):
    run = Run.open(runs[task].path)
    pd.testing.assert_frame_equal(apply_run(run, sky).table, run.predictions().table)


def test_columns_matter_in_a_prediction_and_their_order_in_the_sky_does_not(runs, sky):
    run, table = runs["classification"], runs["classification"].predictions().table
    images, catalogue = sky.images[:][::-1].copy(), sky.catalogue[::-1]
    given = {"bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    turned = apply_run(run, CutoutSet(images=images, catalogue=catalogue, **given)).table
    assert turned["p_yes"].to_numpy() == pytest.approx(table["p_yes"].to_numpy(), abs=1e-6)
    bluer = sky.catalogue.assign(colour=sky.catalogue["colour"] - 1)
    changed = apply_run(run, CutoutSet(images=sky.images[:], catalogue=bluer, **given)).table
    assert (changed["red"] == "no").mean() > 0.7
    assert (table["red"] == "no").mean() < 0.65


def test_a_sky_without_the_column_or_with_words_in_it_is_refused(runs, sky):
    given = {"images": sky.images[:], "bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    with pytest.raises(KeyError, match="expected the column 'colour', which the recipe's columns names"):
        apply_run(runs["regression"], CutoutSet(catalogue=sky.catalogue.drop(columns="colour"), **given))
    with pytest.raises(ValueError, match="expected numbers in the column 'colour'"):
        apply_run(runs["regression"], CutoutSet(catalogue=sky.catalogue.assign(colour="red"), **given))


def test_the_target_is_no_column_to_learn_it_from():
    target = TASKS["regression"][0]
    with pytest.raises(ValueError, match="expected columns beside the target's, got 'size', which it learns"):
        build(target, RECIPE.replace(data={"columns": ("z", "size")}), ("g", "r"))


def test_maps_leave_the_columns_of_the_object_as_they_are(runs, sky):
    run = runs["classification"]
    table = run.predictions().table
    ids = [name for name in sky.object_ids if np.isfinite(sky.catalogue.loc[name, "colour"])][:6]
    for name in ids:
        settings = OcclusionSettings(output=("probability", 1), patch=8)
        request, image = Question(run, sky, name, settings).request, sky.images[:][sky.row_of([name])[0]]
        found, clean = occluded(str(run.path), image, request, np.array([[0, 0], [4, 4]]))
        assert clean == pytest.approx(table.loc[name, "p_yes"], abs=1e-5)
        assert without(str(run.path), image, request, np.ones((1, 16, 16), bool))[1] == pytest.approx(clean, abs=1e-5)
        assert found.shape == (1, 2)
    request |= {"method": "integrated gradients"}
    assert attributed(str(run.path), image, request)[1] == pytest.approx(clean, abs=1e-5)
    assert np.isfinite(sane(str(run.path), image, request))


def at_once(monkeypatch):
    monkeypatch.setattr("galviz.work.chunks.Work", Now)


def test_a_column_contributes_what_its_mean_in_its_place_would_change(runs, sky, monkeypatch):
    at_once(monkeypatch)
    run, table = runs["classification"], runs["classification"].predictions().table
    head = network_of(run).head
    means = dict(zip(head.names, head.centre.tolist(), strict=True))
    name = next(name for name in table.index if np.isfinite(sky.catalogue.loc[name, "colour"]))
    found = ColumnEffects(Question(run, sky, name, OcclusionSettings(output=("probability", 1))))
    assert found.poll()
    given = {"images": sky.images[:], "bands": sky.bands, "pixel_scale": sky.pixel_scale, "unit": sky.unit}
    for columns in ({"colour": means["colour"]}, {"z": means["z"]}, means):
        other = apply_run(run, CutoutSet(catalogue=sky.catalogue.assign(**columns), **given)).table
        change = table.loc[name, "p_yes"] - other.loc[name, "p_yes"]
        key = next(iter(columns)) if len(columns) == 1 else "all together"
        assert found.contributions()[key] == pytest.approx(change, abs=1e-5)
    assert found.table.loc["colour", "value"] == sky.catalogue.loc[name, "colour"]
    assert abs(found.contributions()["colour"]) > 10 * abs(found.contributions()["z"])


def test_the_tab_why_and_the_widget_show_what_columns_contribute(runs, sky, monkeypatch):
    at_once(monkeypatch)
    missing = next(name for name in sky.object_ids if np.isnan(sky.catalogue.loc[name, "colour"]))
    view = OcclusionView(runs["classification"], sky, Selection(sky.catalogue, focus=missing))
    view.poll()
    words = str(view.meaning())
    assert "Hiding the 2 catalogue columns" in words
    assert "probability of red = yes" in words or "probability of red = no" in words
    table = str(view.of_columns())
    assert "<th scope='row'>colour</th><td>missing</td>" in table
    assert "all together" in table
    widget = OcclusionWidget(runs["classification"], sky, object_id=missing)
    assert list(widget.columns) == ["colour", "z", "all together"]
    assert str(widget.columns["all together"])[:4] == str(view.columns.together)[:4]
    of_pictures = OcclusionView(runs["pictures"], sky, Selection(sky.catalogue))
    of_pictures.poll()
    assert "catalogue column" not in str(of_pictures.meaning())
    assert of_pictures.of_columns() == ""


def test_images_without_columns_are_refused_until_some_are_given(runs, sky):
    network = network_of(runs["regression"]).eval()
    images = torch.from_numpy(sky.images[:2])
    with pytest.raises(ValueError, match="expected 2 numbers of the catalogue for each image, got none"):
        network(images)
    network.head.give(np.array([0.7, np.nan]))
    assert network(images).shape == (2, 2)


def test_a_wrong_value_counts_as_far_and_an_unknown_one_as_the_mean():
    torch.manual_seed(0)
    head = WithColumns(torch.nn.Linear(33, 1), ("a", "b"))
    head.measure(pd.DataFrame({"a": [1.0, 3.0, np.nan], "b": [5.0, np.nan, np.nan]}))
    assert head.centre.tolist() == [2.0, 5.0]
    assert head.scale.tolist() == [1.0, 1.0]  # a constant has no scatter to divide by
    feature = torch.zeros(1, 1)
    far, farther = (head(feature, torch.tensor([[value, 5.0]])) for value in (-9.0, -9999.0))
    assert far == farther
    mean, unknown = (head(feature, torch.tensor([[value, 5.0]])) for value in (2.0, np.nan))
    assert mean != unknown
