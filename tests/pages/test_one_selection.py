"""One selection a page: all tabs share it, each with its own table."""

import panel as pn
import pytest
from panel.io.location import Location

from galviz.pages.page import open_study_page
from galviz.runs.predictions import Predictions
from galviz.tools.selection.core import Selection


@pytest.fixture
def page(sky, estimates, make_run):
    """The page of richness with a finished run, whose second half of the objects is held out."""
    fold = [-1] * 6 + [0] * 6
    run = make_run("first", predictions=Predictions(estimates.table.assign(fold=fold), estimates.target))
    run.weights.write_bytes(b"weights")
    return open_study_page("richness")


def opened(page, tab):
    page.page.tab = tab
    content = page.body()
    assert content.get_root()
    return content


def test_what_is_selected_goes_along_from_tab_to_tab(page, sky):
    ids, selection = list(sky.object_ids), page.page.selection
    opened(page, "data")
    selection.choose(ids[4:8])
    assert len(selection.table) == 12
    selection.focus = ids[7]
    opened(page, "predictions")
    view = page.results.view
    assert view.explorer.selection is selection
    assert selection.table is view.explorer.table
    assert (selection.ids.tolist(), selection.focus) == (ids[6:8], ids[7])
    assert view.judge.measures()._pairs[0].tolist() == view.table.loc[ids[6:8], "ln_richness_true"].tolist()
    selection.where("ln_richness > 0")  # a column that only this table has
    opened(page, "data")
    assert len(selection.table) == 12
    assert selection.ids.tolist() == ids[6:]
    opened(page, "predictions")
    assert page.results.view is view
    assert selection.table is view.explorer.table


def test_the_why_tab_explains_what_is_selected_in_the_predictions(page, sky, monkeypatch):
    made = []

    class Why(pn.viewable.Viewer):
        def __init__(self, _run, _cutouts, selection):
            super().__init__()
            self.selection = selection
            made.append(self)

        def close(self):
            made.remove(self)

        def __panel__(self):
            return pn.pane.HTML("why")

    monkeypatch.setattr("galviz.pages.results.results.WhyView", Why)
    opened(page, "predictions")
    page.page.selection.choose(sky.object_ids[[8, 9]])
    opened(page, "why")
    (why,) = made
    assert why.selection.ids.tolist() == list(sky.object_ids[[8, 9]])
    opened(page, "predictions")
    page.results.view.training = True
    page.page.selection.choose(sky.object_ids[[0, 9]])
    opened(page, "why")
    assert why.selection.ids.tolist() == list(sky.object_ids[[0, 9]])


def test_another_run_is_shown_where_its_tab_is_open(page, make_run, estimates, sky):
    make_run("second", predictions=estimates)  # every other object is held out
    opened(page, "predictions")
    first = page.results.view
    page.page.selection.choose(sky.object_ids[[8, 9]])
    opened(page, "runs")
    page.page.run = "second"
    assert page.results.view is first  # a hidden tab is left alone
    assert page.page.selection.table is first.explorer.table
    opened(page, "predictions")
    second = page.results.view
    assert second is not first
    assert second.run.name == "second"
    assert page.page.selection.ids.tolist() == [sky.object_ids[8]]
    version = first.explorer.changed
    page.page.selection.choose(sky.object_ids[[0]])
    assert first.explorer.changed == version


def test_the_switch_keeps_selection_and_settings(estimates, sky):
    from galviz.pages.results.regression import View

    selection = Selection()
    view = View(estimates, selection, sky)
    held_out = view.explorer
    view.explorer.plots[1].x = "richness"
    view.explorer.gallery.order = "z"
    selection.choose(sky.object_ids[[2, 4]])
    view.training = True
    assert len(selection.table) == 12
    assert selection.ids.tolist() == list(sky.object_ids[[2, 4]])
    assert (view.explorer.plots[1].x, view.explorer.gallery.order) == ("richness", "z")
    selection.where("z > 0", how="add")
    view.explorer.plots[1].x = "z"
    view.training = False
    assert view.explorer is held_out
    assert len(selection) == len(selection.table) == 6
    assert view.explorer.plots[1].x == "z"


def test_the_address_has_the_state_of_the_tab_that_is_open(page, sky, monkeypatch):
    location = Location()
    monkeypatch.setattr(type(pn.state), "location", property(lambda _: location))
    opened(page, "data")
    opened(page, "predictions")
    page.page.selection.where("ln_richness > 3")
    assert "predictions=" in location.search
    assert "ln_richness+%3E+3" in location.search
    assert "data=" not in location.search
