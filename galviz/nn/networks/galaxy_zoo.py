"""Networks from pictures of galaxies to the 37 vote fractions of Galaxy Zoo."""

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet50

from galviz.measure.votes import guess
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.vote_heads import DielemanVotes, SigmoidVotes, VoteTree
from galviz.runs.recipe import Recipe
from galviz.sky.galaxy_zoo import COLUMNS, conditional

_OUTPUTS = {"tree": VoteTree, "dieleman": DielemanVotes, "sigmoid": SigmoidVotes}
_DEFAULTS = {"architecture": "resnet18", "votes": "tree", "width": 32, "stem": "small", "dropout": 0.2}
SIZE = 68
"""Side of the pictures in the paper, pixels."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, as torchvision's weights expect


class ImageNetScale(nn.Module):
    """Scale pixels in 0…1 by the mean and standard deviation of ImageNet's colours. No weights are learned."""

    def __init__(self) -> None:
        super().__init__()
        for name, value in (("mean", _MEAN), ("std", _STD)):
            self.register_buffer(name, torch.tensor(value).reshape(3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Scale images (N, 3, H, W)."""
        return (images - self.mean) / self.std

    def constants(self) -> dict[str, object]:
        """Return the constants as JSON values, for ``run.json``."""
        return {"mode": "imagenet", "mean": list(_MEAN), "std": list(_STD)}


class AsItIs(nn.Identity):
    """No scaling: pixels in 0…1 are passed on unchanged."""

    def constants(self) -> dict[str, object]:
        """Return the mode as a JSON value, for ``run.json``."""
        return {"mode": "none"}


class VoteNetwork(nn.Module):
    """From pictures to votes in four parts. Only `encoder` and `head` have weights.

    Parameters
    ----------
    normalise : nn.Module
        Scales pixels in 0…1 for the encoder.
    encoder : nn.Module
        Images (N, 3, H, W) -> features (N, F).
    head : nn.Sequential
        Features -> 37 numbers; its last layer is linear.
    votes : VoteTree, DielemanVotes or SigmoidVotes

    Attributes
    ----------
    size : int or None
        Side of the pictures that it fits, pixels. None: any.
    """

    size: int | None = None

    def __init__(self, normalise: nn.Module, encoder: nn.Module, head: nn.Sequential, votes: nn.Module) -> None:
        super().__init__()
        self.normalise, self.encoder, self.head, self.votes = normalise, encoder, head, votes

    def measure(self, cutouts: Any, rows: np.ndarray, truth: np.ndarray) -> None:  # noqa: ARG002 - called by fit
        """Initialise a network with the tree to predict the mean votes, the best guess that ignores the image.

        Parameters
        ----------
        cutouts : CutoutSet
            Not used.
        rows : numpy.ndarray of int
            The training rows.
        truth : numpy.ndarray, shape (N, 37)
        """
        if isinstance(self.votes, VoteTree):
            start = np.log(np.clip(np.nan_to_num(conditional(guess(truth[rows])[None])[0], nan=1.0), 1e-4, None))
            with torch.no_grad():
                self.head[-1].bias.copy_(torch.as_tensor(start))
                self.head[-1].weight.mul_(0.1)

    def features(self, images: Tensor) -> Tensor:
        """Return the features of images: (N, 3, H, W) -> (N, F)."""
        return self.encoder(self.normalise(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return the votes of images, float32 in 0…1: (N, 3, H, W) -> (N, 37)."""
        return self.votes(self.head(self.features(images)))


def paper_cnn(size: int = 68) -> tuple[nn.Sequential, nn.Sequential]:
    """Build the encoder and head of Goh's CNN: 1,963,685 weights for 68 pixels.

    Convolutions have no padding and stride 1, and the third block has no pooling. Of all possible readings of the text,
    this one has "near 2 million" weights. Batch norm is that of Keras (ε = 10⁻³, momentum 0.99).

    References
    ----------
    Goh (2022), Lab 3, section 3.1.
    """
    side = ((size - 2) // 2 - 2) // 2 - 5
    encoder = nn.Sequential(
        nn.Conv2d(3, 32, 3),
        nn.BatchNorm2d(32, eps=1e-3, momentum=0.01),
        *(nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1)),
        *(nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.1)),
        *(nn.Conv2d(64, 128, 6), nn.ReLU(), nn.Dropout(0.1)),
        nn.Flatten(),
    )
    return encoder, _dense(128 * side**2, (128, 64), dropout=0.15)


def paper_resnet(size: int = 68, hidden: tuple[int, ...] = (), dropout: float = 0.0) -> tuple[nn.Module, nn.Sequential]:
    """Build the encoder and head of Goh's ResNet-50: the flattened last feature map, then dense layers.

    Layers have the names of `torchvision.models.resnet50`, so that `galviz.nn.networks.encoders.load_encoder` can load
    ImageNet weights.

    Parameters
    ----------
    size : int
        Side of the images, pixels.
    hidden : tuple of int
        Widths of dense layers before the 37 outputs: none "out of the box", (200, 100) in the optimised network.
    dropout : float
        Dropout after each of them.

    References
    ----------
    He et al. (2016), CVPR, table 1. Goh (2022), Lab 3, sections 5.2 and 5.3.
    """
    encoder = resnet50()
    encoder.avgpool = encoder.fc = nn.Identity()
    return encoder, _dense(2048 * math.ceil(size / 32) ** 2, hidden, dropout)


def build(recipe: Recipe, size: int = SIZE) -> VoteNetwork:
    """Build the network that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its ``network``: ``architecture`` (``"resnet18"``: ours; ``"paper_cnn"``, ``"paper_resnet50"``,
        ``"paper_resnet50_dense"``), ``votes`` (``"tree"``, ``"dieleman"``, ``"sigmoid"``), and for ours ``width``,
        ``stem`` and ``dropout``.
    size : int
        Side of the pictures, pixels. The networks of the paper only fit pictures of one size.

    Returns
    -------
    VoteNetwork

    Raises
    ------
    ValueError
        If an option is unknown. (Unknown values are refused by `Recipe`.)
    """
    options = _DEFAULTS | recipe.network
    architecture = options["architecture"]
    unknown = sorted(options.keys() - _DEFAULTS.keys())
    if unknown:
        raise ValueError(f"network: expected arguments among {', '.join(_DEFAULTS)}, got {unknown[0]!r}.")
    torch.manual_seed(recipe.seed)
    if architecture == "paper_cnn":
        encoder, head = paper_cnn(size)
    elif architecture == "resnet18":
        encoder = ResNet18(3, width=options["width"], stem=options["stem"])
        head = nn.Sequential(nn.Dropout(options["dropout"]), nn.Linear(encoder.features, len(COLUMNS)))
    else:
        hidden = (200, 100) if architecture == "paper_resnet50_dense" else ()
        encoder, head = paper_resnet(size, hidden, options["dropout"])
    normalise = AsItIs() if architecture == "paper_cnn" else ImageNetScale()
    network = VoteNetwork(normalise, encoder, head, _OUTPUTS[options["votes"]]())
    network.size = None if architecture == "resnet18" else size
    return network


def _dense(inputs: int, hidden: tuple[int, ...], dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, len(COLUMNS)))
