"""Catalogues of redMaPPer under the names of several releases, and the way from them to labelled cutouts."""

import astropy.units as u
import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.table import Table
from sdss_files import SCALE, STARS, write_field

from galviz.cli.main import main
from galviz.sky.cutouts import CutoutSet
from galviz.sky.readers import redmapper, sdss

DR8 = {"ID": "ID", "RA": "RA", "DEC": "DEC", "z": "Z_LAMBDA", "lambda": "LAMBDA", "error": "LAMBDA_ERR"}
DES = DR8 | {"ID": "MEM_MATCH_ID", "lambda": "LAMBDA_CHISQ", "error": "LAMBDA_CHISQ_E"}
SMALL = {"ID": "mem_match_id", "RA": "ra", "DEC": "dec", "z": "z", "lambda": "lambda", "error": "lambda_e"}
VIZIER = {"ID": "ID", "RA": "RAJ2000", "DEC": "DEJ2000", "z": "zlambda", "lambda": "lambda", "error": "e_lambda"}


def write_clusters(path, names=DR8, **changes):
    """Two clusters around stars of the made field, and one far away."""
    table = {
        names["ID"]: np.array([3, 17, 90001], np.int32),
        names["RA"]: [*STARS[:2, 0], 201.5],
        names["DEC"]: [*STARS[:2, 1], -3.25],
        names["z"]: np.array([0.25, 0.5, 0.3], np.float32),
        names["lambda"]: np.array([20.5, 47.25, 88.0], np.float32),
        names["error"]: np.array([2.5, 3.5, 4.5], np.float32),
        "Z_SPEC": np.array([-1.0, 0.5025, -1.0], np.float32),
        "MODEL_MAG": np.zeros((3, 5), np.float32),
        "PZBINS": np.zeros((3, 21), np.float32),
    }
    Table(table | changes).write(path, format="fits")
    return path


def write_members(path, **changes):
    """Of the first cluster the centre, one 4 arcsec east and one far outside; of another release's cluster one."""
    east = 4 / 3600 / np.cos(np.radians(20))
    table = {
        "ID": np.array([3, 3, 3, 5], np.int32),
        "RA": STARS[0, 0] + np.array([0, east, 0.1, 0]),
        "DEC": np.full(4, STARS[0, 1]),
        "R": np.array([0, 0.01, 0.5, 0], np.float32),
        "P": np.array([1.0, 0.8, 0.5, 0.5], np.float32),
        "P_FREE": np.array([1.0, 0.5, 1.0, 1.0], np.float32),
    }
    Table(table | changes).write(path, format="fits")
    return path


@pytest.mark.parametrize("names", [DR8, DES, SMALL, VIZIER])
@pytest.mark.parametrize("ending", [".fit", ".fits.gz"])
def test_any_release_gives_the_same_table(tmp_path, names, ending):
    path = write_clusters(tmp_path / f"catalogue{ending}", names)
    assert redmapper.is_fits(path)
    table = redmapper.read_clusters(path)
    assert list(table.index) == ["3", "17", "90001"]
    assert table["richness"].to_list() == [20.5, 47.25, 88.0]
    np.testing.assert_allclose(table["z"], [0.25, 0.5, 0.3])
    np.testing.assert_array_equal(table[["ra", "dec"]], [*STARS[:2, :2], (201.5, -3.25)])
    np.testing.assert_allclose(table["z_spec"], [np.nan, 0.5025, np.nan])
    assert table["richness_err"].to_list() == [2.5, 3.5, 4.5]


def test_names_tell_fits_from_text():
    assert [redmapper.is_fits(name) for name in ("a.csv", "a.FITS", "a.fit.gz", "fits.csv.gz")] == [0, 1, 1, 0]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [1.0, 0.4, 0.5]),
        ({"THETA_L": [1.0, 0.5, 1.0, 1.0], "THETA_R": [1.0, 1.0, 0.2, 1.0]}, [1.0, 0.2, 0.1]),
        ({"P_MEM": [0.9, 0.7, 0.3, 1.0]}, [0.9, 0.7, 0.3]),
    ],
)
def test_members_belong_to_clusters_with_a_probability(tmp_path, changes, expected):
    clusters = redmapper.read_clusters(write_clusters(tmp_path / "c.fits"))
    members = redmapper.read_members(write_members(tmp_path / "m.fits", **changes), clusters)
    assert members["object_id"].to_list() == ["3"] * 3
    assert members["kind"].to_list() == ["bcg", "member", "member"]
    np.testing.assert_allclose(members["p_mem"], expected, rtol=1e-6)
    np.testing.assert_allclose(members["distance"], [0, 0.01, 0.5])


def test_a_member_beside_the_position_is_not_the_centre(tmp_path):
    clusters = redmapper.read_clusters(write_clusters(tmp_path / "c.fits"))
    beside = write_members(tmp_path / "m.fits", DEC=np.full(4, STARS[0, 1] + 3 / 3600))
    assert set(redmapper.read_members(beside, clusters)["kind"]) == {"member"}


def test_members_of_the_code_itself_have_its_own_probability(real_data):
    """A piece of the code's own output has P, PFREE, THETA_I, THETA_R and PMEM."""
    path = real_data / "redmapper_dr8" / "test_cluster_members.fit"
    stored = fits.getdata(path)
    best = stored["PMEM"].argmax()
    centre = pd.DataFrame({"ra": stored["RA"][best], "dec": stored["DEC"][best]}, index=["17551"])
    members = redmapper.read_members(path, centre)
    assert len(members) == 513
    np.testing.assert_allclose(members["p_mem"], stored["PMEM"])
    assert members["kind"].eq("bcg").sum() == 1
    assert members.loc[best, "kind"] == "bcg"
    product = stored["P"] * stored["PFREE"] * stored["THETA_I"] * stored["THETA_R"]
    np.testing.assert_allclose(product, stored["PMEM"], atol=3e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ID": [3, 17, 3]}, "expected unique ids, got '3' more than once"),
        ({"LAMBDA": [20.0, 0.0, 30.0]}, r"catalogue: expected a positive richness of every cluster, got 0\.0 for '17'"),
        ({"RA": ["12:30", "1:00", "2:00"]}, "catalogue: expected numbers in the columns"),
    ],
)
def test_bad_rows_are_named(tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        redmapper.read_clusters(write_clusters(tmp_path / "c.fits", **changes))


def test_bad_files_are_named(tmp_path):
    path = tmp_path / "c.fits"
    with pytest.raises(FileNotFoundError, match=r"catalogue: expected a FITS file, got .*c\.fits, which is not there"):
        redmapper.read_clusters(path)
    path.write_bytes(b"SIMPLE  =  no table at all")
    with pytest.raises(ValueError, match=r"c\.fits: expected a whole FITS file"):
        redmapper.read_clusters(path)
    Table({"ID": [1], "RA": [1.0], "DEC": [2.0]}).write(path, overwrite=True)
    with pytest.raises(ValueError, match=r"a column for z \(Z_LAMBDA, ZLAMBDA, Z\) in .*c\.fits, got ID, RA, DEC"):
        redmapper.read_clusters(path)
    clusters = redmapper.read_clusters(write_clusters(tmp_path / "good.fits"))
    with pytest.raises(ValueError, match="members: expected a column P_MEM, PMEM or P, got none"):
        redmapper.read_members(path, clusters)
    strangers = write_members(tmp_path / "m.fits", ID=[5, 6, 7, 8])
    with pytest.raises(ValueError, match="expected members of the 3 clusters of the catalogue, got none among the 4"):
        redmapper.read_members(strangers, clusters)


def ingest(folder, out, capsys, *options):
    code = main(["ingest", "sdss", str(folder), *map(str, options), "--out", str(out)])
    return code, "".join(capsys.readouterr())


def test_the_catalogue_labels_cutouts_of_own_frames(folder, tmp_path, capsys):
    positions = ("--positions", write_clusters(tmp_path / "c.fits"), "--members", write_members(tmp_path / "m.fits"))
    code, text = ingest(folder, tmp_path / "sky", capsys, *positions, "--size", 20, "--side", "60 kpc")
    assert (code, "left out 1 of 3 outside all fields: 90001" in text) == (0, True)
    sky = CutoutSet.open(tmp_path / "sky")
    assert sky.catalogue["richness"].to_dict() == {"3": 20.5, "17": 47.25}
    assert sky.images[:].max() > 1
    sources = sky.sources
    assert sources["object_id"].to_list() == ["3", "3"]  # the third lies outside the cutout
    assert sources["kind"].to_list() == ["bcg", "member"]
    np.testing.assert_allclose(sources["p_mem"], [1.0, 0.4], rtol=1e-6)
    np.testing.assert_allclose(sources[["x", "y"]], [[9.5, 9.5], [9.5 - 4 / sky.pixel_scale[0], 9.5]], atol=1e-3)


def test_sources_are_placed_in_memory_and_across_fields(tmp_path):
    fields = [write_field(tmp_path / str(k), STARS, field=k, dec=20.0 + 3 * k, packed=False) for k in range(2)]
    wanted = pd.DataFrame({"ra": 150.0, "dec": [23.0, 20.0]}, index=["north", "south"])
    known = pd.DataFrame({"object_id": ["north", "south", "south"], "ra": 150.0, "dec": [23.0, 20.0, 20.0005]})
    known = known.assign(kind="star", mag_r=[1.0, 2.0, 3.0])
    cut = sdss.cutouts(fields, wanted, size=30, side=30 * SCALE * u.arcsec, sources=known)
    placed = cut.sources.sort_values("mag_r")
    np.testing.assert_allclose(placed["y"], [14.5, 14.5, 14.5 + 1.8 / SCALE], atol=1e-6)
    assert placed["object_id"].to_list() == ["north", "south", "south"]
    with pytest.raises(ValueError, match=r"sources: expected columns .*, none named kind"):
        sdss.cutouts(fields, wanted, size=30, side=3 * u.arcsec, sources=known.drop(columns="kind"))


@pytest.mark.slow
def test_clusters_in_a_real_field_are_cut_out_with_their_members(real_data, tmp_path, capsys):
    field = real_data / "sdss_frames" / "001035-6-0017"
    centre = np.array([8.0268, 15.9298])
    catalogue = write_clusters(tmp_path / "c.fits", RA=centre[0] + [0, 0.02, 50], DEC=centre[1] + [0, 0.01, 0])
    members = write_members(tmp_path / "m.fits", RA=centre[0] + [0, 0.004, 1, 0], DEC=np.full(4, centre[1]))
    positions = ("--positions", catalogue, "--members", members)
    code, text = ingest(field, tmp_path / "sky", capsys, *positions, "--size", 48)
    assert (code, "left out 1 of 3 outside all fields: 90001" in text) == (0, True)
    sky = CutoutSet.open(tmp_path / "sky")
    np.testing.assert_allclose(sky.pixel_scale * 48 / 60, [4.26, 2.73], atol=0.01)  # 1 Mpc at z = 0.25 and 0.5, arcmin
    assert sky.coverage[:].all()
    assert sky.sources["kind"].to_list() == ["bcg", "member"]
