"""What leaves a page is what is chosen: in every format, as Python, and in the programs of others."""

import asyncio
import io
import json
import subprocess
import sys
import zipfile
from contextlib import asynccontextmanager

import numpy as np
import pandas as pd
import pytest
import test_samp
from astropy.io import fits

from galviz.io.provenance import ids_digest
from galviz.io.tables import SUFFIXES, read_table, write_table
from galviz.tools.display import Stretch
from galviz.tools.export import download as handover
from galviz.tools.export import view as export_panel
from galviz.tools.export.view import FORMATS, ExportPanel
from galviz.tools.selection.core import Selection
from galviz.tools.selection.snapshot import Snapshot, run_on_change

hub = test_samp.hub
UNITS = {"z": "km / s"}
TABLES = [form for form, kind in FORMATS.items() if kind in SUFFIXES]


@pytest.fixture
def source(tmp_path, tiny_sky):
    """The catalogue as a file, which the lines of Python open."""
    write_table(tmp_path / "catalogue.parquet", tiny_sky.catalogue, "parquet")
    return tmp_path / "catalogue.parquet"


@pytest.fixture
def make(tiny_sky, source):
    """Maker of ways out of the tiny sky."""

    def make(**more):
        more = {"cutouts": tiny_sky, "source": str(source), "units": UNITS} | more
        way = ExportPanel(tiny_sky.catalogue, Selection(tiny_sky.catalogue), **more)
        assert way.transfer.script == ""  # it is written once it is seen: of many objects it takes seconds
        way.__panel__()
        return way

    return make


class Browser:
    """Asks for a file piece by piece, as the page does."""

    def __init__(self, way):
        self.way, self.files, self._got = way, {}, b""
        way.transfer._send_msg = self.receive

    def receive(self, message):
        assert message["at"] == (len(self._got) if message["at"] else 0)
        self._got = (self._got if message["at"] else b"") + message["piece"]
        self.way.transfer._handle_msg({"number": message["number"], "at": len(self._got)})
        if len(self._got) == message["size"]:
            self.files[message["name"]] = self._got

    def press(self, form):
        """Give name and content of what the button Download brings."""
        self.way.form = form
        self.files.clear()
        asyncio.run(self.way.download())
        assert self.way.error == ""
        return next(iter(self.files.items()))


def table_of(content, tmp_path):
    (tmp_path / "got").write_bytes(content)
    return read_table(tmp_path / "got")


@pytest.mark.parametrize("form", TABLES)
def test_a_file_has_the_newest_choice_and_its_passport(make, tmp_path, form):
    way = make(stretch=lambda: Stretch(bands=("r",), kind="asinh"))
    browser = Browser(way)
    for expression in ("z < 0.2", "richness > 30"):
        way.selection.where(expression)
        name, content = browser.press(form)
        ids = way.selection.ids.tolist()
        got = table_of(content, tmp_path)
        assert 0 < len(ids) < 12
        assert name == f"galviz_{len(ids)}_objects{SUFFIXES[FORMATS[form]]}"
        assert got.table.index.tolist() == ids
        assert got.units == UNITS
        assert got.provenance["ids"] == {"count": len(ids), "sha256": ids_digest(ids)}
        assert got.provenance["steps"][-1] == ["where", {"expression": expression, "how": "replace"}]
        assert got.provenance["stretch"]["kind"] == "asinh"
        assert got.provenance["python"] == way.transfer.script.splitlines()


def test_a_csv_for_spreadsheets_is_offered(make, tiny_sky):
    way = make()
    name, content = Browser(way).press("CSV safe for spreadsheets")
    assert name == "galviz_12_objects_spreadsheet.csv"
    assert content.decode().splitlines()[0].startswith("object_id,")
    assert content.count(b"\n") == 1 + len(tiny_sky)


def test_nothing_chosen_means_all(make, tmp_path, tiny_sky):
    way = make()
    assert "all 12 objects" in way.count()
    name, content = Browser(way).press("CSV")
    got = table_of(content, tmp_path)
    assert name == "galviz_12_objects.csv"
    assert got.table.index.tolist() == tiny_sky.object_ids.tolist()
    assert got.provenance["steps"] == [["invert", {}]]
    way.selection.choose(tiny_sky.object_ids[:1])
    assert "1 selected object<" in way.count()


def test_the_passport_knows_the_run(make, make_run, estimates, tmp_path):
    run = make_run("quick", predictions=estimates)
    way = make(run=run, stretch=lambda: {"stretch": "asinh"})
    passport = table_of(Browser(way).press("CSV")[1], tmp_path).provenance
    assert passport["run"]["name"] == "quick"
    assert len(passport["run"]["run_json"]) == 64
    assert passport["stretch"] == {"stretch": "asinh"}


def test_pictures_are_those_of_the_chosen(make, burned_id):
    way = make()
    way.selection.where("z < 0.2")
    ids = way.selection.ids.tolist()
    name, content = Browser(way).press("cutouts as FITS with WCS")
    assert name == f"galviz_{len(ids)}_cutouts.fits"
    with fits.open(io.BytesIO(content)) as hdus:
        assert [hdu.header["OBJECT"] for hdu in hdus[1:]] == [burned_id(hdu.data) for hdu in hdus[1:]] == ids


def test_the_zip_has_pictures_tables_and_passport(make, tmp_path):
    way = make()
    way.selection.where("z < 0.2")
    ids = way.selection.ids.tolist()
    name, content = Browser(way).press("zip with all of it")
    assert name == f"galviz_{len(ids)}_objects.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert table_of(archive.read("table.fits"), tmp_path).table.index.tolist() == ids
        assert {f"cutouts/{object_id}.fits" for object_id in ids} < set(archive.namelist())
        passport = json.loads(archive.read("passport.json"))
    assert passport["ids"] == {"count": len(ids), "sha256": ids_digest(ids)}


def fresh(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_python_follows_and_gives_the_same_ids(make):
    way = make()
    assert fresh(way.transfer.script) == way.table.index.tolist()
    way.selection.lasso("z", "richness", [(0.1, 0), (0.3, 0), (0.3, 35), (0.1, 45)])
    way.selection.choose([way.table.index[3]], how="add")
    ids = way.selection.ids.tolist()
    assert 1 < len(ids) < 12
    name, content = Browser(way).press("Python script")
    assert name == f"galviz_{len(ids)}_objects.py"
    assert content.decode() == way.transfer.script
    assert fresh(way.transfer.script) == ids
    way.selection.undo()
    way.selection.undo()
    assert "12 of 12" in way.transfer.script


def test_a_way_to_open_the_table_and_none(make, source):
    opening = f"import pandas as pd\ntable = pd.read_parquet({str(source)!r}).set_index('object_id')"
    way = make(source="", opening=opening)
    way.selection.where("z < 0.2")
    assert fresh(way.transfer.script) == way.selection.ids.tolist()
    assert "its origin is not known" in make(source="").transfer.script


def test_python_that_is_too_long_to_show_is_in_a_file(make, monkeypatch):
    way = make()
    monkeypatch.setattr(export_panel, "_SHOWN", 200)
    way.selection.choose(way.table.index[:7])
    assert "characters of Python are too many to show" in way.transfer.script
    assert fresh(Browser(way).press("Python script")[1].decode()) == way.selection.ids.tolist()


def test_a_large_file_comes_in_pieces_and_one_at_a_time(make, monkeypatch):
    monkeypatch.setattr(handover, "_PIECE", 1000)
    way, requested = make(), []
    browser = Browser(way)
    assert len(browser.press("zip with all of it")[1]) > 50_000
    assert way.transfer._file.closed
    way.transfer._send_msg = requested.append
    asyncio.run(way.download())
    first = way.transfer._file
    asyncio.run(way.download())  # before the first has gone
    assert first.closed
    assert [message["number"] for message in requested] == [2, 3]
    way.transfer._handle_msg({"number": 2, "at": 1000})  # late
    assert len(requested) == 2
    way.leave()
    assert way.transfer._file.closed


def test_what_a_browser_cannot_hold_is_refused(make, monkeypatch):
    way = make()
    monkeypatch.setattr(export_panel, "LARGEST", 12 * 5 * 16 * 16 * 4 - 1)
    monkeypatch.setattr(way, "write", lambda *_: pytest.fail("written though it is too large"))
    for form in ("cutouts as FITS with WCS", "zip with all of it"):
        way.form = form
        asyncio.run(way.download())
        assert "expected a file of at most" in way.error
    monkeypatch.undo()
    monkeypatch.setattr(export_panel, "LARGEST", 100)
    way.form = "CSV"
    asyncio.run(way.download())
    assert "expected a file of at most" in way.error
    assert way.transfer.status == ""


def test_errors_are_said_and_forgotten(make, tiny_sky):
    part = tiny_sky.select(tiny_sky.object_ids[:5])
    way = make(cutouts=part)
    browser = Browser(way)
    way.form = "zip with all of it"
    asyncio.run(way.download())
    assert "which is not in it" in way.error
    assert "role='alert'" in way._alert().object
    assert browser.files == {}
    way.selection.choose(part.object_ids)
    assert browser.press("zip with all of it")[0] == "galviz_5_objects.zip"


def test_other_objects_than_the_selections_are_refused(tiny_sky):
    with pytest.raises(ValueError, match="table: expected the objects of the selection's table"):
        ExportPanel(tiny_sky.catalogue.iloc[::-1], Selection(tiny_sky.catalogue))


def test_without_pictures_none_are_offered(make):
    way = make(cutouts=None)
    assert "cutouts as FITS with WCS" not in way.param.form.objects
    assert Browser(way).press("zip with all of it")[0] == "galviz_12_objects.zip"


def test_of_many_changes_the_last_is_worked_for(tiny_sky):
    async def act():
        selection, seen, gate = Selection(tiny_sky.catalogue), [], asyncio.Event()

        async def work():
            seen.append(len(selection))
            await gate.wait()

        run_on_change(selection, ["version"], work)
        await asyncio.sleep(0.01)
        for count in (1, 2, 3, 4):
            selection.choose(tiny_sky.object_ids[:count])
        gate.set()
        await asyncio.sleep(0.05)
        return seen

    assert asyncio.run(act()) == [0, 4]


def test_a_page_is_alive_while_a_file_is_made():
    index = pd.Index([str(1237658493878337640 + k) for k in range(200_000)], name="object_id")
    rng = np.random.default_rng(1)
    table = pd.DataFrame({name: rng.normal(size=200_000) for name in "abcdefgh"}, index=index)

    async def act():
        way = ExportPanel(table, Selection(table))
        way.form = "CSV"
        waits, task = [], asyncio.create_task(way.download())
        loop = asyncio.get_running_loop()
        while not task.done():
            start = loop.time()
            await asyncio.sleep(0.01)
            waits.append(loop.time() - start)
        assert way.error == ""
        way.leave()
        return way.transfer._size, waits

    size, waits = asyncio.run(act())
    assert size > 2e7
    assert len(waits) > 5
    assert max(waits) < 0.6


@asynccontextmanager
async def talking(way):
    """A way out that is connected; at the end it leaves, as when the visitor does."""
    yield way.programs
    samp = way.programs._samp
    way.leave()
    for _ in range(100):
        if samp is None or not samp._client.is_connected:
            break
        await asyncio.sleep(0.05)
    assert way.programs._samp is None
    assert samp is None or not samp._client.is_connected


async def until(holds):
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    pytest.fail("waited in vain")


def rows_of(heard, kind):
    given = [given for mtype, given in heard if mtype == kind]
    return given[-1] if given else {}


def test_programs_take_what_is_chosen_and_choose_back(make, hub, tmp_path):
    async def act():
        topcat, way = test_samp.Other(), make()
        ids = way.table.index
        way.selection.choose(ids[2:8])
        async with talking(way) as programs:
            await programs.find()
            assert programs.program.options == ["all programs", "TOPCAT"]
            assert "TOPCAT" in programs.status
            programs.program.value = "TOPCAT"
            await programs.send()
            assert programs.error == ""
            got = table_of(topcat.loaded, tmp_path)
            assert got.table.index.tolist() == ids[2:8].tolist()
            assert got.provenance["ids"]["count"] == 6
            name = topcat.given["table-id"]

            way.selection.choose(ids[[1, 3, 5]])  # the first was not sent
            await until(lambda: rows_of(topcat.heard, "table.select.rowList"))
            assert sorted(rows_of(topcat.heard, "table.select.rowList")["row-list"]) == ["1", "3"]
            way.selection.focus = ids[7]
            await until(lambda: rows_of(topcat.heard, "table.highlight.row"))
            assert rows_of(topcat.heard, "table.highlight.row")["row"] == "5"

            heard = len(topcat.heard)
            given = {"table-id": name, "row-list": ["0", "4"]}
            await asyncio.to_thread(lambda: topcat.client.enotify_all("table.select.rowList", **given))
            await until(lambda: way.selection.ids.tolist() == ids[[2, 6]].tolist())
            await asyncio.to_thread(
                lambda: topcat.client.enotify_all("table.highlight.row", **{"table-id": name, "row": "1"})
            )
            await until(lambda: way.selection.focus == ids[3])
            await asyncio.sleep(0.3)
            assert len(topcat.heard) == heard  # what came from there is not sent back
            assert way.selection.steps[-1][0] == "choose"
            assert programs.error == ""
        topcat.client.disconnect()

    asyncio.run(act())


def test_programs_that_fail_are_named(make, hub):
    async def act():
        async with talking(make()) as programs:
            await programs.send()
            assert "expected a program that takes tables, got none" in programs.error
        topcat = test_samp.Other(works=False)
        async with talking(make()) as programs:
            await programs.send()
            assert "expected TOPCAT to load the table" in programs.error
            assert programs.status == ""
        topcat.client.disconnect()

    asyncio.run(act())


def test_a_hub_that_goes_is_said(make, hub):
    async def act():
        topcat, way = test_samp.Other(), make()
        async with talking(way) as programs:
            await programs.send()
            samp = programs._samp
            hub.stop()
            way.selection.choose(way.table.index[:2])
            await until(lambda: programs.error)
            assert "role='alert'" in programs._alert().object
            assert programs._samp is None
            await programs.find()
            assert "expected a SAMP hub, got none" in programs.error
        await until(lambda: not samp._client.is_connected)
        assert topcat.loaded

    asyncio.run(act())


def test_no_hub_and_no_pyvo_are_said(make, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SAMP_HUB", f"std-lockurl:file://{tmp_path}/none")
    way = make()
    asyncio.run(way.programs.find())
    assert "hub: expected a SAMP hub, got none" in way.programs.error
    assert "Start TOPCAT or Aladin" in way.programs.error
    monkeypatch.setitem(sys.modules, "pyvo", None)
    asyncio.run(way.programs.send())
    assert "pip install 'galviz[samp]'" in way.programs.error
    assert "role='alert'" in way.programs._alert().object


def test_a_choice_stays_while_the_selection_moves_on(tiny_sky):
    selection = Selection(tiny_sky.catalogue)
    selection.choose(tiny_sky.object_ids[:3])
    choice = Snapshot.of(selection)
    selection.choose(tiny_sky.object_ids[5:7])
    assert choice.ids.tolist() == tiny_sky.object_ids[:3].tolist()
    assert len(choice) == 3
    assert str(tiny_sky.object_ids[5]) not in choice.python()
