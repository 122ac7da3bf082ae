"""Fields of a JSON file have the types that the code relies on, or the file is refused by name."""

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from galviz.io.records import check_fields, fits

TYPES = {"name": str, "epochs": int, "rate": float, "rates": Mapping[str, float], "bands": tuple[str, ...]}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (1, int, True),
        (1.0, int, False),
        (True, int, False),
        (True, bool, True),
        (1, float, True),
        (False, float, False),
        ("a", str, True),
        (None, str | None, True),
        (None, str, False),
        (["u", "g"], tuple[str, ...], True),
        (["u", 1], tuple[str, ...], False),
        ("ug", tuple[str, ...], False),
        ({"a": 1}, Mapping[str, float], True),
        ({"a": "b"}, Mapping[str, float], False),
        ([], Mapping[str, float], False),
        ("a", Literal["a", "b"], True),
        ("c", Literal["a", "b"], False),
        (["a"], Literal["a", "b"], False),
        ([{}], Any, True),
    ],
)
def test_a_value_has_a_type_or_not(value, kind, expected):
    assert fits(value, kind) is expected


def test_a_record_of_the_right_types_passes():
    check_fields({"name": "a", "epochs": 1, "rate": 1, "bands": [], "more": object()}, TYPES, "run.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([], "run.json: expected a JSON object, got list"),
        ({}, "run.json: expected name in it, got none"),
        ({"name": "a", "epochs": "many"}, "run.json: expected epochs to be int, got 'many'"),
        ({"name": "a", "rates": {"head": None}}, "run.json: expected rates to be .*Mapping"),
    ],
)
def test_a_damaged_record_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        check_fields(content, TYPES, "run.json", frozenset({"name"}))
