"""Polling for a view, until the view is closed or the visitor leaves."""

from collections.abc import Callable
from weakref import WeakMethod

import panel as pn


def poll_while_open(poll: Callable[[], None], leave: Callable[[], None], every_ms: int) -> Callable[[], None]:
    """Poll on a page; outside a page, do nothing.

    Parameters
    ----------
    poll, leave : callable
        Methods that are called again and again, and when the visitor leaves. Panel keeps what it calls until then; the
        objects of these methods are not kept.
    every_ms : int

    Returns
    -------
    callable
        Stops the polling.
    """
    if pn.state.curdoc is None:
        return lambda: None
    weak = [WeakMethod(method) for method in (poll, leave)]

    def call(which: int) -> None:
        method = weak[which]()
        if method is not None:
            method()

    pn.state.on_session_destroyed(lambda _: call(1))
    return pn.state.add_periodic_callback(lambda: call(0), period=every_ms).stop
