"""`CutoutNetwork`: normalisation, encoder and head in one network, from raw pixels to the target."""

import numpy as np
import torch
from torch import Tensor, nn

from galviz.nn.networks.encoders import ResNet18, WideResNet50
from galviz.nn.networks.heads import BandHead, ClassHead, CompactHead, JointHead, PublishedHead
from galviz.nn.networks.normalise import Normalise
from galviz.nn.training.losses import check_loss
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_DEFAULTS = {
    "architecture": "resnet18",
    "width": 64,
    "stem": "imagenet",
    "stages": 4,
    "replicate": False,
    "apart": True,
    "head": "compact",
    "clip": 0.0,
}


class CutoutNetwork(nn.Module):
    """From the pixels of a `CutoutSet` to the target, in three parts: `normalise`, `encoder`, `head`.

    The output is centre + scale × head(encoder(normalise(images))). `centre` and `scale` are 0 and 1, unless a training
    sets them to the mean and standard deviation of the true values, for a target of one number. If the network is
    `gaussian`, the outputs are the mean of a normal distribution, computed as above, and the logarithm of its variance,
    to which ln scale² is added.

    Parameters
    ----------
    normalise : Normalise
    encoder : ResNet18
        Its features (N, F) are passed to the head as (N, 1, F) or (N, B, F).
    head : nn.Module
    apart : bool
        True: the encoder takes each band alone, features (N, B, F). False: it takes all bands as channels, (N, 1, F).
    standardise : bool
        Whether a training sets `centre` and `scale`. False as published, and for classes.
    gaussian : bool
        Whether the head returns mean and logarithm of the variance. Such a network has a constant `widening` that
        multiplies its standard deviations. It is 1 unless a training calibrates it.
    """

    def __init__(
        self,
        normalise: Normalise,
        encoder: ResNet18,
        head: nn.Module,
        *,
        apart: bool,
        standardise: bool,
        gaussian: bool = False,
    ) -> None:
        super().__init__()
        self.normalise, self.encoder, self.head = normalise, encoder, head
        self.apart, self.standardise, self.gaussian = apart, standardise, gaussian
        self.register_buffer("centre", torch.zeros(1))
        self.register_buffer("scale", torch.ones(1))
        if gaussian:
            self.register_buffer("widening", torch.ones(1))

    def measure(self, cutouts: CutoutSet, rows: np.ndarray, truth: np.ndarray | None) -> None:
        """Set the constants: pixel scales and, if `standardise`, mean and standard deviation of the truth.

        Parameters
        ----------
        cutouts : CutoutSet
        rows : numpy.ndarray of int
            The training rows.
        truth : numpy.ndarray, shape (N, 1), or None
            True values as learned, for all rows. None for pretext tasks.
        """
        self.normalise.fit(cutouts, rows)
        if self.standardise and truth is not None:
            spread = truth[rows].std(0)
            self.centre.copy_(torch.as_tensor(truth[rows].mean(0)))
            self.scale.copy_(torch.as_tensor(np.where(spread > 0, spread, 1.0)))

    def features(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, B, H, W) -> (N, B, F), or (N, 1, F) if not `apart`."""
        x = self.normalise(images)
        count, bands = x.shape[:2]
        if not self.apart:
            return self.encoder(x).unsqueeze(1)
        return self.encoder(x.reshape(count * bands, 1, *x.shape[2:])).reshape(count, bands, -1)

    def said_of(self, features: Tensor) -> Tensor:
        """Return the outputs from features: (N, B, F), or (N, 1, F) if not `apart`, -> (N, K)."""
        output = self.head(features)
        if not self.gaussian:
            return self.centre + self.scale * output
        return torch.cat([self.centre + self.scale * output[:, :1], 2 * self.scale.log() + output[:, 1:]], dim=1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the outputs of images, in the unit of the cutouts: (N, B, H, W) -> (N, K)."""
        return self.said_of(self.features(images))

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs and the band logits of a `JointHead`: (N, B, H, W) -> (N, K) and (N, B, B)."""
        features = self.features(images)
        return self.said_of(features), self.head.band_logits(features)


def build(target: Target, recipe: Recipe, bands: tuple[str, ...]) -> CutoutNetwork:
    """Build the network that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    target : Target
        A scalar, a class with its names, the band of a one-band image, or the order of the bands.
    recipe : Recipe
        Its ``network`` may set ``width``, ``stem`` and ``stages`` of `ResNet18`, ``replicate``, ``apart`` (the encoder
        takes each band alone, or all bands as channels), ``clip`` of `Normalise` and ``head`` (``"compact"`` or
        ``"as_published"``), or the architecture ``"wide_resnet50"``. A band classifier always takes single bands and
        has the published head. A network for classes or orders has one linear layer.
    bands : tuple of str
        The B bands of the images.

    Returns
    -------
    CutoutNetwork
        Images (N, B, H, W) -> (N, 1), or (N, 2) with the loss ``"gaussian_nll"``; for classes or orders -> logits
        (N, K); for bands (N, 1, H, W) -> logits (N, B).

    Raises
    ------
    ValueError
        If an option is unknown, or options contradict each other.
    """
    options = _DEFAULTS | recipe.network
    unknown = sorted(options.keys() - _DEFAULTS.keys())
    if unknown:
        raise ValueError(f"network: expected arguments among {', '.join(_DEFAULTS)}, got {unknown[0]!r}.")
    classify, names = target.named, target.looks(bands) or target.classes
    if target.of_image and recipe.normalise == "asinh":
        raise ValueError(
            f"normalise: expected minmax or asinh_global to tell the {target.kind}, got asinh, whose constants of each "
            "band would give it away."
        )
    if classify and len(names) < 2:
        raise ValueError(
            f"{target.name}: expected at least 2 classes to tell apart, got {len(names)}. Check the column."
        )
    fitting = ("cross_entropy",) if classify else ("mse", "mse_std", "gaussian_nll")
    check_loss(recipe, fitting, target.name)
    apart, published = target.kind == "band" or options["apart"], options["head"] == "as_published"
    gaussian = recipe.loss == "gaussian_nll"
    if recipe.joint:
        _check_joint(recipe, classify=classify, apart=apart)
    if published and not apart:
        raise ValueError("network.head: expected as_published with network.apart=true, got it with false.")
    torch.manual_seed(recipe.seed)
    channels, vectors = (1, len(bands)) if apart else (len(bands), 1)
    replicate = options["replicate"] and apart
    if options["architecture"] == "wide_resnet50":
        encoder: nn.Module = WideResNet50(channels)
    else:
        own = {name: options[name] for name in ("width", "stem", "stages")}
        encoder = ResNet18(channels, **own, replicate=replicate)
    if target.kind == "band":
        head: nn.Module = BandHead(encoder.features, len(bands))
    elif classify:
        head = ClassHead(encoder.features * vectors, len(names))
    else:
        head = (PublishedHead if published else CompactHead)(encoder.features, vectors, 2 if gaussian else 1)
        head = JointHead(head, BandHead(encoder.features, len(bands))) if recipe.joint else head
    how = {"apart": apart, "standardise": not (classify or published), "gaussian": gaussian}
    return CutoutNetwork(Normalise(recipe.normalise, bands, options["clip"]), encoder, head, **how)


def _check_joint(recipe: Recipe, *, classify: bool, apart: bool) -> None:
    """Raise a ValueError if bands cannot be learned together with the target, or would be trivial."""
    if classify:
        raise ValueError(f"joint: expected 0 where classes are all that is learned, got {recipe.joint}.")
    if not apart:
        raise ValueError(f"joint: expected 0, or network.apart=true, got {recipe.joint} with network.apart=false.")
    if recipe.normalise == "asinh":
        raise ValueError(
            "normalise: expected noise, minmax or asinh_global with joint, got asinh, whose constants of each band "
            "would give the band away."
        )
