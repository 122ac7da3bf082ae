"""The epochs of a training."""

import pandas as pd


def best_epoch(metrics: pd.DataFrame) -> pd.Series | None:
    """Return the line of ``metrics.csv`` with the lowest held-out loss, or None if nothing was held out."""
    losses = metrics["val_loss"].dropna() if "val_loss" in metrics else pd.Series(dtype=float)
    return metrics.loc[losses.idxmin()] if len(losses) else None
