"""Training a GAN: what it leaves in its folder, that a resumed one equals an undisturbed one, and that it learns."""

from itertools import product

import numpy as np
import pytest
import torch

from galviz.nn.gan.adversaries import LOSSES, Adversaries, _losses, _masked_loss
from galviz.nn.gan.lsgan import build, embedder_loss
from galviz.nn.gan.training import SAMPLES, Moments, fit_gan
from galviz.nn.inference.predict import load_weights, objects
from galviz.nn.training.checkpoints import RunRecorder
from galviz.nn.training.data import Samples
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

TARGET = Target("z_phot", "regression", ("z",), "z")
RECIPE = Recipe(
    name="tiny",
    epochs=3,
    batch=4,
    network={"architecture": "lsgan", "width": 16, "latent": 4, "softening": 3.0},
    optimiser={"learning_rates": {"generator": 1e-3, "discriminator": 1e-3, "embedder": 2e-3}, "schedule": "cosine"},
    loss={"name": "lsgan_masked", "alpha": 3.0},
    data={"augment": ("d4",)},
    validation={"folds": 3},
)
STEPS = 6


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Networks as small as these only wait for each other on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def start(path, sky, recipe=RECIPE, **options):
    run = Run.create(path, study="inpainting", target=TARGET, recipe=recipe, data="sky")
    return fit_gan(build(recipe, 5, 16), sky, run, recipe, devices="cpu", **options)


def results(run):
    metrics = run.metrics().drop(columns="seconds")
    return run.weights.read_bytes(), metrics.to_csv(), (run.path / SAMPLES).read_bytes()


@pytest.fixture(scope="module")
def done(tmp_path_factory, tiny_sky):
    return start(tmp_path_factory.mktemp("runs") / "done", tiny_sky)


def test_a_finished_run_has_all_that_a_run_has(done, tiny_sky):
    state = done.state()
    assert (state["status"], state["step"], state["steps"], state["epoch"]) == ("done", STEPS, STEPS, 3)
    metrics = done.metrics()
    assert metrics["epoch"].tolist() == [1, 2, 3]
    columns = ["generator_loss", "discriminator_loss", "embedder_loss", "average_loss", "spread"]
    columns += [f"{name}_{band}" for name in ("mean", "std") for band in tiny_sky.bands]
    assert set(columns) < set(metrics.columns)
    assert np.isfinite(metrics.to_numpy()).all()
    parts = metrics[list(LOSSES)].sum(axis=1)
    np.testing.assert_allclose(metrics["train_loss"], parts, rtol=1e-5)
    assert done.info["build"] == {"bands": list(tiny_sky.bands), "size": 16}
    assert done.info["normalisation"]["mode"] == "asinh"
    assert done.info["objects"] == {"train": 7, "held_out": 4}  # and one is kept aside
    assert (objects(done) == -1).sum() == 8
    assert not (done.path / "lock.json").exists()


def test_the_sheet_is_what_the_saved_generator_makes(done):
    sheet = np.load(done.path / SAMPLES)
    assert sheet.shape == (7, 5, 16, 16)  # no more than there are images to compare with
    network = build(RECIPE, 5, 16).trained()
    load_weights(network, done.weights)
    draw = torch.Generator().manual_seed(RECIPE.seed)
    z = torch.randn(7, 4, generator=draw)
    np.testing.assert_allclose(sheet, network.scale.inverse(network.generator(z)).numpy(), rtol=1e-5)


def break_off(monkeypatch, at_step, how):
    step_over = RunRecorder.on_train_batch_end

    def ending(self, *args):
        if how == "stopped" and self.step + 1 == at_step:
            self.heartbeat.stop = True
        step_over(self, *args)
        if how == "killed" and self.step == at_step:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", ending)


@pytest.mark.parametrize(("at_step", "how"), list(product([1, 2, 5], ["stopped", "killed"])))
def test_resumed_equals_undisturbed_bit_for_bit(done, tiny_sky, tmp_path, monkeypatch, *, at_step, how):
    with monkeypatch.context() as patch:
        break_off(patch, at_step, how)
        if how == "stopped":
            assert start(tmp_path / "run", tiny_sky).state()["step"] == at_step
        else:
            with pytest.raises(KeyboardInterrupt):
                start(tmp_path / "run", tiny_sky, checkpoint_s=0 if at_step % 2 else 1e9)
    run = Run.open(tmp_path / "run")
    assert run.state()["status"] == "stopped"
    assert not run.weights.exists()
    resumed = fit_gan(build(RECIPE, 5, 16), tiny_sky, run, RECIPE, devices="cpu", resume=True)
    assert results(resumed) == results(done)


def test_each_loss_moves_its_own_network_alone(tiny_sky):
    network = build(RECIPE, 5, 16)
    real, z = torch.from_numpy(tiny_sky.images[:4]), torch.randn(4, 4)
    parts = ("generator", "discriminator", "embedder")
    for part, loss in zip(parts, _losses(network, real, z), strict=True):
        network.zero_grad()
        loss.backward()
        moved = {name for name in parts for p in getattr(network, name).parameters() if p.grad is not None}
        assert moved == {part}


def test_the_embedder_learns_from_the_generator_that_it_is_used_with(tiny_sky):
    network = build(RECIPE, 5, 16)
    real, z = torch.from_numpy(tiny_sky.images[:4]), torch.randn(4, 4)
    with torch.no_grad():
        network.average.last.bias.add_(3.0)
    network.eval()  # spectral norms stay as they are
    expected = embedder_loss(z, network.embedder(network.average(z)))
    torch.testing.assert_close(_losses(network, real, z)[2], expected)


def test_the_embedder_learns_from_images_with_bands_hidden(tiny_sky):
    network, seen = build(RECIPE, 5, 16), []
    network.embedder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    real = torch.from_numpy(tiny_sky.images[:4]).repeat(50, 1, 1, 1) + 10
    _masked_loss(network, real, 2.0).backward()
    hidden = (seen[0] == 0).all(dim=(2, 3))
    assert (seen[0][~hidden] == real[~hidden]).all()
    assert 0.2 < hidden.float().mean() < 0.3
    moved = {name.split(".")[0] for name, p in network.named_parameters() if p.grad is not None}
    assert moved == {"generator", "embedder"}


def test_as_published_real_images_teach_the_discriminator_alone(tiny_sky):
    assert _masked_loss(build(RECIPE, 5, 16), torch.from_numpy(tiny_sky.images[:4]), 0.0) == 0
    plain = Adversaries(build(RECIPE, 5, 16), RECIPE.replace(loss={"name": "lsgan"}), STEPS)
    assert plain.alpha == 0
    with pytest.raises(ValueError, match="loss: expected lsgan or lsgan_masked, got 'mse'"):
        Adversaries(build(RECIPE, 5, 16), RECIPE.replace(loss={"name": "mse"}), STEPS)


def test_learning_rates_must_be_those_of_the_three_networks(tiny_sky, tmp_path):
    recipe = RECIPE.replace(optimiser={"learning_rates": {"generator": 1e-3, "embedder": 1e-3}})
    with pytest.raises(ValueError, match="learning_rates: expected one for each of discriminator, embedder, generator"):
        start(tmp_path / "run", tiny_sky, recipe)


class FakeTrainer:
    is_global_zero = False

    class strategy:  # noqa: N801
        @staticmethod
        def reduce(values, reduce_op):  # noqa: ARG004
            return values


def moments_of(network, sky, tmp_path):
    module = Adversaries(network, RECIPE, STEPS)
    module.trainer, module.parts_sum = FakeTrainer(), torch.tensor([2.0, 4.0, 6.0, 8.0, 2.0])
    samples = Samples(sky.images[:], np.arange(len(sky)), np.zeros((len(sky), 1)))
    return Moments(module, samples, sky.bands, Run(tmp_path))(network)


def test_moments_show_collapse_and_brightness(make_sky, tmp_path, monkeypatch):
    sky = make_sky(64)
    network = build(RECIPE, 5, 16)
    network.scale.fit(sky, np.arange(64))
    monkeypatch.setattr(Adversaries, "trainer", None)
    real = network.scale(torch.from_numpy(sky.images[:]))
    network.average.forward = lambda z: real[: len(z)].roll(7, 0)
    same = moments_of(network, sky, tmp_path)
    assert [same[f"{name}_loss"] for name in ("generator", "discriminator", "embedder", "masked")] == [1, 2, 3, 4]
    assert same["spread"] == pytest.approx(1, rel=1e-3)
    assert same["std_u"] == pytest.approx(1, rel=1e-3)
    assert same["mean_z"] == pytest.approx(0, abs=1e-3)
    network.average.forward = lambda z: 2 * real[:1].expand(len(z), -1, -1, -1) + 1
    collapsed = moments_of(network, sky, tmp_path)
    assert collapsed["spread"] == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
def test_fakes_come_to_look_like_the_images(make_sky, tmp_path):
    """The ids and the bright quarter of the tiny sky are a pattern that the mean fake must take on."""
    sky = make_sky(96)
    rates = {"generator": 4e-3, "discriminator": 1e-3, "embedder": 2e-3}
    network = {"width": 32}
    recipe = RECIPE.replace(
        epochs=80, batch=16, network=network, optimiser={"learning_rates": rates}, data={"augment": ()}
    )
    run = start(tmp_path / "run", sky, recipe)
    trained = build(recipe, 5, 16).trained()
    load_weights(trained, run.weights)
    fakes = trained.generator(torch.randn(200, 4)).mean(0).flatten()
    images = trained.scale(torch.from_numpy(sky.images[:])).mean(0).flatten()
    assert np.corrcoef(fakes, images)[0, 1] > 0.6
    losses = run.metrics()["embedder_loss"]
    assert losses.iloc[-1] < 0.5 * losses.iloc[0]
