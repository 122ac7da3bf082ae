import json

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torchvision.models import resnet50

from galviz.nn.networks.encoders import load_encoder
from galviz.nn.networks.galaxy_zoo import ImageNetScale, build, paper_cnn, paper_resnet
from galviz.nn.networks.vote_heads import SigmoidVotes
from galviz.nn.tasks import build as build_for
from galviz.nn.training.data import memory_format
from galviz.nn.training.module import _peaks
from galviz.runs.recipe import Recipe
from galviz.sky.galaxy_zoo import SLICES, cumulative, sum_errors
from galviz.tasks.target import Target

ALL = ["resnet18", "paper_cnn", "paper_resnet50", "paper_resnet50_dense"]


def recipe(**network):
    rates = {"encoder": 1e-3, "head": 1e-2}
    return Recipe(
        name="test", epochs=1, batch=4, network=network, optimiser={"learning_rates": rates}, data={"normalise": "none"}
    )


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


@pytest.mark.parametrize("name", ["resnet18", "paper_cnn", "timm/resnet18"])
def test_larger_pictures_are_shrunk_after_the_augmentation(name):
    options = {"architecture": name, "pixels": 40} | ({"width": 2} if name == "resnet18" else {})
    network = build(recipe(**options), 120).eval()
    pictures = torch.rand(2, 3, 120, 120)
    small = torch.nn.functional.interpolate(pictures, (40, 40), mode="bilinear", antialias=True)
    torch.testing.assert_close(network(pictures), network(small))
    assert network.size is None


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
    network = build(recipe(architecture="paper_resnet50"), 32).eval()
    load_encoder(network.encoder, tmp_path / "resnet50.pth")
    image = torch.rand(1, 3, 32, 32, generator=torch.manual_seed(1))
    with torch.no_grad():
        pooled = network.features(image).reshape(1, 2048, -1).mean(-1)
        torch.testing.assert_close(reference.fc(pooled), reference(image), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pretrained", ["imagenet", "tv_in1k"])
def test_imagenet_weights_of_the_hub(tmp_path, monkeypatch, pretrained):
    torch.manual_seed(0)
    reference, requested = timm.create_model("resnet50"), []
    save_file(reference.state_dict(), tmp_path / "model.safetensors")

    def download(repo_id, *_, **__):
        requested.append(repo_id)
        return str(tmp_path / "model.safetensors")

    monkeypatch.setattr("timm.models._hub.hf_hub_download", download)
    encoder, _ = paper_resnet(32)
    load_encoder(encoder, pretrained)
    assert set(requested) == {"timm/resnet50.a1_in1k" if pretrained == "imagenet" else "timm/resnet50.tv_in1k"}
    own = encoder.state_dict()
    assert all(torch.equal(own[name], weight) for name, weight in reference.state_dict().items() if name in own)
    with pytest.raises(ValueError, match=r"pretrained: expected a file, the folder of a run, .* got 'missing\.pth'"):
        load_encoder(encoder, "missing.pth")


@pytest.mark.parametrize("architecture", ALL)
def test_parts_with_weights_are_the_layer_groups(architecture):
    with torch.device("meta"):
        network = build(recipe(architecture=architecture))
    assert _peaks(network, recipe()) == {"encoder": 1e-3, "head": 1e-2}


@pytest.mark.parametrize("votes", ["tree", "dieleman", "sigmoid"])
def test_ours_gives_votes(votes):
    network = build(recipe(votes=votes, width=8), 32).eval()
    found = network(torch.rand(2, 3, 32, 32)).detach()
    assert found.shape == (2, 37)
    assert ((found >= 0) & (found <= 1)).all()
    sums = found[:, :3].sum(1)
    assert (sums.numpy() == pytest.approx(1)) == (votes != "sigmoid")
    assert (np.abs(sum_errors(found.numpy())).max() < 1e-5) == (votes != "sigmoid")


@pytest.mark.parametrize(
    ("architecture", "normalise"), [("resnet18", "none"), ("resnet18", "standard"), ("paper_cnn", "none")]
)
def test_votes_are_learned_from_grey_pictures_too(architecture, normalise):
    wide = {"width": 4} if architecture == "resnet18" else {}
    made = recipe(architecture=architecture, **wide).replace(data={"grey": "luminance", "normalise": normalise})
    network, images = build(made, 32).eval(), torch.rand(2, 3, 32, 32)
    grey = (images * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True).repeat(1, 3, 1, 1)
    assert torch.allclose(network(images), network(grey), atol=1e-5)
    colour = build(made.replace(data={"grey": ""}), 32).eval()
    colour.load_state_dict(network.state_dict(), strict=False)
    assert torch.allclose(colour(grey), network(grey), atol=1e-5)  # the same scaling of the pixels


def test_a_seed_gives_the_same_weights_again():
    one, other = (build(recipe(width=8)).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_ours_begins_with_the_mean_of_the_votes():
    rng = np.random.default_rng(0)
    own = np.concatenate([rng.dirichlet(np.ones(p.stop - p.start), 50) for p in SLICES], axis=1)
    truth = cumulative(own)
    rows = np.arange(30)
    network = build(recipe(width=8, dropout=0.0), 32).eval()
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


def test_each_question_of_divided_votes_has_a_gradient_at_the_start():
    network = build(recipe(votes="dieleman"), 32)
    rng = np.random.default_rng(0)
    numbers = []
    network.votes.register_forward_pre_hook(lambda _, given: numbers.append(given[0].detach()))
    pictures = torch.from_numpy(rng.uniform(size=(8, 3, 32, 32)).astype(np.float32))
    network(pictures)
    network.measure(None, np.arange(4), rng.uniform(size=(4, 37)))
    network(pictures)
    before, after = (sum((one[:, part] <= 0).all(1).any().item() for part in SLICES) for one in numbers)
    assert before > 2  # questions without a gradient for some picture
    assert after == 0


def test_a_network_learns_a_few_pictures():
    torch.manual_seed(0)
    network = build(recipe(width=8, dropout=0.0), 32)
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
        ({"architecture": "resnet81"}, ".*resnet18.*'resnet81'"),
        ({"depth": 3}, "network: expected settings among .* got 'depth'"),
    ],
)
def test_what_is_not_known_is_refused(network, words):
    with pytest.raises(ValueError, match=words):
        build(recipe(**network))


@pytest.mark.parametrize(("architecture", "mode"), [("resnet18", "imagenet"), ("paper_cnn", "none")])
def test_constants_are_told_and_are_json(architecture, mode):
    constants = build(recipe(architecture=architecture)).normalise.constants()
    assert json.loads(json.dumps(constants))["mode"] == mode


@pytest.mark.parametrize("architecture", ["paper_cnn", "paper_resnet50", "paper_resnet50_dense"])
def test_the_papers_networks_see_the_pixels_as_they_are(architecture):
    images = torch.rand(1, 3, 68, 68)
    with torch.device("meta"):
        network = build(recipe(architecture=architecture))
    assert torch.equal(network.normalise(images), images)
    assert network.normalise.constants() == {"mode": "none"}


def test_imagenets_scale():
    assert ImageNetScale()(torch.full((1, 3, 1, 1), 0.485))[0, 0].item() == pytest.approx(0, abs=1e-6)


def test_a_resnet_that_was_trained_on_scaled_pixels_still_scales_them():
    """Before version 3 of a run, its recipe had the scaling none, which is now read as pretrained."""
    scale, images = ImageNetScale(), torch.rand(2, 3, 8, 8)
    with torch.device("meta"):
        network = build(recipe(architecture="paper_resnet50").replace(data={"normalise": "pretrained"}))
    now = network.normalise.to_empty(device="cpu")
    now.load_state_dict(scale.state_dict())
    torch.testing.assert_close(now(images), scale(images))


def test_any_tree_and_any_bands():
    """Two questions, the second only for those who answered "disc" to the first; and fractions without questions."""
    target = Target(
        "disc", "votes", ("smooth", "disc", "bar", "no bar"), "disc", questions=(("smooth", "disc"), ("bar", "no bar")),
        parents=("", "disc"),
    )  # fmt: skip
    images, bands = torch.rand(3, 5, 32, 32), ("u", "g", "r", "i", "z")
    votes = build_for(target, recipe(width=4), bands).eval()(images)
    torch.testing.assert_close(votes[:, :2].sum(1), torch.ones(3))
    torch.testing.assert_close(votes[:, 2:].sum(1), votes[:, 1])
    free = Target("a", "votes", ("a", "b"), "a")
    assert isinstance(build_for(free, recipe(width=4), bands).votes, SigmoidVotes)
    with pytest.raises(ValueError, match=r"network\.architecture: expected resnet18 for 5 bands, got paper_cnn"):
        build_for(free, recipe(architecture="paper_cnn"), bands, 68)
    with pytest.raises(ValueError, match="parents: expected an answer of an earlier question, got 'bar'"):
        target.replace(parents=("bar", "disc"))
