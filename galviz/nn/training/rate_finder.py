"""`find_rate`: a short training in which the learning rate rises, to see which learning rates a network can take."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pandas as pd

from galviz.measure.rate_test import rate_table
from galviz.nn.training.data import loader, memory_format
from galviz.nn.training.fit import fitted, offset_of, training_data
from galviz.nn.training.module import Training
from galviz.nn.training.train import network_for
from galviz.nn.training.trainer import Devices, interruptible, quiet, steps_of, trainer_for
from galviz.runs.recipe import Recipe
from galviz.sky.cutouts import CutoutSet
from galviz.tasks.target import Target

LOW, HIGH, STEPS = 1e-6, 10.0, 100
_TOO_HIGH = 3.0  # times the lowest loss, or times its fall: the test ends when the loss has risen by more
_MEMORY = 0.8  # of the running mean of the loss that decides on the end, per step


def find_rate(
    cutouts: CutoutSet,
    target: Target,
    recipe: Recipe,
    *,
    low: float = LOW,
    high: float = HIGH,
    steps: int = STEPS,
    devices: Devices = None,
    encoder: str | Path = "",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Train for some steps with a learning rate that rises exponentially, and return the loss of each step.

    All layers learn, or the head alone if the recipe keeps the encoder (``optimiser.frozen``). The layer groups keep
    the ratios of their rates. The test ends early when the loss has risen by three times its lowest value, or by
    three times what it fell before if that is more. Nothing is saved.

    Parameters
    ----------
    cutouts : CutoutSet
    target : Target
    recipe : Recipe
        Its schedule and its stages are not used.
    low, high : float
        First and last rate of the layer group that has the highest one.
    steps : int
        At least 5.
    devices : str or int, optional
        One device, as in `galviz.nn.training.fit.fit`.
    encoder : str or Path, optional
        Initial weights of the encoder; by default those that the recipe names.
    progress : callable, optional
        Called after each step with the number of steps so far and of all steps.

    Returns
    -------
    pandas.DataFrame
        rate, loss and smoothed, one row per step; see `galviz.measure.rate_test.suggested_rate`.

    Raises
    ------
    ValueError
        If the rates are not in order, there are too few steps, or several devices.

    References
    ----------
    Smith (2017), WACV, arXiv:1506.01186, section 3.3.
    """
    if not 0 < low < high < math.inf:
        raise ValueError(f"low, high: expected 0 < low < high, got {low:g} and {high:g}.")
    if steps < 5:
        raise ValueError(f"steps: expected at least 5, got {steps}.")
    with quiet():
        trainer = trainer_for(recipe, devices)
        if trainer.world_size > 1:
            raise ValueError(f"devices: expected one to find a rate with, got {trainer.world_size}.")
        network, target = network_for(target, recipe, cutouts, encoder or recipe.network.pretrained)
        target = fitted(target, cutouts, recipe)
        device, offset = trainer.strategy.root_device, offset_of(target, cutouts, recipe)
        given = {"network": network, "cutouts": cutouts, "target": target, "recipe": recipe, "offset": offset}
        data = training_data(**given, measured=False, device=device, note=lambda **_: None)
        recipe = recipe.replace(
            epochs=math.ceil(steps / math.ceil(len(data.samples) / recipe.batch)),
            optimiser={"freeze_epochs": 0, "average": 0.0},
        )
        rates = np.geomspace(low, high, steps)
        module = _RangeTest(network, recipe, data.loss, rates)
        network.to(memory_format=memory_format(network, device))
        test = _Losses(steps, progress)
        trainer.callbacks.append(test)
        with interruptible():
            trainer.fit(module, loader(data.samples, steps_of(trainer, recipe, len(data.samples), None)))
    return rate_table(rates[: len(test.losses)], np.array(test.losses))


class _RangeTest(Training):
    """A training with given rates of the layer group that has the highest one."""

    def __init__(self, network: Any, recipe: Recipe, loss: Any, rates: np.ndarray) -> None:
        super().__init__(network, recipe, loss, len(rates))
        self._factors = rates / max(self.rates.values())

    def part_of_rate(self, step: int) -> float:
        return float(self._factors[step])


class _Losses(pl.Callback):
    """Notes the loss of each step, and ends the test when it is far above its lowest."""

    def __init__(self, steps: int, progress: Callable[[int, int], None] | None = None) -> None:
        self.losses: list[float] = []
        self._steps, self._mean, self._lowest = steps, 0.0, math.inf
        self._progress = progress or (lambda *_: None)

    def on_train_batch_end(self, trainer: pl.Trainer, module: Training, outputs: Any, batch: Any, _: int) -> None:  # noqa: ARG002
        loss = outputs["loss"].item()
        if math.isfinite(loss):
            self.losses.append(loss)
            self._mean = _MEMORY * self._mean + (1 - _MEMORY) * loss
            mean = self._mean / (1 - _MEMORY ** len(self.losses))  # so that the first losses count in full
            self._lowest = min(self._lowest, mean)
            # A loss may be negative or cross 0, so its lowest value alone is no measure.
            far = mean - self._lowest > _TOO_HIGH * max(self.losses[0] - self._lowest, abs(self._lowest))
        else:
            far = True
        trainer.should_stop = far or len(self.losses) == self._steps
        self._progress(len(self.losses), self._steps)
