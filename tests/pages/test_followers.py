"""A content of a tab that is replaced: nothing follows the selection for it any more, and nothing polls."""

import gc
import shutil
from weakref import ref

import panel as pn
import pytest
from at_once import Now, random_run
from bokeh.document import Document
from panel.io.state import set_curdoc

from galviz.pages.followers import Followers
from galviz.pages.library import Library
from galviz.pages.occlusion_page import OcclusionPage
from galviz.pages.page import open_study_page
from galviz.tools.selection.core import Selection


@pytest.fixture
def runs(sky, estimates, galviz_home, monkeypatch):
    """Names of two runs that can be explained."""
    monkeypatch.setattr("galviz.work.chunks.Work", Now)
    run, _ = random_run(galviz_home / "runs" / "a", sky, galviz_home / "skies" / "tiny")
    run.update_info(target=estimates.target.to_json())
    run.save_predictions(estimates)
    shutil.copytree(run.path, galviz_home / "runs" / "b")
    return ["a", "b"]


@pytest.fixture
def polling(monkeypatch):
    """A visitor's page, with what polls on it."""
    polling = []

    class Polls:
        def __init__(self, *_, **__):
            polling.append(self)

        def stop(self):
            polling.remove(self)

    monkeypatch.setattr(pn.state, "add_periodic_callback", Polls)
    monkeypatch.setattr(type(pn.state), "location", None)
    with set_curdoc(Document()):
        yield polling


def followers(selection):
    return len(Followers(selection).now())


def shown(page, tab, run):
    page.page.tab = tab
    page.page.run = run
    drawn = pn.panel(page.body()), pn.panel(page._left()), pn.panel(page._right())
    assert all(one.get_root() for one in drawn)
    return ref(page.tabs[tab].made)


def test_runs_that_are_shown_one_after_the_other_leave_nothing_behind(runs, polling):
    page = open_study_page("richness")
    selection, first, olds, seen = page.page.selection, {}, [], []
    selection.param.watch(seen.append, "version")
    for tab in ("predictions", "why"):
        for name in runs:
            olds.append(shown(page, tab, name))
            now = followers(selection), len(polling)
            assert first.setdefault(tab, now) == now
    shown(page, "predictions", "a")  # the other tab keeps what it shows
    assert (followers(selection), len(polling)) == first["why"]
    view = page.results.view
    version = view.explorer.changed
    selection.choose(view.explorer.table.index[:1])
    assert view.explorer.changed > version
    gc.collect()
    assert olds[2]() is None  # an old view of "why" is not kept
    assert seen  # the page itself follows on


def test_the_occlusion_page_leaves_nothing_behind_either(runs, polling):
    page, found = OcclusionPage(Library.find()), set()
    for name in runs:
        page.run = name
        assert page.body().get_root()
        found.add((followers(page.selection), len(polling)))
    assert len(found) == 1


def test_what_follows_belongs_to_the_tab_that_is_open():
    selection, received = Selection(), []
    followers = Followers(selection)

    def follow(name):
        selection.param.watch(lambda _: received.append(name), "focus")

    followers.turn("one")
    follow("page")
    followers.release()
    follow("one")
    followers.turn("two")
    follow("two")
    followers.turn("one")
    follow("one again")
    followers.release()
    selection.focus = "a"
    assert received == ["page", "two"]
    followers.turn("two")
    followers.release()
    selection.focus = "b"
    assert received == ["page", "two", "page"]
