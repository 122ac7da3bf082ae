"""Fixes for Panel 1.9, panel-material-ui and HoloViews.

Two are for messages to a browser that are written while others are being sent:

- Panel's queue is emptied by a task that unlocks the queue only at its end. A message added meanwhile is left in the
  queue until the next message comes, so pages would show old numbers.
- Bokeh's own messages bypass that queue. A message that refers to a model in a queued message then arrives first, and
  the browser reports "reference … isn't known".

The third is for fields: to import panel-material-ui makes them React widgets. These take a second to draw on a page of
dozens, and hide their options from the browser, which a list of Panel's does not.

The fourth is for the first page of a server: Panel imports all of Matplotlib to see whether something is one of its
figures.

The fifth is for plots that change before the browser has connected to a new page: HoloViews asks again at each turn of
the event loop, and so keeps a core busy while the page is loaded, and for ever if the visitor leaves before that.

The sixth is for what changes while a browser draws a new page: Panel drops it, as if the browser had still to get the
page. Content would never be seen, and a later change of it would be a script error ("reference … isn't known").

The eighth is for the tool that a visitor chose: HoloViews goes back to the first one with every change of a plot, so a
lasso was a box again after its first selection.

The last two make pages faster. Bokeh looks up and checks the default of a property each time it is read, tens of
thousands of times a page. And Panel collects garbage when a page is closed, which walks through a million objects of
loaded modules and frees next to nothing.
"""

# ruff: noqa: SLF001 - it patches Panel's internals
import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

import panel as pn
from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import PropertyDescriptor
from bokeh.document import Document
from bokeh.document.events import DocumentChangedEvent, DocumentPatchedEvent
from bokeh.models import ImportedStyleSheet
from bokeh.server.connection import ServerConnection
from holoviews.plotting.bokeh.element import ElementPlot
from holoviews.plotting.plot import Plot
from panel import widgets
from panel.io import document, notebook
from panel.param import Param
from panel.reactive import Reactive

_FIXED = (str, int, float, bool, type(None))


def send_what_is_left() -> None:
    """Make Panel process its queue until it is empty. Patches Panel once per process."""
    inner = document._dispatch_msgs
    if hasattr(inner, "__wrapped__"):  # patched before, by an earlier import
        return

    @wraps(inner)
    async def dispatch(doc: Any) -> None:
        await inner(doc)
        # `inner` unlocks the queue when it ends. What was added meanwhile is still there: lock again and send.
        if document._WRITE_MSGS.get(doc) and doc not in document._WRITE_BLOCK:
            # As Panel does before it dispatches, so that only one task empties the queue.
            document._WRITE_BLOCK[doc] = True
            document._dispatch_write_task(doc, dispatch, doc)

    document._dispatch_msgs = dispatch


def send_in_order() -> None:
    """Make Bokeh's messages wait for those in Panel's queue. Patches Bokeh once per process."""
    inner = ServerConnection.send_patch_document
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def send(self: ServerConnection, event: DocumentPatchedEvent) -> Any:
        waiting = document._WRITE_MSGS.get(self.session.document, {})
        # No queued message of this connection: nothing can be overtaken.
        if self not in waiting:
            return inner(self, event)
        waiting[self].append(self.protocol.create("PATCH-DOC", [event]))
        return asyncio.sleep(0)  # Bokeh awaits the return value

    ServerConnection.send_patch_document = send


def keep_fields() -> None:
    """Restore Panel's own widgets for parameters. Call it after panel-material-ui is imported."""
    for mapping in (Param.mapping, Param.input_widgets):
        for kind, widget in mapping.items():
            if widget.__module__.startswith("panel_material_ui"):
                mapping[kind] = getattr(widgets, widget.__name__, widget)


def skip_matplotlib_import() -> None:
    """Make Panel not import all of Matplotlib, which takes a second, to see that something is none of its figures."""
    inner = pn.pane.Matplotlib.applies
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def applies(_: type, obj: Any) -> float | bool | None:
        return "matplotlib.figure" in sys.modules and inner(obj)

    pn.pane.Matplotlib.applies = classmethod(applies)


def refresh_at_leisure() -> None:
    """Make HoloViews ask ten times a second whether the browser has connected. Patches HoloViews once per process."""
    inner = Plot.refresh
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def refresh(self: Plot, **more: Any) -> None:
        page = self.document
        session = getattr(page and page.session_context, "session", None)
        if self.renderer.mode != "server" or session is None or pn.state._connected.get(page):
            inner(self, **more)
            return
        # `inner` notes what has changed, and asks for its next turn; only the time of that turn is another.
        with _patched_next_tick(page):
            inner(self, **more)

    Plot.refresh = refresh


def keep_changes_of_new_pages() -> None:
    """Make Panel send what changes after the browser has got a page and before it has drawn it. Once per process."""
    inner = document._drain_unconnected_events
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def drain(doc: Document, lock: threading.Lock) -> list[DocumentChangedEvent]:
        session = getattr(doc.session_context, "session", None)
        if not getattr(session, "connection_count", 0):
            return inner(doc, lock)
        with lock:
            events = list(doc.callbacks._held_events or [])
            doc.callbacks._held_events = []
            doc.callbacks._hold = None
        return events

    document._drain_unconnected_events = drain


def inline_styles_of_changes() -> None:
    """Make Panel send the text of its style sheets with every change in a notebook. Patches Panel once per process."""
    inner = Reactive._get_properties
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def properties(self: Reactive, doc: Document | None) -> dict[str, Any]:
        found = inner(self, doc)
        if pn.config.inline and "stylesheets" in found and not (doc and doc.session_context):
            found["stylesheets"] = [_inline(sheet) for sheet in found["stylesheets"]]
        return found

    Reactive._get_properties = properties


def _inline(sheet: Any) -> Any:
    return (_text_of(sheet.url) if isinstance(sheet, ImportedStyleSheet) else None) or sheet


@cache
def _text_of(url: str) -> str | None:
    """Return the text of one of Panel's own style sheets."""
    return getattr(notebook.replace_inline_css(ImportedStyleSheet(url=url)), "css", None)


def keep_chosen_tools() -> None:
    """Make HoloViews choose the tools of a plot once, when it is first drawn. Patches HoloViews once per process."""
    inner = ElementPlot._set_active_tools
    if hasattr(inner, "__wrapped__"):
        return

    @wraps(inner)
    def choose(self: ElementPlot, plot: Any) -> None:
        if vars(self).get("_tools_of") is not plot:
            inner(self, plot)
            self._tools_of = plot

    ElementPlot._set_active_tools = choose


def remember_defaults() -> None:
    """Make Bokeh find the default of a property once for each class, if it cannot change. Patches Bokeh once."""
    inner = PropertyDescriptor._get_default
    if hasattr(inner, "__wrapped__"):
        return
    HasProps._overridden_defaults = classmethod(cache(HasProps._overridden_defaults.__func__))
    known: dict[tuple[PropertyDescriptor, type], Any] = {}

    @wraps(inner)
    def default(self: PropertyDescriptor, obj: HasProps) -> Any:
        themed = obj.themed_values()
        if themed is not None and self.name in themed:
            return inner(self, obj)
        key = self, type(obj)
        if key in known:
            return known[key]
        found = inner(self, obj)
        if type(found) in _FIXED and not self.has_unstable_default(obj):
            known[key] = found
        return found

    PropertyDescriptor._get_default = default


@cache
def keep_modules() -> None:
    """Leave what is loaded by now out of all later collections of garbage; does it once per process."""
    gc.freeze()


@contextmanager
def _patched_next_tick(page: Document) -> Iterator[None]:
    """Let what asks for the next turn of the event loop come a tenth of a second later."""
    page.add_next_tick_callback = lambda callback: page.add_timeout_callback(callback, 100)
    try:
        yield
    finally:
        del page.add_next_tick_callback
