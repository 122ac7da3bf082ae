"""The range test of the learning rate."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from galviz.nn.training import rate_finder
from galviz.nn.training.rate_finder import find_rate
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

RICHNESS = Target("richness", "regression", ("richness",), "λ", transform="zscore")
RECIPE = Recipe(
    name="tiny",
    epochs=3,
    batch=4,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-2}, "freeze_epochs": 2, "average": 0.9},
    validation={"folds": 3},
)


def test_rates_rise_exponentially_and_groups_keep_their_ratios(tiny_sky, monkeypatch):
    used, step_over = [], rate_finder._Losses.on_train_batch_end

    def noting(self, trainer, *args):
        used.append({group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups})
        step_over(self, trainer, *args)

    monkeypatch.setattr(rate_finder._Losses, "on_train_batch_end", noting)
    seen = []
    ends = {"low": 1e-5, "high": 1e-3, "steps": 13}
    table = find_rate(tiny_sky, RICHNESS, RECIPE, **ends, devices="cpu", progress=lambda *now: seen.append(now))
    assert seen == [(k, 13) for k in range(1, 14)]
    expected = np.geomspace(1e-5, 1e-3, 13)
    np.testing.assert_allclose(table["rate"], expected)
    np.testing.assert_allclose([one["head"] for one in used], expected)
    np.testing.assert_allclose([one["encoder"] for one in used], expected / 10)
    assert np.isfinite(table.to_numpy()).all()
    again = find_rate(tiny_sky, RICHNESS, RECIPE, low=1e-5, high=1e-3, steps=13, devices="cpu")
    assert again.equals(table)


def test_the_test_ends_where_the_loss_bursts(tiny_sky):
    recipe = RECIPE.replace(optimiser={"name": "sgd"})
    table = find_rate(tiny_sky, RICHNESS, recipe, low=1e-4, high=1e6, steps=60, devices="cpu")
    assert 5 < len(table) < 60
    assert np.isfinite(table.to_numpy()).all()


@pytest.mark.parametrize(
    ("losses", "ended"),
    [
        ([1, -1, -2, -2, 40, 50, 60], 5),  # below 0
        ([10, *[0] * 40, 0.5, 0.5, 0.5], None),  # near 0, but far below where it began
        ([4, 2, 1, 1, 1, 1, 1], None),
        ([4, 4, 4, 4, 100, 200, 300], 5),
        ([4, 4, float("nan"), 1, 1, 1, 1], 3),
    ],
)
def test_the_test_ends_at_a_loss_far_above_its_lowest(losses, ended):
    trainer, test = SimpleNamespace(should_stop=False), rate_finder._Losses(len(losses) + 1)
    stopped = []
    for loss in losses:
        test.on_train_batch_end(trainer, None, {"loss": torch.tensor(float(loss))}, None, 0)
        stopped.append(trainer.should_stop)
    assert (stopped.index(True) + 1 if any(stopped) else None) == ended


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"low": 1.0, "high": 0.1}, "low, high: expected 0 < low < high, got 1 and 0.1"),
        ({"low": 0.0}, "expected 0 < low < high, got 0 and 10"),
        ({"steps": 4}, "steps: expected at least 5, got 4"),
        ({"devices": 2}, "devices: expected one"),
    ],
)
def test_what_makes_no_sense_is_named(tiny_sky, options, message):
    with pytest.raises(ValueError, match=message):
        find_rate(tiny_sky, RICHNESS, RECIPE, **{"devices": "cpu", **options})
