"""A `CutoutSet` -> batches of tensors, whose order depends on the seed and the step alone."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import psutil
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Sampler

from galviz.io.lazy_array import LazyRows
from galviz.measure.linear_baseline import Offset
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_SHARE = 0.25  # of the free memory, that images may take to be kept there
_WORKERS = 2


class Samples(Dataset):
    """What a network is shown: the objects of some rows, or each of them in several ways, such as its bands alone.

    Where an object is shown in V ways, sample s is object s div V in the way s mod V.

    Parameters
    ----------
    images : numpy.ndarray or LazyRows, float32, shape (N, B, H, W)
        As `kept` gives them.
    rows : numpy.ndarray of int
        Rows of the images.
    truth : numpy.ndarray, shape (N, K), or None
        As `truths` gives it: None where each object is shown in several ways, and the number of the way is the truth.
    looks : sequence of tuple of int, optional
        The bands that each of the V ways shows, as `Target.looks` gives them; by default each band alone.
    """

    def __init__(
        self,
        images: np.ndarray | LazyRows,
        rows: np.ndarray,
        truth: np.ndarray | None,
        looks: Iterable[tuple[int, ...]] = (),
    ) -> None:
        self.images, self.rows = images, rows
        alone = [(k,) for k in range(images.shape[1])]
        self.looks = np.array([] if truth is not None else list(looks) or alone)
        numbers = torch.arange(len(self.looks)).repeat(len(rows))
        self.truth = numbers if truth is None else torch.from_numpy(truth[rows].astype(np.float32))

    def __len__(self) -> int:
        return len(self.rows) * self.each

    @property
    def each(self) -> int:
        """In how many ways each object is shown."""
        return max(len(self.looks), 1)

    def __getitem__(self, item: tuple[int, np.ndarray]) -> dict[str, Any]:
        """Read one batch.

        Parameters
        ----------
        item : (int, numpy.ndarray of int)
            The step, which is handed through, and the samples.

        Returns
        -------
        dict
            ``step``; ``images``, float32 (n, B, H, W), or (n, 1, H, W) where bands are shown alone; ``truth``, float32
            (n, K), or the numbers of the ways, int64 (n,).
        """
        step, samples = item
        if len(self.looks):
            objects, ways = np.divmod(samples, self.each)
            once, back = np.unique(self.rows[objects], return_inverse=True)
            images = self.images[once][back[:, None], self.looks[ways]]
        else:
            images = self.images[self.rows[samples]]
        return {"step": step, "images": torch.from_numpy(images), "truth": self.truth[samples]}


class Steps(Sampler):
    """The batches of a whole training, one a step, as a function of (seed, epoch) alone.

    Every epoch takes the samples in a new order, in batches of equal size (within one) of at most `batch`. So a
    training can start at any step, and the processes of a parallel one take their parts of the same batch.

    Parameters
    ----------
    samples : int
        How many there are.
    batch : int
        Samples a step, all processes together.
    epochs : int
    seed : int
    start : int
        First step.
    rank, world : int
        Which process of how many this is.

    Raises
    ------
    ValueError
        If a process would get fewer than two samples a step.
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
    """All samples once, in order, `batch` at a time; of several processes each takes its own."""

    def __init__(self, samples: int, batch: int, *, rank: int = 0, world: int = 1) -> None:
        self.starts, self.samples, self.batch = range(rank * batch, samples, world * batch), samples, batch

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (number, samples)."""
        for k, start in enumerate(self.starts):
            yield k, np.arange(start, min(start + self.batch, self.samples))


def memory_format(network: nn.Module, device: str | torch.device) -> torch.memory_format:
    """Choose how images lie in memory: channels last where that is faster and safe.

    On a CPU, gradients of convolutions with channels last and a number of channels that is no multiple of 16 write
    beyond their memory (torch 2.13 with oneDNN on AVX-512), and the process dies.
    """
    narrow = any(m.out_channels % 16 for m in network.modules() if isinstance(m, nn.Conv2d))
    safe = torch.device(device).type != "cpu" or not narrow
    return torch.channels_last if safe else torch.contiguous_format


def loader(samples: Samples, order: Steps | Chunks) -> DataLoader:
    """Give a loader of the batches of `order`; images that are not in memory are read ahead by other processes."""
    workers = 0 if isinstance(samples.images, np.ndarray) else _WORKERS
    ahead = {"multiprocessing_context": "spawn", "persistent_workers": True} if workers else {}
    pinned = torch.cuda.is_available()
    return DataLoader(samples, sampler=order, batch_size=None, num_workers=workers, pin_memory=pinned, **ahead)


def kept(cutouts: CutoutSet) -> np.ndarray | LazyRows:
    """Read the images once if they take less than a quarter of the free memory; leave them where they are if not."""
    need = 4 * math.prod(cutouts.images.shape)
    return cutouts.images if need > _SHARE * psutil.virtual_memory().available else cutouts.images[:]


def truths(cutouts: CutoutSet, target: Target, offset: Offset | None = None) -> np.ndarray | None:
    """Read what is to be learned.

    Parameters
    ----------
    cutouts : CutoutSet
    target : Target
        A scalar of one column, vote fractions, a class, or what is told of the image itself.
    offset : Offset, optional
        What is told first; the rest is to be learned.

    Returns
    -------
    numpy.ndarray of float64, shape (N, K), or None
        As learned, NaN where not known; None of a band or an order, where the image is the truth.

    Raises
    ------
    ValueError
        If the target is of a kind that networks here do not learn.
    KeyError
        If the catalogue lacks the column.
    """
    if target.of_image:
        return None
    if target.kind not in ("votes", "class") and (target.kind != "scalar" or len(target.columns) != 1):
        raise ValueError(
            f"target: expected a scalar of one column, votes, a class, a band or an order, "
            f"got {target.name!r} of kind {target.kind!r} with columns {target.columns}."
        )
    truth = target.truth(cutouts.catalogue)
    return truth if offset is None else truth - offset.of(cutouts.catalogue)[:, None]


def dihedral(images: Tensor, which: Tensor) -> Tensor:
    """Turn and flip images by the eight symmetries of the square (D4).

    Parameters
    ----------
    images : Tensor, shape (N, B, H, W)
        H = W where any of `which` is 4 or more.
    which : Tensor of int, shape (N,), or ()
        Sum of 1 (left–right), 2 (up–down) and 4 (transpose, after the flips); 0 changes nothing.

    Returns
    -------
    Tensor, shape (N, B, H, W)
    """
    which = which.to(images.device).reshape(-1, 1, 1, 1)
    images = torch.where((which & 1) > 0, images.flip(-1), images)
    images = torch.where((which & 2) > 0, images.flip(-2), images)
    if images.shape[-1] != images.shape[-2]:
        return images
    return torch.where((which & 4) > 0, images.transpose(-1, -2), images)
