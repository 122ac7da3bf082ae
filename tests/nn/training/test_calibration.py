"""Networks that estimate their own error: what their intervals are calibrated on, and that it is not learned from."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from galviz.measure.intervals import sigma_scale
from galviz.nn.tasks import build
from galviz.nn.training.fit import fit
from galviz.runs.folds import kept_aside, split
from galviz.runs.recipe import Network, Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=2,
    batch=8,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 1e-2}},
    loss={"name": "gaussian_nll", "alpha": 0.5, "calibration": 0.5},
    data={"tta": 2},
    validation={"folds": 3},
)


@pytest.fixture(scope="module")
def sky(make_sky):
    return make_sky(rows=48)


@pytest.fixture(scope="module")
def run(sky, tmp_path_factory):
    return train(sky, tmp_path_factory.mktemp("runs") / "run")


def train(sky, path, recipe=RECIPE):
    run = Run.create(path, study="richness", target=RICHNESS, recipe=recipe, data="sky")
    return fit(build(RICHNESS, recipe, BANDS), sky, run, RICHNESS, recipe, devices="cpu")


def aside(sky, recipe=RECIPE):
    return kept_aside(split(sky.catalogue, recipe, np.ones(len(sky), dtype=bool))[0], recipe)


def with_other_labels(sky, rows):
    catalogue = sky.catalogue.copy()
    catalogue.iloc[rows, catalogue.columns.get_loc("richness")] *= 7.0
    more = {name: getattr(sky, name) for name in ("bands", "pixel_scale", "unit", "survey", "origin")}
    return CutoutSet(images=sky.images[:], catalogue=catalogue, **more)


def test_half_of_the_training_is_kept_aside_and_counts_as_seen(run, sky):
    assert run.info["objects"] == {"train": 16, "calibration": 16, "held_out": 16}
    assert (run.predictions().table["fold"] == -1).sum() == 32
    assert len(aside(sky)) == 16
    assert len(aside(sky, RECIPE.replace(loss={"calibration": 0.0}))) == 0
    assert len(aside(sky, RECIPE.replace(loss={"calibration": 0.99}))) == 30


def test_the_intervals_are_calibrated_on_what_was_kept_aside(run, sky):
    table = run.predictions().table.loc[sky.object_ids[aside(sky)]]
    truth, estimate, sigma = (table[f"ln_richness{end}"] for end in ("_true", "", "_sigma"))
    assert sigma_scale(truth, estimate, sigma) == pytest.approx(1, abs=1e-5)
    assert load_file(run.weights)["sigma_scale"].item() != pytest.approx(1, abs=1e-3)


def test_labels_kept_aside_teach_the_width_and_nothing_else(run, sky, tmp_path):
    other = train(with_other_labels(sky, aside(sky)), tmp_path / "other")
    first, second = load_file(run.weights), load_file(other.weights)
    assert all(torch.equal(first[name], second[name]) for name in first if name != "sigma_scale")
    assert second["sigma_scale"] > 1.5 * first["sigma_scale"]


def test_labels_held_out_teach_nothing(run, sky, tmp_path):
    held_out = split(sky.catalogue, RECIPE, np.ones(len(sky), dtype=bool))[1]
    other = train(with_other_labels(sky, held_out), tmp_path / "other")
    assert other.weights.read_bytes() == run.weights.read_bytes()


def test_without_calibration_the_width_is_what_the_network_says(sky, tmp_path):
    run = train(sky, tmp_path / "run", RECIPE.replace(loss={"calibration": 0.0}))
    assert run.info["objects"] == {"train": 32, "held_out": 16}
    assert load_file(run.weights)["sigma_scale"].item() == 1
    assert (run.predictions().table["ln_richness_sigma"] > 0).all()


def test_a_calibration_of_other_losses_is_named():
    with pytest.raises(ValueError, match=r"calibration: expected 0 with the loss mse, got 0\.5"):
        RECIPE.replace(loss={"name": "mse"})
    with pytest.raises(ValueError, match=r"calibration: expected a number in \[0, 1\), got 1.0"):
        RECIPE.replace(loss={"calibration": 1})


def test_votes_have_no_such_loss():
    recipe = RECIPE.replace(network=Network())
    with pytest.raises(
        ValueError,
        match="loss: expected mse, mse_std, binomial or dirichlet_multinomial for the target votes, got gaussian_nll",
    ):
        build(Target("votes", "votes", ("votes",), "votes"), recipe, ("red", "green", "blue"))
