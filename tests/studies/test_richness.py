import exam
import pytest
import torch
from safetensors.torch import load_file

from galviz import studies
from galviz.runs.run import Run
from galviz.studies import richness


@pytest.mark.parametrize("question", exam.QUESTIONS)
def test_exam(question, make_sky, tmp_path):
    question(richness.STUDY, make_sky(18), tmp_path)


@pytest.fixture(scope="module")
def bands_run(tmp_path_factory, make_sky):
    return exam.trained(richness.STUDY, "band", make_sky(18), tmp_path_factory.mktemp("runs") / "bands")


def train(sky, path, encoder, **network):
    recipe = exam.tiny(richness.RECIPES["quick"], optimiser={"frozen": True})
    recipe = recipe.replace(network=network)
    run = Run.create(path, study="richness", target=richness.TARGET, recipe=recipe, data="x", encoder=str(encoder))
    return studies.train(run, sky, devices="cpu", encoder=encoder)


@pytest.mark.parametrize("apart", [True, False])
def test_richness_starts_from_an_encoder_that_tells_bands_apart(bands_run, make_sky, tmp_path, apart):
    run = train(make_sky(18), tmp_path / "run", bands_run.path, apart=apart)
    guided, bands = load_file(run.weights), load_file(bands_run.weights)
    layers = [name for name in bands if name.startswith("encoder.")]
    assert all(torch.equal(guided[name], bands[name]) for name in layers if name != "encoder.conv1.weight")
    first, taught = (w["encoder.conv1.weight"] for w in (guided, bands))
    expected = taught if apart else taught.repeat(1, 5, 1, 1) / 5
    torch.testing.assert_close(first, expected)


def test_an_encoder_of_another_width_is_refused(bands_run, make_sky, tmp_path):
    with pytest.raises(ValueError, match=r"encoder: expected .* give the same network.width"):
        train(make_sky(18), tmp_path / "run", bands_run.path, width=4)


def test_paper_is_as_published():
    bands, paper = richness.BAND_RECIPES["paper"], richness.RECIPES["paper"]
    assert (bands.optimiser.name, bands.optimiser.momentum, bands.epochs, bands.loss.name) == (
        "sgd",
        0.9,
        100,
        "cross_entropy",
    )
    assert set(bands.optimiser.learning_rates.values()) == {1e-4}
    assert bands.validation.folds == 5  # 4:1
    assert (paper.optimiser.name, paper.optimiser.momentum, paper.loss.name, paper.validation.folds) == (
        "sgd",
        0.9,
        "mse_std",
        10,
    )
    assert set(paper.optimiser.learning_rates.values()) == {5e-6}
    for recipe in (bands, paper):
        assert (recipe.network.width, recipe.network.head) == (64, "as_published")
        assert recipe.data.normalise == "minmax"
        assert recipe.network.pixels == 224


@pytest.mark.parametrize("name", richness.SWEEP_RECIPES)
def test_the_networks_of_a_sweep_are_of_one_build_and_see_the_same_pixels(name):
    own, bands = richness.SWEEP_RECIPES[name], richness.SWEEP_BAND_RECIPES[name]
    assert own.network == bands.network
    assert own.data.normalise == bands.data.normalise
    assert own.network.apart
    assert own.data.repeat == (name == "quick")  # as published, few labels are few steps
