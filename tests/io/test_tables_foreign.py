"""Tables as other programs write them: nothing is silently wrong, and one odd column does not take the rest along."""

import gzip
import random

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from galviz.io.tables import NUMBERED, SUFFIXES, KeyedTable, SeveralTables, read_table, tables_in, write_table

BIG = 1237648720693755918  # three neighbours of this size are one and the same float


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    ("text", "encoding", "note"),
    [
        ("#id,ra,name\n1,150.5,a b\n2,150.25,c\n", "utf-8", ""),
        ("# made by hand\n# id,ra,name\n1,150.5,a b\n2,150.25,c\n", "utf-8", ""),
        ('# id   ra      name\n   1  150.5   "a b"\n   2  150.25  c\n', "utf-8", "separated by blanks"),
        ('id ra name\n1 150.5 "a b"\n2 150.25 c\n', "utf-8", "separated by blanks"),
        ("id;ra;name\n1;150.5;a b\n2;150.25;c\n", "utf-8", "separated by semicolons"),
        ("id;ra;name\n1;150,5;a b\n2;150,25;c\n", "utf-8", "column 'ra' were read with a decimal comma"),
        ("id\tra\tname\n1\t150.5\ta b\n2\t150.25\tc\n", "utf-8", "separated by tabs"),
        ("id|ra|name\n1|150.5|a b\n2|150.25|c\n", "utf-8", "separated by vertical bars"),
        ("id | ra     | name\n1  | 150.5  | a b\n2  | 150.25 | c\n", "utf-8", "separated by vertical bars"),
        ("id,ra,name\n1,150.5,a b\n2,150.25,c\n", "utf-16", "read as UTF-16"),
        ("id\tra\tname\r\n1\t150.5\ta b\r\n2\t150.25\tc\r\n", "utf-16", "separated by tabs"),
        ("\r\n\r\nid,ra,name\r\n1,150.5,a b\r\n\r\n2,150.25,c\r\n", "utf-8-sig", ""),
    ],
)
def test_what_resembles_csv_is_read(tmp_path, text, encoding, note):
    for content in (text.encode(encoding), gzip.compress(text.encode(encoding))):
        (tmp_path / "t").write_bytes(content)
        keyed = read_table(tmp_path / "t")
        assert keyed.table.to_dict("index") == {"1": {"ra": 150.5, "name": "a b"}, "2": {"ra": 150.25, "name": "c"}}
        assert note in " ".join(keyed.notes)
        assert bool(keyed.notes) == bool(note)


def test_names_in_a_comment_above_rows_of_text(tmp_path):
    keyed = read_table(written(tmp_path / "t.csv", "# ID,kind\nM31,spiral\nM32,elliptical\n"))
    assert keyed.table["kind"].to_dict() == {"M31": "spiral", "M32": "elliptical"}
    keyed = read_table(written(tmp_path / "t.csv", "# by hand, of id\nid,kind\nM31,spiral\n"))
    assert keyed.table["kind"].to_dict() == {"M31": "spiral"}


@pytest.mark.parametrize(
    "head",
    [
        "# made by hand\n# RA rad[distance; degrees] (g-r)_0[rest frame] LOG10(n) D[(z - z0)/(1 + z0)] id",
        "# RA rad (g-r)_0 LOG10(n) D id",
        "# RA rad (g-r)_0 LO\nG10(n) D id",  # broken within a name
        "# RA rad[in\n degrees] (g-r)_0 LOG10(n) D id",
    ],
)
def test_names_between_blanks_have_remarks_and_may_be_broken_in_two(tmp_path, head):
    rows = " 11.5   0.25  0.7  2  0.1  00033\n 12.5  0.5  0.6  3  -0.1 00074  \n 13.5 1 2 3 4 00099\n"
    keyed = read_table(written(tmp_path / "t.dat", f"{head}\n{rows}"))
    assert list(keyed.table.columns) == ["RA", "rad", "(g-r)_0", "LOG10(n)", "D"]
    assert keyed.table.index.tolist() == ["00033", "00074", "00099"]
    assert keyed.table["RA"].tolist() == [11.5, 12.5, 13.5]


def test_a_table_of_odd_columns_alone_has_no_rows_to_number(tmp_path):
    Table({"v": np.zeros((3, 20))}).write(tmp_path / "t.fits")
    with pytest.raises(ValueError, match=r"columns: expected one that can be read in .*Column 'v' was left out"):
        read_table(tmp_path / "t.fits", id_column=NUMBERED)


def test_a_table_without_names_is_refused(tmp_path):
    for text in ("1,150.5\n2,150.25\n", "M31,150.5\nM32,150.25\n", "# a note\n1,2\n3,4\n"):
        with pytest.raises(ValueError, match=r"expected the names of columns in the first row of .*\bt\.csv"):
            read_table(written(tmp_path / "t.csv", text), id_column=NUMBERED)
    with pytest.raises(ValueError, match="comments alone"):
        read_table(written(tmp_path / "t.csv", "# nothing\n"))


def test_names_that_are_numbers_are_names(tmp_path):
    assert read_table(written(tmp_path / "t.csv", "id,0,1\na,1.5,2\n")).table.to_dict("list") == {"0": [1.5], "1": [2]}


@pytest.mark.parametrize("word", ["NA", "N/A", "nan", "NaN", "null", "NULL", "None", "--", ""])
def test_words_for_nothing_are_missing_among_numbers_and_names_in_text(tmp_path, word):
    path = written(tmp_path / "t.csv", f"id,n,x,t,b\n{word or 1},1,{word},{word},true\nb,{word},1.5,x,{word}\n")
    table = read_table(path).table
    assert table.index.tolist() == [word or "1", "b"]
    assert (table["n"].dtype, table["n"].tolist()[0], table["n"].isna().tolist()) == ("Int64", 1, [False, True])
    assert (table["x"].dtype, table["x"].tolist()[1], table["x"].isna().tolist()) == ("float64", 1.5, [True, False])
    assert table["t"].isna().tolist() == [not word, False]
    assert (table["b"].dtype, table["b"].isna().tolist()) == ("boolean", [False, True])


def test_a_column_of_names_alone_stays_text(tmp_path):
    table = read_table(written(tmp_path / "t.csv", "id,a,b,c\n1,NA,nan,inf\n2,NA,,-inf\n")).table
    assert table["a"].tolist() == ["NA", "NA"]
    assert table["b"].isna().all()
    assert table["c"].tolist() == [np.inf, -np.inf]


def test_digits_of_csv_are_kept(tmp_path):
    rows = f"1,{BIG},{2**64 - 1},{2**64},{BIG},0266,0x1F,{2**53}\n2,{BIG + 1},1,1,1.5,0300,1,0.5\n3,,nan,NA,,,,\n"
    keyed = read_table(written(tmp_path / "t.csv", f"id,a,b,c,d,plate,h,e\n{rows}"))
    table = keyed.table
    assert table["a"].tolist()[:2] == [BIG, BIG + 1]
    assert table["b"].tolist()[:2] == [2**64 - 1, 1]
    assert table["c"].tolist()[:2] == [str(2**64), "1"]
    assert table["d"].tolist()[:2] == [str(BIG), "1.5"]
    assert table["plate"].tolist()[:2] == ["0266", "0300"]
    assert table["h"].tolist()[:2] == ["0x1F", "1"]
    assert table["e"].tolist()[:2] == [2**53, 0.5]
    assert len(keyed.notes) == 4
    assert "Column 'plate' was read as text: it has numbers with leading zeros." in keyed.notes


@pytest.mark.parametrize("kind", SUFFIXES)
def test_long_whole_numbers_are_exact_in_every_format(tmp_path, kind):
    columns = {
        "a": pd.array([BIG, BIG + 1, BIG + 2], dtype="int64"),
        "b": pd.array([2**64 - 1, None, 2**64 - 3], dtype="UInt64"),
        "c": pd.array([-(2**63), None, 2**63 - 1], dtype="Int64"),
        "d": pd.array([str(2**64), str(2**64 + 1), None], dtype="str"),
    }
    write_table(tmp_path / "t", pd.DataFrame(columns, index=["x", "y", "z"]), kind)
    again = read_table(tmp_path / "t").table
    for name, values in columns.items():
        assert [None if pd.isna(v) else v for v in again[name].tolist()] == [None if pd.isna(v) else v for v in values]


@pytest.mark.parametrize("kind", SUFFIXES)
def test_long_names_and_texts_come_back(tmp_path, kind):
    names = ["n" * 90, "n" * 89 + "m", "é" * 90]
    table = pd.DataFrame({names[0]: ["x" * 3_000_000], names[1]: [BIG], names[2]: [1.5]}, index=["a"])
    write_table(tmp_path / "t", KeyedTable(table, {names[1]: "Å"}), kind)
    again = read_table(tmp_path / "t")
    pd.testing.assert_frame_equal(again.table, table.astype({names[0]: "str"}), check_names=False)
    assert again.units == {names[1]: "Å"}


@pytest.mark.parametrize("kind", ["fits", "votable"])
def test_one_long_text_among_many_rows_does_not_fill_the_disk(tmp_path, kind):
    texts = pd.DataFrame({"t": ["x"] * 2000}, index=[f"g{k}" for k in range(2000)])
    texts.iloc[7, 0] = "y" * 3_000_000
    with pytest.raises(ValueError, match=r"one of 3,000,000 bytes in column 't': .* Use Parquet or CSV"):
        write_table(tmp_path / "t", texts, kind)
    assert not (tmp_path / "t").exists()
    write_table(tmp_path / "t", texts, "parquet")
    assert read_table(tmp_path / "t").table["t"].str.len().max() == 3_000_000


def ldac(path, *tables):
    hdus = [fits.BinTableHDU(table, name=name) for name, table in tables]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path, overwrite=True)


def several(path, kind, *tables):
    if kind == "fits":
        return ldac(path, *tables)
    parts = [
        f"<TABLE{f' name={name!r}' if name else ''}>"
        + "".join(f'<FIELD name="{c}" datatype="char" arraysize="*"/>' for c in table.colnames)
        + "<DATA><TABLEDATA>"
        + "".join(f"<TR>{''.join(f'<TD>{v}</TD>' for v in row)}</TR>" for row in table)
        + "</TABLEDATA></DATA></TABLE>"
        for name, table in tables
    ]
    path.write_text(f'<VOTABLE version="1.4"><RESOURCE>{"</RESOURCE><RESOURCE>".join(parts)}</RESOURCE></VOTABLE>')
    return None


@pytest.mark.parametrize("kind", ["fits", "votable"])
def test_the_table_with_ids_is_found_among_several(tmp_path, kind):
    path = tmp_path / "t"
    head, data, other = Table({"line": ["SIMPLE"]}), Table({"id": ["a", "b"], "m": ["1", "2"]}), Table({"id": ["c"]})
    several(path, kind, ("PROVENANCE", head), ("OBJECTS", data), ("", head))
    assert tables_in(path) == ["PROVENANCE", "OBJECTS", "table 3"]
    keyed = read_table(path)
    assert keyed.table.index.tolist() == ["a", "b"]
    assert any("'OBJECTS' was read because it alone has a column of ids" in note for note in keyed.notes)
    assert read_table(path, table=0, id_column="line").table.index.tolist() == ["SIMPLE"]
    assert read_table(path, table="table 3", id_column=NUMBERED).table["line"].tolist() == ["SIMPLE"]
    with pytest.raises(SeveralTables, match=r"got none\. It has PROVENANCE, OBJECTS, table 3") as raised:
        read_table(path, id_column=NUMBERED)
    assert raised.value.names == ("PROVENANCE", "OBJECTS", "table 3")
    several(path, kind, ("A", data), ("B", other))
    with pytest.raises(SeveralTables):
        read_table(path)
    assert read_table(path, table="B").table.index.tolist() == ["c"]
    assert read_table(path, table=1).notes == ()
    for wrong in ("C", 2, -1):
        with pytest.raises(ValueError, match=f"table: expected one of A, B in .*, got {wrong!r}"):
            read_table(path, table=wrong)


def test_other_formats_have_one_table(tmp_path):
    path = written(tmp_path / "t.csv", "id\n1\n")
    assert tables_in(path) == []
    assert len(read_table(path, table=0)) == 1
    with pytest.raises(ValueError, match=r"table: expected nothing, as .* has one table only, got 'x'"):
        read_table(path, table="x")


def test_numbered_rows_are_noted(tmp_path):
    keyed = read_table(written(tmp_path / "t.csv", "ra\n1.5\n2.5\n"), id_column=NUMBERED)
    assert keyed.notes == ("The ids are row numbers: they are valid in this file only.",)


VOT = """<VOTABLE version="1.4"><RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>
<TABLE><FIELD name="id" datatype="char" arraysize="*"/>{fields}<DATA><TABLEDATA>{rows}</TABLEDATA></DATA></TABLE>
{after}</RESOURCE></VOTABLE>"""


def test_a_result_that_the_service_cut_is_noted(tmp_path):
    after = '<INFO name="QUERY_STATUS" value="OVERFLOW"/>'
    path = written(tmp_path / "t", VOT.format(fields="", rows="<TR><TD>a</TD></TR><TR><TD>b</TD></TR>", after=after))
    assert read_table(path).notes == ("The service cut the result at 2 rows: there are more.",)


@pytest.mark.parametrize("table", ["", "<TABLE><FIELD name='id' datatype='int'/></TABLE>"])
def test_the_error_of_a_service_is_shown(tmp_path, table):
    info = '<INFO name="QUERY_STATUS" value="ERROR">Column\n  "zz" not found</INFO>'
    path = written(
        tmp_path / "t", f'<VOTABLE version="1.4"><RESOURCE type="results">{info}{table}</RESOURCE></VOTABLE>'
    )
    with pytest.raises(ValueError, match='error of the service: Column "zz" not found'):
        read_table(path)


def test_nothing_in_a_votable_is_missing(tmp_path):
    fields = (
        '<FIELD name="i" datatype="int"><VALUES null="-9"/></FIELD><FIELD name="j" datatype="long"/>'
        '<FIELD name="x" datatype="double"/><FIELD name="b" datatype="boolean"/>'
        '<FIELD name="t" datatype="char" arraysize="*"/>'
    )
    cells = [
        "".join(f"<TD>{v}</TD>" for v in row) for row in (["a", -9, BIG, "", "?", ""], ["b", 0, "", 1.5, "F", "NA"])
    ]
    path = written(tmp_path / "t", VOT.format(fields=fields, rows="".join(f"<TR>{c}</TR>" for c in cells), after=""))
    table = read_table(path).table
    assert table.isna().to_numpy().tolist() == [[True, False, True, True, True], [False, True, False, False, False]]
    assert table["j"].iloc[0] == BIG
    assert table.loc["b"].drop("j").tolist() == [0, 1.5, False, "NA"]


def test_values_that_a_votable_cannot_hold_are_noted(tmp_path):
    fields = '<FIELD name="i" datatype="short"/><FIELD name="t" datatype="char" arraysize="3"/>'
    fields += '<FIELD name="x" datatype="double"/><FIELD name="y" datatype="double"/>'
    rows = "<TR><TD>a</TD><TD>70000</TD><TD>abcdef</TD><TD>1,5</TD><TD>null</TD></TR>"
    notes = read_table(written(tmp_path / "t", VOT.format(fields=fields, rows=rows, after=""))).notes
    assert notes == (
        "A value was changed in reading: Value '70000' is out of range for a 16-bit integer field.",
        "A value was changed in reading: char value is too long for specified length of 3.",
        "A value was changed in reading: Invalid literal for float '1,5'. Treating as empty.",
    )


@pytest.mark.parametrize("kind", SUFFIXES)
def test_no_rows_of_another_program(tmp_path, kind):
    table = Table({"id": np.array([], "U3"), "z": np.array([], float)})
    if kind == "parquet":
        table.to_pandas().to_parquet(tmp_path / "t")
    else:
        table.write(tmp_path / "t", format={"csv": "ascii.csv", "ecsv": "ascii.ecsv"}.get(kind, kind))
    assert read_table(tmp_path / "t").table.columns.tolist() == ["z"]
    assert len(read_table(tmp_path / "t")) == 0


def test_nothing_in_a_fits_table_is_missing(tmp_path):
    columns = [
        fits.Column("id", "2A", array=["a", "b"]),
        fits.Column("i", "I6", null="-99", array=[-99, 5]),
        fits.Column("x", "E10.3", null="NULL", array=[1.5, 2.5]),
    ]
    fits.TableHDU.from_columns(columns).writeto(tmp_path / "t.fits")
    content = (tmp_path / "t.fits").read_bytes()
    place = content.index(b"2.5", 2880 * 2)
    (tmp_path / "t.fits").write_bytes(content[: place - 1] + b"NULL      " + content[place + 9 :])
    table = read_table(tmp_path / "t.fits").table
    assert table.isna().to_numpy().tolist() == [[True, False], [False, True]]
    rows = np.array([(b"a", 84, -9, -9, -32768), (b"b", 0, 5, 5, 32767), (b"c", 70, 0, 0, 0)], "S1,u1,>i4,>i4,>i2")
    hdu = fits.BinTableHDU(rows)
    cards = {"TTYPE1": "id", "TTYPE2": "b", "TFORM2": "L", "TNULL3": -9, "TNULL4": -9, "TSCAL4": 2.0, "TZERO4": 1.0}
    for key, value in (cards | {"TNULL5": -32768, "TZERO5": 32768}).items():
        hdu.header[key] = value
    (tmp_path / "u.fits").write_bytes(
        fits.PrimaryHDU().header.tostring().encode()
        + hdu.header.tostring().encode()
        + rows.tobytes().ljust(2880, b"\0")
    )
    table = read_table(tmp_path / "u.fits").table
    assert table.isna().to_numpy().tolist() == [[False, True, True, True], [True, False, False, False], [False] * 4]
    assert table.iloc[2].tolist() == [False, 0, 1.0, 32768]
    assert table["f4"].iloc[1] == 65535


def test_odd_columns_of_fits_are_left_out_and_the_rest_opens(tmp_path):
    columns = [
        fits.Column("id", "K", array=[BIG, BIG + 1]),
        fits.Column("complex", "C", array=[1j, 2]),
        fits.Column("bits", "11X", array=np.zeros((2, 11), bool)),
        fits.Column("ragged", "PJ()", array=np.array([[1], [1, 2]], dtype=object)),
        fits.Column("image", "105E", dim="(7,15)", array=np.zeros((2, 15, 7))),
        fits.Column("none", "E", array=[1, 2]),
        fits.Column("z", "E", array=[1.5, 2.5]),
        fits.Column("Z_", "E", array=[3.5, 4.5]),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "t.fits")
    content = (tmp_path / "t.fits").read_bytes()
    for before, after in [(b"'none    '", b"'empty   '"), (b"TTYPE8  = 'Z_ ", b"TTYPE8  = 'z  ")]:
        content = content.replace(before, after)
    (tmp_path / "t.fits").write_bytes(content)
    keyed = read_table(tmp_path / "t.fits")
    assert keyed.table.index.tolist() == [str(BIG), str(BIG + 1)]
    assert keyed.table.to_dict("list") == {"empty": [1, 2], "z": [1.5, 2.5], "z_2": [3.5, 4.5]}
    for name, why in {
        "complex": "complex numbers",
        "bits": "bits",
        "ragged": "a varying number of values in a row",
        "image": "105 values",
    }.items():
        assert any(note.startswith(f"Column {name!r} was left out: it has {why}") for note in keyed.notes), name
    assert "Two columns are called 'z': the second was renamed to 'z_2'." in keyed.notes


@pytest.mark.parametrize("form", ["0A", "0E"])
def test_a_column_of_no_width_is_left_out(tmp_path, form):
    rows = np.array([(b"a", 1.5)], "S1,>f4")
    hdu = fits.BinTableHDU(rows)
    cards = {"TTYPE1": "id", "TTYPE2": "nothing", "TFORM2": form, "TFORM3": "E", "TTYPE3": "z", "TFIELDS": 3}
    for key, value in cards.items():
        hdu.header[key] = value
    content = fits.PrimaryHDU().header.tostring() + hdu.header.tostring()
    (tmp_path / "t.fits").write_bytes(content.encode() + rows.tobytes().ljust(2880, b"\0"))
    keyed = read_table(tmp_path / "t.fits")
    assert keyed.table.to_dict("list") == {"z": [1.5]}
    assert keyed.notes == ("Column 'nothing' was left out: it has no values: its width is 0.",)


def test_odd_columns_of_a_votable_are_left_out(tmp_path):
    fields = (
        '<FIELD name="c" datatype="doubleComplex"/><FIELD name="r" datatype="int" arraysize="*"/>'
        '<FIELD name="m" datatype="float" arraysize="7x15"/><FIELD name="z" datatype="double"/>'
        '<FIELD name="z" datatype="int"/>'
    )
    cells = "".join(f"<TD>{v}</TD>" for v in ["a", "1 2", "1 2 3", " ".join(["0"] * 105), 1.5, 2])
    path = written(tmp_path / "t", VOT.format(fields=fields, rows=f"<TR>{cells}</TR>", after=""))
    keyed = read_table(path)
    assert keyed.table.to_dict("list") == {"z": [1.5], "z_2": [2]}
    assert len(keyed.notes) == 4


def test_odd_columns_of_parquet_are_left_out(tmp_path):
    columns = {
        "id": ["a"], "l": [[1, 2]], "s": [{"x": 1}], "m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64())),
        "b": [b"\xff"], "d": pa.array([2**64 + 1], pa.decimal128(25, 0)), "z": [1.5],
    }  # fmt: skip
    pq.write_table(pa.table([*columns.values(), [2.5]], [*columns, "z"]), tmp_path / "t")
    keyed = read_table(tmp_path / "t")
    assert keyed.table.to_dict("list") == {"d": [str(2**64 + 1)], "z": [1.5], "z_2": [2.5]}
    assert len(keyed.notes) == 5
    with pytest.raises(ValueError, match=r"in column 'l' of .*, got values of the kind list"):
        read_table(tmp_path / "t", columns=["l"])


def test_odd_columns_of_ecsv_are_left_out(tmp_path):
    table = Table({"id": ["a"], "c": [1j], "v": [[1.5, 2.5]], "w": [np.zeros((7, 15))], "z": [1.5]})
    table["o"] = np.array([{"a": 1}], dtype=object)
    table["n"] = MaskedColumn([BIG, 3], mask=[True, False])[:1]
    table["n"].info.serialize_method["ecsv"] = "data_mask"
    table.write(tmp_path / "t", format="ascii.ecsv")
    keyed = read_table(tmp_path / "t")
    assert keyed.table.drop(columns="n").to_dict("list") == {"v_0": [1.5], "v_1": [2.5], "z": [1.5]}
    assert keyed.table["n"].isna().tolist() == [True]
    assert len(keyed.notes) == 3


def test_float_ids_say_how_to_number_the_rows(tmp_path):
    path = written(tmp_path / "t.csv", "id,z\n1.5,2\n")
    with pytest.raises(ValueError, match="number the rows: id_column='#'"):
        read_table(path)
    assert read_table(path, id_column=NUMBERED).table.index.tolist() == ["row-1"]


@pytest.mark.parametrize("kind", SUFFIXES)
def test_damage_comes_out_as_an_error_that_names_the_file(tmp_path, kind):
    columns = {"z": [0.1, np.nan] * 30, "n": pd.array([5, None] * 30, dtype="Int64"), "t": ["é", None] * 30}
    write_table(tmp_path / "whole", pd.DataFrame(columns, index=[f"g{k}" for k in range(60)]), kind)
    content, chance = (tmp_path / "whole").read_bytes(), random.Random(1)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(chance.choice([1, 2, 20])):
            damaged[chance.randrange(min(len(content), 3000))] = chance.randrange(256)
        (tmp_path / "damaged").write_bytes(
            damaged[: chance.randrange(len(content))] if chance.random() < 0.3 else damaged
        )
        try:
            read_table(tmp_path / "damaged")
        except (ValueError, OSError) as error:
            assert "damaged" in str(error) or "expected unique ids" in str(error) or "expected an id" in str(error)  # noqa: PT017


@pytest.mark.parametrize("kind", SUFFIXES)
def test_a_packed_file_that_was_cut_is_named(tmp_path, kind):
    write_table(tmp_path / "whole", pd.DataFrame({"z": np.random.default_rng(1).normal(size=3000)}).rename(str), kind)
    packed = gzip.compress((tmp_path / "whole").read_bytes())
    (tmp_path / "cut").write_bytes(packed[: len(packed) * 2 // 3])
    for action in (read_table, tables_in)[: 2 if kind in {"fits", "votable"} else 1]:
        with pytest.raises(ValueError, match=r"cut: expected a whole .*, got a damaged one"):
            action(tmp_path / "cut")
