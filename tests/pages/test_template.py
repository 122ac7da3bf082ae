"""What every page begins with."""

import asyncio
from types import SimpleNamespace

import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import TextInput
from bokeh.server.connection import ServerConnection
from panel.io import document

from galviz.pages.shell import page_template
from galviz.tools._panel import keep_changes_of_new_pages, send_in_order, send_what_is_left


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
@pytest.mark.parametrize("browsers", [0, 1])
def test_what_changes_while_a_browser_draws_a_new_page_is_sent(monkeypatch, mended, browsers):
    inner = getattr(document._drain_unconnected_events, "__wrapped__", document._drain_unconnected_events)
    monkeypatch.setattr(document, "_drain_unconnected_events", inner)
    if mended:
        keep_changes_of_new_pages()
    doc, sent = Document(), []
    doc._session_context = lambda: SimpleNamespace(session=SimpleNamespace(connection_count=browsers))
    field = TextInput()
    doc.add_root(field)
    doc.on_change(sent.append)
    with document.hold(doc):  # the page is not loaded
        field.value = "done"
    # Without a browser, it is in the page that the first one gets; where Panel sends it itself, mend no more.
    assert [event.attr for event in sent] == (["value"] if mended and browsers else [])
    assert doc.callbacks.hold_value is None
    assert not doc.callbacks._held_events


def test_widgets_are_seen_in_the_dark_and_under_the_keyboard():
    for _ in range(2):
        page_template("test", pn.Column)
    for widget in (pn.widgets.Select, pn.widgets.Button, pn.widgets.TextInput):
        sheets = widget().stylesheets
        assert sum("focus-visible" in str(sheet) for sheet in sheets) == 1
