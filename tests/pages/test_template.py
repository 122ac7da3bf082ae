"""What every page begins with."""

import asyncio
from types import SimpleNamespace

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.server.connection import ServerConnection
from panel.io import document
from panel.io.state import set_curdoc
from panel.param import ParamRef

from galviz.pages.shell import page_template
from galviz.tools._panel import send_in_order, send_what_is_left, update_after_load


class Connection:
    """A browser that gets a message for each first event."""

    _socket = None
    protocol = SimpleNamespace(create=lambda _, events: events[0])


@pytest.mark.parametrize("mended", [True, False])
def test_a_message_that_comes_while_another_is_on_its_way_is_sent(monkeypatch, mended):
    inner = getattr(document._dispatch_msgs, "__wrapped__", document._dispatch_msgs)
    monkeypatch.setattr(document, "_dispatch_msgs", inner)
    if mended:
        send_what_is_left()
    doc, sent = Document(), []
    connection = Connection()

    async def meanwhile(message):
        if message == "first":
            document.schedule_write_events(doc, [connection], ["second"])

    def dispatch(_, msg):
        sent.append(msg)
        return [meanwhile(msg)]

    async def scene():
        document.schedule_write_events(doc, [connection], ["first"])
        await asyncio.sleep(0.05)

    monkeypatch.setattr(document, "dispatch_django", dispatch)
    asyncio.run(scene())
    assert sent == (["first", "second"] if mended else ["first"])  # where Panel sends it itself, mend no more


@pytest.mark.parametrize("mended", [True, False])
def test_a_message_of_bokeh_waits_behind_those_that_came_before(monkeypatch, mended):
    inner = getattr(ServerConnection.send_patch_document, "__wrapped__", ServerConnection.send_patch_document)
    monkeypatch.setattr(ServerConnection, "send_patch_document", inner)
    if mended:
        send_in_order()
    doc, sent = Document(), []

    async def write(message):
        sent.append(message)

    connection = ServerConnection.__new__(ServerConnection)
    connection._session, connection._protocol = SimpleNamespace(document=doc), Connection.protocol
    connection._socket = SimpleNamespace(send_message=write)

    async def scene():
        document.schedule_write_events(doc, [connection], ["a model"])
        await connection.send_patch_document("what became of it")
        await asyncio.sleep(0.05)
        await connection.send_patch_document("the end")

    monkeypatch.setattr(document, "dispatch_django", lambda _, msg: [write(msg)])
    asyncio.run(scene())
    first = ["a model", "what became of it"]
    assert sent == [*(first if mended else first[::-1]), "the end"]  # where they come in order anyway, mend no more


@pytest.mark.parametrize("mended", [True, False])
@pytest.mark.parametrize("several", [True, False])
def test_content_that_is_ready_while_a_page_is_drawn_waits_until_it_is_drawn(monkeypatch, mended, several):
    inner = getattr(ParamRef._eval_async, "__wrapped__", ParamRef._eval_async)
    monkeypatch.setattr(ParamRef, "_eval_async", inner)
    if mended:
        update_after_load()
    doc = Document()
    session = SimpleNamespace(connection_count=0)
    doc._session_context = lambda: SimpleNamespace(session=session)
    monkeypatch.setattr(Document, "on_session_destroyed", lambda *_: None)
    seen = []

    async def contents():
        yield "Computing …"
        yield "done"

    async def content():
        return "done"

    class Shown(pn.param.ParamFunction):
        def _update_inner(self, new):
            seen.append(new)

    async def scene():
        pane = Shown(lambda: "")
        seen.clear()
        with set_curdoc(doc):
            await pane._eval_async(contents())  # nobody has connected: it is part of the page that is sent
            assert seen == ["Computing …", "done"]
            seen.clear()
            session.connection_count = 1
            task = asyncio.create_task(pane._eval_async(contents() if several else content()))
            await asyncio.sleep(0.2)
            drawing = list(seen)
            pn.state._on_load(doc)
            await task
        return drawing

    words = ["Computing …", "done"] if several else ["done"]
    assert asyncio.run(scene()) == ([] if mended else words)
    assert seen == words


def test_widgets_are_seen_in_the_dark_and_under_the_keyboard():
    for _ in range(2):
        page_template("test", pn.Column)
    for widget in (pn.widgets.Select, pn.widgets.Button, pn.widgets.TextInput):
        sheets = widget().stylesheets
        assert sum("focus-visible" in str(sheet) for sheet in sheets) == 1
