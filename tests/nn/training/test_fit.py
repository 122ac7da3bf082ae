"""Training: what it leaves in its folder, how it stops, and that a resumed one equals an undisturbed one."""

import os
import signal
import subprocess
import sys
import time
from itertools import product

import numpy as np
import pytest
import torch

from galviz.nn.tasks import build
from galviz.nn.training import checkpoints
from galviz.nn.training import fit as fit_module
from galviz.nn.training.checkpoints import RunRecorder, save_checkpoint
from galviz.nn.training.fit import fit
from galviz.nn.training.plateau import lowered, stalled
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BAND = Target("band", "pretext", (), "band")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=3,
    batch=4,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 2e-2}, "schedule": "one_cycle"},
    data={"augment": ("d4",), "tta": 2},
    validation={"folds": 3},
)
STEPS = 6  # 8 of the 12 objects in batches of 4, three times


def start(path, sky, recipe=RECIPE, target=RICHNESS, **options):
    run = Run.create(path, study="richness", target=target, recipe=recipe, data="sky")
    return fit(build(target, recipe, BANDS), sky, run, target, recipe, devices="cpu", **options)


def resume(path, sky, recipe=RECIPE, target=RICHNESS):
    return fit(build(target, recipe, BANDS), sky, Run.open(path), target, recipe, devices="cpu", resume=True)


def results(run):
    metrics = run.metrics().drop(columns="seconds")
    return run.weights.read_bytes(), metrics.to_csv(), run.predictions().table.to_csv()


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_sky):
    return start(tmp_path_factory.mktemp("runs") / "done", tiny_sky)


def break_off(monkeypatch, at_step, how):
    """Let a training end at a step: asked to stop, or killed so hard that nothing after the checkpoint is written."""
    step_over = RunRecorder.on_train_batch_end

    def ending(self, *args):
        if how == "stopped" and self.step + 1 == at_step:
            self.heartbeat.stop = True
        step_over(self, *args)
        if how == "killed" and self.step == at_step:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", ending)


def test_a_finished_run_has_all_that_a_run_has(done, tiny_sky):
    state = done.state()
    assert (state["status"], state["step"], state["steps"], state["epoch"]) == ("done", STEPS, STEPS, 3)
    assert state["device"] == "cpu"
    assert state["memory_mb"] > 0
    metrics = done.metrics()
    columns = ["epoch", "step", "seconds", "lr", "train_loss", "val_loss", "val_mae"]
    assert list(metrics.columns) == columns
    assert metrics["epoch"].tolist() == [1, 2, 3]
    assert metrics["step"].tolist() == [2, 4, 6]
    assert np.isfinite(metrics.to_numpy()).all()
    assert done.info["build"] == {"bands": list(BANDS), "size": 16}
    assert done.info["normalisation"]["mode"] == "asinh"
    assert done.info["objects"] == {"train": 8, "held_out": 4}
    assert set(done.predictions().object_ids) == set(tiny_sky.object_ids)
    assert not (done.path / "lock.json").exists()


def test_last_validation_is_that_of_the_predictions(tiny_sky, tmp_path):
    run = start(tmp_path / "run", tiny_sky, RECIPE.replace(data={"tta": 1}))
    held = run.predictions().held_out()
    assert run.metrics()["val_mae"].iloc[-1] == pytest.approx(np.abs(held.residual).mean(), rel=1e-5)
    assert run.metrics()["val_loss"].iloc[-1] == pytest.approx((held.residual**2).mean(), rel=1e-5)


@pytest.mark.parametrize(("at_step", "how"), list(product([1, 2, 3, 5], ["stopped", "killed"])))
def test_resumed_equals_undisturbed_bit_for_bit(done, tiny_sky, tmp_path, monkeypatch, *, at_step, how):
    with monkeypatch.context() as patch:
        break_off(patch, at_step, how)
        if how == "stopped":
            run = start(tmp_path / "run", tiny_sky)
            assert run.state()["step"] == at_step
        else:  # with a checkpoint after every step, or after every epoch
            with pytest.raises(KeyboardInterrupt):
                start(tmp_path / "run", tiny_sky, checkpoint_s=0 if at_step % 2 else 1e9)
    assert Run.open(tmp_path / "run").state()["status"] == "stopped"
    assert not Run.open(tmp_path / "run").weights.exists()
    assert results(resume(tmp_path / "run", tiny_sky)) == results(done)


def test_a_run_that_never_saved_begins_again(done, tiny_sky, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        break_off(patch, 1, "killed")
        with pytest.raises(KeyboardInterrupt):
            start(tmp_path / "run", tiny_sky, checkpoint_s=1e9)
    assert not Run.open(tmp_path / "run").checkpoint.exists()
    assert results(resume(tmp_path / "run", tiny_sky)) == results(done)


def test_metrics_after_the_last_checkpoint_are_dropped(done, tiny_sky, tmp_path, monkeypatch):
    def full(run, state):
        if run.checkpoint.exists():
            raise OSError(28, "No space left on device")
        save_checkpoint(run, state)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_checkpoint", full)
        with pytest.raises(OSError, match="No space left"):
            start(tmp_path / "run", tiny_sky)
    run = Run.open(tmp_path / "run")
    assert len(run.metrics()) >= 2  # short epochs may have none of their own
    assert run.state()["status"] == "failed"
    assert results(resume(tmp_path / "run", tiny_sky)) == results(done)


def test_a_killed_prediction_is_made_up_for(done, tiny_sky, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "predict", lambda **_: (_ for _ in ()).throw(MemoryError("too much")))
        with pytest.raises(MemoryError):
            start(tmp_path / "run", tiny_sky)
    state = Run.open(tmp_path / "run").state()
    assert (state["status"], state["message"]) == ("failed", "too much")
    assert results(resume(tmp_path / "run", tiny_sky)) == results(done)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_both_optimisers_resume_exactly(tiny_sky, tmp_path, monkeypatch, optimiser):
    recipe = RECIPE.replace(optimiser={"name": optimiser, "schedule": "cosine"}, loss={"name": "mse_std", "alpha": 1.0})
    whole = start(tmp_path / "whole", tiny_sky, recipe)
    with monkeypatch.context() as patch:
        break_off(patch, 3, "stopped")
        start(tmp_path / "run", tiny_sky, recipe)
    assert results(resume(tmp_path / "run", tiny_sky, recipe)) == results(whole)


PLATEAU = RECIPE.replace(
    epochs=30,
    optimiser={"schedule": "constant"},
    data={"augment": ("turn",), "tta": 1},
    validation={"patience": 1, "factor": 0.5, "stop_after": 3, "keep": "best"},
)


@pytest.fixture(scope="module")
def ended(tmp_path_factory, tiny_sky):
    """A training that the validation loss has ended before its 30 epochs."""
    return start(tmp_path_factory.mktemp("runs") / "ended", tiny_sky, PLATEAU)


def test_rates_fall_and_the_training_ends_where_the_validation_loss_falls_no_more(ended):
    metrics, state = ended.metrics(), ended.state()
    losses = metrics["val_loss"].tolist()
    assert 4 <= len(losses) < 30
    assert stalled(losses, 3)
    assert not stalled(losses[:-1], 3)
    before = [lowered(losses[:k], 1, 0.5) for k in range(len(losses))]
    assert metrics["lr"].tolist() == pytest.approx([2e-2 * part for part in before])
    assert before[-1] < 1
    assert (state["status"], state["step"], state["steps"]) == ("done", 2 * len(losses), 2 * len(losses))
    assert state["message"].startswith("Ended early")


def test_the_best_weights_are_kept(ended):
    error = ended.predictions().held_out().residual
    assert (error**2).mean() == pytest.approx(ended.metrics()["val_loss"].min(), rel=1e-5)
    assert ended.weights.read_bytes() == ended.best.read_bytes()


@pytest.mark.parametrize(("at_step", "how"), [(3, "stopped"), (6, "killed")])
def test_a_plateau_resumes_bit_for_bit(ended, tiny_sky, tmp_path, monkeypatch, *, at_step, how):
    with monkeypatch.context() as patch:
        break_off(patch, at_step, how)
        if how == "stopped":
            start(tmp_path / "run", tiny_sky, PLATEAU)
        else:
            with pytest.raises(KeyboardInterrupt):
                start(tmp_path / "run", tiny_sky, PLATEAU, checkpoint_s=0)
    assert results(resume(tmp_path / "run", tiny_sky, PLATEAU)) == results(ended)


def test_a_training_that_has_ended_early_takes_no_more_steps(ended, tiny_sky, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "predict", lambda **_: (_ for _ in ()).throw(MemoryError("too much")))
        with pytest.raises(MemoryError):
            start(tmp_path / "run", tiny_sky, PLATEAU)
    run = resume(tmp_path / "run", tiny_sky, PLATEAU)
    assert results(run) == results(ended)
    about = ["status", "step", "steps", "message"]
    assert [run.state()[name] for name in about] == [ended.state()[name] for name in about]


def test_order_of_rows_changes_nothing_that_is_learned(done, tiny_sky, tmp_path):
    turned = tiny_sky.select(tiny_sky.object_ids[::-1])
    assert results(start(tmp_path / "run", turned)) == results(done)


def test_bands_are_told_apart(tiny_sky, tmp_path):
    recipe = RECIPE.replace(batch=10, loss={"name": "cross_entropy"}, data={"normalise": "minmax"})
    run = start(tmp_path / "run", tiny_sky, recipe, BAND)
    table = run.predictions().table
    assert len(table) == 60
    held = run.predictions().held_out()
    assert run.metrics()["val_accuracy"].iloc[-1] == pytest.approx((held.estimate == held.truth).mean(), abs=0.11)
    assert table.groupby("object_id")["fold"].nunique().max() == 1


def test_a_frozen_encoder_stays_as_it_is(tiny_sky, tmp_path):
    recipe = RECIPE.replace(optimiser={"frozen": True})
    network = build(RICHNESS, recipe, BANDS)
    before = {name: value.clone() for name, value in network.encoder.state_dict().items()}
    head = network.head[1].weight.clone()
    run = Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=recipe, data="sky")
    fit(network, tiny_sky, run, RICHNESS, recipe, devices="cpu")
    assert all(torch.equal(value, before[name]) for name, value in network.encoder.state_dict().items())
    assert not torch.equal(network.head[1].weight, head)


def test_it_learns(make_sky, tmp_path):
    sky = make_sky(60)
    recipe = RECIPE.replace(epochs=30, batch=16, network={"width": 4})
    run = start(tmp_path / "run", sky, recipe)
    held = run.predictions().held_out()
    assert np.abs(held.residual).mean() < 0.6 * np.abs(held.truth - held.truth.mean()).mean()


def test_stop_is_obeyed_and_taken_back(tiny_sky, tmp_path):
    run = Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=RECIPE, data="sky")
    run.request_stop()
    fit(build(RICHNESS, RECIPE, BANDS), tiny_sky, run, RICHNESS, RECIPE, devices="cpu")
    assert run.state()["status"] == "stopped"
    assert run.state()["step"] == 1
    assert run.checkpoint.exists()
    assert not run.stop_requested()


def test_a_polite_signal_stops_it_after_the_step(done, tiny_sky, tmp_path, monkeypatch):
    step_over = RunRecorder.on_train_batch_end

    def signalled(self, *args):
        if self.step == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        step_over(self, *args)

    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_batch_end", signalled)
        with pytest.raises(SystemExit, match="143"):
            start(tmp_path / "run", tiny_sky)
    run = Run.open(tmp_path / "run")
    assert (run.state()["status"], run.state()["step"]) == ("stopped", 3)
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
    assert results(resume(tmp_path / "run", tiny_sky)) == results(done)


def test_objects_without_truth_are_predicted_only(tiny_sky, tmp_path):
    catalogue = tiny_sky.catalogue
    catalogue["richness"] = catalogue["richness"].where(np.arange(12) % 3 > 0)
    sky = type(tiny_sky)(images=tiny_sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit="nanomaggy")
    table = start(tmp_path / "run", sky).predictions().table
    blind = catalogue.index[catalogue["richness"].isna()]
    assert table.loc[blind, "fold"].isna().all()
    assert np.isfinite(table["ln_richness"]).all()


def test_only_one_process_writes_a_run(tiny_sky, tmp_path):
    run = Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=RECIPE, data="sky")
    with run.writer(), pytest.raises(RuntimeError, match="in use by process"):
        fit(build(RICHNESS, RECIPE, BANDS), tiny_sky, run, RICHNESS, RECIPE, devices="cpu")


def test_a_loss_that_is_not_finite_ends_the_training_and_says_so(tiny_sky, tmp_path):
    recipe = RECIPE.replace(
        optimiser={"name": "sgd", "learning_rates": {"encoder": 1e18, "head": 1e18}, "schedule": "constant"}
    )
    with pytest.raises(FloatingPointError, match=r"train_loss: expected a finite loss, got .* lower"):
        start(tmp_path / "run", tiny_sky, recipe)
    state = Run.open(tmp_path / "run").state()
    assert state["status"] == "failed"
    assert "lower learning rates" in state["message"]


def test_another_recipe_cannot_go_on(tiny_sky, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        break_off(patch, 3, "stopped")
        start(tmp_path / "run", tiny_sky)
    with pytest.raises(ValueError, match="resume: expected a training of 6 steps"):
        resume(tmp_path / "run", tiny_sky, RECIPE.replace(epochs=4))


@pytest.mark.parametrize("devices", ["cuda:7", "tpu", "cpu:1", 0, 1000])
def test_devices_that_are_not_there_are_named(tiny_sky, tmp_path, devices):
    run = Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=RECIPE, data="sky")
    with pytest.raises(ValueError, match="devices: expected"):
        fit(build(RICHNESS, RECIPE, BANDS), tiny_sky, run, RICHNESS, RECIPE, devices=devices)


def test_layer_groups_must_be_those_of_the_network(tiny_sky, tmp_path):
    with pytest.raises(ValueError, match="learning_rates: expected one for each of encoder, head, got body"):
        start(tmp_path / "run", tiny_sky, RECIPE.replace(optimiser={"learning_rates": {"body": 1.0}}))


def test_bf16_trains(tiny_sky, tmp_path):
    run = start(tmp_path / "run", tiny_sky, RECIPE.replace(precision="bf16-mixed", epochs=1))
    assert run.state()["status"] == "done"
    assert run.predictions().table["ln_richness"].dtype == np.float64


SCRIPT = """
import sys
import galviz.nn
from galviz.nn.training.fit import fit
from galviz.nn.tasks import build
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.io.lock import rank

if __name__ == "__main__":
    run = Run.open(sys.argv[1])
    sky = CutoutSet.open(sys.argv[2])
    network = build(run.target, run.recipe, sky.bands)
    fit(network, sky, run, run.target, run.recipe, devices=int(sys.argv[3]), resume=True, checkpoint_s=0.1)
"""


def script(tmp_path, sky, recipe):
    (tmp_path / "main.py").write_text(SCRIPT)
    Run.create(tmp_path / "run", study="richness", target=RICHNESS, recipe=recipe, data="sky")
    sky.save(tmp_path / "sky")
    return [sys.executable, tmp_path / "main.py", tmp_path / "run", tmp_path / "sky"]


@pytest.mark.slow
def test_two_processes_train_one_network(make_sky, tmp_path):
    sky = make_sky(24)
    recipe = RECIPE.replace(epochs=2, batch=8)
    command = script(tmp_path, sky, recipe)
    done = subprocess.run([*command, "2"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    run = Run.open(tmp_path / "run")
    assert run.state()["status"] == "done"
    assert run.metrics()["step"].tolist() == [2, 4]
    assert sorted(run.predictions().object_ids) == sorted(sky.object_ids)
    held = run.predictions().held_out()
    alone = start(tmp_path / "alone", sky, recipe)
    assert run.metrics()["train_loss"].tolist() == pytest.approx(alone.metrics()["train_loss"].tolist(), rel=0.2)
    assert np.isfinite(held.residual).all()


@pytest.mark.slow
def test_a_killed_process_resumes_without_hole_or_double_line(make_sky, tmp_path):
    recipe = RECIPE.replace(epochs=40, batch=2, network={"width": 4})
    sky = make_sky(24)
    command = [*script(tmp_path, sky, recipe), "1"]
    run = Run.open(tmp_path / "run")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(run.metrics()) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert run.state()["status"] == "lost"
    assert 5 <= len(run.metrics()) < 40
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert run.metrics()["epoch"].tolist() == list(range(1, 41))
    assert results(start(tmp_path / "whole", sky, recipe)) == results(run)


def test_a_few_held_out_objects_are_predicted_after_each_epoch(tiny_sky, tmp_path):
    run = start(tmp_path / "run", tiny_sky, RECIPE.replace(data={"tta": 1}))
    samples, held = Predictions.open(run.samples), run.predictions().held_out()
    assert set(samples.object_ids) == set(held.object_ids)  # there are only four
    table = samples.table.loc[held.table.index]
    assert table["ln_richness"].to_numpy() == pytest.approx(held.table["ln_richness"].to_numpy(), rel=1e-5)
    assert table["ln_richness_true"].to_numpy() == pytest.approx(held.table["ln_richness_true"].to_numpy())


def test_the_load_is_measured(done):
    assert done.state()["load"] >= 0
