"""A snapshot of a selection, and helpers for slow work that must not block the page."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import param

from galviz.tools.formatting import shown_error
from galviz.tools.selection.core import Selection
from galviz.tools.viewer.stretch_controls import alert


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The selected objects at one moment, or all if none is selected.

    A selection may change while a file of it is written; a snapshot does not.
    """

    table: pd.DataFrame
    mask: np.ndarray
    steps: list[tuple[str, dict[str, Any]]]
    lines: str

    @classmethod
    def of(cls, selection: Selection) -> "Snapshot":
        """Return a snapshot of a selection."""
        if len(selection):
            return cls(selection.table, selection.mask, selection.steps, selection.python())
        return cls(selection.table, ~selection.mask, [("invert", {})], "selection.invert()")

    def __len__(self) -> int:
        return int(self.mask.sum())

    @property
    def ids(self) -> np.ndarray:
        """The ids, in table order."""
        return self.table.index[self.mask].to_numpy(dtype=object)

    def python(self) -> str:
        """Return the Python lines that select these objects."""
        return self.lines


def run_on_change(selection: Selection, names: list[str], work: Callable[[], Awaitable[None]]) -> None:
    """Call `work` now and after each change of these parameters, one call at a time.

    Of changes during a call, only the last one leads to another call.
    """
    busy = False

    async def run() -> None:
        nonlocal busy
        done = None
        try:
            while done != (now := [getattr(selection, name) for name in names]):
                done = now
                await work()
        finally:
            busy = False

    def changed(*_: param.parameterized.Event) -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # in a script there is no page to keep responsive
            with closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(run())
        else:
            pn.state.execute(run)

    selection.param.watch(changed, names)
    changed()


class BackgroundView(pn.viewable.Viewer):
    """A view that runs slow work in a thread and shows why it failed."""

    busy = param.Boolean(default=False, doc="whether work is in progress: another click is ignored")
    gone = param.Boolean(default=False, doc="whether the visitor has left")
    error = param.String(default="", doc="why the last request failed")

    async def in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        """Run `work` in a thread and return its result; on an error return None and show the reason."""
        try:
            return await asyncio.to_thread(work, *given)
        except Exception as error:  # noqa: BLE001 - files, SAMP hubs and programs fail in many ways; all are shown
            self.error = shown_error(error) or type(error).__name__

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)
