"""The view of best fits: what is fitted when, and what is said where there is no answer."""

import time
from html import unescape

import panel as pn
import pytest
from at_once import Soon, random_gan
from panel.io.location import Location
from panel.models.markup import HTML
from shown import all_text

from galviz.pages.page import open_study_page
from galviz.pages.repair_tab import RepairTab
from galviz.pages.run_tab import RunTab
from galviz.pages.state import PageState
from galviz.runs.best_fits import known_fits
from galviz.tools.repair.core import SETTINGS
from galviz.tools.repair.view import RepairView
from galviz.tools.selection.core import Selection


@pytest.fixture
def given(tiny_sky, galviz_home, monkeypatch):
    monkeypatch.setattr("galviz.tools.repair.core.Work", Soon)
    tiny_sky.save(galviz_home / "skies" / "tiny")
    run, _ = random_gan(galviz_home / "runs" / "random", tiny_sky, galviz_home / "skies" / "tiny")
    return run, tiny_sky


def ended(view):
    until = time.monotonic() + 60
    while view.running and time.monotonic() < until:
        view.poll()
        time.sleep(0.01)
    assert not view.running
    return view


def test_the_chosen_are_fitted_else_the_focus_and_the_next(given):
    run, sky = given
    ids = sky.object_ids
    selection = Selection(sky.catalogue, focus=ids[-1])
    view = ended(RepairView(run, sky, selection, steps=2, count=3))
    assert view.found.ids == [ids[-1], ids[0], ids[1]]
    assert "done: 2 steps" in view._progress()
    selection.focus = ids[4]
    assert ended(view).found.ids == list(ids[4:7])
    selection.choose([ids[7], ids[2]])
    assert set(ended(view).found.ids) == {ids[7], ids[2]}
    assert view.__panel__().get_root()


def test_bands_are_hidden_by_a_click_and_all_of_them_is_refused(given):
    run, sky = given
    view = ended(RepairView(run, sky, Selection(sky.catalogue), steps=1))
    assert view.found.off == ("u",)
    view.off = ["r", "i"]
    assert ended(view).found.off == ("r", "i")
    assert view._fluxes().count("<tr>") == 1 + 2 * view.count
    view.off = list(sky.bands)
    assert "expected a band left" in view.error
    assert not view.running
    view.off = []
    assert ended(view).error == ""
    assert "Switch one off" in view._fluxes()


def test_nothing_is_fitted_until_it_is_asked_for(given):
    run, sky = given
    view = RepairView(run, sky, Selection(sky.catalogue), at_once=False, steps=1)
    assert view.found is None
    assert view.__panel__().get_root()
    view.fit()
    assert ended(view).found.step == 1


def test_what_was_filled_in_can_be_taken_away(given):
    run, sky = given
    view = ended(RepairView(run, sky, Selection(sky.catalogue), steps=1, count=2))
    assert view._out().title.startswith("Export")
    out = view.export_panel()
    assert "u_flux" in out.table.columns
    assert "filled in by best fits" in out.cutouts.origin


def test_the_page_opens_where_bands_can_be_hidden_and_has_no_map_of_why(given):
    run, _ = given
    assert known_fits(run) is None
    page = open_study_page("inpainting")
    assert page.page.tab == "repair"
    assert "why" not in page.page.tabs
    assert pn.panel(page).get_root()
    for tab in page.page.tabs:
        page.page.tab = tab
        assert pn.panel(page).get_root()
    page.tabs["repair"].shown.close()


def test_without_a_run_the_page_says_what_to_do(galviz_home):
    page = open_study_page("inpainting")
    assert page.page.tab == "data"
    page.page.tab = "repair"
    assert "Train one on the tab" in all_text(page.body())


def test_the_focus_of_the_page_is_that_of_the_tab(given):
    run, sky = given
    page = PageState(("repair",))
    page.selection.focus = sky.object_ids[3]
    tab = RepairTab(run, sky, page)
    assert tab.repair.found.ids[0] == sky.object_ids[3]
    tab.selection.focus = sky.object_ids[6]
    assert page.selection.focus == sky.object_ids[6]
    tab.close()


def test_the_address_says_what_is_hidden_and_opens_it_again(given, monkeypatch):
    run, sky = given
    location = Location(search="?theme=dark&steps=3&objects=2&hidden=g,z")
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    tab = RepairTab(run, sky, PageState(("repair",)))
    assert (tab.repair.off, tab.repair.steps, tab.repair.count) == (["g", "z"], 3, 2)
    tab.repair.off = []
    tab.repair.param.update(restarts=2, polish=1, prior=0.5, weighting="noise")
    again = RepairTab(run, sky, PageState(("repair",)))
    assert (again.repair.off, again.repair.steps) == ([], 3)
    assert [getattr(again.repair.found.fit, name) for name in SETTINGS] == [3, 2, 1, 0.5, "noise"]
    assert "theme=dark" in location.search
    location.search = (
        "?steps=-1&objects=many&hidden=u,y&prior=inf&weighting=all&restarts=99&polish=x"  # nonsense is left out
    )
    other = RepairTab(run, sky, PageState(("repair",))).repair
    assert (other.off, other.steps, other.count) == (["u"], 100, 4)
    assert other.found.fit == run.recipe.fit
    for one in (tab.repair, again.repair, other):
        one.cancel()


def texts(view):
    """What is written in a view."""
    return " ".join(str(model.text) for model in view.get_root().select({"type": HTML}))


def test_a_run_is_shown_as_soon_as_it_is_done_even_without_redshifts(given):
    run, _ = given
    weights = run.weights.read_bytes()
    run.weights.unlink()
    run.write_state(status="running")
    page = open_study_page("inpainting")
    page.page.run, page.page.tab = run.name, "repair"
    tab = RunTab(page, "repair", lambda run, _: pn.pane.Str(run.name))
    shown = tab.__panel__()
    shown.get_root()
    assert "it can be used once it is done" in texts(shown)
    run.weights.write_bytes(weights)
    run.write_state(status="done")
    page.poll()
    assert f"<pre>{run.name}" in unescape(texts(shown))
    body = tab.body()
    run.write_state(status="done", message="")
    assert tab.body() is body  # a fit is not begun anew for nothing


def test_what_is_refused_is_said_and_leaves_no_old_pictures(given):
    run, sky = given
    view = ended(RepairView(run, sky, Selection(sky.catalogue), steps=1))
    assert "Residual: from −6 (blue) to +6 noises (red)" in view._pictures()
    assert [len(losses) for losses in view._losses.data[0].values()] == [4, 4]
    view.off = list(sky.bands)
    assert (view._pictures(), view._fluxes(), view._losses.data) == ("", "", ({}, []))


class Going:
    """Fits of which something has come whenever one looks."""

    def __init__(self):
        self.status, self.ids, self.steps, self._step = "running", [], 100, 0

    @property
    def step(self):
        self._step += 1
        return self._step

    def losses(self):
        return {}

    def cancel(self):
        self.status = "cancelled"


def test_drawing_leaves_time_for_clicks(given):
    run, sky = given
    view = RepairView(run, sky, Selection(sky.catalogue), at_once=False)
    view.param.update(found=Going(), running=True)
    view.param.watch(lambda _: time.sleep(0.3), ["version"])  # a slow drawing
    view.poll()
    view.poll()
    assert view.version == 1
    time.sleep(0.35)
    view.poll()
    assert view.version == 2
