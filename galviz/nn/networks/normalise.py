"""Pixel scaling. It is part of the network, so that predictions use the same scaling as the training."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from galviz.io.lazy_array import spaced
from galviz.runs.recipe import NORMALISE
from galviz.sky.cutouts import CutoutSet

_ROWS = 1024  # objects that the constants are measured on
_CHUNK = 64
PER_BAND = ("asinh", "standard")
"""Modes with constants of each band, which would give away what band an image is of."""
_OWN = ("noise", "minmax", "none")  # modes without constants
LUMINANCE = {"red": 0.299, "green": 0.587, "blue": 0.114}
"""Weights of the colours of a picture in its luminance (ITU-R BT.601)."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and scatter of red, green and blue in ImageNet's pictures, in 0…1."""


class Normalise(nn.Module):
    """Scale images (N, B, H, W) for a network.

    - ``"asinh"``: (asinh(x / b) − μ) / σ with b, μ and σ of each band. b is the pixel noise, so that faint pixels stay
      linear and bright galaxies are compressed.
    - ``"asinh_global"``: the same, with one b, μ and σ for all bands.
    - ``"noise"``: asinh((x − m) / s) with the median m and s = 1.4826 median|x − m| of each image and band. A constant
      image gives 0.
    - ``"minmax"``: (x − min) / (max − min) of each image and band. A constant image gives 0.
    - ``"standard"``: (x − μ) / σ with μ and σ of each band, for pictures.
    - ``"pretrained"``: the same, with μ and σ of the pictures that the encoder was trained on. Those in galaxy images
      differ, and an encoder does worse with them.
    - ``"none"``: x unchanged, for pictures in 0…1.

    A band classifier must not use those in `PER_BAND`.

    Parameters
    ----------
    mode : {"asinh", "asinh_global", "noise", "minmax", "standard", "pretrained", "none"}
    bands : sequence of str
        Names of axis 1. A network that takes one band at a time has one entry.
    clip : float
        Clip scaled values to −`clip` … `clip`, so that a very bright star does not dominate. 0: no clipping.
    trained : (sequence of float, sequence of float)
        Mean and scatter of red, green and blue for ``"pretrained"``. With another number of bands, all have the mean
        of the three.
    grey : str
        What all bands are replaced by before they are scaled: ``"luminance"`` (`LUMINANCE`, or the mean of other bands)
        or the name of a band. ``""``: nothing.
    """

    def __init__(
        self,
        mode: str,
        bands: tuple[str, ...],
        clip: float = 0.0,
        trained: tuple[Sequence[float], Sequence[float]] = IMAGENET,
        grey: str = "",
    ) -> None:
        super().__init__()
        if mode not in NORMALISE:
            raise ValueError(f"normalise: expected one of {', '.join(NORMALISE)}, got {mode!r}.")
        if clip < 0:
            raise ValueError(f"clip: expected 0 or more, got {clip}.")
        self.mode, self.clip = mode, clip
        self.bands = tuple(bands)
        self.register_buffer("grey", _grey(grey, self.bands) if grey else None)
        if mode not in _OWN:
            size = 1 if mode == "asinh_global" else len(self.bands)
            for name, value in (("softening", 1.0), ("mean", 0.0), ("std", 1.0)):
                self.register_buffer(name, torch.full((size, 1, 1), value))
        if mode == "pretrained":
            for name, values in zip(("mean", "std"), trained, strict=True):
                known = torch.tensor(values)
                getattr(self, name)[:, 0, 0] = known if len(known) == len(self.bands) else known.mean()

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *more: Any) -> None:
        # Goh's ResNet-50 of galviz before version 3 of a run has mean and scatter of ImageNet alone.
        if self.mode == "pretrained":
            state.setdefault(f"{prefix}softening", self.softening)
        super()._load_from_state_dict(state, prefix, *more)

    def fit(self, cutouts: CutoutSet, rows: np.ndarray) -> None:
        """Set the constants from the covered pixels of up to 1024 of these objects, evenly spaced.

        Parameters
        ----------
        cutouts : CutoutSet
        rows : numpy.ndarray of int
            Rows of the training objects only.

        Raises
        ------
        ValueError
            If the mode is ``"pretrained"``, and the images are not pictures in 0…1.
        """
        if self.mode == "pretrained" and cutouts.unit != "display":
            raise ValueError(
                f"data.normalise: expected pictures in 0…1 for pretrained, got the unit {cutouts.unit}. Use asinh."
            )
        if self.mode in (*_OWN, "pretrained"):
            return
        rows = spaced(rows, _ROWS)
        grey = None if self.grey is None else self.grey.cpu().numpy()
        pooled = self.mode == "asinh_global"
        noise = np.concatenate([pixel_noise(values) for values in _values(cutouts, rows, grey)])
        softening = np.nanmedian(noise, keepdims=True) if pooled else np.nanmedian(noise, axis=0)
        softening = np.where(softening > 0, softening, 1.0).reshape(-1, 1, 1)
        count, total, square = 0, 0, 0
        axes = (0, 1, 2, 3) if pooled else (0, 2, 3)
        for values in _values(cutouts, rows, grey):
            scaled = values if self.mode == "standard" else np.arcsinh(values / softening)
            count = count + np.isfinite(scaled).sum(axes)
            total = total + np.nansum(scaled, axes)
            square = square + np.nansum(scaled**2, axes)
        mean = total / np.maximum(count, 1)
        std = np.sqrt(np.maximum(square / np.maximum(count, 1) - mean**2, 0))
        std = np.where(std > 0, std, 1.0)
        for name, value in (("softening", softening), ("mean", mean), ("std", std)):
            getattr(self, name).copy_(torch.as_tensor(value).reshape(-1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Return scaled images, float32, shape (N, B, H, W)."""
        scaled = self._scaled(images if self.grey is None else greyed(images, self.grey))
        return scaled.clamp(-self.clip, self.clip) if self.clip else scaled

    def _scaled(self, images: Tensor) -> Tensor:
        if self.mode == "none":
            return images
        if self.mode == "minmax":
            low, high = images.amin((2, 3), keepdim=True), images.amax((2, 3), keepdim=True)
            return (images - low) / torch.where(high > low, high - low, 1.0)
        if self.mode == "noise":
            flat = images.flatten(2)
            flat = flat - flat.median(-1, keepdim=True).values
            noise = 1.4826 * flat.abs().median(-1, keepdim=True).values
            return asinh(flat / torch.where(noise > 0, noise, 1.0)).reshape(images.shape)
        scaled = asinh(images / self.softening) if self.mode.startswith("asinh") else images
        return (scaled - self.mean) / self.std

    def constants(self) -> dict[str, object]:
        """Return the mode and its constants as JSON values, for ``run.json``."""
        found = {"mode": self.mode} | ({"clip": self.clip} if self.clip else {})
        return found | {name: value.flatten().tolist() for name, value in self.named_buffers()}


def asinh(values: Tensor) -> Tensor:
    """Return the inverse hyperbolic sine of values, to 2e-7 of itself.

    torch's own does one number at a time on a CPU: it would take as long as all layers of a small network together.
    sgn(x) ln(1 + |x| + x² / (1 + √(1 + x²))) is made of functions that do several. Its slope at 0 would be wrong, so
    values with gradients, and those on other devices, are left to torch.
    """
    if values.requires_grad or values.device.type != "cpu":
        return torch.asinh(values)
    size = values.abs()
    above = torch.hypot(size, size.new_ones(())).add_(1)  # a square would overflow
    return torch.div(size, above, out=above).mul_(size).add_(size).log1p_().copysign_(values)


def greyed(images: Tensor, weights: Tensor) -> Tensor:
    """Return images (N, B, H, W) in which each band is the sum of all, with these weights (B, 1, 1)."""
    return (images * weights).sum(1, keepdim=True).repeat(1, images.shape[1], 1, 1)


def _grey(name: str, bands: tuple[str, ...]) -> Tensor:
    """Return the weight of each band in a grey image, (B, 1, 1)."""
    if name == "luminance":
        values = [LUMINANCE.get(band, np.nan) for band in bands]
        values = values if np.isfinite(values).all() and len(bands) == len(LUMINANCE) else [1 / len(bands)] * len(bands)
    elif name in bands:
        values = [float(band == name) for band in bands]
    else:
        raise ValueError(f"data.grey: expected luminance or one of {', '.join(bands)}, got {name!r}.")
    return torch.tensor(values).reshape(-1, 1, 1)


def _values(cutouts: CutoutSet, rows: np.ndarray, grey: np.ndarray | None) -> Iterator[np.ndarray]:
    """Yield images in chunks, float64, NaN where nothing was observed; grey ones, with weights (B, 1, 1)."""
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK]
        values = cutouts.images[part].astype(np.float64)
        if cutouts.coverage is not None:
            values[~cutouts.coverage[part]] = np.nan
        yield values if grey is None else np.broadcast_to((values * grey).sum(1, keepdims=True), values.shape)


def pixel_noise(images: np.ndarray) -> np.ndarray:
    """Return the pixel noise, estimated as 1.4826 median|x − median(x)|.

    Parameters
    ----------
    images : numpy.ndarray, shape (N, B, H, W)
        NaN where nothing was observed. The noise of an image without any pixel is 0.

    Returns
    -------
    numpy.ndarray, shape (N, B)
    """
    flat = images.reshape(*images.shape[:2], -1)
    flat = np.where(np.isfinite(flat).any(-1, keepdims=True), flat, 0.0)
    return 1.4826 * np.nanmedian(np.abs(flat - np.nanmedian(flat, -1, keepdims=True)), -1)
