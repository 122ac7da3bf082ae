import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import ColorBar
from holoviews import streams

from galviz.tools.plots import figure as explore
from galviz.tools.plots.colouring import PALETTE, VALUE, Colouring
from galviz.tools.style import GREY, ORANGE

AXES = ("z", "ln λ")
PLACES = np.array([[0.1, 3.0], [0.2, 3.5], [0.3, 4.0], [0.4, 4.5]])
IDS = np.array([f"123765849387833791{k}" for k in range(4)], dtype=object)


@pytest.fixture
def selected():
    return streams.Pipe(data=PLACES[[1, 3]])


def sources(plot):
    return [r.data_source.data for r in hv.render(plot).renderers]


def test_each_point_bears_its_id_and_the_chosen_are_drawn_again(selected):
    points, plot = explore.point_cloud(*PLACES.T, IDS, axes=AXES, selected=selected)
    every, some = sources(plot)
    assert list(every["object_id"]) == list(IDS)
    assert list(some["x"]) == [0.2, 0.4]
    figure = hv.render(plot)
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == AXES
    assert list(points.dimension_values("object_id")) == list(IDS)


def test_other_objects_are_marked_when_others_are_chosen(selected):
    _, plot = explore.point_cloud(*PLACES.T, IDS, axes=AXES, selected=selected)
    drawn = hv.renderer("bokeh").get_plot(plot)
    selected.send(PLACES[:1])
    assert list(drawn.state.renderers[1].data_source.data["x"]) == [0.1]


def test_every_object_counts_in_the_density(selected):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 5000))
    every, plot = explore.point_density(x, y, axes=AXES, selected=streams.Pipe(data=np.empty((0, 2))))
    image = every[()]
    assert np.nansum(image.dimension_values("objects")) == 5000
    assert not (image.dimension_values("objects") == 0).any()
    assert hv.render(plot)


def test_the_density_is_where_the_objects_are(selected):
    every, _ = explore.point_density(*PLACES.T, axes=AXES, selected=selected)
    image = every[()]
    counts = image.dimension_values("objects", flat=True)
    x, y = (image.dimension_values(name, flat=True)[counts > 0] for name in ("x", "y"))
    order = np.argsort(x)
    assert np.abs(x[order] - PLACES[:, 0]).max() < 0.005
    assert np.abs(y[order] - PLACES[:, 1]).max() < 0.02


def test_medians_are_those_of_ten_bins():
    x = np.linspace(0, 1, 1000)
    line = explore.guide("zero and medians", x, 2 * x)
    dots = line.get(2)
    np.testing.assert_allclose(dots.dimension_values("y"), 2 * dots.dimension_values("x"), rtol=1e-9)
    assert len(dots) == 10
    assert explore.guide("none", x, x) is None
    assert len(explore.guide("zero and medians", x[:3], x[:3]).get(2)) == 0


@pytest.mark.parametrize("logarithmic", [False, True])
def test_bars_are_as_high_as_counted(logarithmic):
    edges, counts = np.array([0.0, 1, 2, 3]), np.array([5, 0, 2])
    pipe = streams.Pipe(data=np.array([1, 0, 2]))
    every, plot = explore.bars(edges, counts, axis="z", selected=pipe, logarithmic=logarithmic)
    top = sources(plot)[0]["top"]
    assert list(top) == [5, 0.5 if logarithmic else 0, 2]
    assert sources(plot)[1]["top"][0] == 1
    assert list(every.edges) == list(edges)


def test_a_matrix_has_a_row_a_value_of_y():
    counts = pd.DataFrame([[3, 1], [0, 0]], index=["spiral", "smooth"], columns=["a", "b"])
    cells, plot = explore.count_matrix(counts, axes=("estimate", "truth"))
    table = cells.dframe().set_index(["y", "x"])
    assert table.loc[("spiral", "a"), "share"] == 0.75
    assert table.loc[("spiral", "b"), "number"] == 1
    assert table.loc[("smooth", "a"), "share"] == 0
    assert list(hv.render(plot).x_range.factors) == ["a", "b"]


def test_limits_leave_room_and_may_be_equal():
    low, high = explore.plane_limits(PLACES)
    assert (low < PLACES.min(axis=0)).all()
    assert (high > PLACES.max(axis=0)).all()
    low, high = explore.plane_limits(PLACES, equal=True)
    assert low[0] == low[1]
    assert explore.plane_limits(PLACES[:1])[0].tolist() == [-0.4, 2.5]
    assert explore.plane_limits(PLACES[:0])[1].tolist() == [1.04, 1.04]


def test_colours_end_at_the_first_and_the_last_percentile_of_known_values():
    values = np.r_[np.arange(101.0), np.nan, np.inf]
    colour = Colouring(values, "z")
    assert colour.limits == (1.0, 99.0)
    assert colour.known.tolist() == [True] * 101 + [False] * 2
    assert Colouring(np.full(3, 2.0), "z").limits == (1.5, 2.5)
    assert Colouring(np.full(3, np.nan), "z").limits == (0.0, 1.0)


def test_the_palette_grows_lighter_step_by_step_and_is_never_orange():
    rgb = np.array([[int(one[k : k + 2], 16) for k in (1, 3, 5)] for one in (*PALETTE, ORANGE)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    light = linear @ [0.2126, 0.7152, 0.0722]
    assert (light[5:-1] > light[:-6]).all()
    deuteranope = linear @ np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]).T
    away = np.abs(deuteranope[:-1] - deuteranope[-1]).max(axis=1)  # Machado, Oliveira & Fernandes (2009), severity 1
    assert away.min() > 0.05


def test_each_point_has_the_colour_of_its_value_and_a_grey_cross_says_there_is_none(selected):
    colour = Colouring(np.array([0.5, np.nan, 0.7, 0.6]), "z")
    points, plot = explore.point_cloud(*PLACES.T, IDS, axes=AXES, selected=selected, colour=colour)
    every, some = sources(plot)
    np.testing.assert_array_equal(every[VALUE], colour.values)
    assert list(every["point_mark"]) == ["circle", "cross", "circle", "circle"]
    assert list(some["x"]) == [0.2, 0.4]
    figure = hv.render(plot)
    glyph = figure.renderers[0].glyph
    assert glyph.fill_color.transform.nan_color == GREY
    assert (glyph.fill_color.transform.low, glyph.fill_color.transform.high) == colour.limits
    assert figure.select_one({"type": ColorBar}).title == "z"
    assert figure.renderers[1].glyph.size > glyph.size
    assert figure.renderers[1].glyph.fill_color == ORANGE
    assert list(points.dimension_values("object_id")) == list(IDS)


def test_coloured_density_is_the_mean_of_what_is_known_and_grey_where_nothing_is():
    places = np.repeat(PLACES, 2, axis=0)
    values = np.array([1.0, 3, np.nan, 5, np.nan, np.inf, 7, 7])
    pipe = streams.Pipe(data=PLACES[:1])
    every, plot = explore.point_density(*places.T, axes=AXES, selected=pipe, colour=Colouring(values, "z"))
    image = every[()]
    found = image.dframe().dropna().sort_values("x")
    np.testing.assert_allclose(found[VALUE], [2, 5, 7])
    np.testing.assert_allclose(found["x"], PLACES[[0, 1, 3], 0], atol=0.005)
    below, mean, some = (r.data_source.data["image"][0] for r in hv.render(plot).renderers)
    assert (np.nansum(below), np.isfinite(mean).sum()) == (8, 3)
    assert np.isfinite(some).sum() == 9  # wider than a pixel, to be seen


@pytest.mark.parametrize("log", [(False, False), (True, True)])
def test_a_few_outliers_do_not_squeeze_the_others(log):
    rng = np.random.default_rng(0)
    places = rng.normal(10, 1, (1000, 2))
    places = 10**places if log[0] else places
    assert explore.first_limits(places, log=log)[1] == 0
    places[0], places[1] = (1e30, 1e30) if log[0] else (500, 10), places[1]
    (low, high), outside = explore.first_limits(places, log=log)
    assert outside == 1
    width = np.log10(high / low) if log[0] else high - low
    assert width[0] < 20
    few = places[:150]
    assert explore.first_limits(few, log=log)[1] == 0  # each one counts


def test_the_running_median_has_as_many_objects_in_each_bin():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 100, 5000) ** 2
    y = 3 * x + rng.normal(0, 1, 5000) * x
    rows = explore.running_median(x, y)
    assert len(rows) == 40
    np.testing.assert_allclose(rows[:, 1] / rows[:, 0], 3, atol=0.5)
    np.testing.assert_allclose(((rows[:, 3] - rows[:, 2]) / rows[:, 0])[5:], 2, atol=0.7)  # 16th to 84th: 2 σ
    assert len(explore.running_median(x[:99], y[:99])) == 0
    assert len(explore.running_median(np.ones(200), y[:200])) <= 1


def test_contours_hold_the_shares_that_they_say():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (2, 50_000))
    lines = explore.contours(x, y).get(1).split(datatype="array")
    radius = sorted(float(np.hypot(*line.T).mean()) for line in lines if len(line) > 20)
    expected = np.sqrt(-2 * np.log(1 - np.array([0.3, 0.68, 0.95])))  # of a normal distribution
    np.testing.assert_allclose(radius, expected, rtol=0.06)


def test_limits_on_a_logarithmic_axis_are_above_zero():
    low, high = explore.plane_limits(np.array([[0.01, 1.0], [100.0, 2.0]]), log=(True, False))
    assert 0 < low[0] < 0.01
    assert high[0] > 100
    assert explore.plane_limits(np.empty((0, 2)), log=(True, True))[0].min() > 0
