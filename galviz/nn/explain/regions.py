"""The output of a network with regions hidden or shared among them, or with columns of the catalogue at their means."""

import numpy as np
import torch
from torch import Tensor, nn

from galviz.nn.explain.engine import Baseline, Output, Parts, as_images, cover, evaluating, reader, seen_apart
from galviz.nn.networks.cutout_network import CutoutNetwork

_AT_ONCE = 32 * 64**2  # pixels of the images in one batch


def outputs_without(
    network: nn.Module,
    image: np.ndarray | Tensor,
    masks: np.ndarray,
    *,
    output: Output = 0,
    baseline: Baseline = "mean",
    patch: int = 16,
    bands: str = "together",
) -> tuple[np.ndarray, float]:
    """Return the output of a network for one image, with each of n regions hidden.

    Parameters
    ----------
    network : nn.Module
    image : numpy.ndarray or Tensor, float32, shape (B, H, W)
    masks : numpy.ndarray of bool, shape (n, H, W)
        The pixels of each region. Regions may overlap.
    output, baseline, bands
        As in `galviz.nn.explain.occlusion.occlude`.
    patch : int
        A blurred baseline has σ of half of it, pixels.

    Returns
    -------
    outputs : numpy.ndarray of float32, shape (1, n), or (B, n) if each band is covered in turn
        Exactly `clean` where the network ignores the region.
    clean : float
        The output for the whole image.

    Raises
    ------
    ValueError
        If an argument is unknown or does not fit the image.
    """
    image, masks = as_images(image, axes="BHW"), np.asarray(masks, dtype=bool)
    if masks.ndim != 3 or masks.shape[1:] != image.shape[1:]:
        raise ValueError(f"masks: expected shape (n, {image.shape[1]}, {image.shape[2]}), got {masks.shape}.")
    each = seen_apart(bands)
    read, size = reader(output), max(1, _AT_ONCE // image[0].numel())
    with evaluating(network), torch.no_grad():
        parts = Parts(network, "captum")
        prepared = parts.prepare(image.to(parts.device)[None])
        hidden = cover(prepared, baseline, patch)
        where = torch.from_numpy(masks).to(parts.device)[:, None]
        rows = torch.eye(len(image), device=parts.device) if each else torch.ones(1, len(image), device=parts.device)
        rows = rows.bool()
        clean, changes = np.nan, []
        for row in rows[:, :, None, None]:
            for part in where.split(size):
                covered = torch.where(part & row, hidden, prepared)
                # The whole image comes first in each batch: both outputs are then rounded alike.
                outputs = read(parts.rest(torch.cat([prepared, covered])))
                same = (covered == prepared).flatten(1).all(1)
                changes.append(torch.where(same, 0.0, outputs[0] - outputs[1:]))
                clean = float(outputs[0]) if np.isnan(clean) else clean
        change = torch.cat(changes).reshape(len(rows), -1) if len(masks) else torch.empty(len(rows), 0)
    return (np.float32(clean) - change.cpu().numpy()).astype(np.float32), clean


def outputs_at_means(
    network: CutoutNetwork, image: np.ndarray | Tensor, *, output: Output = 0
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return the output for one image with each of C columns at its mean, computed as one batch.

    Parameters
    ----------
    network : CutoutNetwork
        Its head is a `galviz.nn.networks.columns.WithColumns` that has the columns of the object (`give`).
    image : numpy.ndarray or Tensor, float32, shape (B, H, W)
    output
        As in `galviz.nn.explain.occlusion.occlude`.

    Returns
    -------
    outputs : numpy.ndarray of float32, shape (C + 1,)
        With each column replaced in turn by its mean over the training objects, and last with all of them.
    clean : float
        The output for the columns of the object.
    means : numpy.ndarray of float32, shape (C,)
    """
    head, image = network.head, as_images(image, axes="BHW")
    means, count = head.centre, len(head.centre)
    with evaluating(network), torch.no_grad():
        columns = head.given.repeat(count + 2, 1)
        columns[range(1, count + 1), range(count)] = means
        columns[-1] = means
        features = network.features(image[None].to(means.device))
        outputs = reader(output)(network.from_features(features.expand(count + 2, *features.shape[1:]), columns))
    found = outputs.float().cpu().numpy()
    return found[1:], float(found[0]), means.cpu().numpy()


def shapley_values(
    network: nn.Module,
    image: np.ndarray | Tensor,
    parts: np.ndarray,
    *,
    output: Output = 0,
    baseline: Baseline = "mean",
    patch: int = 16,
    bands: str = "together",
    samples: int = 25,
    seed: int = 0,
) -> tuple[np.ndarray, float, float]:
    """Return the Shapley values of the parts of an image, estimated from random orders.

    Parts are shown one after another, in a random order, on an image of the baseline. The value of a part is the mean
    change of the output when it appears. So two galaxies share what only both together change, where occlusion, which
    hides one at a time, gives it to neither or to each.

    Parameters
    ----------
    network : nn.Module
    image : numpy.ndarray or Tensor, float32, shape (B, H, W)
    parts : numpy.ndarray of int, shape (H, W)
        The part of each pixel, from 0 to n − 1, as from `galviz.measure.attribution_regions.source_parts`. A part may
        be empty.
    output, baseline, bands
        As in `galviz.nn.explain.occlusion.occlude`. If each band is shown in turn, the parts of all bands share the
        output.
    patch : int
        A blurred baseline has σ of half of it, pixels.
    samples : int
        Number of random orders. Each takes as many forward passes as there are parts.
    seed : int
        Of the orders.

    Returns
    -------
    values : numpy.ndarray of float32, shape (1, n), or (B, n) for each band
        Their sum is `clean` − `base`. 0 for an empty part.
    clean, base : float
        The output for the image and for the baseline.

    Raises
    ------
    ValueError
        If an argument is unknown or does not fit the image.

    References
    ----------
    Castro et al. (2009), Computers & Operations Research 36, 1726.
    """
    from captum.attr import ShapleyValueSampling  # takes a second; a map by occlusion does not need it

    image, parts = as_images(image, axes="BHW"), np.asarray(parts)
    if parts.shape != image.shape[1:] or parts.min() < 0:
        raise ValueError(f"parts: expected numbers from 0, shape {tuple(image.shape[1:])}, got {parts.shape}.")
    if samples < 1:
        raise ValueError(f"samples: expected at least 1 random order, got {samples}.")
    read, rows = reader(output), len(image) if seen_apart(bands) else 1
    present, numbers = np.unique(parts, return_inverse=True)
    numbers = numbers.reshape(parts.shape)
    mask = np.stack([numbers + k % rows * len(present) for k in range(len(image))])
    with evaluating(network), torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(seed)
        split = Parts(network, "captum")
        prepared = split.prepare(image.to(split.device)[None])
        hidden = cover(prepared, baseline, patch)
        clean, base = read(split.rest(torch.cat([prepared, hidden]))).tolist()
        found = ShapleyValueSampling(lambda x: read(split.rest(x))).attribute(
            prepared,
            baselines=hidden,
            feature_mask=torch.from_numpy(mask)[None].to(split.device),
            n_samples=samples,
            perturbations_per_eval=max(1, _AT_ONCE // numbers.size),
        )
    first = [np.flatnonzero(numbers == k)[0] for k in range(len(present))]  # all pixels of a part have its value
    values = np.zeros((rows, int(parts.max()) + 1), dtype=np.float32)
    values[:, present] = found[0].flatten(1)[:rows, first].cpu().numpy()
    return values, clean, base
