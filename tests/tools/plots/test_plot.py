import json

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColorBar, GlyphRenderer, HoverTool, Plot

from galviz.tools.plots.colouring import VALUE
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection
from galviz.tools.selection.view import SelectionBar

N = 300
RNG = np.random.default_rng(5)
TABLE = pd.DataFrame(
    {
        "z": np.where(np.arange(N) % 50 == 7, np.nan, RNG.uniform(0, 0.5, N)),
        "g - r": RNG.normal(1, 0.3, N),
        "count": pd.array([None if k % 60 == 3 else k % 4 for k in range(N)], dtype="Int64"),
        "truth": RNG.choice(["it's", 'a "b"', "c"], N),
        "estimate": RNG.choice(["it's", 'a "b"', "c"], N),
        "seen": RNG.random(N) < 0.5,
    },
    index=pd.Index([f"123765849387833{k:04d}" for k in range(N)], name="object_id"),
)


@pytest.fixture
def selection():
    return Selection(TABLE)


def sent(kind, **event):
    """Send an event to the stream of this kind that was made last."""
    found = [s for streams in hv.streams.Stream.registry.values() for s in streams]
    [s for s in found if type(s) is kind][-1].event(**event)


def as_text(value):
    return None if pd.isna(value) else value if isinstance(value, str) else f"{value:g}"


def test_a_box_and_a_lasso_choose_exactly_what_they_hold(selection):
    view = PlotView(selection, x="z", y="g - r")
    assert view.plot().get_root()
    sent(hv.streams.BoundsXY, bounds=(0.1, 0.8, 0.3, 1.2))
    expected = TABLE["z"].between(0.1, 0.3) & TABLE["g - r"].between(0.8, 1.2)
    assert selection.mask.tolist() == expected.tolist()
    sent(hv.streams.Lasso, geometry=np.array([[0, 0.5], [0.25, 1.5], [0.5, 0.5]]))
    assert selection.steps[-1][0] == "lasso"
    assert 0 < len(selection) < N


@pytest.mark.parametrize("density", [False, True])
def test_a_tap_means_the_object_at_that_place_and_only_near_it(selection, density):
    view = PlotView(selection, x="z", y="g - r", density=density)
    assert view.plot().get_root()
    for row in (3, 250, 44):
        sent(hv.streams.Tap, x=TABLE["z"].iloc[row], y=TABLE["g - r"].iloc[row])
        assert selection.focus == TABLE.index[row]
    sent(hv.streams.Tap, x=5.0, y=5.0)
    assert selection.focus == TABLE.index[44]


def test_an_axis_may_be_an_expression_and_its_box_is_a_step(selection):
    view = PlotView(selection, x="z * 2", y='col("g - r") - 1', guide="zero and medians")
    assert view.plot().get_root()
    sent(hv.streams.BoundsXY, bounds=(0.2, -0.1, 0.6, 0.1))
    expected = (TABLE["z"] * 2).between(0.2, 0.6) & (TABLE["g - r"] - 1).between(-0.1, 0.1)
    assert selection.mask.tolist() == expected.tolist()
    again = Selection.from_json(json.loads(json.dumps(selection.to_json())), TABLE)
    assert again.ids.tolist() == selection.ids.tolist()


def test_bars_together_choose_every_object_once(selection):
    view = PlotView(selection, how=lambda: "replace", kind="histogram", x="z", bins=7)
    assert view.plot().get_root()
    edges = np.histogram_bin_edges(TABLE["z"].dropna(), bins=7)
    taken = []
    for k in range(7):
        sent(hv.streams.Tap, x=(edges[k] + edges[k + 1]) / 2, y=1)
        taken += selection.ids.tolist()
    assert sorted(taken) == sorted(TABLE.index[TABLE["z"].notna()])
    sent(hv.streams.BoundsX, boundsx=(0.1, 0.2))
    assert len(selection) == TABLE["z"].between(0.1, 0.2).sum()


@pytest.mark.parametrize(("x", "y"), [("estimate", "truth"), ("count", "seen")])
def test_a_cell_chooses_its_objects_whatever_they_are_called(selection, x, y):
    view = PlotView(selection, kind="matrix", x=x, y=y)
    assert view.plot().get_root()
    seen = 0
    given, true = (TABLE[name].map(as_text) for name in (x, y))
    for x_value in given.dropna().unique():
        for y_value in true.dropna().unique():
            sent(hv.streams.Tap, x=x_value, y=y_value)
            assert selection.mask.tolist() == ((given == x_value) & (true == y_value)).tolist()
            seen += len(selection)
    assert seen == TABLE[[x, y]].notna().all(axis=1).sum()


def test_what_is_missing_is_counted_in_the_title(selection):
    root = PlotView(selection, x="z", y="g - r").plot().get_root()
    assert [plot.title.text for plot in root.select({"type": Plot})] == [
        "g - r against z: 294 objects; 6 without a value are not drawn"
    ]


def test_above_the_limit_density_is_drawn_of_all(selection, monkeypatch):
    monkeypatch.setattr("galviz.tools.plots.figure.MAX_POINTS", 100)
    root = PlotView(selection, x="z", y="g - r").plot().get_root()
    assert [plot.title.text for plot in root.select({"type": Plot})] == [
        "g - r against z: density of all 294 objects; 6 without a value are not drawn"
    ]


@pytest.mark.parametrize("kind", ["scatter", "histogram"])
def test_what_cannot_be_drawn_is_said(selection, kind):
    view = PlotView(selection, kind=kind, x="truth", y="z")
    assert "expected numbers, got &#39;truth&#39;" in view.plot().object
    view.x = "nonsense("
    assert "expression" in view.plot().object
    assert "at most 30 different values" in PlotView(selection, kind="matrix", x="z", y="truth").plot().object
    selection.choose(TABLE.index[:3])  # and what follows the selection does no harm


def test_the_plot_follows_the_selection(selection):
    view = PlotView(selection, x="z", y="g - r")
    root = view.plot().get_root()

    def marked():
        data = [r.data_source.data for plot in root.select({"type": Plot}) for r in plot.renderers]
        return [len(d["x"]) for d in data if "object_id" not in d]

    selection.choose(TABLE.index[:5])
    assert marked() == [5, 0]
    selection.focus = TABLE.index[7]  # it has no z
    assert marked() == [5, 0]
    selection.focus = TABLE.index[8]
    selection.undo()
    assert marked() == [0, 1]


def test_how_is_asked_at_every_choice(selection):
    bar = SelectionBar(selection)
    view = PlotView(selection, lambda: bar.how, x="z", y="g - r")
    assert view.plot().get_root()
    sent(hv.streams.BoundsXY, bounds=(0.1, 0.0, 0.2, 3.0))
    first = set(selection.ids)
    bar.how = "add"
    sent(hv.streams.BoundsXY, bounds=(0.3, 0.0, 0.4, 3.0))
    assert first < set(selection.ids)
    bar.how = "remove"
    sent(hv.streams.BoundsXY, bounds=(0.1, 0.0, 0.2, 3.0))
    assert not first & set(selection.ids)


def test_the_bar_takes_conditions_and_keeps_subsets(selection):
    bar = SelectionBar(selection)
    bar.condition = "z < 0.2"
    assert len(selection) == (TABLE["z"] < 0.2).sum()
    assert "objects selected" in bar.summary()
    assert "where z &lt; 0.2" in bar.summary()
    bar.called = "near"
    bar._keep(None)
    assert (bar.called, bar.subsets()) == ("", {"–": "", "near": "near"})
    bar.condition = "q < 1"
    assert "expected a column" in bar.error
    assert len(selection) == (TABLE["z"] < 0.2).sum()
    selection.choose([])
    bar.subset = "near"
    bar._recall(None)
    assert len(selection) == (TABLE["z"] < 0.2).sum()
    assert bar.error == ""
    bar._forget(None)
    assert selection.names == ()


def test_undo_and_redo_can_be_pressed_where_there_is_a_step(selection):
    controls = SelectionBar(selection).__panel__()[1]
    undo, redo = (next(one for one in controls if word in str(one.label)) for word in ("Undo", "Redo"))
    assert (undo.disabled, redo.disabled) == (True, True)
    selection.choose([])
    assert (undo.disabled, redo.disabled) == (False, True)
    selection.undo()
    assert (undo.disabled, redo.disabled) == (True, False)


def test_the_list_of_subsets_follows(selection):
    bar = SelectionBar(selection)
    layout = bar.__panel__()
    assert layout.get_root()
    (listed,) = [widget for widget in layout[1] if getattr(widget, "label", "") == "Subsets"]
    selection.where("z < 0.2")
    selection.keep_as("near")
    assert list(listed.options.values()) == ["", "near"]
    listed.value = "near"
    assert bar.subset == "near"
    selection.forget("near")
    assert (list(listed.options.values()), bar.subset) == ([""], "")


def titles(view):
    return [plot.title.text for plot in view.plot().get_root().select({"type": Plot})]


@pytest.mark.parametrize("density", [False, True])
def test_a_scatter_plot_is_coloured_by_a_column_or_an_expression(selection, density):
    view = PlotView(selection, x="g - r", y="g - r", colour="z * 2", density=density, labels={"z * 2": "twice z"})
    root = view.plot().get_root()
    assert [bar.title for bar in root.select({"type": ColorBar})] == ["twice z"]
    how = "means of all " if density else ""
    assert titles(view) == [f"g - r against g - r: {how}300 objects; 6 without twice z are grey"]
    view.colour = "  "
    assert titles(view) == [f"g - r against g - r: {'density of all ' if density else ''}300 objects"]


def test_a_value_of_each_point_stays_with_its_object_where_some_are_not_drawn(selection):
    root = PlotView(selection, x="z", y="g - r", colour="g - r").plot().get_root()
    data = next(r.data_source.data for plot in root.select({"type": Plot}) for r in plot.renderers)
    assert len(data["object_id"]) == 294
    np.testing.assert_array_equal(data[VALUE], TABLE.loc[list(data["object_id"]), "g - r"])


def test_what_cannot_colour_is_said_as_for_the_axes(selection):
    view = PlotView(selection, x="z", y="g - r", colour="truth")
    assert "expected numbers, got &#39;truth&#39;" in view.plot().object
    view.colour = "nonsense("
    assert "expression" in view.plot().object
    view.kind = "histogram"  # which knows no colour
    assert view.plot().get_root()


def test_taps_boxes_and_what_is_chosen_work_in_colours(selection):
    view = PlotView(selection, x="z", y="g - r", colour="z")
    root = view.plot().get_root()
    sent(hv.streams.BoundsXY, bounds=(0.1, 0.8, 0.3, 1.2))
    assert len(selection) == (TABLE["z"].between(0.1, 0.3) & TABLE["g - r"].between(0.8, 1.2)).sum() > 0
    marked = [r for plot in root.select({"type": Plot}) for r in plot.renderers][1]
    assert len(marked.data_source.data["x"]) == len(selection)
    sent(hv.streams.Tap, x=TABLE["z"].iloc[3], y=TABLE["g - r"].iloc[3])
    assert selection.focus == TABLE.index[3]


LONG = pd.DataFrame(
    {
        "specobjid": pd.array([2**60 + k % 3 for k in range(12)], dtype="Int64"),
        "z": np.arange(12.0),
        "kind": ["a"] * 12,
    },
    index=pd.Index([f"id{k}" for k in range(12)], name="object_id"),
)


@pytest.mark.parametrize("colour", ["", "z", "specobjid"])
def test_the_pointer_reads_whole_numbers_that_a_float_cannot_hold(colour):
    root = PlotView(Selection(LONG), x="specobjid", y="z", colour=colour).plot().get_root()
    tools = [tool for tool in root.select({"type": HoverTool}) if isinstance(tool.tooltips, list)]
    (shown,) = [dict(tool.tooltips)["specobjid"] for tool in tools]
    (data,) = [r.data_source.data for r in root.select({"type": GlyphRenderer}) if "object_id" in r.data_source.data]
    assert list(data[shown.strip("@{}")]) == [str(value) for value in LONG["specobjid"]]


def test_a_cell_of_long_whole_numbers_selects_its_objects_alone():
    selection = Selection(LONG)
    assert PlotView(selection, kind="matrix", x="specobjid", y="kind").plot().get_root()
    sent(hv.streams.Tap, x=str(2**60 + 1), y="a")
    assert list(selection.ids) == ["id1", "id4", "id7", "id10"]
