from importlib import import_module
from types import SimpleNamespace
from typing import Literal, NotRequired, TypedDict

import pytest

from galviz.tools.messages import MODULES, check, files, typescript


class Part(TypedDict):
    share: float


class Thing(TypedDict):
    type: Literal["thing"]
    id: str
    count: int
    place: tuple[int, str]
    parts: list[Part]
    names: dict[str, bool]
    focus: str | None
    data: NotRequired[bytes]


class Other(TypedDict):
    type: Literal["other"]


KINDS = (Thing, Other)
GOOD = {"type": "thing", "id": "7", "count": 3, "place": [1, "a"], "parts": [{"share": 1}], "names": {"b": True}}
GOOD |= {"focus": None}


def test_scripts_have_the_types_that_python_declares():
    stale = [path.parent.name for path, text in files().items() if path.read_text(encoding="utf-8") != text]
    assert stale == []  # else: python -m galviz.tools.messages


@pytest.mark.parametrize("name", MODULES)
def test_every_message_has_a_type_of_its_own(name):
    module = import_module(name)
    for kinds in (module.TO_BROWSER, module.FROM_BROWSER):
        types = [kind.__annotations__["type"] for kind in kinds]
        assert len({*types}) == len(types)


def test_a_message_as_declared_passes_and_other_fields_are_ignored():
    check(GOOD, KINDS)
    check(GOOD | {"data": b"", "more": 1, "focus": "7"}, KINDS)
    check({"type": "other"}, KINDS)


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", 7), ("count", 3.5), ("count", True), ("place", [1]), ("place", ["a", 1]), ("parts", [{}]), ("focus", 0),
     ("parts", [{"share": "1"}]), ("parts", {"share": 1}), ("names", {"b": 1}), ("names", []), ("data", "text")],
)  # fmt: skip
def test_a_field_of_another_type_is_named(field, value):
    with pytest.raises(ValueError, match=f"message thing: expected {field}: "):
        check(GOOD | {field: value}, KINDS)


def test_a_missing_field_and_an_unknown_type_are_named():
    with pytest.raises(ValueError, match="message thing: expected id, got only type, count"):
        check({name: value for name, value in GOOD.items() if name != "id"}, KINDS)
    for unknown in ({}, {"type": "eval"}, {"type": ["thing"]}):
        with pytest.raises(ValueError, match="expected one of thing, other, got "):
            check(unknown, KINDS)


def test_types_for_scripts():
    lines = typescript(SimpleNamespace(Thing=Thing, Part=Part, TO_BROWSER=KINDS, FROM_BROWSER=(Other,))).splitlines()
    assert lines[1] == 'import type { Bytes } from "../shared.js";'
    expected = ['type: "thing"', "id: string", "count: number", "place: [number, string]", "parts: Array<Part>"]
    expected += ["names: Record<string, boolean>", "focus: string | null", "data?: Bytes"]
    assert lines[3:13] == ["export type Thing = {", *(f"  {line};" for line in expected), "};"]
    assert lines[-3:] == ["export type ToBrowser = Thing | Other;", "", "export type FromBrowser = Other;"]
