"""From a `CutoutSet` to batches of tensors, in an order that depends only on the seed and the step."""

import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, Sampler

from galviz.io.lazy_array import LazyRows
from galviz.measure.linear_baseline import Offset, column_of
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_SHARE = 0.25  # fraction of the free memory that images may fill
_THREADS = min(4, os.cpu_count() or 1)  # that read images ahead
_AHEAD = 4  # batches that are read before they are needed


class Samples(Dataset):
    """The samples that a network is trained on or applied to: objects, or several variants of each object.

    With V variants of an object, such as its single bands, sample s is variant s mod V of object s div V.

    Parameters
    ----------
    images : numpy.ndarray or LazyRows, float32, shape (N, B, H, W)
        As returned by `kept`.
    rows : numpy.ndarray of int
        Rows of the images.
    truth : numpy.ndarray, shape (N, K), or None
        As returned by `truths`. None for pretext tasks, where the index of the variant is the truth.
    variants : sequence of tuple of int, optional
        Band indices of each of the V variants, as returned by `Target.variants`. By default each band alone.
    weight : numpy.ndarray, shape (N,), optional
        Weight of each object in the loss.
    columns : numpy.ndarray, shape (N, C), optional
        Columns of the catalogue beside the images, from `galviz.measure.linear_baseline.columns_of`.
    """

    def __init__(
        self,
        images: np.ndarray | LazyRows,
        rows: np.ndarray,
        truth: np.ndarray | None,
        variants: Iterable[tuple[int, ...]] = (),
        *,
        weight: np.ndarray | None = None,
        columns: np.ndarray | None = None,
    ) -> None:
        self.images, self.rows = images, rows
        self.weight = None if weight is None else torch.from_numpy(weight[rows].astype(np.float32))
        self.columns = None if columns is None else torch.from_numpy(columns[rows].astype(np.float32))
        alone = [(k,) for k in range(images.shape[1])]
        self.variants = np.array([] if truth is not None else list(variants) or alone)
        numbers = torch.arange(len(self.variants)).repeat(len(rows))
        self.truth = numbers if truth is None else torch.from_numpy(truth[rows].astype(np.float32))

    def __len__(self) -> int:
        return len(self.rows) * self.each

    @property
    def each(self) -> int:
        """Number of variants of each object, V."""
        return max(len(self.variants), 1)

    def __getitem__(self, item: tuple[int, np.ndarray]) -> dict[str, Any]:
        """Return one batch.

        Parameters
        ----------
        item : (int, numpy.ndarray of int)
            The step, which is passed through, and the samples.

        Returns
        -------
        dict
            ``step``; ``images``, float32 (n, B, H, W), or (n, 1, H, W) for single bands; ``truth``, float32 (n, K), or
            the index of the variant, int64 (n,); ``weight``, float32 (n,), if objects have weights; and ``columns``,
            float32 (n, C), if there are any.
        """
        step, samples = item
        if len(self.variants):
            objects, ways = np.divmod(samples, self.each)
            once, back = np.unique(self.rows[objects], return_inverse=True)
            images = self.images[once][back[:, None], self.variants[ways]]
        else:
            images = self.images[self.rows[samples]]
        batch = {"step": step, "images": torch.from_numpy(images), "truth": self.truth[samples]}
        if self.weight is not None:
            batch["weight"] = self.weight[samples // self.each]
        if self.columns is not None:
            batch["columns"] = self.columns[samples // self.each]
        return batch


class Steps(Sampler):
    """The batches of a whole training, one per step, as a function of (seed, epoch) only.

    Every epoch takes the samples in a new order, in batches of equal size (to within one) of at most `batch`. Because
    the order has no other state, a training can resume at any step, and the processes of a parallel training take their
    parts of the same batch without talking to each other.

    Parameters
    ----------
    samples : int
        Number of samples.
    batch : int
        Samples per step, summed over all processes.
    epochs : int
    seed : int
    start : int
        First step.
    rank, world : int
        Number of this process, from 0, and number of processes.

    Raises
    ------
    ValueError
        If a process would get fewer than two samples per step.
    """

    def __init__(
        self, samples: int, batch: int, epochs: int, seed: int, *, start: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        self.samples, self.seed, self.start, self.rank, self.world = samples, seed, start, rank, world
        self.per_epoch = math.ceil(samples / batch)
        self.steps = epochs * self.per_epoch
        if samples // self.per_epoch < 2 * world:
            raise ValueError(
                f"batch: expected at least 2 samples a step and process, got {samples} samples in {self.per_epoch} "
                f"steps for {world} processes. Use a larger batch, more objects or fewer processes."
            )

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (step, samples of this process)."""
        epoch, parts = -1, []
        for step in range(self.start, self.steps):
            if step // self.per_epoch != epoch:
                epoch = step // self.per_epoch
                order = np.random.default_rng((self.seed, epoch)).permutation(self.samples)
                parts = np.array_split(order, self.per_epoch)
            yield step, parts[step % self.per_epoch][self.rank :: self.world]


class Chunks(Sampler):
    """All samples once, in order, `batch` at a time. Parallel processes take batches in turn."""

    def __init__(self, samples: int, batch: int, *, rank: int = 0, world: int = 1) -> None:
        self.starts, self.samples, self.batch = range(rank * batch, samples, world * batch), samples, batch

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (index of the batch, samples)."""
        for k, start in enumerate(self.starts):
            yield k, np.arange(start, min(start + self.batch, self.samples))


def memory_format(network: nn.Module, device: str | torch.device) -> torch.memory_format:
    """Return the memory format of images: channels last, which is faster, where it is safe.

    On a CPU, the gradients of channels-last convolutions write beyond their memory if the number of channels is not a
    multiple of 16 (torch 2.13 with oneDNN on AVX-512), and the process crashes. Frozen layers have no gradients.
    """
    learned = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.weight.requires_grad]
    narrow = any(m.out_channels % 16 for m in learned)
    safe = torch.device(device).type != "cpu" or not narrow
    return torch.channels_last if safe else torch.contiguous_format


class ReadAhead(IterableDataset):
    """The batches of `order`, in its order, read by threads while the network learns.

    Threads are enough: decompression and conversion let go of the interpreter, and no batch is copied from process to
    process.
    """

    def __init__(self, samples: Samples, order: Steps | Chunks) -> None:
        self.samples, self.order = samples, order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Yield the batches. The first error of a reading is raised where its batch would stand."""
        pool, waiting = ThreadPoolExecutor(_THREADS), deque[Future]()
        try:
            for item in self.order:
                waiting.append(pool.submit(self.samples.__getitem__, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def loader(samples: Samples, order: Steps | Chunks) -> DataLoader:
    """Return a loader of the batches of `order`. Images that are not in memory are read ahead by threads."""
    pinned = torch.cuda.is_available()
    if isinstance(samples.images, np.ndarray):
        return DataLoader(samples, sampler=order, batch_size=None, pin_memory=pinned)
    return DataLoader(ReadAhead(samples, order), batch_size=None, pin_memory=pinned)


def kept(cutouts: CutoutSet) -> np.ndarray | LazyRows:
    """Return the images in memory if they take less than a quarter of the free memory, else as they are on disk."""
    return cutouts.images[:] if fits(math.prod(cutouts.images.shape)) else cutouts.images


def fits(count: int) -> bool:
    """Return whether so many float32 take less than a quarter of the free memory."""
    return 4 * count <= _SHARE * psutil.virtual_memory().available


def truths(cutouts: CutoutSet, target: Target, offset: Offset | None = None) -> np.ndarray | None:
    """Return the true values that a network learns.

    Parameters
    ----------
    cutouts : CutoutSet
    target : Target
    offset : Offset, optional
        A linear baseline, which is subtracted.

    Returns
    -------
    numpy.ndarray of float64, shape (N, K), or None
        As `Target.learned`, NaN where not known. None for a pretext task, where the image is its own label.

    Raises
    ------
    KeyError
        If the catalogue lacks the column.
    """
    truth = target.learned(cutouts.catalogue)
    if truth is not None and offset is not None:
        truth[:, 0] -= offset.of(cutouts.catalogue)
    return truth


def weights_of(cutouts: CutoutSet, recipe: Recipe, rows: np.ndarray) -> np.ndarray | None:
    """Return the weight of each object in the loss, or None if all count the same.

    Parameters
    ----------
    cutouts : CutoutSet
    recipe : Recipe
        Its ``data.weights`` and ``data.errors`` name columns: weights, and errors σ of the truth, which count as
        1 / (σ² + median σ²).
    rows : numpy.ndarray of int
        The training rows, over which the mean is 1. The median is theirs, too.

    Returns
    -------
    numpy.ndarray of float64, shape (N,), or None

    Raises
    ------
    ValueError
        If a weight or an error of a training object is not known or is negative, or if all weights or most errors are
        0.
    KeyError
        If the catalogue lacks a column.
    """
    columns = list(filter(None, (recipe.data.weights, recipe.data.errors)))
    if columns and recipe.loss.name in ("mse_std", "rmse"):
        raise ValueError(
            f"data.weights: expected none with {recipe.loss.name}, which is computed over a whole batch, got "
            f"{columns[0]!r}."
        )
    weight = np.ones(len(cutouts))
    for name in columns:
        values = column_of(cutouts.catalogue, name, "weights" if name == recipe.data.weights else "errors")
        bad = rows[~((values[rows] >= 0) & np.isfinite(values[rows]))]
        if len(bad):
            got = values[bad[0]]
            raise ValueError(
                f"{name}: expected 0 or more for every training object, got {got} for {cutouts.object_ids[bad[0]]!r}."
            )
        typical = values[rows].max() if name == recipe.data.weights else np.median(values[rows])
        if typical == 0:
            most = "some" if name == recipe.data.weights else "most"
            raise ValueError(f"{name}: expected values above 0 for {most} training objects, got 0.")
        relative = values / typical
        weight = weight * (relative if name == recipe.data.weights else 1 / (relative**2 + 1))
    if not columns:
        return None
    weight = np.nan_to_num(weight)
    return weight / weight[rows].mean()


def dihedral(images: Tensor, which: Tensor | int) -> Tensor:
    """Rotate and flip images by the eight symmetries of the square (D4).

    Parameters
    ----------
    images : Tensor, shape (N, B, H, W)
        Images with H ≠ W are not transposed.
    which : Tensor of int, shape (N,), or int
        Sum of 1 (flip left–right), 2 (flip up–down) and 4 (transpose, after the flips). 0 is the unchanged image. An
        int, for all images, is the fastest.

    Returns
    -------
    Tensor, shape (N, B, H, W)
    """
    square = images.shape[-1] == images.shape[-2]
    if isinstance(which, int):
        axes = [axis for axis, bit in ((-1, 1), (-2, 2)) if which & bit]
        images = images.flip(axes) if axes else images
        return images.transpose(-1, -2) if which & 4 and square else images
    which = which.to(images.device).reshape(-1, 1, 1, 1)
    images = torch.where((which & 1) > 0, images.flip(-1), images)
    images = torch.where((which & 2) > 0, images.flip(-2), images)
    if not square:
        return images
    return torch.where((which & 4) > 0, images.transpose(-1, -2), images)
