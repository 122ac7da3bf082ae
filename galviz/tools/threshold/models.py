"""Several models under one threshold: other runs, or other columns of scores, beside the one that is shown."""

import asyncio
from collections.abc import Callable, Mapping

import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.measure.score_columns import answers
from galviz.measure.threshold_stats import AtThreshold
from galviz.tools.formatting import Choices, error_note, field, shown_error, text
from galviz.tools.selection.snapshot import run_on_change
from galviz.tools.threshold.core import Meaning, Scored
from galviz.tools.threshold.figure import percent


class ModelsView(pn.viewable.Viewer):
    """The numbers of other models at the same threshold. They follow the line as it is dragged.

    Parameters
    ----------
    table : pandas.DataFrame
        Its other columns of scores can be chosen.
    others : mapping of str to callable, optional
        Name of a run → function that returns a table with the same columns, or None. Called in a thread.
    """

    chosen = param.ListSelector(default=[], objects=[], label="Other models under this line")
    scores = param.Dict(default={}, doc="name → `Scored` of each chosen model, once they are sorted")
    of = param.Tuple(default=("", "", 0.5), doc="score, truth and cut of the first model")
    offered = param.Boolean(default=False, doc="whether there are other models")
    error = param.String(default="")

    def __init__(
        self,
        table: pd.DataFrame,
        others: Mapping[str, Callable[[], pd.DataFrame | None]] | None = None,
        **params: object,
    ) -> None:
        super().__init__(**params)
        self.table, self.others, self.threshold = table, dict(others or {}), 0.5
        self._first: tuple[str, Scored] | None = None
        self.rows = text("", sizing_mode="stretch_width")
        run_on_change(self, ["chosen", "of"], self._sort)

    def show(self, scored: Scored, truth: str, cut: float) -> None:
        """Compare with other scores of the first model: the same column in other runs, the same truth."""
        columns = {f"column {name}": name for name in answers(self.table).values() if name != scored.score}
        self.param.chosen.objects = [*self.others, *columns]
        self.offered = bool(self.param.chosen.objects)
        self.chosen = [name for name in self.chosen if name in self.param.chosen.objects]
        self._columns, self._first, self.of = columns, (scored.score, scored), (scored.score, truth, cut)
        self.move(self.threshold)

    async def _sort(self) -> None:
        (score, truth, cut), chosen = self.of, list(self.chosen)
        if not score or not chosen:
            self.param.update(scores={}, error="")
            self.move(self.threshold)
            return
        try:
            found = await asyncio.to_thread(lambda: {name: self._scored(name, score, truth, cut) for name in chosen})
        except (ValueError, OSError, RuntimeError, KeyError) as error:
            self.param.update(error=shown_error(error), scores={})
        else:
            self.param.update(error="", scores=found)
        self.move(self.threshold)

    def _scored(self, name: str, score: str, truth: str, cut: float) -> Scored:
        meaning = Meaning.of(score)
        if name in self._columns:
            return Scored(self.table, self._columns[name], truth, cut, meaning=meaning)
        table = self.others[name]()
        if table is None or score not in table:
            raise ValueError(f"{name}: expected a column {score}, got none. Choose another model.")
        return Scored(table, score, truth if truth in table else "", cut, meaning=meaning)

    def move(self, threshold: float) -> None:
        """Show the numbers at another threshold."""
        self.threshold = threshold
        if self._first is None or not self.scores:
            self.rows.object = ""
            return
        models = {f"this one ({self._first[0]})": self._first[1], **self.scores}
        self.rows.object = models_html({name: scored.at(threshold) for name, scored in models.items()})

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return error_note(self.error)

    def __panel__(self) -> pn.viewable.Viewable:
        choice = field(self.param.chosen, type=Choices, width=420, max_items=6, visible=self.param.offered)
        return pn.Column(choice, self._alert, self.rows, sizing_mode="stretch_width")


def models_html(models: Mapping[str, AtThreshold]) -> Markup:
    """Return the numbers of models at one threshold as an HTML table."""
    line = Markup("<tr><th scope='row'>{}</th><td>{:,} of {:,}</td><td>{}</td><td>{}</td><td>{}</td></tr>")
    rows = Markup("").join(
        line.format(name, at.above, at.n, percent(at.fraction), percent(at.purity), percent(at.completeness))
        for name, at in models.items()
    )
    head = Markup("<tr><th>Model</th><th>Above the line</th><th>Fraction</th><th>Purity</th><th>Completeness</th></tr>")
    caption = "Models at the same threshold, with 95 % intervals"
    return Markup("<table class='measures'><caption>{}</caption>{}{}</table>").format(caption, head, rows)
