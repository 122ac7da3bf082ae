"""The home page, and all pages as one site."""

import re
import shutil
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import panel as pn
import pytest
from astropy.io import fits
from panel.io.location import Location
from PIL import Image

from galviz.cli.main import main
from galviz.pages import site as sites
from galviz.pages.explore_page import ExplorePage
from galviz.pages.home import HomePage
from galviz.pages.library import Library
from galviz.pages.page import open_study_page
from galviz.pages.page_names import shows_table, split
from galviz.pages.results.regression import View as RegressionView
from galviz.pages.runs import run_row
from galviz.pages.site import first_page, site
from galviz.pages.sky_job import SkyJob
from galviz.tools.formatting import Text
from galviz.tools.selection.core import Selection
from galviz.work import processes as jobs


@pytest.fixture
def started(monkeypatch):
    """What would be started as a process: commands and folders."""
    calls = []
    monkeypatch.setattr(jobs, "start", lambda command, folder: calls.append((command, folder)))
    return calls


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "my galaxies"
    folder.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.png")
    return folder


def shown(page):
    return page.cards().object


def links(html):
    return [urlsplit(url.replace("&amp;", "&")) for url in re.findall(r"href='([^']+)'", html)]


def test_data_and_runs_are_cards_with_pictures_numbers_and_links(galviz_home, sky, make_run):
    make_run("first", "done")
    html = shown(HomePage())
    assert "tiny" in html
    assert "first" in html
    assert html.count("<img src='data:image/png;base64,") >= 4
    assert "12 objects · 5 bands · 16×16 px" in html
    found = {
        (url.path, *(parse_qs(url.query).get(name, [""])[0] for name in ("tab", "sky", "run"))) for url in links(html)
    }
    assert ("./train", "data", "tiny", "") in found
    assert ("./train", "train", "tiny", "") in found
    assert any(path == "./richness" and run == "first" for path, _, _, run in found)
    assert {"./mergers", "./inpainting", "./channels", "./explore", "./occlusion"} <= {path for path, *_ in found}


def test_a_run_has_one_number_on_its_card_in_the_table_and_above_its_predictions(galviz_home, sky, make_run, estimates):
    run = make_run("first", predictions=estimates)  # whose best epoch has another
    assert "<div class='metric'>MAE 0.1000 (6 held-out objects)</div>" in shown(HomePage())
    assert run_row(run)["result"] == "MAE 0.1000 (6 held-out objects)"
    cards = RegressionView(estimates, Selection(), sky, run).judge.measure_cards()
    assert [(card.name, card.value[:6]) for card in cards[:2]] == [("objects", "6"), ("MAE", "0.1000")]
    (run.path / "predictions.parquet").write_bytes(b"nonsense")
    assert "<div class='metric'>its results cannot be read</div>" in shown(HomePage())


def test_an_empty_home_says_what_to_do(galviz_home):
    html = shown(HomePage())
    assert "No data yet" in html
    assert "No run yet" in html
    assert "./richness" in html


def test_names_are_text(galviz_home, sky):
    (galviz_home / "skies" / "tiny").rename(galviz_home / "skies" / "<img src=x onerror=alert(1)>")
    html = shown(HomePage())
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_a_damaged_sky_is_a_card_that_says_so(galviz_home, sky):
    (galviz_home / "skies" / "tiny" / "galviz.json").write_text("{")
    assert "cannot be opened" in shown(HomePage())


def test_a_folder_of_pictures_that_was_given_becomes_a_sky(galviz_home, pictures, started):
    page = HomePage([str(pictures)])
    assert page.path == str(pictures)
    page.ingest(page.path)
    assert started[0][0] == [
        "ingest", str(pictures), "--skip-bad", "--out", str(galviz_home / "skies" / "my-galaxies")
    ]  # fmt: skip
    assert page.job.making == "my-galaxies"


def test_a_folder_that_was_not_given_is_refused_with_the_way_out(galviz_home, tmp_path, started):
    page = HomePage()
    page.ingest(tmp_path.parent)
    assert started == []
    assert "galviz open" in page.job.result


def test_a_demo_is_drawn_and_shown_when_it_is_ready(galviz_home, sky, started, monkeypatch):
    page = HomePage()
    page.demo()
    (command, _), seen = started[0], page.found
    assert command[:2] == ["mock", "richness"]
    sky.save(galviz_home / "skies" / "demo")
    monkeypatch.setattr(jobs, "is_alive", lambda _: False)
    page.poll()
    assert page.job.result == "demo is ready."
    assert page.found > seen
    assert "demo" in shown(page)


def test_what_is_uploaded_is_explored_or_becomes_a_sky(galviz_home, tmp_path, started):
    page, folder = HomePage(), tmp_path / "abc"
    folder.mkdir()
    (folder / "t.csv").write_text("object_id,z\na,1\n")
    page._receive(folder / "t.csv")  # what the upload calls
    assert "./explore?upload=abc" in page.job.result
    (folder / "pictures.zip").write_bytes(b"PK")
    page._receive(folder / "pictures.zip")
    assert started[0][0][:2] == ["ingest", str(folder / "pictures.zip")]


def test_paths_are_told_apart(galviz_home, sky, make_run, pictures, tmp_path):
    run, folder, table = make_run("first", "done").path, galviz_home / "skies" / "tiny", tmp_path / "t.csv"
    table.write_text("object_id,z\na,1\n")
    paths = [str(path) for path in (folder, run, galviz_home / "runs", pictures, table)]
    assert split(paths) == (paths[:3], paths[3:])
    assert shows_table(table)
    assert shows_table("view.json")
    (tmp_path / "t.ecsv.gz").touch()
    assert shows_table(tmp_path / "t.ecsv.gz")
    assert not shows_table(pictures)
    assert first_page([]) == "/"
    assert first_page([str(table)]) == "/explore"
    assert first_page([str(folder)]) == "/train?tab=data&sky=tiny"
    assert first_page([str(run)]) == "/richness?tab=predictions"
    assert first_page([str(pictures)]) == "/"
    assert first_page(paths) == "/"


def test_every_page_of_the_site_opens(galviz_home, sky):
    pages = site([str(galviz_home / "skies" / "tiny")])
    assert {"/", "/explore", "/occlusion", "/train", "/richness", "/mergers", "/inpainting", "/channels"} <= set(pages)
    for make in pages.values():
        assert isinstance(pn.panel(make()), pn.viewable.Viewable)


def test_a_table_that_was_given_is_what_the_explorer_shows(galviz_home, tmp_path):
    table = tmp_path / "t.csv"
    pd.DataFrame({"object_id": ["a", "b"], "z": [0.1, 0.2]}).to_csv(table, index=False)
    page = site([str(table)])["/explore"]()
    texts = page.select(Text)
    assert any("<b>t.csv</b>: 2 objects, 1 columns" in str(text.object) for text in texts)


def test_a_folder_with_one_table_opens_it_and_with_several_lists_them(galviz_home, tmp_path):
    folder = tmp_path / "catalogues"
    folder.mkdir()
    (folder / "README").write_text("by hand")
    (folder / "one.dat").write_text("# RA DEC g[mag, AB]\n1.5 2.5 17\n3.5 4.5 99\n2.5 3.5 18\n")
    assert split([str(folder)]) == ([], [str(folder / "one.dat")])
    assert first_page([str(folder)]) == "/explore"
    page = ExplorePage([str(folder / "one.dat")], Library.find())
    page.body()
    assert page.opened.judged.explorer.table["g"].tolist() == [17, 99, 18]
    notes = page.noted().object
    assert "so the rows are numbered" in notes
    assert "99 in g (1 row): perhaps missing values." in notes

    (folder / "two.csv").write_text("object_id,z\na,0.1\n")
    assert first_page([str(folder)]) == "/"
    home = HomePage([str(folder)])
    assert home.path == ""
    assert ("./explore", "open=table+two.csv") in [(url.path, url.query) for url in links(shown(home))]
    explore = ExplorePage([], replace(Library.find(), given=home.library.given))
    assert explore.offered()["table two.csv"] == str(folder / "two.csv")
    (folder / "image.jpg").touch()
    assert split([str(folder)]) == ([], [str(folder)])


def test_a_card_of_a_table_leads_to_it(galviz_home, tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    for name in ("a", "b"):
        (tmp_path / "tables" / f"{name}.csv").write_text(f"object_id,z\n{name},0.1\n")
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: Location(search="?open=table+b.csv")))
    texts = site([str(tmp_path / "tables")])["/explore"]().select(Text)
    assert any("<b>b.csv</b>: 1 objects" in str(text.object) for text in texts)


def test_an_image_is_no_table_though_it_is_packed(tmp_path):
    fits.PrimaryHDU(np.zeros((8, 8), np.float32)).writeto(tmp_path / "cutout.fits.gz")
    fits.BinTableHDU(pd.DataFrame({"z": [0.1]}).to_records()).writeto(tmp_path / "table.fits.gz")
    (tmp_path / "stars.txt").write_text("object_id z\na 1\n")
    assert not shows_table(tmp_path / "cutout.fits.gz")
    assert shows_table(tmp_path / "table.fits.gz")
    assert shows_table(tmp_path / "stars.txt")


def test_the_run_that_was_given_opens_and_not_a_newer_one_of_the_same_name(tmp_path, galviz_home, sky, make_run):
    shutil.move(make_run("first").path, tmp_path / "first")
    make_run("first")
    given = str(tmp_path / "first")
    query = parse_qs(urlsplit(first_page([given])).query)
    page = open_study_page("richness", [given])
    page.page.from_query({name: values[0] for name, values in query.items()})  # as the page reads its address
    assert page.library.run_path(page.page.run) == tmp_path / "first"


@pytest.mark.parametrize(
    ("given", "images"),
    [(["run"], None), (["pictures"], "pictures"), (["run", "pictures"], "pictures"), (["pictures", "sky"], "sky")],
)
def test_the_images_of_a_table_are_a_sky_or_pictures_and_never_a_run(  # noqa: PLR0917 - fixtures
    given, images, sky, make_run, pictures, monkeypatch
):
    table, run, explored = pictures.parent / "t.csv", make_run("first"), []
    table.write_text("object_id,z\na,1\n")
    places = {"run": run.path, "pictures": pictures, "sky": run.data}
    monkeypatch.setattr(sites, "explore_page", lambda given, _: explored.append(given))
    for paths in ([table, *(places[name] for name in given)], [*(places[name] for name in given), table]):
        site([str(path) for path in paths])["/explore"]()
        assert explored.pop() == [str(table), *([str(places[images])] if images else [])]


def test_new_runs_and_their_ends_are_seen(galviz_home, sky, make_run):
    page = HomePage()
    page.poll()
    assert page.found == 0
    run = make_run("first", "failed")
    page.poll()
    assert page.found == 1
    assert "failed" in shown(page)
    run.write_state(status="stopped")
    page.poll()
    assert page.found == 2
    assert "stopped" in shown(page)
    run.write_state(epoch=3)  # a card does not say how far a run is
    (galviz_home / "runs" / "half").mkdir()
    (galviz_home / "runs" / "half" / "run.json").write_text("{")  # without a status
    page.poll()
    assert page.found == 3
    page.poll()
    assert page.found == 3


@pytest.mark.parametrize(
    ("log", "percent"),
    [
        ("", -1),
        ("$ galviz ingest /data/2024/05/sky --out x", -1),
        ("$ galviz ingest /data/1/0/sky\n3/4", 75),
        ("$ galviz ingest x\n10/40\n20/40\nreading 1/0", 50),
        ("$ galviz ingest x\nread /data/2024/05/a.fits", 100),
    ],
)
def test_the_progress_is_not_read_from_the_command(log, percent, galviz_home, monkeypatch):
    job = SkyJob(Library.find())
    job.making = "new"
    folder = job._log_folder("new")
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text(log)
    monkeypatch.setattr(jobs, "is_alive", lambda _: True)
    job.poll()
    assert job.percent == percent


def test_the_command_serves_to_this_computer_only(galviz_home, monkeypatch, capsys):
    served = {}
    monkeypatch.setattr(sites.pn, "serve", lambda pages, **options: served.update(options, pages=pages))
    assert main(["open", "--no-browser"]) == 0
    assert served["address"] == "127.0.0.1"
    assert served["websocket_origin"] == [f"127.0.0.1:{served['port']}", f"localhost:{served['port']}"]
    assert f"http://127.0.0.1:{served['port']}/" in capsys.readouterr().out
    assert main(["open", "nowhere"]) == 2
    assert "nowhere" in capsys.readouterr().err
