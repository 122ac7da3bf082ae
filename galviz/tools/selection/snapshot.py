"""What is chosen at one moment, and work that follows a choice without stopping the page."""

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
from galviz.tools.viewer.stretch import alert


@dataclass(frozen=True, eq=False)
class Choice:
    """What is chosen at one moment, all where nothing is: a selection may move on while a file of it is made."""

    table: pd.DataFrame
    mask: np.ndarray
    steps: list[tuple[str, dict[str, Any]]]
    lines: str

    @classmethod
    def of(cls, selection: Selection) -> "Choice":
        """Give what is chosen now."""
        if len(selection):
            return cls(selection.table, selection.mask, selection.steps, selection.python())
        return cls(selection.table, ~selection.mask, [("invert", {})], "selection.invert()")

    def __len__(self) -> int:
        return int(self.mask.sum())

    @property
    def ids(self) -> np.ndarray:
        """The ids, in the order of the table."""
        return self.table.index[self.mask].to_numpy(dtype=object)

    def python(self) -> str:
        """Give the lines that choose them."""
        return self.lines


def follow(selection: Selection, names: list[str], work: Callable[[], Awaitable[None]]) -> None:
    """Work now and whenever these parameters change, one at a time; of changes meanwhile, only for the last."""
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

    def look(*_: param.parameterized.Event) -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # a script: no page waits
            with closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(run())
        else:
            pn.state.execute(run)

    selection.param.watch(look, names)
    look()


class Patient(pn.viewable.Viewer):
    """Does what takes long in a thread while the page stays alive, and says why it failed."""

    busy = param.Boolean(default=False, doc="whether a button was pressed whose work is not done: the next is ignored")
    gone = param.Boolean(default=False, doc="whether the visitor has left")
    error = param.String(default="", doc="why the last wish was not granted")

    async def aside(self, work: Callable[..., Any], *given: Any) -> Any:
        """Do it and give its result; None, and the reason on the page, where it cannot be done."""
        try:
            return await asyncio.to_thread(work, *given)
        except Exception as error:  # noqa: BLE001 - files, hubs and programs fail in many ways, each said in words
            self.error = shown_error(error) or type(error).__name__

    @param.depends("error")
    def _alert(self) -> pn.viewable.Viewable:
        return alert(self.error)
