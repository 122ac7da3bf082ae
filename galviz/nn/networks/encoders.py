"""Encoders from images of any size to features: a ResNet-18 of any width, and a wide ResNet-50."""

from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from galviz.nn.networks.timm_encoder import TimmEncoder, inflated

Stem = Literal["imagenet", "small", "fine"]
_BLOCKS = (2, 2, 2, 2)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: torchvision's block of this name, with its layer names.

    It is written out here because importing torchvision takes two seconds of processor time, which a page that waits
    for its first map would wait for.

    Parameters
    ----------
    inputs, outputs : int
        Channels.
    stride : int
        Of the first convolution.
    downsample : nn.Module, optional
        The shortcut, where it is not the input itself.

    References
    ----------
    He et al. (2016), CVPR, figure 2.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1, downsample: nn.Module | None = None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample, self.stride = downsample, stride

    def forward(self, images: Tensor) -> Tensor:
        """Return the output of the block: (N, C, H, W) -> (N, C', H / stride, W / stride)."""
        shortcut = images if self.downsample is None else self.downsample(images)
        found = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(images)))))
        found += shortcut
        return self.relu(found)


class MeanMax(nn.Module):
    """Mean and maximum over each feature map: (N, F, h, w) -> (N, 2 F). The maximum keeps what is small and bright."""

    def forward(self, maps: Tensor) -> Tensor:
        """Return the means, then the maxima."""
        return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], 1)


class ResNet18(nn.Module):
    """ResNet-18, or its first stages, with a 1×1 convolution, batch norm and ReLU before the global average pooling.

    Built from `BasicBlock`, with the layer names of `torchvision.models.resnet18`. The 1×1 convolution is
    from Liang et al. They do not give its width; 512 → 512 keeps the 512 features that their heads take.

    Parameters
    ----------
    channels : int
        Channels C of the images: 1 for a single band.
    width : int
        Channels of the first stage; 64 is ResNet-18.
    stem : {"imagenet", "small", "fine"}
        ``"imagenet"``: 7×7 convolution with stride 2 and max pooling, as published. ``"small"``: one 3×3 convolution
        with stride 2, for images of up to about 64 pixels whose galaxies are a few pixels across. ``"fine"``: the same
        with stride 1, for galaxies of about one pixel.
    replicate : bool
        Repeat a single band to three equal channels, as published.
    stages : int
        1 … 4. Each stage after the first has twice the channels on half the pixels; 4 is ResNet-18. There are
        `width` × 2^(`stages` − 1) features. Fewer stages have a smaller receptive field and need fewer images.
    mean_max : bool
        Return mean and maximum of each map of the last layer, twice as many features, instead of the mean alone.

    References
    ----------
    He et al. (2016), CVPR, table 1. Liang et al. (2020), arXiv:2012.02368, section 2.3.
    """

    def __init__(
        self,
        channels: int = 1,
        *,
        width: int = 64,
        stem: Stem = "imagenet",
        replicate: bool = False,
        stages: int = len(_BLOCKS),
        mean_max: bool = False,
    ) -> None:
        super().__init__()
        if replicate and channels != 1:
            raise ValueError(f"replicate: expected one channel to repeat, got {channels}. Use replicate=False.")
        if not 1 <= stages <= len(_BLOCKS):
            raise ValueError(f"stages: expected 1 to {len(_BLOCKS)}, got {stages}.")
        self.replicate = replicate
        last = width * 2 ** (stages - 1)
        self.features = 2 * last if mean_max else last
        kernel, stride = _kernel(stem), 1 if stem == "fine" else 2
        self.conv1 = nn.Conv2d(
            3 if replicate else channels, width, kernel, stride=stride, padding=kernel // 2, bias=False
        )
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem == "imagenet" else nn.Identity()
        widths = [width, *(width * 2**k for k in range(stages))]
        for k, blocks in enumerate(_BLOCKS[:stages]):
            self.add_module(f"layer{k + 1}", _stage(widths[k], widths[k + 1], blocks, stride=1 if k == 0 else 2))
        self.neck = nn.Sequential(nn.Conv2d(last, last, 1, bias=False), nn.BatchNorm2d(last), nn.ReLU(inplace=True))
        self.pool = MeanMax() if mean_max else None
        for module in self.modules():  # as torchvision does
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, images: Tensor) -> Tensor:
        """Return the feature map before the global pooling.

        Parameters
        ----------
        images : Tensor, float32, shape (N, C, H, W)

        Returns
        -------
        Tensor, shape (N, F, h, w)
            With 4 stages, h is ⌈H/32⌉, or ⌈H/16⌉ for the small stem, or ⌈H/8⌉ for the fine one. Each stage less
            doubles it.
        """
        x = images.expand(-1, 3, -1, -1) if self.replicate else images
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for stage in self.stages():
            x = stage(x)
        return self.neck(x)

    def stages(self) -> list[nn.Sequential]:
        """Return the stages, ``layer1`` and following."""
        return [module for name, module in self.named_children() if name.startswith("layer")]

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, C, H, W) -> (N, features)."""
        maps = self.feature_map(images)
        return maps.mean(dim=(2, 3)) if self.pool is None else self.pool(maps)


class WideResNet50(nn.Module):
    """torchvision's wide ResNet-50 (twice the inner channels of ResNet-50) without its last layer; 2048 features.

    Parameters
    ----------
    channels : int
        Channels C of the images.
    mean_max : bool
        As in `ResNet18`; then there are 4096 features.

    References
    ----------
    Zagoruyko & Komodakis (2016), arXiv:1605.07146.
    """

    def __init__(self, channels: int, *, mean_max: bool = False) -> None:
        super().__init__()
        from torchvision.models.resnet import wide_resnet50_2

        network = wide_resnet50_2()
        network.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        network.fc = nn.Identity()
        if mean_max:
            network.avgpool = MeanMax()
        self.network, self.features = network, 4096 if mean_max else 2048

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, C, H, W) -> (N, features)."""
        return self.network(images)


def load_encoder(encoder: ResNet18 | TimmEncoder, path: str | Path) -> None:
    """Initialise an encoder, in place, with the weights of a trained run or of `torchvision.models.resnet18`.

    For a `TimmEncoder` it is `TimmEncoder.load`, which also knows the weights of the hub. An encoder with an attribute
    ``name``, such as the ResNet-50 of Goh (2022), may begin with those of timm's architecture of this name. Else:

    A classifier in the file is ignored. If the file lacks the 1×1 convolution before the pooling, that keeps its random
    weights. If the number of channels differs (C here, C' in the file), the kernels of the first layer are summed over
    C' and divided by C. Then an image with equal channels has the same features as before.

    Parameters
    ----------
    encoder : ResNet18, TimmEncoder or torchvision.models.ResNet
    path : str or Path
        A run folder with an encoder of the same width, stem and stages; or a file with width 64, the stem
        ``"imagenet"`` and 4 stages: ``.safetensors``, or a state dict saved by `torch.save`; or, for an encoder with a
        name, weights of the hub as in `TimmEncoder.load`.

    Raises
    ------
    ValueError
        If a layer does not fit the encoder. The message names it.
    """
    if isinstance(encoder, TimmEncoder):
        encoder.load(path)
        return
    own = encoder.state_dict()
    if hasattr(encoder, "name") and not Path(path).exists():
        weights = TimmEncoder(encoder.name, 3, pretrained=path).network.state_dict()
    else:
        weights = _weights_at(Path(path))
    first = weights.get("conv1.weight")
    if first is not None:
        weights["conv1.weight"] = inflated(first, own["conv1.weight"].shape[1])
    for name in sorted(own.keys() | weights.keys()):
        expected, got = (tuple(w[name].shape) if name in w else None for w in (own, weights))
        may_lack = name.startswith("neck.") or name.endswith("num_batches_tracked")
        if expected != got and not (got is None and may_lack):
            raise ValueError(
                f"encoder: expected {name} of shape {expected}, as in the encoder to be trained, got {got} in {path}. "
                "Pre-train by the same recipe, or give the same network.width, "
                "network.stem and network.stages; torchvision's files fit width 64, stem imagenet and 4 stages."
            )
    encoder.load_state_dict(weights, strict=False)


def _weights_at(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        weights = load_file(path / "model.safetensors")
        return {name.removeprefix("encoder."): w for name, w in weights.items() if name.startswith("encoder.")}
    if path.suffix == ".safetensors":
        weights = load_file(path)
    else:
        weights = torch.load(path, map_location="cpu", weights_only=True)
    return {name: w for name, w in weights.items() if not name.startswith("fc.")}


def _kernel(stem: str) -> int:
    kernels = {"imagenet": 7, "small": 3, "fine": 3}
    if stem not in kernels:
        raise ValueError(f"stem: expected one of {', '.join(kernels)}, got {stem!r}.")
    return kernels[stem]


def _stage(inputs: int, outputs: int, blocks: int, stride: int) -> nn.Sequential:
    shortcut = None
    if stride != 1 or inputs != outputs:
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
    first = BasicBlock(inputs, outputs, stride, shortcut)
    return nn.Sequential(first, *(BasicBlock(outputs, outputs) for _ in range(blocks - 1)))
