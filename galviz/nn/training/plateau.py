"""What a training does when the validation loss falls no more: functions of its history alone, so a resume agrees."""

from collections.abc import Sequence


def lowered(losses: Sequence[float], patience: int, factor: float, least: float = 1e-4) -> float:
    """Compute what the learning rate is multiplied by after these epochs.

    It is multiplied by `factor` whenever `patience` epochs have passed without a loss that is lower than the lowest by
    more than `least`, and the count begins anew: the rule of Keras' ReduceLROnPlateau.

    Parameters
    ----------
    losses : sequence of float
        Validation loss of each epoch. NaN is no new lowest.
    patience : int
        Epochs; 0 is never.
    factor : float
        In (0, 1].
    least : float
        By how much a new lowest must be lower.

    Returns
    -------
    float
        `factor` to the power of how often; 1 before the first epoch.
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
    """Count the epochs since the lowest validation loss: 0 where it is that of the last epoch, or there is none yet."""
    if not losses:
        return 0
    return len(losses) - 1 - min(range(len(losses)), key=losses.__getitem__)


def stalled(losses: Sequence[float], stop_after: int) -> bool:
    """Say whether `stop_after` epochs have passed since the lowest validation loss; never, where it is 0."""
    return 0 < stop_after <= waited(losses)
