"""Short messages that a page shows for a few seconds, over whatever is open: what has ended, and what went wrong."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

import panel as pn
from bokeh.document import Document

_PAGES: WeakKeyDictionary[Document, Callable[[dict[str, str]], None]] = WeakKeyDictionary()


def show_toasts(send: Callable[[dict[str, str]], None]) -> None:
    """Let a function send the toasts of the current page to its browser. Without a page, nothing happens."""
    if pn.state.curdoc is not None:
        _PAGES[pn.state.curdoc] = send


def toast(text: str, *, bad: bool = False) -> None:
    """Show a message on the current page; outside a page, nothing.

    Parameters
    ----------
    text : str
        Shown as it is, never as HTML.
    bad : bool
        Whether something went wrong: it stays until it is closed.
    """
    send = _PAGES.get(pn.state.curdoc) if pn.state.curdoc is not None else None
    if send is not None:
        send({"type": "toast", "text": text, "kind": "bad" if bad else "good"})
