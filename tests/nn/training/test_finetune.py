"""Fine-tuning: a frozen start, rates of each block, weights of objects, and encoders of timm from training to map."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from galviz import studies
from galviz.nn.explain.occlusion import occlude
from galviz.nn.inference.predict import network_of
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.pooled_encoder import PooledEncoder
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.tasks import build
from galviz.nn.training.checkpoints import RunRecorder
from galviz.nn.training.fit import fit
from galviz.nn.training.module import Training, blocks_of
from galviz.nn.training.train import train
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.studies._recipes import general_recipes
from galviz.tasks.target import Target

RICHNESS = Target("richness", "regression", ("richness",), "λ")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=4,
    batch=4,
    network={"width": 2, "stem": "small", "apart": False},
    optimiser={
        "learning_rates": {"encoder": 1e-2, "head": 2e-2},
        "schedule": "one_cycle",
        "weight_decay": 0.05,
        "freeze_epochs": 2,
        "layer_decay": 0.5,
        "average": 0.5,
    },
    data={"augment": ("d4",)},
    validation={"folds": 3},
)
ENCODERS = ["test_resnet", "test_efficientnet", "test_vit", "test_convnext"]  # timm's smallest


def start(path, sky, recipe=RECIPE, target=RICHNESS):
    run = Run.create(path, study="own", target=target, recipe=recipe, data="sky")
    return fit(build(target, recipe, BANDS), sky, run, target, recipe, devices="cpu")


def weighted(sky):
    weight = np.random.default_rng(0).uniform(0.5, 2, len(sky))
    catalogue = sky.catalogue.assign(w=weight, err=1 / weight, sfr=sky.catalogue["richness"] * 1e9)
    return CutoutSet(images=sky.images[:], bands=sky.bands, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)


def results(run):
    return run.weights.read_bytes(), run.metrics().drop(columns="seconds").to_csv(), run.predictions().table.to_csv()


def stop_at(monkeypatch, step):
    step_over = RunRecorder.on_train_batch_end

    def ending(self, *args):
        self.heartbeat.stop = self.step + 1 == step
        step_over(self, *args)

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", ending)


def test_the_encoder_learns_nothing_until_its_epoch_and_then_learns(tiny_sky, tmp_path, monkeypatch):
    encoders, step_over = {}, RunRecorder.on_train_batch_end

    def noting(self, trainer, module, *args):
        step_over(self, trainer, module, *args)
        encoders[self.step] = {name: value.clone() for name, value in module.network.encoder.state_dict().items()}

    monkeypatch.setattr(RunRecorder, "on_train_batch_end", noting)
    first = build(RICHNESS, RECIPE, BANDS).encoder.state_dict()
    start(tmp_path / "run", tiny_sky)
    same = {step: [torch.equal(value, first[name]) for name, value in one.items()] for step, one in encoders.items()}
    assert all(all(same[step]) for step in (1, 2, 3, 4))  # two epochs of two steps: weights and batch statistics
    assert not any(same[5][k] for k, name in enumerate(first) if name.endswith(("running_mean", "conv1.weight")))
    assert sum(same[8]) < 3


@pytest.mark.parametrize(("network", "fixed"), [({}, 3), ({"architecture": "test_efficientnet"}, 4)])
def test_frozen_blocks_keep_weights_and_batch_statistics(tiny_sky, tmp_path, network, fixed):
    recipe = RECIPE.replace(network=network, optimiser={"freeze_blocks": fixed, "average": 0.0})
    first = build(RICHNESS, recipe, BANDS)
    blocks = blocks_of(first.encoder)
    assert len(blocks) > fixed + 1
    initial = {name: value.clone() for name, value in first.encoder.state_dict().items()}
    held = {id(weight) for block in blocks[:fixed] for weight in block}
    names = [name for name, weight in first.encoder.named_parameters() if id(weight) in held]
    prefixes = {name.rpartition(".")[0] for name in names}
    start(tmp_path / "run", tiny_sky, recipe)
    learned = load_file(tmp_path / "run" / "model.safetensors")
    same = {name for name, value in initial.items() if torch.equal(learned[f"encoder.{name}"], value)}
    assert {name for name in initial if name.rpartition(".")[0] in prefixes} <= same
    others = {name for name, _ in first.encoder.named_parameters()} - set(names)
    assert not others & same


def test_at_least_one_block_must_learn(tiny_sky, tmp_path):
    with pytest.raises(ValueError, match=r"optimiser.freeze_blocks: expected fewer than .* got 99"):
        start(tmp_path / "run", tiny_sky, RECIPE.replace(optimiser={"freeze_blocks": 99}))


@pytest.mark.parametrize("step", [3, 4, 5])
@pytest.mark.parametrize(
    "more",
    [{}, {"data": {"weights": "w", "errors": "err"}}, {"optimiser": {"freeze_blocks": 2}}],
    ids=["plain", "weights", "frozen blocks"],
)
def test_resumed_equals_undisturbed_to_the_bit(tiny_sky, tmp_path, monkeypatch, step, more):
    """Stopped before, at and after the moment when the encoder begins to learn."""
    sky, recipe = weighted(tiny_sky), RECIPE.replace(**more)
    whole = start(tmp_path / "whole", sky, recipe)
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        assert start(tmp_path / "run", sky, recipe).state()["step"] == step
    run = Run.open(tmp_path / "run")
    fit(build(RICHNESS, recipe, BANDS), sky, run, RICHNESS, recipe, devices="cpu", resume=True)
    assert results(run) == results(whole)


@pytest.mark.parametrize("encoder", ["own", "test_vit", "test_efficientnet"])
def test_rates_of_blocks_are_a_geometric_series(encoder):
    network = {} if encoder == "own" else {"architecture": encoder}
    recipe = RECIPE.replace(network=network) if network else RECIPE
    made = build(RICHNESS, recipe, BANDS, 160)
    groups = Training(made, recipe, lambda *_: None, 8).configure_optimizers().param_groups
    rates = [group["lr"] for group in groups if group["name"] == "encoder"]
    assert len(rates) >= 6
    np.testing.assert_allclose(rates, 1e-2 * 0.5 ** np.arange(len(rates))[::-1])
    assert [group["lr"] for group in groups if group["name"] == "head"] == [2e-2]
    inside = [id(weight) for group in groups for weight in group["params"]]
    assert sorted(inside) == sorted(id(weight) for weight in made.parameters())


def test_blocks_go_from_the_image_to_the_features():
    blocks = blocks_of(ResNet18(3, width=2))
    assert blocks[0][0].shape[1] == 3  # the first convolution
    network = TimmEncoder("test_vit", 3).network
    blocks = blocks_of(TimmEncoder("test_vit", 3))
    assert any(weight.shape == network.pos_embed.shape for weight in blocks[0])
    assert len(blocks) >= len(network.blocks) + 2


def test_a_weight_of_2_is_the_same_as_repeating_an_object(make_sky, tmp_path):
    """One batch holds all objects, without batch statistics, so only the weights can differ."""
    sky = make_sky(9)
    recipe = RECIPE.replace(
        epochs=3,
        batch=64,
        optimiser={
            "frozen": True,
            "freeze_epochs": 0,
            "name": "sgd",
            "learning_rates": {"encoder": 1e-2, "head": 1e-2},
        },
        data={"augment": ()},
        validation={"folds": 1},
        network={"head": "compact"},
    )
    twice = sky.catalogue.assign(w=[2.0, 1.0, 1.0] * 3)
    heavy = CutoutSet(images=sky.images[:], bands=BANDS, catalogue=twice, pixel_scale=1.0, unit=sky.unit)
    rows = np.repeat(np.arange(9), [2, 1, 1] * 3)
    catalogue = sky.catalogue.iloc[rows].set_axis([f"id{k}" for k in range(12)]).rename_axis("object_id")
    often = CutoutSet(images=sky.images[:][rows], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    ends = []
    for name, each, more in [("heavy", heavy, {"data": {"weights": "w"}}), ("often", often, {}), ("plain", heavy, {})]:
        network = build(RICHNESS, recipe, BANDS)
        network.measure(heavy, np.arange(9), RICHNESS.truth(heavy.catalogue))
        network.measure = lambda *_: None  # the same constants for all
        run = Run.create(tmp_path / name, study="own", target=RICHNESS, recipe=recipe, data="sky")
        fit(network, each, run, RICHNESS, recipe.replace(**more), devices="cpu")
        ends.append(load_file(run.weights)["head.3.weight"])
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-6)
    assert not torch.allclose(ends[0], ends[2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ("nan", "nan: expected 0 or more for every training object, got nan for '1237"),
        ("minus", "minus: expected 0 or more for every training object, got -1.0"),
        ("inf", "inf: expected 0 or more for every training object, got inf"),
        ("zero", "zero: expected values above 0 for"),
    ],
)
@pytest.mark.parametrize("option", ["weights", "errors"])
def test_weights_that_make_no_sense_are_named(tiny_sky, tmp_path, option, column, message):
    values = {"nan": np.nan, "minus": -1.0, "inf": np.inf, "zero": 0.0}[column]
    catalogue = tiny_sky.catalogue.assign(**{column: values})
    sky = CutoutSet(images=tiny_sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=tiny_sky.unit)
    with pytest.raises(ValueError, match=message):
        start(tmp_path / "run", sky, RECIPE.replace(data={option: column}))


@pytest.mark.parametrize("loss", ["mse_std", "rmse"])
def test_losses_of_a_whole_batch_cannot_weigh_objects(tiny_sky, tmp_path, loss):
    recipe = RECIPE.replace(loss={"name": loss}, data={"weights": "z"})
    with pytest.raises(
        ValueError, match=rf"data.weights: expected none with {loss}, which is computed over a whole batch, got 'z'"
    ):
        start(tmp_path / "run", tiny_sky, recipe)


def test_weights_count_in_joint_learning_too(make_sky, tmp_path):
    sky = weighted(make_sky(12))
    recipe = RECIPE.replace(
        network={"apart": True}, loss={"joint": 0.5}, data={"normalise": "minmax", "label_fraction": 0.7}
    )
    runs = [start(tmp_path / str(k), sky, recipe.replace(data={"weights": w})) for k, w in enumerate(("", "w"))]
    first, second = (load_file(run.weights)["head.learned.3.weight"] for run in runs)
    assert not torch.equal(first, second)


def test_several_numbers_are_predicted_each_with_its_columns(make_sky, tmp_path):
    sky = weighted(make_sky(36))
    catalogue = sky.catalogue
    catalogue.loc[catalogue.index[:3], "sfr"] = np.nan  # predicted, not learned from
    sky = CutoutSet(images=sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    target = Target("richness+sfr", "regression", ("richness", "sfr"), "both")
    recipe = RECIPE.replace(loss={"name": "gaussian_nll", "calibration": 0.5}, data={"tta": 2})
    run = start(tmp_path / "run", sky, recipe, target)
    table = run.predictions().table
    ends = ["", "_spread", "_sigma", "_p16", "_p84", "_true"]
    assert list(table.columns) == [f"{name}{end}" for name in ("richness", "sfr") for end in ends] + ["fold"]
    assert table["fold"].isna().sum() == 3
    assert table["sfr_true"].isna().sum() == 3
    assert table.drop(columns=["sfr_true", "fold"]).notna().all().all()
    assert (table["sfr_sigma"] > 1e6).all()
    np.testing.assert_allclose(table["sfr_p84"] - table["sfr"], table["sfr_sigma"], rtol=1e-6)
    calibrated = load_file(run.weights)["sigma_scale"]
    assert calibrated.shape == (2,)
    assert (calibrated != 1).all()


@pytest.mark.parametrize("encoder", ENCODERS)
@pytest.mark.parametrize("task", ["regression", "classification", "votes"])
def test_an_encoder_of_timm_trains_saves_reopens_and_is_explained(make_sky, tmp_path, encoder, task):
    sky = make_sky(9, size=64)
    catalogue = sky.catalogue.assign(kind=["a", "b", "c"] * 3, smooth=np.linspace(0, 1, 9), disc=np.linspace(1, 0, 9))
    sky = CutoutSet(images=sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    columns = {"regression": ("richness",), "classification": ("kind",), "votes": ("smooth", "disc")}[task]
    target = Target.of(sky, *columns, task=task).fitted(catalogue)
    recipe = general_recipes(task, sky.unit, 64)["finetune"]
    recipe = recipe.replace(
        epochs=2,
        batch=3,
        network={"architecture": encoder, "pretrained": ""},
        optimiser={"freeze_epochs": 1},
        data={"tta": 2},
        validation={"folds": 3},
    )
    run = Run.create(tmp_path / "run", study="own", target=target, recipe=recipe, data="sky")
    train(run, sky, devices="cpu")
    assert run.state()["status"] == "done"
    assert studies.predict(Run.open(run.path), sky).table.equals(run.predictions().table)
    found = occlude(network_of(run), sky.images[:1], patch=32, stride=16)
    assert np.isfinite(found.map).all()
    other = make_sky(4, size=48)
    if encoder == "test_vit":
        with pytest.raises(ValueError, match="data: expected images of 64 pixels, as in the training, got 48"):
            studies.predict(run, other)
    elif task == "regression":
        assert len(studies.predict(run, other)) == 4
    again = Run.create(tmp_path / "again", study="own", target=target, recipe=recipe, data="sky")
    train(again, sky, devices="cpu", encoder=str(run.path))
    assert again.state()["status"] == "done"


@pytest.mark.parametrize("fits", [True, False], ids=["in memory", "too large"])
def test_features_that_stay_are_computed_once(make_sky, tmp_path, monkeypatch, fits):
    sky = make_sky(18, size=64)
    catalogue = sky.catalogue.assign(kind=["a", "b", "c"] * 6)
    sky = CutoutSet(images=sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    target = Target.of(sky, "kind").fitted(catalogue)
    recipe = general_recipes("classification", sky.unit, 64)["probe"]
    more = {"validation": {"folds": 3}, "loss": {"calibration": 0.3}, "network": {"architecture": "timm/resnet18"}}
    recipe = recipe.replace(epochs=3, batch=6, **more).replace(network={"pretrained": "", "pixels": 32})
    seen = []
    forward = PooledEncoder.forward
    monkeypatch.setattr(PooledEncoder, "forward", lambda self, x: seen.append(len(x)) or forward(self, x))
    monkeypatch.setattr("galviz.nn.training.fit.fits", lambda _: fits)
    run = Run.create(tmp_path / "run", study="own", target=target, recipe=recipe, data="sky")
    train(run, sky, devices="cpu")
    objects, counts = len(sky), run.info["objects"]
    once = counts["train"] + counts["held_out"]
    # One image when it is built; then those that are calibrated, and all for the predictions.
    assert sum(seen) == 1 + (once if fits else 3 * once) + counts["calibration"] + objects
    assert studies.predict(Run.open(run.path), sky).table.equals(run.predictions().table)
    assert np.isfinite(occlude(network_of(run), sky.images[:1], patch=32, stride=32).map).all()


def test_features_computed_once_give_the_same_network(make_sky, tmp_path, monkeypatch):
    sky = make_sky(18, size=64)
    sky = CutoutSet(
        images=sky.images[:],
        bands=BANDS,
        catalogue=sky.catalogue.assign(kind=["a", "b", "c"] * 6),
        pixel_scale=1.0,
        unit=sky.unit,
    )
    recipe = general_recipes("classification", sky.unit, 64)["probe"].replace(epochs=3, batch=6)
    recipe = recipe.replace(network={"architecture": "timm/resnet18", "pretrained": "", "pixels": 32})
    tables = []
    for fits in (True, False):
        monkeypatch.setattr("galviz.nn.training.fit.fits", lambda _, fits=fits: fits)
        run = Run.create(tmp_path / str(fits), study="own", target=Target.of(sky, "kind"), recipe=recipe, data="sky")
        tables.append(train(run, sky, devices="cpu").predictions().table.filter(like="p_"))
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("step", [2, 4])
def test_a_resumed_head_learns_from_the_features_of_the_same_encoder(make_sky, tmp_path, monkeypatch, step):
    """The encoder that the checkpoint holds, not the random one that a resumed training begins with."""
    sky = make_sky(18, size=64)
    catalogue = sky.catalogue.assign(kind=["a", "b", "c"] * 6)
    sky = CutoutSet(images=sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    network = {"architecture": "timm/test_resnet", "pretrained": "", "pixels": 32}
    recipe = general_recipes("classification", sky.unit, 64)["probe"].replace(epochs=3, batch=6)
    recipe = recipe.replace(network=network)

    def create(name):
        return Run.create(tmp_path / name, study="own", target=Target.of(sky, "kind"), recipe=recipe, data="sky")

    first = train(create("encoder"), sky, devices="cpu")  # any weights but those of the seed
    weights = load_file(first.weights)
    other = {name: value + 0.1 if value.is_floating_point() else value for name, value in weights.items()}
    save_file(other, first.weights)
    whole = train(create("whole"), sky, devices="cpu", encoder=first.path)
    run = create("run")
    with monkeypatch.context() as patch:
        stop_at(patch, step)
        train(run, sky, devices="cpu", encoder=first.path)
    train(run, sky, devices="cpu", resume=True)
    assert results(run) == results(whole)
