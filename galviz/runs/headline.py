"""The one number that a run is known by: the same on every page and on the command line."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from galviz.measure.epochs import best_epoch
from galviz.measure.metrics import accuracy, mae
from galviz.runs.predictions import Predictions
from galviz.runs.run import Run


class Headline(NamedTuple):
    """The accuracy of a run, or its mean absolute error as learned.

    Parameters
    ----------
    name : str
        ``"accuracy"`` or ``"MAE"``; of several numbers, it says which.
    value : float
    unit : str
        Unit of the value; ``""`` without one.
    of : str
        ``"210 held-out objects"``, or ``"best epoch, while training"``.
    saved : bool
        Whether it is of predictions, thus of the network that was saved.
    """

    name: str
    value: float
    unit: str
    of: str
    saved: bool

    def __str__(self) -> str:
        return f"{self.name} {self.value:.4f}{f' {self.unit}' if self.unit else ''} ({self.of})"


def headline(run: Run) -> Headline | None:
    """Return the number of a run's predictions; before there are any, that of the best epoch; None without either.

    The two may differ: an epoch is validated on the images as they are, and predictions are the mean over the views of
    `tta`, by the weights that were saved: those of the last epoch, or of the best one with ``keep="best"``.

    Raises
    ------
    ValueError
        If the predictions or ``metrics.csv`` are damaged.
    """
    file = run.path / "predictions.parquet"
    if file.exists():
        return _of_file(file, file.stat().st_mtime_ns)
    row, target = best_epoch(run.metrics()), run.target
    name = "mae" if target.numeric else "accuracy"
    if row is None or pd.isna(value := row.get(f"val_{name}")):
        return None
    several = f" of {len(target.columns)} columns" if len(target.columns) > 1 else ""
    return Headline(
        _written(name) + several, float(value), target.unit_learned, "best epoch, while training", saved=False
    )


def of_predictions(predictions: Predictions) -> Headline | None:
    """Return the number of the held-out objects whose truth is known; None if there are none.

    Of several numbers it is that of the first, as on the tab Predictions.
    """
    judged, target = predictions.held_out().with_truth(), predictions.target
    if not len(judged):
        return None
    name, metric = ("mae", mae) if target.numeric else ("accuracy", accuracy)
    which = f" of {judged.estimate_column}" if len(target.columns) > 1 else ""
    count = len(pd.unique(judged.object_ids))
    value = metric(judged.truth, judged.estimate)
    return Headline(_written(name) + which, value, target.unit_learned, f"{count:,} held-out objects", saved=True)


@lru_cache(maxsize=512)
def _of_file(file: Path, _stamp: int) -> Headline | None:
    return of_predictions(Predictions.open(file))


def _written(name: str) -> str:
    return "MAE" if name == "mae" else name
