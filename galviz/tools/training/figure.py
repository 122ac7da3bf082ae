"""What is learned, as a small plot of a column; and learning curves: losses and metrics against the epoch."""

from collections.abc import Mapping
from itertools import chain, cycle
from typing import Any

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.measure.epochs import best_epoch
from galviz.measure.rate_test import suggested_rate
from galviz.tasks.classification import class_labels
from galviz.tasks.regression import numbers
from galviz.tasks.target import Target
from galviz.tools.style import BLUE, FOCUS, GREY, HOOKS, JOINER, ORANGE, PINK, SKY, frame, plain

_MOST = 500
"""Largest number of epochs drawn, as a page redraws its curves every half second."""

LABELS = {"val_mae": "MAE", "val_rmse": "RMSE", "val_accuracy": "Accuracy", "val_loss": "Loss", "train_loss": "Loss"}
"""Metric → axis label."""

_STYLES = {"training": (BLUE, "solid"), "held out": (ORANGE, "dashed")}
_DASHES = ("solid", "dashed", "dotted", "dotdash")


_BARS, _BINS = 12, 30
_SHOWN = 24  # letters of a class on an axis


def column_counts(column: pd.Series, target: Target) -> str:
    """Return how many values of a column are known and how many are missing, as text."""
    known = int(_known(column, target).notna().sum())
    missing = len(column) - known
    return f"{column.name}: {known:,} known, {missing:,} missing" if missing else f"{column.name}: {known:,}, all known"


def column_plot(column: pd.Series, target: Target) -> hv.Element:
    """Draw the values of a column that a target has: a histogram of numbers, or bars of classes.

    Parameters
    ----------
    column : pandas.Series
        One value per object.
    target : Target
        Its task tells numbers from classes.

    Returns
    -------
    holoviews.Histogram or holoviews.Bars
        Of many classes the 12 largest.
    """
    known, axis = _known(column, target).dropna(), hv.Dimension("x", label=plain(str(column.name)))
    count = hv.Dimension("objects", label="Objects")
    more = {"title": "", "height": 150, "toolbar": None, "show_grid": False, "yticks": 3}  # more would overlap
    if target.numeric:
        edges = np.histogram_bin_edges(known, bins=_BINS) if len(known) else np.array([0.0, 1.0])
        histogram = hv.Histogram((edges, np.histogram(known, edges)[0]), kdims=[axis], vdims=[count])
        return frame(histogram, color=BLUE, line_width=0, tools=["hover"], **more)
    counts = known.value_counts()
    largest = counts.iloc[:_BARS]
    order = [name for name in target.classes if name in largest.index] or list(largest.index)
    short = (name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…{k * JOINER}" for k, name in enumerate(order))
    names = [plain(name) for name in short]
    more["title"] = f"The {_BARS} largest of {len(counts)} classes" if len(counts) > _BARS else ""
    bars = hv.Bars((names, largest[order].to_numpy()), kdims=[axis], vdims=[count])
    return frame(bars, color=BLUE, line_width=0, tools=["hover"], xrotation=0 if len(names) < 7 else 60, **more)


def _known(column: pd.Series, target: Target) -> pd.Series:
    return numbers(column) if target.numeric else class_labels(column)


def _whole(plot: Any, _: object) -> None:
    plot.state.xaxis[0].ticker.min_interval = 1  # there is no epoch 1.2


_EPOCHS = [*HOOKS, _whole]


def loss_curves(metrics: pd.DataFrame) -> hv.Overlay:
    """Draw the loss of training and held-out objects against the epoch.

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
    return frame(
        hv.Overlay([*chain(*lines), _best(metrics)]),
        legend_position="top_right",
        title=title,
        height=260,
        ylabel="Loss",
        hooks=_EPOCHS,
    )


def metric_curves(metrics: pd.DataFrame, unit: str = "") -> hv.Overlay:
    """Draw the metric of held-out objects against the epoch.

    Parameters
    ----------
    metrics : pandas.DataFrame
        Lines of ``metrics.csv``: column epoch and columns ``val_…`` besides val_loss. The first of them is drawn.
    unit : str
        Unit of the metric, such as ``"ln λ"``.

    Returns
    -------
    holoviews.Overlay
    """
    name = next(iter(metric_names(metrics)), "val_metric")
    label, on_axis = _written(name, unit)
    line = _curve(metrics, name, on_axis, "held out")
    title = f"{label}, held out{_thinned(metrics)[1]}"
    return frame(hv.Overlay([*line]), show_legend=False, title=title, height=260, ylabel=plain(on_axis), hooks=_EPOCHS)


def rate_plot(table: pd.DataFrame) -> hv.Overlay:
    """Draw the loss against a learning rate that rises from step to step, and the rate that is suggested.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `galviz.nn.training.rate_finder.find_rate`.

    Returns
    -------
    holoviews.Overlay
    """
    best = suggested_rate(table)
    rate, loss = hv.Dimension("rate", label="Learning rate"), hv.Dimension("loss", label="Loss")
    each = hv.Scatter((table["rate"].to_numpy(), table["loss"].to_numpy()), rate, loss, label="each step")
    line = hv.Curve((table["rate"].to_numpy(), table["smoothed"].to_numpy()), rate, loss, label="smoothed")
    layers = [each.opts(color=GREY, size=4, alpha=0.6), line.opts(color=BLUE, line_width=2, tools=["hover"])]
    title = "The loss never fell: no learning rate is suggested"
    if best is not None:
        at = table.iloc[[int((table["rate"] - best).abs().argmin())]]
        chosen = hv.Points((at["rate"].to_numpy(), at["smoothed"].to_numpy()), [rate, loss], label="steepest fall")
        layers.append(chosen.opts(size=13, fill_alpha=0, line_color=ORANGE, line_width=2))
        title = f"The loss falls most steeply at a learning rate of {best:.2g}"
    # Where the rate is far too high, the loss would hide all that is below it.
    low, high = (table["smoothed"].min(), table["smoothed"].iloc[0]) if len(table) else (0.0, 1.0)
    fall = max(high - low, 0.05 * abs(high), 1e-9)
    ends = {"ylim": (low - 0.2 * fall, high + 0.6 * fall), "logx": True}
    return frame(hv.Overlay(layers), legend_position="bottom_left", title=title, height=300, ylabel="Loss", **ends)


def size_plot(table: pd.DataFrame, unit: str = "") -> hv.Overlay:
    """Draw the error against the size of the images that a network learned from, with intervals.

    Parameters
    ----------
    table : pandas.DataFrame
        One row per size: columns pixels (on a side), rmse, low and high, the ends of its interval (may be NaN).
    unit : str
        Unit of the error, such as ``"dex"``.

    Returns
    -------
    holoviews.Overlay

    References
    ----------
    Wu & Boada (2019), arXiv:1810.12913: error against image size from 1 × 1 to 128 × 128 pixels.
    """
    table = table.sort_values("pixels")
    pixels, rmse = table["pixels"].to_numpy(float), table["rmse"].to_numpy(float)
    size = hv.Dimension("pixels", label="Image size (pixels on a side)")
    error = hv.Dimension("rmse", label=plain(f"RMSE ({unit})" if unit else "RMSE"))
    bars = table.assign(below=rmse - table["low"], above=table["high"] - rmse).dropna()
    heads = {"lower_head": None, "upper_head": None}
    up = hv.ErrorBars(bars[["pixels", "rmse", "below", "above"]], size, [error, "below", "above"])
    line = hv.Curve((pixels, rmse), size, error).opts(color=BLUE, line_width=2)
    dots = hv.Scatter((pixels, rmse), size, error).opts(color=BLUE, size=8, tools=["hover"])
    own = {"xlim": (pixels.min() / 1.3, pixels.max() * 1.3)} if len(table) else {}
    own |= {"xticks": [(tick, f"{tick:g}") for tick in pixels]} if len(table) else {}
    title = "Error against image size, held-out objects" + (", with 95 % intervals" if len(bars) else "")
    layers = hv.Overlay([up.opts(color=BLUE, line_width=2, **heads), line, dots])
    return frame(layers, show_legend=False, title=title, height=300, logx=True, **own)


def run_curves(
    runs: Mapping[str, pd.DataFrame], name: str = "val_loss", unit: str = "", accuracy: str = LABELS["val_accuracy"]
) -> hv.Overlay:
    """Draw one metric of several runs against the epoch, each with its own colour and dash.

    Parameters
    ----------
    runs : mapping of str to pandas.DataFrame
        Name of a run → lines of its ``metrics.csv``.
    name : str
        Column to draw: ``"val_loss"``, ``"val_accuracy"``, ``"train_loss"``. A run without it has no line.
    unit : str
        As in `metric_curves`.
    accuracy : str
        Name of the accuracy in the title, as its definition differs between targets.

    Returns
    -------
    holoviews.Overlay

    Raises
    ------
    ValueError
        If there is no run.

    References
    ----------
    Goh (2022), figs. 8 and 9: loss and accuracy of three networks.
    """
    if not runs:
        raise ValueError("runs: expected at least one run, got none. Train one first.")
    label, on_axis = _written(name, unit)
    styles = zip(cycle((BLUE, ORANGE, PINK, SKY, FOCUS, GREY)), cycle(_DASHES), strict=False)
    named = zip(runs.items(), styles, strict=False)
    lines = [_curve(rows, name, on_axis, called, style) for (called, rows), style in named]
    part = "training" if name.startswith("train_") else "held out"
    thinned = any(_thinned(rows)[1] for rows in runs.values())
    label = accuracy if name == "val_accuracy" else label
    title = f"{label}, {part}{'; of long runs not every epoch' if thinned else ''}"
    return frame(
        hv.Overlay([*chain(*lines)]),
        legend_position="right",
        title=title,
        height=300,
        ylabel=plain(on_axis),
        hooks=_EPOCHS,
    )


def _best(metrics: pd.DataFrame) -> hv.Points:
    """Return a ring around the lowest held-out loss; nothing where there is none."""
    row = best_epoch(metrics)
    data = ([], []) if row is None else ([float(row["epoch"])], [float(row["val_loss"])])
    ring = hv.Points(
        data, [hv.Dimension("epoch", label="Epoch"), hv.Dimension("held out", label="Loss")], label="best epoch"
    )
    return ring.opts(size=13, fill_alpha=0, line_color=FOCUS, line_width=2, framewise=True)


def _written(name: str, unit: str) -> tuple[str, str]:
    """Return a metric's name for a title, and for an axis."""
    label = LABELS.get(name, name.removeprefix("val_").replace("_", " "))
    return label, f"{label} ({unit})" if unit and label not in {"Accuracy", "Loss"} else label


def metric_names(metrics: pd.DataFrame) -> list[str]:
    """Return the columns with metrics of held-out objects, without their loss."""
    return [str(name) for name in metrics.columns if str(name).startswith("val_") and name != "val_loss"]


def _thinned(metrics: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return every n-th epoch including the last one, and a text that says so."""
    every = -(-len(metrics) // _MOST)
    return (metrics, "") if every <= 1 else (metrics.iloc[::-1].iloc[::every].iloc[::-1], f", every {every} epochs")


def _curve(metrics: pd.DataFrame, name: str, label: str, part: str, style: tuple[str, str] | None = None) -> hv.Overlay:
    colour, dash = _STYLES[part] if style is None else style
    metrics, _ = _thinned(metrics)
    known = metrics[["epoch", name]].dropna() if name in metrics else pd.DataFrame({"epoch": [], name: []})
    axes = [hv.Dimension("epoch", label="Epoch")], [hv.Dimension(part, label=plain(label))]
    data = (known["epoch"].to_numpy(float), known[name].to_numpy(float))
    own = {"color": colour, "framewise": True}  # else the axes of a live plot stay as at first
    line = hv.Curve(data, *axes, label=part).opts(line_dash=dash, line_width=2, tools=["hover"], **own)
    return line * hv.Scatter(data, *axes, label=part).opts(size=4, **own)
