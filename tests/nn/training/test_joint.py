"""Learning richness and bands at once, labelled objects that are repeated, and trainings that hold nothing out."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from galviz.nn.inference.predict import objects
from galviz.nn.tasks import build
from galviz.nn.training.checkpoints import RunRecorder
from galviz.nn.training.fit import fit
from galviz.nn.training.losses import joint_loss
from galviz.runs.folds import rows_of_an_epoch, split
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="tiny",
    epochs=2,
    batch=4,
    network={"width": 2, "stem": "small", "apart": True},
    optimiser={"learning_rates": {"encoder": 1e-2, "head": 2e-2}},
    loss={"joint": 0.5},
    data={"normalise": "minmax", "label_fraction": 0.5},
    validation={"folds": 3},
)
LOSS = functional.mse_loss, RECIPE.loss.joint


def start(path, sky, recipe, target=RICHNESS, *, resume=False):
    made = Run.open(path) if resume else Run.create(path, study="richness", target=target, recipe=recipe, data="sky")
    return fit(build(target, recipe, BANDS), sky, made, made.target, recipe, devices="cpu", resume=resume)


def results(run):
    return run.weights.read_bytes(), run.predictions().table.to_csv(), run.metrics().drop(columns="seconds").to_csv()


def test_the_loss_is_the_sum_of_both_of_what_is_known():
    output, truth = torch.tensor([[1.0], [2.0], [9.0]]), torch.tensor([[2.0], [4.0], [torch.nan]])
    logits = torch.randn(3, 5, 5)
    entropy = -logits.log_softmax(-1).diagonal(dim1=1, dim2=2).mean()
    assert joint_loss(output, truth, logits, *LOSS).item() == pytest.approx(2.5 + 0.5 * entropy.item(), rel=1e-6)
    one = joint_loss(output, torch.tensor([[2.0], [torch.nan], [torch.nan]]), logits, *LOSS)
    assert one.item() == pytest.approx(0.5 * entropy.item(), rel=1e-6)


def test_gradients_reach_both_heads_and_the_encoder_feels_objects_without_labels():
    network = build(RICHNESS, RECIPE, BANDS)
    images, truth = torch.randn(4, 5, 16, 16), torch.tensor([[1.0], [2.0], [torch.nan], [torch.nan]])

    def gradients(images):
        network.zero_grad()
        output, logits = network.both(images)
        joint_loss(output, truth, logits, *LOSS).backward()
        return {name: p.grad.clone() for name, p in network.named_parameters()}

    found = gradients(images)
    assert any(grad.abs().sum() > 0 for name, grad in found.items() if name.startswith("head.learned."))
    assert any(grad.abs().sum() > 0 for name, grad in found.items() if name.startswith("head.bands."))
    other = images.clone()
    other[2:] = torch.randn(2, 5, 16, 16)
    assert not torch.equal(gradients(other)["encoder.conv1.weight"], found["encoder.conv1.weight"])


def test_logits_are_those_of_each_band_alone():
    network = build(RICHNESS, RECIPE, BANDS).eval()
    images = torch.randn(3, 5, 16, 16)
    output, logits = network.both(images)
    assert torch.equal(output, network(images))
    features = network.features(images)[1, 3]
    torch.testing.assert_close(logits[1, 3], network.head.bands(features[None])[0])


def test_what_has_no_label_is_learned_from_all_the_same(make_sky, tmp_path):
    sky = make_sky(18)
    run = start(tmp_path / "run", sky, RECIPE)
    assert run.info["objects"] == {"train": 6, "held_out": 6, "unlabelled": 6}
    seen = objects(run)
    images = sky.images[:].copy()
    blind = ~np.isin(sky.object_ids, list(seen.index))
    assert blind.sum() == 6
    images[blind] = images[blind][:, ::-1]  # other images without labels, the same labels
    other = type(sky)(images=images, bands=BANDS, catalogue=sky.catalogue, pixel_scale=1.0, unit=sky.unit)
    changed = start(tmp_path / "other", other, RECIPE)
    first, second = (load_file(each.weights)["encoder.conv1.weight"] for each in (run, changed))
    assert not torch.equal(first, second)
    alone = [
        start(tmp_path / f"alone{k}", each, RECIPE.replace(loss={"joint": 0})) for k, each in enumerate((sky, other))
    ]
    assert alone[0].weights.read_bytes() == alone[1].weights.read_bytes()


def test_labels_beyond_the_fraction_are_not_looked_at(make_sky, tmp_path):
    sky = make_sky(18)
    run = start(tmp_path / "run", sky, RECIPE)
    catalogue = sky.catalogue
    unused = ~catalogue.index.isin(objects(run).index)
    catalogue.loc[unused, "richness"] *= 3
    other = type(sky)(images=sky.images[:], bands=BANDS, catalogue=catalogue, pixel_scale=1.0, unit=sky.unit)
    assert start(tmp_path / "other", other, RECIPE).weights.read_bytes() == run.weights.read_bytes()


def test_it_resumes_bit_for_bit(make_sky, tmp_path, monkeypatch):
    sky, step_over = make_sky(18), RunRecorder.on_train_batch_end
    whole = start(tmp_path / "whole", sky, RECIPE)

    def ending(self, *args):
        self.heartbeat.stop = self.step == 2
        step_over(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(RunRecorder, "on_train_batch_end", ending)
        assert start(tmp_path / "run", sky, RECIPE).state()["step"] == 3
    assert results(start(tmp_path / "run", sky, RECIPE, resume=True)) == results(whole)


def test_it_learns_both(make_sky, tmp_path):
    sky = make_sky(60)
    recipe = RECIPE.replace(epochs=20, batch=16, network={"width": 4}, data={"label_fraction": 1.0})
    run = start(tmp_path / "run", sky, recipe)
    network = build(RICHNESS, recipe, BANDS)
    network.load_state_dict(load_file(run.weights))
    held = run.predictions().held_out()
    assert np.abs(held.residual).mean() < 0.8 * np.abs(held.truth - held.truth.mean()).mean()
    rows = np.flatnonzero(np.isin(sky.object_ids, held.object_ids))
    with torch.inference_mode():
        logits = network.eval().both(torch.from_numpy(sky.images[:][rows]))[1]
    assert functional.cross_entropy(logits.flatten(0, 1), torch.arange(5).repeat(len(rows))) < np.log(5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"normalise": "asinh"}}, "normalise: expected noise, minmax or asinh_global with joint"),
        ({"network": {"apart": False}}, "joint: expected 0, or network.apart=true"),
        ({"loss": {"name": "rmse"}}, "joint: expected 0 with the loss rmse"),
    ],
)
def test_joint_learning_that_makes_no_sense_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(RICHNESS, RECIPE.replace(**changes), BANDS)
    band = RECIPE.replace(loss={"name": "cross_entropy"})
    with pytest.raises(ValueError, match="joint: expected 0 where classes are all that is learned"):
        build(Target("band", "pretext", (), "band"), band, BANDS)


def test_every_fraction_takes_the_same_steps(make_sky, tmp_path):
    sky = make_sky(18)
    recipes = [RECIPE.replace(loss={"joint": 0}, data={"repeat": True, "label_fraction": f}) for f in (0.25, 1.0)]
    runs = [start(tmp_path / str(k), sky, recipe) for k, recipe in enumerate(recipes)]
    assert [run.state()["steps"] for run in runs] == [6, 6]
    assert [run.info["objects"]["train"] for run in runs] == [3, 12]
    once = start(tmp_path / "once", sky, recipes[1].replace(data={"repeat": False}))
    assert once.weights.read_bytes() == runs[1].weights.read_bytes()


def test_repeated_rows_are_those_with_labels_each_as_often(make_sky):
    catalogue, usable = make_sky(18).catalogue, np.ones(18, dtype=bool)
    recipe = RECIPE.replace(loss={"joint": 0}, data={"repeat": True})
    train, held_out = split(catalogue, recipe, usable)
    rows, unlabelled = rows_of_an_epoch(catalogue, recipe, usable, train)
    assert not len(unlabelled)
    assert np.unique(rows, return_counts=True)[1].tolist() == [2] * 6
    rows, unlabelled = rows_of_an_epoch(catalogue, RECIPE, usable, train)
    assert sorted([*train, *unlabelled, *held_out]) == list(range(18))


def test_nothing_is_held_out_of_one_fold(make_sky, tmp_path):
    sky = make_sky(12)
    run = start(
        tmp_path / "run", sky, RECIPE.replace(loss={"joint": 0}, data={"label_fraction": 1.0}, validation={"folds": 1})
    )
    assert run.info["objects"] == {"train": 12}
    assert (run.predictions().table["fold"] == -1).all()
    assert list(run.metrics().columns) == ["epoch", "step", "seconds", "lr", "train_loss"]


def test_a_z_score_has_the_constants_of_what_is_trained_on(make_sky, tmp_path):
    sky = make_sky(18)
    bare = Target("z_richness", "regression", ("richness",), "λ", transform="zscore")
    run = start(tmp_path / "run", sky, RECIPE.replace(loss={"joint": 0}), bare)
    fold = objects(run)
    richness = sky.catalogue.loc[fold.index[fold < 0], "richness"]
    assert (run.target.centre, run.target.scale) == (
        pytest.approx(richness.mean()),
        pytest.approx(richness.std(ddof=0)),
    )
    received = run.predictions()
    truth = sky.catalogue.loc[received.object_ids, "richness"].to_numpy()
    np.testing.assert_allclose(received.target.inverse(received.truth), truth)
