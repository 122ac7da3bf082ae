"""The networks of the GAN: their shape as published, and losses with known values."""

import numpy as np
import pytest
import torch

from galviz.nn.gan.lsgan import Generator, Mirror, Scale, build, discriminator_loss, embedder_loss, generator_loss
from galviz.runs.recipe import Recipe

RECIPE = Recipe(
    name="tiny",
    epochs=1,
    batch=4,
    network={"architecture": "lsgan", "width": 32, "latent": 6, "softening": 3.0},
    optimiser={"learning_rates": {"generator": 1e-3, "discriminator": 1e-3, "embedder": 1e-3}},
)


def count(network):
    return sum(p.numel() for p in network.parameters())


def test_the_published_generator_has_22_million_parameters():
    generator = Generator(5)
    blocks = sum(2 * (2 * c * c * 16 + c) for c in (512, 256, 128))
    assert count(generator) == 64 * 4096 + 4096 + blocks + 128 * 5 * 16 + 5
    assert round(count(generator) / 1e6, 1) == 22.3
    assert [m.in_channels for m in generator.modules() if isinstance(m, torch.nn.ConvTranspose2d)] == [
        *(1024, 1024, 512, 512, 256, 256, 128)
    ]


@pytest.mark.parametrize(("bands", "size", "width"), [(5, 32, 32), (3, 32, 64), (1, 64, 64), (5, 16, 16)])
def test_images_have_the_bands_and_size_asked_for(bands, size, width):
    images = Generator(bands, size, width, 6)(torch.randn(3, 6))
    assert images.shape == (3, bands, size, size)
    assert Mirror(bands, size, width, 1)(images).shape == (3, 1)
    assert Mirror(bands, size, width, 6, groups=0)(images).shape == (3, 6)


def test_a_block_is_relu_of_one_convolution_plus_another():
    block = Generator(5, 32, 32, 6).blocks[0]
    x = torch.randn(2, 32, 2, 2)
    torch.testing.assert_close(block(x), block.main(x).clamp(min=0) + block.skip(x))


def test_variance_goes_through_the_generator():
    torch.manual_seed(0)
    generator = Generator(5, 32, 128)
    channels = generator.blocks(generator.fc(torch.randn(200, 64)).reshape(200, -1, 2, 2))
    assert 0.5 < channels[:, :, 4:-4, 4:-4].square().mean().item() < 1.5  # pixels at the rim have fewer taps
    assert 0.1 < generator.last(channels).std().item() < 0.25


def test_every_layer_of_the_mirror_has_spectral_norm_one():
    torch.manual_seed(0)
    mirror = Mirror(5, 32, 32, 6)
    images = torch.randn(4, 5, 32, 32)
    for _ in range(50):
        mirror(images)
    mirror.eval()
    layers = [m for m in mirror.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 8
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() == pytest.approx(1, rel=0.05)
    assert sum(isinstance(m, torch.nn.GroupNorm) and m.num_groups == 4 for m in mirror.modules()) == 7


def test_discriminator_and_embedder_differ_in_the_last_layer_only():
    one, many = Mirror(5, 32, 32, 1), Mirror(5, 32, 32, 64)
    assert count(many) - count(one) == 63 * (4 * 32 + 1)


def test_losses_have_known_values():
    ones, zeros = torch.ones(8, 1), torch.zeros(8, 1)
    assert discriminator_loss(ones, zeros) == 0
    assert discriminator_loss(zeros, ones) == 1
    assert discriminator_loss(ones / 2, ones / 2) == 0.25
    assert (generator_loss(ones), generator_loss(zeros)) == (0, 0.5)
    z = torch.zeros(4, 64)
    assert embedder_loss(z, z) == 0
    assert embedder_loss(z, z + 1) == 64


@pytest.mark.parametrize("softening", [0.0, 3.0])
def test_scaled_pixels_have_mean_0_and_std_1_and_come_back(tiny_sky, softening):
    scale = Scale(5, softening)
    scale.fit(tiny_sky, np.arange(8))
    images = torch.from_numpy(tiny_sky.images[:8])
    scaled = scale(images)
    torch.testing.assert_close(scaled.mean((0, 2, 3)), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(scaled.std((0, 2, 3), correction=0), torch.ones(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(scale.inverse(scaled), images, atol=1e-5, rtol=1e-4)
    assert scale.constants()["mode"] == ("asinh" if softening else "linear")


def test_linear_scales_keep_differences_and_asinh_compresses_them(tiny_sky):
    bright = torch.tensor([0.0, 1e3, 2e3]).reshape(3, 1, 1, 1).expand(3, 5, 1, 1)
    for softening, ratio in ((0.0, 1.0), (3.0, 0.3)):
        scale = Scale(5, softening)
        scale.fit(tiny_sky, np.arange(12))
        low, middle, high = scale(bright)[:, 0, 0, 0]
        assert ((high - middle) / (middle - low)).item() <= ratio + 1e-4


def test_networks_are_those_of_their_seed():
    first, same, other = (build(RECIPE.replace(seed=seed), 5).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(value, same[key]) for key, value in first.items())
    assert not torch.equal(first["generator.fc.weight"], other["generator.fc.weight"])


def test_the_average_follows_the_generator():
    network = build(RECIPE, 5)
    before = network.average.fc.weight.clone()
    with torch.no_grad():
        network.generator.fc.weight += 1
    network.follow(0.75)
    torch.testing.assert_close(network.average.fc.weight, before + 0.25)
    assert not any(p.requires_grad for p in network.average.parameters())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"depth": 3}, "network: expected settings among .*, got 'depth'"),
        ({"width": 30}, "width: expected a multiple of 8 for images of 32 pixels, got 30"),
        ({"width": 16}, "width: expected at least 4 channels a convolution in 4 groups, got 2"),
    ],
)
def test_networks_that_cannot_be_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        build(RECIPE.replace(network=changes), 5)


@pytest.mark.parametrize("size", [0, 4, 33, 48])
def test_sizes_that_cannot_be_halved_are_refused(size):
    with pytest.raises(ValueError, match=f"size: expected a power of two of at least 8, got {size}"):
        Generator(5, size)
