"""Numbers that perhaps stand for a missing value."""

import numpy as np
import pandas as pd
import pytest

from galviz.io.expressions import matches
from galviz.measure.stand_ins import condition, notes_on, stand_ins, stand_ins_of

MAGNITUDES = [17.2, 18.4, 21.9, np.nan]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([*MAGNITUDES, 99, 99], {99.0: 2}),
        ([*MAGNITUDES, 99, -99, -9999], {-9999.0: 1, -99.0: 1, 99.0: 1}),
        ([0.1, 0.2, 250.0, -99.9], {-99.9: 1}),  # the only negative one
        ([-20.5, -18.0, -99.0], {-99.0: 1}),
        ([3, 5, 4, -32768], {-32768.0: 1}),
        (np.array([17.0, 18.0, 99.99], np.float32).astype(float), {99.98999786376953: 1}),
        (np.arange(100.0), {}),  # a count may be 99
        (np.arange(-150.0, -98.0), {}),
        ([-3000.0, 2000.0, -99.0], {}),
        ([17.0, 18.0, 60.0], {}),  # far, but no usual number
        ([99.0, 99.0], {}),  # nothing else
        ([], {}),
    ],
)
def test_a_usual_number_that_is_far_from_all_others(values, found):
    assert stand_ins(np.asarray(values, float)) == found


def test_the_note_names_columns_rows_and_a_filter_that_works():
    table = pd.DataFrame({f"m{k}": [17.0, 18.0, 99.0] for k in range(5)} | {"n": pd.array([1, None, -99], "Int64")})
    low, high = notes_on(stand_ins_of(table.assign(name="99", z=[0.1, 0.2, 0.3])))
    assert low.startswith("-99 in n (1 row): perhaps missing values.")
    assert "Filter by n > -90 to" in low
    assert high.startswith("99 in m0 (1 row), m1 (1 row), m2 (1 row), m3 (1 row) and 1 more columns: perhaps")
    assert matches("m0 < 90", table).tolist() == [True, True, False]
    assert condition("g-r", -9999.0) == "col('g-r') > -9000"
