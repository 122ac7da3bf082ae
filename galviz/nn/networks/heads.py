"""Heads from features to outputs: band classification, other classes, regression, and both together."""

from torch import Tensor, nn


class BandHead(nn.Sequential):
    """Two fully connected layers, F → 512 → classes, that classify the band of an image.

    Parameters
    ----------
    features : int
        Features F of the encoder.
    classes : int
        Number of bands.
    hidden : int
        Width of the hidden layer.

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, section 2.3.
    """

    def __init__(self, features: int, classes: int = 5, hidden: int = 512) -> None:
        super().__init__(nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, classes))


class ClassHead(nn.Sequential):
    """One fully connected layer, as in ResNet-18: F → classes.

    Parameters
    ----------
    features : int
        Number of features F, summed over all vectors.
    classes : int
        Number of classes.

    References
    ----------
    He et al. (2016), CVPR, table 1.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(features, classes))


class PublishedHead(nn.Module):
    """The richness head of Liang et al.: convolutions over a one-channel "image" of features by bands.

    Convolutions 1×1 (1 → 1), 3×3 padded by (0, 1) (1 → 16), 3×3 padded by (0, 1) (16 → 64), each with batch norm and
    ReLU, then three fully connected layers of 1024, 512 and `outputs`. The padding follows from the published sizes
    512×5, 510×5×16 and 508×5×64. The ReLU between the last three is ours: without it they would be one linear layer.
    With 512 features and 5 bands, the first of them alone has 166,462,464 parameters.

    Parameters
    ----------
    features : int
        Features F of the encoder.
    bands : int
        Number of bands B.
    outputs : int
        Number of quantities K.

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, table S2.
    """

    def __init__(self, features: int = 512, bands: int = 5, outputs: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(_layer(1, 1, 1, 0), _layer(1, 16, 3, (0, 1)), _layer(16, 64, 3, (0, 1)))
        self.fc1 = nn.Linear(64 * (features - 4) * bands, 1024)
        self.fc2 = nn.Linear(1024, 512)
        self.fc3 = nn.Linear(512, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return the outputs: features (N, B, F) -> (N, K)."""
        image = features.transpose(1, 2).unsqueeze(1)  # (N, 1, F, B)
        x = self.convolutions(image).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


class CompactHead(nn.Sequential):
    """One hidden layer on the joined features of all bands: B·F → hidden → outputs.

    Parameters
    ----------
    features : int
        Features F of the encoder.
    bands : int
        Number of feature vectors per object: one per band, or 1 if the encoder takes all bands together.
    outputs : int
        Number of quantities K.
    hidden : int
    """

    def __init__(self, features: int, bands: int, outputs: int = 1, hidden: int = 128) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(features * bands, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
        )


class DropoutHead(nn.Sequential):
    """One hidden layer with batch norm and dropout: B·F → 512 → outputs, as fast.ai's head for fine-tuning.

    Parameters
    ----------
    features, bands, outputs, hidden
        As in `CompactHead`.
    early, late : float
        Fractions of the features and of the hidden numbers that are dropped at random in training.

    References
    ----------
    Wu & Boada (2019), MNRAS 484, 4683, section 3 (the rates), with mean and maximum of the maps as features.
    """

    def __init__(
        self, features: int, bands: int, outputs: int = 1, hidden: int = 512, *, early: float = 0.25, late: float = 0.5
    ) -> None:
        super().__init__(
            nn.Flatten(),
            nn.BatchNorm1d(features * bands),
            nn.Dropout(early),
            nn.Linear(features * bands, hidden),
            nn.ReLU(inplace=True),
            nn.BatchNorm1d(hidden),
            nn.Dropout(late),
            nn.Linear(hidden, outputs),
        )


class JointHead(nn.Module):
    """Two heads on the features of one encoder that takes each band alone: the target, and the band.

    Parameters
    ----------
    learned : nn.Module
        Features (N, B, F) -> (N, K).
    bands : BandHead
        Features (n, F) -> logits (n, B).

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, section 2: the two branches may be optimised simultaneously.
    """

    def __init__(self, learned: nn.Module, bands: BandHead) -> None:
        super().__init__()
        self.learned, self.bands = learned, bands

    def forward(self, features: Tensor) -> Tensor:
        """Return the outputs for the target: features (N, B, F) -> (N, K)."""
        return self.learned(features)

    def band_logits(self, features: Tensor) -> Tensor:
        """Return the band logits of every image: features (N, B, F) -> (N, B, B). The last axis is the class."""
        return self.bands(features.flatten(0, 1)).reshape(*features.shape[:2], -1)


def _layer(inputs: int, outputs: int, kernel: int, padding: int | tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
