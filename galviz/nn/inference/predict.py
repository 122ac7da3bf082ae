"""Predictions of a trained network for a set of cutouts, marked with what was seen in training."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.utils.data import DataLoader

from galviz.io.files import read_parquet, write_aside, write_parquet
from galviz.measure.linear_baseline import Offset, columns_of
from galviz.nn.networks.columns import applied
from galviz.nn.networks.cutout_network import CutoutNetwork
from galviz.nn.networks.galaxy_zoo import VoteNetwork
from galviz.nn.tasks import build, rules
from galviz.nn.training.data import Chunks, Samples, dihedral, loader, truths
from galviz.runs.predictions import Predictions
from galviz.runs.recipe import Recipe
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_OBJECTS = "objects.parquet"
_ROWS = 4096  # objects of which all views are kept at a time


def predict(
    network: nn.Module,
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    *,
    offset: Offset | None = None,
    run: Run | None = None,
    device: str | torch.device = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Apply a network to every object.

    The estimate is the mean over the recipe's `tta` views of D4. Spread, p16 and p84 are the standard deviation and
    percentiles of the views: they show how consistent the network is, not its error. For classes, the probabilities of
    the views are averaged. A `gaussian` network also estimates its error: sigma is the standard deviation of the
    mixture of its views, times its `sigma_scale`, and p16 and p84 are the estimate ∓ 1 σ.

    Parameters
    ----------
    network : nn.Module
        Images (N, B, H, W) -> outputs (N, K).
    cutouts : CutoutSet
    target : Target
        The target that the network learned.
    recipe : Recipe
        Its `tta` and `batch` are used.
    offset : Offset, optional
        The linear baseline, which is added to the outputs.
    run : Run, optional
        The run of the network. It knows by their ids which objects were seen in training. Without it, ``fold`` is
        missing for all objects.
    device : str or torch.device
    progress : callable, optional
        Called after each batch with the number of finished objects and the number of all objects.

    Returns
    -------
    Predictions
        One row per object (and band, or order of the channels), sorted by object id.

    Raises
    ------
    FloatingPointError
        If an output is not finite. The message names the object.
    """
    catalogue, fold = cutouts.catalogue, objects(run) if run else pd.Series(dtype="Int64")
    rows, tables = catalogue.index.argsort(), []
    known = set(target.columns) <= set(catalogue.columns)
    truth = target.truth(catalogue) if known else np.full((len(rows), len(target.columns)), np.nan)
    network = network.to(device, memory_format=torch.channels_last)  # faster; only gradients are unsafe on a CPU
    for start in range(0, len(rows), _ROWS):
        block = rows[start : start + _ROWS]
        part = catalogue.iloc[block]
        ways, beside = target.variants(cutouts.bands).values(), columns_of(part, recipe.data.columns)
        of_part = None if truth is None else truth[block]
        samples = Samples(cutouts.images.take(block), np.arange(len(block)), of_part, ways, columns=beside)
        tell = None if progress is None else (lambda done, before=start: progress(before + done, len(rows)))
        views = _views(network, samples, recipe, tell)
        bad = ~views.isfinite().all(dim=0).all(dim=1).numpy()
        if bad.any():
            name = part.index[bad.argmax() // samples.each]
            raise FloatingPointError(
                f"network: expected finite outputs, got NaN or infinity for {name!r}. Train it again."
            )
        if offset is not None:
            views[..., 0] += torch.as_tensor(offset.of(part))
        given = {"network": network, "ids": part.index, "views": views, "truth": of_part}
        table = rules(target).table(target, cutouts.bands, **given)
        tables.append(table.assign(fold=fold.reindex(part.index).array.repeat(samples.each)))
    return Predictions(pd.concat(tables), target)


def calibrate(
    network: nn.Module,
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    *,
    rows: np.ndarray,
    offset: Offset | None = None,
    device: str | torch.device = "cpu",
) -> None:
    """Calibrate the errors or the probabilities of a network, in place, on objects that it has not learned from.

    A gaussian network gets its `sigma_scale`, a classifier its `temperature`; see ``calibrate`` in `galviz.nn.tasks`.

    Parameters
    ----------
    network, cutouts, target, recipe, offset, device
        As in `predict`.
    rows : numpy.ndarray of int
        Rows of these objects. Their truth must be known.
    """
    network, truth = network.to(device), truths(cutouts, target, offset)
    samples = Samples(cutouts.images, rows, truth, columns=columns_of(cutouts.catalogue, recipe.data.columns))
    rules(target).calibrate(network, _views(network, samples, recipe), truth[rows])


def _views(
    network: nn.Module, samples: Samples, recipe: Recipe, progress: Callable[[int], None] | None = None
) -> Tensor:
    """Return the outputs for all views of all samples, float64, shape (V, N, K).

    `progress` is called after each batch with the number of finished objects.
    """
    batches, parts, done = loader(samples, Chunks(len(samples), recipe.batch)), [], 0
    for part in outputs(network, batches, views=recipe.data.tta):
        parts.append(part)
        done += part.shape[1]
        if progress is not None:
            progress(done // samples.each)
    return torch.cat(parts, dim=1).double()


def network_of(run: Run) -> nn.Module:
    """Return the trained network of a run, on the CPU.

    Raises
    ------
    FileNotFoundError
        If the run has no weights yet.
    """
    built = run.info.get("build", {})
    network = build(run.target, run.recipe, tuple(built["bands"]), built["size"])
    load_weights(network, run.weights)
    return network


def apply_run(run: Run, cutouts: CutoutSet, progress: Callable[[int, int], None] | None = None) -> Predictions:
    """Apply the network of a run to a sky; see `predict`."""
    network, offset = network_of(run), Offset.from_json(run.info.get("offset"))
    wanted, size = getattr(network, "size", None), cutouts.images.shape[-1]
    if wanted not in (None, size):
        raise ValueError(f"data: expected images of {wanted} pixels, as in the training, got {size}. Resize them.")
    return predict(network, cutouts, run.target, run.recipe, offset=offset, run=run, progress=progress)


def outputs(network: nn.Module, batches: DataLoader, *, views: int = 1) -> Iterator[Tensor]:
    """Yield the outputs of a network in evaluation mode, batch after batch.

    Parameters
    ----------
    network : nn.Module
        On the device where it should run.
    batches : DataLoader
        As returned by `galviz.nn.training.data.loader`.
    views : int
        Number of D4 views, 1 to 8.

    Yields
    ------
    Tensor, float32, shape (views, n, K)
        On the CPU. Logits for classes.
    """
    network.eval()
    device = next(network.parameters()).device
    # A view of scaled pixels is the scaled view, to the last bit.
    once = views > 1 and isinstance(network, CutoutNetwork | VoteNetwork)
    more = {"scaled": True} if once else {}
    with torch.inference_mode():
        for batch in batches:
            images = batch["images"].to(device)
            if once:
                images = network.normalise(images)
            seen = (applied(network, dihedral(images, k), batch, **more) for k in range(views))
            yield torch.stack([view.float() for view in seen]).cpu()


def remember(run: Run, cutouts: CutoutSet, train: np.ndarray, held_out: np.ndarray) -> None:
    """Store in the run which objects are trained on (−1) and which are held out (the recipe's fold)."""
    rows = np.concatenate([train, held_out])
    fold = np.repeat([-1, run.recipe.validation.fold], [len(train), len(held_out)])
    table = pd.DataFrame({"fold": fold}, index=pd.Index(cutouts.object_ids[rows], name="object_id"))
    write_parquet(table, run.path / _OBJECTS)


def objects(run: Run) -> pd.Series:
    """Return the fold of the objects of a run, Int64 by `object_id`: k if held out, −1 if seen in training."""
    return read_parquet(run.path / _OBJECTS)["fold"].astype("Int64")


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the weights and constants of a network as safetensors. The write is atomic."""
    weights = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    with write_aside(path) as aside:
        aside.write_bytes(save(weights))  # safetensors' save_file would make a file that only its owner can read


def load_weights(network: nn.Module, path: Path) -> None:
    """Load weights written by `save_weights` into a network of the same architecture."""
    network.load_state_dict(load_file(path))
