"""`CutoutNetwork`: normalisation, encoder and head in one network, from raw pixels to the target."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from galviz.nn.networks.columns import WIDTH, WithColumns, from_features
from galviz.nn.networks.encoders import ResNet18, WideResNet50
from galviz.nn.networks.normalise import IMAGENET, Normalise
from galviz.nn.networks.pooled_encoder import PooledEncoder
from galviz.nn.networks.resizing import resizing
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet

_PLAIN = {"blocks": False, "pixels": 0, "views": 1, "centre": 0.0}

Head = Callable[[int, int], nn.Module]
"""From the number of features and of feature vectors per object to a head."""


class CutoutNetwork(nn.Module):
    """From the pixels of a `CutoutSet` to the target, in three parts: `normalise`, `encoder`, `head`.

    The output is centre + scale × head(encoder(normalise(images))). `centre` and `scale` are 0 and 1, unless a training
    sets them to the mean and standard deviation of the true values of each number. If the network is `gaussian`, the
    outputs are the means of normal distributions, computed as above, and the logarithms of their variances, to which
    ln scale² is added.

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
        Whether the head returns means and logarithms of the variances. Such a network has a constant `sigma_scale` that
        multiplies its standard deviations. It is 1 unless a training calibrates it.
    numbers : int
        Number of quantities K that are learned.
    calibrated : bool
        Whether a classifier has a constant `temperature`, by which its logits are divided. It is 1 unless a training
        calibrates it.
    scaled : int
        Number of features of all vectors, if each is scaled by its mean and scatter in the training before the head
        gets it. 0: they are not.

    Attributes
    ----------
    size : int or None
        Side of the images that it fits, pixels. None: any.
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
        numbers: int = 1,
        calibrated: bool = False,
        scaled: int = 0,
    ) -> None:
        super().__init__()
        self.normalise, self.encoder, self.head = normalise, encoder, head
        self.apart, self.standardise, self.gaussian, self.calibrated = apart, standardise, gaussian, calibrated
        self.size = getattr(encoder, "size", None)
        self.scaling = nn.BatchNorm1d(scaled, affine=False) if scaled else None
        self.register_buffer("centre", torch.zeros(numbers))
        self.register_buffer("scale", torch.ones(numbers))
        if gaussian:
            self.register_buffer("sigma_scale", torch.ones(numbers))
        if calibrated:
            self.register_buffer("temperature", torch.ones(1))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *more: Any) -> None:
        # Runs and checkpoints of galviz 0.1 have the scale of σ under its former name.
        if f"{prefix}widening" in state:
            state[f"{prefix}sigma_scale"] = state.pop(f"{prefix}widening")
        super()._load_from_state_dict(state, prefix, *more)

    def measure(self, cutouts: CutoutSet, rows: np.ndarray, truth: np.ndarray | None) -> None:
        """Set the constants: pixel scales and, if `standardise`, mean and standard deviation of the truth.

        Parameters
        ----------
        cutouts : CutoutSet
        rows : numpy.ndarray of int
            The training rows.
        truth : numpy.ndarray, shape (N, K), or None
            True values as learned, for all rows. None for pretext tasks.
        """
        self.normalise.fit(cutouts, rows)
        if isinstance(self.head, WithColumns):
            self.head.measure(cutouts.catalogue.iloc[rows])
        if self.standardise and truth is not None:
            spread = truth[rows].std(0)
            self.centre.copy_(torch.as_tensor(truth[rows].mean(0)))
            self.scale.copy_(torch.as_tensor(np.where(spread > 0, spread, 1.0)))

    def features(self, images: Tensor, *, scaled: bool = False) -> Tensor:
        """Return the features of images: (N, B, H, W) -> (N, B, F), or (N, 1, F) if not `apart`.

        With `scaled`, the images have been through `normalise` before.
        """
        x = images if scaled else self.normalise(images)
        count, bands = x.shape[:2]
        if not self.apart:
            return self.encoder(x).unsqueeze(1)
        return self.encoder(x.reshape(count * bands, 1, *x.shape[2:])).reshape(count, bands, -1)

    def from_features(self, features: Tensor, columns: Tensor | None = None) -> Tensor:
        """Return the outputs from features: (N, B, F), or (N, 1, F) if not `apart`, -> (N, K).

        `columns` (N, C) are those of the catalogue, for a head that takes them (`galviz.nn.networks.columns`).
        """
        if self.scaling is not None:
            # Divided by √F, thousands of features add up to numbers of about 1, whatever F is.
            features = (self.scaling(features.flatten(1)) / self.scaling.num_features**0.5).reshape(features.shape)
        output = from_features(self.head, features, columns)
        if self.calibrated:
            return output / self.temperature
        if not self.gaussian:
            return self.centre + self.scale * output
        mean, ln_variance = output.chunk(2, dim=1)
        return torch.cat([self.centre + self.scale * mean, 2 * self.scale.log() + ln_variance], dim=1)

    def forward(self, images: Tensor, columns: Tensor | None = None, *, scaled: bool = False) -> Tensor:
        """Return the outputs of images, in the unit of the cutouts: (N, B, H, W), and columns (N, C), -> (N, K).

        With `scaled`, the images have been through `normalise` before.
        """
        if images.dim() == 3:  # features of images, which were computed before
            return self.from_features(images, columns)
        return self.from_features(self.features(images, scaled=scaled), columns)

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the outputs and the band logits of a `JointHead`: (N, B, H, W) -> (N, K) and (N, B, B)."""
        features = self.features(images)
        return self.from_features(features), self.head.band_logits(features)


def assemble(
    recipe: Recipe,
    bands: tuple[str, ...],
    head: Head,
    *,
    size: int = 0,
    apart: bool = False,
    standardise: bool = False,
    **more: Any,
) -> CutoutNetwork:
    """Return a network with the encoder and the pixel scaling of a recipe, and the random weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its ``network`` may set ``width``, ``stem`` and ``stages`` of `ResNet18`, ``replicate``, ``apart`` (the encoder
        takes each band alone, or all bands as channels), ``pooling``, ``pixels`` (to which images are resized), and
        ``clip`` of `Normalise`, or another architecture.
    bands : tuple of str
        The B bands of the images.
    head : callable
        Makes the head from the number of features F and of feature vectors (B if the bands are apart, else 1).
    size : int
        Side of the images, pixels. Only transformers need it.
    apart : bool
        Take each band alone, whatever the recipe says.
    standardise, **more
        As in `CutoutNetwork`.
    """
    options = recipe.network
    apart = apart or options.apart
    torch.manual_seed(recipe.seed)
    channels, vectors = (1, len(bands)) if apart else (len(bands), 1)
    mean_max = options.pooling == "mean_max"
    if options.is_timm:
        pooled = {name: getattr(options, name) for name in ("pixels", "views", "centre")}
        pooled = {"blocks": options.pooling == "blocks"} | pooled
        kind = partial(PooledEncoder, **pooled) if pooled != _PLAIN else TimmEncoder
        encoder: nn.Module = kind(options.timm_name, channels, size=size or None, mean_max=mean_max)
    elif options.architecture == "wide_resnet50":
        encoder = WideResNet50(channels, mean_max=mean_max)
    else:
        own = {name: getattr(options, name) for name in ("width", "stem", "stages")}
        encoder = ResNet18(channels, **own, replicate=options.replicate and apart, mean_max=mean_max)
        encoder = resizing(encoder, options.pixels)
    trained = encoder.pictures if options.is_timm else IMAGENET
    normalise = Normalise(recipe.data.normalise, bands, options.clip, trained, recipe.data.grey)
    columns = recipe.data.columns
    made = head(encoder.features + (WIDTH if columns else 0), vectors)
    if columns:
        made = WithColumns(made, columns)
    scaled = encoder.features * vectors if options.pooling == "blocks" else 0
    return CutoutNetwork(normalise, encoder, made, apart=apart, standardise=standardise, scaled=scaled, **more)
