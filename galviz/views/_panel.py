"""What Panel 1.9 leaves undone: a message that is written while another is on its way may stay behind.

Its queue is emptied by a task that lifts the mark on the queue at its end; a message that came meanwhile is then taken
for one that somebody else sends, and reaches the browser only with the next one. Pages would show old numbers.
"""

# ruff: noqa: SLF001 - it is Panel's inside that is mended
from functools import wraps
from typing import Any

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
