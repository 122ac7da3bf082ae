"""Metrics of estimates against the truth, as a table with confidence intervals and definitions."""

import asyncio
from collections.abc import AsyncIterator, Container

import numpy as np
import pandas as pd
import panel as pn

from galviz.io.markup import Markup
from galviz.measure.metrics import summary
from galviz.measure.unit_errors import in_all_units, written
from galviz.pages.cards import Card
from galviz.tasks.target import Target
from galviz.tools.formatting import measure_name, text, written_measure


@pn.cache(max_items=32)
def measured(
    truth: np.ndarray, estimate: np.ndarray, groups: np.ndarray | None = None, cut: float | None = None
) -> pd.DataFrame:
    """Return `galviz.measure.metrics.summary`, cached per process; pairs without truth are dropped."""
    return summary(truth, estimate, groups=groups, cut=cut, nan="drop")


@pn.cache(max_items=32)
def in_units(truth: np.ndarray, estimate: np.ndarray) -> pd.DataFrame:
    """Return `galviz.measure.unit_errors.in_all_units`, cached per process."""
    return in_all_units(truth, estimate)


_PLAIN = {"sigma_nmad": "σ_NMAD", "r2": "R²"}


def summary_cards(
    truth: np.ndarray, estimate: np.ndarray, *, cut: float | None = None, unit: str = "", opens: Container[str] = ()
) -> list[Card]:
    """Return the metrics of pairs as cards.

    Parameters
    ----------
    truth, estimate, cut, unit
        As in `MeasuresView`.
    opens : container of str
        Names of the metrics whose cards show more on a click.
    """
    cards = []
    for row in measured(truth, estimate, None, cut).itertuples():
        name = str(row.Index)
        value, low, high = written_measure(name, row.value, row.low, row.high, unit)
        label = _PLAIN.get(name) or str(measure_name(name))
        cards.append(Card(label, value, f"{low} to {high}", f"{row.definition}; 95 % interval", name in opens))
    return cards


class MeasuresView(pn.viewable.Viewer):
    """Metrics with their 95 % intervals, computed in a thread so that the page stays responsive.

    Parameters
    ----------
    truth, estimate : numpy.ndarray
        Numbers or class names, shape (N,).
    groups : numpy.ndarray, optional
        Units that the bootstrap resamples together, shape (N,): for images of one band, their object ids.
    target : Target, optional
        Set if `truth` and `estimate` are in the learned unit of a numeric target. If all true values are positive, MAE
        and σ are then also shown in ln, dex, % and the target's own unit.
    what : str
        What the pairs are: ``"objects"``.
    cut : float, optional
        Adds the fraction of outliers beyond this residual.
    unit : str
        Unit of the errors.
    """

    def __init__(
        self,
        truth: np.ndarray,
        estimate: np.ndarray,
        groups: np.ndarray | None = None,
        target: Target | None = None,
        what: str = "objects",
        *,
        cut: float | None = None,
        unit: str = "",
        **params: object,
    ) -> None:
        super().__init__(**params)
        self._pairs, self._target, self._what = (truth, estimate, groups), target, what
        self._cut, self._unit = cut, unit

    async def table(self) -> AsyncIterator[str]:
        """Yield a progress message, then the table as HTML."""
        known = pd.notna(self._pairs[0]) & pd.notna(self._pairs[1])
        if not known.any():
            yield "The truth of these objects is not known, so nothing can be measured."
            return
        yield "Computing the metrics …"
        table = await asyncio.to_thread(measured, *self._pairs, self._cut)
        html = measures_html(table, int(known.sum()), self._what, self._unit)
        yield html
        if self._target is not None:
            yield html + await asyncio.to_thread(self._in_units)

    def _in_units(self) -> Markup:
        truth, estimate = (self._target.inverse(values) for values in self._pairs[:2])
        return Markup("") if (truth <= 0).any() else units_html(in_units(truth, estimate), self._target.label)

    def __panel__(self) -> pn.viewable.Viewable:
        numbers = pd.api.types.is_numeric_dtype(self._pairs[1])  # they have more metrics
        return text(self.table, sizing_mode="stretch_width", min_height=230 if numbers else 70)


def measures_html(table: pd.DataFrame, count: int, what: str, unit: str = "") -> Markup:
    """Return a table of metrics as HTML.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `galviz.measure.metrics.summary`.
    count, what : int, str
        Number of pairs, and what they are, such as ``"objects"``.
    unit : str
        Unit of the errors.
    """
    line, rows = Markup("<tr><th scope='row'>{}</th><td>{}</td><td>{} to {}</td><td>{}</td></tr>"), []
    for row in table.itertuples():
        value, low, high = written_measure(str(row.Index), row.value, row.low, row.high, unit)
        rows.append(line.format(measure_name(str(row.Index)), value, low, high, row.definition))
    head = Markup("<tr><th>Measure</th><th>Value</th><th>95 % interval (bootstrap)</th><th>Definition</th></tr>")
    whole = Markup("<table class='measures'><caption>{:,} {} with known truth</caption>{}{}</table>")
    return whole.format(count, what, head, Markup("").join(rows))


def units_html(table: pd.DataFrame, label: str) -> Markup:
    """Return MAE and σ in several units as HTML.

    Parameters
    ----------
    table : pandas.DataFrame
        As returned by `galviz.measure.unit_errors.in_all_units`.
    label : str
        Name of the quantity, such as ``"λ"``.
    """

    def cells(row: pd.Series, name: str) -> Markup:
        if np.isnan(row[name]):
            return Markup("<td>–</td><td>not all estimates are positive</td>")
        values = (row[name], row[f"{name}_low"], row[f"{name}_high"])
        return Markup("<td>{:.4g}</td><td>{:.4g} to {:.4g}</td>").format(*values)

    line = Markup("<tr><th scope='row'>{}</th>{}{}</tr>")
    rows = Markup("").join(
        line.format(written(str(unit), label), cells(row, "mae"), cells(row, "sigma")) for unit, row in table.iterrows()
    )
    head = Markup("<tr><th>Errors in</th><th>MAE</th><th>95 % interval</th><th>σ</th><th>95 % interval</th></tr>")
    whole = Markup("<table class='measures'><caption>The same in other units</caption>{}{}</table>")
    return whole.format(head, rows)
