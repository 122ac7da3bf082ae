"""Generator, discriminator and embedder of a least-squares GAN for small images, and their losses."""

import math
from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from galviz.io.lazy_array import spaced
from galviz.nn.networks.normalise import pixel_noise
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet

_DEFAULTS = {"width": 1024, "latent": 64, "groups": 4, "softening": 0.0}
_STEP = {"kernel_size": 4, "stride": 2, "padding": 1}  # of every convolution: doubles or halves the image
_LAST = 0.2
_CHUNK = 256
_ROWS = 4096  # objects that pixel scales are measured on


class Up(nn.Module):
    """Residual block to twice the size and half the channels: ReLU(transposed convolution) + transposed convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.ConvTranspose2d(channels, channels // 2, **_STEP)
        self.skip = nn.ConvTranspose2d(channels, channels // 2, **_STEP)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, C, H, W) -> (N, C/2, 2H, 2W)."""
        return torch.relu(self.main(x)) + self.skip(x)


class Generator(nn.Module):
    """From latents (N, D) to images (N, B, size, size), without any normalisation.

    A layer of weights gives `width` channels of 2×2 pixels; blocks double the image and halve the channels; a
    transposed convolution without activation doubles it once more. Weights begin so that variance goes through; those
    of the last layer are a fifth of that, for what is wrong at first is learned faster than it is unlearned.

    Parameters
    ----------
    bands : int
        Number of bands B.
    size : int
        Height and width of an image: 32 has three blocks, 64 four.
    width : int
        Channels at 2×2; 1024 as published.
    latent : int
        Numbers D that describe an image.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.1; 4098 outputs there must be 4096 = 4 · 1024, and the last layer must double
    the image. The kernel is not given; 4 with stride 2 leaves no chequerboard.
    """

    def __init__(self, bands: int, size: int = 32, width: int = 1024, latent: int = 64) -> None:
        super().__init__()
        blocks = _blocks(size, width)
        self.latent, self.shape = latent, (bands, size, size)
        self.fc = nn.Linear(latent, 4 * width)
        self.blocks = nn.Sequential(*[Up(width >> k) for k in range(blocks)])
        self.last = nn.ConvTranspose2d(width >> blocks, bands, **_STEP)
        _keep_variance(self)

    def forward(self, z: Tensor) -> Tensor:
        """Compute images (N, B, H, W) of latents (N, D)."""
        return self.last(self.blocks(self.fc(z).reshape(len(z), -1, 2, 2)))


class Down(nn.Module):
    """Residual block that halves an image: the mirror of `Up`, with LeakyReLU 0.2 and normalised convolutions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.main = nn.Sequential(_convolution(channels, 2 * channels, groups), nn.LeakyReLU(0.2))
        self.skip = _convolution(channels, 2 * channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        """Compute (N, C, H, W) -> (N, 2C, H/2, W/2)."""
        return self.main(x) + self.skip(x)


class Mirror(nn.Module):
    """From images (N, B, size, size) to `outputs` numbers: the discriminator (1) and the embedder (D).

    The generator in reverse: a convolution with LeakyReLU halves the image, blocks halve it and double the channels, a
    layer of weights ends it. Every layer has spectral normalisation, every convolution group normalisation after it.

    Parameters
    ----------
    bands, size, width : int
        As of `Generator`.
    outputs : int
        1 for a discriminator, D for an embedder.
    groups : int
        Of the group normalisation, 4 as published; 0 leaves it out. It hides from the network how bright an image is
        as a whole.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.1; Miyato et al. (2018), arXiv:1802.05957; Wu & He (2018), arXiv:1803.08494.
    """

    def __init__(self, bands: int, size: int = 32, width: int = 1024, outputs: int = 1, groups: int = 4) -> None:
        super().__init__()
        blocks = _blocks(size, width)
        self.first = nn.Sequential(_convolution(bands, width >> blocks, groups), nn.LeakyReLU(0.2))
        self.blocks = nn.Sequential(*[Down(width >> k, groups) for k in range(blocks, 0, -1)])
        self.fc = spectral_norm(nn.Linear(4 * width, outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Compute (N, `outputs`) of images (N, B, H, W)."""
        return self.fc(self.blocks(self.first(images)).flatten(1))


class Scale(nn.Module):
    """Scale pixels to numbers of order one, band by band, and back.

    y = (f(x) − μ) / σ with μ and σ the mean and standard deviation of f over all pixels of the training images. With
    softening s > 0, f(x) = asinh(x / (s n)), n the noise of a pixel: what is fainter stays linear, a galaxy that is a
    thousand times brighter does not drown the others. With s = 0, f(x) = x, as published.

    Parameters
    ----------
    bands : int
        Number of bands B.
    softening : float
        s, in units of the noise.
    """

    def __init__(self, bands: int, softening: float = 0.0) -> None:
        super().__init__()
        self.softening = softening
        for name, value in (("unit", 1.0), ("mean", 0.0), ("std", 1.0)):
            self.register_buffer(name, torch.full((bands, 1, 1), value))

    def fit(self, cutouts: CutoutSet, rows: np.ndarray) -> None:
        """Measure the constants on up to 4096 of these rows, evenly spaced."""
        rows = spaced(rows, _ROWS)
        if self.softening > 0:
            noise = np.median(np.concatenate([pixel_noise(values) for values in _values(cutouts, rows)]), axis=0)
            unit = self.softening * np.where(noise > 0, noise, 1.0)
            self.unit.copy_(torch.as_tensor(unit).reshape(-1, 1, 1))
        moments = np.zeros((2, len(self.mean)))
        for values in _values(cutouts, rows):
            bent = self._bend(torch.from_numpy(values)).double().numpy()
            moments += np.array([bent, bent**2]).mean((3, 4)).sum(1)
        mean, square = moments / len(rows)
        std = np.sqrt(np.maximum(square - mean**2, 0))
        self.mean.copy_(torch.as_tensor(mean).reshape(-1, 1, 1))
        self.std.copy_(torch.as_tensor(np.where(std > 0, std, 1.0)).reshape(-1, 1, 1))

    def _bend(self, images: Tensor) -> Tensor:
        return torch.asinh(images / self.unit) if self.softening > 0 else images

    def forward(self, images: Tensor) -> Tensor:
        """Scale images (N, B, H, W), in the unit of the cutouts."""
        return (self._bend(images) - self.mean) / self.std

    def inverse(self, scaled: Tensor) -> Tensor:
        """Turn scaled images (N, B, H, W) back into the unit of the cutouts."""
        bent = scaled * self.std + self.mean
        return self.unit * torch.sinh(bent) if self.softening > 0 else bent

    def constants(self) -> dict[str, object]:
        """Give the constants as JSON values, for ``run.json``."""
        numbers = {name: value.flatten().tolist() for name, value in self.named_buffers()}
        return {"mode": "asinh" if self.softening > 0 else "linear", "softening": self.softening, **numbers}


class Trained(nn.Module):
    """What best fits need of a GAN: pixel scale, generator and embedder, frozen.

    Attributes
    ----------
    scale : Scale
    generator : Generator
    embedder : Mirror
    """

    def __init__(self, scale: Scale, generator: Generator, embedder: Mirror) -> None:
        super().__init__()
        self.scale, self.generator, self.embedder = scale, generator, embedder
        self.eval().requires_grad_(requires_grad=False)


class LSGAN(nn.Module):
    """The networks that are trained together, with the scale of the pixels they see.

    Attributes
    ----------
    scale : Scale
    generator : Generator
    discriminator, embedder : Mirror
    average : Generator
        Running mean of the generator's weights; best fits use it.
    """

    def __init__(self, scale: Scale, generator: Generator, discriminator: Mirror, embedder: Mirror) -> None:
        super().__init__()
        self.scale, self.generator, self.discriminator, self.embedder = scale, generator, discriminator, embedder
        self.average = deepcopy(generator).requires_grad_(requires_grad=False)

    @torch.no_grad()
    def follow(self, decay: float) -> None:
        """Move the mean of the generator's weights by 1 − `decay` towards what they are."""
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)

    def trained(self) -> Trained:
        """Give copies of the scale, of the generator's running mean and of the embedder."""
        return Trained(*map(deepcopy, (self.scale, self.average, self.embedder)))


def build(recipe: Recipe, bands: int, size: int = 32) -> LSGAN:
    """Build the networks that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its ``network``: ``width`` and ``latent`` of `Generator`, ``groups`` of `Mirror`, ``softening`` of `Scale`.
    bands, size : int
        Of the images.

    Raises
    ------
    ValueError
        If an argument is not known, or size or width do not fit.
    """
    options = _DEFAULTS | recipe.network
    unknown = sorted(options.keys() - _DEFAULTS.keys())
    if unknown:
        raise ValueError(f"network: expected arguments among {', '.join(_DEFAULTS)}, got {unknown[0]!r}.")
    width, latent, groups = options["width"], options["latent"], options["groups"]
    torch.manual_seed(recipe.seed)
    return LSGAN(
        Scale(bands, options["softening"]),
        Generator(bands, size, width, latent),
        Mirror(bands, size, width, 1, groups),
        Mirror(bands, size, width, latent, groups),
    )


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Compute ½ mean (D(x) − 1)² + ½ mean D(G(z))²: 0 where all are told apart, ¼ where none are.

    References
    ----------
    Mao et al. (2017), arXiv:1611.04076, eq. 2 with a = 0, b = 1.
    """
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Compute ½ mean (D(G(z)) − 1)²; Mao et al. (2017), eq. 2 with c = 1."""
    return 0.5 * (fake - 1).square().mean()


def embedder_loss(z: Tensor, embedded: Tensor) -> Tensor:
    """Compute the mean of ‖z − E(G(z))‖², latents (N, D); Murray, Fabbro & Yi (2019), eq. 1."""
    return (z - embedded).square().sum(1).mean()


def _blocks(size: int, width: int) -> int:
    blocks = int(math.log2(size)) - 2 if size > 0 else 0
    if size != 4 * 2**blocks or blocks < 1:
        raise ValueError(f"size: expected a power of two of at least 8, got {size}. Cut images of 32 or 64 pixels.")
    if width < 1 or width % 2**blocks:
        raise ValueError(f"width: expected a multiple of {2**blocks} for images of {size} pixels, got {width}.")
    return blocks


def _convolution(channels: int, outputs: int, groups: int) -> nn.Sequential:
    if groups and outputs % groups:
        raise ValueError(f"width: expected at least {groups} channels a convolution in {groups} groups, got {outputs}.")
    norm = [nn.GroupNorm(groups, outputs)] if groups else []
    return nn.Sequential(spectral_norm(nn.Conv2d(channels, outputs, **_STEP)), *norm)


@torch.no_grad()
def _keep_variance(generator: Generator) -> None:
    """Set weights so that variance 1 goes through: each output pixel has 4 taps a channel; ReLU(a) + b has 3/2 of a."""
    for name, layer in generator.named_modules():
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            taps = layer.in_features if isinstance(layer, nn.Linear) else 4 * layer.in_channels
            layer.weight.normal_(0, math.sqrt((2 / 3 if name.startswith("blocks") else 1) / taps))
            layer.bias.zero_()
    generator.last.weight.mul_(_LAST)


def _values(cutouts: CutoutSet, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _CHUNK):
        yield cutouts.images[rows[start : start + _CHUNK]]
