"""The width of the stars of a frame, on frames whose blur is known and on a real one."""

import numpy as np
import pandas as pd
import pytest
from sdss_files import SCALE, coordinates, header

from galviz.sky.mock.render import FWHM, NOISE, add_noise, draw_images
from galviz.sky.readers.frames import Field, read_field
from galviz.sky.readers.seeing import star_widths

SHAPE = (220, 300)


def made(stars, galaxies, fwhm):
    """A field of stars and wide galaxies of r = 15.5 to 17.5 on a grid, blurred as told."""
    rng = np.random.default_rng(stars)
    grid = np.stack(np.meshgrid(np.arange(-120, 121, 30), np.arange(-80, 81, 32)), axis=-1).reshape(-1, 2)
    places = rng.permutation(grid)[: stars + galaxies] * SCALE
    radius = np.where(np.arange(len(places)) < stars, 0.0, 3.0)
    table = pd.DataFrame({"x": places[:, 0], "y": places[:, 1], "radius": radius, "axis_ratio": 0.8, "angle": 0.5})
    table["sersic"] = np.where(radius > 0, 1, 0)
    table = table.assign(**{f"mag_{band}": rng.uniform(15.5, 17.5, len(table)) for band in "ugriz"})
    images = add_noise(draw_images(table, SHAPE, SCALE, fwhm), SCALE, rng, NOISE)
    return Field("made", images, tuple(coordinates(header(band, 150.0, 20.0, 30.0, (0, 0))) for band in "ugriz"))


@pytest.mark.parametrize("wider", [0.8, 1.0, 1.3])
def test_the_blur_of_each_band_is_found_though_some_are_galaxies(wider):
    """The pixels of 0.396 arcsec add a little."""
    found = star_widths(made(40, 8, wider * FWHM))
    np.testing.assert_allclose(found, wider * FWHM + 0.04, atol=0.06)


def test_too_few_stars_measure_nothing():
    assert np.isnan(star_widths(made(3, 0, FWHM))).all()
    empty = made(1, 0, FWHM)
    assert np.isnan(star_widths(Field("empty", empty.images * 0, empty.wcs))).all()


@pytest.mark.slow
def test_a_real_field_has_the_seeing_of_the_survey(real_data):
    found = star_widths(read_field(real_data / "sdss_frames" / "001992-1-0087"))
    np.testing.assert_allclose(found, FWHM, atol=0.12)
