"""What a visitor can open by a path: only what lies in GALVIZ_HOME or in what the page was started on."""

import json
from pathlib import Path
from urllib.parse import urlencode

import panel as pn
import pytest
from panel.io.location import Location

from galviz.io.tables import write_table
from galviz.pages.explore_page import ExplorePage
from galviz.pages.library import Library
from galviz.pages.occlusion_page import OcclusionPage
from galviz.pages.page import open_study_page
from galviz.pages.state import PageState
from galviz.pages.sweeps import LabelsTab
from galviz.pages.threshold_page import ThresholdPage
from galviz.pages.train import TrainPanel
from galviz.studies import richness
from galviz.work import processes as jobs

OUT = [
    "../../outside",
    "../outside",
    "../../x",
    "../../../etc",
    "..",
    ".",
    "",
    "/etc",
    "runs/../../outside",
    "a\0b",
    "x" * 300,
    "link",
]


@pytest.fixture
def location(monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    return location


@pytest.fixture
def outside(galviz_home, make_run, estimates, sky, tmp_path):
    """A run, a sky and a table beside the home, and links to them in the home; in the home a run and a sky."""
    make_run("inside", predictions=estimates)
    outside = tmp_path / "outside"
    make_run("moved", predictions=estimates).path.rename(outside)
    sky.save(tmp_path / "outside_sky")
    write_table(tmp_path / "secret.csv", sky.catalogue, "csv")
    (outside / "run.json").rename(outside / "hidden.json")  # as what is no run: a link to a run is the owner's
    (galviz_home / "runs" / "link").symlink_to(outside)
    (galviz_home / "secret.csv").symlink_to(tmp_path / "secret.csv")
    return outside


@pytest.mark.parametrize("name", OUT)
def test_no_name_of_a_run_leads_out_of_the_runs(outside, galviz_home, name):
    assert Library.find().run_path(name) is None
    made = galviz_home / "runs" / "new"
    made.mkdir()
    assert Library.find().run_path("new") == made
    assert Library.find().run_path("inside") == galviz_home / "runs" / "inside"


@pytest.mark.parametrize("study", ["richness", "mergers", "inpainting", "channels"])
@pytest.mark.parametrize("name", OUT)
def test_no_address_of_a_study_opens_a_run_or_a_sky_elsewhere(outside, location, study, name):
    before = list(outside.iterdir())
    location.search = "?" + urlencode({"run": name, "sky": name, "tab": "train"})
    page = open_study_page(study)
    assert page.page.sky == ("tiny" if "tiny" in page.library.skies() else "")
    assert page.page.run == page.library.first_run()
    page.page.run = name  # an address that changes
    assert page.train.run.view is None
    page.train.run.resume()
    page.train.run.stop()
    assert {file.name for file in outside.iterdir()} == {file.name for file in before}


@pytest.mark.parametrize("name", OUT)
def test_no_address_of_an_explorer_opens_a_file_of_the_server(outside, location, name, tmp_path, galviz_home):
    for given in (name, str(tmp_path / "secret.csv"), "../../etc/passwd"):
        for kind in (ExplorePage, ThresholdPage, OcclusionPage):
            location.search = "?" + urlencode(
                {"open": given, "upload": given, "run": given, "table": given, "ids": given}
            )
            page = kind(Library.find()) if kind is OcclusionPage else kind([], Library.find())
            assert page.body() is not None
            if kind is OcclusionPage:
                assert page.run in {"", "inside"}
            else:
                assert page.uploaded == ""
                assert all(Path(path).resolve().is_relative_to(galviz_home) for path in page.given)


def test_a_path_is_allowed_where_it_lies_in_the_home_or_in_what_was_given(outside, galviz_home, tmp_path, sky):
    library = Library.find()
    assert library.allowed(galviz_home / "runs" / "inside") == (galviz_home / "runs" / "inside").resolve()
    assert library.allowed(galviz_home / "skies" / "tiny" / "galviz.json").name == "galviz.json"
    assert Library.find([tmp_path / "outside_sky"]).allowed(tmp_path / "outside_sky").name == "outside_sky"
    given = ExplorePage([tmp_path / "secret.csv"], library).library
    assert given.allowed(tmp_path / "secret.csv").name == "secret.csv"


def test_a_sky_that_the_owner_linked_is_open(outside, galviz_home, tmp_path):
    (galviz_home / "skies" / "big").symlink_to(tmp_path / "outside_sky")
    library = Library.find()
    assert "big" in library.skies()
    assert library.allowed(library.skies()["big"]) == (tmp_path / "outside_sky").resolve()


@pytest.mark.parametrize(
    "path",
    [
        "{home}/../secret.csv",
        "{home}/secret.csv",
        "{home}/runs/link",
        "/etc/passwd",
        "../../etc/passwd",
        "secret.csv",
        "a\0b",
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(outside, galviz_home, path):
    with pytest.raises(ValueError, match=r"encoder: expected a path in .* or in what the page was started on, got"):
        Library.find().allowed(path.format(home=galviz_home), "encoder")


@pytest.mark.parametrize("key", ["table", "images"])
def test_a_saved_view_opens_no_file_elsewhere(outside, tmp_path, tiny_sky, key, galviz_home):
    (tmp_path / "views").mkdir()
    view = tmp_path / "views" / "view.json"
    write_table(tmp_path / "views" / "t.csv", tiny_sky.catalogue, "csv")
    near = {"table": str(tmp_path / "views" / "t.csv"), "images": None}
    saved = {"kind": "galviz view", "state": {}} | near
    view.write_text(json.dumps(saved))
    assert "12 objects" in ExplorePage([view], Library.find()).body()[0].object
    for other in (tmp_path / "secret.csv", "../secret.csv", "/etc/passwd", tmp_path / "outside_sky"):
        view.write_text(json.dumps(saved | {key: str(other)}))
        shown_text = ExplorePage([view], Library.find()).body().object
        assert f"{key.capitalize() if key == 'table' else key}: expected a path in" in shown_text
    view.write_text(json.dumps(saved | {"images": str(tmp_path / "outside_sky")}))
    page = ExplorePage([view, tmp_path / "outside_sky"], Library.find())  # the owner gives that too
    assert "12 objects" in page.body()[0].object


def test_a_state_that_a_visitor_opens_reads_no_file(outside, tmp_path, tiny_sky):
    write_table(tmp_path / "t.csv", tiny_sky.catalogue.head(3), "csv")
    page = ExplorePage([tmp_path / "t.csv"], Library.find())
    page.body()
    table, images = str(tmp_path / "secret.csv"), str(tmp_path / "outside_sky")
    page.view.open(json.dumps({"kind": "galviz view", "table": table, "images": images, "state": {}}))
    assert len(page.view.explorer.table) == 3
    assert page.view.explorer.cutouts is None


def test_an_encoder_must_lie_in_the_library(outside, galviz_home, sky):
    train = TrainPanel(richness.STUDY, Library.find(), PageState(sky="tiny"))
    inside = galviz_home / "runs" / "inside"
    train.encoder = str(inside)
    assert train.command("out")[-1] == str(inside.resolve())
    for path in ("/etc/passwd", str(outside), str(galviz_home / "runs" / "link")):
        train.encoder = path
        with pytest.raises(ValueError, match="encoder: expected a path in"):
            train.command("out")


@pytest.mark.parametrize("name", ["fractions", "settings"])
@pytest.mark.parametrize("words", ["--encoder /etc/passwd", "0.5 --data=/etc", "epochs=1 -h"])
def test_a_form_of_a_sweep_takes_no_options_of_the_command_line(sky, monkeypatch, name, words):
    started = []
    monkeypatch.setattr(jobs, "start", lambda command, _: started.append(command))
    tab = LabelsTab("richness", Library.find(), PageState(sky="tiny"))
    setattr(tab, name, words)
    tab.start()
    assert started == []
    assert "expected no options of the command line" in tab.error
