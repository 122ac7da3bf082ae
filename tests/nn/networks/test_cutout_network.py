import numpy as np
import pytest
import torch
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel

from galviz.nn.explain.occlusion import occlude
from galviz.nn.tasks import build
from galviz.runs.recipe import Recipe
from galviz.tasks.target import Target

RICHNESS = Target("ln_richness", "regression", ("richness",), "λ", transform="ln")
BAND = Target("band", "pretext", (), "band")
BANDS = ("u", "g", "r", "i", "z")
RECIPE = Recipe(
    name="x",
    epochs=1,
    batch=4,
    network={"width": 2, "stem": "small"},
    optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}},
)


def with_network(**network):
    return RECIPE.replace(network=network)


@pytest.mark.parametrize("apart", [True, False])
def test_richness_is_one_number_an_object(apart):
    network = build(RICHNESS, with_network(apart=apart), BANDS)
    assert network(torch.randn(3, 5, 16, 16)).shape == (3, 1)
    assert network.encoder.conv1.in_channels == (1 if apart else 5)


def test_published_network_is_that_of_the_paper():
    with torch.device("meta"):
        recipe = with_network(width=64, stem="imagenet", replicate=True, apart=True, head="as_published")
        network = build(RICHNESS, recipe, BANDS)
    assert sum(p.numel() for p in network.head.fc1.parameters()) == 166_462_464
    assert network.encoder.conv1.weight.shape == (64, 3, 7, 7)
    assert not network.standardise


@pytest.mark.parametrize("size", [16, 96])
def test_images_of_any_size_are_brought_to_the_pixels_of_the_recipe(size):
    network = build(RICHNESS, with_network(stem="imagenet", pixels=64), BANDS, size).eval()
    plain = build(RICHNESS, with_network(stem="imagenet"), BANDS, size).eval()
    plain.load_state_dict(network.state_dict())  # with the same names
    maps = []
    network.encoder.neck.register_forward_hook(lambda *parts: maps.append(parts[2]))
    images = torch.randn(2, 5, size, size)
    found = network.features(images, scaled=True)
    assert maps[0].shape[2:] == (2, 2)
    same = functional.interpolate(images, (64, 64), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, plain.features(same, scaled=True))
    assert network.size is None


def test_maps_of_occlusion_follow_an_encoder_that_resizes_its_images():
    network = build(RICHNESS, with_network(stem="imagenet", pixels=64), BANDS, 16).eval()
    network.normalise.mode = "minmax"
    image = np.random.default_rng(0).normal(size=(1, 5, 16, 16)).astype(np.float32)
    found = occlude(network, image, patch=8, stride=8)
    assert found.engine == "captum"  # the fast engine would pass by the resizing
    assert found.map.shape[-2:] == (16, 16)
    with pytest.raises(ValueError, match="network: expected a ResNet"):
        occlude(network, image, patch=8, stride=8, engine="fast")


def test_one_encoder_serves_all_bands():
    network = build(RICHNESS, with_network(apart=True), BANDS).eval()
    network.normalise.mode = "minmax"
    image = torch.randn(1, 1, 16, 16)
    features = network.features(image.expand(-1, 5, -1, -1))
    assert features.shape == (1, 5, 16)
    assert torch.allclose(features[0, 0], features[0, 4])


def test_band_network_sees_one_band_and_names_five():
    network = build(BAND, RECIPE.replace(loss={"name": "cross_entropy"}, data={"normalise": "minmax"}), BANDS)
    assert network(torch.randn(3, 1, 16, 16)).shape == (3, 5)


def test_scales_of_each_band_may_not_give_the_band_away():
    with pytest.raises(ValueError, match="normalise: expected minmax or asinh_global to tell the band, got asinh"):
        build(BAND, RECIPE.replace(data={"normalise": "asinh"}), BANDS)


def test_a_new_network_answers_about_the_mean_of_its_truths(tiny_sky):
    network = build(RICHNESS, with_network(apart=False), BANDS).eval()
    truth = RICHNESS.truth(tiny_sky.catalogue)
    network.measure(tiny_sky, np.arange(8), truth)
    assert network.centre.item() == pytest.approx(truth[:8].mean(), abs=1e-5)
    assert network.scale.item() == pytest.approx(truth[:8].std(), abs=1e-5)


def test_the_same_seed_gives_the_same_weights():
    first, same, other = (build(RICHNESS, RECIPE.replace(seed=s), BANDS).state_dict() for s in (1, 1, 2))
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not torch.equal(first["encoder.conv1.weight"], other["encoder.conv1.weight"])


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"widht": 3}, "network: expected settings among .*width, .* got 'widht'"),
        ({"head": "tall"}, "network.head: expected one of compact, dropout, as_published"),
        ({"head": "as_published", "apart": False}, "with network.apart=true"),
    ],
)
def test_wrong_arguments_are_named(network, message):
    with pytest.raises(ValueError, match=message):
        build(RICHNESS, with_network(**network), BANDS)


@pytest.mark.parametrize("loss", ["lsgan", "lsgan_masked", "cross_entropy"])
def test_a_loss_of_others_is_named(loss):
    with pytest.raises(
        ValueError, match=f"loss: expected mse, mae, huber, rmse, mse_std or gaussian_nll for the target .*, got {loss}"
    ):
        build(RICHNESS, RECIPE.replace(loss={"name": loss}), BANDS)


@pytest.mark.parametrize("head", ["compact", "as_published"])
def test_a_gaussian_network_scales_mean_and_variance(head, tiny_sky):
    recipe = with_network(apart=True, head=head).replace(loss={"name": "gaussian_nll"})
    network = build(RICHNESS, recipe, BANDS).eval()
    images = torch.from_numpy(tiny_sky.images[:3])
    head_said = network.head(network.features(images))
    assert torch.equal(network(images), head_said)
    network.centre.fill_(3.0)
    network.scale.fill_(2.0)
    mean, log_variance = network(images).T
    assert torch.allclose(mean, 3 + 2 * head_said[:, 0])
    assert torch.allclose(log_variance.exp(), 4 * head_said[:, 1].exp())


def test_networks_that_tell_no_error_keep_their_weights():
    assert "sigma_scale" not in build(RICHNESS, RECIPE, BANDS).state_dict()


def test_the_scale_of_sigma_is_read_under_its_former_name():
    recipe = RECIPE.replace(loss={"name": "gaussian_nll"})
    network = build(RICHNESS, recipe, BANDS)
    network.sigma_scale.fill_(1.7)
    new = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    old = {name.replace("sigma_scale", "widening"): tensor for name, tensor in new.items()}
    assert set(old) - set(new) == {"widening"}
    again = build(RICHNESS, recipe, BANDS)
    again.load_state_dict(old)
    assert again.sigma_scale.item() == network.sigma_scale.item()
    assert "widening" in old  # the caller's weights stay as they are
    mean = AveragedModel(build(RICHNESS, recipe, BANDS))  # as in a checkpoint of a training
    mean.load_state_dict({"n_averaged": torch.tensor(1)} | {f"module.{name}": tensor for name, tensor in old.items()})
    assert mean.module.sigma_scale.item() == network.sigma_scale.item()
