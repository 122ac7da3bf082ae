"""Labels that may be wrong, with buttons to show the objects."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pandas as pd
import panel as pn
import param

from galviz.measure.compare import suspects
from galviz.tools.formatting import note, shown_error, text
from galviz.tools.selection.buttons import LOOKING, Opener, held_out, short
from galviz.tools.selection.core import Selection

_LOWEST = 20


class SuspectsView(Opener):
    """Labels that may be wrong, judged by predictions of a network that was not trained on them.

    Parameters
    ----------
    table : pandas.DataFrame
        From `galviz.runs.predictions.joined`. Objects that are ``in_training`` are left out.
    selection : Selection
    truth, estimate : str
        Columns of the table: numbers, or class names. Errors of numbers are in ``<estimate>_sigma`` or ``…_spread``.
    classes : sequence of str
        Names of the classes; the probability of each is in ``p_<class>``.
    """

    found = param.ClassSelector(class_=pd.DataFrame, default=None, doc="the lowest scores, the lowest first")
    looking = param.Boolean(default=False)

    def __init__(
        self,
        table: pd.DataFrame,
        selection: Selection,
        *,
        truth: str = "truth",
        estimate: str = "estimate",
        classes: Sequence[str] = (),
        **params: object,
    ) -> None:
        super().__init__(selection=selection, **params)
        self.table, self.truth, self.estimate, self.classes = held_out(table), truth, estimate, list(classes)

    def scored(self) -> pd.DataFrame:
        """Return the objects with the lowest label quality."""
        rows = self.table
        estimate = rows[self.estimate]
        if self.classes:
            estimate = rows[[f"p_{name}" for name in self.classes]].set_axis(self.classes, axis=1)
        errors = [f"{self.estimate}_{name}" for name in ("sigma", "spread")]
        errors = [name for name in errors if name in rows and (rows[name] > 0).all()]
        spread = rows[errors[0]] if errors else None
        quality = suspects(rows[self.truth], estimate, spread).sort_values(kind="stable")
        return rows.loc[quality.index[:_LOWEST], [self.truth, self.estimate]].join(quality)

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
        return pn.Column(self.line(every, about), *(self._line(*row) for row in self.found.itertuples(name=None)))

    def _line(self, object_id: str, truth: Any, estimate: Any, quality: float) -> pn.viewable.Viewable:
        button = pn.widgets.Button(
            label=object_id, on_click=lambda _: setattr(self.selection, "focus", object_id), width=200
        )
        return self.line(button, f"label {short(truth)}, estimate {short(estimate)} · trust {quality:.2g} of 1")

    def __panel__(self) -> pn.viewable.Viewable:
        button = pn.widgets.Button(
            label="Find suspect labels", color="primary", on_click=self.look, disabled=self.param.looking
        )
        about = note("A low score is a reason to look at the object, no proof that its label is wrong.")
        return pn.Column(button, about, self.lines, self.alert, sizing_mode="stretch_width")
