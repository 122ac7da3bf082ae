import pandas as pd
import panel as pn
import pytest
from panel.io.location import Location

from galviz.pages import state
from galviz.pages.state import TABS, Chooser, PageState, keep_in_address
from galviz.pages.tabs import no_run
from galviz.tools.selection.view import SelectionBar


@pytest.fixture
def location(monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    return location


@pytest.mark.parametrize("object_id", ["1237658493878337918", "0071", "1e5", "true", "[1]", "a&b=c ü"])
def test_an_id_comes_back_from_the_address_as_it_was(location, object_id):
    location.search = "?theme=dark"
    page = PageState()
    keep_in_address(page)
    page.param.update(tab="predictions", run="7", sky="007")
    page.selection.focus = object_id
    again = PageState()
    keep_in_address(again)
    assert (again.tab, again.run, again.sky, again.selection.focus) == ("predictions", "7", "007", object_id)
    assert "theme=dark" in location.search


def test_nonsense_in_the_address_is_left_out(location):
    location.search = "?tab=nowhere&what=else"
    page = PageState()
    keep_in_address(page)
    assert page.to_query() == {"tab": "data"}


def test_a_page_may_have_more_tabs_of_which_the_first_is_open(location):
    location.search = "?tab=threshold"
    page, other = PageState(("threshold", *TABS)), PageState()
    assert (page.tab, other.tab) == ("threshold", "data")
    page.tab = "runs"
    for each in (page, other):
        keep_in_address(each)
    assert (page.tab, other.tab) == ("threshold", "data")  # the address of one page makes no sense on the other
    assert (page.tabs[0], other.tabs) == ("threshold", list(TABS))


def test_a_choice_goes_both_ways_and_follows_what_is_found():
    page, found = PageState(run="b"), ["a", "b"]
    select = Chooser(page, "run", lambda: found, "Run").select
    assert (select.value, select.options) == ("b", ["a", "b"])
    select.value = "a"
    assert page.run == "a"
    page.run = "just started"  # not found yet, and kept all the same
    assert (select.value, select.options) == ("just started", ["just started", "a", "b"])
    assert page.run == "just started"
    found.insert(0, "just started")
    page.found += 1
    assert select.options == ["just started", "a", "b"]


def test_selected_objects_that_another_run_does_not_have_are_named(monkeypatch):
    shown = []
    monkeypatch.setattr(state, "toast", shown.append)
    page = PageState()
    bar = SelectionBar(page.selection)
    one, other = (pd.DataFrame(index=pd.Index(list(ids), name="object_id")) for ids in ("abcdef", "cdx"))
    page.selection.show(one)
    page.selection.choose("abcd")
    assert not shown
    page.selection.show(other)
    text = "2 of 4 selected objects are not in this table"
    assert len(shown) == 1
    assert shown[0].startswith(text)
    assert text in bar.summary()
    for table in (one, other, one):  # as with each turn from tab to tab
        page.selection.show(table)
    assert len(shown) == 1
    assert text not in bar.summary()


def test_a_tab_that_needs_a_run_leads_to_the_training():
    page = PageState()
    page.tab = "predictions"
    (button,) = no_run(page).select(pn.widgets.Button)
    button.clicks += 1
    assert page.tab == "train"
    assert not no_run(PageState(["data", "why"])).select(pn.widgets.Button)
