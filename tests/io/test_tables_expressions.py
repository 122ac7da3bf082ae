"""Whole numbers in expressions: 19-digit ids differ by one, and a sum does not wrap around."""

import operator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galviz.io.expressions import evaluate, matches

BIG = 1237648720693755918


def table(**columns):
    return pd.DataFrame(columns, index=[str(k) for k in range(len(next(iter(columns.values()))))])


@pytest.mark.parametrize("dtype", ["int64", "Int64", "uint64", "UInt64"])
def test_neighbours_are_not_equal(dtype):
    ids = table(a=pd.array([BIG, BIG + 1, BIG + 2], dtype=dtype), b=pd.array([BIG + 1] * 3, dtype=dtype))
    for text, expected in {
        f"a == {BIG}": [True, False, False],
        f"a != {BIG}": [False, True, True],
        f"a > {BIG}": [False, True, True],
        "a == b": [False, True, False],
        "a <= b": [True, True, False],
        f"a in ({BIG}, {BIG + 2})": [True, False, True],
        f"a not in ({BIG}, {BIG + 2})": [False, True, False],
        f"a - {BIG} == 1": [False, True, False],
        "a % 10 == 9": [False, True, False],
        f"-a == -{BIG + 1}": [False, True, False],
        f"abs(-a) == {BIG + 1}": [False, True, False],
        f"{BIG} < a < {BIG + 2}": [False, True, False],
    }.items():
        assert matches(text, ids).tolist() == expected, text
    assert evaluate("a - b", ids).tolist() == [-1.0, 0.0, 1.0]
    assert evaluate("a - b", ids).dtype == np.float64


def test_whole_numbers_do_not_wrap_around():
    ends = table(a=np.array([2**63 - 1, -(2**63)]), b=np.array([2**64 - 1, 5], dtype=np.uint64))
    assert matches(f"a + 1 == {2**63}", ends).tolist() == [True, False]
    assert matches(f"-a == {2**63}", ends).tolist() == [False, True]
    assert matches(f"abs(a) == {2**63}", ends).tolist() == [False, True]
    assert matches(f"b == {2**64 - 1}", ends).tolist() == [True, False]
    assert matches("a < b", ends).tolist() == [True, True]
    assert matches(f"a * a > {2**125}", ends).tolist() == [True, True]


def test_missing_whole_numbers():
    some = table(a=pd.array([BIG, None, 3], dtype="Int64"), x=[0.5, np.nan, 1.5])
    assert matches(f"a == {BIG}", some).tolist() == [True, False, False]
    assert matches(f"a != {BIG}", some).tolist() == [False, True, True]
    assert matches("a > 0", some).tolist() == [True, False, True]
    assert matches("not a > 0", some).tolist() == [False, True, False]
    assert matches("isnan(a)", some).tolist() == [False, True, False]
    np.testing.assert_array_equal(evaluate("a + x", some), [BIG + 0.5, np.nan, 4.5])
    np.testing.assert_array_equal(evaluate("a / 2", some), [BIG / 2, np.nan, 1.5])
    np.testing.assert_array_equal(evaluate("a // 0", some), [np.nan] * 3)
    np.testing.assert_array_equal(evaluate("a", some), [BIG, np.nan, 3])
    assert evaluate("2 + 3", some).tolist() == [5.0] * 3
    assert evaluate("2 ** -1", some).tolist() == [0.5] * 3


def test_what_no_float_can_hold_is_refused():
    with pytest.raises(ValueError, match="expected numbers that a float64 can hold"):
        evaluate("a * " + "9" * 400, table(a=[1]))


OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "//": operator.floordiv, "%": operator.mod}
COMPARISONS = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne}
WHOLE = st.integers(-(2**63), 2**63 - 1) | st.integers(BIG - 2, BIG + 2) | st.integers(-3, 3)


@settings(deadline=None, max_examples=100)
@given(
    rows=st.lists(st.tuples(st.none() | WHOLE, WHOLE, WHOLE), min_size=1, max_size=4),
    sign=st.sampled_from([*OPERATORS]),
    than=st.sampled_from([*COMPARISONS]),
)
def test_whole_numbers_as_python_has_them(rows, sign, than):
    a, b, c = zip(*rows, strict=True)
    numbers = table(a=pd.array(a, dtype="Int64"), b=np.array(b), c=np.array(c))
    expected = []
    for first, second, third in rows:
        known = first is not None and (second or sign not in {"//", "%"})
        expected.append(COMPARISONS[than](OPERATORS[sign](first, second), third) if known else than == "!=")
    assert matches(f"a {sign} b {than} c", numbers).tolist() == expected
