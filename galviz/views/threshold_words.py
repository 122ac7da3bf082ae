"""A threshold in words: what is known, what a correction assumes, rates beside published ones."""

from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from galviz.figures.threshold import percent
from galviz.sky.metrics import Interval
from galviz.sky.rates import PUBLISHED
from galviz.threshold import Known

_WIDE = 140  # px of the bar of a rate
_NAMED = 5  # objects that are named where something is wrong with more


def known_html(known: Known, name: str, *, path: Path, outside: pd.Series) -> str:
    """Say how many objects have a score and a truth, where labels go, and what a correction assumes.

    `outside` are the scores that are left out because they are not within 0…1, by `object_id`.
    """
    kind, none = escape(name), known.missing - len(outside)
    missing = f"; {none:,} without one are left out of everything" if none else ""
    said = [_outside(outside), f"{known.scored:,} objects with a score{missing}. Intervals are of 95 %."]
    if known.both and known.yes + known.no == known.scored:
        said.append(
            f"All are known: {known.yes:,} {kind}, {known.no:,} not. The corrected fraction is their share, wherever "
            "the line tells them apart at all."
        )
    elif known.both:
        hand = f", {known.by_hand:,} of them labelled by you" if known.by_hand else ""
        said.append(
            f"Known: {known.yes:,} {kind}, {known.no:,} not{hand}. Purity, completeness and the corrected fraction "
            "hold for the whole table as far as those known are a fair sample of it."
        )
        if known.by_hand:
            said.append("<b>Objects labelled near the line are no fair sample</b>: label over all scores, or say so.")
    else:
        said.append(
            f"<b>Known: {known.yes:,} {kind}, {known.no:,} not.</b> For purity, completeness, a corrected fraction and "
            "calibration, choose a column with the truth, or label objects of both kinds: keys m and n."
        )
    said.append(f"Labels are kept in {escape(str(path))}.")
    return f"<p class='note'>{' '.join(said)}</p>"


def _outside(values: pd.Series) -> str:
    """Name the objects whose scores cannot be probabilities, the first of them."""
    if not len(values):
        return ""
    told = ", ".join(f"{name} ({value:.4g})" for name, value in values.head(_NAMED).items())
    more = f" and {len(values) - _NAMED:,} others" if len(values) > _NAMED else ""
    score = "object is left out, its score is" if len(values) == 1 else "objects are left out, their scores are"
    return f"<b>{len(values):,} {score} not within 0 … 1</b>: {escape(told)}{more}."


def sums(plain: Interval, calibrated: Interval | None, *, pending: bool) -> list[tuple[str, str]]:
    """Say the fractions that need no line: the mean of the scores as they are, and calibrated."""
    fair = "being computed …" if pending else percent(calibrated)
    return [("Calibrated sum of scores", fair), ("Sum of scores as they are", percent(plain))]


def rates_html(rates: pd.DataFrame, t_obs: float) -> str:
    """Write `galviz.figures.threshold.rate_rows` as a table, each rate drawn on one common axis."""
    most = float(np.nanmax(rates[["rate", "rate_high"]].to_numpy(), initial=0)) or 1.0
    rows = [
        f"<tr><th scope='row'>{'◆ <b>' if row.ours else '● '}{escape(row.name)}{'</b>' if row.ours else ''}</th>"
        f"<td style='white-space: nowrap'>{percent(Interval(row.fraction, row.low, row.high))}</td>"
        f"<td style='white-space: nowrap'>{_rate(row.rate, row.rate_low, row.rate_high)}</td>"
        f"<td>{_drawn(row, most)}</td><td>{escape(row.status)}</td></tr>"
        for row in rates.itertuples(index=False)
    ]
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("Fraction", "f %", "per Gyr", "", "how far read"))
    caption = f"Rate R = f C / T_obs with T_obs {t_obs:g} Gyr, beside published values of z ≈ 0"
    table = f"<table class='measures'><caption>{caption}</caption><tr>{head}</tr>{''.join(rows)}</table>"
    return f"<div style='overflow-x: auto'>{table}</div>{_times()}"


def _times() -> str:
    """List the published times, each with how far its source was read."""
    known = [p for p in PUBLISHED if p.quantity in ("observability", "pairs to mergers")]
    told = []
    for one in known:
        value = f"{one.value:g}" if np.isfinite(one.value) else f"{one.low:g} … {one.high:g}"
        what = f"T_obs {value} Gyr" if one.quantity == "observability" else f"C {value}"
        told.append(f"<li>{what}: {escape(one.method)} ({escape(one.source)}; {one.status})</li>")
    return f"<p class='note'>Published times and factors:</p><ul class='note'>{''.join(told)}</ul>"


def _rate(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g}" + (f" ({low:.3g} – {high:.3g})" if np.isfinite(low) else "")


def _drawn(row: object, most: float) -> str:
    """Draw a rate and its interval as SVG; the words beside it say the same."""
    if not np.isfinite(row.rate):
        return ""
    x, low, high = (6 + (_WIDE - 12) * v / most for v in (row.rate, row.rate_low, row.rate_high))
    bar = f"<path d='M{low:.1f} 8H{high:.1f}' stroke='currentColor' stroke-width='2'/>" if np.isfinite(low) else ""
    dot = f"<circle cx='{x:.1f}' cy='8' r='4.5' fill='#8a8a8a'/>"
    if row.ours:
        dot = f"<path d='M{x:.1f} 2l6 6-6 6-6-6z' fill='#d55e00'/>"
    axis = f"<path d='M6 8H{_WIDE - 6}' stroke='currentColor' opacity='.2'/>"
    return f"<svg aria-hidden='true' width='{_WIDE}' height='16'>{axis}{bar}{dot}</svg>"
