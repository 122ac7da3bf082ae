"""Toasts reach the page that they belong to, and no other."""

from types import SimpleNamespace

import panel as pn
from bokeh.document import Document

from galviz.tools import toasts


def on_page(monkeypatch, document):
    monkeypatch.setattr(toasts, "pn", SimpleNamespace(state=SimpleNamespace(curdoc=document)))


def test_a_toast_is_shown_on_its_own_page(monkeypatch):
    first, second, seen = Document(), Document(), []
    for name, document in (("first", first), ("second", second)):
        on_page(monkeypatch, document)
        toasts.show_toasts(lambda message, name=name: seen.append((name, message["text"], message["kind"])))
    on_page(monkeypatch, first)
    toasts.toast("<b>done</b>")
    on_page(monkeypatch, second)
    toasts.toast("full disk", bad=True)
    assert seen == [("first", "<b>done</b>", "good"), ("second", "full disk", "bad")]


def test_outside_a_page_nothing_is_shown():
    assert pn.state.curdoc is None
    toasts.show_toasts(lambda _: 1 / 0)
    toasts.toast("nobody sees it")
