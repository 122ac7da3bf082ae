"""The moving average of weights: what is measured and kept, also after a resume."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from galviz.nn.gan.adversaries import Adversaries
from galviz.nn.tasks import build
from galviz.nn.training.checkpoints import RunRecorder
from galviz.nn.training.fit import fit
from galviz.nn.training.module import Training
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=3,
    batch=4,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 1e-2}, "average": 0.8},
    validation={"folds": 3},
)
STEPS = 6


def train(sky, path, recipe=RECIPE, *, resume=False):
    run = Run.open(path) if resume else Run.create(path, study="richness", target=RICHNESS, recipe=recipe, data="sky")
    return fit(build(RICHNESS, recipe, BANDS), sky, run, RICHNESS, recipe, devices="cpu", resume=resume)


@pytest.fixture(scope="module")
def run(tiny_sky, tmp_path_factory):
    return train(tiny_sky, tmp_path_factory.mktemp("runs") / "run")


def test_what_is_kept_is_the_average_of_the_steps(run, tiny_sky, tmp_path, monkeypatch):
    seen = []
    take = Training.training_step

    def watched(self, batch, number):
        seen.append({name: value.clone() for name, value in self.network.state_dict().items()})
        return take(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "training_step", watched)
        last = train(tiny_sky, tmp_path / "last", RECIPE.replace(optimiser={"average": 0.0}))
    assert len(seen) == STEPS
    expected = seen[0]["encoder.conv1.weight"]
    for weights in seen[1:]:
        expected = 0.8 * expected + 0.2 * weights["encoder.conv1.weight"]
    kept = load_file(run.weights)
    torch.testing.assert_close(kept["encoder.conv1.weight"], expected)
    assert not torch.allclose(load_file(last.weights)["encoder.conv1.weight"], expected)


def test_what_is_measured_is_what_is_kept(run):
    held = run.predictions().held_out()
    assert run.metrics()["val_loss"].iloc[-1] == pytest.approx((held.residual**2).mean(), rel=1e-5)


@pytest.mark.parametrize("at_step", [1, 4, STEPS])
def test_resumed_equals_undisturbed_bit_for_bit(run, tiny_sky, tmp_path, monkeypatch, at_step):
    step_over = RunRecorder.on_train_batch_end

    def ending(self, *args):
        self.heartbeat.stop = self.heartbeat.stop or self.step + 1 == at_step
        step_over(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_batch_end", ending)
        train(tiny_sky, tmp_path / "run")
    again = train(tiny_sky, tmp_path / "run", resume=True)
    assert again.weights.read_bytes() == run.weights.read_bytes()
    assert again.predictions().table.equals(run.predictions().table)


def test_the_average_itself_learns_nothing(tiny_sky):
    network = build(RICHNESS, RECIPE, BANDS)
    network.measure(tiny_sky, np.arange(8), RICHNESS.truth(tiny_sky.catalogue))
    module = Training(network, RECIPE, functional.mse_loss, STEPS)
    assert module.learned is not network
    assert torch.equal(module.learned.centre, network.centre)
    assert not any(p.requires_grad for p in module.learned.parameters())
    assert not any(isinstance(m, nn.BatchNorm2d) and m.training for m in module.learned.modules())
    assert Training(network, RECIPE.replace(optimiser={"average": 0.0}), functional.mse_loss, STEPS).learned is network


def test_values_out_of_range_are_named():
    with pytest.raises(ValueError, match=r"average: expected a number in \[0, 1\), got 1.0"):
        RECIPE.replace(optimiser={"average": 1})
    rates = dict.fromkeys(("generator", "discriminator", "embedder"), 1e-3)
    with pytest.raises(ValueError, match=r"average: expected 0, for a GAN has an average of its own, got 0.8"):
        Adversaries(nn.Identity(), RECIPE.replace(optimiser={"learning_rates": rates}, loss={"name": "lsgan"}), STEPS)
