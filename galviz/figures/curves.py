"""How a training goes: losses and metrics against the epoch."""

import holoviews as hv
import pandas as pd

from galviz.figures.style import BLUE, ORANGE, frame

_MOST = 500
"""Epochs that are drawn: a page redraws its curves every half second."""

LABELS = {"val_mae": "MAE", "val_rmse": "RMSE", "val_accuracy": "Accuracy"}
"""How the metrics of a held-out part are written on an axis."""


_LOOKS = {"training": (BLUE, "solid"), "held out": (ORANGE, "dashed")}


def loss_curves(metrics: pd.DataFrame) -> hv.Overlay:
    """Draw the loss of the training objects and of those held out against the epoch.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Lines of ``metrics.csv``: columns epoch, train_loss, val_loss. May be empty.

    Returns
    -------
    holoviews.Overlay
    """
    lines = [
        _curve(metrics, "train_loss", "Loss", "training"),
        _curve(metrics, "val_loss", "Loss", "held out"),
    ]
    title = f"Loss{_thinned(metrics)[1]}"
    return frame(hv.Overlay(lines), legend_position="top_right", title=title, height=260, ylabel="Loss")


def metric_curves(metrics: pd.DataFrame, unit: str = "") -> hv.Overlay:
    """Draw what was measured on the objects held out against the epoch.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Lines of ``metrics.csv``: column epoch and columns ``val_…`` besides val_loss. The first of them is drawn.
    unit : str
        What the metric is in: ``"ln λ"``.

    Returns
    -------
    holoviews.Overlay
    """
    name = next(iter(metric_names(metrics)), "val_metric")
    label = LABELS.get(name, name.removeprefix("val_").replace("_", " "))
    on_axis = f"{label} ({unit})" if unit and name != "val_accuracy" else label
    line = _curve(metrics, name, on_axis, "held out")
    title = f"{label}, held out{_thinned(metrics)[1]}"
    return frame(hv.Overlay([line]), show_legend=False, title=title, height=260, ylabel=on_axis)


def metric_names(metrics: pd.DataFrame) -> list[str]:
    """Give the columns that hold a metric of the part held out, without its loss."""
    return [str(name) for name in metrics.columns if str(name).startswith("val_") and name != "val_loss"]


def _thinned(metrics: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Keep every n-th epoch, the last among them, and say so."""
    every = -(-len(metrics) // _MOST)
    return (metrics, "") if every <= 1 else (metrics.iloc[::-1].iloc[::every].iloc[::-1], f", every {every} epochs")


def _curve(metrics: pd.DataFrame, name: str, label: str, part: str) -> hv.Overlay:
    colour, dash = _LOOKS[part]
    metrics, _ = _thinned(metrics)
    known = metrics[["epoch", name]].dropna() if name in metrics else pd.DataFrame({"epoch": [], name: []})
    axes = [hv.Dimension("epoch", label="Epoch")], [hv.Dimension(part, label=label)]
    data = (known["epoch"].to_numpy(float), known[name].to_numpy(float))
    line = hv.Curve(data, *axes, label=part).opts(color=colour, line_dash=dash, line_width=2, tools=["hover"])
    return line * hv.Scatter(data, *axes, label=part).opts(color=colour, size=4)
