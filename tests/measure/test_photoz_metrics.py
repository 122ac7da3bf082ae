"""Measures of photometric redshifts: known answers for each definition, and how they relate."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.metrics import r2, sigma_nmad
from galviz.measure.photoz import MEASURES, dz, photoz_summary

# Δz = −0.02, 0, 0.01, 0.03, 0.30 at z_spec = 0, 1, 0, 1, 0
Z_SPEC = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
Z_PHOT = np.array([-0.02, 1.0, 0.01, 1.06, 0.30])


def test_dz_is_the_residual_over_one_plus_z():
    np.testing.assert_allclose(dz(Z_SPEC, Z_PHOT), [-0.02, 0.0, 0.01, 0.03, 0.30], atol=1e-12)
    np.testing.assert_allclose(dz([3.0], [1.0]), [-0.5])


def test_every_measure_has_its_known_value():
    """Median Δz = 0.01; |Δz − 0.01| = 0.03, 0.01, 0, 0.02, 0.29; |Δz| = 0.02, 0, 0.01, 0.03, 0.30."""
    expected = {
        "r2": 1 - (0.02**2 + 0.01**2 + 0.06**2 + 0.3**2) / 1.2,
        "bias": 0.064,
        "sigma_nmad": 1.4826 * 0.02,
        "sigma_mad_median": 0.02,
        "sigma_mad_mean": 0.072,
        "sigma_nmad_zero": 1.48 * 0.02,
        "eta_5_sigma": 0.2,
        "eta_0.05": 0.2,
        "eta_0.15": 0.2,
    }
    assert expected.keys() == MEASURES.keys()
    found = photoz_summary(Z_SPEC, Z_PHOT, n=5)
    for name, value in expected.items():
        assert found.loc[name, "value"] == pytest.approx(value), name
        assert MEASURES[name][0](Z_SPEC, Z_PHOT) == pytest.approx(value), name
        assert found.loc[name, "definition"] == MEASURES[name][1]


def test_cuts_are_strict_and_those_of_the_name():
    z = np.zeros(4)
    found = photoz_summary(z, np.array([0.05, 0.0500001, 0.15, 0.1500001]), n=2)["value"]
    assert (found["eta_0.05"], found["eta_0.15"]) == (0.75, 0.25)


def test_five_of_its_own_sigmas_flatter_a_wide_method():
    """A method ten times as wide has as few outliers by its own cut, and more by a fixed one."""
    rng = np.random.default_rng(0)
    error = rng.standard_t(2, 4000) * 0.01
    z = np.full(4000, 0.5)
    narrow, wide = (photoz_summary(z, z + 1.5 * scale * error, n=2)["value"] for scale in (1, 10))
    assert wide["eta_5_sigma"] == pytest.approx(narrow["eta_5_sigma"], abs=1e-3)
    assert wide["eta_0.05"] > 5 * narrow["eta_0.05"]


def test_what_exists_already_is_not_defined_anew():
    rng = np.random.default_rng(1)
    z_spec = rng.uniform(0, 1, 50)
    z_phot = z_spec + rng.normal(0, 0.05, 50)
    assert MEASURES["sigma_nmad"][0](z_spec, z_phot) == sigma_nmad(np.zeros(50), dz(z_spec, z_phot))
    assert MEASURES["r2"][0](z_spec, z_phot) == r2(z_spec, z_phot)


@given(st.integers(2, 60), st.integers(0, 2**31), st.floats(-0.2, 0.2))
def test_an_offset_moves_the_bias_and_not_the_centred_width(count, seed, offset):
    rng = np.random.default_rng(seed)
    z_spec, error = rng.uniform(0, 2, count), rng.normal(0, 0.1, count)
    values = [
        {name: measure(z_spec, z_spec + (1 + z_spec) * e) for name, (measure, _) in MEASURES.items()}
        for e in (error, error + offset)
    ]
    assert values[1]["bias"] == pytest.approx(values[0]["bias"] + offset, abs=1e-9)
    assert values[1]["sigma_nmad"] == pytest.approx(values[0]["sigma_nmad"], abs=1e-9)
    assert values[0]["sigma_nmad_zero"] == pytest.approx(1.48 * values[0]["sigma_mad_median"])


def test_intervals_hold_the_value_and_shrink_with_more_galaxies():
    rng = np.random.default_rng(2)
    z = rng.uniform(0.1, 1, 2000)
    tables = [photoz_summary(z[:n], z[:n] + rng.normal(0, 0.03, n), n=100) for n in (100, 2000)]
    for table in tables:
        assert (table["low"] <= table["value"] + 1e-12).all()
        assert (table["value"] <= table["high"] + 1e-12).all()
    width = [(table["high"] - table["low"])["sigma_nmad"] for table in tables]
    assert width[1] < 0.5 * width[0]


def test_series_must_have_the_same_ids():
    z = pd.Series([0.1, 0.2], index=["a", "b"])
    with pytest.raises(ValueError, match="expected the index of truth"):
        photoz_summary(z, z[::-1])


def test_redshifts_below_minus_one_are_refused():
    with pytest.raises(ValueError, match="z_spec: expected redshifts above −1, got -99"):
        dz([-99.0, 0.1], [0.1, 0.1])


def test_nan_is_dropped_only_if_asked_for():
    with pytest.raises(ValueError, match="without NaN"):
        photoz_summary([0.1, np.nan], [0.1, 0.2])
    assert len(dz([0.1, np.nan], [0.1, 0.2], nan="drop")) == 1
