"""Controls that link the selection of a page with TOPCAT, Aladin and other programs by SAMP."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.io.markup import Markup
from galviz.io.tables import KeyedTable
from galviz.tools.export.samp import Samp
from galviz.tools.formatting import text
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import BackgroundView, Snapshot, run_on_change

_ALL = "all programs"


class Programs(BackgroundView):
    """Send the selected objects to programs on the server's machine; afterwards selections are synchronised.

    Parameters
    ----------
    selection : Selection
    keyed : callable
        Returns the rows of a `Snapshot` as a `KeyedTable`; called in a thread.
    """

    status = param.String(default="", doc="result of the last request")

    def __init__(self, selection: Selection, keyed: Callable[[Snapshot], KeyedTable]) -> None:
        super().__init__()
        self.selection, self._keyed, self._samp, self._table = selection, keyed, None, None
        self._index, self._ids, self._focus = pd.Index([]), frozenset(), None  # as the other programs have them
        self.program = pn.widgets.Select(label="Program", options=[_ALL], value=_ALL, width=170)
        run_on_change(selection, ["version", "focus"], self._synchronise)

    async def find(self, _: param.parameterized.Event | None = None) -> None:
        """List the programs on the SAMP hub that accept tables; nothing is sent."""
        await self._reach(None)

    async def send(self, _: param.parameterized.Event | None = None) -> None:
        """Load the selected objects into the program; from then on selections are synchronised both ways."""
        await self._reach(Snapshot.of(self.selection))

    async def _reach(self, snapshot: Snapshot | None) -> None:
        if self.busy:
            return
        doc = pn.state.curdoc
        served = doc is not None and doc.session_context is not None
        on_page = doc.add_next_tick_callback if served else asyncio.get_running_loop().call_soon_threadsafe
        self.param.update(error="", status="", busy=True)
        to = self.program.value
        others = await self.in_thread(self._talk, on_page, snapshot, None if to == _ALL else to)
        self.busy = False
        if others is None or self.gone:
            self.leave()
            return
        self.program.param.update(options=[_ALL, *others], value=to if to in others else _ALL)
        found = ", ".join(others) or "none yet. Start TOPCAT or Aladin, and look again"
        sent = "" if snapshot is None else f"{len(snapshot):,} rows sent: a selection made there is applied here too."
        self.status = sent or f"Programs found: {found}."

    def _talk(self, on_page: Callable[..., Any], snapshot: Snapshot | None, to: str | None) -> list[str]:
        if self._samp is None:
            samp = Samp()
            samp.listen(  # SAMP calls these in its own threads
                selected=lambda _, ids: on_page(partial(self._receive, frozenset(ids), None)),
                focused=lambda _, object_id: on_page(partial(self._receive, None, object_id)),
            )
            self._samp = samp
        if snapshot is not None:
            keyed = self._keyed(snapshot)
            self._table = self._samp.send_table(keyed, name=f"galviz {len(snapshot)} objects", to=to)
            self._index, self._ids, self._focus = keyed.table.index, frozenset(snapshot.ids), None
        return list(dict.fromkeys(self._samp.others()))

    def _receive(self, ids: frozenset[str] | None, focus: str | None) -> None:
        if ids is None:
            self._focus = self.selection.focus = focus
        else:
            self._ids = ids
            self.selection.choose(ids)

    async def _synchronise(self) -> None:
        if self._table is not None and not await self.in_thread(
            self._pass_on, self.selection.ids, self.selection.focus
        ):
            self.leave()

    def _pass_on(self, selected: np.ndarray, focus: str | None) -> bool:
        samp, table, ids = self._samp, self._table, frozenset(self._index[self._index.isin(selected)])
        if ids != self._ids:
            self._ids = ids
            samp.send_selection(ids, table)
        if focus != self._focus and focus in self._index:
            self._focus = focus
            samp.send_focus(focus, table)
        return True

    def leave(self) -> None:
        """Disconnect from the hub; returns at once, even if the hub does not answer."""
        samp, self._samp, self._table = self._samp, None, None
        if samp is not None:
            Thread(target=_close, args=(samp,), daemon=True).start()  # in a thread, as the hub may no longer answer

    def __panel__(self) -> pn.viewable.Viewable:
        find = pn.widgets.Button(label="Find TOPCAT, Aladin …", on_click=self.find)
        send = pn.widgets.Button(label="Send to program", on_click=self.send)
        status = text(self.param.status.rx.pipe(Markup("<div role='status'>{}</div>").format))
        return pn.Column(pn.FlexBox(find, self.program, send, status, align_items="flex-end"), self._alert)


def _close(samp: Samp) -> None:
    with suppress(Exception):  # the hub may have quit
        samp.close()
