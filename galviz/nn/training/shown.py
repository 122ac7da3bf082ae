"""Predictions of a few held-out objects after each epoch, for a page that follows the training."""

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from galviz.measure.linear_baseline import Offset
from galviz.nn.tasks import rules
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

_MOST = 12  # objects


class ShownObjects:
    """Writes ``samples.parquet``: a few held-out objects, the same after each epoch, as the network predicts them now.

    Parameters
    ----------
    run : Run
    cutouts : CutoutSet
    target : Target
    rows : numpy.ndarray of int
        The held-out rows, in the order of the network's outputs.
    truth : numpy.ndarray, optional
        (N, K) truth of all rows, without the offset.
    offset : Offset, optional
        The linear baseline, which is added to the outputs.
    """

    def __init__(
        self,
        run: Run,
        cutouts: CutoutSet,
        target: Target,
        rows: np.ndarray,
        *,
        truth: np.ndarray | None,
        offset: Offset | None,
    ) -> None:
        self._places = np.unique(np.linspace(0, len(rows) - 1, min(_MOST, len(rows))).astype(int))
        chosen = rows[self._places]
        self._run, self._target, self._bands = run, target, cutouts.bands
        self._ids = pd.Index(cutouts.object_ids[chosen], name="object_id")
        self._truth = None if truth is None else truth[chosen]
        self._added = None if offset is None else torch.as_tensor(offset.of(cutouts.catalogue)[chosen])

    def write(self, network: nn.Module, output: Tensor) -> None:
        """Write the predictions.

        Parameters
        ----------
        network : nn.Module
        output : Tensor, shape (n, K)
            Its outputs for all held-out rows.
        """
        views = output[self._places][None].double().cpu()
        if self._added is not None:
            views[..., 0] += self._added
        given = {"network": network, "ids": self._ids, "views": views, "truth": self._truth}
        table = rules(self._target).table(self._target, self._bands, **given)
        fold = pd.array([pd.NA] * len(table), dtype="Int64")
        Predictions(table.assign(fold=fold), self._target).save(self._run.samples)
