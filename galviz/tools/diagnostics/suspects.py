"""Labels that may be wrong, with buttons to show the objects."""

import asyncio
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.measure.compare import suspects
from galviz.tools.formatting import note, shown_error, text
from galviz.tools.selection.buttons import LOOKING, Opener, short
from galviz.tools.selection.core import Selection

_LOWEST = 20


class SuspectsView(Opener):
    """Labels that may be wrong, judged by predictions of a network that was not trained on them.

    Parameters
    ----------
    table : pandas.DataFrame
        From `galviz.runs.predictions.joined`; for classes, with a probability column ``p_…`` per class. Objects in the
        training set are left out.
    selection : Selection
    """

    found = param.ClassSelector(class_=pd.DataFrame, default=None, doc="the lowest scores, the lowest first")
    looking = param.Boolean(default=False)

    def __init__(self, table: pd.DataFrame, selection: Selection, **params: object) -> None:
        super().__init__(selection=selection, **params)
        self.table = table[~table["seen"]] if "seen" in table else table

    def scored(self) -> pd.DataFrame:
        """Return the objects with the lowest label quality."""
        rows = self.table
        said_of = rows["estimate"]
        if not pd.api.types.is_numeric_dtype(said_of):
            said_of = rows.filter(regex="^p_").rename(columns=lambda name: name[2:])
        errors = [name for name in ("sigma", "spread") if name in rows and (rows[name] > 0).all()]
        spread = rows[errors[0]] if errors else None
        quality = suspects(rows["truth"], said_of, spread).sort_values(kind="stable")
        return rows.loc[quality.index[:_LOWEST], ["truth", "estimate"]].join(quality)

    async def look(self, _: object = None) -> None:
        """Find suspect labels, in a thread so that the page stays responsive."""
        self.param.update(looking=True, error="")
        try:
            self.found = await asyncio.to_thread(self.scored)
        except (ImportError, ValueError) as error:
            self.error = shown_error(error)
        finally:
            self.looking = False

    @param.depends("found", "looking")
    def lines(self) -> pn.viewable.Viewable:
        """List the objects, with a button that focuses each and one that selects all."""
        if self.looking or self.found is None:
            return text(LOOKING if self.looking else "")
        every = pn.widgets.Button(
            label="Show these", on_click=lambda _: self.take(self.selection.choose, self.found.index)
        )
        about = f"The {len(self.found)} least trusted labels of {len(self.table):,} objects that were not trained on."
        return pn.Column(self.line(every, about), *(self._line(row) for row in self.found.itertuples()))

    def _line(self, row: Any) -> pn.viewable.Viewable:
        button = pn.widgets.Button(
            label=row.Index, on_click=lambda _: setattr(self.selection, "focus", row.Index), width=200
        )
        words = f"label {short(row.truth)}, estimate {short(row.estimate)} · trust {row.label_quality:.2g} of 1"
        return self.line(button, words)

    def __panel__(self) -> pn.viewable.Viewable:
        button = pn.widgets.Button(
            label="Find suspect labels", color="primary", on_click=self.look, disabled=self.param.looking
        )
        about = note("A low score is a reason to look at the object, no proof that its label is wrong.")
        return pn.Column(button, about, self.lines, self.alert, sizing_mode="stretch_width")
