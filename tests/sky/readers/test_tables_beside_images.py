"""The table beside images: matched by id, with all its columns, and what does not match is named."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.sky.readers.labels import find_labels, match_rows, plain_name

IDS = ["101", "102", "103"]
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\", exclude_categories=("C", "Z")), min_size=1)


def labels_of(folder, ids=IDS, given=None, columns=None, **more):
    return find_labels([folder], ids, given, columns or {}, keep=True, **more)


@given(st.sets(NAMES.filter(lambda one: plain_name(one) == one), min_size=1, max_size=8), st.randoms())
def test_each_row_finds_its_own_image_in_any_order_with_folder_and_suffix(ids, random):
    ids = sorted(ids)
    rows = ids.copy()
    random.shuffle(rows)
    for form in ("{}", "{}.jpg", "images/{}.FITS.gz", "/data/a b/{}.png"):
        found = match_rows([form.format(one) for one in rows], ids)
        assert {rows[row]: image for row, image in found.items()} == {one: one for one in ids}


@given(st.lists(NAMES, max_size=8), st.sets(NAMES, max_size=8))
def test_what_is_found_is_an_image_and_an_exact_name_wins(values, ids):
    found = match_rows(values, sorted(ids))
    assert set(found.values()) <= ids
    assert all(found.get(row) == value for row, value in enumerate(values) if value in ids)


def test_numbers_lose_their_leading_zeros_only_where_one_image_fits():
    assert match_rows(["7", "12"], ["007", "012", "0012"]) == {0: "007"}
    assert match_rows(["a7"], ["a07"]) == {}


def test_all_columns_come_along_and_are_named(tmp_path):
    (tmp_path / "labels.csv").write_text("name,spiral,note\n103.jpg,1,x\n101.jpg,0,y\n999.jpg,1,z\n")
    found = labels_of(tmp_path)
    assert found.notes == [
        "labels.csv: 3 rows; column name matches 2 of 3 images; columns: spiral, note",
        "labels.csv: 1 rows have no image: 999.jpg",
        "1 images have no row in labels.csv: 102; their columns are empty",
    ]
    assert found.table.loc["103"].tolist() == ["103.jpg", 1, "x"]
    assert found.rejected["object_id"].tolist() == ["999.jpg"]


def test_a_class_of_few_values_is_not_taken_for_the_ids(tmp_path):
    ids = [str(k) for k in range(4)]
    rows = [f"{k % 4},{k}.png" for k in range(4)] + [f"{k % 4},x{k}.png" for k in range(40)]
    (tmp_path / "t.csv").write_text("class,file\n" + "\n".join(rows))
    assert labels_of(tmp_path, ids).notes[0].startswith("t.csv: 44 rows; column file matches 4 of 4 images")


def test_ids_that_match_nothing_are_shown_from_both_sides(tmp_path):
    (tmp_path / "labels.csv").write_text("GalaxyID,spiral\n" + "".join(f"G{k},1\n" for k in range(5)))
    with pytest.raises(ValueError, match=r"such as 101, 102, 103; got G0, G1, G2, … in GalaxyID, and no match") as why:
        labels_of(tmp_path)
    assert "--table none" in str(why.value)
    assert len(labels_of(tmp_path, strict=False).table) == 0
    with pytest.raises(ValueError, match=r"table: expected a column of labels\.csv with the names of the images"):
        labels_of(tmp_path, given=tmp_path / "labels.csv")


def test_doubled_ids_are_named_unless_the_rows_are_the_same(tmp_path):
    file = tmp_path / "labels.csv"
    file.write_text("id,spiral\n101,1\n101,1\n102,0\n")
    found = labels_of(tmp_path)
    assert found.table["spiral"].to_dict() == {"101": 1, "102": 0}
    assert "1 rows are there twice" in found.notes[1]
    file.write_text("id,spiral\n101,1\n101,0\n102,0\n")
    with pytest.raises(ValueError, match=r"1 images with several in labels\.csv: 101\. Remove the double rows"):
        labels_of(tmp_path)
    file.write_text("object_id,spiral\n101,1\n101,0\n102,0\n")
    with pytest.raises(ValueError, match="'101' more than once"):
        labels_of(tmp_path)


def test_of_two_tables_the_one_that_fits_is_taken_and_a_readme_is_none(tmp_path):
    (tmp_path / "a.csv").write_text("id,x\n900,1\n")
    (tmp_path / "b.csv").write_text("id,y\n101,1\n102,2\n")
    (tmp_path / "README.txt").write_text("These are my galaxies.\nThey are nice, are they not?\n")
    found = labels_of(tmp_path)
    assert list(found.table) == ["id", "y"]
    assert "a.csv" in found.notes[-1]
    (tmp_path / "c.csv").write_text("id,z\n101,1\n103,2\n")
    with pytest.raises(ValueError, match=r"got b\.csv \(2 rows\), c\.csv \(2 rows\)\. Name one: --table FILE, or none"):
        labels_of(tmp_path)


def test_the_user_names_the_column_of_ids(tmp_path):
    (tmp_path / "a.csv").write_text("id,other,x\n101,103,5\n102,101,6\n")
    found = labels_of(tmp_path, columns={"id": "other"})
    assert found.table["x"].to_dict() == {"103": 5, "101": 6}
    with pytest.raises(ValueError, match=r"got none that fits.*got 'no'"):
        labels_of(tmp_path, columns={"id": "no"})


def test_no_table_at_all(tmp_path):
    found = labels_of(tmp_path)
    assert (len(found.table), found.notes) == (0, [])
    assert isinstance(found.table, pd.DataFrame)
