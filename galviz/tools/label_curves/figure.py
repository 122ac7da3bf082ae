"""Figure of errors against the fraction of labels used, with and without pre-training."""

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.tools.style import BLUE, GREY, ORANGE, frame, plain

_STYLES = {"base": ("Base", ORANGE, "dashed", "circle"), "ours": ("Ours", BLUE, "solid", "square")}
_TICKS = (1, 2, 5, 10, 20, 50, 100)
_STEPS = ((1, 2, 5), (1, 1.5, 2, 3, 5, 7), tuple(np.arange(10, 100, 2) / 10), tuple(np.arange(100, 1000) / 100))


def label_curves(
    curves: pd.DataFrame,
    written: str,
    measure: str,
    published: pd.DataFrame | None = None,
    *,
    logarithmic: bool = True,
) -> hv.Overlay:
    """Draw Base and Ours against the percentage of labels: mean ± standard deviation of the trials.

    The axis of labels is logarithmic. A single trial has no error bar.

    Parameters
    ----------
    curves : pandas.DataFrame
        From `galviz.measure.label_efficiency.curves`: columns fraction, method, mean, std.
    written : str
        Unit of the errors, such as ``"ln λ"``; ``""`` for none.
    measure : str
        Name of the measure for title and axis, such as ``"MAE"``.
    published : pandas.DataFrame, optional
        Curves of a paper, drawn thin and grey in the background: columns fraction, method, mean.
    logarithmic : bool
        Whether the axis of the measure is logarithmic too; False for accuracies.

    Returns
    -------
    holoviews.Overlay

    References
    ----------
    Liang et al. (2020), arXiv:2012.02368, figs. S2 and S3.
    """
    x = hv.Dimension("percent", label="Labels used (%)")
    y = hv.Dimension("error", label=plain(f"{measure} ({written})" if written else measure))
    parts = []
    for method, (name, _, dash, marker) in _STYLES.items():
        line = _points(published, method)
        if line is not None:
            options = {"color": GREY, "line_width": 1.5, "line_dash": dash}
            parts.append(hv.Curve(line[:2], x, y, label=f"{name}, the paper's").opts(**options))
            parts.append(hv.Scatter(line[:2], x, y).opts(color=GREY, marker=marker, size=4))
    alone = set(curves["method"]) == {"base"}
    for method, (style, colour, dash, marker) in _STYLES.items():
        name = "This network" if alone else style
        line = _points(curves, method)
        if line is None:
            continue
        percent, mean, std = line
        bars = [(p, m, min(s, 0.99 * m), s) for p, m, s in zip(percent, mean, std, strict=True) if np.isfinite(s)]
        no_heads = {"lower_head": None, "upper_head": None}
        parts.append(hv.ErrorBars(bars, x, [y, "below", "above"]).opts(color=colour, line_width=2, **no_heads))
        parts.append(hv.Curve((percent, mean), x, y, label=name).opts(color=colour, line_width=2, line_dash=dash))
        dots = hv.Scatter((percent, mean), x, y, label=name)
        parts.append(dots.opts(color=colour, marker=marker, size=8, tools=["hover"]))
    if not parts:
        parts = [hv.Curve([], x, y)]
    least, most = _range([_points(each, method) for each in (published, curves) for method in _STYLES])
    options = {"logx": True, "logy": logarithmic, "xlim": (0.85, 118), "ylim": (0.8 * least, 1.2 * most), "height": 400}
    options |= {"xticks": [(tick, str(tick)) for tick in _TICKS]}
    options |= {"yticks": _ticks(0.8 * least, 1.2 * most)} if logarithmic else {}
    title = f"{measure} on objects held out, mean ± std of the trials"
    return frame(hv.Overlay(parts), title=title, legend_position="bottom", legend_cols=2, **options)


def _range(lines: list[tuple[np.ndarray, np.ndarray, np.ndarray] | None]) -> tuple[float, float]:
    """Return the smallest positive mean of several lines, and the highest end of their error bars."""
    known = [line for line in lines if line is not None and len(line[1])]
    means = np.concatenate([np.ones(0), *(line[1] for line in known)])
    means = means[means > 0]
    tops = [float(np.max(mean + np.nan_to_num(std))) for _, mean, std in known]
    return (float(means.min()), max(tops)) if len(means) else (0.1, 1.0)


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    """Return the ticks of a logarithmic axis: the coarsest steps of a decade that give at least three."""
    decades = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    for steps in _STEPS:
        places = [float(f"{step * 10.0**decade:.3g}") for decade in decades for step in steps]
        ticks = [(place, f"{place:g}") for place in places if low <= place <= high]
        if len(ticks) >= 3:
            break
    return ticks


def _points(curves: pd.DataFrame | None, method: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Return percentages, means and standard deviations (NaN if unknown) of a method; None if it has no points."""
    if curves is None:
        return None
    rows = curves[(curves["method"] == method) & curves["mean"].notna()].sort_values("fraction")
    if rows.empty:
        return None
    std = rows["std"] if "std" in rows else pd.Series(np.nan, index=rows.index)
    return 100 * rows["fraction"].to_numpy(float), rows["mean"].to_numpy(float), std.to_numpy(float)
