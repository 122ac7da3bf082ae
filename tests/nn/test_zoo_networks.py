import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models import resnet50

from galviz.nn.data import memory_format
from galviz.nn.encoders import load_encoder
from galviz.nn.module import _peaks
from galviz.nn.zoo_networks import ImageNetScale, build, paper_cnn, paper_resnet, randomly_turned, turned
from galviz.recipe import Recipe
from galviz.sky.votes import SLICES, cumulative, sum_errors

ALL = ["resnet18", "paper_cnn", "paper_resnet50", "paper_resnet50_dense"]


def recipe(**network):
    rates = {"encoder": 1e-3, "head": 1e-2}
    return Recipe(name="test", epochs=1, batch=4, learning_rates=rates, network=network)


def weights(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def test_the_papers_cnn_has_near_two_million_weights():
    encoder, head = paper_cnn()
    assert weights(encoder) + weights(head) == 1_963_685
    assert weights(encoder[0]) == 896
    assert encoder(torch.zeros(1, 3, 68, 68)).shape == (1, 12_800)
    assert [layer.out_features for layer in head if isinstance(layer, torch.nn.Linear)] == [128, 64, 37]
    assert [layer.p for part in (encoder, head) for layer in part if isinstance(layer, torch.nn.Dropout)] == [
        *[0.1] * 3,
        *[0.15] * 2,
    ]


@pytest.mark.parametrize("size", [40, 68, 69])
def test_the_papers_cnn_fits_images_of_any_size(size):
    encoder, head = paper_cnn(size)
    assert head(encoder.eval()(torch.zeros(1, 3, size, size))).shape == (1, 37)


def test_the_papers_resnet_is_flattened():
    with torch.device("meta"):
        encoder, head = paper_resnet()
        _, dense = paper_resnet(68, (200, 100), 0.3)
        features = encoder(torch.zeros(1, 3, 68, 68))
    assert weights(encoder) == 23_508_032
    assert features.shape == (1, 3 * 3 * 2048)
    assert weights(head) == 18_432 * 37 + 37
    assert [layer.out_features for layer in dense if isinstance(layer, torch.nn.Linear)] == [200, 100, 37]
    assert [layer.p for layer in dense if isinstance(layer, torch.nn.Dropout)] == [0.3, 0.3]


def test_imagenet_weights_of_a_file(tmp_path):
    torch.manual_seed(0)
    reference = resnet50().eval()
    torch.save(reference.state_dict(), tmp_path / "resnet50.pth")
    network = build(recipe(architecture="paper_resnet50", size=32)).eval()
    load_encoder(network.encoder, tmp_path / "resnet50.pth")
    image = torch.rand(1, 3, 32, 32, generator=torch.manual_seed(1))
    with torch.no_grad():
        scaled = (image - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
            :, None, None
        ]
        pooled = network.features(image).reshape(1, 2048, -1).mean(-1)
        torch.testing.assert_close(reference.fc(pooled), reference(scaled), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ALL)
def test_parts_with_weights_are_the_layer_groups(architecture):
    with torch.device("meta"):
        network = build(recipe(architecture=architecture, width=8))
    assert _peaks(network, recipe()) == {"encoder": 1e-3, "head": 1e-2}


@pytest.mark.parametrize("votes", ["tree", "dieleman", "sigmoid"])
def test_ours_gives_votes(votes):
    network = build(recipe(votes=votes, width=8, size=32)).eval()
    found = network(torch.rand(2, 3, 32, 32)).detach()
    assert found.shape == (2, 37)
    assert ((found >= 0) & (found <= 1)).all()
    sums = found[:, :3].sum(1)
    assert (sums.numpy() == pytest.approx(1)) == (votes != "sigmoid")
    assert (np.abs(sum_errors(found.numpy())).max() < 1e-5) == (votes != "sigmoid")


def test_a_seed_gives_the_same_weights_again():
    one, other = (build(recipe(width=8)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_ours_begins_with_the_mean_of_the_votes():
    rng = np.random.default_rng(0)
    own = np.concatenate([rng.dirichlet(np.ones(p.stop - p.start), 50) for p in SLICES], axis=1)
    truth = cumulative(own)
    rows = np.arange(30)
    network = build(recipe(width=8, size=32, dropout=0.0)).eval()
    network.measure(None, rows, truth)
    found = network(torch.rand(4, 3, 32, 32)).detach().numpy()
    np.testing.assert_allclose(found.mean(0), truth[rows].mean(0), atol=0.1)
    network.head[-1].weight.data.zero_()
    found = network(torch.rand(1, 3, 32, 32)).detach().numpy()[0]
    np.testing.assert_allclose(found, truth[rows].mean(0), atol=1e-5)
    paper = build(recipe(architecture="paper_cnn", votes="sigmoid"))
    before = paper.head[-1].bias.clone()
    paper.measure(None, rows, truth)
    assert torch.equal(paper.head[-1].bias, before)  # as published: nothing is set


def test_a_network_learns_a_few_pictures():
    torch.manual_seed(0)
    network = build(recipe(width=8, size=32, dropout=0.0))
    network.to(memory_format=memory_format(network, "cpu"))
    rng = np.random.default_rng(1)
    truth = torch.tensor(
        cumulative(np.concatenate([rng.dirichlet(np.ones(p.stop - p.start), 8) for p in SLICES], axis=1)),
        dtype=torch.float32,
    )
    images = torch.rand(8, 3, 32, 32)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    first = None
    for _ in range(40):
        optimiser.zero_grad()
        loss = torch.nn.functional.mse_loss(network(images), truth)
        loss.backward()
        optimiser.step()
        first = loss.item() if first is None else first
    assert loss < 0.1 * first


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ({"votes": "softmax"}, "network.votes: expected one of tree, dieleman, sigmoid, got 'softmax'"),
        ({"architecture": "vgg"}, "network.architecture: expected one of resnet18, .* got 'vgg'"),
        ({"depth": 3}, "network: expected arguments among .* got 'depth'"),
    ],
)
def test_what_is_not_known_is_refused(network, words):
    with pytest.raises(ValueError, match=words):
        build(recipe(**network))


@pytest.mark.parametrize(("architecture", "mode"), [("resnet18", "imagenet"), ("paper_cnn", "none")])
def test_constants_are_told_and_are_json(architecture, mode):
    constants = build(recipe(architecture=architecture, width=8)).normalise.constants()
    assert json.loads(json.dumps(constants))["mode"] == mode


def test_the_papers_cnn_sees_the_pixels_as_they_are():
    images = torch.rand(1, 3, 68, 68)
    assert torch.equal(build(recipe(architecture="paper_cnn")).normalise(images), images)
    assert ImageNetScale()(torch.full((1, 3, 1, 1), 0.485))[0, 0].item() == pytest.approx(0, abs=1e-6)


# Turning


def some(side=9, seed=0):
    return torch.rand(2, 3, side, side, generator=torch.manual_seed(seed))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
@pytest.mark.parametrize("side", [8, 9])
def test_quarter_turns_are_exact(quarters, side):
    images = some(side)
    found = turned(images, torch.full((2,), quarters * math.pi / 2))
    torch.testing.assert_close(found, torch.rot90(images, quarters, (2, 3)), atol=1e-5, rtol=0)


def test_flips_come_before_the_turn():
    images = some()
    found = turned(images, torch.tensor([0.0, math.pi / 2]), flip=torch.tensor([True, True]))
    torch.testing.assert_close(found[0], images[0].flip(-1), atol=1e-5, rtol=0)
    torch.testing.assert_close(found[1], torch.rot90(images[1].flip(-1), 1, (1, 2)), atol=1e-5, rtol=0)


def test_made_smaller_by_the_mean():
    images = some(12)
    found = turned(images, torch.zeros(2), size=4)
    torch.testing.assert_close(found, torch.nn.functional.avg_pool2d(images, 3), atol=1e-5, rtol=0)


def test_zoom_shows_the_middle_larger():
    ramp = torch.arange(12.0).expand(1, 3, 12, 12)
    half = turned(ramp, torch.zeros(1), zoom=2.0, size=6)
    torch.testing.assert_close(half[0, 0, 0], torch.arange(3.0, 9.0), atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 6.28), st.floats(1.0, 1.25))
def test_a_turned_galaxy_keeps_its_place_and_light(angle, zoom):
    step = torch.linspace(-1, 1, 41)
    x, y = torch.meshgrid(step, step, indexing="xy")
    image = torch.exp(-(((x - 0.3) ** 2 + y**2) / 0.02))[None, None]
    found = turned(image, torch.tensor([angle]), zoom=zoom)[0, 0]
    total = found.sum()
    assert total.item() == pytest.approx(image.sum().item() * zoom**2, rel=0.03)
    place = (found * x).sum() / total, (found * y).sum() / total
    # the output at p shows the input at R p / zoom: a spot at q is seen at zoom R⁻¹ q
    expected = 0.3 * zoom * math.cos(angle), -0.3 * zoom * math.sin(angle)
    assert [p.item() for p in place] == pytest.approx(expected, abs=0.02)


def test_nothing_comes_from_outside():
    assert (turned(torch.ones(1, 3, 8, 8), torch.tensor([0.7]), zoom=0.7) > 0.999).all()


def test_random_turns_differ_follow_the_seed_and_keep_their_size():
    images = some(16)[:1].expand(4, -1, -1, -1)
    torch.manual_seed(5)
    one = randomly_turned(images, size=8)
    torch.manual_seed(5)
    other = randomly_turned(images, size=8)
    assert one.shape == (4, 3, 8, 8)
    assert torch.equal(one, other)
    assert (one[0] - one[1]).abs().max() > 0.05
