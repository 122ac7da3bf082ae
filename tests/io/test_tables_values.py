"""What is read equals what astropy reads from the same file, value by value, missing values included."""

import string

import numpy as np
import pytest
from astropy.io import fits, votable
from astropy.table import MaskedColumn, Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galviz.io.tables import read_table

INTEGERS = {
    f"{s}int{b}": (0 if s else -(2 ** (b - 1)), 2 ** (b if s else b - 1) - 1)
    for s in ("", "u")
    for b in (8, 16, 32, 64)
}
QUICK = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=20)
TEXT = st.text(string.ascii_letters + string.digits + "+-.,;'# ", max_size=6).map(str.strip)


@st.composite
def tables(draw, kinds, *, text=TEXT, masks=True):
    """Draw a table of astropy with ids and some columns, some of their values missing."""
    rows = draw(st.integers(1, 5))
    table = Table({"id": [f"id{k}" for k in range(rows)]})
    for k, kind in enumerate(draw(st.lists(st.sampled_from(kinds), max_size=5))):
        if kind in INTEGERS:
            low, high = INTEGERS[kind]
            drawn = st.integers(low, high) | st.sampled_from([low, high, 0])
        elif kind.startswith("float"):
            drawn = st.floats(width=int(kind[5:]), allow_nan=False, allow_infinity=False)
        else:
            drawn = st.booleans() if kind == "bool" else text
        values = draw(st.lists(drawn, min_size=rows, max_size=rows))
        gone = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if masks and draw(st.booleans()) else None
        dtype = "U6" if kind == "text" else kind
        column = np.array(values, dtype) if gone is None else MaskedColumn(values, mask=gone, dtype=dtype)
        table[f"c{k}"] = column
    return table


def same(got, expected):
    """Compare a data frame with a table of astropy."""
    assert [*got.columns] == expected.colnames[1:]
    for name in expected.colnames[1:]:
        column, values = expected[name], got[name]
        gone = np.ma.getmaskarray(column) | [v in ("", b"") for v in np.ma.getdata(column).tolist()]
        gone |= [isinstance(v, float) and np.isnan(v) for v in np.ma.getdata(column).tolist()]
        assert values.isna().tolist() == gone.tolist(), name
        plain = [v.decode() if isinstance(v, bytes) else v for v in np.ma.getdata(column).tolist()]
        for mine, theirs, missing in zip(values.tolist(), plain, gone, strict=True):
            assert missing or (mine == theirs and isinstance(mine, str) == isinstance(theirs, str)), name


@QUICK
@given(table=tables([*INTEGERS, "float32", "float64", "bool", "text"]))
def test_fits_binary_tables(tmp_path, table):
    table.write(tmp_path / "t.fits", overwrite=True)
    same(read_table(tmp_path / "t.fits").table, Table.read(tmp_path / "t.fits", memmap=False))


@QUICK
@given(table=tables(["int16", "int32", "float64", "text"], masks=False))
def test_fits_ascii_tables(tmp_path, table):
    forms = {"i": "I20", "f": "D25.17", "U": "A6"}
    columns = [fits.Column(name, forms[table[name].dtype.kind], array=table[name]) for name in table.colnames]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "t.fits", overwrite=True)
    same(read_table(tmp_path / "t.fits").table, Table.read(tmp_path / "t.fits", memmap=False))


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
@QUICK
@given(table=tables(["uint8", "int16", "int32", "int64", "float32", "float64", "bool", "text"]))
def test_votables(tmp_path, form, table):
    if form == "binary":  # it has no place for a missing integer or truth value
        for name in table.colnames:
            if table[name].dtype.kind in "iub":
                table[name] = np.ma.getdata(table[name])
    table.write(tmp_path / "t.vot", format="votable", tabledata_format=form, overwrite=True)
    theirs = votable.parse(tmp_path / "t.vot").get_first_table().to_table(use_names_over_ids=True)
    same(read_table(tmp_path / "t.vot").table, theirs)


@QUICK
@given(table=tables([*INTEGERS, "float32", "float64", "bool", "text"]), delimiter=st.sampled_from([" ", ","]))
def test_ecsv(tmp_path, table, delimiter):
    table.write(tmp_path / "t.ecsv", delimiter=delimiter, overwrite=True)
    same(read_table(tmp_path / "t.ecsv").table, Table.read(tmp_path / "t.ecsv"))


WORDS = st.text("bcdgjkpqvwxz", min_size=5, max_size=6)  # which are no numbers, truth values, nor words for nothing


@QUICK
@given(table=tables(["int8", "int64", "float64", "text"], text=WORDS))
def test_csv(tmp_path, table):
    table.write(tmp_path / "t.csv", format="ascii.csv", overwrite=True)
    theirs = Table.read(tmp_path / "t.csv", format="ascii.csv", fast_reader=False)
    got = read_table(tmp_path / "t.csv").table
    some = [name for name in theirs.colnames if not np.ma.getmaskarray(theirs[name]).all()]  # else any type will do
    same(got[some[1:]], theirs[some])
