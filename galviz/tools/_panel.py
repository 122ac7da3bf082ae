"""What Panel 1.9 leaves undone when messages to a browser are written while others are on their way.

- Its queue is emptied by a task that lifts the mark on the queue at its end; a message that came meanwhile is then
  taken for one that somebody else sends, and reaches the browser only with the next one. Pages would show old numbers.
- Bokeh's own messages go past that queue. One that speaks of a model which a waiting message brings then comes first,
  and the browser says "reference … isn't known".
"""

# ruff: noqa: SLF001 - it is Panel's inside that is mended
import asyncio
from functools import wraps
from typing import Any

from bokeh.document.events import DocumentPatchedEvent
from bokeh.server.connection import ServerConnection
from panel.io import document


def send_what_is_left() -> None:
    """Make Panel go through its queue again until nothing is left in it; once a process."""
    inner = document._dispatch_msgs
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    async def dispatch(doc: Any) -> None:
        await inner(doc)
        if document._WRITE_MSGS.get(doc) and doc not in document._WRITE_BLOCK:
            document._WRITE_BLOCK[doc] = True
            document._dispatch_write_task(doc, dispatch, doc)

    document._dispatch_msgs = dispatch


def send_in_order() -> None:
    """Make Bokeh's messages wait behind those in Panel's queue; once a process."""
    inner = ServerConnection.send_patch_document
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def send(self: ServerConnection, event: DocumentPatchedEvent) -> Any:
        waiting = document._WRITE_MSGS.get(self.session.document, {})
        if self not in waiting:
            return inner(self, event)
        waiting[self].append(self.protocol.create("PATCH-DOC", [event]))
        return asyncio.sleep(0)  # what Bokeh awaits

    ServerConnection.send_patch_document = send
