"""A ResNet as a list of blocks, with each batch norm folded into its convolution, for the fast occlusion engine.

In evaluation mode a batch norm is a scale and a shift per channel, so it can be merged with the weights before it. This
saves one pass over the data per layer. Only networks that are known exactly are accepted (`understands`): ours, and
those of torchvision and timm, which give their layers the same names.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from galviz.nn.explain.winograd import Tiles
from galviz.nn.networks.encoders import BasicBlock, ResNet18, WideResNet50
from galviz.nn.networks.timm_encoder import TimmEncoder

EDGE = 4
"""Width of the border around a map: the widest padding is 3; a tile may end 3 pixels outside and read one more."""

_RESNETS = {ResNet18}
_PARTS = {
    *(BasicBlock, nn.Sequential, nn.Identity),
    *(nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d),
}
_NARROW = 16  # with fewer channels, the Winograd transforms cost more than they save


class Layer:
    """A convolution with its batch norm folded in, or a max pooling, which has no weights.

    Parameters
    ----------
    layer : nn.Conv2d or nn.MaxPool2d
    norm : nn.BatchNorm2d, optional
        The batch norm after a convolution.
    repeated : bool
        Whether the image is a single band that is repeated in all input channels. Then the weights are summed over the
        channels, and the layer takes one channel.
    """

    def __init__(self, layer: nn.Module, norm: nn.BatchNorm2d | None = None, *, repeated: bool = False) -> None:
        self.kernel, self.stride, self.padding = (
            _pair(getattr(layer, name))[0] for name in ("kernel_size", "stride", "padding")
        )
        self.tiled, self.weight = False, None
        if norm is None:
            return
        # In float64, so that folding adds no rounding error to speak of.
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        weight = (layer.weight.double() * scale[:, None, None, None]).float()
        # Equal channels times their weights is the channel times the sum of the weights.
        self.weight = weight.sum(1, keepdim=True) if repeated else weight
        self.bias = (norm.bias.double() - norm.running_mean.double() * scale).float()
        # Winograd needs stride 1: with stride 2, three of four outputs of a tile would be thrown away.
        self.tiled = (self.kernel, self.stride) == (3, 1) and min(self.weight.shape[:2]) >= _NARROW
        if self.tiled:
            self.tiles = Tiles(self.weight, self.bias)
        else:
            # (y, x, input channel) × output channel: the order in which `incremental` gathers a window.
            self.matrix = self.weight.permute(2, 3, 1, 0).reshape(-1, len(weight)).contiguous()

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the height and width of the output for an input of height and width `size`."""
        return tuple((n + 2 * self.padding - self.kernel) // self.stride + 1 for n in size)

    def reach(self, box: Tensor, size: tuple[int, int]) -> Tensor:
        """Return the boxes (n, 2, 2) of the outputs that depend on input pixels in `box`.

        Parameters
        ----------
        box : Tensor of int, shape (n, 2, 2)
            First and last + 1 pixel of each axis.
        size : (int, int)
            Height and width of the output. Boxes are clipped to it.
        """
        low, high = box.unbind(-1)
        # Output o reads inputs o·stride − padding … o·stride − padding + kernel − 1. The first and last o that touch
        # the box follow from that, rounded up and down.
        low = (low + self.padding - self.kernel + self.stride).div(self.stride, rounding_mode="floor").clamp(min=0)
        high = (high + self.padding - 1).div(self.stride, rounding_mode="floor") + 1
        return torch.stack([low, high.minimum(torch.tensor(size, device=box.device))], dim=-1)


@dataclass(frozen=True)
class Block:
    """Layers, each followed by a ReLU. If `adds`, the input, or its shortcut, is added before the last ReLU."""

    layers: list[Layer]
    shortcut: Layer | None = None
    adds: bool = False


def body(network: nn.Module) -> nn.Module:
    """Return the network inside a `TimmEncoder` or `WideResNet50`, or the network itself."""
    return network.network if type(network) in (TimmEncoder, WideResNet50) else network


def understands(network: nn.Module) -> bool:
    """Return whether a network is supported: a ResNet of ours, torchvision or timm, without groups, in float32."""
    network, resnets, parts = body(network), _RESNETS, _PARTS
    library = sys.modules.get("torchvision.models.resnet")  # a network of a library that is not loaded cannot be given
    if library is not None:
        resnets, parts = resnets | {library.ResNet}, parts | {library.BasicBlock, library.Bottleneck}
    timm = sys.modules.get("timm.models.resnet")
    if timm is not None:  # else no network can be one of timm's, and importing it takes seconds
        resnets = resnets | {timm.ResNet}
        parts = parts | {timm.BasicBlock, timm.Bottleneck, sys.modules["timm.layers"].SelectAdaptivePool2d, nn.Flatten}
    # The last layer is not checked: it is applied as it is, after the features.
    modules = [module for name, module in network.named_modules() if name and not name.startswith("fc")]
    return (
        # `type`, not isinstance: a subclass may compute something else in its forward.
        type(network) in resnets
        and not getattr(network, "pixels", 0)  # an encoder that resizes its images first
        and type(network.conv1) is nn.Conv2d  # some ResNets of timm begin with three convolutions
        and type(network.maxpool) in (nn.MaxPool2d, nn.Identity)
        and all(type(module) in parts for module in modules)
        and all(_plain(module) for module in modules)
        and all(weight.dtype == torch.float32 for weight in network.parameters())
    )


def _plain(module: nn.Module) -> bool:
    """Return whether a module uses no option that `Layer` leaves out, such as groups, dilation or biases."""
    if isinstance(module, nn.BatchNorm2d):
        return module.affine and module.track_running_stats
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return module.output_size in (1, (1, 1))
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d):
        return getattr(module, "pool_type", "avg") == "avg"  # of the pooling at the end of timm's networks
    sides = [_pair(getattr(module, name)) for name in ("kernel_size", "stride", "padding", "dilation")]
    if any(len(set(pair)) > 1 for pair in sides) or sides[2][0] >= EDGE or sides[3] != (1, 1):
        return False
    if isinstance(module, nn.MaxPool2d):
        return not module.ceil_mode
    return module.groups == 1 and module.bias is None and module.padding_mode == "zeros"


def blocks(network: nn.Module) -> Iterator[Block]:
    """Yield the blocks of a supported ResNet, in the order of its forward; features are the mean over the last one."""
    network = body(network)
    yield Block([Layer(network.conv1, network.bn1, repeated=getattr(network, "replicate", False))])
    if isinstance(network.maxpool, nn.MaxPool2d):
        yield Block([Layer(network.maxpool)])
    for block in (block for k in range(1, 5) for block in getattr(network, f"layer{k}", ())):
        pairs = [
            (getattr(block, f"conv{k}"), getattr(block, f"bn{k}")) for k in (1, 2, 3) if hasattr(block, f"conv{k}")
        ]
        shortcut = None if block.downsample is None else Layer(*block.downsample)
        yield Block([Layer(*pair) for pair in pairs], shortcut, adds=True)
    if isinstance(network, ResNet18):
        yield Block([Layer(*network.neck[:2])])


def _pair(side: int | tuple[int, int]) -> tuple[int, int]:
    return side if isinstance(side, tuple) else (side, side)
