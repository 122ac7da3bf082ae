"""Features pooled over blocks, rotations and flips, of images that are shrunk first."""

import pytest
import torch
from torch.nn import functional

from galviz.nn.networks.pooled_encoder import PooledEncoder
from galviz.nn.networks.timm_encoder import TimmEncoder

NAMES = ["resnet18", "efficientnet_lite0", "test_vit"]


def features(encoder, images):
    with torch.inference_mode():
        return encoder.eval()(images)


@pytest.mark.parametrize("name", NAMES)
def test_rotated_and_flipped_images_have_the_same_features(name):
    images = torch.randn(2, 3, 64, 64)
    encoder = PooledEncoder(name, 3, blocks=True, views=8, size=64)
    found = features(encoder, images)
    assert found.shape == (2, encoder.features)
    for same in (torch.rot90(images, 1, (2, 3)), images.flip(3), images.flip(2), images.transpose(2, 3)):
        torch.testing.assert_close(features(encoder, same), found, rtol=1e-3, atol=1e-4)
    alone = PooledEncoder(name, 3, blocks=True, size=64)
    assert not torch.allclose(features(alone, images), features(alone, images.flip(3)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_add_to_the_features_of_the_last_layer(name):
    torch.manual_seed(0)
    images, last = torch.randn(2, 3, 64, 64), TimmEncoder(name, 3, size=64)
    pooled = PooledEncoder(name, 3, blocks=True, size=64)
    pooled.load_state_dict(last.state_dict())
    found = features(pooled, images)
    assert found.shape[1] > last.features
    torch.testing.assert_close(found[:, -last.features :], features(last, images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_larger_images_are_shrunk(name):
    images = torch.randn(2, 3, 96, 96)
    encoder = PooledEncoder(name, 3, pixels=32, size=96)
    assert encoder.size is None
    small = functional.interpolate(images, (32, 32), mode="bilinear", antialias=True)
    torch.testing.assert_close(features(encoder, images), features(encoder, small))
    if name != "test_vit":
        torch.testing.assert_close(features(encoder, images), encoder.network(small))


@pytest.mark.parametrize("pixels", [0, 32])
def test_features_of_the_middle_are_added(pixels):
    images = torch.randn(2, 3, 80, 80)
    encoder = PooledEncoder("resnet18", 3, pixels=pixels, centre=0.6, views=2)
    found = features(encoder, images)
    assert found.shape == (2, encoder.features) == (2, 1024)
    whole = PooledEncoder("resnet18", 3, pixels=pixels, views=2)
    whole.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(found[:, :512], features(whole, images))
    side = (pixels, pixels) if pixels else (80, 80)
    inner = functional.interpolate(images[:, :, 16:64, 16:64], side, mode="bilinear", antialias=True)
    torch.testing.assert_close(found[:, 512:], features(whole, inner))


def test_an_architecture_whose_blocks_cannot_be_read_is_named(monkeypatch):
    import timm

    monkeypatch.delattr(timm.models.resnet.ResNet, "forward_intermediates")
    with pytest.raises(ValueError, match=r"network\.pooling: expected last for resnet18"):
        PooledEncoder("resnet18", 3, blocks=True)
