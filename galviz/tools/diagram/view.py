"""The colour–magnitude diagram on a page."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import panel as pn

from galviz.tasks.pair import Pair
from galviz.tools.client import script
from galviz.tools.diagram.exchange import Exchange, at_once
from galviz.tools.scripted import Scripted
from galviz.tools.selection.core import Selection


class DiagramPanel(Scripted):
    """The browser part of the diagram."""

    _esm = script(Path(__file__))


class DiagramView(pn.viewable.Viewer):
    """A colour–magnitude diagram with a red sequence to drag, and the scores of its regions beside it.

    Parameters
    ----------
    table : pandas.DataFrame
        N objects, indexed by unique `object_id` (str).
    pair : Pair
        Columns of the true and the predicted classes.
    selection : Selection
        A click on a cell of the matrix selects its objects, and so does a lasso.
    how : callable, optional
        Returns how a new selection is combined with the present one.
    kept, on_change
        What a saved view keeps, as in `galviz.tools.diagram.exchange.Exchange`.
    **fields : str
        Columns or expressions, as in `galviz.tools.diagram.exchange.Exchange`: ``magnitude="r"``, ``colour="g - z"``.
        Those that are not given are guessed.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        pair: Pair,
        selection: Selection,
        how: Callable[[], str] = lambda: "replace",
        *,
        kept: Mapping[str, Any] | None = None,
        on_change: Callable[[dict[str, Any]], None] = lambda _: None,
        **fields: str,
    ) -> None:
        super().__init__()
        self.panel = DiagramPanel(sizing_mode="stretch_both", min_height=300, margin=0)
        more = {"how": how, "background": in_thread, "kept": kept, "on_change": on_change}
        self.exchange = Exchange(table, pair, selection, self.panel.send, **more, **fields)
        self.panel.on_message = self.exchange.receive

    def close(self) -> None:
        """Follow the selection no longer."""
        self.exchange.close()

    def __panel__(self) -> pn.viewable.Viewable:
        return self.panel


def in_thread(work: Callable[[], Any], then: Callable[[Any], None]) -> None:
    """Call `work` in a thread, so that the page stays responsive, and then `then` with its result."""

    async def run() -> None:
        then(await asyncio.to_thread(work))

    try:
        asyncio.get_running_loop()
    except RuntimeError:  # in a script there is no page
        at_once(work, then)
    else:
        pn.state.execute(run)
