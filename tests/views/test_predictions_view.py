import asyncio

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColumnDataSource, Plot

from galviz.selection import Selection
from galviz.views.bands import BandsView
from galviz.views.measures import MeasuresView, measured
from galviz.views.predictions import PredictionsView, joined


def last_stream():
    """The stream of taps on the points that were drawn last."""
    found = [s for streams in hv.streams.Stream.registry.values() for s in streams]
    return [s for s in found if isinstance(s, hv.streams.Selection1D)][-1]


def test_objects_seen_in_training_are_left_out_until_asked_for(told, sky):
    view = PredictionsView(told, Selection(), sky)
    assert len(view.shown()) == 6
    assert not view.shown()["seen"].any()
    assert "6 objects that the network has not seen" in view.about()
    view.training = True
    assert len(view.shown()) == 12
    assert "6 of them seen in training" in view.about()


def test_estimate_truth_and_catalogue_are_joined_by_id(told, sky):
    shuffled = sky.select(sky.object_ids[::-1])
    table = joined(told, shuffled)
    for object_id, row in table.iterrows():
        assert row["truth"] == pytest.approx(np.log(sky.catalogue.loc[object_id, "richness"]))
        assert row["z"] == sky.catalogue.loc[object_id, "z"]
        assert row["residual"] == pytest.approx(0.1)
    assert "z" not in joined(told, None)


def test_a_tapped_point_is_in_focus_and_the_focus_is_marked(told, sky):
    selection = Selection()
    view = PredictionsView(told, selection, sky)
    root = view.truth_plot().get_root()
    sources = list(root.select({"type": ColumnDataSource}))
    points = next(s for s in sources if "object_id" in s.data)
    for row in (2, 0, 5):
        last_stream().event(index=[row])
        object_id = points.data["object_id"][row]
        assert selection.focus == object_id
        place = view.table.loc[object_id, ["truth", "estimate"]].to_numpy(float)
        marks = [s.data for s in sources if "object_id" not in s.data and len(s.data.get("truth", [])) == 1]
        assert [(float(m["truth"][0]), float(m["estimate"][0])) for m in marks] == [pytest.approx(tuple(place))]
    selection.focus = sky.object_ids[1]  # seen in training: it has no point
    assert not [s for s in sources if "object_id" not in s.data and len(s.data.get("truth", [])) == 1]


def test_a_late_tap_on_an_old_plot_still_means_what_was_tapped(told, sky):
    selection = Selection()
    view = PredictionsView(told, selection, sky)
    view.truth_plot()
    old = last_stream()
    view.training = True  # twice as many points now
    view.truth_plot()
    old.event(index=[1])
    assert selection.focus == view.table[~view.table["seen"]].index[1]


@pytest.mark.parametrize(("density", "said"), [(False, "Estimate against truth: 6"), (True, "truth: density of 6")])
def test_a_linked_plot_keeps_its_title(told, sky, density, said):
    root = PredictionsView(told, Selection(), sky, density=density).truth_plot().get_root()
    assert [plot.title.text for plot in root.select({"type": Plot}) if said in plot.title.text]


def test_a_tap_on_a_density_means_the_nearest_object(told, sky):
    selection = Selection()
    view = PredictionsView(told, selection, sky, density=True)
    view.truth_plot()
    (tap,) = [s for found in hv.streams.Stream.registry.values() for s in found if isinstance(s, hv.streams.Tap)][-1:]
    row = view.shown().iloc[3]
    tap.event(x=row["truth"] + 1e-4, y=row["estimate"] - 1e-4)
    assert selection.focus == row.name


def test_the_order_of_the_pictures(told, sky):
    table = told.table.copy()
    table.iloc[4, table.columns.get_loc("ln_richness")] += 3.0
    view = PredictionsView(type(told)(table, told.target), Selection(), sky)
    assert view.strip().ids[0] == sky.object_ids[4]
    view.order = "lowest estimate"
    assert view.strip().ids[0] == view.shown()["estimate"].idxmin()


def test_predictions_without_their_sky_are_shown_without_pictures(told):
    view = PredictionsView(told, Selection())
    assert "no pictures" in view.strip().object
    assert view.against == "truth"
    assert view.__panel__().get_root()


def test_new_objects_without_truth(told, sky):
    table = told.table.assign(ln_richness_true=np.nan, fold=pd.array([None] * len(sky), dtype="Int64"))
    view = PredictionsView(type(told)(table, told.target), Selection(), sky)
    assert len(view.shown()) == 12
    assert view.truth_plot().get_root()
    assert view.residual_plot().get_root()
    assert view.strip() is not None


def test_the_measures_are_those_of_the_library(told):
    from galviz.sky.metrics import summary

    rows = told.held_out()
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


def test_bands(told_bands, sky):
    selection = Selection()
    view = BandsView(told_bands, selection, sky)
    assert len(view.shown) == 6 * 5
    view.cell = ("u", "g")
    said, strip = view.strip()
    assert "6 images of band u taken for g:" in said.object
    assert strip.ids == list(sky.object_ids[::2])
    view.cell = ("u", "r")
    assert view.strip().object == "No image of band u was taken for r."
    assert view.facts().loc[sky.object_ids[0], "u taken for"] == "g"
    assert view.__panel__().get_root()
