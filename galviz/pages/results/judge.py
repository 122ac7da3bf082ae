"""What judges predictions on a page, of a run or of any table: measures, and one plot at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.pages.cards import Card, Cards
from galviz.pages.explorer import Explorer
from galviz.pages.results.measures import summary_cards
from galviz.pages.workspace import fills
from galviz.tasks.pair import Pair
from galviz.tools.formatting import error_note, shown_error, text

_NONE = Markup("<p class='note' role='status'>No objects selected: the metrics are of all objects shown.</p>")
_SOME = Markup("<p class='note' role='status'>For the <b>{:,} selected</b> objects, of {:,} shown.</p>")


class Later(pn.viewable.Viewer):
    """A view whose content is computed in a thread, so that the page stays responsive.

    Parameters
    ----------
    compute : callable
        Runs in the thread.
    show : callable
        Makes the view of what it returned.
    fills : bool
        Whether the view fills its pane in both directions, and not only in width.
    """

    def __init__(
        self, compute: Callable[[], Any], show: Callable[[Any], Any], *, fills: bool = False, **params: object
    ) -> None:
        super().__init__(**params)
        self._compute, self._show = compute, show
        self._sizing = "stretch_both" if fills else "stretch_width"

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
        return pn.Column(self.body, sizing_mode=self._sizing)


class JudgeView(pn.viewable.Viewer):
    """Judges the selected objects of an explorer. Subclasses: numbers and classes.

    Parameters
    ----------
    pair : Pair
        The truth and the prediction, columns of the explorer's table.
    explorer : Explorer
    """

    def __init__(self, pair: Pair, explorer: Explorer, **params: object) -> None:
        super().__init__(**params)
        self.pair, self.explorer = pair, explorer

    def kinds(self) -> dict[str, Callable[[], Any]]:
        """Return name → function that draws a plot of the selected objects."""
        raise NotImplementedError

    def controls(self, kind: str) -> list[Any]:  # noqa: ARG002 - for subclasses
        """Return the controls of a plot."""
        return []

    def of(self, kind: str) -> list[param.Parameter]:  # noqa: ARG002 - for subclasses
        """Return the parameters that change a plot."""
        return []

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

    def plot(self, kind: str) -> pn.viewable.Viewable:
        """Return a plot, with its controls, that fills a pane."""
        controls = self.controls(kind)
        bar = [pn.FlexBox(*controls, align_items="flex-end")] if controls else []
        return fills(*bar, self.live(self.kinds()[kind], *self.of(kind)))

    def tabs(self) -> dict[str, Callable[[], Any]]:
        """Return the name of each plot and what makes it, for a pane."""
        return {kind: partial(self.plot, kind) for kind in self.kinds()}

    def measures(self) -> Any:
        """Return the table of the measures of the selected objects."""
        raise NotImplementedError

    def tables(self) -> list[Any]:
        """Return the tables of measures, for a drawer."""
        return [self.live(self.note), self.live(self.measures)]

    def measure_cards(self) -> list[Card]:
        """Return the numbers that matter, of the selected objects. It may take a second: called in a thread."""
        truth, estimate = self.arrays()
        known = pd.notna(truth) & pd.notna(estimate)
        selection, count = self.explorer.selection, f"{len(truth):,}"
        here = f"{int(known.sum()):,} with known truth"
        n = Card("objects", count, here, "objects that are measured")
        if self.explorer.current and len(selection):
            about = f"Only these are measured. Clear the selection to measure all {len(selection.table):,}."
            n = Card("of the", f"{count} selected", here, about)
        return [n, *(summary_cards(truth, estimate, **self.summarised()) if known.any() else [])]

    def summarised(self) -> dict[str, Any]:
        """Return what `galviz.pages.results.measures.summary_cards` needs besides truth and prediction."""
        return {}

    def opened_by(self, card: str) -> str:  # noqa: ARG002 - for subclasses
        """Return the name of the plot that a click on a card opens."""
        return ""

    def _open(self, card: str) -> None:
        if kind := self.opened_by(card):
            self.explorer.panes.open(kind)

    def cards(self) -> pn.viewable.Viewable:
        """Return the line of measures above the plots; it follows the selection."""
        line = self.live(lambda: Later(self.measure_cards, lambda found: Cards(found, self._open)), *self.carded())
        # As high while they are computed as one line of them; where they need more lines, the panes below give way.
        return pn.Row(line, min_height=62, sizing_mode="stretch_width", margin=(2, 0), styles={"flex": "none"})

    def carded(self) -> list[param.Parameter]:
        """Return the parameters that change the cards."""
        return []
