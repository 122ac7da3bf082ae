"""Text of the threshold view: what is known of the objects, what a correction assumes, published rates."""

import numpy as np
import pandas as pd

from galviz.io.markup import Markup
from galviz.measure.merger_rate import PUBLISHED
from galviz.measure.metrics import Interval
from galviz.tools.threshold.core import Known
from galviz.tools.threshold.figure import percent

_WIDE = 140  # width in px of the drawing of a rate
_NAMED = 5  # objects named in a message about many


def labels_html(known: Known, name: str, *, place: str, outside: pd.Series) -> Markup:
    """Return how many objects have a score and a truth, the place of the labels, and what a correction assumes.

    `outside` holds the scores left out because they are outside 0…1, by `object_id`.
    """
    none = known.missing - len(outside)
    missing = f"; {none:,} without a score are ignored" if none else ""
    sentences = [_outside(outside), f"{known.scored:,} objects with a score{missing}. Intervals are of 95 %."]
    if known.both and known.yes + known.no == known.scored:
        sentences.append(
            f"All are known: {_counted(known, name)}. The corrected fraction is the true one, at "
            "any threshold that separates the two kinds."
        )
    elif known.both:
        hand = f", {known.by_hand:,} of them labelled by you" if known.by_hand else ""
        sentences.append(
            f"Known: {_counted(known, name)}{hand}. Purity, completeness and the corrected fraction "
            "hold for the whole table as far as those known are a fair sample of it."
        )
        if known.by_hand:
            sentences.append(
                Markup("<b>Objects labelled near the threshold are a biased sample</b>: label objects at all scores.")
            )
    else:
        few = Markup(
            "<b>Known: {}.</b> For purity, completeness, a corrected fraction and calibration, choose a "
            "column with the truth, or label objects of both kinds: keys m and n."
        )
        sentences.append(few.format(_counted(known, name)))
    sentences.append(f"Labels are kept in {place}.")
    return Markup("<p class='note'>{}</p>").format(Markup(" ").join(sentences))


def _counted(known: Known, name: str) -> str:
    """Return how many known objects are of a kind and how many are not: ``"39 are “member”, 73 are not"``."""
    yes, no = (f"{count:,} {'is' if count == 1 else 'are'}" for count in (known.yes, known.no))
    return f"{yes} “{name}”, {no} not"


def _outside(values: pd.Series) -> str | Markup:
    """Return a warning that names the first objects with scores outside 0…1."""
    if not len(values):
        return ""
    named = ", ".join(f"{name} ({value:.4g})" for name, value in values.head(_NAMED).items())
    more = f" and {len(values) - _NAMED:,} others" if len(values) > _NAMED else ""
    score = "object is left out, its score is" if len(values) == 1 else "objects are left out, their scores are"
    return Markup("<b>{:,} {} not within 0 … 1</b>: {}{}.").format(len(values), score, named, more)


def sums(plain: Interval, calibrated: Interval | None, *, pending: bool) -> list[tuple[str, str]]:
    """Return the fractions that need no threshold: the mean of the scores, calibrated and raw."""
    fair = "being computed …" if pending else percent(calibrated)
    return [("Calibrated sum of scores", fair), ("Sum of the raw scores", percent(plain))]


def rates_html(rates: pd.DataFrame, t_obs: float) -> Markup:
    """Return `galviz.tools.threshold.figure.rate_rows` as an HTML table, with each rate drawn on a common axis."""
    most = float(np.nanmax(rates[["rate", "rate_high"]].to_numpy(), initial=0)) or 1.0
    line = Markup(
        "<tr><th scope='row'>{}</th><td style='white-space: nowrap'>{}</td><td style='white-space: nowrap'>{}</td>"
        "<td>{}</td><td>{}</td></tr>"
    )
    named = {True: Markup("◆ <b>{}</b>"), False: Markup("● {}")}
    rows = [
        line.format(
            named[bool(row.ours)].format(row.name),
            percent(Interval(row.fraction, row.low, row.high)),
            _rate(row.rate, row.rate_low, row.rate_high),
            _drawn(row, most),
            row.status,
        )
        for row in rates.itertuples(index=False)
    ]
    heads = ("Fraction", "f %", "per Gyr", "", "how checked")
    head = Markup("").join(Markup("<th scope='col'>{}</th>").format(name) for name in heads)
    caption = f"Rate R = f C / T_obs with T_obs {t_obs:g} Gyr, beside published values of z ≈ 0"
    table = Markup("<table class='measures'><caption>{}</caption><tr>{}</tr>{}</table>")
    whole = table.format(caption, head, Markup("").join(rows))
    return Markup("<div style='overflow-x: auto'>{}</div>{}").format(whole, _times())


def _times() -> Markup:
    """Return where T_obs comes from, and a list of the published factors with what was read of each source."""
    known = [p for p in PUBLISHED if p.quantity == "pairs to mergers"]
    line = Markup("<li>C {:g}: {} ({}; {})</li>")
    items = [line.format(one.value, one.method, one.source, one.status) for one in known]
    about = (
        "T_obs depends on the images and on how mergers are found in them: take it from simulations of yours, as Lotz "
    )
    about += "et al. (2011) do for theirs. Published factors:"
    return Markup("<p class='note'>{}</p><ul class='note'>{}</ul>").format(about, Markup("").join(items))


def _rate(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:.3g}" + (f" ({low:.3g} – {high:.3g})" if np.isfinite(low) else "")


def _drawn(row: object, most: float) -> Markup:
    """Return a rate and its interval as SVG; the text next to it says the same."""
    if not np.isfinite(row.rate):
        return Markup("")
    x, low, high = (6 + (_WIDE - 12) * v / most for v in (row.rate, row.rate_low, row.rate_high))
    line = Markup("<path d='M{:.1f} 8H{:.1f}' stroke='currentColor' stroke-width='2'/>")
    bar = line.format(low, high) if np.isfinite(low) else ""
    dot = Markup("<circle cx='{:.1f}' cy='8' r='4.5' fill='#8a8a8a'/>")
    if row.ours:
        dot = Markup("<path d='M{:.1f} 2l6 6-6 6-6-6z' fill='#d55e00'/>")
    axis = Markup("<path d='M6 8H{}' stroke='currentColor' opacity='.2'/>").format(_WIDE - 6)
    whole = Markup("<svg aria-hidden='true' width='{}' height='16'>{}{}{}</svg>")
    return whole.format(_WIDE, axis, bar, dot.format(x))
