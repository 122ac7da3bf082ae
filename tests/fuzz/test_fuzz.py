"""Damaged files for every reader, a few of each: ``python tests/fuzz/fuzz.py`` tries thousands."""

import pytest
from fuzz import fuzz, fuzz_folders
from readers import FOLDERS, READERS

CHECKED = ("images of a sky",)  # checksums: a change is an error, or changes nothing


def test_no_damaged_file_passes_as_anything_but_an_error_or_a_table(tmp_path):
    outcomes = fuzz(READERS, 200, 1, tmp_path)
    assert [line for outcome in outcomes for line in outcome.uncaught] == []
    assert sum(outcome.tried for outcome in outcomes) == 200
    assert all(outcome.tried == outcome.refused + outcome.accepted for outcome in outcomes)
    assert sum(outcome.refused for outcome in outcomes) > 80
    assert {outcome.reader: outcome.changed for outcome in outcomes if outcome.reader in CHECKED} == {CHECKED[0]: 0}


@pytest.mark.slow
def test_one_bad_file_takes_no_good_one_along(tmp_path):
    found = fuzz_folders(FOLDERS, 60, 1, tmp_path)
    assert {name: whole for name, (whole, _) in found.items()} == {name: tried for name, (_, tried) in found.items()}
