"""Plots next to a threshold: purity and completeness, reliability, fractions in bins of a column."""

import holoviews as hv
import pandas as pd
import panel as pn

from galviz.measure.score_columns import is_redshift
from galviz.measure.threshold_stats import AtThreshold
from galviz.tools.formatting import GROW, drawn, note
from galviz.tools.threshold import figure as figures
from galviz.tools.threshold.core import Scored


class ThresholdPlots(pn.viewable.Viewer):
    """Plots that are drawn once and then updated through streams."""

    def __init__(self, **params: object) -> None:
        super().__init__(**params)
        self.curve, self.now, self.bins, self.binned = (hv.streams.Pipe(data=None) for _ in range(4))
        self.rates: hv.streams.Pipe | None = None
        self.judged = pn.FlexBox(sizing_mode="stretch_width")
        self.split = pn.Column(sizing_mode="stretch_width")
        self._drawn = ""
        self._split: tuple[str, str] | None = None
        self.terms = 0.5, 1.0
        """T_obs in Gyr, and the factor C, by which fractions of mergers become rates."""

    def learn(self, scored: Scored, found: AtThreshold) -> None:
        """Show other scores, or the same scores with other labels."""
        if not scored.known.both:
            self._drawn = ""
            self.judged[:] = []
            return
        tables = scored.curve.curve(), scored.reliability()
        if self._drawn == scored.score:
            self.curve.send(tables[0])
            self.bins.send(tables[1])
            self.now.send(found)
            return
        self._drawn = scored.score
        pipes = (hv.streams.Pipe(data=data) for data in (*tables, found))
        self.curve, self.bins, self.now = pipes
        plots = (figures.purity_curve(self.curve, self.now), figures.reliability_plot(self.bins, scored.name))
        self.judged[:] = [pn.Column(drawn(plot), styles=GROW) for plot in plots]

    def move(self, found: AtThreshold) -> None:
        """Move the point on the purity curve; sends nothing if it did not move."""
        if self._drawn and found != self.now.data:
            self.now.send(found)

    def bin(self, fractions: pd.DataFrame, expression: str, name: str) -> None:
        """Show fractions in bins of another column, or the same with other labels."""
        if self._split == (expression, name):
            self.move_bins(fractions)
            return
        self._split, self.binned = (expression, name), hv.streams.Pipe(data=fractions)
        published = is_redshift(expression) and name == "merger"
        self.split[:] = [drawn(figures.binned_fractions(self.binned, expression, name, published=published))]
        self.rates = None
        if published:
            self.rates = hv.streams.Pipe(data=figures.rates_in_bins(fractions, *self.terms))
            self.split.append(drawn(figures.binned_rates(self.rates, expression)))

    def move_bins(self, fractions: pd.DataFrame) -> None:
        """Show the binned fractions, and the rates, at another threshold or with other `terms`."""
        self.binned.send(fractions)
        if self.rates is not None:
            self.rates.send(figures.rates_in_bins(fractions, *self.terms))

    def show_message(self, message: str) -> None:
        """Show a message in place of the binned fractions."""
        self._split = self.rates = None
        self.split[:] = [note(message, "status")]
