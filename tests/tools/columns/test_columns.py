import json
import subprocess
import sys
from io import BytesIO

import numpy as np
import pandas as pd
import pytest

from galviz.io.tables import read_table, write_table
from galviz.tools.columns.core import TableColumns, column_versions
from galviz.tools.columns.view import ColumnsView
from galviz.tools.export.view import ExportPanel
from galviz.tools.gallery.album import Album
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import Snapshot

N = 50
RNG = np.random.default_rng(4)


@pytest.fixture
def original():
    columns = {"g": RNG.normal(19, 1, N), "r": RNG.normal(18, 1, N), "kind": RNG.choice(["a", "b"], N)}
    table = pd.DataFrame(columns, index=pd.Index([f"id{k}" for k in range(N)], name="object_id"))
    table.loc["id3", "r"] = np.nan
    table.loc["id4", "kind"] = None
    return table


@pytest.fixture
def columns(original):
    return TableColumns(Selection(original.copy(deep=False)), {"g": "mag", "r": "mag"})


def test_a_computed_column_is_in_the_table_the_plots_the_filters_and_the_exports(columns, original):
    selection = columns.selection
    view = PlotView(selection, units=columns.units, x="g", y="r")
    out = ExportPanel(columns.table, selection, units=columns.units, computed=lambda: columns.computed)
    album = Album(columns.table)
    columns.add("g_r", "g - r", "mag")
    assert "g_r" not in original  # which others may show
    expected = original["g"] - original["r"]
    pd.testing.assert_series_equal(columns.table["g_r"], expected, check_names=False)
    view.x = "g_r"
    assert view.plot().get_root()
    selection.where("g_r > 1")
    assert selection.mask.tolist() == (expected > 1).tolist()
    album.arrange("g_r", keep="g_r > 1")
    assert album.ids(0, N) == expected[expected > 1].sort_values().index.tolist()
    file = BytesIO()
    out.write(file, "ecsv", Snapshot.of(selection))
    assert b"g_r" in file.getvalue()
    keyed = out.keyed(Snapshot.of(selection))
    assert keyed.units["g_r"] == "mag"


def test_the_exported_script_computes_the_column_again(columns, tmp_path):
    path = tmp_path / "table.csv"
    write_table(path, columns.table, "csv")
    columns.add('a "b"', "g - r")
    columns.add("twice", "col('a \"b\"') * 2")
    out = ExportPanel(columns.table, columns.selection, source=str(path), computed=lambda: columns.computed)
    columns.selection.where("twice > 2")
    script = out.script(Snapshot.of(columns.selection))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == columns.selection.ids.tolist()


def test_text_and_conditions_are_columns_too_and_can_be_written(columns, tmp_path):
    columns.add("faint", "r > 18")
    columns.add("sort", "kind")
    assert columns.table["faint"].dtype == bool
    assert columns.table["sort"].isna().sum() == 1
    write_table(tmp_path / "t.parquet", columns.table, "parquet")
    assert read_table(tmp_path / "t.parquet").table["faint"].tolist() == columns.table["faint"].tolist()


def test_an_infinite_value_is_missing(columns):
    columns.add("ratio", "1 / (g - g)")
    assert columns.table["ratio"].isna().all()


@pytest.mark.parametrize(
    ("name", "expression", "shown_text"),
    [
        ("", "g", "expected a name"),
        ("g", "g", "which the table has"),
        ("object_id", "g", "which the table has"),
        ("x" * 99, "g", "expected a name"),
        ("new", "q + 1", "expected a column"),
        ("new", "g +", "expression"),
        ("new", "__import__('os')", "not allowed"),
        ("new", "", "expression"),
    ],
)
def test_what_cannot_be_a_column_is_refused_and_changes_nothing(columns, name, expression, shown_text):
    before = list(columns.table.columns)
    with pytest.raises(ValueError, match=shown_text):
        columns.add(name, expression)
    assert list(columns.table.columns) == before
    assert columns.computed == {}


def test_a_column_that_another_uses_stays(columns):
    columns.add("g_r", "g - r")
    columns.add("twice", "g_r * 2")
    with pytest.raises(ValueError, match="Remove 'twice' first"):
        columns.remove("g_r")
    with pytest.raises(KeyError, match="belong to the table"):
        columns.remove("g")
    columns.remove("twice")
    columns.remove("g_r")
    assert list(columns.table.columns) == ["g", "r", "kind"]
    assert "g_r" not in columns.units


def test_columns_are_restored_from_json(columns, original):
    columns.add("g_r", "g - r", "mag")
    columns.add("twice", "g_r * 2")
    state = json.loads(json.dumps(columns.to_json()))
    again = TableColumns.from_json(state, Selection(original.copy(deep=False)), {})
    pd.testing.assert_frame_equal(again.table, columns.table)
    assert again.to_json() == state
    assert again.units == {"g_r": "mag"}
    version = again.version
    again.restore(state)
    assert again.version == version  # nothing has changed
    again.restore([])
    assert list(again.table.columns) == list(original.columns)


@pytest.mark.parametrize(
    "bad", [[{"name": "a"}], ["g"], [{"name": "a", "expression": "q"}], [{"name": "g", "expression": "r"}]]
)
def test_a_state_that_does_not_fit_leaves_all_as_it_was(columns, bad):
    columns.add("g_r", "g - r", "mag")
    before = columns.table.copy()
    with pytest.raises(ValueError, match="expected"):
        columns.restore(bad)
    pd.testing.assert_frame_equal(columns.table, before)
    assert columns.to_json() == [{"name": "g_r", "expression": "g - r", "unit": "mag"}]


def test_a_constant_text_is_a_column_and_an_odd_failure_changes_nothing(columns, monkeypatch):
    columns.add("sort", "'spiral'")
    assert columns.table["sort"].tolist() == ["spiral"] * N
    before, versions = columns.table.copy(), column_versions(columns.table)
    monkeypatch.setattr("galviz.tools.columns.core.as_column", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        columns.restore([{"name": "new", "expression": "g"}])
    pd.testing.assert_frame_equal(columns.table, before)
    assert column_versions(columns.table) == versions


def test_columns_are_restored_with_one_message(columns):
    versions = []
    columns.selection.param.watch(lambda event: versions.append(event.new), ["version"])
    columns.restore([{"name": "a", "expression": "g"}, {"name": "b", "expression": "a * 2"}])
    assert len(versions) == 1
    before = column_versions(columns.table)
    columns.restore([{"name": "a", "expression": "r"}, {"name": "b", "expression": "a * 2"}])
    after = column_versions(columns.table)
    assert list(after) == list(before)
    assert [name for name in after if after[name] != before[name]] == ["a", "b"]


def test_the_form_adds_and_removes_and_says_what_is_wrong(columns):
    view = ColumnsView(columns)
    assert view.__panel__().get_root()
    view.param.update(called="<b>S&N", expression="g - q", unit="mag")
    view.add()
    assert "expected a column, got 'q'" in view.error
    view.expression = "g - r"
    view.add()
    assert (view.error, view.called, view.expression) == ("", "", "")
    (row,) = view.listed()
    assert "&lt;b&gt;" in row[0].object
    assert row[1].label == "Remove <b>S&N"  # Bokeh shows a label as text
    row[1].clicks += 1
    assert len(view.listed()) == 0
    assert "<b>S&N" not in columns.table


def test_another_tab_is_not_disturbed(columns, original):
    selection = columns.selection
    selection.show(original)
    version = selection.version
    columns.add("g_r", "g - r")
    assert selection.version == version
    assert selection.table is original
