import json

import holoviews as hv
import numpy as np
import pandas as pd
import panel as pn
import pytest
from bokeh.models import ColorBar, GlyphRenderer, HoverTool, Legend, Plot, Whisker

from galviz.tools.columns.core import TableColumns
from galviz.tools.plots import figure as explore
from galviz.tools.plots.colouring import SIGNS, VALUE, Colouring
from galviz.tools.plots.core import histogram, scatter
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection
from galviz.tools.selection.view import SelectionBar
from galviz.tools.style import GREY

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
        "sure": np.array([None if k % 9 == 2 else k % 2 == 0 for k in range(N)], dtype=object),
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


@pytest.mark.parametrize(("x", "y"), [("estimate", "truth"), ("count", "seen"), ("sure", "truth")])
def test_a_cell_chooses_its_objects_whatever_they_are_called(selection, x, y):
    view = PlotView(selection, kind="matrix", x=x, y=y)
    assert view.plot().get_root()
    seen = 0
    given, true = (TABLE[name].map(str if name == "sure" else as_text, na_action="ignore") for name in (x, y))
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
    assert "objects selected</b> · where z &lt; 0.2" in bar.summary()
    bar.called = "near "
    bar._keep(None)
    assert "saved as the subset near" in bar.summary()
    assert (bar.called, bar.subsets()) == ("", {"–": "", "near": "near"})
    assert bar.subset == "near"
    bar.condition = "q < 1"
    assert "expected a column" in bar.refused
    assert len(selection) == (TABLE["z"] < 0.2).sum()
    selection.choose([])
    assert "cleared" in bar.summary()
    bar.subset = "near"
    bar._recall(None)
    assert len(selection) == (TABLE["z"] < 0.2).sum()
    assert bar.error == ""
    bar._forget(None)
    assert selection.names == ()
    assert "the subset near was deleted" in bar.summary()


def test_the_message_of_a_bad_condition_stays_as_long_as_the_condition(selection):
    bar = SelectionBar(selection)
    bar.condition = "q < 1"
    first, other = selection.table, TABLE.iloc[:5].copy()
    selection.show(other)  # another tab is opened, and this one again
    selection.show(first)
    assert "expected a column" in bar._alert().object
    bar._keep(None)  # an error of another step stands before it
    assert "expected a name" in bar._alert().object
    selection.choose(TABLE.index[:2])
    assert "expected a column" in bar._alert().object
    bar.condition = "z < 1"
    assert not bar._alert().visible
    bar.condition = "q < 1"
    bar.condition = ""
    assert not bar._alert().visible


def test_undo_and_redo_can_be_pressed_where_there_is_a_step(selection):
    controls = SelectionBar(selection).__panel__().select(pn.widgets.Button)
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
    (listed,) = [widget for widget in layout.select(pn.widgets.Select) if widget.label == "Subsets"]
    selection.where("z < 0.2")
    selection.keep_as("near")
    assert list(listed.options.values()) == ["", "near"]
    bar.called = "nearest"
    bar._keep(None)
    assert listed.value == "nearest"
    selection.forget("nearest")
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
    view = PlotView(selection, x="z", y="g - r", colour="nonsense(")
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


def points(view):
    """The data of the points that can be tapped."""
    renderers = view.plot().get_root().select({"type": GlyphRenderer})
    return next(r.data_source.data for r in renderers if "object_id" in r.data_source.data)


def legend(view):
    found = view.plot().get_root().select({"type": Legend})
    return [item.label.value for one in found for item in one.items]


@pytest.mark.parametrize("density", [False, True])
def test_text_colours_by_category_with_a_legend_that_counts(selection, density):
    view = PlotView(selection, x="z", y="g - r", colour="truth", density=density)
    drawn = TABLE["truth"][TABLE["z"].notna()].value_counts()
    assert legend(view) == [f"{name} ({drawn[name]})" for name in sorted(drawn.index)]
    view.colour = "z > 0.25"
    assert [one.split(" ")[0] for one in legend(view)] == ["False", "True"]


def test_each_category_has_its_own_colour_and_shape_and_a_missing_one_is_a_grey_cross():
    table = TABLE.assign(kind=TABLE["truth"].where(TABLE["truth"] != "c"))
    view = PlotView(Selection(table), x="g - r", y="g - r", colour="kind")
    data = pd.DataFrame({name: points(view)[name] for name in ("object_id", "point_colour", "point_mark", VALUE)})
    signs = data.groupby(table.loc[data["object_id"], "kind"].fillna("-").to_numpy())[["point_colour", "point_mark"]]
    assert (signs.agg(lambda one: len(set(one))) == 1).all(axis=None)
    assert len({tuple(row) for row in signs.first().to_numpy()}) == 3
    assert tuple(signs.first().loc["-"]) == (GREY, "cross")
    missing = int(table["kind"].isna().sum())
    assert titles(view) == [f"g - r against g - r: 300 objects; {missing} without kind are grey"]
    assert legend(view)[-1] == f"no value ({missing})"


def test_many_categories_become_others():
    names = [f"k{k}" for k in range(20)]
    table = pd.DataFrame({"x": np.arange(40.0), "kind": [*names, *["k3"] * 20]}, index=[f"id{k}" for k in range(40)])
    shown = legend(PlotView(Selection(table), x="x", y="x", colour="kind"))
    assert shown[0] == "k3 (21)"
    assert shown[-1] == "others (13)"
    assert len(shown) == len(SIGNS)


def test_codes_of_classes_are_categories_and_other_whole_numbers_are_values(selection):
    view = PlotView(selection, x="z", y="g - r", colour="count")
    assert [one.split(" (")[0] for one in legend(view)] == ["0", "1", "2", "3", "no value"]
    tens = TABLE.assign(count=np.arange(N) % 3 * 5)
    named = legend(PlotView(Selection(tens), x="z", y="g - r", colour="count"))
    assert [one.split(" (")[0] for one in named] == ["0", "5", "10"]
    many = TABLE.assign(count=np.arange(N))
    assert legend(PlotView(Selection(many), x="z", y="g - r", colour="count")) == []


@pytest.mark.parametrize("density", [False, True])
def test_named_subsets_have_their_own_colours_and_follow(selection, density):
    view = PlotView(selection, x="z", y="g - r", subsets=True, density=density)
    shown = []
    view.param.watch(lambda _: shown.append(1), "_redraw")
    assert legend(view) == []
    selection.where("z < 0.2")
    selection.keep_as("near <b>")
    selection.where("z < 0.1")
    selection.keep_as("very near")
    assert len(shown) >= 1
    low, lower = (int((TABLE["z"] < end).sum()) for end in (0.2, 0.1))
    assert legend(view) == [f"near <b> ({low})", f"very near ({lower})", f"in no subset ({294 - low})"]
    count = len(shown)
    selection.choose([])
    assert len(shown) == count  # a new selection alone draws nothing anew
    selection.where("z > 0.1")
    selection.choose(selection.ids[: (TABLE["z"] < 0.1).sum()])
    selection.keep_as("very near")  # others, but as many
    assert len(shown) == count + 1
    selection.forget("very near")
    assert len(shown) > count + 1


def test_on_a_logarithmic_axis_a_box_and_a_lasso_hold_what_they_show():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a - b": 10 ** rng.uniform(0, 3, 500), "y": rng.uniform(0, 1, 500)})
    table.loc[:9, "a - b"] = [0.0, -1.0] * 5
    table.index = pd.Index([f"id{k}" for k in range(500)], name="object_id")
    selection = Selection(table)
    view = PlotView(selection, x="a - b", y="y", log_x=True)
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert type(plot.x_scale).__name__ == "LogScale"
    assert plot.title.text == "y against a - b: 490 objects; 10 at or below 0 are not drawn on a logarithmic axis"
    assert 0 < plot.x_range.start < 1.1
    sent(hv.streams.BoundsXY, bounds=(10, 0, 100, 1))
    assert len(selection) == table["a - b"].between(10, 100).sum()
    sent(hv.streams.Lasso, geometry=np.array([[1, 0], [1000, 1], [1000, 0]]))  # below the diagonal as it is drawn
    above = table["a - b"].to_numpy() > 0
    expected = above & (table["y"] < np.log10(table["a - b"].where(above, 1.0)) / 3)
    assert selection.mask.tolist() == expected.tolist()
    again = Selection.from_json(json.loads(json.dumps(selection.to_json())), table)
    assert again.ids.tolist() == selection.ids.tolist()
    sent(hv.streams.Tap, x=table["a - b"].iloc[20], y=table["y"].iloc[20])
    assert selection.focus == "id20"


def test_a_density_on_logarithmic_axes_counts_every_object():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": 10 ** rng.uniform(-2, 3, 2000), "y": 10 ** rng.uniform(0, 1, 2000)})
    table.index = pd.Index([f"id{k}" for k in range(2000)], name="object_id")
    view = PlotView(Selection(table), x="x", y="y", log_x=True, log_y=True, density=True, median=True)
    images = [image for image in view.plot().object[()] if isinstance(image, hv.Image)]
    assert np.nansum(images[0].dimension_values("objects")) == 2000
    columns = np.nansum(images[0].dimension_values("objects", flat=False), axis=0)
    assert columns[: len(columns) // 2].sum() == pytest.approx(1000, abs=80)  # even in log x, as it was drawn


def test_magnitudes_run_upside_down_unless_the_user_says_otherwise():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({band: rng.normal(20, 1, 50) for band in "gr"}, index=[f"id{k}" for k in range(50)])
    view = PlotView(Selection(table), x="g - r", y="r")

    def flipped(name):
        (plot,) = view.plot().get_root().select({"type": Plot})
        ends = getattr(plot, f"{name}_range")
        return ends.start > ends.end

    assert (flipped("x"), flipped("y")) == (False, True)
    view.param.update(direction_x="high to low", direction_y="low to high")
    assert (flipped("x"), flipped("y")) == (True, False)
    view.param.update(kind="histogram", x="r", direction_x="as usual")
    assert flipped("x")


def test_error_bars_come_from_columns_named_after_the_axis_or_chosen_ones():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"z": rng.uniform(0, 1, 50), "lum": rng.uniform(1, 2, 50), "own": 0.25, "lum_err": 0.5})
    table.loc[3, "lum_err"] = np.nan
    table.index = pd.Index([f"id{k}" for k in range(50)], name="object_id")
    view = PlotView(Selection(table), x="z", y="lum", errors=True)

    def whiskers():
        return {one.dimension: one for one in view.plot().get_root().select({"type": Whisker})}

    bars = whiskers()
    assert list(bars) == ["height"]
    data = bars["height"].source.data
    spans = np.ptp([data[bars["height"].lower], data[bars["height"].upper]], axis=0)
    np.testing.assert_allclose(spans, 1.0)
    assert len(spans) == 49
    assert titles(view) == ["lum against z: 50 objects; 1 objects have no error bar"]
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("z", "lum")
    view.error_x = "own"
    assert set(whiskers()) == {"height", "width"}
    view.param.update(errors=False)
    assert whiskers() == {}


def test_a_running_median_needs_enough_objects():
    for rows, bands in ((N, 1), (50, 0)):
        root = PlotView(Selection(TABLE[:rows]), x="z", y="g - r", median=True).plot().get_root()
        assert len([r for r in root.select({"type": GlyphRenderer}) if type(r.glyph).__name__ == "Patch"]) == bands


def test_a_running_median_is_computed_again_for_other_values_alone(monkeypatch):
    table, computed, real = TABLE.copy(), [], explore.running_median
    monkeypatch.setattr(explore, "running_median", lambda *xy: computed.append(xy[1].max()) or real(*xy))
    selection = Selection(table)
    columns = TableColumns(selection)
    columns.add("y", 'col("g - r")')
    view = PlotView(selection, x="z", y="y", median=True)
    for changes in ({}, {"colour": "count"}, {"contours": True}, {"log_y": True}):
        view.param.update(**changes)
        assert view.plot().get_root()
    assert len(computed) == 2  # on a logarithmic axis, fewer objects are drawn
    columns.restore([{"name": "y", "expression": 'col("g - r") + 10'}])
    assert view.plot().get_root()
    assert len(computed) == 3
    assert computed[2] > 10 > computed[0]


def test_units_stand_on_the_axes(selection):
    units = {"z": "km / s", "g - r": "mag", "count": "mag"}
    view = PlotView(selection, units=units, x="z", y='col("g - r") - count', labels={"seen": "Seen"})
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert plot.xaxis[0].axis_label == "z (km / s)"
    assert plot.yaxis[0].axis_label.endswith("- count (mag)")
    view.y = 'col("g - r") - z'
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert plot.yaxis[0].axis_label == 'col("g - r") - z'
    view.param.update(kind="histogram")
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert plot.xaxis[0].axis_label == "z (km / s)"


def test_a_column_of_one_value_has_a_logarithmic_histogram():
    table = pd.DataFrame({"x": [5.0] * 8}, index=[f"id{k}" for k in range(8)])
    view = PlotView(Selection(table), kind="histogram", x="x", log_x=True, bins=5)
    root = view.plot().get_root()
    assert sum(max((r.data_source.data["top"] for r in root.select({"type": GlyphRenderer})), key=sum)) == 8


def test_a_plot_follows_a_column_that_is_replaced_until_it_is_closed():
    table = TABLE.copy()
    selection, shown = Selection(table), []
    columns = TableColumns(selection)
    columns.add("twice", "z * 2")
    view = PlotView(selection, x="twice", y="g - r")
    assert view.plot().get_root()
    view.param.watch(lambda _: shown.append(1), "_redraw")
    columns.add("other", "z * 3")
    assert shown == []  # it is not in the plot
    columns.restore([{"name": "twice", "expression": "z * 4"}])
    assert shown == [1]
    assert view.plot().get_root()
    view.close()
    columns.restore([{"name": "twice", "expression": "z * 5"}])
    assert shown == [1]


def test_a_histogram_of_logarithms_counts_every_object_above_zero():
    table = pd.DataFrame({"x": [0.0, -1.0, *10 ** np.linspace(-3, 2, 98)]}, index=[f"id{k}" for k in range(100)])
    selection = Selection(table)
    view = PlotView(selection, kind="histogram", x="x", log_x=True, bins=5)
    root = view.plot().get_root()
    data = max((r.data_source.data for r in root.select({"type": GlyphRenderer})), key=lambda one: sum(one["top"]))
    assert sum(data["top"]) == 98
    np.testing.assert_allclose(np.diff(np.log10([*data["left"], data["right"][-1]])), 1)
    assert titles(view) == ["x: 98 objects; 2 at or below 0 are not counted on a logarithmic axis"]
    sent(hv.streams.Tap, x=0.05, y=1)
    assert len(selection) == (table["x"].between(0.01, 0.1)).sum()


def test_the_pane_fills_its_place_with_five_controls_in_its_line(selection):
    view = PlotView(selection, x="z", y="g - r")
    pane = view.pane()
    line, body = pane
    assert len(line) == 5
    plot = view.plot()
    assert (pane.sizing_mode, body.sizing_mode, plot.sizing_mode) == ("stretch_both",) * 3
    assert (plot.height, plot.min_height) == (None, 260)
    assert not body[1].visible
    line[4].value = True
    assert view.settings_open
    assert body[1].visible
    assert len(view.pane(floating=False)[1]) == 1
    assert view.__panel__().get_root()


def test_only_the_settings_of_this_kind_of_plot_are_visible(selection):
    view = PlotView(selection, x="z", y="g - r")
    groups = view.settings()

    def visible():
        return [group[0].object for group in groups if group.visible]

    assert visible() == ["x axis", "y axis", "Objects", "Lines", "Errors"]
    view.kind = "histogram"
    assert visible() == ["x axis", "Bars"]
    view.kind = "matrix"
    assert visible() == []


def test_the_state_holds_what_differs_and_opens_the_same(selection):
    view = PlotView(selection, x="z", y="g - r", median=True, log_x=True)
    state = json.loads(json.dumps(view.state()))
    assert state["median"] is True
    assert "bins" not in state
    again = PlotView(selection, x="g - r", y="z")
    again.param.update(**state)
    assert again.state() == view.state()
    assert set(state) <= set(PlotView.SAVED)


def test_columns_that_come_later_can_be_chosen():
    table = TABLE.copy()
    selection = Selection(table)
    view = PlotView(selection, x="z", y="g - r")
    choice = view.line()[1]
    table["double"] = table["z"] * 2
    selection.show(table)
    assert "double" in choice.options
    view.x = "double"
    assert view.plot().get_root()


@pytest.mark.parametrize("density", [False, True])
def test_what_lies_outside_the_first_axes_is_counted(density):
    table = TABLE.assign(far=np.where(np.arange(N) == 5, 1e6, TABLE["g - r"]))
    view = PlotView(Selection(table), x="g - r", y="far", density=density)
    assert titles(view)[0].endswith("300 objects; 1 lie outside the axes (zoom out to see them)")
    (plot,) = view.plot().get_root().select({"type": Plot})
    assert plot.y_range.end < 10


def missing_as_99():
    """300 magnitudes g and r; of every third object g is 99, and of one r is -9999."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"g": rng.uniform(17, 19, 300), "r": rng.uniform(16, 18, 300)})
    table.loc[::3, "g"], table.loc[1, "r"] = 99.0, -9999.0
    return Selection(table.set_index(pd.Index([f"o{k}" for k in range(300)], name="object_id")))


@pytest.mark.parametrize(("x", "low", "high"), [("g", 16.5, 19.5), ("g - r", -1.5, 3.5)])
def test_axes_open_without_numbers_that_perhaps_stand_for_missing_values(x, low, high):
    plot, _ = scatter(missing_as_99(), (x, "r"), (x, "r"), lambda *_: None)
    figure = hv.render(plot)
    assert low < figure.x_range.start < figure.x_range.end < high
    assert min(figure.y_range.start, figure.y_range.end) > 15.5
    assert "; 101 lie outside the axes" in figure.title.text
    assert "300 objects" in figure.title.text  # they are drawn


def test_a_histogram_has_its_bins_where_values_are_known():
    plot, _ = histogram(missing_as_99(), "g", "g", lambda *_: None, bins=10, logarithmic=False)
    figure = hv.render(plot)
    assert 16.5 < figure.x_range.start < figure.x_range.end < 19.5
    assert figure.title.text == "g: 200 objects; 100 perhaps missing are not counted"


def test_colours_span_the_values_that_are_known():
    assert Colouring(missing_as_99().values("g"), "g").limits[1] < 19


@pytest.mark.parametrize("kind", ["scatter", "histogram", "matrix", "sky map"])
def test_a_plot_still_fills_its_pane_when_the_focus_or_the_selection_changes(selection, kind):
    x, y = ("truth", "estimate") if kind == "matrix" else ("z", "g - r")
    view = PlotView(selection, kind=kind, x=x, y=y)
    (plot,) = view.plot().get_root().select({"type": Plot})
    selection.focus = TABLE.index[3]
    selection.where("z < 0.2")
    assert (plot.sizing_mode, plot.height) == ("stretch_both", None)


@pytest.mark.parametrize("part", ["pane", "controls"])
def test_the_settings_of_a_plot_are_built_when_they_are_opened(selection, part):
    view = PlotView(selection, x="z", y="g - r")
    shown = getattr(view, part)()
    boxes = [len(shown.select(pn.widgets.Checkbox))]
    for opened in (True, False, True):
        view.settings_open = opened
        boxes.append(len(shown.select(pn.widgets.Checkbox)))
    assert boxes[0] == 0
    assert boxes[1] == boxes[2] == boxes[3] > 5


@pytest.mark.parametrize("kind", ["scatter", "histogram"])
def test_a_plot_that_is_drawn_again_shows_the_present_focus_and_selection(selection, kind):
    pane = PlotView(selection, kind=kind, x="z", y="g - r").plot()

    def drawn(root):
        sources = [one.data_source.data for one in root.select({"type": GlyphRenderer})]
        return sorted(str({name: [*map(as_text, values)] for name, values in data.items()}) for data in sources)

    first = pane.get_root()
    before = drawn(first)
    selection.where("z < 0.2")
    selection.focus = TABLE.index[5]
    assert drawn(first) != before
    assert drawn(pane.get_root()) == drawn(first)  # as when its tab is opened again
