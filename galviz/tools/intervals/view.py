"""Coverage of a network's own error estimates, as a table and a curve."""

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.intervals import LEVELS, coverage
from galviz.tools.formatting import drawn, text
from galviz.tools.intervals.figure import coverage_curve

_SURE = 0.2  # wider 95 % intervals of the coverage allow no verdict
_CURVE = np.arange(1, 20) / 20


class CoverageView(pn.viewable.Viewer):
    """How often the intervals of estimates contain the truth.

    Parameters
    ----------
    rows : pandas.DataFrame
        As returned by `galviz.runs.predictions.joined`.
    label : str
        Name of the estimated quantity, such as ``"ln λ"``.
    truth, estimate, sigma : str
        Columns of the table, in the learned unit; sigma is ``<estimate>_sigma`` by default.
    """

    def __init__(
        self,
        rows: pd.DataFrame,
        label: str,
        *,
        truth: str = "truth",
        estimate: str = "estimate",
        sigma: str = "",
        **params: object,
    ) -> None:
        super().__init__(**params)
        known = rows[[truth, estimate, sigma or f"{estimate}_sigma"]].dropna()
        self.numbers, self.label = [known[name].to_numpy(float) for name in known], label

    def table(self) -> Markup:
        """Return the table as HTML."""
        found, sigma = coverage(*self.numbers, LEVELS), self.numbers[2]
        return coverage_html(found, self.label, float(np.median(sigma)))

    def __panel__(self) -> pn.viewable.Viewable:
        if not len(self.numbers[0]):
            return pn.Spacer()
        curve = drawn(coverage_curve(coverage(*self.numbers, _CURVE)))
        return pn.Column(text(self.table()), curve, sizing_mode="stretch_width")


def coverage_html(found: pd.DataFrame, label: str, sigma: float) -> Markup:
    """Return the coverage of intervals as an HTML table.

    Parameters
    ----------
    found : pandas.DataFrame
        From `galviz.measure.intervals.coverage`.
    label : str
        Name of the estimated quantity, such as ``"ln λ"``.
    sigma : float
        Median of the estimated standard errors.
    """
    line = Markup("<tr><th scope='row'>{:.0f} %</th><td>{:.1f} %</td><td>{:.1f} to {:.1f} %</td><td>{}</td></tr>")
    rows = Markup("").join(
        line.format(100 * level, 100 * row.share, 100 * row.low, 100 * row.high, verdict(level, row.low, row.high))
        for level, row in zip(found.index, found.itertuples(), strict=True)
    )
    names = ("Nominal level", "Observed coverage", "95 % interval", "The intervals are")
    head = Markup("<tr>{}</tr>").format(Markup("").join(Markup("<th>{}</th>").format(name) for name in names))
    caption = f"The network's own error: median σ {sigma:.3f} ({label})"
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)


def verdict(level: float, low: float, high: float) -> str:
    """Return a verdict on intervals of a level, given the 95 % interval (low, high) of their coverage."""
    if low <= level <= high:
        return "as wide as they should be" if high - low < _SURE else "based on too few objects to tell"
    return "too narrow" if high < level else "too wide"
