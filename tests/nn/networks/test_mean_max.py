"""Mean and maximum of the feature maps, with the head of Wu & Boada (2019), on every kind of encoder."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from galviz.nn.explain.fused_norms import understands
from galviz.nn.inference.predict import apply_run
from galviz.nn.networks.encoders import MeanMax, ResNet18
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.tasks import build
from galviz.nn.training.train import train
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.tasks.target import Target

BANDS = ("g", "r", "i")
RICHNESS = Target("richness", "regression", ("richness",), "λ")
RECIPE = Recipe(name="tiny", epochs=1, batch=4, optimiser={"learning_rates": {"encoder": 1e-3, "head": 1e-3}})
HEAD = {"pooling": "mean_max", "head": "dropout", "apart": False}


def test_mean_then_maximum():
    maps = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert MeanMax()(maps).tolist() == [[1.5, 5.5, 9.5, 3, 7, 11], [13.5, 17.5, 21.5, 15, 19, 23]]


@pytest.mark.parametrize(
    ("network", "features"),
    [
        ({"architecture": "timm/resnet18"}, 1024),
        ({"architecture": "resnet34"}, 1024),
        ({"architecture": "resnet50"}, 4096),
        ({"width": 4, "stem": "small"}, 64),
        ({"architecture": "wide_resnet50"}, 4096),
        ({"architecture": "timm/resnet18", "views": 2, "pixels": 32}, 1024),
    ],
)
def test_every_encoder_gives_twice_its_features_to_the_head(network, features):
    made = build(RICHNESS, RECIPE.replace(network={**network, **HEAD}), BANDS, 64).eval()
    assert made.encoder.features == features
    assert made.head[3].in_features == features
    assert made.head[3].out_features == 512
    found = made.features(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, 1, features)
    assert (found[..., features // 2 :] >= found[..., : features // 2] - 1e-6).all()  # maximum and mean
    assert made(torch.rand(2, 3, 64, 64)).shape == (2, 1)


@pytest.mark.parametrize(
    ("mean", "both"),
    [
        (lambda: ResNet18(3, width=4), lambda: ResNet18(3, width=4, mean_max=True)),
        (lambda: TimmEncoder("test_resnet", 3), lambda: TimmEncoder("test_resnet", 3, mean_max=True)),
    ],
)
def test_the_first_half_are_the_features_without_it(mean, both):
    torch.manual_seed(0)
    plain = mean().eval()
    torch.manual_seed(0)
    pooled, images = both().eval(), torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(pooled(images)[:, : plain.features], plain(images))
    assert understands(plain) or not isinstance(plain, ResNet18)
    assert not understands(pooled)  # the fast occlusion, which takes the mean, leaves it to the other engine


def test_trained_weights_of_timm_still_fit(tmp_path):
    torch.manual_seed(1)
    whole = TimmEncoder("test_resnet", 3)
    torch.save(whole.network.state_dict(), tmp_path / "weights.pt")
    pooled = TimmEncoder("test_resnet", 3, pretrained=tmp_path / "weights.pt", mean_max=True)
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(pooled.eval()(images)[:, : whole.features], whole.eval()(images))


def test_a_network_without_maps_is_named():
    with pytest.raises(ValueError, match=r"network.pooling: expected last for test_vit, got mean_max"):
        build(RICHNESS, RECIPE.replace(network={"architecture": "test_vit", **HEAD}), BANDS, 160)
    with pytest.raises(ValueError, match=r"network.pooling: expected last or mean_max for resnet18, got 'blocks'"):
        build(RICHNESS, RECIPE.replace(network={"pooling": "blocks"}), BANDS)
    blocks = RECIPE.replace(network={"architecture": "timm/resnet18", "pooling": "blocks"})
    assert blocks.replace(network={"architecture": "wide_resnet50"}).network.pooling == "last"


def test_without_standardisation_the_head_predicts_the_number_itself(tiny_sky):
    bands = ("u", "g", "r", "i", "z")
    truth = RICHNESS.learned(tiny_sky.catalogue)
    for standardise, centre in ((True, truth.mean()), (False, 0.0)):
        network = build(RICHNESS, RECIPE.replace(network={"width": 4, **HEAD, "standardise": standardise}), bands, 16)
        network.measure(tiny_sky, torch.arange(len(truth)).numpy(), truth)
        assert network.centre.item() == pytest.approx(centre, rel=1e-6)
        assert (network.scale.item() == 1) is not standardise


@pytest.mark.parametrize("network", [{"width": 4, "stem": "small"}, {"architecture": "test_resnet"}])
def test_it_trains_with_d4_and_rmse_and_predicts_with_views(make_sky, tmp_path, network):
    sky = make_sky(12, size=32)
    recipe = RECIPE.replace(
        epochs=2,
        network={**network, **HEAD},
        loss={"name": "rmse"},
        data={"augment": ("d4", "zoom"), "tta": 8},
        validation={"folds": 3},
    )
    run = train(
        Run.create(tmp_path / "run", study="own", target=RICHNESS, recipe=recipe, data="sky"), sky, devices="cpu"
    )
    table = run.predictions().table
    assert (table["richness_spread"] > 0).all()  # of the eight views
    assert load_file(run.weights)["head.1.running_mean"].abs().max() > 0
    again = apply_run(run, sky).table  # in a new network, without dropout
    np.testing.assert_allclose(again["richness"], table.loc[again.index, "richness"], rtol=1e-5)
