"""Fluxes that were filled in: intervals hold the truth as often as they say, and errors are measured in magnitudes."""

import numpy as np
import pandas as pd
import pytest

from galviz.measure.missing_flux import KnownFits, KnownFluxes, filled_in


def sample(rng, count):
    """Bright sources are off by a tenth of their flux and all too faint, faint ones by the noise."""
    truth = 10 ** rng.uniform(-1, 3, count)
    return truth * 0.8 * rng.lognormal(0, 0.1, count) + rng.normal(0, 1, count), truth


@pytest.mark.parametrize("level", [0.68, 0.9])
def test_intervals_hold_the_truth_as_often_as_they_say(level):
    rng = np.random.default_rng(0)
    known = KnownFluxes(*sample(rng, 1000), noise=1.0)
    estimate, truth = sample(rng, 2000)
    low, high = known.interval(estimate, level=level)
    held = (low <= truth) & (truth <= high)
    for part in (truth < 3, (truth >= 3) & (truth < 100), truth >= 100):
        assert held[part].mean() == pytest.approx(level, abs=0.07)
    bright = estimate > 300
    assert np.median((high - low)[bright] / estimate[bright]) < 0.6
    assert np.median((high - low)[estimate < 1]) < 4


def test_what_is_not_known_has_no_interval():
    few = KnownFluxes(np.ones(9), np.ones(9), noise=1.0)
    assert np.isnan(few.interval([1.0])).all()
    many = KnownFluxes(np.ones(20), np.ones(20), noise=1.0)
    low, high = many.interval([1.0, np.nan])
    assert low[0] == high[0] == pytest.approx(1.0)
    assert np.isnan([low[1], high[1]]).all()
    with pytest.raises(ValueError, match=r"level: expected a number in \(0, 1\), got 68"):
        many.interval([1.0], level=68)


def test_errors_of_magnitudes_and_colours():
    filled = np.array([[10.0, 1.0, 7.0], [100.0, 100.0, 7.0]])
    true = np.array([[20.0, 100.0, 100.0], [np.nan, 100.0, 100.0]])
    table = filled_in(["a", "b"], ("u", "g", "r"), ("u", "r"), filled=filled, true=true, known={})
    assert table["object_id"].tolist() == ["a", "b", "a", "b"]
    u = table[table["band"] == "u"].set_index("object_id")
    assert u.loc["a", "mag"] == pytest.approx(20.0)
    assert u.loc["a", "mag_error"] == pytest.approx(2.5 * np.log10(2))
    assert u.loc["a", "colour"] == "u−g"
    assert u.loc["a", "colour_value"] == pytest.approx(20.0 - 17.5)  # g was not hidden: it is what was observed
    assert u.loc["a", "colour_error"] == u.loc["a", "mag_error"]
    assert np.isnan(u.loc["b", ["mag_true", "mag_error", "colour_error", "low", "high"]].astype(float)).all()
    red = table[table["band"] == "r"]
    assert set(red["colour"]) == {"g−r"}
    assert red["colour_error"].to_numpy() == pytest.approx(-red["mag_error"].to_numpy())


def test_nothing_hidden_is_an_empty_table():
    table = filled_in(["a"], ("u", "g"), (), filled=np.ones((1, 2)), true=np.ones((1, 2)), known={})
    assert table.empty
    assert {"object_id", "band"} <= set(table.columns)


def test_known_fits_are_found_by_the_band_that_was_hidden():
    rows = [("", 1.0, 2.0, np.nan, np.nan, np.nan), ("u", 3.0, 4.0, 5.0, 6.0, 0.5), ("g", 1.0, 1.0, 1.0, 1.0, 1.0)]
    fits = KnownFits(pd.DataFrame(rows, columns=["off", "rms_u", "rms_g", "flux", "flux_true", "noise"]))
    assert fits.residuals(("u", "g")).tolist() == [[1.0, 2.0]]
    known = fits.fluxes("u")
    assert (known.estimate.tolist(), known.truth.tolist(), known.noise) == ([5.0], [6.0], 0.5)
