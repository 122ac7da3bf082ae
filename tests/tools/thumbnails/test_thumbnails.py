import holoviews as hv
import numpy as np
import pytest
from bokeh.models import Quad
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galviz.tools.display import default_stretch
from galviz.tools.plots.colouring import VALUE, Colouring
from galviz.tools.thumbnails.figure import cells, picture, thumbnail_map

RNG = np.random.default_rng(3)
PLACES = RNG.normal(size=(900, 2)) * [3, 50] + [10, -200]


@given(
    arrays(
        float,
        st.tuples(st.integers(0, 60), st.just(2)),
        elements=st.integers(-5000, 5000).map(lambda k: k / 1000) | st.just(np.nan),
    ),
    st.integers(1, 7),
)
def test_each_cell_shows_the_object_nearest_to_its_middle(places, most):
    grid = cells(places, most)
    number = len(grid.rows)
    step = (grid.high - grid.low) / number
    for row, (left, low, right, high) in zip(grid.shown, grid.bounds, strict=True):
        middle = np.array([left + right, low + high]) / 2
        away = (((places - middle) / step) ** 2).sum(axis=1)
        within = (np.abs(places - middle) <= step / 2 - 1e-9).all(axis=1)  # not on an edge, which belongs to one cell
        assert away[row] <= np.min(away[within], initial=np.inf) + 1e-9
        assert (np.abs(places[row] - middle) <= step / 2 + 1e-9).all()
        assert grid.row_at(*middle) == row
    assert len(set(grid.shown)) == len(grid.shown)
    inside = ((places >= grid.low) & (places <= grid.high)).all(axis=1)
    assert (len(grid.shown) > 0) == bool(inside.any())


def test_the_grid_leaves_out_one_percent_at_each_end_and_every_other_object_has_its_cell():
    grid = cells(PLACES)
    np.testing.assert_allclose(grid.low, np.percentile(PLACES, 1, axis=0))
    np.testing.assert_allclose(grid.high, np.percentile(PLACES, 99, axis=0))
    assert grid.rows.shape == (20, 20)
    for x, y in PLACES[((PLACES > grid.low) & (PLACES < grid.high)).all(axis=1)]:  # noqa: SIM300
        assert grid.row_at(x, y) >= 0
    assert grid.row_at(1e9, -200) == -1
    assert cells(PLACES[:30]).rows.shape == (5, 5)


@pytest.mark.parametrize("coverage", [False, True])
def test_only_what_is_shown_is_read_and_each_picture_is_in_its_cell(make_sky, coverage):
    sky = make_sky(60, coverage=coverage)
    places = RNG.random((60, 2))
    grid, requested = cells(places), []

    def read(rows):
        requested.append(list(rows))
        return sky.images[rows], sky.coverage[rows] if coverage else None

    look = default_stretch(sky.bands, sky.unit)
    drawn = picture(grid, read, sky.bands, look)
    assert requested == [list(grid.shown)]
    assert drawn.shape == (7 * 16, 7 * 16, 4)
    for j, i in np.ndindex(grid.rows.shape):
        part = drawn[(6 - j) * 16 : (7 - j) * 16, i * 16 : (i + 1) * 16]
        if grid.rows[j, i] < 0:
            assert not part.any()
            continue
        one = grid.rows[j, i]
        image = sky.images[one : one + 1]
        alone = picture(cells(np.zeros((1, 2))), lambda _, image=image: (image, None), sky.bands, look)
        assert (part[..., 3] == 0)[:, -1].all() == coverage
        if not coverage:
            np.testing.assert_array_equal(part, alone)


def drawn(focus, values=None):
    grid = cells(PLACES)
    ids = np.array([f"1237658493878{k:06d}" for k in range(len(PLACES))], dtype=object)
    colour = None if values is None else Colouring(values, "z")
    pipe = hv.streams.Pipe(data=focus)
    pixels = np.zeros((40, 40, 4), np.uint8)
    frames, plot = thumbnail_map(grid, pixels, ids, axes=("a", "b"), focus=pipe, colour=colour)
    return grid, ids, pipe, frames, hv.renderer("bokeh").get_plot(plot).state


def test_frames_lie_about_their_cells_and_say_which_object_it_is_and_its_value():
    values = np.where(np.arange(900) % 2, np.nan, np.arange(900.0))
    grid, ids, _, frames, figure = drawn((-1, 0, 0), values)
    assert list(frames.dimension_values("object_id")) == list(ids[grid.shown])
    np.testing.assert_array_equal(frames.dimension_values(VALUE), values[grid.shown])
    quads = next(r for r in figure.renderers if isinstance(r.glyph, Quad)).data_source.data
    assert (quads["left"] < quads["right"]).all()
    assert (quads["bottom"] < quads["top"]).all()
    assert (quads["left"] > grid.bounds[:, 0]).all()
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("a", "b")
    assert f"{len(grid.shown)} among 900 objects" in figure.title.text
    assert figure.frame_width == figure.frame_height


def test_the_focus_is_a_frame_about_its_cell_or_a_ring_where_no_cell_shows_it():
    grid, _, pipe, _, figure = drawn((-1, 0, 0))
    frame, ring = (r.data_source for r in figure.renderers[-2:])
    assert (len(frame.data["left"]), len(ring.data["x"])) == (0, 0)
    pipe.send((grid.shown[7], *PLACES[grid.shown[7]]))
    assert list(frame.data["left"]) == [grid.bounds[7, 0]]
    assert len(ring.data["x"]) == 0
    other = next(k for k in range(900) if k not in grid.shown)
    pipe.send((other, *PLACES[other]))
    assert len(frame.data["left"]) == 0
    assert (ring.data["x"][0], ring.data["y"][0]) == tuple(PLACES[other])
