import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galviz.io.tables import KeyedTable
from galviz.tools.columns.core import TableColumns
from galviz.tools.columns.join import SEPARATION, join, join_again, missing_text
from galviz.tools.columns.view import JoinView
from galviz.tools.selection.core import Selection

ARCSEC = 1 / 3600


def keyed(ids, units=None, **columns):
    return KeyedTable(pd.DataFrame(columns, index=pd.Index(ids, name="object_id", dtype="str")), units or {})


FIRST = keyed(["a", "b", "c", "d"], ra=[10.0, 20, 30, np.nan], dec=[0.0, 0, 60, 5], z=[0.1, 0.2, 0.3, 0.4]).table


def test_a_join_by_id_counts_what_matches_and_renames_equal_names():
    other = keyed(
        ["b", "x", "a"], {"z": "km / s", "mass": "Msun"}, z=[2.0, 9, 1], mass=[20.0, 90, 10], n=[2**60 + 1, 0, 7]
    )
    found = join(FIRST, other)
    assert (found.matched, found.unmatched, found.left_over) == (2, 2, 1)
    assert list(found.table.columns) == ["z_2", "mass", "n"]
    assert found.table.index.equals(FIRST.index)
    assert found.table["mass"].tolist()[:2] == [10, 20]
    assert found.table["n"].tolist()[:2] == [7, 2**60 + 1]  # no float in between
    assert found.table.loc[["c", "d"]].isna().all(axis=None)
    assert found.renamed == {"z": "z_2"}
    assert found.units == {"z_2": "km / s", "mass": "Msun"}
    assert found.notes("b.csv") == [
        "2 of 4 objects have a match in b.csv; 2 have none.",
        "1 rows of b.csv match no object.",
        "Columns whose names are in use, or too long, are renamed: z → z_2.",
    ]


def test_a_join_by_position_takes_the_nearest_and_counts_everything():
    other = keyed(
        ["p", "q", "r", "s", "t"],
        RAJ2000=[10 + 0.5 * ARCSEC, 10 - 0.8 * ARCSEC, 20.0, 30 + 1.2 * ARCSEC, np.nan],
        DEJ2000=[0.0, 0, 3 * ARCSEC, 60, 1],
        mag=[15.0, 16, 17, 18, 19],
    )
    found = join(FIRST, other, by="position", radius=1.0)
    assert found.table["object_id_2"].tolist()[0] == "p"
    assert found.table["mag"].isna().tolist() == [
        False,
        True,
        False,
        True,
    ]  # 1.2″ in RA is 0.6″ at a declination of 60°
    np.testing.assert_allclose(found.table[SEPARATION].dropna(), [0.5, 0.6], rtol=1e-4)
    assert found.units[SEPARATION] == "arcsec"
    assert (found.matched, found.unmatched, found.left_over, found.several, found.lost) == (2, 2, 3, 1, 2)
    wider = join(FIRST, other, by="position", radius=5)
    assert (wider.matched, wider.table.loc["b", "mag"]) == (3, 17)


def test_a_row_belongs_to_the_nearest_object_only():
    first = keyed(["a", "b"], ra=[10.0, 10 + 0.9 * ARCSEC], dec=[0.0, 0]).table
    other = keyed(["p"], ra=[10 + 0.3 * ARCSEC], dec=[0.0])
    found = join(first, other, by="position", radius=1.0)
    assert found.table["object_id_2"].tolist()[0] == "p"
    assert found.table["object_id_2"].isna().tolist() == [False, True]
    assert (found.matched, found.unmatched, found.shared) == (1, 1, 1)
    assert found.renamed == {"ra": "ra_2", "dec": "dec_2", "object_id": "object_id_2"}
    assert any("another object is closer" in note for note in found.notes())


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0.5, 60))
def test_every_object_and_every_row_is_counted_once(rows, others, radius):
    rng = np.random.default_rng(rows * 100 + others)
    places = [rng.uniform(-20 * ARCSEC, 20 * ARCSEC, (2, n)) for n in (rows, others)]
    first = keyed([f"a{k}" for k in range(rows)], ra=places[0][0] % 360, dec=places[0][1]).table
    other = keyed([f"b{k}" for k in range(others)], ra=places[1][0] % 360, dec=places[1][1])
    found = join(first, other, by="position", radius=radius)
    ids = found.table["object_id_2"].dropna()
    assert ids.is_unique
    assert found.matched == len(ids)
    assert (found.matched + found.unmatched, found.matched + found.left_over) == (rows, others)
    assert (found.table[SEPARATION].dropna() <= radius).all()


def test_what_cannot_be_joined_is_said():
    other = keyed(["a"], mag=[1.0])
    with pytest.raises(ValueError, match="second table"):
        join(FIRST, other, by="position")
    with pytest.raises(ValueError, match="first table"):
        join(other.table, other, by="position")
    with pytest.raises(ValueError, match="at most 3600"):
        join(FIRST, KeyedTable(FIRST), by="position", radius=-1)
    with pytest.raises(ValueError, match="suffix"):
        join(FIRST, other, suffix=" ")


def test_a_suffix_that_is_in_use_grows():
    first = keyed(["a"], z=[1.0], z_2=[2.0]).table
    found = join(first, keyed(["a"], z=[3.0]))
    assert list(found.table.columns) == ["z_2_2"]


def test_the_distance_takes_no_name_of_the_second_table():
    other = keyed(["p"], {"separation": "kpc"}, ra=[10.0], dec=[0.5 * ARCSEC], separation=[7.0])
    found = join(FIRST, other, by="position")
    assert (found.table.loc["a", "separation"], found.units["separation"]) == (7, "kpc")
    assert found.table.loc["a", "separation_2"] == pytest.approx(0.5, rel=1e-4)
    assert found.units["separation_2"] == "arcsec"


def test_any_name_of_a_column_can_be_added():
    names = [" z ", "z", "n" * 90, "n" * 95, " ", "new "]
    other = KeyedTable(pd.DataFrame([[1.0] * 6], index=pd.Index(["a"], name="object_id"), columns=names))
    columns = TableColumns(Selection(FIRST.copy()), {})
    view = JoinView(columns)
    view.receive(other, "other.csv")
    view.add()
    assert view.error == ""
    added = ["z_2", "z_2_2", "n" * 80, "n" * 78 + "_2", "column", "new"]
    assert list(columns.table.columns) == [*FIRST.columns, *added]
    with pytest.raises(ValueError, match="expected different names"):
        columns.attach(pd.DataFrame({"a": FIRST["z"], " a": FIRST["z"]}))


def test_tables_without_rows_or_matches():
    empty = keyed([], ra=np.empty(0), dec=np.empty(0), n=np.empty(0, dtype=np.int64))
    found = join(FIRST, empty)
    assert (found.matched, found.unmatched, found.left_over) == (0, 4, 0)
    assert found.table["n"].isna().all()
    with pytest.raises(ValueError, match="second table"):  # which has no positions
        join(FIRST, empty, by="position")
    assert len(join(FIRST[:0], KeyedTable(FIRST)).table) == 0


def test_the_view_shows_the_counts_before_it_adds_the_columns():
    columns = TableColumns(Selection(FIRST.copy()), {})
    view = JoinView(columns)
    assert view.__panel__().get_root()
    view.receive(keyed(["p"], {"mag": "mag"}, ra=[20.0], dec=[2 * ARCSEC], mag=[17.0]), "<i>other</i>.csv")
    assert (view.by, view.joined.matched) == ("position", 0)
    view.radius = 3
    assert view.joined.matched == 1
    assert "&lt;i&gt;other" in view.summary().object
    assert "mag" not in columns.table
    view.add()
    assert columns.table.loc["b", "mag"] == 17
    assert columns.units["mag"] == "mag"
    assert "5 columns" in view.done
    view.add()  # once only
    view.receive(keyed(["a", "z"], mag=[1.0, 2.0]), "again.csv")
    assert (view.by, view.joined.renamed) == ("id", {"mag": "mag_2"})
    view.suffix = ""
    assert "suffix" in view.error
    assert view.joined is None
    columns.remove("mag")
    assert "mag" not in columns.table


def test_a_table_is_joined_again_with_the_same_names_but_for_what_was_removed():
    other = keyed(["p", "q"], {"mag": "mag"}, ra=[20.0, 10.0], dec=[0.2 * ARCSEC] * 2, z=[7.0, 8.0], mag=[17.0, 18.0])
    columns = TableColumns(Selection(FIRST.copy()), {})
    view = JoinView(columns)
    view.receive(other, "other.csv", "0" * 64)
    view.param.update(radius=2.0, suffix="_x")
    view.add()
    columns.remove("dec_x" if "dec_x" in columns.table else "dec")
    (how,) = columns.joins
    assert (how["file"], how["by"], how["radius"]) == ("other.csv", "position", 2)
    again = TableColumns(Selection(FIRST.copy()), {})
    for _ in range(2):  # and as often as one likes
        join_again(again, other, json.loads(json.dumps(how)))
        assert again.table.equals(columns.table)
        assert again.units == columns.units
        assert again.joins == columns.joins
        again = TableColumns(Selection(FIRST.copy()), {})
    with pytest.raises(ValueError, match=r"other\.csv: expected 6 columns to join, got 4"):
        join_again(again, keyed(["p"], ra=[20.0], dec=[0.0]), how)
    assert "other.csv by position within 2 arcsec" in missing_text(how)
