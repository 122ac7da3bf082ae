import csv
import io
import json
import tracemalloc
import zipfile

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from galviz.io.formats.fits_table import read_json
from galviz.io.lazy_array import LazyRows
from galviz.io.provenance import ids_digest, provenance
from galviz.io.tables import SUFFIXES, KeyedTable, read_table
from galviz.sky.checks import WCS_COLUMNS
from galviz.sky.cutouts import CutoutSet
from galviz.sky.export import KINDS, export

UNITS = {"richness": "λ", "z": ""}
STEPS = [("where", {"expression": "z < 0.3", "how": "replace"}), ("lasso", {"polygon": [(0.0, 1e300)] * 3})]


@pytest.fixture
def sky(make_sky):
    """Eight objects with coverage and coordinates, a cutout turned against the sky."""
    plain = make_sky(8, coverage=True)
    index = plain.catalogue.index
    angle = np.linspace(0, 3, 8)
    turn = np.stack([-np.cos(angle), np.sin(angle), np.sin(angle), np.cos(angle)], axis=1) * 0.396 / 3600
    place = np.stack([np.linspace(0, 350, 8), np.linspace(-80, 80, 8), np.full(8, 8.5), np.full(8, 7.5)], axis=1)
    return CutoutSet(
        images=plain.images,
        coverage=plain.coverage,
        bands=plain.bands,
        catalogue=plain.catalogue,
        pixel_scale=np.linspace(0.3, 0.5, 8),
        unit="nanomaggy",
        wcs=pd.DataFrame(np.hstack([place, turn]), index=index, columns=list(WCS_COLUMNS)),
        origin="synthetic sky",
        survey="sdss",
    )


@pytest.fixture
def chosen(sky):
    """Five of the eight, in another order."""
    return sky.catalogue.iloc[[6, 1, 0, 7, 3]]


def about(table, **more):
    return provenance(table.index, steps=STEPS, python="selection.where(…)\nids", **more)


@pytest.mark.parametrize("kind", list(SUFFIXES))
def test_every_table_has_ids_values_units_and_the_passport(tmp_path, kind, chosen):
    papers = about(chosen, stretch={"stretch": "asinh", "Q": 8.0})
    export(tmp_path / "t", kind, table=chosen, provenance=papers, units=UNITS)
    again = read_table(tmp_path / "t")
    pd.testing.assert_frame_equal(again.table, chosen, check_index_type=False)
    assert again.units == {"richness": "λ"}
    assert again.provenance == json.loads(json.dumps(papers))


class Out(io.RawIOBase):
    """A file that can only be written to, as a download is."""

    def __init__(self):
        self.content = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.content += bytes(data)
        return len(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_download_has_what_a_file_has(tmp_path, kind, sky, chosen):
    out = Out()
    papers = about(chosen)
    export(out, kind, table=chosen, provenance=papers, cutouts=sky)
    export(tmp_path / "t", kind, table=chosen, provenance=papers, cutouts=sky)
    if kind == "zip":  # times of day differ
        parts = [zipfile.ZipFile(source) for source in (io.BytesIO(out.content), tmp_path / "t")]
        ours, theirs = ([(info.filename, info.CRC) for info in part.infolist()] for part in parts)
        assert ours == theirs
        assert parts[0].testzip() is None
    else:
        assert bytes(out.content) == (tmp_path / "t").read_bytes()


def check_image(hdu, sky, object_id, burned_id):
    """Compare one image with the set: id, pixels, coordinates, scale, bands, unit."""
    row = sky.row_of([object_id])[0]
    assert burned_id(np.where(sky.coverage[row], hdu.data, 0)) == hdu.header["OBJECT"] == object_id
    np.testing.assert_array_equal(hdu.data, sky.images[row])
    assert hdu.data.dtype.newbyteorder("=") == np.float32
    corners = np.array([[0, 0], [15, 0], [3.5, 12]])
    got = WCS(hdu.header).celestial.wcs_pix2world(corners, 0)
    np.testing.assert_allclose(got, sky.wcs_of(object_id).wcs_pix2world(corners, 0), rtol=0, atol=1e-12)
    assert hdu.header["BUNIT"] == "nanomaggy"
    assert [hdu.header[f"BAND{k}"] for k in range(1, 6)] == list("ugriz")
    assert hdu.header["PIXSCALE"] == sky.pixel_scale[row]
    assert hdu.header["SKY"] == "synthetic sky"


def test_cutouts_are_images_with_their_own_id_and_coordinates(tmp_path, sky, chosen, burned_id):
    papers = about(chosen)
    export(tmp_path / "c.fits", "cutouts", table=chosen, provenance=papers, cutouts=sky)
    with fits.open(tmp_path / "c.fits") as hdus:
        hdus.verify("exception")
        assert read_json(hdus[0])["passport"]["ids"] == papers["ids"]
        assert len(hdus) == 1 + 2 * len(chosen)
        for k, object_id in enumerate(chosen.index):
            check_image(hdus[1 + 2 * k], sky, object_id, burned_id)
            assert hdus[object_id] is hdus[1 + 2 * k]
            covered = hdus[2 + 2 * k]
            assert covered.header["EXTNAME"] == f"{object_id} COVERAGE"
            np.testing.assert_array_equal(covered.data.astype(bool), sky.coverage[int(sky.row_of([object_id])[0])])
            assert WCS(covered.header).celestial.wcs == WCS(hdus[1 + 2 * k].header).celestial.wcs


def test_a_zip_has_all_of_it(tmp_path, sky, chosen, burned_id):
    papers = about(chosen)
    export(tmp_path / "all.zip", "zip", table=chosen, provenance=papers, cutouts=sky, units=UNITS)
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        archive.extractall(tmp_path / "all")
    for suffix in SUFFIXES.values():
        assert read_table(tmp_path / f"all/table{suffix}").table.index.tolist() == chosen.index.tolist()
    assert json.loads((tmp_path / "all/passport.json").read_text(encoding="utf-8"))["ids"] == papers["ids"]
    readme = (tmp_path / "all/README.txt").read_text(encoding="utf-8")
    assert "5 objects" in readme
    assert "The sky is: synthetic sky." in readme
    assert {f.stem for f in (tmp_path / "all/cutouts").iterdir()} == set(chosen.index)
    for file in (tmp_path / "all/cutouts").iterdir():
        with fits.open(file) as hdus:
            hdus.verify("exception")
            check_image(hdus[0], sky, file.stem, burned_id)
            assert hdus[0].header["GVIDS"] == papers["ids"]["sha256"]
            assert hdus["COVERAGE"].data.dtype == np.uint8


def test_a_zip_without_images_is_a_zip_of_tables(tmp_path, chosen):
    export(tmp_path / "all.zip", "zip", table=chosen, provenance=about(chosen))
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert len(archive.namelist()) == 2 + len(SUFFIXES)
        assert b"sky" not in archive.read("README.txt").split(b"galviz.sky")[0]


def test_what_is_not_known_is_not_written(tmp_path, tiny_sky):
    table = tiny_sky.catalogue.head(2)
    export(tmp_path / "c.fits", "cutouts", table=table, provenance=about(table), cutouts=tiny_sky)
    with fits.open(tmp_path / "c.fits") as hdus:
        assert len(hdus) == 3
        assert not {"CTYPE1", "COVERAGE", "GVRUN"} & set(hdus[1].header)


any_id = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(ids=st.lists(any_id, unique=True, min_size=1, max_size=4), data=st.data())
def test_any_id_stays_with_its_picture(tmp_path, ids, data):
    images = np.arange(len(ids), dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 3, 3), dtype=np.float32)
    table = pd.DataFrame({"k": np.arange(len(ids))}, index=pd.Index(ids, dtype="str", name="object_id"))
    sky = CutoutSet(images=images, bands=("g", "η"), catalogue=table, pixel_scale=1, unit="display", survey="Straße")
    part = table.loc[data.draw(st.permutations(ids))]
    export(tmp_path / "c.fits", "cutouts", table=part, provenance=about(part), cutouts=sky)
    with fits.open(tmp_path / "c.fits") as hdus:
        assert [hdu.data.max() for hdu in hdus[1:]] == part["k"].tolist()
        quoted = [hdu.header.get("GVQUOTE") == "OBJECT" for hdu in hdus[1:]]
    assert quoted == [not (i.isascii() and i.isprintable() and not i.endswith(" ")) for i in part.index]
    export(tmp_path / "c.zip", "zip", table=part, provenance=about(part), cutouts=sky)
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        pictures = [fits.getdata(io.BytesIO(archive.read(n))).max() for n in archive.namelist() if n.startswith("cut")]
    assert pictures == part["k"].tolist()


class Sink(Out):
    """A place for any amount of data."""

    def write(self, data):
        return len(data)


class Endless:
    """Images that are made when they are read."""

    dtype = np.dtype("float32")

    def __init__(self, rows):
        self.shape = (rows, 5, 128, 128)

    def __getitem__(self, key):
        rows = np.arange(self.shape[0])[key]
        return np.ones((len(rows), 5, 128, 128), dtype=np.float32)


def peak(rows, kind):
    index = pd.Index([str(k) for k in range(rows)], name="object_id")
    table = pd.DataFrame({"z": np.ones(rows)}, index=index)
    images = LazyRows(Endless(rows))
    sky = CutoutSet(images=images, bands="ugriz", catalogue=table, pixel_scale=1, unit="nanomaggy", checked=True)
    papers = about(table)
    tracemalloc.start()
    export(Sink(), kind, table=table, provenance=papers, cutouts=sky)
    top = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return top / 2**20


@pytest.mark.parametrize("kind", ["cutouts", "zip"])
def test_memory_does_not_grow_with_the_cutouts(kind):
    few, many = peak(100, kind), peak(500, kind)  # 31 and 156 MiB of pixels
    assert few < 70
    assert many < few + 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"kind": "xlsx"},
            "kind: expected one of csv, .*, parquet, spreadsheet, cutouts, zip, got 'xlsx'",
        ),
        ({"kind": "cutouts", "cutouts": None}, "cutouts: expected images to write, got none"),
        ({"provenance": provenance(["a", "b"])}, "provenance: expected that of the 5 objects .* got that of 2 others"),
        ({"units": {"mass": "kg"}}, "units: expected units of columns of the table"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_old_file_stays(tmp_path, sky, chosen, change, message):
    (tmp_path / "t").write_text("old")
    wanted = {"kind": "zip", "table": chosen, "provenance": about(chosen), "cutouts": sky} | change
    with pytest.raises(ValueError, match=message):
        export(tmp_path / "t", wanted.pop("kind"), **wanted)
    assert (tmp_path / "t").read_text() == "old"


def test_an_object_without_an_image_is_named(tmp_path, sky, chosen):
    table = pd.concat([chosen, chosen.iloc[:1].rename(index=lambda _: "nobody")])
    with pytest.raises(KeyError, match="got 'nobody', which is not in it"):
        export(tmp_path / "c", "cutouts", table=table, provenance=about(table), cutouts=sky)
    assert list(tmp_path.iterdir()) == []


def test_a_keyed_table_brings_its_units(tmp_path, chosen):
    export(tmp_path / "t", "fits", table=KeyedTable(chosen, {"z": "km"}), provenance=about(chosen))
    assert read_table(tmp_path / "t").units == {"z": "km"}


@pytest.mark.parametrize("kind", [*SUFFIXES, "zip"])
def test_notes_on_a_table_that_was_read_go_out_with_it(tmp_path, kind):
    (tmp_path / "plain.csv").write_text("z,r\n0.1,20\n0.2,21\n")
    keyed = read_table(tmp_path / "plain.csv", id_column="#")
    (note,) = keyed.notes
    assert "row numbers" in note
    export(tmp_path / "t", kind, table=keyed, provenance=provenance(keyed.table.index, notes=keyed.notes))
    export(tmp_path / "u", kind, table=keyed, provenance=provenance(keyed.table.index))
    for name in "tu":
        if kind == "zip":
            with zipfile.ZipFile(tmp_path / name) as archive:
                assert archive.read("README.txt").decode().count(note) == 1
                assert json.loads(archive.read("passport.json"))["notes"] == [note]
        else:
            assert read_table(tmp_path / name).provenance["notes"] == [note]


def test_a_spreadsheet_finds_no_formula_in_its_csv(tmp_path):
    index = pd.Index(["=1+1", "b", "-3"], name="object_id")
    table = pd.DataFrame({"note": ["@SUM(A1)", "plain", "+1"], "z": [-1.5, 2.0, 3.0]}, index=index)
    export(tmp_path / "t.csv", "spreadsheet", table=table, provenance=about(table))
    with (tmp_path / "t.csv").open(newline="") as file:
        names, *rows = csv.reader(file)
    assert names == ["object_id", "note", "z"]
    assert [row[:2] for row in rows] == [["'=1+1", "'@SUM(A1)"], ["b", "plain"], ["'-3", "'+1"]]
    assert float(rows[0][2]) == -1.5


def test_the_digest_is_that_of_a_set_of_ids():
    assert ids_digest(["b", "a"]) == ids_digest(["a", "b"]) != ids_digest(["ab"])
    assert ids_digest([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing


class FakeRun:
    """What a passport wants of a run."""

    name = "quick"

    def __init__(self, path):
        self.path, self.weights = path, path / "model.safetensors"


def test_a_passport_knows_the_run_it_shows(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    before = provenance(["a"], run=FakeRun(tmp_path))["run"]
    assert before["name"] == "quick"
    assert before["weights"] is None
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    after = provenance(["a"], run=FakeRun(tmp_path))["run"]
    assert after["run_json"] == before["run_json"]
    assert len(after["weights"]) == 64


def sky_of(ids, **more):
    """A sky with these ids, the pixels of each its number."""
    images = np.arange(len(ids), dtype=np.float32)[:, None, None, None] * np.ones((1, 1, 3, 3), dtype=np.float32)
    table = pd.DataFrame({"k": np.arange(len(ids))}, index=pd.Index(ids, dtype="str", name="object_id"))
    return CutoutSet(images=images, bands="r", catalogue=table, pixel_scale=1, unit="display", **more)


ODD = ["A", "a", "CON", "nul.x", "x" * 300, "dot.", "blank ", "../../up", "plain", "A COVERAGE", "é", "e\u0301"]


def test_a_zip_of_odd_ids_unpacks_on_any_disk_and_says_which_file_is_whose(tmp_path):
    sky = sky_of(ODD)
    export(tmp_path / "c.zip", "zip", table=sky.catalogue, provenance=about(sky.catalogue), cutouts=sky)
    with zipfile.ZipFile(tmp_path / "c.zip") as archive:
        files = [name for name in archive.namelist() if name.startswith("cutouts/")]
        assert len({name.casefold() for name in files}) == len(ODD)
        assert all(len(name.removeprefix("cutouts/").encode()) <= 255 for name in files)
        assert not any(
            name.count("/") > 1 or name.casefold().startswith(("cutouts/con.", "cutouts/nul.")) for name in files
        )
        assert "names.csv" in archive.read("README.txt").decode()
        archive.extract("names.csv", tmp_path)
        found = read_table(tmp_path / "names.csv").table["file"]
        assert found.index.tolist() == ODD
        assert found["plain"] == "plain.fits"
        for k, (object_id, file) in enumerate(found.items()):
            with fits.open(io.BytesIO(archive.read(f"cutouts/{file}"))) as hdus:
                assert hdus[0].data.max() == k
                if object_id.isascii() and not object_id.endswith(" "):
                    assert hdus[0].header["OBJECT"] == object_id


def test_extensions_are_called_differently_though_readers_ignore_case(tmp_path):
    sky = sky_of(ODD, coverage=np.ones((len(ODD), 1, 3, 3), dtype=bool))
    export(tmp_path / "c.fits", "cutouts", table=sky.catalogue, provenance=about(sky.catalogue), cutouts=sky)
    with fits.open(tmp_path / "c.fits") as hdus:
        names = [hdu.name for hdu in hdus[1:]]
        assert len({name.upper() for name in names}) == 2 * len(ODD)
        assert max(map(len, names)) <= 68
        assert [hdus[name].data.max() for name in names[::2]] == list(range(len(ODD)))
        assert hdus["A COVERAGE"].header["COVERAGE"] is True
