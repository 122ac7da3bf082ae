"""Features -> what is learned: the heads of the band classifier and of the richness regression, and both as one."""

from torch import Tensor, nn


class BandHead(nn.Sequential):
    """Two fully connected layers, F → 512 → classes, that name the band of an image.

    Parameters
    ----------
    features : int
        Features F of the encoder.
    classes : int
        Number of bands.
    hidden : int
        Width between the two.

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, section 3.4.
    """

    def __init__(self, features: int, classes: int = 5, hidden: int = 512) -> None:
        super().__init__(nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, classes))


class ClassHead(nn.Sequential):
    """One fully connected layer, as ResNet-18 has it: F → classes.

    Parameters
    ----------
    features : int
        Features F of the encoder, of all vectors together.
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

    1×1 (1 → 1), 3×3 padded by (0, 1) (1 → 16), 3×3 padded by (0, 1) (16 → 64), each with batch norm and ReLU, then
    three fully connected layers of 1024, 512 and `outputs`. The padding follows from their sizes 512×5, 510×5×16 and
    508×5×64; a ReLU between the last three is ours, without it they would be one. With 512 features and 5 bands the
    first of them alone has 166,462,464 parameters.

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
        """Compute the outputs: features (N, B, F) -> (N, K)."""
        image = features.transpose(1, 2).unsqueeze(1)  # (N, 1, F, B)
        x = self.convolutions(image).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


class CompactHead(nn.Sequential):
    """The features of all bands side by side through one hidden layer: B·F → hidden → outputs.

    Parameters
    ----------
    features : int
        Features F of the encoder.
    bands : int
        How many vectors of features an object has: its bands, or 1 where the encoder sees them together.
    outputs : int
        Number of quantities K.
    hidden : int
    """

    def __init__(self, features: int, bands: int, outputs: int = 1, hidden: int = 128) -> None:
        super().__init__(
            nn.Flatten(), nn.Linear(features * bands, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
        )


class JointHead(nn.Module):
    """Two heads on the features of one encoder that sees each band alone: what is learned, and which band it is.

    Parameters
    ----------
    learned : nn.Module
        Features (N, B, F) -> (N, K).
    bands : BandHead
        Features (n, F) -> logits (n, B).

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, section 3: the two branches may be optimised simultaneously.
    """

    def __init__(self, learned: nn.Module, bands: BandHead) -> None:
        super().__init__()
        self.learned, self.bands = learned, bands

    def forward(self, features: Tensor) -> Tensor:
        """Compute what is learned: features (N, B, F) -> (N, K)."""
        return self.learned(features)

    def band_logits(self, features: Tensor) -> Tensor:
        """Compute the logits of the band of every image: features (N, B, F) -> (N, B, B), the last axis the classes."""
        return self.bands(features.flatten(0, 1)).reshape(*features.shape[:2], -1)


def _layer(inputs: int, outputs: int, kernel: int, padding: int | tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )
