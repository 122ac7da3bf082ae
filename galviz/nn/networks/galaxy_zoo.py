"""Networks from images of galaxies to vote fractions: ours, and those of Goh (2022) for Galaxy Zoo."""

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from galviz.nn.networks.columns import WIDTH, WithColumns, from_features
from galviz.nn.networks.encoders import ResNet18
from galviz.nn.networks.normalise import Normalise
from galviz.nn.networks.pooled_encoder import PooledEncoder
from galviz.nn.networks.resizing import resizing
from galviz.nn.networks.timm_encoder import TimmEncoder
from galviz.nn.networks.vote_heads import GALAXY_ZOO, DielemanVotes, DirichletVotes, SigmoidVotes, Tree, VoteTree
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet

COLOURS = ("red", "green", "blue")
_OUTPUTS = {"tree": VoteTree, "dieleman": DielemanVotes}
_SURE = 10.0  # votes that the first estimate is worth, before anything is learned
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
        Features -> K numbers, one for each answer; its last layer is linear.
    votes : VoteTree, DirichletVotes, DielemanVotes or SigmoidVotes

    Attributes
    ----------
    size : int or None
        Side of the pictures that it fits, pixels. None: any.
    """

    size: int | None = None

    def __init__(self, normalise: nn.Module, encoder: nn.Module, head: nn.Sequential, votes: nn.Module) -> None:
        super().__init__()
        self.normalise, self.encoder, self.head, self.votes = normalise, encoder, head, votes

    def measure(self, cutouts: CutoutSet, rows: np.ndarray, truth: np.ndarray) -> None:
        """Set the pixel scales, and let a network with the tree start at the mean votes, which ignore the image.

        With `DielemanVotes` it starts at 0.1 for every answer.

        Parameters
        ----------
        cutouts : CutoutSet
        rows : numpy.ndarray of int
            The training rows.
        truth : numpy.ndarray, shape (N, K)
        """
        if isinstance(self.normalise, Normalise):
            self.normalise.fit(cutouts, rows)
        head = self.head
        if isinstance(head, WithColumns):
            head.measure(cutouts.catalogue.iloc[rows])
            head = head.head
        if isinstance(self.votes, DielemanVotes):  # as in the author's solution: no answer is clipped at the start
            with torch.no_grad():
                head[-1].bias.fill_(0.1)
                head[-1].weight.mul_(0.1)
        if isinstance(self.votes, VoteTree | DirichletVotes):
            mean = truth[rows].mean(axis=0)
            for part in self.votes.tree[0]:
                total = mean[part].sum()
                mean[part] = mean[part] / total if total > 0 else 1.0
            mean = np.clip(mean, 1e-4, None)
            start = np.log(mean) if isinstance(self.votes, VoteTree) else np.log(np.expm1(_SURE * mean))
            with torch.no_grad():
                head[-1].bias.copy_(torch.as_tensor(start))
                head[-1].weight.mul_(0.1)

    def features(self, images: Tensor, *, scaled: bool = False) -> Tensor:
        """Return the features of images: (N, B, H, W) -> (N, F).

        With `scaled`, the images have been through `normalise` before.
        """
        return self.encoder(images if scaled else self.normalise(images))

    def forward(self, images: Tensor, columns: Tensor | None = None, *, scaled: bool = False) -> Tensor:
        """Return the votes of images, float32 in 0…1: (N, B, H, W) -> (N, K); see also `DirichletVotes`.

        `columns` (N, C) are those of the catalogue, for a head that takes them (`galviz.nn.networks.columns`). With
        `scaled`, the images have been through `normalise` before.
        """
        return self.votes(from_features(self.head, self.features(images, scaled=scaled), columns))


def paper_cnn(size: int = 68, answers: int = 37) -> tuple[nn.Sequential, nn.Sequential]:
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
    return encoder, _dense(128 * side**2, (128, 64), 0.15, answers)


def paper_resnet(
    size: int = 68, hidden: tuple[int, ...] = (), dropout: float = 0.0, answers: int = 37
) -> tuple[nn.Module, nn.Sequential]:
    """Build the encoder and head of Goh's ResNet-50: the flattened last feature map, then dense layers.

    Layers have the names of `torchvision.models.resnet50`, which are those of timm too, so that
    `galviz.nn.networks.encoders.load_encoder` can load ImageNet weights of a file or of the hub.

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
    from torchvision.models import resnet50  # late: importing it takes seconds

    encoder = resnet50()
    encoder.name = "resnet50"
    encoder.avgpool = encoder.fc = nn.Identity()
    return encoder, _dense(2048 * math.ceil(size / 32) ** 2, hidden, dropout, answers)


def build(
    recipe: Recipe, size: int = SIZE, bands: tuple[str, ...] = COLOURS, answers: int = 37, tree: Tree = GALAXY_ZOO
) -> VoteNetwork:
    """Build the network that a recipe describes, with the random weights of its seed.

    Parameters
    ----------
    recipe : Recipe
        Its ``network``: ``architecture`` (``"resnet18"``: ours; ``"paper_cnn"``, ``"paper_resnet50"``,
        ``"paper_resnet50_dense"``), ``votes`` (``"tree"``, ``"dieleman"``, ``"sigmoid"``), ``pixels`` (images are
        resized to), and for ours ``width``, ``stem`` and ``dropout``.
    size : int
        Side of the images, pixels. The networks of the paper only fit images of one size, unless they resize them.
    bands : tuple of str
        The B bands of the images. The networks of the paper take three colours.
    answers : int
        Number of answers K.
    tree : Tree
        As in `galviz.nn.networks.vote_heads`. Without questions, all fractions are independent.

    Returns
    -------
    VoteNetwork

    Raises
    ------
    ValueError
        If the bands do not fit the network.
    """
    options = recipe.network
    architecture = options.architecture
    of_paper = architecture.startswith("paper_")
    if of_paper and len(bands) != len(COLOURS):
        raise ValueError(f"network.architecture: expected resnet18 for {len(bands)} bands, got {architecture}.")
    columns = recipe.data.columns
    if of_paper and columns:
        raise ValueError(f"data.columns: expected none for {architecture}, got {', '.join(columns)}. Use resnet18.")
    torch.manual_seed(recipe.seed)
    wide, pixels = WIDTH if columns else 0, options.pixels
    if architecture == "paper_cnn":
        encoder, head = paper_cnn(pixels or size, answers)
    elif options.is_timm:
        kind = partial(PooledEncoder, pixels=pixels) if pixels else TimmEncoder
        encoder = kind(options.timm_name, len(bands), size=size or None)
        head = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(encoder.features + wide, answers))
    elif architecture == "resnet18":
        encoder = ResNet18(len(bands), width=options.width, stem=options.stem)
        head = nn.Sequential(nn.Dropout(options.dropout), nn.Linear(encoder.features + wide, answers))
    else:
        hidden = (200, 100) if architecture == "paper_resnet50_dense" else ()
        encoder, head = paper_resnet(pixels or size, hidden, options.dropout, answers)
    if not options.is_timm:
        encoder = resizing(encoder, pixels)
    if recipe.loss.name == "dirichlet_multinomial":
        votes: nn.Module = DirichletVotes(tree)
    else:
        votes = _OUTPUTS[options.votes](tree) if tree[0] and options.votes in _OUTPUTS else SigmoidVotes()
    if columns:
        head = WithColumns(head, columns)
    network = VoteNetwork(_scale(architecture, recipe.data.normalise, bands, recipe.data.grey), encoder, head, votes)
    network.size = size if of_paper and not pixels else getattr(encoder, "size", None)
    return network


def _scale(architecture: str, mode: str, bands: tuple[str, ...], grey: str = "") -> nn.Module:
    """Return the pixel scaling: with "none", our networks see pictures scaled as ImageNet's, the paper's unchanged."""
    of_imagenet = not architecture.startswith("paper_") and len(bands) == len(COLOURS)
    if mode != "none":
        return Normalise(mode, bands, grey=grey)
    if grey:
        return Normalise("pretrained" if of_imagenet else "none", bands, grey=grey)
    return ImageNetScale() if of_imagenet else AsItIs()


def _dense(inputs: int, hidden: tuple[int, ...], dropout: float, answers: int = 37) -> nn.Sequential:
    layers: list[nn.Module] = []
    for width in hidden:
        layers += [nn.Linear(inputs, width), nn.ReLU(), nn.Dropout(dropout)]
        inputs = width
    return nn.Sequential(*layers, nn.Linear(inputs, answers))
