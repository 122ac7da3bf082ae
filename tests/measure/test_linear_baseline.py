"""What one column says of a target, before a network learns the rest."""

import json

import numpy as np
import pandas as pd
import pytest

from galviz.measure.linear_baseline import Offset, column_of


def table(values):
    return pd.DataFrame({"z": values}, index=pd.Index([str(k) for k in range(len(values))], name="object_id"))


def test_a_line_is_found_and_goes_on_flat_outside():
    x = np.linspace(0.1, 0.5, 200)
    found = Offset.fit("z", x, 3 + 2 * x)
    assert found.of(table([0.1, 0.3, 0.5])) == pytest.approx([3.2, 3.6, 4.0])
    assert found.of(table([0.0, 9.0])) == pytest.approx([3.2, 4.0])


def test_what_is_left_says_nothing_of_the_column():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, 3000)
    y = np.sin(4 * x) + rng.normal(0, 0.3, 3000)
    left = y - Offset.fit("z", x, y).of(table(x))
    assert left.std() == pytest.approx(0.3, abs=0.02)
    for low in np.arange(0, 1, 0.2):
        assert abs(left[(x >= low) & (x < low + 0.2)].mean()) < 0.05


def test_objects_that_are_not_known_get_the_mean_and_do_not_count():
    x, y = np.r_[np.linspace(0, 1, 50), [np.nan, 0.5]], np.r_[np.linspace(0, 1, 50), [100.0, np.nan]]
    found = Offset.fit("z", x, y)
    assert found.of(table([np.nan])) == pytest.approx([0.5])
    assert found.of(table([0.25])) == pytest.approx([0.25])


@pytest.mark.parametrize("values", [[0.1] * 9, [0.1] * 40])
def test_too_few_objects_or_values_give_the_mean(values):
    found = Offset.fit("z", values, np.arange(len(values)))
    assert found.of(table([0.1, 0.7])) == pytest.approx([(len(values) - 1) / 2] * 2)


def test_it_is_the_same_after_json():
    found = Offset.fit("z", np.arange(30.0), np.arange(30.0) ** 2)
    again = Offset.from_json(json.loads(json.dumps(found.to_json())))
    assert again.of(table([3.3, 17.0])).tolist() == found.of(table([3.3, 17.0])).tolist()
    assert Offset.from_json(None) is None


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(KeyError, match=r"expected the column 'z_phot', .* got z\. Add it, or train without"):
        column_of(table([1.0]), "z_phot")
