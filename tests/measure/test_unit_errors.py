"""Errors in ln, dex, percent and the quantity's own unit."""

import numpy as np
import pytest

from galviz.measure.unit_errors import UNITS, in_all_units, residual_in, written


def test_a_tenth_too_much_in_every_unit():
    truth, estimate = np.array([20.0, 50.0]), np.array([22.0, 55.0])
    found = {unit: residual_in(unit, truth, estimate).tolist() for unit in UNITS}
    assert found["ln"] == pytest.approx([np.log(1.1)] * 2)
    assert found["dex"] == pytest.approx([np.log10(1.1)] * 2)
    assert found["percent"] == pytest.approx([10, 10])
    assert found["value"] == pytest.approx([2, 5])
    assert [written(unit, "λ") for unit in UNITS] == ["ln λ", "dex", "%", "λ"]


def test_an_estimate_that_is_not_positive_has_no_logarithm():
    assert np.isnan(residual_in("ln", [20.0], [-1.0])).all()
    assert residual_in("value", [20.0], [-1.0]).tolist() == [-21]
    table = in_all_units(np.full(30, 20.0), np.linspace(-1, 30, 30), n=20)
    assert np.isnan(table.loc["dex", "mae"])
    assert table.loc["percent", "mae"] > 0


def test_bad_truths_and_units_are_refused():
    with pytest.raises(ValueError, match=r"truth: expected positive numbers, got 0.0"):
        residual_in("value", [0.0], [1.0])
    with pytest.raises(ValueError, match="unit: expected one of ln, dex, percent, value"):
        residual_in("mag", [1.0], [1.0])


def test_the_table_holds_mae_and_sigma_within_their_intervals():
    rng = np.random.default_rng(0)
    truth = rng.uniform(20, 100, 400)
    estimate = truth * np.exp(rng.normal(0.05, 0.2, 400))
    table = in_all_units(np.append(truth, np.nan), np.append(estimate, 1.0), n=100)
    assert list(table.index) == list(UNITS)
    assert table.loc["ln", "sigma"] == pytest.approx(np.log(estimate / truth).std())
    assert table.loc["dex", "mae"] == pytest.approx(table.loc["ln", "mae"] / np.log(10))
    assert (table["mae_low"] < table["mae"]).all()
    assert (table["mae"] < table["mae_high"]).all()
