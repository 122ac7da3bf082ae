import numpy as np
import pandas as pd
import pytest
from astropy.visualization import make_lupton_rgb
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from galviz.sky import photometry as phot
from galviz.sky.aperture import aperture_fluxes, extent
from galviz.sky.cutouts import CutoutSet

BANDS = ("u", "g", "r", "i", "z")
any_flux = arrays(np.float64, st.integers(1, 20), elements=st.floats(-1e6, 1e9))


def test_magnitudes_of_zero_flux_are_the_published_ones():
    zero = phot.flux_to_asinh(np.zeros(5), BANDS)
    np.testing.assert_allclose(zero, [24.63, 25.11, 24.80, 24.36, 22.83], atol=0.006)


def test_bright_sources_have_pogson_magnitudes():
    flux = np.array([1e3, 1e5])
    np.testing.assert_allclose(phot.flux_to_asinh(flux, "r"), phot.flux_to_ab(flux), atol=1e-6)
    assert phot.flux_to_ab(1.0) == 22.5
    assert phot.flux_to_ab(100.0) == pytest.approx(17.5)


@given(any_flux, st.sampled_from(BANDS))
def test_asinh_magnitudes_are_undone_exactly(flux, band):
    back = phot.asinh_to_flux(phot.flux_to_asinh(flux, band), band)
    np.testing.assert_allclose(back, flux, rtol=1e-12, atol=1e-12)


@given(arrays(np.float64, 5, elements=st.floats(10, 40)))
def test_asinh_fluxes_are_undone_exactly(magnitude):
    back = phot.flux_to_asinh(phot.asinh_to_flux(magnitude, BANDS), BANDS)
    np.testing.assert_allclose(back, magnitude, rtol=1e-12)


@given(any_flux)
def test_ab_magnitudes_are_undone_where_there_is_flux(flux):
    back = phot.ab_to_flux(phot.flux_to_ab(flux))
    np.testing.assert_allclose(back, np.where(flux > 0, flux, np.nan), rtol=1e-12)


def test_asinh_magnitudes_fall_with_flux_through_zero():
    magnitudes = phot.flux_to_asinh(np.linspace(-5, 5, 101), "z")
    assert np.all(np.diff(magnitudes) < 0)


def test_nan_stays_nan():
    flux = np.array([np.nan, 1.0])
    for change in (phot.flux_to_ab, phot.ab_to_flux):
        assert np.isnan(change(flux)).tolist() == [True, False]
    for change in (phot.flux_to_asinh, phot.asinh_to_flux):
        assert np.isnan(change(flux, "g")).tolist() == [True, False]
    assert np.isnan(phot.colour(flux, [1.0, -1.0])).all()


def test_bands_lie_along_the_axis_named():
    flux = np.random.default_rng(0).normal(size=(2, 5, 3, 4))
    magnitudes = phot.flux_to_asinh(flux, BANDS, axis=1)
    for k, band in enumerate(BANDS):
        np.testing.assert_array_equal(magnitudes[:, k], phot.flux_to_asinh(flux[:, k], band))
    np.testing.assert_allclose(phot.asinh_to_flux(magnitudes, BANDS, axis=1), flux, atol=1e-12)


def test_bands_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"bands: expected as many names as axis -1 .* shape \(2, 5, 3\) .*axis="):
        phot.flux_to_asinh(np.zeros((2, 5, 3)), BANDS)
    with pytest.raises(ValueError, match="survey: expected one of"):
        phot.flux_to_asinh(1.0, "g", "twomass")


def test_colour_is_a_magnitude_difference():
    assert phot.colour(10.0, 100.0) == pytest.approx(2.5)
    assert phot.colour(3.0, 7.0) == pytest.approx(phot.flux_to_ab(3.0) - phot.flux_to_ab(7.0))


def test_summed_flux_is_the_sum_whatever_the_batch(tiny_sky):
    table = phot.summed_flux(tiny_sky, size=5)
    assert table.index.name == "object_id"
    assert list(table.columns) == list(BANDS)
    assert list(table.index) == list(tiny_sky.object_ids)
    np.testing.assert_allclose(table, np.asarray(tiny_sky.images[:]).sum(axis=(2, 3), dtype=float), rtol=1e-6)
    pd.testing.assert_frame_equal(table, phot.summed_flux(tiny_sky, size=100))


def test_summed_flux_goes_with_the_id(tiny_sky):
    wanted = tiny_sky.object_ids[[7, 2]]
    pd.testing.assert_frame_equal(
        phot.summed_flux(tiny_sky.select(wanted)), phot.summed_flux(tiny_sky).loc[list(wanted)]
    )


def test_summed_flux_of_a_band_without_observation_is_missing():
    coverage = np.ones((2, 2, 4, 4), dtype=bool)
    coverage[0, 1] = False
    coverage[1, 0, 0] = False
    cutouts = CutoutSet(
        images=coverage.astype(np.float32),
        bands=("g", "r"),
        catalogue=pd.DataFrame(index=["a", "b"]),
        pixel_scale=0.396,
        unit="nanomaggy",
        coverage=coverage,
    )
    np.testing.assert_array_equal(phot.summed_flux(cutouts), [[16.0, np.nan], [12.0, 16.0]])


def test_summed_flux_of_no_objects_has_the_bands(tiny_sky):
    assert phot.summed_flux(tiny_sky.select([])).shape == (0, 5)


def test_pixels_for_the_eye_carry_no_flux():
    phot.require_flux_unit("nanomaggy")
    cutouts = CutoutSet(
        images=np.zeros((1, 1, 4, 4), np.float32),
        bands=("g",),
        catalogue=pd.DataFrame(index=["a"]),
        pixel_scale=1.0,
        unit="display",
    )
    with pytest.raises(ValueError, match=r"unit: expected 'nanomaggy' for photometry, got 'display'.*FITS"):
        phot.summed_flux(cutouts)


def test_lupton_rgb_is_astropys_with_the_bands_in_place():
    images = np.random.default_rng(1).normal(0.1, 1.0, (5, 8, 9))
    picture = phot.lupton_rgb(images, BANDS)
    assert picture.shape == (8, 9, 3)
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, make_lupton_rgb(images[3], images[2], images[1], stretch=0.5, Q=10))
    swapped = phot.lupton_rgb(images, BANDS, rgb=("g", "r", "i"))
    np.testing.assert_array_equal(swapped, picture[..., ::-1])


def test_lupton_rgb_of_red_light_is_red_and_of_none_is_black():
    images = np.zeros((5, 2, 2))
    images[3, 0, 0] = 5.0
    images[1, 1, 1] = np.nan
    picture = phot.lupton_rgb(images, BANDS)
    assert picture[0, 0, 0] > 200
    assert picture[0, 0, 1:].tolist() == [0, 0]
    assert not picture[1].any()


def test_lupton_rgb_names_what_does_not_fit():
    with pytest.raises(ValueError, match=r"images: expected shape \(B, H, W\) with B = 5 .*got \(1, 5, 4, 4\)"):
        phot.lupton_rgb(np.zeros((1, 5, 4, 4)), BANDS)
    with pytest.raises(ValueError, match=r"rgb: expected three names among the bands .*got \('y', 'r', 'g'\)"):
        phot.lupton_rgb(np.zeros((5, 4, 4)), BANDS, rgb=("y", "r", "g"))


@pytest.mark.parametrize("kind", ["asinh", "zscale", "percentile", "linear"])
def test_stretch_is_monotonic_within_0_and_1_and_keeps_what_is_missing(kind):
    image = np.random.default_rng(2).normal(size=(20, 20))
    image[0, 0] = np.nan
    level = phot.stretch(image, kind)
    assert np.isnan(level[0, 0])
    seen = np.isfinite(image)
    assert level[seen].min() == 0.0
    assert level[seen].max() == 1.0
    assert np.all(np.diff(level[seen][np.argsort(image[seen])]) >= 0)


def test_stretch_known_values():
    ramp = np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(phot.stretch(ramp, "linear"), [0, 0.5, 1])
    np.testing.assert_allclose(
        phot.stretch(ramp, "asinh", limits=(0, 2)), [0, np.arcsinh(5) / np.arcsinh(10), 1], rtol=1e-6
    )
    np.testing.assert_allclose(phot.stretch(ramp, "linear", limits=(1, 5)), [0, 0, 0.25])


def test_stretch_of_faint_pixels_is_brighter_with_asinh():
    image = np.random.default_rng(3).exponential(size=1000)
    limits = phot.stretch_limits(image, "asinh")
    assert phot.stretch(image, "asinh").mean() > phot.stretch(image, "percentile", limits=limits).mean()


def test_stretch_of_one_value_or_nothing():
    np.testing.assert_array_equal(phot.stretch(np.full((3, 3), 7.0)), np.zeros((3, 3)))
    assert np.isnan(phot.stretch(np.full((3, 3), np.nan))).all()


def test_stretch_refuses_an_unknown_kind():
    with pytest.raises(ValueError, match="kind: expected 'asinh', 'zscale', 'percentile' or 'linear', got 'log'"):
        phot.stretch(np.zeros((2, 2)), "log")


def _apertures(image, radius=6.0, ring=(10.0, 15.0), centre=(20.0, 25.0), **more):
    return aperture_fluxes(image[None], ("r",), centre, radius, ring, **more).loc["r"]


def _spot(noise=0.0, sky=3.0, flux=100.0, seed=0):
    """A Gaussian of 1.5 px at x = 20, y = 25 of a 51 × 45 image."""
    y, x = np.mgrid[:51, :45]
    spot = np.exp(-((x - 20) ** 2 + (y - 25) ** 2) / (2 * 1.5**2)) / (2 * np.pi * 1.5**2)
    return flux * spot + sky + np.random.default_rng(seed).normal(0, noise, spot.shape)


def test_a_circle_gives_the_flux_without_the_sky():
    found = _apertures(_spot(), zero_point=22.5)
    assert found["flux"] == pytest.approx(100, rel=1e-3)
    assert found["sky"] == pytest.approx(3, abs=1e-6)
    assert found["mag"] == pytest.approx(17.5, abs=2e-3)
    assert found["missing"] == pytest.approx(0)
    elsewhere = _apertures(_spot(), centre=(25.0, 20.0))  # x is along the columns
    assert elsewhere["flux"] < 60


def test_the_error_of_a_circle_is_the_scatter_of_fluxes():
    found = pd.DataFrame([_apertures(_spot(noise=0.5, seed=seed), zero_point=22.5) for seed in range(300)])
    assert found["flux"].mean() == pytest.approx(100, abs=0.6)
    assert found["flux"].std() == pytest.approx(found["error"].mean(), rel=0.12)
    np.testing.assert_allclose(found["snr"], found["flux"] / found["error"])
    np.testing.assert_allclose(found["mag_error"], 2.5 / np.log(10) / found["snr"])
    np.testing.assert_allclose(found["mag_limit"], 22.5 - 2.5 * np.log10(3 * found["error"]))


def test_pixels_that_were_not_observed_are_counted_and_give_no_flux():
    image, seen = _spot(), np.ones((1, 51, 45), bool)
    image[25, 20], image[26, 20], seen[0, 24, 20] = np.nan, np.inf, False
    found = _apertures(image, coverage=seen)
    assert found["missing"] == pytest.approx(3)
    assert 70 < found["flux"] < 85  # the middle is gone
    assert np.isnan(found["mag"])  # no zero point
    assert _apertures(_spot(), centre=(0.0, 25.0))["missing"] == pytest.approx(np.pi * 36 / 2 - 6, abs=0.2)
    nowhere = _apertures(_spot(), centre=(-99.0, 25.0))
    assert nowhere[["flux", "error", "snr"]].isna().all()
    assert nowhere["missing"] == pytest.approx(np.pi * 36)
    without_sky = _apertures(_spot(), centre=(20.0, 25.0), ring=(80.0, 90.0))
    assert without_sky[["flux", "error"]].isna().all()


def test_a_negative_flux_has_no_magnitude():
    found = _apertures(_spot(flux=-100.0, noise=0.1), zero_point=22.5)
    assert found["flux"] < 0
    assert np.isnan(found["mag"])
    assert np.isnan(found["mag_error"])


@pytest.mark.parametrize(("radius", "ring"), [(0, (2, 3)), (-1, (2, 3)), (1, (3, 2)), (np.nan, (2, 3)), (1, (0, 2))])
def test_a_circle_that_makes_no_sense_is_refused(radius, ring):
    with pytest.raises(ValueError, match="radius, ring: expected positive"):
        _apertures(_spot(), radius=radius, ring=ring)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_the_extent_of_a_gaussian_follows_its_formula(sigma):
    y, x = np.mgrid[:61, :61] - 30
    spot = 5 + np.exp(-(x**2 + y**2) / (2 * sigma**2))
    inside = [1 - np.exp(-(radius**2) / (2 * sigma**2)) for radius in (3.0, 9.0)]
    assert extent(spot, 0.4) == pytest.approx(1 - inside[0] / inside[1], abs=0.06)  # whole pixels
    assert np.isnan(extent(np.ones((61, 61)), 0.4))
