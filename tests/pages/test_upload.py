"""Uploads, and what the page of a table says of how it was read."""

import asyncio
import html
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import panel as pn
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from panel.io.location import Location
from shown import all_text, script_of

from galviz.io.tables import read_table
from galviz.pages import upload
from galviz.pages.explore_page import ExplorePage
from galviz.pages.explorer import Explorer, table_to_join
from galviz.pages.library import Library
from galviz.pages.second_table import SecondTable
from galviz.pages.threshold_page import ThresholdPage
from galviz.pages.upload import uploads

PLAIN = b"name,z,score\n" + b"".join(b"o%d,0.%d,0.5\n" % (k, k) for k in range(1, 10))
FLOATS = b"objid,z\n" + b"".join(b"1.23765849387834e+18,0.%d\n" % k for k in range(1, 10))


@pytest.fixture
def location(monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    return location


@pytest.fixture
def page(galviz_home):
    return ExplorePage([], Library.find())


def parts():
    """Files of uploads that are not complete."""
    return list(uploads().glob("part-*"))


def test_a_file_goes_to_the_disk_piece_by_piece_and_never_whole_to_memory(page, bring):
    content = b"object_id,z\n" + b"".join(b"a%05d,0.1\n" % k for k in range(2000))
    status = []
    page.upload.param.watch(lambda event: status.append(event.new), "status")
    bring(page, "big.csv", content, piece=4096)
    assert "2,000 objects" in all_text(page.body())
    assert Path(page.uploaded).read_bytes() == content
    assert status[0] == "big.csv: 0.0 kB of 22.0 kB …"
    assert len(status) == 1 + len(content) // 4096 + 1
    assert page.upload.status == "big.csv: 22.0 kB, uploaded."
    assert page.upload.part == -1
    assert parts() == []


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(page, bring, monkeypatch):
    monkeypatch.setattr(upload, "LARGEST", 10_000)
    bring(page, "huge.csv", b"x" * 10_001)
    assert "huge.csv: not uploaded. Expected a file of at most 10.0 kB, got one of 10.0 kB." in page.upload.status
    assert "panel serve" in page.upload.status
    assert page.uploaded == ""


def test_a_disk_that_is_full_is_named(page, bring, monkeypatch):
    monkeypatch.setattr(upload.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 2000}))
    bring(page, "t.csv", b"x" * 3000)
    assert "the disk of the server has room for 2.0 kB" in page.upload.status
    assert parts() == []


def test_an_upload_is_cancelled_and_its_file_removed(page):
    sent = []
    page.upload._send_msg = sent.append
    page.upload._handle_msg({"type": "begin", "name": "t.csv", "size": 10})
    page.upload._handle_msg({"type": "piece", "number": 1, "at": 0, "piece": b"object"})
    assert len(parts()) == 1
    page.upload._handle_msg({"type": "cancel"})
    assert parts() == []
    assert (page.upload.status, page.upload.part, sent[-1]["number"]) == ("t.csv: cancelled.", -1, 0)
    page.upload._handle_msg({"type": "piece", "number": 1, "at": 6, "piece": b"_id\n"})  # was under way
    assert page.uploaded == ""


@pytest.mark.parametrize("piece", [b"", b"x" * 11, "text", None])
def test_a_page_cannot_send_more_than_it_announced(page, piece):
    page.upload._send_msg = lambda _: None
    page.upload._handle_msg({"type": "begin", "name": "t.csv", "size": 10})
    page.upload._handle_msg({"type": "piece", "number": 1, "at": 0, "piece": piece})
    assert "The file changed while it was sent" in page.upload.status
    assert parts() == []


def test_the_file_that_is_chosen_last_is_taken(page):
    sent = []
    page.upload._send_msg = sent.append
    page.upload._handle_msg({"type": "begin", "name": "first.csv", "size": 10})
    page.upload._handle_msg({"type": "begin", "name": "second.csv", "size": len(PLAIN)})
    page.upload._handle_msg({"type": "piece", "number": 1, "at": 0, "piece": b"x" * 10})
    assert page.uploaded == ""
    page.upload._handle_msg({"type": "piece", "number": 2, "at": 0, "piece": PLAIN})
    assert page.name_of(page.uploaded) == "second.csv"
    assert parts() == []


def test_two_visitors_at_once_do_not_mix(galviz_home):
    pages = [ExplorePage([], Library.find()) for _ in range(2)]
    contents = [b"object_id,z\n" + b"".join(b"%s%03d,0.1\n" % (who, k) for k in range(500)) for who in (b"a", b"b")]
    for page, content in zip(pages, contents, strict=True):
        page.upload._send_msg = lambda _: None
        page.upload._handle_msg({"type": "begin", "name": "t.csv", "size": len(content)})
    for at in range(0, len(contents[0]), 700):
        for page, content in zip(pages, contents, strict=True):
            piece = content[at : at + 700]
            page.upload._handle_msg({"type": "piece", "number": 1, "at": at, "piece": piece})
    for page, content in zip(pages, contents, strict=True):
        page.body()
        assert Path(page.uploaded).read_bytes() == content
        assert {i[0] for i in page.view.explorer.table.index} == {content[12:13].decode()}


@pytest.mark.parametrize(
    "name",
    [
        "../../x.csv", "..", "", "/etc/passwd", "n" * 300 + ".csv", "a\0b.csv", "CON", "Straße 銀河 (1) 100%.csv",
        "a'b\"c`$(d).csv", "<img src=x>.csv", "new\nline.csv", "\ud800.csv", "C:\\x\\y.csv", "-rf",
    ],
)  # fmt: skip
def test_a_file_of_any_name_is_opened_and_lies_in_the_folder_of_uploads(page, bring, name):
    content = b"object_id,z\na,0.1\nb,0.2\nc,0.3\n"
    bring(page, name, content)
    path = uploads() / page.uploaded
    assert path.is_file()
    assert path.parent.parent == uploads()
    assert len(path.name.encode()) <= 255
    assert "3 objects" in all_text(page.body())
    if name and len(name) < 255 and name.isprintable():
        assert page.name_of(page.uploaded) == name
        assert f"read_table({name!r})" in script_of(page.view.explorer.out)
    compile(script_of(page.view.explorer.out), "script", "exec")
    assert len(list(path.parent.iterdir())) == 1


def test_what_was_typed_as_column_of_ids_stays_with_an_upload(page, bring, location):
    page.id_column = "name"
    bring(page, "t.csv", PLAIN)
    assert page.id_column == "name"
    assert "9 objects" in all_text(page.body())
    assert "id_column='name'" in script_of(page.view.explorer.out)
    assert "ids=name" in location.search
    again = ExplorePage([], Library.find())
    assert (again.id_column, again.uploaded) == ("name", page.uploaded)


@pytest.mark.parametrize("content", [PLAIN, FLOATS])
@pytest.mark.parametrize("kind", [ExplorePage, ThresholdPage])
def test_a_table_without_ids_has_its_rows_numbered_by_a_button(kind, content, galviz_home, bring):
    page = kind([], Library.find())
    bring(page, "t.csv", content)
    refused, button = page.body()
    assert "Column of ids" in refused.object or "objid: expected ids" in refused.object
    assert button.label == "Use row numbers as ids"
    button.clicks += 1
    body = page.body()
    if content == PLAIN or kind is ExplorePage:
        assert "9 objects" in all_text(body)
    assert "row numbers" in page.noted().object
    bring(page, "other.csv", b"object_id,score\na,0.5\nb,0.25\n")
    assert page.id_column == ""  # the numbers were those of the other file
    assert "2 objects" in all_text(page.body())
    assert page.noted().object == ""


def test_row_numbers_of_a_file_outlive_a_reload_but_not_the_file(page, bring, location):
    bring(page, "t.csv", PLAIN)
    page.body()[1].clicks += 1
    again = ExplorePage([], Library.find())
    assert again.id_column == "#"
    assert "9 objects" in all_text(again.body())
    bring(again, "other.csv", b"object_id,z\na,0.5\n")
    assert again.id_column == ""
    assert again.body() is not None
    assert list(again.view.explorer.table.index) == ["a"]


GARBAGE = {
    "bytes": (bytes(range(1, 256)) * 9, "which is none of these: it is not text"),
    "late bytes": (b"a letter\n" * 400 + bytes(500), "expected 2 cells in every row"),
    "letter": (b"hello\nfoo bar\nbaz, qux\n", "got 2 in “baz, qux …”"),
    "ragged": (b"a,b\n1,2\n1,2,3\n", "got 3 in “1,2,3 …”"),
    "names": (b"a,b\n", "which has one line of names alone"),
}


@pytest.mark.parametrize("kind", [ExplorePage, ThresholdPage])
@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_no_table_is_called_so_and_not_refused_for_its_ids(name, kind, galviz_home, bring):
    page = kind([], Library.find())
    content, why = GARBAGE[name]
    bring(page, "x.csv", content)
    shown = html.unescape(page.body().object)  # a message, without a button
    assert why in shown.replace("Expected", "expected")
    assert "x.csv" in shown
    for of_ids in ("row numbers", "column of ids", "Column of ids", str(uploads())):
        assert of_ids not in shown


def test_a_table_to_join_is_refused_for_what_is_wrong_with_it(tmp_path):
    file = tmp_path / "x.csv"
    for content, why in GARBAGE.values():
        file.write_bytes(content)
        with pytest.raises(ValueError, match=re.escape(why) if "names" not in why else "neither"):
            table_to_join(file)
    file.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"object ids or positions in .*x.csv, got neither.*object_id.*ra and dec"):
        table_to_join(file)
    file.write_bytes(b"ra,dec,mag\n1,2,3\n")  # it can be joined by position
    assert list(table_to_join(file).table.columns) == ["ra", "dec", "mag"]


def test_a_second_table_without_ids_says_what_to_do(tmp_path):
    second = SecondTable(Explorer(pd.DataFrame({"z": [1.0]}, index=["a"])), "first.csv", uploads)
    (tmp_path / "x.csv").write_bytes(b"a,b\n1,2\n")
    second.receive(tmp_path / "x.csv")
    assert second.error.startswith("x.csv: expected a column with the object ids of the first table")
    assert "object_id" in second.error
    assert "id_column" not in second.error


def test_no_button_where_numbers_would_not_help(page, bring):
    bring(page, "t.bin", b"\0\1\2")
    assert "Expected CSV" in page.body().object
    page.id_column = "#"
    bring(page, "empty.csv", b"")
    assert "which is empty" in page.body().object


class Browser:
    """Takes files that a way out makes."""

    def __init__(self, way):
        self.way, self.got = way, b""
        way.transfer._send_msg = self.receive

    def receive(self, message):
        self.got += message["piece"]
        self.way.transfer._handle_msg({"number": message["number"], "at": len(self.got)})

    def press(self, form):
        self.way.form, self.got = form, b""
        asyncio.run(self.way.download())
        assert self.way.error == ""
        return self.got


def test_every_export_says_that_its_ids_are_row_numbers(page, bring, tmp_path):
    page.id_column = "#"
    bring(page, "my stars.csv", PLAIN)
    page.body()
    way = page.view.explorer.out
    note = "my stars.csv: The ids are row numbers"
    assert f"# Note: {note}" in script_of(way)
    browser = Browser(way)
    for form in ("CSV", "ECSV", "VOTable", "FITS table", "Parquet"):
        (tmp_path / "t").write_bytes(browser.press(form))
        assert read_table(tmp_path / "t").provenance["notes"][0].startswith(note)
    with zipfile.ZipFile(io.BytesIO(browser.press("zip with all of it"))) as archive:
        assert note in archive.read("README.txt").decode()
        assert json.loads(archive.read("passport.json"))["notes"][0].startswith(note)
    assert note in browser.press("Python script").decode()


@pytest.mark.parametrize("id_column", ["", "nothing", "z"])
def test_errors_name_controls_of_the_page_and_no_path_of_the_server(page, bring, id_column):
    page.id_column = id_column
    bring(page, "t.csv", b"name,z\na,0.1\nb,0.1\n")
    shown = all_text(page.body())
    assert "Column of ids" in shown
    assert "t.csv" in shown or id_column
    for python in ("id_column", "read_table", "…", str(uploads())):
        assert python not in shown


def test_a_refused_file_is_named_without_an_argument_of_python(page, bring):
    bring(
        page, "t.vot", b'<VOTABLE><RESOURCE><TABLE><DATA><STREAM href="file:///x"/></DATA></TABLE></RESOURCE></VOTABLE>'
    )
    assert page.body().object.split(">", 1)[1].startswith("Expected a VOTable with its own rows, got t.vot")


def fits_of(*tables):
    """A FITS file with tables of these names and columns."""
    hdus = [fits.PrimaryHDU()]
    for name, columns in tables:
        made = [fits.Column(key, form, array=np.asarray(values)) for key, (form, values) in columns.items()]
        hdus.append(fits.BinTableHDU.from_columns(made, name=name))
    out = io.BytesIO()
    fits.HDUList(hdus).writeto(out)
    return out.getvalue()


STARS = ("STARS", {"objid": ("K", [1, 2, 3]), "z": ("D", [0.1, 0.2, 0.3]), "score": ("D", [0.1, 0.2, 0.3])})
GALAXIES = ("GALAXIES", {"objid": ("K", [4, 5]), "mag": ("D", [20.0, 21.0]), "score": ("D", [0.4, 0.5])})


@pytest.mark.parametrize("kind", [ExplorePage, ThresholdPage])
def test_one_of_several_tables_is_chosen_and_kept_in_the_address(kind, galviz_home, bring, location):
    page = kind([], Library.find())
    bring(page, "two.fits", fits_of(STARS, GALAXIES))
    assert list(page.param.table.objects) == ["", "STARS", "GALAXIES"]
    assert page._which().visible
    shown = all_text(page.body())
    assert "STARS, GALAXIES: choose in “Table”" in shown
    assert "two.fits" in shown
    assert "table=" not in shown
    page.table = "GALAXIES"
    assert "2 objects" in all_text(page.body())
    assert "table=GALAXIES" in location.search
    again = kind([], Library.find())
    assert again.table == "GALAXIES"
    assert "2 objects" in all_text(again.body())
    bring(again, "one.fits", fits_of(STARS))
    assert (again.table, again._which().visible) == ("", False)
    assert "table=" not in location.search
    assert "3 objects" in all_text(again.body())


def test_the_python_of_one_of_several_tables_reads_that(page, bring, tmp_path):
    bring(page, "two.fits", fits_of(STARS, GALAXIES))
    page.table = "GALAXIES"
    page.body()
    script = script_of(page.view.explorer.out)
    assert "read_table('two.fits', table='GALAXIES').table" in script
    made: dict = {}
    exec(script.replace("'two.fits'", repr(page.uploaded)), made)  # noqa: S102 - our own lines
    assert list(made["table"].index) == ["4", "5"]


def test_a_saved_view_knows_its_table(galviz_home, tmp_path):
    (tmp_path / "two.fits").write_bytes(fits_of(STARS, GALAXIES))
    page = ExplorePage([tmp_path / "two.fits"], Library.find())
    page.table = "STARS"
    page.body()
    (tmp_path / "view.json").write_text(json.dumps(page.view.content()))
    again = ExplorePage([tmp_path / "view.json"], Library.find())
    assert "3 objects" in all_text(again.body())


@pytest.mark.parametrize("kind", [ExplorePage, ThresholdPage])
def test_columns_that_were_left_out_are_named_on_the_page_and_in_exports(kind, galviz_home, bring):
    odd = {"complex": ("C", [1j, 2j, 3j]), "spectrum": ("100D", np.ones((3, 100)))}
    page = kind([], Library.find())
    bring(page, "odd.fits", fits_of(("STARS", STARS[1] | odd)))
    assert "3 objects" in all_text(page.body())
    noted = page.noted().object
    assert noted.startswith("<details open>")
    for name in odd:
        assert f"Column '{name}' was left out" in html.unescape(noted)
    if kind is ExplorePage:
        assert "odd.fits: Column 'spectrum' was left out" in script_of(page.view.explorer.out)


def test_a_query_that_was_cut_by_the_server_is_said_to_be(page, bring):
    table = Table({"objid": [1, 2], "z": [0.1, 0.2]})
    out = io.BytesIO()
    document = votable.from_table(table)
    document.resources[0].infos.append(votable.tree.Info(name="QUERY_STATUS", value="OVERFLOW"))
    document.to_xml(out)
    bring(page, "query.vot", out.getvalue())
    assert "2 objects" in all_text(page.body())
    assert len(page.notes) == 1
    assert page.notes[0] in html.unescape(page.noted().object)
    bring(page, "plain.csv", b"object_id,z\na,0.1\n")
    page.body()
    assert page.notes == []


def test_a_column_of_ids_that_is_odd_is_refused_in_words_of_the_page(page, bring):
    page.id_column = "complex"
    bring(page, "odd.fits", fits_of(("STARS", {"complex": ("C", [1j, 2j]), "z": ("D", [0.1, 0.2])})))
    refused, button = page.body()
    assert "Column of ids: expected numbers" in refused.object
    assert "read_table" not in refused.object
    assert button.label == "Use row numbers as ids"
