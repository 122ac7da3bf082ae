"""`PooledEncoder`: an architecture of `timm` whose features are pooled over its blocks, rotations and flips."""

import torch
from torch import Tensor
from torch.nn import functional

from galviz.nn.networks.timm_encoder import TimmEncoder


class PooledEncoder(TimmEncoder):
    """An encoder that shrinks the images, and averages the features of several views of each.

    Parameters
    ----------
    name, channels, size, mean_max
        As in `TimmEncoder`.
    blocks : bool
        Append mean and scatter of the feature maps of all blocks to the features of the last layer. An encoder that is
        not trained further knows edges and textures of galaxies better in its middle blocks than in its last ones.
    pixels : int
        Larger images are shrunk to this size. 0: they are not.
    views : int
        1 … 8 rotations and flips. With 8, the features do not depend on the orientation of the image.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        *,
        blocks: bool = False,
        pixels: int = 0,
        views: int = 1,
        size: int | None = None,
        mean_max: bool = False,
    ) -> None:
        super().__init__(name, channels, size=min(size, pixels) if size and pixels else size, mean_max=mean_max)
        self.blocks, self.pixels, self.views = blocks, pixels, views
        if blocks and not hasattr(self.network, "forward_intermediates"):
            raise ValueError(f"network.pooling: expected last for {name}, whose blocks cannot be read, got blocks.")
        if pixels:
            self.size = None  # any size is made the one that it fits
        if blocks:
            width = size or 64
            with torch.no_grad():
                self.features = self.eval()(torch.zeros(1, channels, width, width)).shape[1]
            self.train()

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, C, H, W) -> (N, F)."""
        if self.pixels and max(images.shape[2:]) > self.pixels:
            side = (self.pixels, self.pixels)
            images = functional.interpolate(images, side, mode="bilinear", antialias=True, align_corners=False)
        total = self._of_one_view(images)
        for k in range(1, self.views):
            view = torch.rot90(images, k % 4, (2, 3))
            total = total + self._of_one_view(view.flip(3) if k >= 4 else view)
        return total / self.views

    @staticmethod
    def upright(maps: Tensor, k: int) -> Tensor:
        """Return maps (N, C, H, W) of view k, turned back to the orientation of the image."""
        return torch.rot90(maps.flip(3) if k >= 4 else maps, -k % 4, (2, 3))

    def _of_one_view(self, images: Tensor) -> Tensor:
        if not self.blocks:
            return self.network(images)
        last, maps = self.network.forward_intermediates(images, output_fmt="NCHW")
        pooled = [torch.cat([m.mean((2, 3)), (m.var((2, 3), correction=0) + 1e-8).sqrt()], 1) for m in maps]
        return torch.cat([*pooled, self.network.forward_head(last)], 1)
