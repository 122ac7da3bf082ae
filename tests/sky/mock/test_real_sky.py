"""The synthetic sky against real SDSS files: noise, counts, colours."""

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from astropy.stats import sigma_clipped_stats
from photutils.aperture import CircularAperture, aperture_photometry
from scipy.ndimage import gaussian_filter, maximum_filter
from scipy.stats import median_abs_deviation

from galviz.sky.mock import laws
from galviz.sky.mock.colours import MAGNITUDES, galaxy_colours, red_sequence
from galviz.sky.mock.field import field_galaxies, stars
from galviz.sky.mock.render import add_noise, draw_images, draw_seeing

pytestmark = pytest.mark.slow

SCALE = 0.396
SHAPE = (1489, 2048)
LIMITS = (18.0, 19.0, 20.0)  # r


def colours_of(magnitudes):
    return -np.diff(np.asarray(magnitudes, dtype=float), axis=1)


def noise_of(image):
    return sigma_clipped_stats(image[::3, ::3], sigma=3, maxiters=10)[2]


def fluxes_of(image):
    """Flux within 2.5 and within 7.5 pixels of peaks of at least 5 σ; shape (2, K)."""
    image = image - np.median(image[::3, ::3])
    smooth = gaussian_filter(image, 1.4)
    high = (smooth == maximum_filter(smooth, 9)) & (smooth > 5 * noise_of(smooth))
    places = np.argwhere(high[30:-30, 30:-30])[:, ::-1] + 30
    apertures = [CircularAperture(places, radius) for radius in (2.5, 7.5)]
    table = aperture_photometry(image, apertures)
    return np.array([table["aperture_sum_0"], table["aperture_sum_1"]])


def counts_of(fluxes):
    return np.array([(fluxes[1] > 10 ** (-0.4 * (limit - 22.5))).sum() for limit in LIMITS])


def sharpness_of(fluxes):
    """Share of a star's flux within 2.5 pixels: stars are the sharpest 70 % of what has r from 15 to 18."""
    r = 22.5 - 2.5 * np.log10(np.maximum(fluxes[1], 1e-3))
    return np.percentile((fluxes[0] / fluxes[1])[(r > 15) & (r < 18)], 65)


def mock_field(seed):
    rng = np.random.default_rng(seed)
    side = SHAPE[1] * SCALE
    table = pd.concat([field_galaxies(side, rng), stars(side, rng)], ignore_index=True)
    fwhm, noise = draw_seeing(rng)
    table = table[table["y"].abs() < SHAPE[0] / 2 * SCALE]
    return add_noise(draw_images(table, SHAPE, SCALE, fwhm), SCALE, rng, noise)


@pytest.fixture(scope="module")
def frames(real_data):
    """Images of the four fields, field → band → (1489, 2048)."""
    folders = sorted((real_data / "sdss_frames").iterdir())
    return {
        folder.name: {
            band: fits.getdata(next(folder.glob(f"frame-{band}-*")), ext=0).astype(np.float32) for band in "ugriz"
        }
        for folder in folders
    }


@pytest.fixture(scope="module")
def mocks():
    return [mock_field(seed) for seed in range(4)]


def test_pixel_noise_is_within_10_percent_of_the_median_of_the_fields(frames, mocks):
    real = np.median([[noise_of(field[band]) for band in "ugriz"] for field in frames.values()], axis=0)
    ours = np.median([[noise_of(image) for image in images] for images in mocks], axis=0)
    np.testing.assert_allclose(ours, real, rtol=0.10)


@pytest.fixture(scope="module")
def fluxes(frames, mocks):
    """r-band fluxes of the sources in the real fields, and in ours."""
    return [fluxes_of(field["r"]) for field in frames.values()], [fluxes_of(images[2]) for images in mocks]


@pytest.mark.parametrize("measure", [counts_of, sharpness_of])
def test_sources_to_r_20_are_as_many_and_stars_as_sharp_as_in_the_fields(fluxes, measure):
    real, ours = ([measure(field) for field in fields] for fields in fluxes)
    assert (np.mean(ours, axis=0) >= np.min(real, axis=0)).all()
    assert (np.mean(ours, axis=0) <= np.max(real, axis=0)).all()


@pytest.fixture(scope="module")
def red_galaxies(real_data):
    """z, i and the colours of red-sequence galaxies: those within 2.5 σ of their own ridge in z and i."""
    folder = real_data / "redmapper_dr8"
    galaxies, spectra = (fits.getdata(folder / f"test_dr8_trainred_{name}.fit") for name in ("gals", "spec"))
    place = {name: np.radians([table["RA"], table["DEC"]]).astype(float) for name, table in
             (("gals", galaxies), ("spec", spectra))}  # fmt: skip
    apart = np.hypot(
        (place["gals"][0][:, None] - place["spec"][0]) * np.cos(place["gals"][1])[:, None],
        place["gals"][1][:, None] - place["spec"][1],
    )
    nearest = apart.argmin(axis=1)
    matched = np.degrees(apart.min(axis=1)) * 3600 < 1
    z, i = spectra["Z"][nearest][matched].astype(float), galaxies["REFMAG"][matched].astype(float)
    colours = colours_of(galaxies["MAG"][matched])
    below = i - laws.m_star(z)
    terms = np.column_stack([np.ones_like(z), z - 0.15, (z - 0.15) ** 2, below])
    on = colours[:, 1] > 0.75 + 3.5 * (z - 0.10)
    for _ in range(30):
        off = colours - terms @ np.linalg.lstsq(terms[on], colours[on], rcond=None)[0]
        sigma = 1.4826 * np.median(np.abs(off[on]), axis=0)
        on = (np.abs(off[:, 1:]) < 2.5 * np.maximum(sigma[1:], [0.05, 0.03, 0.04])).all(axis=1)
    return z[on], below[on], colours[on]


@pytest.mark.parametrize("low", [0.10, 0.12, 0.14, 0.16, 0.18])
def test_red_sequence_is_within_005_mag_of_real_red_galaxies(red_galaxies, low):
    z, below, colours = (values[(red_galaxies[0] >= low) & (red_galaxies[0] < low + 0.02)] for values in red_galaxies)
    assert len(z) > 50
    rng = np.random.default_rng(0)
    ours = galaxy_colours(np.repeat(z, 10), np.repeat(below, 10), np.ones(10 * len(z), dtype=bool), rng)
    difference = np.median(ours, axis=0) - np.median(colours, axis=0)
    np.testing.assert_allclose(difference, 0, atol=0.05)


def test_scatter_about_the_red_sequence_is_a_little_less_than_measured(red_galaxies):
    z, below, colours = red_galaxies
    ours = galaxy_colours(z, below, np.ones(len(z), dtype=bool), np.random.default_rng(0))
    scatter = [median_abs_deviation(table - red_sequence(z, below), scale="normal") for table in (ours, colours)]
    assert (scatter[0] < 1.05 * scatter[1]).all()  # what is measured includes errors of photometry
    assert (scatter[0][1:] > 0.6 * scatter[1][1:]).all()


def test_colours_of_field_galaxies_follow_real_ones(real_data):
    real = fits.getdata(real_data / "redmapper_dr8" / "test_dr8_gals_with_zred.fit")
    real = np.asarray(real["MAG"], dtype=float)
    rng = np.random.default_rng(0)
    ours = pd.concat([field_galaxies(3000, rng) for _ in range(4)])[list(MAGNITUDES)].to_numpy()
    for low in (17.0, 18.0):
        medians = [
            np.median(colours_of(table[(table[:, 3] >= low) & (table[:, 3] < low + 1)]), axis=0)
            for table in (ours, real)
        ]
        np.testing.assert_allclose(medians[0][1:], medians[1][1:], atol=0.1)
