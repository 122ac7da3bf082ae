"""Augmentation: random rotations, flips, zoom and seeing, as the same object could also have been observed."""

import math

import torch
from torch import Tensor
from torch.nn import functional

from galviz.nn.training.data import dihedral

_SEEING = 0.3  # σ of the widest random blur, pixels
_APART = 0.1  # largest difference between the mean of an image and one of its bands, as a fraction of _SEEING


def augmented(images: Tensor, how: tuple[str, ...]) -> Tensor:
    """Return randomly augmented images (N, B, H, W), with the steps of `galviz.runs.recipe.Recipe.augment`.

    Random numbers come from torch's CPU generator.
    """
    if "d4" in how:
        images = dihedral(images, torch.randint(8, (len(images),)))
    if "mirror" in how:
        images = dihedral(images, torch.randint(2, (len(images),)))
    if "zoom" in how:
        images = randomly_zoomed(images)
    if "turn" in how:
        images = randomly_turned(images)
    if "seeing" in how:
        images = randomly_blurred(images)
    return images


def turned(
    images: Tensor, angle: Tensor, *, zoom: Tensor | float = 1.0, flip: Tensor | None = None, size: int | None = None
) -> Tensor:
    """Rotate images by any angle about their centre, and optionally shrink them.

    Interpolation is bilinear; pixels from outside the image are mirrored at the edge. If the result has fewer pixels,
    each is the mean of several points, which avoids aliasing.

    Parameters
    ----------
    images : Tensor, shape (N, C, H, H)
    angle : Tensor, shape (N,)
        Radians; π/2 is ``torch.rot90(image, 1, (1, 2))``.
    zoom : Tensor, shape (N,), or float
        With 2, the middle half is shown twice as large.
    flip : Tensor of bool, shape (N,), optional
        Images to mirror left–right before the rotation.
    size : int, optional
        Side of the result, pixels. By default H.

    Returns
    -------
    Tensor, shape (N, C, size, size)
    """
    count, _, side, _ = images.shape
    size = side if size is None else size
    points = math.ceil(side / size)
    angle = angle.to(images)
    zoom = torch.as_tensor(zoom).to(images).expand(count)
    mirror = torch.ones_like(angle) if flip is None else 1 - 2 * flip.to(images)
    cos, sin, none = angle.cos() / zoom, angle.sin() / zoom, torch.zeros_like(angle)
    rows = torch.stack([torch.stack([cos * mirror, -sin * mirror, none], -1), torch.stack([sin, cos, none], -1)], 1)
    grid = functional.affine_grid(rows, [count, 1, size * points, size * points], align_corners=False)
    drawn = functional.grid_sample(images, grid.to(images), padding_mode="reflection", align_corners=False)
    return drawn if points == 1 else functional.avg_pool2d(drawn, points)


def randomly_turned(images: Tensor, *, zoom: float = 1.1, size: int | None = None) -> Tensor:
    """Rotate images by random angles, mirror half of them, and zoom by 1/`zoom` … `zoom`; see `turned`.

    Random numbers come from torch's CPU generator.
    """
    angle, power, flip = torch.rand(3, len(images))
    return turned(images, 2 * math.pi * angle, zoom=zoom ** (2 * power - 1), flip=flip < 0.5, size=size)


def randomly_zoomed(images: Tensor, *, zoom: float = 1.1) -> Tensor:
    """Zoom images by 1/`zoom` … `zoom` about their centre; see `turned`."""
    power = torch.rand(len(images))
    return turned(images, torch.zeros(len(images)), zoom=zoom ** (2 * power - 1))


def blurred(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur images slightly, with 3×3 kernels that have the variance of a Gaussian. Edge pixels are repeated.

    Parameters
    ----------
    images : Tensor, shape (N, B, H, W)
    sigma : Tensor, shape (N, B), or (N, 1)
        Standard deviations in pixels, at most 0.8. With 0 the image is unchanged.

    Returns
    -------
    Tensor, shape (N, B, H, W)
    """
    variance = (sigma.to(images) ** 2)[..., None, None]
    side = variance / (2 * (1 - variance))
    wide = functional.pad(images, (1, 1, 1, 1), mode="replicate")
    tall = (wide[..., 1:-1] + side * (wide[..., 2:] + wide[..., :-2])) / (1 + 2 * side)
    return (tall[..., 1:-1, :] + side * (tall[..., 2:, :] + tall[..., :-2, :])) / (1 + 2 * side)


def randomly_blurred(images: Tensor) -> Tensor:
    """Blur each image (B, H, W) by up to 0.3 pixels, nearly equally in all bands.

    Without it, a network that was trained on fields with one seeing is biased on fields with another: it notices how
    sharp the sources are, and counts blended galaxies wrongly.
    """
    count, bands = images.shape[:2]
    sigma = torch.rand(count, 1) + _APART * (2 * torch.rand(count, bands) - 1)
    return blurred(images, _SEEING * sigma.clamp(min=0))
