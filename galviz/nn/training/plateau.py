"""Rules for a validation loss that no longer falls: lower the learning rate, or stop.

They are functions of the loss history only, so a resumed training decides as an uninterrupted one would.
"""

import math
from collections.abc import Sequence


def lowered(losses: Sequence[float], patience: int, factor: float, least: float = 1e-4) -> float:
    """Return the factor on the learning rate after these epochs.

    The rate is multiplied by `factor` whenever `patience` epochs have passed without a loss that is lower than the
    lowest one by more than `least`. Then the count restarts. This is the rule of Keras' ReduceLROnPlateau.

    Parameters
    ----------
    losses : sequence of float
        Validation loss of each epoch. NaN never counts as a new lowest.
    patience : int
        Number of epochs. 0: never.
    factor : float
        In (0, 1].
    least : float
        Smallest decrease that counts.

    Returns
    -------
    float
        `factor` to the power of the number of reductions; 1 before the first epoch.
    """
    best, count, result = float("inf"), 0, 1.0
    for loss in losses if patience else ():
        if loss < best - least:
            best, count = loss, 0
            continue
        count += 1
        if count == patience:
            count, result = 0, result * factor
    return result


def waited(losses: Sequence[float]) -> int:
    """Return the number of epochs since the lowest validation loss; 0 if it is the last one, or there is none yet.

    A loss of NaN is never the lowest, unless all are NaN.
    """
    if not losses:
        return 0
    return len(losses) - 1 - min(range(len(losses)), key=lambda k: (math.isnan(losses[k]), losses[k]))


def stalled(losses: Sequence[float], stop_after: int) -> bool:
    """Return whether `stop_after` epochs have passed since the lowest validation loss. Always False if it is 0."""
    return 0 < stop_after <= waited(losses)
