"""What a page says of errors that a network estimates of itself."""

import numpy as np
import pandas as pd
import pytest
from bokeh.models import Plot

from galviz.pages.results.regression import View as PredictionsView
from galviz.runs.predictions import Predictions
from galviz.tools.intervals.view import CoverageView, coverage_html, verdict
from galviz.tools.selection.core import Selection


@pytest.fixture
def unsure(estimates):
    return Predictions(estimates.table.assign(ln_richness_sigma=0.2), estimates.target)


def rows(pulls, sigma=1.0):
    return pd.DataFrame({"truth": pulls, "estimate": 0.0, "estimate_sigma": sigma})


def test_intervals_that_are_too_narrow_or_too_wide_are_called_so():
    pulls = np.random.default_rng(0).normal(0, 1, 2000)
    shown_text = CoverageView(rows(pulls, 0.5), "ln λ").table()
    assert shown_text.count("too narrow") == 3
    assert f"<td>{100 * (np.abs(pulls) <= 0.5).mean():.1f} %</td>" in shown_text
    assert CoverageView(rows(pulls, 2.0), "ln λ").table().count("too wide") == 3
    assert CoverageView(rows(pulls), "ln λ").table().count("as wide as they should be") == 3
    assert (verdict(0.5, 0.45, 0.6), verdict(0.5, 0.6, 0.7)) == ("as wide as they should be", "too wide")
    assert (verdict(0.5, 0.2, 0.6), verdict(0.7, 0.2, 0.6)) == ("based on too few objects to tell", "too narrow")


def test_objects_without_truth_do_not_count():
    view = CoverageView(rows([0.5, np.nan, 3.0]), "<b>")
    assert ">50.0 %<" in view.table()
    assert "(&lt;b&gt;)" in view.table()
    assert "median σ 1.000" in view.table()
    assert not list(CoverageView(rows([np.nan]), "ln λ").__panel__().get_root().select({"type": Plot}))


def test_the_page_shows_it_where_the_network_tells_its_error(estimates, unsure, sky):
    def curves(view):
        view.explorer.panes.open("Coverage")
        found = view.main().get_root().select({"type": Plot})
        return [plot for plot in found if plot.title.text == "Coverage of the intervals"]

    assert not curves(PredictionsView(estimates, Selection(), sky))
    view = PredictionsView(unsure, Selection(), sky)
    assert len(curves(view)) == 1
    view.explorer.selection.choose(sky.object_ids[[0]])
    assert view.judge.rows().index.tolist() == [sky.object_ids[0]]


def test_the_table_is_safe_in_html():
    found = pd.DataFrame({"share": [0.5], "low": [0.4], "high": [0.6], "n": [9]}, index=[0.5])
    assert "<script>" not in coverage_html(found, "<script>", 0.1)
