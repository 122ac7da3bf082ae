"""Figures of a threshold: purity and completeness, calibration, binned fractions, merger rates, and their numbers."""

from collections.abc import Mapping

import holoviews as hv
import numpy as np
import pandas as pd

from galviz.measure.merger_rate import PUBLISHED, Published, merger_rate
from galviz.measure.metrics import Interval
from galviz.measure.threshold_stats import AtThreshold
from galviz.tools.style import BLUE, FOCUS, GREY, ORANGE, PINK, frame, plain
from galviz.tools.threshold import messages
from galviz.tools.threshold.core import Scored

HEIGHT = 300
_BLIND = "– : no separation at this threshold"  # true and false objects pass it equally often
_HEADS = {"lower_head": None, "upper_head": None}
_BARS = {"line_width": 1.5, **_HEADS}
_LEGEND = {  # below the plot: its texts are as wide as the plot
    "height": HEIGHT + 110,
    "show_legend": True,
    "legend_position": "bottom",
    "legend_cols": 1,
    "legend_opts": {
        "label_text_font_size": "11px",
        "glyph_height": 14,
        "spacing": 0,
        "padding": 2,
        "border_line_alpha": 0,
    },
}
_FOLLOWING = [hv.opts.ErrorBars(framewise=True), hv.opts.Scatter(framewise=True)]  # axis ranges follow the data


def purity_curve(curve: hv.streams.Pipe, now: hv.streams.Pipe) -> hv.Overlay:
    """Draw purity against completeness, with the current threshold as a point with error bars.

    Parameters
    ----------
    curve : holoviews.streams.Pipe
        Its ``data`` is a table from `galviz.measure.threshold_stats.ThresholdCurve.curve`.
    now : holoviews.streams.Pipe
        Its ``data`` is an `AtThreshold`; sending a new one moves the point.

    Returns
    -------
    holoviews.Overlay
    """
    x, y = hv.Dimension("completeness", label="Completeness"), hv.Dimension("purity", label="Purity")

    def line(data: pd.DataFrame) -> hv.Curve:
        table = data.reset_index()[["completeness", "purity", "threshold"]]
        return hv.Curve(table, x, [y, "threshold"]).opts(color=BLUE, line_width=2, tools=["hover"])

    def point(data: AtThreshold) -> hv.Overlay:
        across, up = data.completeness, data.purity
        place = [(across.value, up.value)] if np.isfinite([across.value, up.value]).all() else []
        tall = [(*at, up.value - up.low, up.high - up.value) for at in place]
        wide = [(*at, across.value - across.low, across.high - across.value) for at in place]
        bars = hv.ErrorBars(tall, x, [y, "below", "above"]).opts(color=FOCUS, **_BARS)
        flat = hv.ErrorBars(wide, x, [y, "left", "right"], horizontal=True).opts(color=FOCUS, **_BARS)
        dot = hv.Scatter(place, x, y).opts(color=FOCUS, marker="diamond", size=13, line_color="white")
        return bars * flat * dot

    plot = hv.DynamicMap(line, streams=[curve]) * hv.DynamicMap(point, streams=[now])
    title = "Purity against completeness; ◆ the threshold"
    return frame(plot, title=title, height=HEIGHT, xlim=(0, 1.02), ylim=(0, 1.04), show_legend=False)


def reliability_plot(bins: hv.streams.Pipe, name: str) -> hv.Overlay:
    """Draw the observed fraction of true objects against the score; the dashed line is a calibrated score.

    Parameters
    ----------
    bins : holoviews.streams.Pipe
        Its ``data`` is a table from `galviz.measure.threshold_stats.reliability`.
    name : str
        Meaning of the score, such as ``"merger"``.
    """
    x = hv.Dimension("score", label="Score (mean of a bin)")
    share = hv.Dimension("observed", label=plain(f"Share that is {name}"))

    def drawn(data: pd.DataFrame) -> hv.Overlay:
        known = data[data["n"] > 0]
        bars = [(r.score, r.observed, r.observed - r.low, r.high - r.observed) for r in known.itertuples()]
        error = hv.ErrorBars(bars, x, [share, "below", "above"]).opts(color=BLUE, **_BARS)
        dots = hv.Scatter(known[["score", "observed", "n"]], x, [share, "n"])
        return error * dots.opts(color=BLUE, size=9, line_color="white", tools=["hover"])

    line = hv.Curve([(0, 0), (1, 1)], x, share).opts(color=GREY, line_dash="dashed", line_width=1.5)
    title = "Reliability of the score; dashed: calibrated"
    plot = line * hv.DynamicMap(drawn, streams=[bins])
    return frame(plot, title=title, height=HEIGHT, xlim=(0, 1), ylim=(-0.02, 1.04), show_legend=False)


def binned_fractions(now: hv.streams.Pipe, axis: str, name: str, *, published: bool = False) -> hv.Overlay:
    """Draw the fraction above the threshold in bins of a column, raw and, if possible, corrected.

    Parameters
    ----------
    now : holoviews.streams.Pipe
        Its ``data`` is a table from `galviz.measure.threshold_stats.BinnedFractions.at`.
    axis, name : str
        Names of the column and of the kind of object.
    published : bool
        Whether the column is a redshift and the objects are mergers: adds the published fractions.
    """
    x, y = hv.Dimension("bin", label=plain(axis)), hv.Dimension("fraction", label=plain(f"Fraction ({name})"))
    plot = hv.DynamicMap(lambda data: _in_bins(data, x, y), streams=[now])
    title = f"Fraction by {axis}: ● above the line, ▲ corrected bin by bin"
    whole = plot * _published_fractions(x, y) if published else plot
    return frame(whole, title=title, **(_LEGEND if published else {"height": HEIGHT, "show_legend": False}))


def binned_rates(now: hv.streams.Pipe, axis: str) -> hv.Overlay:
    """Draw the rate of mergers in bins of redshift, and how it evolves in the literature from our lowest bin.

    Parameters
    ----------
    now : holoviews.streams.Pipe
        Its ``data`` is a table from `rates_in_bins`.
    axis : str
        Name of the redshift.
    """
    x, y = hv.Dimension("bin", label=plain(axis)), hv.Dimension("fraction", label="Mergers per galaxy and Gyr")

    def drawn(data: pd.DataFrame) -> hv.Overlay:
        return _rate_evolution(data, x, y) * _in_bins(data, x, y)

    title = "Merger rate; lines: (1+z)^m ± 1σ from our first bin"
    plot = hv.DynamicMap(drawn, streams=[now])
    return frame(plot, title=title, **_LEGEND)


def rates_in_bins(fractions: pd.DataFrame, t_obs: float, merging: float) -> pd.DataFrame:
    """Return fractions in bins, as `BinnedFractions.at` does, as rates per galaxy and Gyr: f C / T_obs."""
    named = [name for name in ("fraction", "low", "high", "corrected") if name in fractions]
    return fractions.assign(**{name: merger_rate(fractions[name], t_obs, merging) for name in named})


def _in_bins(data: pd.DataFrame, x: hv.Dimension, y: hv.Dimension) -> hv.Overlay:
    middle, half = (data["left"] + data["right"]) / 2, (data["right"] - data["left"]) / 2
    rows = data.assign(bin=middle, half=half, below=data["fraction"] - data["low"])
    rows = rows.assign(above_by=rows["high"] - rows["fraction"])
    up = hv.ErrorBars(rows, x, [y, "below", "above_by"]).opts(color=BLUE, **_BARS)
    wide = hv.ErrorBars(rows.assign(more=half), x, [y, "half", "more"], horizontal=True).opts(color=BLUE, **_BARS)
    dots = hv.Scatter(rows, x, [y, "n", "above"], label="above the line")
    dots = dots.opts(color=BLUE, size=8, line_color="white", tools=["hover"])
    fair = rows.dropna(subset="corrected")[["bin", "corrected"]].to_numpy()
    right = hv.Scatter(fair, x, y, label="corrected").opts(color=ORANGE, marker="triangle", size=9, line_color="white")
    return (up * wide * dots * right).opts(*_FOLLOWING)


def _published_fractions(x: hv.Dimension, y: hv.Dimension) -> hv.Overlay:
    """Draw published fractions: pairs, as (1 + z)^m from z = 0, and a merger fraction of no single redshift."""
    lines = []
    for one in _known("evolution of the pair fraction"):
        start = next(p for p in _known("pair fraction") if p.source == one.source).value
        lines += _evolution(one, start, f"{start:g} ", (x, y))
    for one in (p for p in _known("merger fraction") if np.isnan(p.z)):
        line = hv.Curve(([0, 1], [one.value, one.value]), x, y, label=f"{_title(one)}; of all redshifts")
        lines.append(line.opts(color=GREY, line_width=6, alpha=0.5))
    return hv.Overlay(lines)


def _rate_evolution(rates: pd.DataFrame, x: hv.Dimension, y: hv.Dimension) -> hv.Overlay:
    """Draw R (1 + z)^m for each published m, with R from our lowest bin with a rate."""
    z, first = (rates["left"] + rates["right"]) / 2, rates["fraction"].gt(0).to_numpy().argmax()
    lines = []
    for one, dash in zip(_known("evolution of the rate"), ("solid", "dashed"), strict=True):
        start = np.nan_to_num(rates["fraction"].iloc[first]) / (1 + z.iloc[first]) ** one.value
        lines += _evolution(one, start, "", (x, y), dash)
    return hv.Overlay(lines)


def _evolution(
    power: Published, start: float, before: str, axes: tuple[hv.Dimension, hv.Dimension], dash: str = "solid"
) -> list[hv.Element]:
    """Draw start · (1 + z)^m, and the range between the lowest and the highest m."""
    z, (x, y) = np.linspace(0, 1, 50), axes
    low, middle, high = (start * (1 + z) ** m for m in (power.low, power.value, power.high))
    band = hv.Area((z, low, high), x, [y, hv.Dimension("upper")]).opts(color=PINK, alpha=0.12, line_alpha=0)
    label = f"{before}(1+z)^{power.value:g}: {_short(power.source)}, {power.method}"
    return [band, hv.Curve((z, middle), x, y, label=label).opts(color=PINK, line_width=1.5, line_dash=dash)]


def _known(quantity: str) -> list[Published]:
    return [one for one in PUBLISHED if one.quantity == quantity]


def rate_rows(ours: Mapping[str, Interval], t_obs: float, merging: float) -> pd.DataFrame:
    """Return our fractions and published ones at z ≈ 0, each converted to a rate with the same time and factor.

    Parameters
    ----------
    ours : mapping of str to Interval
        Name → fraction.
    t_obs : float
        ⟨T_obs⟩, Gyr.
    merging : float
        Factor C that converts the observed fraction to the fraction that merges.

    Returns
    -------
    pandas.DataFrame
        Columns name, status, ours (bool), fraction, low, high, rate, rate_low, rate_high (per Gyr); limits are NaN if
        the source gives none.
    """
    rows = [(name, "this table", True, f.value, f.low, f.high) for name, f in ours.items()]
    published = [*_known("merger fraction"), *_known("pair fraction")]
    rows += [(_title(p), p.status, False, p.value, p.low, p.high) for p in published]
    table = pd.DataFrame(rows, columns=["name", "status", "ours", "fraction", "low", "high"])
    ends = zip(("rate", "rate_low", "rate_high"), ("fraction", "low", "high"), strict=True)
    return table.assign(**{rate: merger_rate(table[end], t_obs, merging) for rate, end in ends})


def _title(published: Published) -> str:
    return f"{_short(published.source)}: {published.method}"


def _short(source: str) -> str:
    return source.partition(",")[0]


def percent(value: Interval | None) -> str:
    """Return a fraction with its interval as text: ``"2.91 % (2.79 – 3.02)"``; – if unknown."""
    if value is None or not np.isfinite(value.value):
        return "–"
    ends = "" if not np.isfinite(value.low) else f" ({100 * value.low:.2f} – {100 * value.high:.2f})"
    return f"{100 * value.value:.2f} %{ends}"


def numbers(found: AtThreshold, drawn: Mapping[str, Interval], name: str) -> list[tuple[str, str]]:
    """Return the numbers that describe a threshold, as text.

    Parameters
    ----------
    found : AtThreshold
    drawn : mapping of str to Interval
        As returned by `ThresholdCurve.resampled`; empty if no correction is possible.
    name : str
        Kind of object, such as ``"merger"``.

    Returns
    -------
    list of (str, str)
        Label and value of each line.
    """
    lines = [("Above the line", f"{found.above:,} of {found.n:,}"), ("Raw fraction", percent(found.fraction))]
    if drawn:
        lines += [("Purity", percent(found.purity)), ("Completeness", percent(found.completeness))]
        known = np.isfinite(drawn["corrected"].value)
        lines.append((f"Corrected fraction ({name})", percent(drawn["corrected"]) if known else _BLIND))
    return lines


def chart(scored: Scored) -> messages.Chart:
    """Return the histogram of the scores, for ``client.js``."""
    edges, every, yes, no = (part.tolist() for part in scored.histogram())
    name, other, _ = scored.meaning
    return messages.Chart(type="chart", edges=edges, all=every, yes=yes, no=no, name=name, other=other)
