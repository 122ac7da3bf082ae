"""Columns of the catalogue beside the picture: a head that gets their numbers with the features of the encoder."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from galviz.measure.linear_baseline import columns_of

WIDTH = 32
"""Number of features that are made from the columns."""

_FARTHEST = 5.0  # standard deviations: a wrong value, such as −9999 in one row, does not decide


class WithColumns(nn.Module):
    """A head that gets columns of the catalogue beside the features of the picture.

    The numbers are standardised, and two small layers make 32 features of them, which are joined to those of the
    encoder. A missing number counts as the mean, and a flag beside it says that it is missing.

    Parameters
    ----------
    head : nn.Module
        Takes features (N, V, F + 32), or (N, F + 32).
    names : sequence of str
        Names of the C columns.
    """

    def __init__(self, head: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.head, self.names, count = head, tuple(names), len(names)
        self.dense = nn.Sequential(nn.Linear(2 * count, 64), nn.ReLU(), nn.Linear(64, WIDTH), nn.ReLU())
        self.register_buffer("centre", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.register_buffer("given", None, persistent=False)

    def measure(self, catalogue: pd.DataFrame) -> None:
        """Set mean and standard deviation of each column to those of the training objects, rows of a catalogue."""
        for k, values in enumerate(columns_of(catalogue, self.names).T):
            known = values[np.isfinite(values)]
            if len(known):
                self.centre[k], self.scale[k] = known.mean(), known.std() or 1.0

    def give(self, columns: np.ndarray) -> None:
        """Set the columns of one object, shape (C,), which all images have from now on that come without any.

        Explanations need it: they change the picture of an object, and leave its columns as they are.
        """
        self.given = torch.as_tensor(columns, dtype=torch.float32, device=self.centre.device)[None]

    def forward(self, features: Tensor, columns: Tensor | None = None) -> Tensor:
        """Return the outputs: features (N, V, F) or (N, F), and columns (N, C) -> (N, K).

        Raises
        ------
        ValueError
            If there are no columns, and none were given before.
        """
        columns = self.given if columns is None else columns
        if columns is None:
            raise ValueError(
                f"columns: expected {len(self.centre)} numbers of the catalogue for each image, got none. "
                "Pass them, or set those of one object with `head.give`."
            )
        columns = columns.expand(len(features), -1)
        known = columns.isfinite()
        values = ((torch.where(known, columns, self.centre) - self.centre) / self.scale).clamp(-_FARTHEST, _FARTHEST)
        made = self.dense(torch.cat([values, known.to(values)], dim=1))
        made = made.reshape(len(made), *[1] * (features.dim() - 2), WIDTH).expand(*features.shape[:-1], WIDTH)
        return self.head(torch.cat([features, made], dim=-1))


def from_features(head: nn.Module, features: Tensor, columns: Tensor | None) -> Tensor:
    """Return what a head makes of features, and of columns if it takes any."""
    return head(features, columns) if isinstance(head, WithColumns) else head(features)


def applied(network: nn.Module, images: Tensor, batch: Mapping[str, Any], **more: Any) -> Tensor:
    """Return the outputs of a network for images, beside the ``columns`` of their batch if it has any."""
    columns = batch.get("columns")
    return network(images, **more) if columns is None else network(images, columns.to(images.device), **more)
