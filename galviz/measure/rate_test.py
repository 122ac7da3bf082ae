"""Which learning rate a range test suggests: losses of single steps, while the rate rises."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

COLUMNS = ("rate", "loss", "smoothed")
_WIDTH = 0.03  # σ of the smoothing, as a fraction of all steps
_SLOPE_WIDTH = 0.1  # the same for the slope: the scatter of the batches has steep falls of its own


def rate_table(rates: np.ndarray, losses: np.ndarray) -> pd.DataFrame:
    """Return the columns rate, loss and smoothed. The smoothing is symmetric, so it shifts no rate."""
    smoothed = _smooth(losses, _WIDTH * len(losses)) if len(losses) else losses
    return pd.DataFrame(dict(zip(COLUMNS, (rates, losses, smoothed), strict=True)))


def _smooth(losses: np.ndarray, width: float) -> np.ndarray:
    from scipy.ndimage import gaussian_filter1d  # it takes long to import, and a page opens without it

    return gaussian_filter1d(losses, max(1.0, width), mode="nearest")


def suggested_rate(table: pd.DataFrame) -> float | None:
    """Return the rate at which the loss falls most steeply with the logarithm of the rate.

    For this the loss is smoothed over a tenth of the steps, up to its lowest value.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `rate_table`.

    Returns
    -------
    float or None
        None if the loss never falls, or if there are fewer than 5 steps.

    References
    ----------
    Smith (2017), WACV, arXiv:1506.01186 (the range test). fast.ai suggests the steepest rate.
    """
    lowest = int(table["smoothed"].to_numpy().argmin()) if len(table) >= 5 else 0
    if lowest == 0:
        return None
    part = table.iloc[: lowest + 1]
    smoother = _smooth(part["loss"].to_numpy(), _SLOPE_WIDTH * len(table))
    slopes = np.gradient(smoother, np.log(part["rate"].to_numpy()))
    return float(part["rate"].iloc[slopes.argmin()])


def group_rates(suggested: float, rates: Mapping[str, float], *, frozen: bool = False) -> dict[str, float]:
    """Return the learning rate of each layer group that learns, with two digits.

    Parameters
    ----------
    suggested : float
        From `suggested_rate`: the rate of the group that has the highest one.
    rates : mapping of str to float
        Learning rates of a recipe. The groups keep the ratios of theirs.
    frozen : bool
        Whether the encoder keeps its weights, and so has no rate.
    """
    learning = {name: rate for name, rate in rates.items() if not (frozen and name == "encoder")}
    part = suggested / max(learning.values())
    return {name: float(f"{rate * part:.2g}") for name, rate in learning.items()}
