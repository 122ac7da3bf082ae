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

_STEP = {"kernel_size": 4, "stride": 2, "padding": 1}  # every convolution doubles or halves the image
_LAST = 0.2
_CHUNK = 256
_ROWS = 4096  # largest number of objects from which pixel scales are measured


class Up(nn.Module):
    """Residual block to twice the size and half the channels: ReLU(transposed convolution) + transposed convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.main = nn.ConvTranspose2d(channels, channels // 2, **_STEP)
        self.skip = nn.ConvTranspose2d(channels, channels // 2, **_STEP)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) -> (N, C/2, 2H, 2W)."""
        return torch.relu(self.main(x)) + self.skip(x)


class Generator(nn.Module):
    """Generator from latents (N, D) to images (N, B, size, size), without any normalisation.

    A linear layer gives `width` channels of 2×2 pixels; blocks double the image and halve the channels; a transposed
    convolution without activation doubles it once more. Initial weights preserve the variance, except that the last
    layer is scaled by 1/5, because wrong structure takes longer to unlearn than to learn.

    Parameters
    ----------
    bands : int
        Number of bands B.
    size : int
        Height and width of an image: 32 has three blocks, 64 four.
    width : int
        Channels at 2×2 pixels; 1024 as published.
    latent : int
        Number D of latents per image.

    References
    ----------
    Murray, Fabbro & Yi (2019), section 2.1. The 4098 outputs there must be 4096 = 4 · 1024, and the last layer must
    double the image. The kernel size is not given; 4 with stride 2 avoids a chequerboard pattern.
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
        """Return images (N, B, H, W) from latents (N, D)."""
        return self.last(self.blocks(self.fc(z).reshape(len(z), -1, 2, 2)))


class Down(nn.Module):
    """Residual block that halves an image: the mirror of `Up`, with LeakyReLU 0.2 and normalised convolutions."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.main = nn.Sequential(_convolution(channels, 2 * channels, groups), nn.LeakyReLU(0.2))
        self.skip = _convolution(channels, 2 * channels, groups)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, C, H, W) -> (N, 2C, H/2, W/2)."""
        return self.main(x) + self.skip(x)


class Mirror(nn.Module):
    """Network from images (N, B, size, size) to `outputs` numbers: the discriminator (1) or the embedder (D).

    The generator in reverse: a convolution with LeakyReLU halves the image, blocks halve it and double the channels,
    and a linear layer follows. Every layer has spectral normalisation, and every convolution also group normalisation.

    Parameters
    ----------
    bands, size, width : int
        As in `Generator`.
    outputs : int
        1 for a discriminator, D for an embedder.
    groups : int
        Groups of the group normalisation, 4 as published. 0: none. Group normalisation hides the overall brightness of
        an image from the network.

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
        """Return the outputs of images: (N, B, H, W) -> (N, `outputs`)."""
        return self.fc(self.blocks(self.first(images)).flatten(1))


class Scale(nn.Module):
    """Pixel scaling to values of order one, per band, and its inverse.

    y = (f(x) − μ) / σ with μ and σ the mean and standard deviation of f over all pixels of the training images. With
    softening s > 0, f(x) = asinh(x / (s n)), where n is the pixel noise. Faint pixels stay linear, and a galaxy that is
    a thousand times brighter does not dominate. With s = 0, f(x) = x, as published.

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
        """Set the constants from up to 4096 of these rows, evenly spaced."""
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
        """Return scaled images, from images (N, B, H, W) in the unit of the cutouts."""
        return (self._bend(images) - self.mean) / self.std

    def inverse(self, scaled: Tensor) -> Tensor:
        """Return images in the unit of the cutouts, from scaled images (N, B, H, W)."""
        bent = scaled * self.std + self.mean
        return self.unit * torch.sinh(bent) if self.softening > 0 else bent

    def constants(self) -> dict[str, object]:
        """Return the constants as JSON values, for ``run.json``."""
        numbers = {name: value.flatten().tolist() for name, value in self.named_buffers()}
        return {"mode": "asinh" if self.softening > 0 else "linear", "softening": self.softening, **numbers}


class Trained(nn.Module):
    """The parts of a GAN that best fits need: pixel scale, generator and embedder, frozen.

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
    """The networks that are trained together, with their pixel scale.

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
        """Update the running mean of the generator's weights with weight 1 − `decay` for the current ones."""
        for mean, now in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, 1 - decay)

    def trained(self) -> Trained:
        """Return copies of the scale, the running mean of the generator, and the embedder."""
        return Trained(*map(deepcopy, (self.scale, self.average, self.embedder)))


def build(recipe: Recipe, bands: int, size: int = 32) -> LSGAN:
    """Build the networks that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its ``network``: ``width`` and ``latent`` of `Generator`, ``groups`` of `Mirror`, ``softening`` of `Scale`.
    bands, size : int
        Number of bands and side of the images.

    Raises
    ------
    ValueError
        If the architecture is another, or size or width are invalid.
    """
    options = recipe.network
    if options.architecture != "lsgan":
        raise ValueError(f"network.architecture: expected lsgan, got {options.architecture}.")
    width, latent, groups = options.width, options.latent, options.groups
    torch.manual_seed(recipe.seed)
    return LSGAN(
        Scale(bands, options.softening),
        Generator(bands, size, width, latent),
        Mirror(bands, size, width, 1, groups),
        Mirror(bands, size, width, latent, groups),
    )


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return ½ mean (D(x) − 1)² + ½ mean D(G(z))²: 0 if all fakes are recognised, ¼ if D is always ½.

    References
    ----------
    Mao et al. (2017), arXiv:1611.04076, eq. 2 with a = 0, b = 1.
    """
    return 0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()


def generator_loss(fake: Tensor) -> Tensor:
    """Return ½ mean (D(G(z)) − 1)²; Mao et al. (2017), eq. 2 with c = 1."""
    return 0.5 * (fake - 1).square().mean()


def embedder_loss(z: Tensor, embedded: Tensor) -> Tensor:
    """Return the mean of ‖z − E(G(z))‖² for latents (N, D); Murray, Fabbro & Yi (2019), eq. 1."""
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
    """Set weights that preserve the variance: each output has 4 taps per channel, and ReLU(a) + b has 3/2 of a's."""
    for name, layer in generator.named_modules():
        if isinstance(layer, nn.Linear | nn.ConvTranspose2d):
            taps = layer.in_features if isinstance(layer, nn.Linear) else 4 * layer.in_channels
            layer.weight.normal_(0, math.sqrt((2 / 3 if name.startswith("blocks") else 1) / taps))
            layer.bias.zero_()
    generator.last.weight.mul_(_LAST)


def _values(cutouts: CutoutSet, rows: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(rows), _CHUNK):
        yield cutouts.images[rows[start : start + _CHUNK]]
