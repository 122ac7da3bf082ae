import gzip

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table

from galviz.io.tables import SUFFIXES, read_table

FIRST = 1237658493878337640  # as a float it cannot be told from its neighbours
KINDS = tuple(SUFFIXES)
IDS = [FIRST + k for k in range(3)]


def foreign(path, kind, ids, **columns):
    """Write a table as other programs do, ids as they come."""
    table = Table({"objID": ids, **columns})
    if kind == "csv":
        table.write(path, format="ascii.csv")
    elif kind == "parquet":
        table.to_pandas().to_parquet(path)
    else:
        table.write(path, format={"ecsv": "ascii.ecsv"}.get(kind, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_long_ids_of_other_programs_are_exact(tmp_path, kind):
    foreign(tmp_path / "table", kind, IDS, m=[1.5, 2.5, 3.5])
    assert read_table(tmp_path / "table").table.index.tolist() == [str(i) for i in IDS]
    assert read_table(tmp_path / "table").table["m"].tolist() == [1.5, 2.5, 3.5]


@pytest.mark.parametrize("kind", KINDS)
def test_ids_that_were_floats_are_refused(tmp_path, kind):
    foreign(tmp_path / "table", kind, [float(i) for i in IDS])
    with pytest.raises(ValueError, match=r"objID: expected ids as text or integers, got floats such as 1\.2376584"):
        read_table(tmp_path / "table")


@pytest.mark.parametrize("kind", KINDS)
def test_double_ids_are_refused_by_name(tmp_path, kind):
    foreign(tmp_path / "table", kind, [IDS[0], IDS[1], IDS[0]])
    with pytest.raises(ValueError, match=f"objID: expected unique ids, got '{FIRST}' more than once. Remove"):
        read_table(tmp_path / "table")


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_without_ids_names_what_it_has(tmp_path, kind):
    Table({"ra": [1.5], "plate": [3]}).to_pandas().to_parquet(tmp_path / "table")
    if kind != "parquet":
        Table({"ra": [1.5], "plate": [3]}).write(
            tmp_path / "table", format={"ecsv": "ascii.ecsv", "csv": "ascii.csv"}.get(kind, kind), overwrite=True
        )
    with pytest.raises(ValueError, match=r"id_column: expected a column of ids \(object_id, .*got ra, plate in .*id_c"):
        read_table(tmp_path / "table")
    assert read_table(tmp_path / "table", id_column="plate").table.index.tolist() == ["3"]
    with pytest.raises(ValueError, match="id_column: expected some of ra, plate, got 'mjd'"):
        read_table(tmp_path / "table", id_column="mjd")


@pytest.mark.parametrize("kind", KINDS)
def test_columns_are_chosen_by_name(tmp_path, kind):
    foreign(tmp_path / "table", kind, IDS, a=[1, 2, 3], b=[4, 5, 6])
    assert read_table(tmp_path / "table", columns=["b"]).table.columns.tolist() == ["b"]
    with pytest.raises(ValueError, match="columns: expected some of objID, a, b, got 'c'"):
        read_table(tmp_path / "table", columns=["c"])


@pytest.mark.parametrize("kind", ["ecsv", "votable", "fits"])
def test_units_and_missing_values_of_other_programs(tmp_path, kind):
    table = Table({"id": IDS, "n": [1, 2, 3], "s": ["x", "y", "z"]}, masked=True)
    table["n"].mask = [False, True, False]
    table["n"].unit = "km/s"
    table["s"][1] = ""
    table.write(tmp_path / "table", format={"ecsv": "ascii.ecsv"}.get(kind, kind))
    again = read_table(tmp_path / "table")
    assert again.table["n"].isna().tolist() == again.table["s"].isna().tolist() == [False, True, False]
    assert again.table["n"].dtype == "Int64"
    assert again.units["n"].replace(" ", "") in {"km/s", "kms-1"}
    assert again.provenance is None


@pytest.mark.parametrize("kind", ["votable", "fits"])
def test_vector_columns_become_columns(tmp_path, kind):
    foreign(tmp_path / "table", kind, IDS, mag=np.arange(15, dtype="f4").reshape(3, 5), wide=np.zeros((3, 17)))
    with pytest.raises(ValueError, match=r"in column 'wide' of .*, got 17 values in a row .*columns=\["):
        read_table(tmp_path / "table", columns=["wide"])
    keyed = read_table(tmp_path / "table")
    assert keyed.notes == (
        "Column 'wide' was left out: it has 17 values in a row (more than 16, or none, are not read).",
    )
    table = keyed.table
    assert table.columns.tolist() == [f"mag_{k}" for k in range(5)]
    assert table["mag_3"].tolist() == [3, 8, 13]
    assert table["mag_3"].dtype == np.float32


def test_other_columns_of_ids_are_text_too(tmp_path):
    (tmp_path / "t.csv").write_text("object_id,specObjID,n\na,18446744073709551615,1\nb,18446744073709551614,2\n")
    assert read_table(tmp_path / "t.csv").table["specObjID"].tolist() == [
        "18446744073709551615",
        "18446744073709551614",
    ]


def test_a_csv_as_people_write_it(tmp_path):
    text = "\ufeff# made by hand\r\n ID , z,kind,seen,empty\r\n  7, +0.5,  a,2020-01-02,\r\n  8,,NA,,\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode())
    table = read_table(tmp_path / "t.csv").table
    assert table.index.tolist() == ["7", "8"]
    assert table.columns.tolist() == ["z", "kind", "seen", "empty"]
    assert table["z"].iloc[0] == 0.5
    assert table["kind"].iloc[0] == "  a"
    assert table["seen"].iloc[0] == pd.Timestamp("2020-01-02")
    assert table.isna().to_numpy().tolist() == [[False, False, False, True], [True, False, True, True]]
    assert table["kind"].iloc[1] == "NA"  # a name; only an empty cell is missing


def test_types_are_found_from_all_rows(tmp_path):
    rows = "".join(f"{k},{k}\n" for k in range(200_000))
    (tmp_path / "t.csv").write_text(f"id,x\n{rows}200000,1.5\n")
    assert read_table(tmp_path / "t.csv").table["x"].iloc[-1] == 1.5


@pytest.mark.parametrize("content", [b"", b"\n \n", gzip.compress(b"")], ids=["nothing", "blank", "compressed"])
def test_an_empty_file_is_said_to_be_empty(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"path: expected a table, got .*t.csv, which is empty"):
        read_table(tmp_path / "t.csv")


def test_what_is_no_table_is_named(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n\0\0")
    with pytest.raises(ValueError, match=r"expected CSV, ECSV, VOTable, FITS or Parquet, got .*a.h5"):
        read_table(tmp_path / "a.h5")
    with pytest.raises(ValueError, match=r"expected a file, got the folder .* CutoutSet.open"):
        read_table(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_table(tmp_path / "nowhere")
    fits.PrimaryHDU(np.zeros((2, 2))).writeto(tmp_path / "image.fits")
    with pytest.raises(ValueError, match=r"expected a FITS file with a table, got .*image.fits"):
        read_table(tmp_path / "image.fits")
    (tmp_path / "latin.csv").write_bytes("id,s\n1,é\n".encode("latin-1"))
    keyed = read_table(tmp_path / "latin.csv")
    assert keyed.table["s"].tolist() == ["é"]
    assert keyed.notes == ("The file is not in UTF-8: its text was read as Latin-1.",)
    (tmp_path / "ragged.csv").write_text("id,s\n1,2,3\n")
    with pytest.raises(ValueError, match=r"expected 2 cells in every row of .*ragged.csv, .* got 3 in “1,2,3 …”"):
        read_table(tmp_path / "ragged.csv")
    (tmp_path / "twice.csv").write_text("id,s,s\n1,2,3\n")
    keyed = read_table(tmp_path / "twice.csv")
    assert keyed.table.to_dict("list") == {"s": [2], "s_2": [3]}
    assert keyed.notes == ("Two columns are called 's': the second was renamed to 's_2'.",)
    (tmp_path / "gap.csv").write_text("id,s\n1,2\n,3\n")
    with pytest.raises(ValueError, match="id: expected an id in every row, got none in row 1"):
        read_table(tmp_path / "gap.csv")


def test_the_real_catalogues(real_data):
    published = read_table(real_data / "wu_boada_oh_p50" / "predictions-oh_p50.csv").table
    assert len(published) == 20_466
    assert published.index[0] == "1237658493878337647"
    clusters = read_table(real_data / "redmapper_dr8" / "redmapper_lambda.csv").table
    assert len(clusters) == 26_111
    assert np.log(clusters["lambda"]).mean() == pytest.approx(3.570, abs=1e-3)
    assert clusters["DEJ2000"].max() > 60
    galaxies = read_table(real_data / "redmapper_dr8" / "test_dr8_gals_with_zred.fit").table
    assert galaxies.index[0] == "42040301602430304"
    assert galaxies[[f"MODEL_MAG_{k}" for k in range(5)]].notna().all(axis=None)
    with pytest.raises(ValueError, match=r"objid: expected ids as text or integers, got floats such as 1.24E\+18"):
        read_table(real_data / "sdss_skyserver_10k" / "skyserver_10k.csv")
