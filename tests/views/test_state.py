import panel as pn
import pytest
from panel.io.location import Location

from galviz.views.state import Chooser, PageState, keep_in_address


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
