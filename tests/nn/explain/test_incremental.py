import numpy as np
import pytest
import timm
import torch
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from galviz.nn.explain import winograd
from galviz.nn.explain.fused_norms import body
from galviz.nn.explain.incremental import Incremental, understands
from galviz.nn.networks.encoders import ResNet18, WideResNet50
from galviz.nn.networks.timm_encoder import TimmEncoder


def trained(network, channels=3, steps=3):
    """A network after a few steps, so that its batch norms have statistics and weights of their own."""
    optimiser = torch.optim.SGD(network.parameters(), lr=1e-2)
    for _ in range(steps):
        loss = (network(torch.rand(4, channels, 40, 40)) ** 2).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for norm in (m for m in network.modules() if isinstance(m, nn.BatchNorm2d)):
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias, std=0.2)
    return network.eval()


def narrow(block, layers=(1, 1, 1, 1)):
    return ResNet(block, list(layers), num_classes=3)


MAKERS = {
    "resnet18-imagenet": lambda: trained(ResNet18(3, width=16)),
    "resnet18-small": lambda: trained(ResNet18(3, width=16, stem="small")),
    "resnet18-short": lambda: trained(ResNet18(3, width=16, stem="fine", stages=2)),
    "resnet18-narrow": lambda: trained(ResNet18(2, width=4, stem="small"), 2),
    "resnet18-replicate": lambda: trained(ResNet18(1, width=16, replicate=True), 1),
    "torchvision-basic": lambda: trained(narrow(BasicBlock, (1, 2, 1, 1))),
    "torchvision-bottleneck": lambda: trained(narrow(Bottleneck, (1, 2, 1, 1))),
    "timm-resnet18": lambda: trained(TimmEncoder("resnet18", 2), 2),
    "timm-bottleneck": lambda: trained(timm.create_model("resnet26", num_classes=3)),
}


@pytest.fixture(scope="module")
def networks():
    """Every kind of network, made once."""
    torch.manual_seed(0)
    return {name: make() for name, make in MAKERS.items()}


def one_by_one(network, image, cover, places, patch):
    """What the network says, a forward pass for each place."""
    shown_text = []
    for top, left in places.tolist():
        occluded = image.clone()
        window = (..., slice(top, top + patch), slice(left, left + patch))
        occluded[window] = cover[window]
        shown_text.append(network(occluded[None])[0])
    return torch.stack(shown_text)


def error(network, size, places, patch, *, seed=0, chunk=100):
    """Largest error, as a part of the largest output."""
    generator = torch.Generator().manual_seed(seed)
    channels = 1 if getattr(network, "replicate", False) else body(network).conv1.in_channels
    image, cover = torch.randn(2, channels, *size, generator=generator)
    with torch.inference_mode():
        fast = Incremental(network)
        clean = fast.clean(image)
        parts = [fast.occluded(clean, image, cover, part, patch) for part in places.split(chunk)]
        expected = one_by_one(network, image, cover, places, patch)
        assert (expected - network(image[None])).abs().max() > 1e-3 * expected.abs().max()
        return float((fast.last(torch.cat(parts)) - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("chunk", [1, 9, 10])
def test_features_are_those_of_the_occluded_image(networks, name, chunk):
    corners = [(0, 0), (0, 38), (52, 0), (52, 38)]
    inside = [(20, 13), (21, 14), (7, 30), (33, 1), (1, 2), (40, 35)]
    places = torch.tensor([*corners, *inside])  # 10 places: chunks of 9 leave one over
    assert error(networks[name], (61, 47), places, 9, chunk=chunk) < 1e-5


@settings(max_examples=12, deadline=None)
@given(
    name=st.sampled_from(list(MAKERS)),
    size=st.tuples(st.integers(16, 40), st.integers(16, 40)),
    patch=st.integers(1, 16),
    seed=st.integers(0, 1000),
)
def test_any_size_of_image_and_patch_at_any_place(networks, name, size, patch, seed):
    rng = np.random.default_rng(seed)
    tops, lefts = (rng.integers(0, side - patch + 1, 4) for side in size)
    places = torch.from_numpy(np.stack([tops, lefts], axis=1))
    assert error(networks[name], size, places, patch, seed=seed) < 1e-5


def test_a_patch_that_changes_nothing_gives_the_clean_features(networks):
    network = networks["resnet18-imagenet"]
    with torch.inference_mode():
        image = torch.randn(3, 40, 40)
        cover = image.clone()
        cover[:, 30:] = 0
        fast = Incremental(network)
        clean = fast.clean(image)
        found = fast.occluded(clean, image, cover, torch.tensor([[0, 0], [30, 0], [10, 10]]), 8)
    assert torch.equal(found[0], fast.features(clean))
    assert torch.equal(found[2], fast.features(clean))
    assert not torch.equal(found[1], fast.features(clean))


def test_a_channel_that_the_first_layer_ignores_changes_nothing():
    network = trained(ResNet18(2, width=16), 2)
    with torch.inference_mode():
        network.conv1.weight[:, 1] = 0
        image = torch.randn(2, 40, 40)
        cover = torch.stack([image[0], torch.zeros(40, 40)])
        fast = Incremental(network)
        clean = fast.clean(image)
        found = fast.occluded(clean, image, cover, torch.tensor([[3, 4], [20, 9]]), 8)
    assert torch.equal(found, fast.features(clean).expand(2, -1))


def test_the_clean_image_is_that_of_the_network(networks):
    for network in networks.values():
        channels = 1 if getattr(network, "replicate", False) else body(network).conv1.in_channels
        image = torch.randn(channels, 45, 38)
        with torch.inference_mode():
            fast, expected = Incremental(network), network(image[None])
            assert torch.allclose(fast.last(fast.features(fast.clean(image)))[None], expected, rtol=1e-4, atol=1e-4)


def changed_by(change):
    network = ResNet18(3, width=4)
    change(network)
    return network


@pytest.mark.parametrize(
    "network",
    [
        nn.Conv2d(3, 3, 3),
        ResNet(Bottleneck, [1, 1, 1, 1], groups=2, width_per_group=32),
        ResNet(Bottleneck, [1, 1, 1, 2], replace_stride_with_dilation=[False, False, True]),
        ResNet(BasicBlock, [1, 1, 1, 1], norm_layer=nn.InstanceNorm2d),
        changed_by(lambda network: setattr(network, "relu", nn.GELU())),
        changed_by(lambda network: setattr(network.maxpool, "ceil_mode", True)),
        changed_by(lambda network: setattr(network.conv1, "padding_mode", "reflect")),
        changed_by(lambda network: network.double()),
        *(TimmEncoder(name, 1) for name in ("resnet18d", "seresnet18", "resnetblur18", "resnetrs50", "convnext_atto")),
        *(timm.create_model("resnet18", num_classes=0, global_pool=pooling) for pooling in ("max", "")),
    ],
)
def test_a_network_with_other_parts_is_refused(network):
    assert not understands(network)
    with pytest.raises(ValueError, match=r"network: expected a ResNet of basic or bottleneck blocks, got .*captum"):
        Incremental(network)


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_the_usual_resnets_are_known(name):
    for network in (TimmEncoder(name, 5), timm.create_model(name), getattr(torchvision.models, name)()):
        assert understands(network)
    assert understands(WideResNet50(2))


def test_a_last_layer_may_be_anything():
    network = trained(narrow(BasicBlock))
    network.fc = nn.Sequential(nn.Linear(512, 8), nn.GELU(), nn.Linear(8, 2)).eval()
    assert error(network, (40, 40), torch.tensor([[3, 4], [9, 20]]), 8) < 1e-5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100))
def test_a_tile_is_what_the_convolution_gives(seed):
    generator = torch.Generator().manual_seed(seed)
    window, weight = (torch.randn(*shape, generator=generator) for shape in ((5, 6, 6), (7, 5, 3, 3)))
    tile = torch.full((16, 7), 2.0)
    tiles = winograd.Tiles(weight, torch.full((7,), 1.5))
    tiles.write(window.flatten(1).T.contiguous(), tile, add=False)
    again = tile.clone()
    tiles.write(window.flatten(1).T.contiguous(), again, add=True)
    expected = nn.functional.conv2d(window.double(), weight.double()).permute(1, 2, 0) + 1.5
    assert (tile.view(4, 4, 7) - expected).abs().max() < 1e-5 * expected.abs().max()
    assert (again - 2 * tile).abs().max() < 1e-5 * expected.abs().max()
