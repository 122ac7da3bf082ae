"""What judges predictions on a page, of a run or of any table: measures, and one plot at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.explorer import Explorer
from galviz.tasks.pair import Pair
from galviz.tools.formatting import error_note, shown_error, text

_NONE = Markup("<p class='note' role='status'>No objects selected: the metrics are of all objects shown.</p>")
_SOME = Markup("<p class='note' role='status'>Of the <b>{:,} selected</b> objects; {:,} are shown.</p>")


class Later(pn.viewable.Viewer):
    """A view whose content is computed in a thread, so that the page stays responsive.

    Parameters
    ----------
    compute : callable
        Runs in the thread.
    show : callable
        Makes the view of what it returned.
    """

    def __init__(self, compute: Callable[[], Any], show: Callable[[Any], Any], **params: object) -> None:
        super().__init__(**params)
        self._compute, self._show = compute, show

    async def body(self) -> AsyncIterator[Any]:
        """Yield a progress message, then the content, or an error message."""
        yield text("Computing …")
        try:
            found = await asyncio.to_thread(self._compute)
        except ValueError as error:
            yield error_note(shown_error(error))
            return
        yield self._show(found)

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.body, sizing_mode="stretch_width")


class JudgeView(pn.viewable.Viewer):
    """Judges the selected objects of an explorer. Subclasses: numbers and classes.

    Parameters
    ----------
    pair : Pair
        The truth and the prediction, columns of the explorer's table.
    explorer : Explorer
    """

    shown = param.Selector(default="", objects=[""], label="Plot", doc="which plot is shown")

    def __init__(self, pair: Pair, explorer: Explorer, **params: object) -> None:
        super().__init__(**params)
        self.pair, self.explorer = pair, explorer
        self.param.shown.objects = list(self.kinds())
        self.shown = self.param.shown.objects[0]

    def kinds(self) -> dict[str, Callable[[], Any]]:
        """Return name → function that draws a plot of the selected objects."""
        raise NotImplementedError

    def controls(self) -> list[Any]:
        """Return the controls of the plots."""
        return []

    def of(self) -> list[param.Parameter]:
        """Return the parameters that change a plot."""
        return [self.param.shown]

    def rows(self) -> pd.DataFrame:
        """Return the selected objects, or all if none is selected."""
        mask, table = self.explorer.selection.mask, self.explorer.table
        return table[mask] if self.explorer.current and mask.any() else table

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Return truth and prediction of the selected objects."""
        rows = self.rows()
        return self.pair.true(rows), self.pair.given(rows)

    def about_selection(self) -> str | Markup:
        """Return which objects the metrics are of, if not simply all: the selected ones, or all as none is selected."""
        selection = self.explorer.selection
        if self.explorer.current and len(selection):
            return _SOME.format(len(selection), len(self.explorer.table))
        return _NONE if selection.steps else ""

    def note(self) -> pn.viewable.Viewable:
        """Return the note of `about_selection`, which takes no room where there is nothing to say."""
        words = self.about_selection()
        return text(words, visible=bool(words))

    def live(self, make: Callable[[], Any], *inputs: param.Parameter) -> Callable[..., Any]:
        """Return a function for a page that calls `make` now, and when the selection or an input changes."""

        def made(*_: object) -> Any:
            if not self.explorer.current:  # the selection shows another table
                raise param.Skip
            return make()

        return pn.bind(made, self.explorer.selection.param.version, *inputs)

    def plot(self) -> pn.viewable.Viewable:
        """Return the plot that is shown."""
        return self.kinds()[self.shown]()

    def plots(self) -> pn.viewable.Viewable:
        """Return the plot, with the choice of another."""
        names = self.param.shown.objects
        choice = pn.widgets.RadioButtonGroup(options=names, value=self.shown, align="start", margin=(5, 10))
        choice.link(self, value="shown", bidirectional=True)
        bar = pn.FlexBox(*([choice] if len(names) > 1 else []), *self.controls(), align_items="flex-end")
        return pn.Column(bar, self.live(self.plot, *self.of()), sizing_mode="stretch_width", min_height=400)
