"""The fixes for Panel and HoloViews that do not show in a browser test."""

from types import SimpleNamespace

import holoviews as hv
import panel as pn
import pytest
from bokeh.document import Document
from bokeh.models import ImportedStyleSheet, UIElement
from bokeh.server.callbacks import NextTickCallback, TimeoutCallback
from pyviz_comms import Comm

from galviz.tools import formatting  # it installs the fixes


@pytest.mark.parametrize("connected", [False, True])
def test_a_plot_that_changes_before_the_browser_has_connected_does_not_keep_a_core_busy(connected):
    page, context = Document(), SimpleNamespace(session=object())
    page._session_context = lambda: context
    place = hv.streams.Pipe(data=[0])
    plot = hv.renderer("bokeh").instance(mode="server").get_plot(hv.DynamicMap(hv.Points, streams=[place]), doc=page)
    if connected:
        pn.state._connected[page] = True
    place.send([1])  # from without the page, as a thread does
    kinds = {type(callback) for callback in page.session_callbacks}
    assert kinds == {NextTickCallback if connected else TimeoutCallback}
    assert "add_next_tick_callback" not in vars(page)
    assert plot.state is not None


def test_what_changes_in_a_notebook_brings_its_style_sheets_along(monkeypatch):
    monkeypatch.setattr(pn.config, "inline", True)
    shown = formatting.text("before")
    top = pn.Column(shown)
    model = top.get_root(Document(), Comm())
    shown.object = "after"
    top.append(formatting.note("later"))
    sheets = [sheet for each in model.select({"type": UIElement}) for sheet in each.stylesheets]
    assert any("--panel-" in sheet for sheet in sheets if isinstance(sheet, str))
    assert [sheet.url for sheet in sheets if isinstance(sheet, ImportedStyleSheet)] == []
