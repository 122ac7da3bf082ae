"""What a visitor takes along: downloaded, copied and sent from Chromium, behind a URL prefix, it is what is chosen."""

import json
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from astropy.io import fits
from million import burned_table
from pages import opened, serving
from playwright.sync_api import expect

from galviz.io.expressions import matches
from galviz.io.provenance import ids_digest
from galviz.io.tables import SUFFIXES, read_table
from galviz.tools.export.view import FORMATS

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tools" / "export")]
import test_samp  # noqa: E402 - the programs that it plays

pytestmark = [pytest.mark.slow, pytest.mark.browser]

ROWS = 200_000
SCRIPT = """
import panel as pn
from million import burned_sky
from galviz.tools.display import Stretch
from galviz.tools.selection.core import Selection
from galviz.tools.export.view import ExportPanel

pn.extension()
sky = pn.state.as_cached("sky", burned_sky, rows=%d)
selection = Selection(sky.catalogue)
opening = "from million import burned_table\\ntable = burned_table(%d)"
way = ExportPanel(sky.catalogue, selection, cutouts=sky, opening=opening,
    stretch=lambda: Stretch(bands=("r",), kind="asinh"))
chosen = pn.widgets.TextInput(label="Choose")
chosen.param.watch(lambda event: selection.where(event.new), "value")
told = pn.bind(lambda _: f"{len(selection)} " + " ".join(selection.ids[:3]), selection.param.version)
pn.Column(chosen, way, pn.pane.Str(told, css_classes=["told"]), sizing_mode="stretch_width").servable()
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub of this test's own, which the server finds as well."""
    folder = tmp_path_factory.mktemp("hub")
    with pytest.MonkeyPatch.context() as patch, test_samp.samp.conf.set_temp("use_internet", value=False):
        patch.setenv("HOME", str(folder))
        patch.setenv("SAMP_HUB", (folder / "hub").as_uri().replace("file:", "std-lockurl:file:"))
        hub = test_samp.samp.SAMPHubServer(addr="127.0.0.1", web_profile=False)
        hub.start()
        yield hub
        hub.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory, hub):
    soon = ("--check-unused-sessions", "500")  # milliseconds between two looks for pages that were left
    with serving(tmp_path_factory.mktemp("export_panel"), SCRIPT % (ROWS, ROWS), options=soon) as url:
        yield url


@pytest.fixture
def page(chromium, served):
    with opened(chromium, served, "text=Python for this", width=900) as page:
        page.get_by_text("all 200,000 objects").wait_for()
        yield page


def choose(page, expression):
    """Choose on the page; gives the ids that this means, and waits until the page says their number."""
    page.get_by_label("Choose").fill(expression)
    page.get_by_label("Choose").press("Enter")
    table = burned_table(ROWS)
    ids = table.index[matches(expression, table)].tolist()
    page.locator("b", has_text=f"{len(ids):,} selected object").wait_for()
    return ids


def download(page, form, folder):
    page.get_by_label("Format").select_option(form)
    with page.expect_download(timeout=120_000) as waited:
        page.get_by_role("button", name="Download").click()
    path = folder / waited.value.suggested_filename
    waited.value.save_as(path)
    return path


def script_of(page, count):
    """The lines on the page, once they are those of so many objects."""
    area = page.get_by_role("textbox", name="Python for this")
    for _ in range(200):
        if area.input_value().startswith(f'"""{count:,} of '):
            break
        time.sleep(0.05)
    return area.input_value()


def fresh(script):
    path = [str(folder) for folder in sys.path if folder]
    code = f"import sys; sys.path += {path!r}\n{script}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_every_format_brings_the_ids_that_are_chosen(page, tmp_path, capsys):
    for k, (form, kind) in enumerate(FORMATS.items()):
        ids = choose(page, f"z > {0.5999 - k * 1e-5:.5f} and richness > 20")
        path = download(page, form, tmp_path)
        assert len(ids) < 60
        assert path.name.startswith(f"galviz_{len(ids)}_")
        if kind in SUFFIXES:
            got = read_table(path)
            assert path.suffix == SUFFIXES[kind]
            assert got.table.index.tolist() == ids
            assert got.provenance["ids"]["sha256"] == ids_digest(ids)
            assert got.provenance["stretch"]["kind"] == "asinh"
        elif kind == "spreadsheet":
            assert read_table(path).table.index.tolist() == ids
        elif kind == "cutouts":
            with fits.open(path) as hdus:
                assert [hdu.header["OBJECT"] for hdu in hdus[1:]] == ids
                bits = [hdu.data[0, :8, :8].reshape(-1) > 0.5 for hdu in hdus[1:]]
            assert [str(sum(1 << k for k in range(64) if each[k])) for each in bits] == ids
        elif kind == "zip":
            with zipfile.ZipFile(path) as archive:
                assert archive.testzip() is None
                assert json.loads(archive.read("passport.json"))["ids"]["count"] == len(ids)
                assert sum(name.startswith("cutouts/") for name in archive.namelist()) == len(ids)
        else:
            assert fresh(path.read_text(encoding="utf-8")) == ids
        page.get_by_text(f"{path.name}:").wait_for()


def test_a_large_table_and_large_pictures_leave_the_page_alive(page, tmp_path, capsys):
    page.get_by_label("Format").select_option("CSV")
    start = time.perf_counter()
    with page.expect_download(timeout=120_000) as waited:
        page.get_by_role("button", name="Download").click()
        requested = time.perf_counter()
        page.get_by_label("Choose").fill("z < 0.011")
        page.get_by_label("Choose").press("Enter")
        page.locator("b", has_text="selected object").wait_for()
        answered = time.perf_counter() - requested
    waited.value.save_as(tmp_path / waited.value.suggested_filename)
    took = time.perf_counter() - start
    assert waited.value.suggested_filename == "galviz_200000_objects.csv"
    assert read_table(tmp_path / "galviz_200000_objects.csv").table.index.equals(burned_table(ROWS).index)
    assert answered < 3
    choose(page, "z > 0.59")  # 3,400 × 26 kB
    path = download(page, "cutouts as FITS with WCS", tmp_path)
    with capsys.disabled():
        print(f"\nCSV of 200,000 rows: {took:.1f} s, the page answers in {answered * 1e3:.0f} ms", end="")
        print(f"; {path.name}: {path.stat().st_size / 1e6:.0f} MB, {time.perf_counter() - start - took:.1f} s")
    choose(page, "z >= 0")
    page.get_by_role("button", name="Download").click()
    page.get_by_role("alert").get_by_text("expected a file of at most 2 GB").wait_for()
    choose(page, "z > 0.5999")
    download(page, "CSV", tmp_path)
    assert page.get_by_role("alert").count() == 0


def test_the_keyboard_alone_downloads_and_copies(page, tmp_path):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    ids = choose(page, "z > 0.5998")
    script = script_of(page, len(ids))
    assert fresh(script) == ids
    page.keyboard.press("Tab")
    assert page.get_by_label("Format").evaluate("each => each.getRootNode().activeElement === each")
    page.keyboard.type("VOT")
    page.keyboard.press("Tab")
    with page.expect_download() as waited:
        page.keyboard.press("Enter")
    waited.value.save_as(tmp_path / "t.vot")
    assert waited.value.suggested_filename == f"galviz_{len(ids)}_objects.vot"
    assert read_table(tmp_path / "t.vot").table.index.tolist() == ids
    for _ in range(3):  # the heading, the lines, the button
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == script
    ids = choose(page, "z > 0.5997")
    page.get_by_text("Copied.").wait_for(state="hidden")
    page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })")  # as by plain http
    script = script_of(page, len(ids))
    page.get_by_role("button", name="Copy").press(" ")
    page.get_by_text("Copied.").wait_for()
    page.get_by_label("Choose").fill("")
    page.get_by_label("Choose").press("Control+v")
    assert page.get_by_label("Choose").input_value().split() == script.split()
    page.get_by_label("Choose").fill("z > 0.5997")  # lest a choice be made of it
    assert page.evaluate("document.documentElement.scrollWidth") <= 900


def heard(other, kind):
    for _ in range(200):
        for mtype, given in other.heard[::-1]:
            if mtype == kind:
                return given
        time.sleep(0.05)
    raise AssertionError(f"the program never heard of {kind}")


def test_a_program_and_the_page_choose_in_the_same_rows(chromium, served, hub):
    topcat = test_samp.Other()
    with opened(chromium, served, "text=Python for this") as page:
        ids = choose(page, "z > 0.5998")
        page.get_by_role("button", name="Find TOPCAT").click()
        page.get_by_text("Programs found: TOPCAT").wait_for()
        page.get_by_label("Program").select_option("TOPCAT")
        page.get_by_role("button", name="Send to program").click()
        page.get_by_text(f"{len(ids)} rows sent").wait_for()
        name = topcat.given["table-id"]
        part = choose(page, "z > 0.5999")
        rows = sorted(int(row) for row in heard(topcat, "table.select.rowList")["row-list"])
        assert [ids[row] for row in rows] == part
        given = {"table-id": name, "row-list": ["0", "2"]}
        topcat.client.enotify_all("table.select.rowList", **given)
        page.locator(".told", has_text=f"2 {ids[0]} {ids[2]}").wait_for()
        assert fresh(script_of(page, 2)) == [ids[0], ids[2]]
        assert len(topcat.client.get_registered_clients()) == 2  # the hub and the page
    for _ in range(600):  # a server keeps the session of a page that was left for a while
        if len(topcat.client.get_registered_clients()) == 1:
            break
        time.sleep(0.1)
    assert len(topcat.client.get_registered_clients()) == 1
    topcat.client.disconnect()


def test_no_program_is_said_in_words(page, hub):
    page.get_by_role("button", name="Send to program").click()
    expect(page.get_by_role("alert").get_by_text("expected a program that takes tables, got none")).to_be_visible()
