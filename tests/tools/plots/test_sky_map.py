"""Maps of the sky: where objects are drawn, and what a box or a lasso on them selects."""

import json

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from astropy.coordinates import SkyCoord
from bokeh.models import CustomJS, Plot

from galviz.tools.plots.projection import Projection
from galviz.tools.plots.view import PlotView
from galviz.tools.selection.core import Selection

RNG = np.random.default_rng(2)


def field(ra, dec, width, rows=400):
    x, y = RNG.uniform(-width / 2, width / 2, (2, rows))
    return pd.DataFrame(
        {"RAJ2000": (ra + x / np.cos(np.radians(dec))) % 360, "DEJ2000": dec + y, "z": RNG.uniform(0, 1, rows)},
        index=pd.Index([f"id{k:04d}" for k in range(rows)], name="object_id"),
    )


def whole(rows=400):
    dec = np.degrees(np.arcsin(RNG.uniform(-1, 1, rows)))
    return field(0, 0, 1, rows).assign(RAJ2000=RNG.uniform(0, 360, rows), DEJ2000=dec)


def sent(kind, **event):
    found = [s for streams in hv.streams.Stream.registry.values() for s in streams]
    [s for s in found if type(s) is kind][-1].event(**event)


def view_of(table, **more):
    selection = Selection(table)
    view = PlotView(selection, **({"kind": "sky map", "x": "RAJ2000", "y": "DEJ2000"} | more))
    return view, selection, view.plot().get_root().select_one({"type": Plot})


@pytest.mark.parametrize("table", [field(150, 2, 1), field(0, -30, 8), field(200, 85, 3), whole()])
def test_places_and_positions_are_each_others_inverse(table):
    ra, dec = table[["RAJ2000", "DEJ2000"]].to_numpy().T
    projection = Projection.of(ra, dec)
    back = projection.unproject(projection.project(ra, dec))
    np.testing.assert_allclose(np.cos(np.radians(back[:, 0] - ra)), 1, atol=1e-6)
    np.testing.assert_allclose(back[:, 1], dec, atol=1e-3)


def test_a_tangent_plane_is_that_of_astropy():
    table = field(359.9, 40, 2)
    ra, dec = table[["RAJ2000", "DEJ2000"]].to_numpy().T
    projection = Projection.of(ra, dec)
    centre = SkyCoord(projection.ra, projection.dec, unit="deg")
    away = SkyCoord(ra, dec, unit="deg").transform_to(centre.skyoffset_frame())
    x, y = np.tan(away.lon.rad), np.tan(away.lat.rad) / np.cos(away.lon.rad)
    scale = {"°": 1, "′": 60, "″": 3600}[projection.unit]
    np.testing.assert_allclose(
        projection.project(ra, dec), np.degrees(np.column_stack([x, y])) * scale, atol=1e-9 * scale
    )


def test_mollweide_keeps_areas():
    table = whole(40_000)
    projection = Projection.of(*table[["RAJ2000", "DEJ2000"]].to_numpy().T)
    places = projection.project(*table[["RAJ2000", "DEJ2000"]].to_numpy().T)
    inner = (places[:, 0] ** 2 / 8 + places[:, 1] ** 2 / 2) < 0.25  # half the axes: a quarter of the area
    assert inner.mean() == pytest.approx(0.25, abs=0.01)
    assert ((places[:, 0] ** 2 / 8 + places[:, 1] ** 2 / 2) <= 1 + 1e-6).all()


@pytest.mark.parametrize(
    ("table", "whole_sky", "unit"),
    [
        (field(10, 0, 0.01), False, "″"),
        (field(10, 0, 1), False, "′"),
        (field(0, 30, 20), False, "°"),
        (whole(), True, "°"),
    ],
)
def test_a_small_field_has_a_tangent_plane_and_the_sky_mollweide(table, whole_sky, unit):
    projection = Projection.of(*table[["RAJ2000", "DEJ2000"]].to_numpy().T)
    assert (projection.whole, projection.unit) == (whole_sky, unit)


def test_the_edge_of_the_whole_sky_is_where_no_objects_are():
    ra = np.r_[RNG.uniform(300, 360, 500), RNG.uniform(0, 120, 500)]
    projection = Projection.of(ra, np.linspace(-80, 80, 1000))
    assert 20 <= projection.ra <= 40
    assert Projection.of(np.array([]), np.array([])).whole


@pytest.mark.parametrize("table", [field(0, -30, 8), field(200, 40, 0.5), whole()])
def test_a_box_selects_what_it_shows_in_a_step_that_can_be_repeated(table):
    _, selection, _ = view_of(table)
    places = Projection.of(*table[["RAJ2000", "DEJ2000"]].to_numpy().T).project(
        *table[["RAJ2000", "DEJ2000"]].to_numpy().T
    )
    low, high = np.percentile(places, [25, 70], axis=0)
    sent(hv.streams.BoundsXY, bounds=(low[0], low[1], high[0], high[1]))
    expected = ((places > low) & (places < high)).all(axis=1)
    assert (selection.mask != expected).sum() <= 2  # sides are drawn in 32 straight parts
    assert expected.sum() > 20
    assert selection.steps[-1][0] == "lasso"
    again = Selection.from_json(json.loads(json.dumps(selection.to_json())), table)
    assert again.ids.tolist() == selection.ids.tolist()


def test_around_a_pole_objects_are_selected_by_their_ids():
    table = field(200, 88, 3)
    _, selection, _ = view_of(table)
    places = Projection.of(*table[["RAJ2000", "DEJ2000"]].to_numpy().T).project(
        *table[["RAJ2000", "DEJ2000"]].to_numpy().T
    )
    sent(hv.streams.Lasso, geometry=np.array([[-99, -99], [99, -99], [99, 0.0], [-99, 0.0]]))
    assert selection.mask.tolist() == (places[:, 1] < 0).tolist()
    assert selection.steps[-1][0] == "choose"


def test_sexagesimal_text_is_drawn_and_selected_by_ids():
    table = field(150, 2, 1)
    at = SkyCoord(table["RAJ2000"], table["DEJ2000"], unit="deg")
    text = table.assign(RAJ2000=at.ra.to_string("hour", sep=":"), DEJ2000=at.dec.to_string("deg", sep=":"))
    _, selection, plot = view_of(text)
    assert plot.title.text == "Field (tangent plane): 400 objects"
    sent(hv.streams.BoundsXY, bounds=(-99, -99, 99, 0))
    assert 100 < len(selection) < 300


def test_east_is_to_the_left_and_degrees_are_square():
    for table in (field(150, 2, 1), whole()):
        _, _, plot = view_of(table)
        assert plot.x_range.start > plot.x_range.end
        assert [one.name for one in plot.select({"type": CustomJS})] or plot.js_property_callbacks
    _, _, plot = view_of(field(150, 2, 1))
    assert plot.xaxis[0].axis_label.startswith("East of RA 1")
    assert plot.xaxis[0].axis_label.endswith("(′)")


def test_missing_positions_are_counted_and_other_columns_are_refused():
    table = field(150, 2, 1)
    table.iloc[:7, 0] = np.nan
    view, _, plot = view_of(table, colour="z", contours=True)
    assert plot.title.text == "Field (tangent plane): 393 objects; 7 without a value are not drawn"
    sent(hv.streams.Tap, x=0.0, y=0.0)
    view.x = "gone"
    assert "right ascension" in view.plot().object
    view.selection.table["speed"] = 999.0
    view.x = "speed"
    assert "expected ra in degrees" in view.plot().object


def test_a_sky_map_finds_its_columns_and_named_subsets_are_shown():
    table = field(150, 2, 1)
    view, selection, _ = view_of(table, kind="scatter", x="z", y="z")
    view.kind = "sky map"
    assert (view.x, view.y) == ("RAJ2000", "DEJ2000")
    selection.where("z < 0.5")
    selection.keep_as("near")
    view.subsets = True
    assert view.plot().get_root()
