import asyncio

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import Plot

from galviz.pages.results.measures import MeasuresView, measured
from galviz.pages.results.regression import View as PredictionsView
from galviz.pages.results.results import unfinished
from galviz.pages.results.view import judged_plots, run_opening
from galviz.runs.predictions import joined
from galviz.tools.selection.core import Selection


def test_objects_seen_in_training_are_left_out_until_asked_for(estimates, sky):
    view = PredictionsView(estimates, Selection(), sky)
    assert len(view.explorer.table) == 6
    assert not view.explorer.table["in_training"].any()
    assert "6 held-out objects" in view.about()
    view.training = True
    assert len(view.explorer.table) == 12
    assert "6 of them training objects" in view.about()


def test_estimate_truth_and_catalogue_are_joined_by_id(estimates, sky):
    shuffled = sky.select(sky.object_ids[::-1])
    table = joined(estimates, shuffled)
    for object_id, row in table.iterrows():
        assert row["ln_richness_true"] == pytest.approx(np.log(sky.catalogue.loc[object_id, "richness"]))
        assert row["z"] == sky.catalogue.loc[object_id, "z"]
        assert row["residual"] == pytest.approx(0.1)
    assert "z" not in joined(estimates)


def test_the_plots_compare_estimate_and_truth(estimates, sky):
    view = PredictionsView(estimates, Selection(), sky)
    first, second = view.explorer.plots
    assert (first.x, first.y, first.guide) == ("ln_richness_true", "ln_richness", "1:1 line")
    assert (second.x, second.y, second.guide) == ("z", "residual", "zero and medians")
    titles = [plot.title.text for plot in first.plot().get_root().select({"type": Plot})]
    assert titles == ["Estimated ln λ against True ln λ: 6 objects"]
    assert judged_plots("u - g", "x")[1]["y"] == "x - col('u - g')"


def test_the_focus_of_the_page_is_that_of_the_view(estimates, sky):
    page = Selection(focus=sky.object_ids[4])
    view = PredictionsView(estimates, page, sky)
    assert view.explorer.selection.focus == sky.object_ids[4]
    assert view.explorer.plots[0].plot().get_root()
    found = [s for streams in hv.streams.Stream.registry.values() for s in streams if isinstance(s, hv.streams.Tap)]
    row = view.table.loc[sky.object_ids[6]]
    found[-1].event(x=row["ln_richness_true"], y=row["ln_richness"])
    assert page.focus == sky.object_ids[6]
    view.training = True
    page.focus = sky.object_ids[1]  # seen in training
    assert view.explorer.selection.focus == sky.object_ids[1]


def test_the_measures_are_those_of_what_is_chosen(estimates, sky):
    view = PredictionsView(estimates, Selection(), sky)
    assert len(view.judge.measures()._pairs[0]) == 6
    view.explorer.selection.choose(sky.object_ids[[0, 4]])
    np.testing.assert_allclose(
        view.judge.measures()._pairs[0], view.table.loc[sky.object_ids[[0, 4]], "ln_richness_true"]
    )


def test_the_lines_of_python_make_the_same_table(estimates, sky, make_run):
    run = make_run("first", predictions=estimates)
    view = PredictionsView(estimates, Selection(), sky, run)
    for training in (False, True):
        view.training = training
        made: dict = {}
        exec(run_opening(run, sky, in_training=training), made)  # noqa: S102 - our own lines
        pd.testing.assert_frame_equal(made["table"], view.explorer.table)


def test_predictions_without_their_sky_are_shown_without_pictures(estimates):
    view = PredictionsView(estimates, Selection())
    assert view.explorer.picture is None
    assert view.explorer.plots[1].x == "ln_richness_true"
    assert view.__panel__().get_root()


def test_new_objects_without_truth(estimates, sky):
    table = estimates.table.assign(ln_richness_true=np.nan, fold=pd.array([None] * len(sky), dtype="Int64"))
    view = PredictionsView(type(estimates)(table, estimates.target), Selection(), sky)
    assert len(view.explorer.table) == 12
    assert view.__panel__().get_root()
    (plot,) = view.explorer.plots[0].plot().get_root().select({"type": Plot})
    assert plot.title.text.endswith("0 objects; 12 without a value are not drawn")


def test_the_measures_are_those_of_the_library(estimates):
    from galviz.measure.metrics import summary

    rows = estimates.held_out()
    view = MeasuresView(rows.truth, rows.estimate)

    async def last() -> str:
        return [html async for html in view.table()][-1]

    html = asyncio.run(last())
    expected = summary(rows.truth, rows.estimate)
    assert f"{expected.loc['mae', 'value']:.4f}" in html
    assert expected.loc["mae", "definition"] in html
    assert "6 objects with known truth" in html
    pd.testing.assert_frame_equal(measured(rows.truth, rows.estimate), expected)


def test_measures_without_truth_say_so():
    view = MeasuresView(np.full(3, np.nan), np.ones(3))

    async def first() -> str:
        return await anext(view.table())

    assert "not known" in asyncio.run(first())


def test_a_condition_that_no_object_meets_is_not_passed_over(estimates, sky):
    view = PredictionsView(estimates, Selection(), sky)
    assert view.judge.about_selection() == ""
    view.explorer.selection.where("z > 99")
    assert "No objects selected: the metrics are of all objects shown" in view.judge.about_selection()
    shown = view.explorer.table.index
    view.explorer.selection.choose(shown[:1])
    assert f"For the <b>1 selected</b> objects, of {len(shown)} shown." in view.judge.about_selection()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("running", "they appear when the run ends"),
        ("done", "is done but has no predictions: its sky has no true values"),
        ("stopped", "is stopped and has no predictions. Resume it, or train another"),
        ("failed", "is failed and has no predictions: no &lt;room&gt;. Resume it, or train another"),
    ],
)
def test_what_has_no_predictions_says_what_can_be_done(status, words, make_run):
    run = make_run("first", status)
    run.write_state(message="no <room>")
    assert words in unfinished(run, "predictions").object
