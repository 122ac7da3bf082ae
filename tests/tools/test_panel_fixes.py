"""The fixes for Panel and HoloViews that do not show in a browser test."""

from types import SimpleNamespace

import holoviews as hv
import panel as pn
import pytest
from bokeh.core.properties import Any, Int, List, Override
from bokeh.core.property.bases import Property
from bokeh.document import Document
from bokeh.model import Model
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


class Bare(Model):
    size = Int(default=1)
    names = List(Int, default=[])
    kept = Any(default={})


class Other(Bare):
    size = Override(default=2)


def test_the_default_of_a_property_is_found_once_for_each_class(monkeypatch):
    found, inner = [], Property.themed_default
    monkeypatch.setattr(Property, "themed_default", lambda self, *more: found.append(more[:2]) or inner(self, *more))
    assert [Bare().size, Bare().size, Other().size, Other().size] == [1, 1, 2, 2]
    assert found.count((Bare, "size")) == found.count((Other, "size")) == 1


def test_a_default_that_can_change_or_is_of_a_theme_is_of_one_model():
    one, other = Bare(), Bare()
    one.names.append(1)
    one.kept["a"] = 1
    assert (other.names, other.kept, other.size) == ([], {}, 1)
    other.apply_theme({"size": 3})
    assert (one.size, other.size) == (1, 3)
    other.unapply_theme()
    assert other.size == 1


def test_the_tool_that_a_visitor_chose_stays_when_the_plot_changes():
    place = hv.streams.Pipe(data=[0])
    tools = {"tools": ["box_select", "lasso_select"], "active_tools": ["box_select"]}
    points = hv.DynamicMap(hv.Points, streams=[place]).opts(**tools)
    figure = hv.renderer("bokeh").get_plot(points)
    toolbar = figure.state.toolbar
    assert toolbar.active_drag.__class__.__name__ == "BoxSelectTool"
    toolbar.active_drag = lasso = next(one for one in toolbar.tools if one.__class__.__name__ == "LassoSelectTool")
    place.send([1])
    assert toolbar.active_drag is lasso
