import exam
import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from galviz import studies
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.vote_heads import DielemanVotes
from galviz.nn.training import augment
from galviz.nn.training.data import kept
from galviz.nn.training.train import network_for
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.sky.galaxy_zoo import COLUMNS, THRESHOLD, sum_errors
from galviz.sky.mock import write_mergers_sky
from galviz.studies import mergers


@pytest.fixture(scope="module")
def sky(tmp_path_factory):
    return CutoutSet.open(write_mergers_sky(tmp_path_factory.mktemp("skies") / "zoo", 18, size=32))


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, sky, tmp_path):
    question(mergers.STUDY, sky, tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory, sky):
    return exam.trained(mergers.STUDY, "votes", sky, tmp_path_factory.mktemp("runs") / "votes")


def with_catalogue(sky, catalogue):
    return CutoutSet(images=sky.images, bands=mergers.BANDS, catalogue=catalogue, pixel_scale=np.nan, unit="display")


def test_all_votes_are_predicted_and_obey_the_tree(run, sky):
    table = run.predictions().table
    assert np.abs(sum_errors(table[list(COLUMNS)])).max() < 1e-5
    truth = table[[f"{name}_true" for name in COLUMNS]].to_numpy()
    np.testing.assert_array_equal(truth, sky.catalogue.loc[table.index, list(COLUMNS)])


def test_a_sky_without_votes_is_predicted(run, sky):
    blind = with_catalogue(sky, pd.DataFrame(index=sky.catalogue.index))
    found = studies.predict(run, blind)
    assert np.isnan(found.truth).all()
    assert found.estimate == pytest.approx(run.predictions().estimate)


def test_a_sky_without_mergers_cannot_be_learned_from(sky, tmp_path):
    lacking = with_catalogue(sky, sky.catalogue.assign(**{mergers.TARGET.name: np.nan}))
    with pytest.raises(ValueError, match=r"data: expected objects with known 37 votes, got none: Class8\.6 is empty"):
        exam.trained(mergers.STUDY, "votes", lacking, tmp_path / "run")


def test_the_papers_network_takes_one_size_alone(sky, tmp_path):
    recipe = exam.tiny(mergers.RECIPES["paper"]).replace(network={"pixels": 0})
    given = {"study": "mergers", "target": mergers.TARGET, "recipe": recipe, "data": "x"}
    run = studies.train(Run.create(tmp_path / "run", **given), sky, devices="cpu")
    assert run.info["normalisation"] == {"mode": "none"}
    again = studies.predict(run, sky).table
    assert again.equals(run.predictions().table)
    small = CutoutSet(
        images=kept(sky)[:, :, :30, :30],
        bands=mergers.BANDS,
        catalogue=sky.catalogue,
        pixel_scale=np.nan,
        unit="display",
    )
    with pytest.raises(ValueError, match="data: expected images of 32 pixels, as in the training, got 30"):
        studies.predict(run, small)


def test_votes_are_clipped_for_the_first_images_and_then_divided(sky, tmp_path, monkeypatch):
    modes = []

    def recorded(self, numbers, forward=DielemanVotes.forward):
        modes.append((self.training, self.normalise))
        return forward(self, numbers)

    monkeypatch.setattr(DielemanVotes, "forward", recorded)
    recipe = exam.tiny(mergers.RECIPES["quick"]).replace(network={"votes": "dieleman"}, batch=4, epochs=2)
    recipe = recipe.replace(network={"clipped": 9})
    studies.train(Run.create(tmp_path / "run", study="mergers", target=mergers.TARGET, recipe=recipe, data="sky"), sky)
    steps = [normalise for training, normalise in modes if training]
    assert steps[:5] == [False, False, False, True, True]  # nine images are three batches of four
    assert all(steps[3:])
    about = mergers.RECIPES["paper_optimised"].network
    assert (about.votes, about.clipped) == ("dieleman", 10_000)


def test_the_papers_resnet_begins_with_the_weights_of_a_file(sky, tmp_path):
    torch.manual_seed(5)
    weights, file = resnet50().state_dict(), tmp_path / "resnet50.safetensors"
    save_file(weights, file)
    recipe = mergers.RECIPES["paper_resnet50"]
    assert recipe.network.pretrained == mergers.RECIPES["paper_optimised"].network.pretrained == "imagenet"
    recipe = recipe.with_settings([f"network.pretrained={file}"])
    network, _ = network_for(mergers.TARGET, recipe, sky, recipe.network.pretrained)
    assert all(torch.equal(weight, weights[name]) for name, weight in network.encoder.state_dict().items())


def test_pictures_are_rotated_before_they_are_shrunk(sky, tmp_path, monkeypatch):
    rotated, seen, plain = [], [], ResNet18.feature_map
    monkeypatch.setattr(augment, "randomly_turned", lambda images: rotated.append(images.shape[-1]) or images)
    monkeypatch.setattr(
        ResNet18, "feature_map", lambda self, images: seen.append(images.shape[-1]) or plain(self, images)
    )
    assert mergers.RECIPES["paper_optimised"].data.augment == ("turn",)
    recipe = exam.tiny(mergers.RECIPES["quick"]).replace(network={"pixels": 16}, epochs=1, data={"tta": 1})
    run = Run.create(tmp_path / "run", study="mergers", target=mergers.TARGET, recipe=recipe, data="sky")
    studies.train(run, sky, devices="cpu")
    assert set(rotated) == {32}
    assert set(seen) == {16}


def test_paper_is_as_published():
    for name in ("paper", "paper_resnet50", "paper_optimised"):
        recipe = mergers.RECIPES[name]
        assert (recipe.epochs, recipe.batch, recipe.validation.folds, recipe.validation.keep) == (100, 128, 5, "best")
        assert set(recipe.optimiser.learning_rates.values()) == {1e-3}
        assert (recipe.loss.name, recipe.optimiser.weight_decay) == ("mse", 0)
        assert (recipe.data.normalise, recipe.network.pixels) == ("none", 68)
    assert THRESHOLD == 0.3
