"""The threshold view: drag a line over a histogram of scores and see number, fraction, purity and objects near it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import panel as pn
import param

from galviz.io.expressions import column
from galviz.io.markup import Markup
from galviz.sky.cutouts import CutoutSet
from galviz.tools.formatting import GROW, field, text
from galviz.tools.labels.core import Labels
from galviz.tools.selection.core import Selection
from galviz.tools.threshold.core import Meaning
from galviz.tools.threshold.figure import chart, numbers, rate_rows
from galviz.tools.threshold.line import ThresholdLine
from galviz.tools.threshold.models import ModelsView
from galviz.tools.threshold.neighbours import NearView
from galviz.tools.threshold.plots import ThresholdPlots
from galviz.tools.threshold.state import ThresholdState
from galviz.tools.threshold.text import labels_html, rates_html, sums
from galviz.tools.viewer.stretch_controls import alert


class ThresholdView(ThresholdState):
    """A threshold over a column of a table, with its statistics, plots, rates and nearest objects.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str), with a column within 0…1
        (`galviz.measure.score_columns.answers`).
    cutouts : CutoutSet, optional
        Images of some or all objects.
    selection : Selection, optional
        Selection over this table; a new one by default.
    labels : str, Path or callable, optional
        File of the labels, or what opens those of a score, as in `galviz.tools.threshold.core.labels_of`.
    meanings : mapping of str to galviz.tools.threshold.core.Meaning, optional
        Of scores whose column does not say it.

    others : mapping of str to callable, optional
        Other runs to compare with, as in `galviz.tools.threshold.models.ModelsView`.

    Raises
    ------
    ValueError
        If no column is a score, see `galviz.measure.score_columns.answers`.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        cutouts: CutoutSet | None = None,
        selection: Selection | None = None,
        labels: str | Path | Callable[[str], Labels] | None = None,
        meanings: Mapping[str, Meaning] | None = None,
        *,
        others: Mapping[str, Callable[[], pd.DataFrame | None]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(table, labels, meanings, **params)
        self.models = ModelsView(table, others)
        self.selection = Selection(table) if selection is None else selection
        self.line, self.plots = ThresholdLine(sizing_mode="stretch_width", margin=(5, 10)), ThresholdPlots()
        self.near = NearView(table, cutouts, self.selection)
        self.rates, self.about = text(""), text(Markup("<p role='status'>Sorting the scores …</p>"))
        self.line.on_threshold = self._set_threshold
        self.start()

    @property
    def keys(self) -> dict[str, str]:
        """Keyboard key → label: m for a positive, n for a negative object."""
        return {} if self.scored is None else {"m": self.scored.meaning.yes, "n": self.scored.meaning.no}

    def _set_threshold(self, value: float, done: bool) -> None:  # noqa: FBT001 - as the browser sends it
        self.threshold = min(max(value, 0.0), 1.0)
        self.settled += done

    @param.depends("scored", watch=True)
    def _show(self) -> None:
        """Draw the histogram, the note and the plots of new scores, or of the same scores with new labels."""
        scored = self.scored
        columns = {"score": scored.score} | ({"truth": self.truth} if self.truth else {})
        self.near.label_with(self.labels, self.keys, columns)
        self.line.send(chart(scored))
        self.about.object = labels_html(scored.known, scored.name, place=self.labels.place, outside=scored.outside)
        self.plots.learn(scored, scored.at(self.threshold))
        self.models.show(scored, self.truth, self.truth_cut)

    @param.depends("scored", "threshold", "calibrated", "t_obs", "merging", watch=True)
    def tick(self) -> None:
        """Show the statistics at the current threshold."""
        if (scored := self.scored) is None:
            return
        found, drawn = scored.at(self.threshold), scored.resampled(self.threshold)
        ours = {"above the line": found.fraction} | ({"corrected": drawn["corrected"]} if drawn else {})
        ours |= {"calibrated sum": self.calibrated} if self.calibrated else {}
        lines = numbers(found, drawn, scored.name)
        self.line.tell(self.threshold, lines + sums(scored.plain_sum(), self.calibrated, pending=self.pending))
        merger = scored.name == "merger"  # rates exist only for mergers
        self.rates.object = rates_html(rate_rows(ours, self.t_obs, self.merging), self.t_obs) if merger else ""
        self.near.show(*scored.near(self.threshold))
        self.plots.terms = self.t_obs, self.merging
        self.plots.move(found)
        self.models.move(self.threshold)
        if self.binned is not None:
            self.plots.move_bins(self.binned.at(self.threshold))

    @param.depends("binned", "bins_error", watch=True)
    def _show_bins(self) -> None:
        if self.binned is not None:
            self.plots.bin(self.binned.at(self.threshold), self.bins.strip(), self.scored.name)
        else:
            self.plots.show_message(self.bins_error or "No column to bin by is selected.")

    def _choose(self, _: object) -> None:
        self.selection.where(f"{column(self.answer)} > {self.threshold!r}")

    def _number(self, name: str, width: int, **more: object) -> pn.widgets.Widget:
        return field(self.param[name], type=pn.widgets.FloatInput, width=width, **more)

    def __panel__(self) -> pn.viewable.Viewable:
        names = [str(name) for name in self.table.select_dtypes("number").columns]
        typed = {"type": pn.widgets.AutocompleteInput, "options": names, "restrict": False, "min_characters": 0}
        choose = pn.widgets.Button(label="Select all above the line", on_click=self._choose)
        truth = pn.widgets.Select.from_param(self.param.truth, width=190)  # its options change with the score
        cut = [field(self.param.answer, width=230), truth, self._number("truth_cut", 110)]
        merger = self.param.scored.rx().rx.pipe(lambda now: now is not None and now.name == "merger")
        rate = [self._number("t_obs", 110, step=0.1), self._number("merging", 80, step=0.1)]
        split = field(self.param.bins, width=190, case_sensitive=False, **typed)
        below = [
            pn.Column(split, self.plots.split, styles=GROW),
            pn.Column(
                pn.FlexBox(*rate, align_items="flex-end", visible=merger),
                self.rates,
                styles=GROW | {"flex": "1 1 600px"},
            ),
        ]
        head = [pn.FlexBox(*cut, choose, align_items="flex-end"), self._alert, self.line, self.models, self.about]
        return pn.Column(*head, self.near, self.plots.judged, pn.FlexBox(*below), sizing_mode="stretch_width")

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)
