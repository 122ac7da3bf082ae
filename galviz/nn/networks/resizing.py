"""Images that are resized on their way into an encoder."""

from functools import partial

from torch import Tensor, nn
from torch.nn import functional


def resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Return images of another size: (N, C, H, W) -> (N, C, *size), averaged where they are shrunk."""
    if tuple(images.shape[2:]) == size:
        return images
    return functional.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def resizing(encoder: nn.Module, pixels: int) -> nn.Module:
    """Let an encoder resize its images to `pixels` on a side first, and return it; with 0 it is left as it is.

    The names of its weights stay, so they fit those of other runs. Its attribute ``pixels`` is set.
    """
    if pixels:
        encoder.pixels = pixels
        encoder.register_forward_pre_hook(partial(_resize, pixels))
    return encoder


def _resize(pixels: int, _: nn.Module, images: tuple[Tensor]) -> Tensor:
    return resized(images[0], (pixels, pixels))
