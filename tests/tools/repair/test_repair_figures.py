"""Rows of bands as they are drawn: bright where bright, empty where not known, lined where hidden."""

import io

import holoviews as hv
import numpy as np
from PIL import Image

from galviz.tools.repair.figure import RESIDUAL, loss_curves, strips

hv.extension("bokeh")


def drawn(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def test_each_band_is_drawn_where_it_lies():
    rng = np.random.default_rng(0)
    seen = rng.normal(0, 1, (2, 8, 8))
    seen[0, 0, 3] = 100.0  # row 0 lies at the bottom
    fitted = np.zeros_like(seen)
    fitted[1, 7, 2] = 50.0
    seen[1, 4, 4] = np.nan
    rows = strips({"observed": seen, "best fit": fitted, RESIDUAL: seen - fitted}, [False, False])
    observed, best, residual = (drawn(rows[name]) for name in ("observed", "best fit", RESIDUAL))
    assert observed.shape == (8, 2 * 9, 4)
    assert observed[7, 3, :3].tolist() == [255, 255, 255]
    assert (observed[:, 8, 3] == 0).all()  # between the bands
    assert observed[3, 9 + 4, 3] == 0  # not known
    assert observed[..., 3].sum() == 255 * (2 * 64 - 1)
    assert best[0, 9 + 2, :3].tolist() == [255, 255, 255]
    red, blue = residual[7, 3], residual[0, 9 + 2]
    assert red[0] > red[2]
    assert blue[2] > blue[0]


def test_a_hidden_band_is_lined_where_it_was_observed_alone():
    pictures = {name: np.random.default_rng(1).normal(0, 1, (2, 8, 8)) for name in ("observed", "best fit")}
    plain, lined = strips(pictures, [False, False]), strips(pictures, [False, True])
    assert plain["best fit"] == lined["best fit"]
    one, two = drawn(plain["observed"]), drawn(lined["observed"])
    np.testing.assert_array_equal(one[:, :9], two[:, :9])
    assert (one[:, 9:17] != two[:, 9:17]).any(axis=2).mean() > 0.9


def test_a_band_that_nobody_observed_is_drawn_like_its_fit():
    seen, fitted = np.full((1, 4, 4), np.nan), np.arange(16.0).reshape(1, 4, 4)
    rows = strips({"observed": seen, "best fit": fitted, RESIDUAL: seen - fitted}, [True])
    assert len(np.unique(drawn(rows["best fit"])[..., 0])) > 8
    assert (drawn(rows[RESIDUAL])[..., 3] == 0).all()


def lines(plot):
    """What each line of a drawn plot says, by object and dash."""
    shown = {}
    for renderer in plot.state.renderers:
        data = renderer.data_source.data
        for name, losses in zip(data.get("object_id", []), data.get("ys", []), strict=False):
            shown[name, str(renderer.glyph.line_dash)] = list(losses)
    return shown


def test_losses_have_a_line_an_object_and_a_start_and_the_plot_stays_when_more_come():
    found = hv.streams.Pipe(data=({}, []))
    plot = hv.renderer("bokeh").get_plot(loss_curves(found))
    state = plot.state
    assert lines(plot) == {}
    found.send(({"best fit": np.array([[3.0, 2.0, np.nan]]), "from random": np.array([[9.0, 8.0, 7.0]])}, ["a"]))
    assert lines(plot) == {("a", "solid"): [3.0, 2.0], ("a", "dotted"): [9.0, 8.0, 7.0]}
    found.send(({"best fit": np.array([[5.0], [4.0]]), "from random": np.array([[6.0], [7.0]])}, ["b", "a"]))
    assert set(lines(plot)) == {(name, dash) for name in "ab" for dash in ("solid", "dotted")}
    assert plot.state is state
