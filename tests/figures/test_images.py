import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import BoxAnnotation, ColorBar, Label, LinearColorMapper

from galviz.figures.images import band_image, rgb_bands, rgb_image, rgb_pixels, scale_bar
from galviz.sky.photometry import stretch, stretch_limits

RNG = np.random.default_rng(1)
PIXELS = RNG.normal(0, 0.1, (12, 16)).astype(np.float32)
PIXELS[3, 11] = 5.0


def draw(pixels=PIXELS, **more):
    return band_image(pixels, title="r · 1237", unit="nanomaggy", pixel_scale=0.5, **more)


def test_a_band_says_what_it_is():
    plot = hv.render(draw())
    assert plot.title.text == "r · 1237"
    assert plot.select_one(ColorBar).title == "nanomaggy per pixel"
    assert plot.select_one(Label).text == "2″"  # of the 8″ that are shown


def test_a_pixel_is_where_it_belongs():
    image = draw()
    assert image[(11 - 7.5) * 0.5, (3 - 5.5) * 0.5] == 5.0  # x to the right, y up, arcsec from the centre


def test_the_page_gets_the_pixels_and_the_palette_has_the_stretch():
    limits = stretch_limits(PIXELS, "asinh")
    plot = hv.render(draw(palette="viridis"))
    mapper = plot.select_one(LinearColorMapper)
    assert (mapper.low, mapper.high) == pytest.approx(limits)
    values = np.linspace(*limits, len(mapper.palette))
    levels = stretch(values, "asinh", limits=limits)
    from bokeh.palettes import Viridis256

    assert list(mapper.palette) == [Viridis256[k] for k in np.round(levels * 255).astype(int)]


def test_what_was_not_observed_is_hatched_and_does_not_set_the_limits():
    coverage = np.ones(PIXELS.shape, bool)
    coverage[:, 10:] = False
    plot = hv.render(draw(np.where(coverage, PIXELS, 0), coverage=coverage))
    mapper = plot.select_one(LinearColorMapper)
    assert mapper.nan_color.endswith(("00", "0)"))  # transparent
    assert (mapper.low, mapper.high) == pytest.approx(stretch_limits(PIXELS[:, :10], "asinh"))
    assert any(box.hatch_pattern for box in plot.select(BoxAnnotation))


@pytest.mark.parametrize("pixels", [np.zeros((8, 8)), np.full((8, 8), 3.0)])
def test_a_band_of_one_value_can_be_drawn(pixels):
    mapper = hv.render(draw(pixels)).select_one(LinearColorMapper)
    assert mapper.low < mapper.high


def test_a_band_that_was_not_observed_at_all_can_be_drawn():
    assert hv.render(draw(np.zeros((8, 8)), coverage=np.zeros((8, 8), bool)))


def test_sources_are_marked_where_they_are_and_by_shape():
    sources = pd.DataFrame({"x": [11.0, 0.0], "y": [3.0, 0.0], "kind": ["bcg", "star"]})
    marks = draw(sources=sources).get(1)
    assert marks.data["x"] == pytest.approx([1.75, -3.75])
    assert marks.data["y"] == pytest.approx([-1.25, -2.75])
    from bokeh.models import Scatter

    plot = hv.render(draw(sources=sources))
    (source,) = [r.data_source for r in plot.renderers if isinstance(r.glyph, Scatter)]
    columns = [set(map(str, column)) for column in source.data.values()]
    assert {"star", "x"} in columns
    assert {"star_dot"} not in columns


@pytest.mark.parametrize(
    ("side", "length", "label"),
    [
        (8, 2, "2″"),
        (25.3, 10, "10″"),
        (100, 20, "20″"),
        (140, 50, "50″"),
        (200, 60, "1′"),
        (1000, 300, "5′"),
        (1, 0.2, "0.2″"),
    ],
)
def test_scale_bar(side, length, label):
    assert scale_bar(side) == (pytest.approx(length), label)
    assert side / 6.5 < length <= 0.4 * side + 1e-9


def test_rgb_bands():
    assert rgb_bands("ugriz") == ("i", "r", "g")
    assert rgb_bands(("g", "r", "z")) == ("z", "r", "g")
    assert rgb_bands(("red", "green", "blue")) == ("red", "green", "blue")
    assert rgb_bands(("r",)) == ("r", "r", "r")


def test_rgb_shows_colours_and_leaves_out_what_was_not_observed():
    images = RNG.normal(0, 0.01, (3, 10, 10))
    images[2, 4, 7] += 5.0  # red only
    coverage = np.ones(images.shape, bool)
    coverage[0, 0] = False
    rgba = rgb_pixels(images, ("g", "r", "i"), coverage=coverage)
    red, green, blue, alpha = rgba[4, 7]
    assert red > 4 * max(green, blue)
    assert alpha == 255
    assert not rgba[0, :, 3].any()
    assert rgba[1:, :, 3].all()


def test_rgb_does_not_depend_on_the_unit():
    images = RNG.normal(0, 0.01, (3, 10, 10))
    images[:, 5, 5] = 1.0
    same = rgb_pixels(images, ("g", "r", "i")).astype(int) - rgb_pixels(1000 * images, ("g", "r", "i"))
    assert np.abs(same).max() <= 1


def test_rgb_image_has_row_0_at_the_bottom():
    images = np.zeros((3, 8, 8))
    images[:, 1, 6] = 1.0
    picture = rgb_image(images, ("g", "r", "i"), title="x", pixel_scale=1.0)
    shown = picture.dimension_values("R", flat=False)  # row 0 at the lowest y
    assert np.argwhere(shown > 0).tolist() == [[1, 6]]
