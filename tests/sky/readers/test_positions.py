"""Right ascension and declination under any name and in any unit; nothing is renamed away."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from astropy.table import QTable
from hypothesis import given
from hypothesis import strategies as st

from galviz.io.tables import NUMBERED, read_table
from galviz.sky.readers.positions import with_positions

RA, DEC = [10.5, 359.25], [-41.5, 0.25]
PLACES = SkyCoord(RA, DEC, unit="deg")


@pytest.mark.parametrize(
    ("ra", "dec"),
    [
        ("RA", "DEC"),
        ("RAJ2000", "DEJ2000"),
        ("_RAJ2000", "_DEJ2000"),
        ("_RA", "_DE"),
        ("RA_obj", "DEC_obj"),
        ("ra_deg", "dec_deg"),
        ("ALPHA_J2000", "DELTA_J2000"),
        ("RAdeg", "DEdeg"),
        ("pos.ra", "pos.dec"),
    ],
)
def test_usual_names_are_recognised_and_stay(ra, dec):
    table = pd.DataFrame({"ra_err": [0.1, 0.2], "e_RAJ2000": [1.0, 2], "pmra": [3.0, 4], ra: RA, dec: DEC})
    found, notes = with_positions(table)
    assert notes == [f"ra ← {ra}", f"dec ← {dec}"]
    assert (found["ra"].tolist(), found["dec"].tolist()) == (RA, DEC)
    assert list(found)[: len(table.columns)] == list(table)


def test_other_quantities_are_no_positions():
    table = pd.DataFrame({"ra_err": [0.1], "dec_err": [0.1], "RAVPV": [3.0], "decile": [4.0], "pmra": [1.0]})
    found, notes = with_positions(table)
    assert (list(found), notes) == (list(table), [])


def test_degrees_under_their_own_names_change_nothing():
    table = pd.DataFrame({"ra": RA, "dec": DEC, "RAJ2000": [1.0, 2.0], "DEJ2000": [1.0, 2.0]})
    found, notes = with_positions(table)
    assert notes == []
    pd.testing.assert_frame_equal(found, table)


@pytest.mark.parametrize(("unit", "factor"), [("hourangle", 1 / 15), ("h", 1 / 15), ("rad", np.pi / 180)])
def test_units_are_converted(unit, factor):
    units = {"RAJ2000": unit, "DEJ2000": "deg"}
    found, notes = with_positions(pd.DataFrame({"RAJ2000": np.array(RA) * factor, "DEJ2000": DEC}), units)
    np.testing.assert_allclose(found["ra"], RA)
    assert notes[0] == f"ra ← RAJ2000 ({unit} → degrees)"


@pytest.mark.parametrize("separator", [":", " ", "hmsdms"])
def test_sexagesimal_text_becomes_degrees_and_stays(separator):
    text = PLACES.to_string("hmsdms", precision=4, **({} if separator == "hmsdms" else {"sep": separator}))
    cut = [one.split(" ") if separator != " " else None for one in text]
    parts = [(" ".join(one.split(" ")[:3]), " ".join(one.split(" ")[3:])) for one in text] if cut[0] is None else cut
    table = pd.DataFrame(parts, columns=["ra", "dec"])
    found, notes = with_positions(table)
    np.testing.assert_allclose(found[["ra", "dec"]], np.array([RA, DEC]).T, atol=1e-6)
    assert found["ra_original"].tolist() == [one[0] for one in parts]
    assert "the original stays as ra_original" in notes[0]


@given(st.floats(0, 359.9999), st.floats(-89.9999, 89.9999))
def test_any_position_as_text_comes_back(ra, dec):
    place = SkyCoord(ra, dec, unit="deg")
    text = {
        "ra": [place.ra.to_string(u.hourangle, sep=":", precision=6)],
        "dec": [place.dec.to_string(sep=":", precision=5)],
    }
    found, _ = with_positions(pd.DataFrame(text))
    np.testing.assert_allclose(found[["ra", "dec"]].to_numpy()[0], [ra, dec], atol=1e-8)


def test_a_column_of_coordinates_in_ecsv(tmp_path):
    QTable({"name": ["a", "b"], "coord": PLACES}).write(tmp_path / "t.ecsv")
    keyed = read_table(tmp_path / "t.ecsv", id_column=NUMBERED)
    found, notes = with_positions(keyed.table, keyed.units)
    np.testing.assert_allclose(found[["ra", "dec"]], np.array([RA, DEC]).T)
    assert notes == ["ra ← coord.ra", "dec ← coord.dec"]


def test_the_user_says_which_column():
    table = pd.DataFrame({"ra": [1.0, 2], "dec": [1.0, 2], "RAJ2000": RA, "DEJ2000": DEC, "zsp": [0.1, 0.2]})
    found, notes = with_positions(table, columns={"ra": "RAJ2000", "dec": "DEJ2000", "z": "zsp"})
    assert (found["ra"].tolist(), found["ra_original"].tolist(), found["z"].tolist()) == (RA, [1.0, 2], [0.1, 0.2])
    assert notes[2] == "z ← zsp"
    with pytest.raises(ValueError, match=r"column: expected one of ra, dec, .* for ra, got 'RA'"):
        with_positions(table, columns={"ra": "RA"})
    with pytest.raises(ValueError, match="column: expected ra in degrees, hours or as hh:mm:ss, got x in name"):
        with_positions(table.assign(name="x"), columns={"ra": "name"})
