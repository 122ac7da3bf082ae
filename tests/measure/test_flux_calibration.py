"""Calibrated fluxes are neither biased nor worse than those of the observed bands, and their intervals hold."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.flux_calibration import LEAST, FluxCalibration, calibration
from galviz.measure.inpainting import central_flux, flux_errors
from galviz.measure.missing_flux import KnownFits

SEEN = np.array([False, True, True])
NOISE = np.array([1.0, 0.5, 0.5])


def sample(rng, count, *, offset=0.0):
    """The first band is hidden: its fits are a third too faint, and off by 0.4; the others tell its colour."""
    flux = 10 ** rng.uniform(0, 3, count)
    colour = rng.normal(0, 0.5, count)
    true = flux[:, None] * np.exp(1 + np.outer(colour, [2, 1, 0]))
    true *= np.exp(np.outer(rng.normal(0, 0.05, count) + offset, [1, 0, 0]))
    true += rng.normal(0, NOISE, true.shape)
    return true * [0.67, 1, 1] * np.exp(np.outer(rng.normal(0, 0.4, count), [1, 0, 0])), true


def fitted_on(fitted, true, groups=None):
    groups = np.arange(len(true)) if groups is None else groups
    return FluxCalibration.fit(fitted, true, band=0, seen=SEEN, noise=NOISE, groups=groups)


@pytest.fixture(scope="module")
def found():
    return fitted_on(*sample(np.random.default_rng(0), 250))


def test_a_calibrated_flux_has_no_bias_and_less_scatter(found):
    fitted, true = sample(np.random.default_rng(1), 1000)
    before, after = (flux_errors(true[:, 0], flux, least=5) for flux in (fitted[:, 0], found.flux(fitted, true)))
    assert before.bias > 0.3
    assert abs(after.bias) < 0.03
    assert after.scatter < 0.25 * before.scatter
    assert after.lost == 0


def test_intervals_of_calibrated_fluxes_hold_the_truth_as_often_as_they_say(found):
    fitted, true = sample(np.random.default_rng(2), 3000)
    low, high = found.known.interval(found.flux(fitted, true))
    assert ((low <= true[:, 0]) & (true[:, 0] <= high)).mean() == pytest.approx(0.68, abs=0.04)


def test_the_estimate_of_a_known_object_does_not_know_its_truth():
    """With 30 objects and 5 numbers each, a regression of noise follows its own objects, but no others."""
    noise = np.random.default_rng(3).normal(0, 100, (2, 30, 3))
    found = fitted_on(*noise)
    own = found.flux(*noise)
    errors = [np.abs(np.arcsinh(flux) - np.arcsinh(noise[1][:, 0])).mean() for flux in (own, found.known.estimate)]
    assert errors[0] < 0.9 * errors[1]


def test_fields_that_differ_widen_the_intervals():
    """Another field has colours of its own: each known field is judged by the others, as a new one will be."""
    rng = np.random.default_rng(4)
    fields = [sample(rng, 60, offset=offset) for offset in (-0.4, 0.4, -0.2, 0.2)]
    fitted, true = (np.concatenate(parts) for parts in zip(*fields, strict=True))
    width = []
    for groups in (np.arange(240), np.repeat(list("abcd"), 60)):
        found = fitted_on(fitted, true, groups)
        low, high = found.known.interval(found.flux(fitted, true))
        width.append(np.median(high / low))
    assert width[1] > 1.1 * width[0]


def test_what_was_observed_in_a_hidden_band_does_not_matter_and_nan_stays(found):
    fitted, true = sample(np.random.default_rng(5), 4)
    other = true.copy()
    other[:, 0] = np.nan
    np.testing.assert_array_equal(found.flux(fitted, other), found.flux(fitted, true))
    fitted[2, 1] = np.nan
    assert np.isnan(found.flux(fitted, true)).tolist() == [False, False, True, False]


def test_the_image_has_the_calibrated_flux(found):
    rng, scale = np.random.default_rng(6), np.full(3, 0.396)
    y, x = np.mgrid[-7.5:8, -7.5:8]
    images = np.exp(-np.hypot(x, y) / 3) * rng.uniform(1, 9, (3, 3, 1, 1))
    image = found.image(images, np.array([50.0, 0.5, np.nan]), scale)
    np.testing.assert_allclose(central_flux(image, pixel_scale=scale)[:2], [50, 0.5], rtol=1e-5)
    np.testing.assert_allclose(image[2], images[2, 0], rtol=1e-6)
    assert (np.diff(image[0, 8, 8:]) < 0).all()  # light is added where the galaxy is
    dark = found.image(np.zeros((1, 3, 16, 16)), np.array([1.0]), scale[:1])
    assert (dark == 0).all()


def known_fits(count, **columns):
    fitted, true = sample(np.random.default_rng(7), count)
    values = {
        f"{kind}_{band}": flux[:, b] for kind, flux in (("fit", fitted), ("true", true)) for b, band in enumerate("ugr")
    }
    table = pd.DataFrame(values | {"off": "u", "noise": 1.0, "flux": fitted[:, 0], "flux_true": true[:, 0]})
    return KnownFits(table.assign(**columns))


def test_known_fits_are_calibrated_if_they_are_many_and_of_this_version():
    fits = known_fits(LEAST, group="a")
    found = calibration(fits, ("u", "g", "r"), "u", ("u", "r"))
    assert found.seen.tolist() == [False, True, False]
    assert len(found.known.truth) == LEAST
    assert calibration(fits, ("u", "g", "r"), "g") is None
    assert calibration(known_fits(LEAST - 1, group="a"), ("u", "g", "r"), "u") is None
    assert calibration(known_fits(LEAST), ("u", "g", "r"), "u") is None
    with pytest.raises(ValueError, match=f"true: expected at least {LEAST} objects, got 3"):
        fitted_on(*sample(np.random.default_rng(0), 3))


def test_a_file_is_read_and_calibrated_once(tmp_path):
    known_fits(LEAST, group="a").table.to_parquet(tmp_path / "known.parquet")
    one, two = (calibration(KnownFits.open(tmp_path / "known.parquet"), ("u", "g", "r"), "u", ("u",)) for _ in range(2))
    assert one is two
