"""The slices of a catalogue in which a run does worst, in sentences with buttons to select their objects."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pandas as pd
import panel as pn

from galviz.io.expressions import matches
from galviz.measure.compare import worst_slices
from galviz.tools.formatting import note, said, shown_error, text
from galviz.tools.selection.buttons import LOOKING, Opener
from galviz.tools.selection.core import Selection

_LINES = 12
_DERIVED = ["residual", "correct", "in_training"]  # the loss itself, and what is the same for all


class SlicesView(Opener):
    """The slices of a catalogue with the largest loss, each with a button that selects its objects.

    Parameters
    ----------
    table : pandas.DataFrame
        Catalogue columns, indexed by ``object_id``; residual, correct and in_training are ignored.
    loss : pandas.Series
        Loss of each object, by `object_id`; objects with no loss or NaN are left out.
    selection : Selection
        A button selects by expression if the selection's table has the same columns, else by ids.
    measure : str
        Name of the mean loss; see `galviz.measure.compare.worst_slices`.
    """

    def __init__(
        self, table: pd.DataFrame, loss: pd.Series, selection: Selection, measure: str = "", **params: object
    ) -> None:
        super().__init__(selection=selection, **params)
        self.loss, self.measure = loss.dropna(), measure
        self.table = table[table.index.isin(self.loss.index)].drop(columns=_DERIVED, errors="ignore")

    async def lines(self) -> AsyncIterator[pn.viewable.Viewable]:
        """Yield a progress message, then the slices, found in a thread so that the page stays responsive."""
        yield text(LOOKING)
        try:
            found = await asyncio.to_thread(worst_slices, self.loss, self.table, measure=self.measure)
        except ValueError as error:
            yield said(shown_error(error))
            return
        yield self.listed(found)

    def listed(self, found: pd.DataFrame) -> pn.viewable.Viewable:
        """Return the result of `worst_slices` as lines with buttons."""
        objects, looked_at = found.attrs["objects"], found.attrs["looked_at"]
        if not looked_at:
            return text(f"{objects:,} objects with known truth: too few to cut into slices.")
        about = f"{looked_at:,} slices of {objects:,} objects were looked at"
        if found.empty:
            return text(f"No slice is worse than the rest beyond chance. {about}.")
        rest = f" The surest {_LINES} of {len(found):,} follow." if len(found) > _LINES else ""
        head = note(f"{about}; the 95 % intervals hold for all of them together.{rest}")
        return pn.Column(head, *(self._line(row) for row in found.head(_LINES).itertuples()))

    def _line(self, row: Any) -> pn.viewable.Viewable:
        button = pn.widgets.Button(label="Show these", on_click=lambda _: self.show(row.expression), width=110)
        return self.line(button, row.words)

    def show(self, expression: str) -> None:
        """Select the objects of a slice: by its expression, or by ids if that would match other objects too."""
        ids = self.table.index[matches(expression, self.table)]
        try:
            chosen = self.selection.table.index[matches(expression, self.selection.table)]
            same = len(chosen) == len(ids) and bool(chosen.isin(ids).all())
        except ValueError:  # the selection's table lacks the column
            same = False
        self.take(self.selection.where, expression) if same else self.take(self.selection.choose, ids)

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.lines, self.alert, sizing_mode="stretch_width")
