import csv
import gzip
import io
import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galviz.io.tables import ID_NAMES, SUFFIXES, KeyedTable, read_table, write_table

FIRST = 1237658493878337640  # as a float it cannot be told from its neighbours
KINDS = tuple(SUFFIXES)
HARD = [
    "",
    None,
    "NA",
    "nan",
    "1",
    "%",
    "%41",
    "é λ",
    "\U0001f600",
    "a\nb",
    "a\r\nb",
    "x\0",
    " a ",
    'q"t',
    "#",
    "\ufffe",
]
PROVENANCE = {"ids": {"count": 3}, "python": ['selection.where("τ < 1")', "a\nb"]}

any_text = st.text(st.characters(codec="utf-8"), max_size=6) | st.sampled_from([t for t in HARD if t is not None])
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6).filter(lambda n: n.lower() not in ID_NAMES)
WHOLE = {f"{sign}int{bits}": (bits, sign) for sign in ("", "u") for bits in (8, 16, 32, 64)}


def whole(kind):
    bits, sign = WHOLE[kind]
    return st.integers(0, 2**bits - 1) if sign else st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


@st.composite
def series(draw, rows):
    """Draw a column and what is read back: integers and truth values are nullable only where one is missing."""
    kind = draw(st.sampled_from([*WHOLE, "float32", "float64", "bool", "text", "datetime64[us]", "datetime64[ns]"]))
    gone = draw(st.lists(st.booleans(), min_size=rows, max_size=rows)) if draw(st.booleans()) else [False] * rows
    if kind.startswith("float"):
        values = draw(st.lists(st.floats(width=int(kind[5:])), min_size=rows, max_size=rows))
        column = pd.Series([np.nan if g else v for v, g in zip(values, gone, strict=True)], dtype=kind)
        return column, column
    dates_and_texts = {
        "bool": st.booleans(),
        "text": any_text,
        "datetime64[us]": st.datetimes(),
        "datetime64[ns]": st.datetimes(*pd.to_datetime(["1678-01-01", "2262-01-01"]).to_pydatetime()),
    }
    drawn = dates_and_texts[kind] if kind in dates_and_texts else whole(kind)
    values = draw(st.lists(drawn, min_size=rows, max_size=rows))
    values = [None if g else v for v, g in zip(values, gone, strict=True)]
    if kind.startswith("date"):
        return (pd.Series(values, dtype=kind),) * 2
    if kind == "text":
        return (pd.Series(values, dtype="str"),) * 2
    nullable = "boolean" if kind == "bool" else kind.replace("i", "I").replace("u", "U")
    column = pd.Series(values, dtype=nullable)
    return column, column if any(gone) else column.astype(kind)


@st.composite
def keyed_tables(draw):
    ids = draw(st.lists(st.integers(FIRST, FIRST + 20).map(str) | any_text.filter(len), unique=True, max_size=6))
    columns = draw(st.lists(names, unique=True, max_size=5))
    given_, expected = {}, {}
    for name in columns:
        given_[name], expected[name] = draw(series(len(ids)))
    index = pd.Index(ids, dtype="str", name="object_id")
    units = {name: draw(any_text) for name in columns if draw(st.booleans())}
    provenance = draw(st.none() | st.just(PROVENANCE))
    tables = [pd.DataFrame({n: c.array for n, c in t.items()}, index=index) for t in (given_, expected)]
    return KeyedTable(tables[0], units, provenance), tables[1]


@pytest.mark.parametrize("kind", KINDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)
@given(drawn=keyed_tables())
def test_a_table_comes_back_from_every_format(tmp_path, kind, drawn):
    keyed, expected = drawn
    write_table(tmp_path / "table", keyed, kind)
    again = read_table(tmp_path / "table")
    pd.testing.assert_frame_equal(again.table, expected, check_exact=True, check_column_type=False)
    assert again.table.index.tolist() == keyed.table.index.tolist()
    assert again.units == keyed.units
    assert again.provenance == keyed.provenance


@pytest.fixture
def keyed():
    """Three galaxies with everything that can be missing, one of them missing."""
    table = pd.DataFrame(
        {
            "z": [0.1, np.nan, 0.3],
            "n": pd.array([5, None, 2**62 + 1], dtype="Int64"),
            "bcg": [True, False, True],
            "type": pd.Series(["spiral", None, "é λ"], dtype="str").array,
        },
        index=pd.Index([str(FIRST + k) for k in range(3)], name="object_id"),
    )
    return KeyedTable(table, {"z": "km / s", "n": "mag"}, PROVENANCE)


def astropy_reads(path, kind):
    if kind == "votable":
        return votable.parse(path).get_first_table().to_table(use_names_over_ids=True)
    return Table.read(path, format={"ecsv": "ascii.ecsv", "fits": "fits"}[kind])


@pytest.mark.parametrize("kind", ["ecsv", "votable", "fits"])
def test_astropy_reads_what_was_written(tmp_path, kind, keyed):
    write_table(tmp_path / "table", keyed, kind)
    table = astropy_reads(tmp_path / "table", kind)
    assert table.colnames == ["object_id", "z", "n", "bcg", "type"]
    assert [str(v) for v in table["object_id"]] == keyed.table.index.tolist()
    np.testing.assert_array_equal(np.ma.filled(table["z"], np.nan), [0.1, np.nan, 0.3])
    assert table["n"].mask.tolist() == [False, True, False]
    assert table["n"][2] == 2**62 + 1
    assert table["bcg"].tolist() == [True, False, True]
    assert str(table["type"][0]) == "spiral"
    assert str(table["z"].unit) == "km / s"
    assert str(table["n"].unit) == "mag"


def test_pandas_and_arrow_read_what_was_written(tmp_path, keyed):
    write_table(tmp_path / "table.csv", keyed, "csv")
    write_table(tmp_path / "table.parquet", keyed, "parquet")
    for table in (
        pd.read_csv(tmp_path / "table.csv", comment="#", dtype={"object_id": str, "n": "Int64"}),
        pq.read_table(tmp_path / "table.parquet").to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get),
    ):
        pd.testing.assert_frame_equal(table.set_index("object_id"), keyed.table)


def test_a_csv_says_what_it_is_in_its_first_line(tmp_path, keyed):
    write_table(tmp_path / "table.csv", keyed, "csv")
    first = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()[0]
    assert json.loads(first.removeprefix("# galviz passport: ")) == PROVENANCE


def test_fits_says_what_it_quoted(tmp_path, keyed):
    write_table(tmp_path / "table.fits", keyed, "fits")
    with fits.open(tmp_path / "table.fits") as hdus:
        hdus.verify("exception")
        assert hdus[1].header["GVQUOTE"] == "5"
        assert hdus[1].data["type"].tolist() == ["spiral", "", "%C3%A9 %CE%BB"]


def test_fits_names_differ_in_more_than_case(tmp_path, keyed):
    table = keyed.table.rename(columns={"n": "Z", "bcg": "z_3", "type": "é"})
    write_table(tmp_path / "table.fits", table, "fits")
    with fits.open(tmp_path / "table.fits") as hdus:
        assert len({name.lower() for name in hdus[1].columns.names}) == 5
    assert read_table(tmp_path / "table.fits").table.columns.tolist() == ["z", "Z", "z_3", "é"]


@pytest.mark.parametrize("kind", ["csv", "ecsv", "votable", "fits"])
def test_gzipped_files_open_whatever_their_name(tmp_path, kind, keyed):
    write_table(tmp_path / "plain", keyed, kind)
    (tmp_path / "table").write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    pd.testing.assert_frame_equal(read_table(tmp_path / "table").table, keyed.table)


def test_a_csv_that_was_edited_opens_with_new_types(tmp_path, keyed):
    write_table(tmp_path / "t.csv", keyed.table.assign(n=[5, None, 7]).astype({"n": "Int64"}), "csv")
    text = (tmp_path / "t.csv").read_text(encoding="utf-8")
    (tmp_path / "t.csv").write_text(text.replace(",5,true", ",5.5,true"), encoding="utf-8")
    assert read_table(tmp_path / "t.csv").table["n"].iloc[0] == 5.5


def test_an_edited_table_keeps_its_names_apart(tmp_path, keyed):
    table = KeyedTable(keyed.table.rename(columns={"z": "τ", "n": "σ"}), {"τ": "Å"})
    write_table(tmp_path / "t.fits", table, "fits")
    with fits.open(tmp_path / "t.fits") as hdus:
        columns = fits.ColDefs([hdus[1].columns[name] for name in ("object_id", "__3", "__2")])
        fits.HDUList([hdus[0], fits.BinTableHDU.from_columns(columns)]).writeto(tmp_path / "edited.fits")
    again = read_table(tmp_path / "edited.fits")
    assert again.table.columns.tolist() == ["σ", "τ"]
    assert again.table["τ"].iloc[0] == 0.1
    assert again.units == {"τ": "Å"}


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows_are_a_table_all_the_same(tmp_path, kind, keyed):
    write_table(tmp_path / "t", KeyedTable(keyed.table.iloc[:0], keyed.units), kind)
    assert len(read_table(tmp_path / "t")) == 0


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
@pytest.mark.parametrize("kind", ["votable", "fits", "parquet", "ecsv"])
def test_a_broken_file_is_named(tmp_path, kind, keyed):
    write_table(tmp_path / "whole", keyed, kind)
    content = (tmp_path / "whole").read_bytes()
    (tmp_path / "half").write_bytes(content[: len(content) // 3])
    with pytest.raises(ValueError, match=r"half: expected a whole|path: expected .* got .*half"):
        read_table(tmp_path / "half")


def test_what_cannot_be_written_is_refused_and_the_old_file_stays(tmp_path, keyed):
    (tmp_path / "t").write_text("old")
    odd = keyed.table.assign(odd=[[1], {"a": 1}, "x"])
    for table, kind, message in [
        (odd, "csv", "table: expected numbers, truth values, dates or text, got something else"),
        (keyed.table.assign(odd=[[1], [2], [3]]), "fits", "dates or text in column 'odd', got list"),
        (keyed, "xlsx", "kind: expected one of csv, ecsv, votable, fits, parquet, got 'xlsx'"),
        (pd.DataFrame(np.zeros((1, 1000)), index=["a"]), "fits", "at most 999 columns, as FITS has, got 1001"),
    ]:
        with pytest.raises(ValueError, match=message):
            write_table(tmp_path / "t", table, kind)
    assert [f.name for f in tmp_path.iterdir()] == ["t"]
    assert (tmp_path / "t").read_text() == "old"


@pytest.mark.parametrize(
    ("table", "more", "error", "message"),
    [
        (pd.DataFrame(index=[1, 2]), {}, TypeError, "object_id: expected strings"),
        (pd.DataFrame(index=["a", "a"]), {}, ValueError, "object_id: expected unique ids, got 'a' more than once"),
        (pd.DataFrame(index=["a", ""]), {}, ValueError, "expected an id in every row, got none in row 1"),
        (pd.DataFrame({"object_id": [1]}, index=["a"]), {}, ValueError, "different names, got 'object_id' twice"),
        (pd.DataFrame(index=["a"]), {"units": {"z": "km"}}, ValueError, "units of columns of the table, got .* 'z'"),
    ],
)
def test_a_keyed_table_is_checked(table, more, error, message):
    with pytest.raises(error, match=message):
        KeyedTable(table, **more)


def test_a_csv_for_spreadsheets_holds_no_formulas(tmp_path):
    names = ["=name", "-z", "t"]
    values = [["=1+1", "@x"], [-1.5, 2.0], ["\tx\n=y", "+1"]]
    table = pd.DataFrame(dict(zip(names, values, strict=True)), index=["-a", "b"])
    write_table(tmp_path / "t.csv", KeyedTable(table, {"-z": "km"}, PROVENANCE), "csv", spreadsheet=True)
    rows = list(csv.reader(io.StringIO((tmp_path / "t.csv").read_bytes().decode(), newline="")))
    assert rows == [
        ["object_id", "'=name", "'-z", "t"],
        ["'-a", "'=1+1", "-1.5", "'\tx\n=y"],
        ["b", "'@x", "2", "'+1"],
    ]
    write_table(tmp_path / "t.csv", table, "csv")
    assert read_table(tmp_path / "t.csv").table["=name"].tolist() == ["=1+1", "@x"]
    with pytest.raises(ValueError, match="spreadsheet: expected the kind 'csv', got 'fits'"):
        write_table(tmp_path / "t.fits", table, "fits", spreadsheet=True)
