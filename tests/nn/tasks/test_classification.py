"""Classes: their weights, their calibration, and classes without examples."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional

from galviz.nn.tasks import build, loss_of
from galviz.nn.tasks.classification import calibrate
from galviz.nn.training.fit import fit
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

KIND = Target("kind", "classification", ("kind",), "kind")
RECIPE = Recipe(
    name="x",
    epochs=1,
    batch=8,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 1e-2}},
    loss={"name": "cross_entropy", "calibration": 0.2},
    validation={"folds": 3},
)


def sky_of(kinds, make_sky):
    sky = make_sky(len(kinds))
    catalogue = sky.catalogue.assign(kind=pd.array(kinds, dtype=object))
    return CutoutSet(images=sky.images[:], bands=sky.bands, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)


def start(sky, path, recipe=RECIPE):
    target = KIND.fitted(sky.catalogue)
    run = Run.create(path, study="own", target=target, recipe=recipe, data="sky")
    return fit(build(target, recipe, sky.bands), sky, run, target, recipe, devices="cpu")


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_class_weights_are_the_same_as_repeating_rare_classes(loss):
    codes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 2])
    logits = torch.randn(10, 3, dtype=torch.float64)
    recipe = RECIPE.replace(loss={"name": loss, "class_weights": True, "calibration": 0})
    weighted = loss_of(KIND, recipe, codes[:, None])(logits, torch.from_numpy(codes))
    often = np.repeat(np.arange(10), [1] * 6 + [2] * 3 + [6])
    plain = loss_of(KIND, recipe.replace(loss={"class_weights": False}))
    repeated = plain(logits[often], torch.from_numpy(codes[often]))
    assert weighted.mean().item() == pytest.approx(repeated.mean().item())


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_a_class_without_training_objects_has_no_weight_and_does_no_harm(loss):
    recipe = RECIPE.replace(loss={"name": loss, "class_weights": True, "calibration": 0})
    cost = loss_of(KIND, recipe, np.array([[0.0], [0.0], [1.0]]))
    found = cost(torch.zeros(4, 4), torch.tensor([0, 1, 2, 3]))
    assert (found[2:] == 0).all()
    assert (found[1] / found[0]).item() == pytest.approx(2)


def test_smoothing_is_a_mixture_with_the_mean_over_classes():
    logits, truth = torch.randn(5, 4), torch.tensor([0, 1, 2, 3, 0])
    logs = logits.log_softmax(1)
    by_hand = -(0.9 * logs[range(5), truth] + 0.1 * logs.mean(1))
    torch.testing.assert_close(loss_of(KIND, RECIPE.replace(loss={"smoothing": 0.1}))(logits, truth), by_hand)


def network(temperature=1.0):
    return build(KIND.replace(classes=("a", "b", "c")), RECIPE, ("g",)).eval().requires_grad_(requires_grad=False)


@pytest.mark.parametrize("known", [0.4, 1.0, 2.5])
def test_a_known_temperature_is_recovered_and_probabilities_improve(known):
    rng, views = np.random.default_rng(0), torch.randn(1, 4000, 3, dtype=torch.float64)
    drawn = np.array([rng.choice(3, p=p) for p in views[0].softmax(1).numpy()])[:, None].astype(float)
    one = network()
    calibrate(one, known * views, drawn)
    assert one.temperature.item() == pytest.approx(known, rel=0.1)
    labels = torch.from_numpy(drawn[:, 0]).long()
    before, after = (functional.cross_entropy(known * views[0] / t, labels) for t in (1.0, one.temperature.item()))
    assert after <= before
    assert known == 1.0 or after < before - 0.01


def test_a_few_objects_that_are_all_right_do_not_make_it_certain():
    one, views = network(), 2.0 * torch.eye(3, dtype=torch.float64)[None].repeat(1, 2, 1)
    calibrate(one, views, np.array([[0.0], [1.0], [2.0]] * 2))
    assert 0.4 < one.temperature.item() < 1


def test_the_temperature_is_part_of_the_network_so_that_all_probabilities_agree():
    one, images = network(), torch.randn(4, 1, 16, 16)
    before = one(images)
    one.temperature.fill_(2.0)
    torch.testing.assert_close(one(images), before / 2)
    calibrate(one, one(images).double()[None], np.zeros((4, 1)))
    found = one.temperature.item()
    calibrate(one, one(images).double()[None], np.zeros((4, 1)))  # once more: the product is nearly the same
    assert found != 2.0


def test_every_class_has_its_part_for_calibration_and_keeps_an_object(make_sky, tmp_path):
    kinds = ["common"] * 48 + ["rare"] * 18 + ["few"] * 4 + ["one"] * 2
    sky = sky_of(kinds, make_sky)
    run = start(sky, tmp_path / "run")
    from galviz.nn.training.fit import _rows

    learned, aside, held_out = _rows(sky, KIND, RECIPE)
    counts = {part: sky.catalogue["kind"].iloc[rows].value_counts() for part, rows in [("l", learned), ("a", aside)]}
    every = counts["l"].add(counts["a"], fill_value=0)
    for name, count in every.items():
        assert abs(counts["a"].get(name, 0) - 0.2 * count) <= 1.5
        assert counts["l"][name] >= 1
    assert sorted([*learned, *aside, *held_out]) == list(range(len(sky)))
    assert run.info["objects"]["calibration"] == len(aside)


def test_the_same_network_has_the_same_probabilities_when_it_is_reopened(make_sky, tmp_path):
    from galviz import studies

    sky = sky_of(["a", "b"] * 15, make_sky)
    run = start(sky, tmp_path / "run")
    assert studies.predict(Run.open(run.path), sky).table.equals(run.predictions().table)


@pytest.mark.parametrize("repeat", [False, True])
def test_classes_without_examples_are_said_and_do_no_harm(make_sky, tmp_path, capsys, repeat):
    """A class that is only held out, one that is only trained on, and a fold without positives."""
    kinds = np.array(["no"] * 30, dtype=object)
    sky = sky_of(kinds, make_sky)
    from galviz.runs.folds import split

    _, held_out = split(sky.catalogue, RECIPE, np.ones(30, bool))
    train = np.setdiff1d(np.arange(30), held_out)
    kinds[held_out[0]], kinds[train[:5]] = "zeldom", "yes"
    sky = sky_of(kinds, make_sky)
    run = start(sky, tmp_path / "run", RECIPE.replace(loss={"class_weights": True}, data={"repeat": repeat}))
    assert run.state()["status"] == "done"
    assert (run.info["not_learned"], run.info["not_held_out"]) == (["zeldom"], ["yes"])
    text = capsys.readouterr().err
    assert "no training objects of kind zeldom" in text
    assert "no held-out objects of kind yes" in text
    assert {"p_no", "p_yes", "p_zeldom"} <= set(run.predictions().table.columns)


@pytest.mark.parametrize("loss", ["cross_entropy", "gaussian_nll"])
def test_a_sky_too_small_to_keep_anything_aside_is_learned(make_sky, tmp_path, loss):
    sky = sky_of(["a", "b", "a", "b"], make_sky)
    recipe = RECIPE.replace(loss={"name": loss}, validation={"folds": 2})
    if loss == "cross_entropy":
        run = start(sky, tmp_path / "run", recipe)
    else:
        target = Target("z", "regression", ("z",), "z")
        run = Run.create(tmp_path / "run", study="own", target=target, recipe=recipe, data="sky")
        fit(build(target, recipe, sky.bands), sky, run, target, recipe, devices="cpu")
    assert run.state()["status"] == "done"
    assert "calibration" not in run.info["objects"]
