"""Results of a sweep over label fractions: curves, the gain from pre-training, the table, and the paper's numbers."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import NamedTuple

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.tables import SUFFIXES, KeyedTable, write_table
from galviz.measure.label_efficiency import MEASURES, Gain, curves, label_gain, published
from galviz.measure.unit_errors import UNITS, written
from galviz.tools.export.download import Download
from galviz.tools.formatting import beside, data_table, drawn, error_note, field, note, shown_error, text
from galviz.tools.label_curves.figure import label_curves
from galviz.tools.label_curves.text import LOGARITHMS, NAMES, PLAIN, compared_html, gains_html, made_words
from galviz.work.sweep import Sweep

_LATER = "the gain is computed when one trial has finished at every label fraction, with and without pre-training."
_NEVER = "no gain: this sweep has no training with all labels."
_PYTHON = """from galviz.measure.label_efficiency import curves, gain_words, label_gain
from galviz.work.sweep import Sweep

sweep = Sweep({path!r})
table = sweep.table()  # a row a training
print(curves(table, {measure!r}, {unit!r}))
"""
_GAIN = "print(gain_words(label_gain(sweep.held_out(), {measure!r}, {unit!r})))\n"


class Results(NamedTuple):
    """Results of a sweep: the table of its trainings, and per measure the gain or the reason why there is none."""

    table: pd.DataFrame
    gains: dict[str, Gain | str]


class LabelsView(pn.viewable.Viewer):
    """Base against Ours, for the trainings of a sweep that are done.

    Parameters
    ----------
    sweep : Sweep
    """

    unit = param.Selector(default="ln", objects=list(UNITS), label="Errors in")
    form = param.Selector(
        default="csv", objects={f"{kind.upper()} ({end})": kind for kind, end in SUFFIXES.items()}, label="Table as"
    )
    done = param.Integer(default=0, doc="finished trainings; the view is redrawn when it changes")

    def __init__(self, sweep: Sweep, **params: object) -> None:
        super().__init__(**params)
        self.sweep = sweep
        self.label, classes = sweep.plan.target.label, not sweep.plan.target.numeric
        self.measures = ("accuracy",) if classes else MEASURES
        self.param.unit.objects = {"": ""} if classes else {written(unit, self.label): unit for unit in UNITS}
        self.unit = "" if classes else self.unit if sweep.plan.pretext else "value"
        self.transfer = Download(sizing_mode="stretch_width", margin=(0, 10))
        self.poll()

    @property
    def written(self) -> str:
        """Unit of the errors as text, such as ``"ln λ"``; empty for accuracies."""
        return written(self.unit, self.label) if self.unit else ""

    def poll(self) -> None:
        """Poll for finished trainings."""
        self.done = len(self.sweep.done())

    def results(self) -> Results:
        """Return the results of the finished trainings; slow."""
        table, gains = self.sweep.table(), {}
        for measure in self.measures if self.sweep.plan.pretext else ():
            try:
                gains[measure] = label_gain(self.sweep.held_out(), measure, self.unit)
            except ValueError:  # no complete trial yet
                gains[measure] = _LATER if self.sweep.plan.fractions[-1] == 1 else _NEVER
        return Results(table, gains)

    @param.depends("unit", "done")
    async def body(self) -> AsyncIterator[pn.viewable.Viewable]:
        """Yield figures, text and tables, computed in a thread so that the page stays responsive."""
        self.transfer.script = (_PYTHON + _GAIN if self.sweep.plan.pretext else _PYTHON).format(
            path=str(self.sweep.path.resolve()), measure=self.measures[0], unit=self.unit
        )
        try:
            results = await asyncio.to_thread(self.results)
        except (ValueError, OSError, KeyError) as error:
            yield error_note(shown_error(error))
            return
        if results.table.empty:
            yield note("No training of this sweep is done yet: figures come with the first ones.")
            return
        gains = gains_html(results.gains, logarithmic=self.unit in LOGARITHMS) if results.gains else PLAIN
        words = text(gains)
        sides = [
            pn.Column(self.plot(results.table, measure), self.compared(results, measure)) for measure in self.measures
        ]
        head, made = text(Markup("<h3>Trainings</h3>")), note(made_words(self.sweep.plan, results.table))
        yield pn.Column(words, beside(*sides), head, made, self.shown_table(results.table))

    def compared(self, results: Results, measure: str) -> pn.viewable.Viewable:
        """Return the table of one measure at each fraction, next to the paper's."""
        return text(compared_html(measure, results.gains.get(measure, ""), self.written))

    def plot(self, table: pd.DataFrame, measure: str) -> pn.pane.HoloViews:
        """Draw one measure, with the paper's curves behind it if they can be converted to this unit."""
        behind = None
        if self.unit in LOGARITHMS and self.sweep.plan.pretext:
            behind = published().rename(columns={measure: "mean"})
            behind = behind.assign(mean=behind["mean"] * LOGARITHMS[self.unit])
        mean, options = curves(table, measure, self.unit), {"logarithmic": bool(self.unit)}
        return drawn(label_curves(mean, self.written, NAMES[measure], behind, **options))

    def shown_table(self, table: pd.DataFrame) -> pn.widgets.Tabulator:
        """Return a table with one row per training, rounded to four decimals."""
        return data_table(table.round(4), pagination="local", page_size=12, show_index=False)

    def download(self, _: object = None) -> None:
        """Send the table of the trainings to the browser."""
        table, file = self.sweep.table(), io.BytesIO()
        names = table[["method", "fraction", "trial", "fold"]].astype(str).agg("-".join, axis=1)
        write_table(file, KeyedTable(table.set_index(names.rename("object_id"))), self.form)
        self.transfer.give(f"galviz_sweep_{self.sweep.path.name}{SUFFIXES[self.form]}", file)

    def __panel__(self) -> pn.viewable.Viewable:
        unit = field(self.param.unit, width=110, visible=bool(self.unit))
        form = field(self.param.form, width=170)
        save = pn.widgets.Button(label="Download", color="primary", on_click=self.download)
        bar = pn.FlexBox(unit, form, save, align_items="flex-end")
        return pn.Column(bar, self.body, self.transfer, sizing_mode="stretch_width")
