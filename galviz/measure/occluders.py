"""The positions of an occluder on an image, and the map from the outputs at these positions."""

import numpy as np

OCCLUSION, SUPERPIXELS, INTEGRATED_GRADIENTS, GRAD_CAM = "occlusion", "superpixels", "integrated gradients", "Grad-CAM"
SHAPLEY = "Shapley values"
METHODS = (OCCLUSION, SUPERPIXELS, SHAPLEY, INTEGRATED_GRADIENTS, GRAD_CAM)
"""Ways to explain an output: hide patches or superpixels, share it among the sources, and two that follow the
gradient."""

ENGINES = ("auto", "fast", "captum")
"""What computes a map by patches: see `galviz.nn.explain.occlusion`."""


def places(height: int, width: int, patch: int, stride: int) -> np.ndarray:
    """Return the positions of an occluder: a regular grid whose last row and column end at the edges of the image.

    Parameters
    ----------
    height, width : int
        Size of the image, pixels.
    patch : int
        Side of the occluder, pixels.
    stride : int
        Distance between positions, pixels. The last step may be shorter.

    Returns
    -------
    numpy.ndarray of int, shape (P, 2)
        Top and left pixel of the occluder, row by row.

    Raises
    ------
    ValueError
        If the occluder is larger than the image, or a number is not positive.
    """
    if any(number != int(number) for number in (patch, stride)):
        raise ValueError(f"patch, stride: expected whole pixels, got {patch} and {stride}.")
    if patch < 1 or stride < 1:
        raise ValueError(f"patch, stride: expected at least 1 pixel, got {patch} and {stride}.")
    if patch > min(height, width):
        raise ValueError(
            f"patch: expected at most {min(height, width)} pixels on an image of {height}×{width}, got {patch}. "
            "Use a smaller patch."
        )
    tops, lefts = (np.unique([*range(0, size - patch + 1, stride), size - patch]) for size in (height, width))
    return np.stack(np.meshgrid(tops, lefts, indexing="ij"), axis=-1).reshape(-1, 2)


def spread(outputs: np.ndarray, places: np.ndarray, patch: int, shape: tuple[int, int]) -> np.ndarray:
    """Return a map of the outputs: each pixel is the mean over the positions that cover it.

    Parameters
    ----------
    outputs : numpy.ndarray, shape (..., P)
        One number per position. A NaN affects only the pixels of its own position.
    places : numpy.ndarray of int, shape (P, 2)
        Positions from `places`, all or some of them.
    patch : int
        Side of the occluder, pixels.
    shape : (int, int)
        Height and width of the image, pixels.

    Returns
    -------
    numpy.ndarray of float32, shape (..., H, W)
        NaN where no position covers the pixel.
    """
    total = np.zeros((*outputs.shape[:-1], *shape))
    count = np.zeros(shape)
    for k, (top, left) in enumerate(places):
        covered = (..., slice(top, top + patch), slice(left, left + patch))
        total[covered] += outputs[..., k, None, None]
        count[covered] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
