import numpy as np
import pandas as pd
import pytest

from galviz.tools.columns.core import TableColumns
from galviz.tools.selection.core import Selection
from galviz.tools.table.core import column_statistics
from galviz.tools.table.view import StatisticsView, TableView

TABLE = pd.DataFrame(
    {
        "z": [0.1, 0.2, np.nan, 0.4, np.inf],
        "count": pd.array([1, 2, 2, None, 5], dtype="Int64"),
        "long": np.array([2**60 + k for k in (1, 2, 3, 3, 3)]),
        "star": [True, False, False, False, True],
        "name": ["a", "b", None, "b", ""],
        "none": [np.nan] * 5,
    },
    index=pd.Index([f"id{k}" for k in range(5)], name="object_id"),
)


def test_statistics_are_those_of_the_known_values():
    found = column_statistics(TABLE, {"z": "km / s"})
    z = found.loc["z"]
    assert (z["unit"], z["type"], z["n"], z["missing"], z["distinct"]) == ("km / s", "number", 3, 2, 3)
    assert (z["min"], z["median"], z["max"]) == (0.1, 0.2, 0.4)
    assert z["mean"] == pytest.approx(0.7 / 3, rel=1e-6)
    assert z["std"] == pytest.approx(np.std([0.1, 0.2, 0.4], ddof=1), rel=1e-6)
    assert z["16 %"] == pytest.approx(np.percentile([0.1, 0.2, 0.4], 16), rel=1e-6)
    assert found.loc["count", ["type", "n", "missing", "distinct"]].tolist() == ["whole number", 4, 1, 3]
    assert found.loc["long", "distinct"] == 3  # which are equal as floats
    assert found.loc["star", ["type", "mean"]].tolist() == ["true/false", 0.4]
    assert found.loc["name", ["type", "n", "missing", "distinct"]].tolist() == ["text", 4, 1, 3]
    assert found.loc["none", ["n", "missing", "distinct"]].tolist() == [0, 5, 0]
    assert found.loc[["name", "none"], ["min", "mean", "std"]].isna().all(axis=None)


def test_a_number_that_perhaps_stands_for_a_missing_value_has_a_note():
    found = column_statistics(TABLE.assign(r=[17.0, 18.0, -99, -99, 19]))
    assert found.loc["r", "note"] == "-99 in 2 rows: perhaps missing; filter r > -90"
    assert set(found.drop("r")["note"]) == {""}


def test_statistics_of_some_rows_and_of_none():
    mask = np.array([True, True, False, False, False])
    found = column_statistics(TABLE, mask=mask)
    assert found.loc["z", ["n", "max"]].tolist() == [2, 0.2]
    assert np.isnan(column_statistics(TABLE[:1]).loc["z", "std"])
    assert column_statistics(TABLE[:0])["n"].tolist() == [0] * 6
    assert len(column_statistics(TABLE[[]])) == 0


def test_the_view_shows_all_or_the_selected_and_new_columns():
    table = TABLE.copy()
    selection = Selection(table)
    view = StatisticsView(table, selection, {"z": "km / s"})
    assert view.__panel__().get_root()
    selection.where("z < 0.3")
    assert view.statistics().loc["z", "n"] == 3
    before = view.version
    view.only_selected = True
    assert view.statistics().loc["z", "n"] == 2
    selection.choose(["id0"])
    assert view.version > before
    assert "1 objects" in view.body()[0].object
    table["double"] = table["z"] * 2
    selection.show(table)
    assert "double" in view.body()[1].value.index


def shown(view):
    return view.widget.value.index.tolist()


def test_the_table_shows_rows_that_meet_a_condition_and_says_how_many():
    selection = Selection(TABLE)
    view = TableView(TABLE, selection)
    assert view.__panel__().get_root()
    view.filter = "z < 0.3"
    assert shown(view) == ["id0", "id1"]
    assert "2 of 5 rows" in view.summary()
    selection.choose(["id1", "id3"])
    assert view.widget.selection == [1]
    view.only_selected = True
    assert shown(view) == ["id1"]
    selection.choose(["id0", "id1"])
    assert shown(view) == ["id0", "id1"]
    view.filter = "q < 1"
    selection.show(TABLE.copy())  # another tab is opened, and this one again
    selection.show(TABLE)
    assert "expected a column" in view._refused().object
    assert shown(view) == ["id0", "id1"]
    view.param.update(filter="", only_selected=False)
    assert view.error == ""
    assert shown(view) == TABLE.index.tolist()


def test_a_click_on_a_row_of_a_filtered_table_means_that_object():
    class Event:
        row = 1

    selection = Selection(TABLE)
    view = TableView(TABLE, selection, filter="z < 0.5 and z > 0.1")
    assert shown(view) == ["id1", "id3"]
    view._clicked(Event)
    assert selection.focus == "id3"


def test_the_table_shows_columns_that_it_gets_later():
    table = TABLE.copy()
    selection = Selection(table)
    view = TableView(table, selection)
    table["double"] = table["z"] * 2
    selection.show(table)
    assert "double" in view.widget.value.columns
    assert "double" in view.widget.formatters
    del table["double"]
    selection.show(table)
    assert "double" not in view.widget.value.columns


def test_a_column_that_is_replaced_is_shown_anew_and_its_name_is_text():
    table = TABLE.copy()
    selection = Selection(table)
    view, statistics = TableView(table, selection), StatisticsView(table, selection)
    columns = TableColumns(selection)
    name = "<img src=x onerror=alert(1)>"
    columns.add(name, "z * 2")
    assert view.widget.titles[name] == "&lt;img src=x onerror=alert(1)&gt;"
    assert view.widget.value[name].iloc[0] == 0.2
    root, sent = view.widget.get_root(), []
    root.on_change("columns", lambda _, __, columns: sent.extend(column.title for column in columns))
    before = statistics.version
    columns.restore([{"name": name, "expression": "z * 3"}])
    assert view.widget.value[name].iloc[0] == pytest.approx(0.3)
    assert statistics.version > before
    columns.remove(name)
    assert name not in view.widget.value
    assert "<" not in "".join(sent)
    assert "img" in "".join(sent)
    value = view.widget.value
    selection.show(table)  # nothing has changed
    assert view.widget.value is value


def test_positions_keep_their_digits():
    table = pd.DataFrame({"ra": [10.1234567, 11.0], "dec": [1.7654321, 2.0], "z": [0.1, 0.2]}, index=["a", "b"])
    view = TableView(table.rename_axis("object_id"), Selection(table))
    formats = {name: formatter.format for name, formatter in view.widget.formatters.items()}
    assert formats["ra"] == formats["dec"] == "0.[0000000]"
    assert formats["z"] == "0.[0000]"
