"""Filters select what the same condition, typed by hand, would select."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galviz.io.expressions import matches
from galviz.tools.columns.core import TableColumns
from galviz.tools.filters import messages
from galviz.tools.filters.core import BINS, Exchange, Filter, Filters, Numbers, first_columns
from galviz.tools.filters.view import FiltersView
from galviz.tools.messages import check
from galviz.tools.selection.core import Selection


def made(rows=400):
    """Some of each kind of column, missing values among them."""
    rng = np.random.default_rng(4)
    z = rng.uniform(0, 1, rows)
    z[::9] = np.nan
    kind = rng.choice(["spiral", 'it\'s "odd"', "ß", ""], rows).astype(object)
    kind[::7] = None
    table = {"z": z, "mag": rng.normal(17, 1, rows).astype(np.float32), "kind": kind}
    table |= {"fold": rng.integers(0, 5, rows), "bright": rng.random(rows) < 0.3}
    table |= {"gaps": rng.choice([True, False, None], rows)}
    table |= {"u - g": rng.normal(0, 1, rows), "maybe": pd.array(rng.choice([0, 1, None], rows), dtype="Int8")}
    table |= {"note": [f"text {k}" for k in range(rows)], "ra": rng.uniform(0, 360, rows), "none": [np.nan] * rows}
    return pd.DataFrame(table, index=pd.Index([str(k) for k in range(rows)], name="object_id", dtype=object))


TABLE = made()
ENDS = st.none() | st.floats(-3, 20, allow_nan=False)
RANGES = st.builds(lambda low, high, missing: Filter(low=low, high=high, missing=missing), ENDS, ENDS, st.booleans())


def ticks(name):
    listed = Filters(TABLE).read(name).listed
    some = st.sets(st.sampled_from(listed))
    keep = lambda chosen: tuple(value for value in listed if value in chosen)  # noqa: E731
    return st.builds(lambda chosen, missing: Filter(ticked=keep(chosen), missing=missing), some, st.booleans())


@settings(max_examples=150, deadline=None)
@given(st.fixed_dictionaries({}, optional={
    **dict.fromkeys(("z", "mag", "u - g", "ra"), RANGES),
    **{name: ticks(name) for name in ("kind", "fold", "bright", "gaps", "maybe")},
}))  # fmt: skip
def test_filters_select_what_their_condition_selects(chosen):
    filters = Filters(TABLE)
    for name, one in chosen.items():
        filters.set(name, one)
    expected = matches(filters.expression(), TABLE)
    np.testing.assert_array_equal(filters.mask(), expected)
    again = Filters.from_json(filters.to_json(), TABLE)
    np.testing.assert_array_equal(again.mask(), expected)
    for column in filters.show(expected):
        kept = TABLE[column["name"]][expected]
        assert column["missing_left"] == kept.isna().sum()
        assert sum(column["left"]) + sum(value["left"] for value in column["values"]) == kept.notna().sum()


def test_a_range_has_both_of_its_ends_and_missing_values_only_if_wanted():
    table = pd.DataFrame({"z": [0.1, 0.2, 0.3, np.nan, 0.25, *np.linspace(1, 2, 20)]})
    filters = Filters(table)
    filters.set("z", Filter(low=0.3, high=0.2))
    assert np.flatnonzero(filters.mask()).tolist() == [1, 2, 4]
    filters.set("z", Filter(low=0.2, high=0.3, missing=True))
    assert np.flatnonzero(filters.mask()).tolist() == [1, 2, 3, 4]
    filters.set("z", Filter(missing=True))
    assert np.flatnonzero(filters.mask()).tolist() == [3]
    filters.set("z", Filter())
    assert filters.expression() == ""
    assert filters.mask().all()


def test_values_of_a_column_add_up_and_columns_narrow_down():
    filters = Filters(TABLE)
    filters.set("fold", Filter(ticked=(0, 3)))
    filters.set("bright", Filter(ticked=(True,)))
    np.testing.assert_array_equal(filters.mask(), TABLE["fold"].isin([0, 3]) & TABLE["bright"])
    assert filters.expression() == "fold in (0, 3) and bright in (True,)"


def test_a_histogram_counts_every_object_even_those_far_outside():
    values = np.concatenate([np.random.default_rng(0).normal(0, 1, 5000), [-9999.0, 1e6, np.inf, -np.inf, np.nan]])
    filters = Filters(pd.DataFrame({"x": values}))
    (column,) = filters.show(None)
    assert len(column["all"]) == BINS
    assert (sum(column["all"]), column["missing"], column["left"]) == (5004, 1, [])
    assert -12 < column["edges"][0] < -2
    assert 2 < column["edges"][1] < 12
    assert column["ends"] == [-9999, 1e6]


def test_rare_values_are_counted_and_the_most_frequent_listed_first():
    texts = [f"t{min(k, j)}" for k in range(70) for j in range(k, 70)]
    filters = Filters(pd.DataFrame({"t": texts}), columns=["t"])
    (column,) = filters.show(None)
    assert column["values"][0] == {"text": "t0", "all": 70, "left": 0, "ticked": False}
    assert (len(column["values"]), column["more"]) == (50, 20)


def test_first_come_estimate_and_truth_then_classes_and_coordinates_last():
    kinds = {"ra": "numbers", "a": "numbers", "spiral": "values", "p": "numbers", "p_true": "numbers", "b": "numbers"}
    assert first_columns(kinds) == ["p", "p_true", "spiral", "a", "b", "ra"]
    assert first_columns({f"c{k}": "numbers" for k in range(90)}) == [f"c{k}" for k in range(6)]
    assert not {"note", "none"} & set(Filters(TABLE).kinds)


@pytest.mark.parametrize(
    ("state", "shown_text"),
    [
        ({"columns": ["zz"]}, "column: expected one with numbers"),
        ({"columns": ["note"]}, "got 'note'"),
        ({"filters": {"fold": {"ticked": [9]}}}, "expected values that the column has, got 9"),
        ({"filters": {"fold": {"low": 1.0}}}, "expected values, got a range"),
        ({"filters": {"z": {"low": "1"}}}, "filter of z: expected low, high"),
        ({"filters": {"z": {"low": float("nan")}}}, "expected finite numbers"),
        ({"filters": {"z": {"least": 1}}}, "filter of z: expected low, high"),
        ({"filters": {"z": 5}}, "filter of z: expected low, high"),
        ({"filters": [5]}, "filters: expected a list of columns"),
        ({"columns": 5}, "filters: expected a list of columns"),
        ({"columns": [["z"]]}, "column: expected one with numbers"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(state, shown_text):
    with pytest.raises(ValueError, match=shown_text):
        Filters.from_json(state, TABLE)


class Browser:
    """Sends and receives messages as client.js does."""

    def __init__(self, exchange):
        self.exchange, self.state, self.states, self.seq = exchange, {}, 0, 0
        exchange._send = self.receive
        exchange.receive({"type": "hello", "client": "me"})

    def receive(self, state):
        check(state, messages.TO_BROWSER)
        self.state, self.states = state, self.states + 1

    def act(self, **message):
        self.seq += 1
        self.exchange.receive({"client": "me", "seq": self.seq} | message)
        assert self.state["acknowledged"] == {"me": self.seq}

    def brush(self, name, low, high, *, done=True):
        self.act(type="brush", name=name, low=low, high=high, done=done)

    def column(self, name):
        return next(column for column in self.state["columns"] if column["name"] == name)


@pytest.fixture
def page():
    selection = Selection(TABLE)
    exchange = Exchange(Filters(TABLE), selection, lambda _: None)
    return selection, exchange, Browser(exchange)


def test_brushes_and_ticks_select_and_show_how_many_are_left(page):
    selection, _, browser = page
    browser.brush("z", 0.2, 0.6)
    expected = TABLE["z"].between(0.2, 0.6)
    np.testing.assert_array_equal(selection.mask, expected)
    assert (browser.state["selected"], browser.state["total"]) == (expected.sum(), len(TABLE))
    place = [value["text"] for value in browser.column("kind")["values"]].index("spiral")
    browser.act(type="tick", name="kind", place=place, on=True)
    np.testing.assert_array_equal(selection.mask, expected & (TABLE["kind"] == "spiral"))
    browser.act(type="missing", name="kind", on=True)
    np.testing.assert_array_equal(selection.mask, expected & (TABLE["kind"].isna() | (TABLE["kind"] == "spiral")))
    browser.act(type="clear", name="kind")
    np.testing.assert_array_equal(selection.mask, expected)
    assert browser.column("z")["active"]
    browser.act(type="clear", name="")
    assert len(selection) == 0
    assert not browser.state["active"]
    assert browser.column("z")["left"] == []


def test_what_filters_selected_is_a_condition_that_can_be_replayed(page):
    selection, _, browser = page
    browser.brush("z", 0.2, 0.6)
    browser.brush("u - g", None, 0.5)
    again = Selection.from_json(selection.to_json(), TABLE)
    assert list(again.ids) == list(selection.ids)
    assert selection.python() == """selection.where(expression="0.2 <= z <= 0.6 and col('u - g') <= 0.5")"""


def test_a_drag_is_one_step_and_undo_brings_back_the_filters_of_before(page):
    selection, exchange, browser = page
    browser.brush("z", 0.1, 0.9)
    before = list(selection.ids)
    for low in (0.2, 0.3, 0.4):
        browser.brush("z", low, 0.9, done=False)
    browser.brush("z", 0.5, 0.9)
    assert selection.undoable == 2
    selection.undo()
    assert list(selection.ids) == before
    assert exchange.filters.given == {"z": Filter(low=0.1, high=0.9)}
    assert browser.column("z")["low"] == 0.1
    selection.redo()
    assert browser.column("z")["low"] == 0.5
    selection.undo()
    selection.undo()
    assert (len(selection), exchange.filters.given) == (0, {})


def test_a_drag_does_not_swallow_what_another_view_selected_meanwhile(page):
    selection, _, browser = page
    browser.brush("z", 0.1, 0.9, done=False)
    selection.choose(["3"])
    browser.brush("z", 0.2, 0.9, done=False)
    selection.undo()
    assert list(selection.ids) == ["3"]


def test_another_selection_clears_the_filters_and_narrowing_down_keeps_them(page):
    selection, exchange, browser = page
    browser.brush("z", 0.2, 0.6)
    selection.where("mag < 17", how="keep")
    assert browser.column("z")["active"]
    assert browser.state["selected"] == len(selection)
    selection.invert()
    assert exchange.filters.given == {}
    browser.brush("z", 0.2, 0.6)
    selection.choose(["1", "2"])
    assert exchange.filters.given == {}
    assert sum(browser.column("z")["left"]) == 2  # what is selected elsewhere shows in the histograms


def test_filters_rest_while_the_page_shows_another_table(page):
    selection, exchange, browser = page
    browser.brush("z", 0.2, 0.6)
    selection.show(made(50))
    browser.brush("z", 0.1, 0.2)
    assert exchange.filters.given == {"z": Filter(low=0.2, high=0.6)}
    assert browser.state["selected"] == 0


def test_columns_are_added_and_removed_with_their_filter(page):
    selection, _, browser = page
    other = browser.state["others"][0]
    browser.act(type="add", name=other)
    assert other in [column["name"] for column in browser.state["columns"]]
    browser.brush("z", 0.2, 0.6)
    browser.act(type="remove", name="z")
    assert len(selection) == 0
    assert "z" in browser.state["others"]
    browser.act(type="add", name="note")
    assert "got 'note'" in browser.state["error"]
    with pytest.raises(ValueError, match="message brush: expected low"):
        browser.act(type="brush", name="z", low="a", high=None, done=True)


def test_no_filter_passes_what_cannot_be_written_as_a_condition(page):
    selection, _, browser = page
    long = pd.DataFrame({"t": [f"{'long' * 20}{k % 40}" for k in range(200)]}, index=[str(k) for k in range(200)])
    selection.show(long)
    browser = Browser(Exchange(Filters(long), selection, lambda _: None))
    for place in range(40):
        browser.act(type="tick", name="t", place=place, on=True)
    assert "at most 2000 characters" in browser.state["error"]
    assert 0 < len(selection) < 200


def test_a_saved_view_brings_back_filters_and_keeps_what_was_narrowed_down():
    view = FiltersView(Selection(TABLE))
    view.filters.set("z", Filter(low=0.2))
    view.exchange.select()
    view.exchange.selection.where("mag < 17", how="keep")
    saved, steps = view.to_json(), view.exchange.selection.to_json()
    selection = Selection.from_json(steps, TABLE)
    again = FiltersView(selection)
    again.restore(saved)
    assert again.to_json() == saved
    assert list(selection.ids) == list(view.exchange.selection.ids)
    alone = FiltersView(Selection(TABLE))
    alone.restore(saved)
    np.testing.assert_array_equal(alone.exchange.selection.mask, TABLE["z"] >= 0.2)
    assert again.__panel__() is again.panel


def test_filters_follow_columns_that_are_added_removed_or_replaced():
    table = TABLE[["z", "mag"]].copy()
    selection = Selection(table)
    columns, view = TableColumns(selection), FiltersView(selection)
    browser = Browser(view.exchange)
    columns.add("twice", "z * 2")
    assert "twice" in browser.state["others"]
    browser.brush("twice", 1, 1.5)
    browser.brush("mag", 17, None)
    columns.restore([{"name": "twice", "expression": "z * 20"}])
    assert view.filters.given == {}  # what the condition selected cannot be selected with it again
    assert browser.column("twice")["ends"][1] > 10
    browser.brush("twice", 10, 15)
    np.testing.assert_array_equal(selection.mask, table["z"].between(0.5, 0.75))
    columns.restore([{"name": "twice", "expression": "z > 0.5"}])
    assert [value["text"] for value in browser.column("twice")["values"]] == ["False", "True"]
    browser.act(type="tick", name="twice", place=1, on=True)
    columns.remove("twice")
    assert view.filters.given == {}
    assert "twice" not in [column["name"] for column in browser.state["columns"]]
    selection.undo()
    selection.redo()
    assert "twice" not in view.to_json()["filters"]


def test_a_drag_through_the_whole_range_is_one_step_and_leaves_nothing(page):
    selection, exchange, browser = page
    browser.brush("z", 0.1, 0.9)
    for low in (0.2, None, 0.3):
        browser.brush("z", low, None, done=False)
    browser.brush("z", 0.4, None)
    assert selection.undoable == 2
    assert len(exchange._known) == 2  # nothing, and the first brush
    selection.undo()
    assert exchange.filters.given == {"z": Filter(low=0.1, high=0.9)}


def test_nothing_is_read_before_a_browser_comes_or_once_it_is_closed():
    selection = Selection(TABLE)
    view = FiltersView(selection)
    selection.where("z < 0.5")
    assert view.filters._read == {}
    browser = Browser(view.exchange)
    states = browser.states
    view.exchange.close()
    selection.where("z < 0.4")
    assert browser.states == states


def test_a_histogram_of_a_filter_ends_before_numbers_that_perhaps_stand_for_missing_values():
    column = Numbers(np.array([17.0, 18, 19, 99, 99, -99]))
    assert (column.ends, column.edges) == ([-99, 99], [17, 19])
    assert sum(column.all) == 6
