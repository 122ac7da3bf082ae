"""`PooledEncoder`: an architecture of `timm` whose features are pooled over its blocks, rotations and flips."""

import torch
from torch import Tensor

from galviz.nn.networks.resizing import resized
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
    centre : float
        Append the features of the middle of the image, this share of its width and height, enlarged to the size of the
        whole. 0: they are not appended.
    """

    def __init__(
        self,
        name: str,
        channels: int,
        *,
        blocks: bool = False,
        pixels: int = 0,
        views: int = 1,
        centre: float = 0.0,
        size: int | None = None,
        mean_max: bool = False,
    ) -> None:
        super().__init__(name, channels, size=min(size, pixels) if size and pixels else size, mean_max=mean_max)
        self.blocks, self.pixels, self.views, self.centre = blocks, pixels, views, centre
        self.features *= 2 if centre else 1
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
        size = tuple(images.shape[2:])
        if self.pixels and max(size) > self.pixels:
            size = (self.pixels, self.pixels)
        found = [self._of_views(resized(images, size))]
        if self.centre:
            found.append(self._of_views(resized(middle(images, self.centre), size)))
        return torch.cat(found, 1)

    def upright(self, maps: Tensor, k: int) -> Tensor:
        """Return the maps (N, C, H, W) of call k of the network, turned back and moved to their place in the image."""
        part, view = divmod(k, self.views)
        maps = torch.rot90(maps.flip(3) if view >= 4 else maps, -view % 4, (2, 3))
        if not part:
            return maps
        inner = middle(maps, self.centre)
        found = torch.zeros_like(maps)
        middle(found, self.centre).copy_(resized(maps, tuple(inner.shape[2:])))
        return found

    def _of_views(self, images: Tensor) -> Tensor:
        total = self._of_one_view(images)
        for k in range(1, self.views):
            view = torch.rot90(images, k % 4, (2, 3))
            total = total + self._of_one_view(view.flip(3) if k >= 4 else view)
        return total / self.views

    def _of_one_view(self, images: Tensor) -> Tensor:
        if not self.blocks:
            return self.network(images)
        last, maps = self.network.forward_intermediates(images, output_fmt="NCHW")
        pooled = [torch.cat([m.mean((2, 3)), (m.var((2, 3), correction=0) + 1e-8).sqrt()], 1) for m in maps]
        return torch.cat([*pooled, self.network.forward_head(last)], 1)


def middle(images: Tensor, share: float) -> Tensor:
    """Return the middle of images or maps, this share of their height and width, as a view: (N, C, H, W)."""
    height, width = (max(1, round(share * side)) for side in images.shape[2:])
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return images[:, :, top : top + height, left : left + width]
