"""Names of new files: any disk takes them, and no two of them are one file."""

from unicodedata import normalize

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from galviz.io.paths import distinct_names, file_name

NAMES = st.lists(st.text(max_size=300), max_size=5)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1237658493878337900", "1237658493878337900"),
        ("J1234+56.7 (a)", "J1234+56.7 (a)"),
        ("Straße.csv", "Straße.csv"),
        ("../../x.csv", "%2E.%2F..%2Fx.csv"),
        ("..", "%2E%2E"),
        ("", "%"),
        ("a\0b", "a%00b"),
        ("100%", "100%25"),
        ("a. ", "a.%20"),
        ("a.", "a%2E"),
        ("CON", "%43ON"),
        ("nul.tar", "%6Eul.tar"),
        ("console", "console"),
        ("\ud800", "%ED%A0%80"),
    ],
)
def test_a_text_becomes_the_name_of_a_file(text, name):
    assert file_name(text) == name


@given(st.text())
@example("com1")
def test_a_name_leads_nowhere_and_is_not_a_device(text):
    name = file_name(text)
    assert name.isprintable() or not text.isprintable()
    assert not set(name) & set('\0/\\:*?"<>|\n')
    assert name not in {"", ".", ".."}
    assert name[-1] not in ". "
    assert name.split(".")[0].lower() not in {"con", "nul", "com1"}


@given(NAMES)
@example(["a", "A"])
@example(["ﬀ", "FF", "é", "e\u0301"])
@example(["x" * 300, "x" * 301])
@example(["a", "A", "A~559aead08264d579"])
def test_names_differ_on_a_disk_that_ignores_case(names):
    made = list(distinct_names(map(file_name, names)))
    assert len({normalize("NFC", name).casefold() for name in made}) == len(names)
    assert all(len(name.encode()) <= 255 for name in made)


def test_a_name_that_fits_stays():
    assert list(distinct_names(["a", "b", "B"]))[:2] == ["a", "b"]
