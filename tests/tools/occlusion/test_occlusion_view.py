"""The occlusion view: what is asked when, and what is said where there is no answer."""

import shutil

import numpy as np
import panel as pn
import pytest
from at_once import Now, random_run

from galviz.pages.library import Library
from galviz.pages.occlusion_page import OcclusionPage
from galviz.pages.why import WhyView
from galviz.tools.occlusion.result import sanity_text
from galviz.tools.selection.core import Selection


class Never(Now):
    """Work of which nothing comes."""

    def __init__(self, function, chunks, _=None):
        super().__init__(function, [])
        self.total, self.status = len(chunks), "running"


@pytest.fixture
def given(tiny_sky, galviz_home, monkeypatch):
    monkeypatch.setattr("galviz.work.explanation.Work", Now)
    tiny_sky.save(galviz_home / "skies" / "tiny")
    run, _ = random_run(galviz_home / "runs" / "random", tiny_sky, galviz_home / "skies" / "tiny")
    return run, tiny_sky


def test_what_comes_into_focus_is_explained_and_told_in_one_message(given):
    run, sky = given
    selection = Selection(sky.catalogue, focus=sky.object_ids[3])
    view = WhyView(run, sky, selection)
    assert view.__panel__().get_root()
    view.poll()
    told = view.one.canvas.latest
    assert told["object"]["id"] == told["map"]["id"] == sky.object_ids[3]
    assert not view.one.running
    assert "done" in view.one.progress()
    selection.focus = sky.object_ids[5]
    assert list(view.one.canvas.latest) == ["object"]  # the old map is gone with its object
    view.poll()
    assert view.one.canvas.latest["map"]["id"] == sky.object_ids[5]
    view.one.step(1)
    assert selection.focus == sky.object_ids[6]


def test_bands_are_asked_for_once_and_then_turned(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.request.band = "g"
    view.poll()
    found = view.found
    view.request.band = "z"
    assert view.found is found
    values = np.frombuffer(view.canvas.latest["map"]["values"], "<f4").reshape(16, 16)
    np.testing.assert_array_equal(values, found.map()[4])
    view.request.stride = 3
    assert view.found is not found


def test_nothing_is_asked_where_the_visitor_wants_to_ask(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    view.poll()
    view.at_once = False
    view.selection.focus = sky.object_ids[1]
    assert view.found is None
    view.explain()
    view.poll()
    assert view.canvas.latest["map"]["id"] == sky.object_ids[1]


def test_cancel_keeps_what_has_come(given, monkeypatch):
    run, sky = given
    monkeypatch.setattr("galviz.work.explanation.Work", Never)
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    assert (view.running, view.progress()) == (True, view.progress())
    assert "starting" in view.progress()
    view.cancel()
    assert not view.running
    assert "cancelled" in view.progress()
    monkeypatch.setattr(
        "galviz.work.explanation.Work",
        type(
            "Failed",
            (Never,),
            {
                "status": property(lambda _: "failed", lambda *_: None),
                "error": property(lambda _: "no <workers>", lambda *_: None),
            },
        ),
    )
    view.explain()
    view.poll()
    assert "no <workers>" in view.error


def test_the_mean_is_over_what_is_chosen(given):
    run, sky = given
    selection = Selection(sky.catalogue)
    view = WhyView(run, sky, selection)
    selection.choose(sky.object_ids[:3])
    view.mean.start()
    view.poll()
    assert view.mean.found.count == 3
    selection.choose([])
    view.mean.start()
    view.poll()
    assert view.mean.found.count == len(sky)
    words, maps = view.mean.view()
    assert "occluder" in words.object
    assert len(maps) == 1


def test_the_page_offers_what_can_be_explained(given, make_run):
    make_run("unfinished", "stopped")
    page = OcclusionPage(Library.find())
    assert page.param.run.objects == ["random"]
    assert page.body()
    assert page.shown.one.run.name == "random"


def buttons(layout):
    return list(layout.select(pn.widgets.FileDownload))


def test_files_are_of_the_whole_map_that_is_shown(given):
    run, sky = given
    view = WhyView(run, sky, Selection(sky.catalogue, focus=sky.object_ids[3])).one
    assert not buttons(pn.Column(view.result()))  # nothing has come yet
    view.request.band = "r"
    view.poll()
    fits_file, png = buttons(pn.Column(view.result()))
    assert fits_file.filename == f"occlusion_{sky.object_ids[3]}.fits"
    before = png.callback().read()
    view.at_once = False
    view.request.band = "all bands"  # nothing new is asked: the map of r stays, and with it what is saved
    assert view.found.bands[view.row] == "r"
    assert buttons(pn.Column(view.result()))[1].callback().read() == before


def test_a_map_that_has_not_come_is_not_written(given, monkeypatch):
    run, sky = given
    monkeypatch.setattr("galviz.work.explanation.Work", Never)
    view = WhyView(run, sky, Selection(sky.catalogue)).one
    with pytest.raises(ValueError, match="to_fits: expected a whole map"):
        view.found.to_fits()


def test_a_sanity_check_of_an_even_map_says_that_there_is_nothing_to_compare():
    assert "nothing to compare" in sanity_text(np.nan)
    assert "0.29" in sanity_text(0.29)


def test_the_run_that_was_named_comes_first(given, galviz_home):
    for name in ("newer", "named"):
        shutil.copytree(galviz_home / "runs" / "random", galviz_home.parent / name / "run")
    page = OcclusionPage(Library.find([str(galviz_home.parent / "named" / "run")]))
    assert page.library.run_path(page.run) == galviz_home.parent / "named" / "run"
