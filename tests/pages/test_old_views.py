"""Views that were saved before the columns of predictions had one name all the way."""

import json

import pytest

from galviz.pages.explore_page import ExplorePage
from galviz.pages.library import Library
from galviz.pages.results.pretext import View as BandsView
from galviz.pages.results.regression import View as RegressionView
from galviz.pages.saved_views import KIND, with_new_names
from galviz.runs.predictions import Predictions
from galviz.sky.cutouts import CutoutSet
from galviz.tools.selection.core import Selection

OLD = {
    "selection": {
        "focus": None,
        "steps": [
            ["where", {"expression": "estimate > truth and seen == False", "how": "replace"}],
            [
                "lasso",
                {"x": "truth", "y": "estimate - truth", "polygon": [[0, -1], [9, -1], [9, 1], [0, 1]], "how": "keep"},
            ],
            ["box", {"bounds": {"estimate": [0, 9], "z": [0, 1]}, "how": "keep"}],
        ],
    },
    "plots": [
        {"kind": "scatter", "x": "truth", "y": "estimate", "colour": "spread", "guide": "1:1 line"},
        {"kind": "scatter", "x": "z", "y": "abs(residual) / sigma", "colour": "", "guide": "none"},
    ],
    "gallery": {"order": "estimate", "filter": "truth > 0.50", "captions": ["estimate", "truth", "z"]},
}


@pytest.fixture
def predictions(estimates):
    return Predictions(estimates.table.assign(ln_richness_spread=0.1, ln_richness_sigma=0.2), estimates.target)


def saved(state, **about):
    return json.dumps({"kind": KIND, "galviz": "0.1", **about, "state": state})


def restored(explorer):
    first, second = explorer.plots
    assert (first.x, first.y, first.colour) == ("ln_richness_true", "ln_richness", "ln_richness_spread")
    assert second.y == "abs(residual) / ln_richness_sigma"
    assert explorer.gallery.captions == ["ln_richness", "ln_richness_true", "z"]
    assert (explorer.gallery.order, explorer.gallery.filter) == ("ln_richness", "ln_richness_true > 0.5")
    where, lasso, box = explorer.selection.steps
    assert where[1]["expression"] == "ln_richness > ln_richness_true and in_training == False"
    assert (lasso[1]["x"], lasso[1]["y"]) == ("ln_richness_true", "ln_richness - ln_richness_true")
    assert list(box[1]["bounds"]) == ["ln_richness", "z"]
    assert len(explorer.selection) > 0


def test_an_old_view_of_a_run_opens_on_its_page(predictions, sky):
    view = RegressionView(predictions, Selection(), sky)
    view.kept.open(saved(OLD))
    assert view.kept.error == ""
    restored(view.explorer)


def test_an_old_view_of_a_run_opens_on_the_page_of_tables(predictions, sky, make_run, galviz_home):
    run = make_run("first", predictions=predictions)
    file = galviz_home / "view.json"
    file.write_text(saved(OLD, table=str(run.path), images=None))
    page = ExplorePage([file], Library.find())
    assert page.body().get_root()
    restored(page.view.explorer)


def test_an_old_view_of_bands_opens(told_bands, sky):
    view = BandsView(told_bands, Selection(), sky)
    where = {"expression": "col('u taken for') == 'g' and col('bands right') > 2", "how": "replace"}
    state = {"plots": [{"kind": "histogram", "x": "bands right"}], "selection": {"steps": [["where", where]]}}
    view.kept.open(saved(state))
    assert view.kept.error == ""
    assert view.explorer.plots[0].x == "bands_correct"
    assert len(view.explorer.selection) == 6


def test_columns_that_the_table_has_keep_their_names(predictions, sky):
    catalogue = sky.catalogue.assign(truth=1.0)
    named = CutoutSet(images=sky.images, bands=sky.bands, catalogue=catalogue, pixel_scale=0.4, unit="nanomaggy")
    view = RegressionView(predictions, Selection(), named)
    view.kept.open(saved({"plots": [{"kind": "scatter", "x": "truth", "y": "estimate"}]}))
    assert (view.explorer.plots[0].x, view.explorer.plots[0].y) == ("truth", "ln_richness")


def test_what_is_no_old_name_stays_as_it_was_written():
    names = {"estimate": "class", "u - g": "v"}
    state = {"plots": [{"x": "estimate", "y": "u - g", "colour": "(broken"}], "gallery": {"filter": "z<0.30"}}
    new = with_new_names(state, names)
    assert new["plots"] == [{"x": "class", "y": "v", "colour": "(broken"}]
    assert new["gallery"]["filter"] == "z<0.30"
    assert (
        with_new_names({"gallery": {"filter": "estimate == 'a'"}}, names)["gallery"]["filter"] == "col('class') == 'a'"
    )
    assert with_new_names(state, {}) == state
