"""Schedules of the learning rate, and trainings in stages, whose layer groups have rates of their own."""

import math

import numpy as np
import pytest
import torch
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, OneCycleLR

from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.tasks import build
from galviz.nn.training.checkpoints import RunRecorder
from galviz.nn.training.fit import fit
from galviz.nn.training.module import Training, blocks_of, first_half, rate
from galviz.runs.recipe import Optimiser, Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RICHNESS = Target("richness", "regression", ("richness",), "λ")
BANDS = ("u", "g", "r", "i", "z")
PER_EPOCH = 7
PAPER = {"first_epochs": 3, "freeze_epochs": 2, "schedule": "sgdr", "cycle_epochs": 1, "cycle_mult": 2}
STAGED = Recipe(
    name="tiny",
    epochs=5,
    batch=4,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={
        "learning_rates": {"encoder": 1e-2, "head": 1e-1},
        "early_rate": 0.1,
        "first_epochs": 2,
        "first_schedule": "one_cycle",
        "freeze_epochs": 1,
        "schedule": "sgdr",
    },
    data={"augment": ("d4",)},
    validation={"folds": 3},
)


def start(path, sky, recipe=STAGED):
    run = Run.create(path, study="own", target=RICHNESS, recipe=recipe, data="sky")
    return fit(build(RICHNESS, recipe, BANDS), sky, run, RICHNESS, recipe, devices="cpu")


def rates(epochs, **options):
    steps = epochs * PER_EPOCH
    return [rate(Optimiser(**options), step, steps, epochs) for step in range(steps)]


def of_torch(kind, steps, **options):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule, found = kind(optimiser, **options), []
    for _ in range(steps):
        found.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize("unit", [20.0, 1.0, 2.5])
def test_exponential_is_its_formula_with_t_in_any_unit(unit):
    found = rates(12, schedule="exponential", decay=0.9, decay_epochs=unit)
    epochs = np.arange(12 * PER_EPOCH) / PER_EPOCH
    assert found == pytest.approx(np.exp(-0.9 * epochs / unit), abs=1e-15)


def test_exponential_with_t_in_epochs_is_over_after_ten_of_them():
    literal, ours = (rates(200, schedule="exponential", decay_epochs=unit) for unit in (1.0, 20.0))
    assert 0.8 * literal[10 * PER_EPOCH] == pytest.approx(9.87e-5, rel=1e-3)
    assert 0.8 * ours[20 * PER_EPOCH] == pytest.approx(0.8 * math.exp(-0.9))
    assert 0.8 * ours[-1] == pytest.approx(0.8 * math.exp(-9), rel=0.01)


def test_exponential_begins_when_the_first_epochs_are_over():
    found = rates(5, schedule="exponential", decay_epochs=1.0, first_epochs=2)
    assert found[: 2 * PER_EPOCH] == [1.0] * 2 * PER_EPOCH
    assert found[3 * PER_EPOCH] == pytest.approx(math.exp(-0.9))


@pytest.mark.parametrize(("cycle", "mult"), [(1, 2), (1, 1), (2, 1), (2, 3), (3, 2)])
def test_sgdr_is_torchs_step_by_step(cycle, mult):
    expected = of_torch(CosineAnnealingWarmRestarts, 20 * PER_EPOCH, T_0=cycle * PER_EPOCH, T_mult=mult)
    found = rates(20, schedule="sgdr", cycle_epochs=cycle, cycle_mult=mult)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_sgdr_is_its_formula_and_begins_anew_after_1_3_and_7_epochs():
    found = rates(7, schedule="sgdr")
    begins, lengths = [0, 1, 3], [1, 2, 4]
    for begin, length in zip(begins, lengths, strict=True):
        steps = length * PER_EPOCH
        expected = [(1 + math.cos(math.pi * k / steps)) / 2 for k in range(steps)]
        assert found[begin * PER_EPOCH : begin * PER_EPOCH + steps] == pytest.approx(expected, abs=1e-15)
    assert [step for step, one in enumerate(found) if one == 1] == [begin * PER_EPOCH for begin in begins]


def test_one_cycle_is_torchs_step_by_step():
    """Torch's reaches its end at the last step, ours would at the step after it."""
    steps = 8 * PER_EPOCH
    pct = (0.25 * steps + 1) / (steps + 1)
    options = {"max_lr": 1.0, "total_steps": steps + 1, "pct_start": pct, "div_factor": 25, "final_div_factor": 1e12}
    expected = of_torch(OneCycleLR, steps, cycle_momentum=False, **options)
    np.testing.assert_allclose(rates(8, schedule="one_cycle"), expected, rtol=0, atol=1e-10)


def test_cosine_is_torchs_without_restarts():
    expected = of_torch(torch.optim.lr_scheduler.CosineAnnealingLR, 4 * PER_EPOCH, T_max=4 * PER_EPOCH)
    np.testing.assert_allclose(rates(4, schedule="cosine"), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("first", ["constant", "cosine", "one_cycle", "sgdr"])
def test_the_first_epochs_have_a_schedule_of_their_own(first):
    found = rates(10, **{**PAPER, "first_schedule": first})
    assert found[: 3 * PER_EPOCH] == rates(3, schedule=first)
    assert found[3 * PER_EPOCH :] == rates(7, schedule="sgdr")
    assert rates(2, **{**PAPER, "first_schedule": first}) == rates(2, schedule=first)  # shorter than the first


def test_the_paper_s_own_rates_are_0_1_and_then_three_cosines():
    found = rates(10, **PAPER)
    assert found[: 3 * PER_EPOCH + 1] == [1.0] * (3 * PER_EPOCH + 1)
    assert [step // PER_EPOCH for step, one in enumerate(found) if one == 1 and step >= 3 * PER_EPOCH] == [3, 4, 6]
    assert found[-1] < 0.01


@pytest.mark.parametrize(
    ("encoder", "end"),
    [
        (lambda: ResNet18(3, width=2), "layer2."),
        (lambda: TimmEncoder("resnet18", 3), "network.layer2."),
        (lambda: TimmEncoder("resnet34", 3), "network.layer2."),
        (lambda: TimmEncoder("resnet50", 3), "network.layer2."),
    ],
)
def test_the_first_half_of_a_resnet_ends_with_its_second_stage(encoder, end):
    made = encoder()
    early = {id(weight) for block in first_half(made) for weight in block}
    names = [name for name, weight in made.named_parameters() if id(weight) in early]
    stages = ("conv1.", "bn1.", "layer1.", "layer2.")
    assert names[-1].startswith(end)
    assert names == [name for name, _ in made.named_parameters() if name.removeprefix("network.").startswith(stages)]


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_convnext"])
def test_other_encoders_have_a_first_half_too(name):
    encoder = TimmEncoder(name, 3)
    assert 0.3 <= len(first_half(encoder)) / len(blocks_of(encoder)) <= 0.7


@pytest.mark.parametrize("decay", [1.0, 0.5])
def test_three_groups_have_three_rates(decay):
    recipe = STAGED.replace(optimiser={"layer_decay": decay})
    network = build(RICHNESS, recipe, BANDS)
    groups = Training(network, recipe, lambda *_: None, 10).configure_optimizers().param_groups
    of_weight = {id(weight): group["lr"] for group in groups for weight in group["params"]}
    assert sorted(of_weight) == sorted(id(weight) for weight in network.parameters())
    blocks = blocks_of(network.encoder)
    for k, block in enumerate(blocks):
        expected = (1e-3 if k < len(blocks) / 2 else 1e-2) * decay ** (len(blocks) - 1 - k)
        assert [of_weight[id(weight)] for weight in block] == pytest.approx([expected] * len(block))
    assert {of_weight[id(weight)] for weight in network.head.parameters()} == {0.1}


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_encoder_gathers_no_momentum_where_gradients_are_computed(frozen):
    """As in a parallel training. Else the encoder would leap when it is let go."""
    recipe = STAGED.replace(optimiser={"freeze_epochs": int(frozen)})
    module = Training(build(RICHNESS, recipe, BANDS), recipe, lambda *_: None, 10)
    for weight in module.network.parameters():
        weight.grad = torch.ones_like(weight)
    module.on_before_optimizer_step(module.configure_optimizers())
    assert all((weight.grad is None) is frozen for weight in module.network.encoder.parameters())
    assert all(weight.grad is not None for weight in module.network.head.parameters())


def test_each_stage_moves_what_it_should_at_its_rates(tiny_sky, tmp_path, monkeypatch):
    """Epoch 1: the head alone, up one half of the cycle. Epoch 2: all, down. Epochs 3 to 5: cycles of 1 and 2."""
    states, used, step_over = [], [], RunRecorder.on_train_batch_end

    def noting(self, trainer, module, *args):
        step_over(self, trainer, module, *args)
        states.append({name: value.clone() for name, value in module.network.state_dict().items()})
        used.append({group["name"]: group["lr"] for group in trainer.optimizers[0].param_groups})  # the last block's

    first = build(RICHNESS, STAGED, BANDS).state_dict()
    monkeypatch.setattr(RunRecorder, "on_train_batch_end", noting)
    start(tmp_path / "run", tiny_sky)
    factors = [rate(STAGED.optimiser, step, 10, 5) for step in range(10)]
    assert factors[4] == factors[6] == 1
    assert [one["head"] for one in used] == pytest.approx([0.1 * part for part in factors])
    assert [one["encoder"] for one in used] == pytest.approx([0, 0, *(0.01 * part for part in factors[2:])])
    encoder = [name for name in first if name.startswith("encoder.")]
    assert any(name.endswith("running_mean") for name in encoder)
    for state in states[:2]:
        assert all(torch.equal(state[name], first[name]) for name in encoder)
        assert not torch.equal(state["head.1.weight"], first["head.1.weight"])
    assert not any(torch.equal(states[2][name], first[name]) for name in encoder if name.endswith("running_mean"))


@pytest.mark.parametrize("at_step", [2, 3, 7])
def test_resumed_equals_undisturbed_to_the_bit(tiny_sky, tmp_path, monkeypatch, at_step):
    """Stopped in each stage and at its borders."""
    whole = start(tmp_path / "whole", tiny_sky)
    step_over = RunRecorder.on_train_batch_end

    def ending(self, *args):
        self.heartbeat.stop = self.step + 1 == at_step
        step_over(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_batch_end", ending)
        assert start(tmp_path / "run", tiny_sky).state()["step"] == at_step
    run = Run.open(tmp_path / "run")
    fit(build(RICHNESS, STAGED, BANDS), tiny_sky, run, RICHNESS, STAGED, devices="cpu", resume=True)
    assert run.weights.read_bytes() == whole.weights.read_bytes()
    assert run.metrics().drop(columns="seconds").equals(whole.metrics().drop(columns="seconds"))
    assert run.predictions().table.equals(whole.predictions().table)
