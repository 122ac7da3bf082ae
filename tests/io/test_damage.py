"""Whatever a library raises for a damaged file names the file in the end."""

import pytest

from galviz.io.damage import Refused, whole


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), MemoryError(), ValueError("bad"), AssertionError()])
def test_any_exception_becomes_one_that_names_the_file(error):
    with (
        pytest.raises(OSError, match=rf"^a\.fits: expected a whole frame, got .*{type(error).__name__}.*\. Again\.$"),
        whole("a.fits", "frame", "Again.", OSError),
    ):
        raise error


def test_an_error_that_names_the_file_passes_unchanged():
    with pytest.raises(ValueError, match=r"^a\.fits: no such band$"), whole("a.fits", "frame", "Again.", OSError):
        raise ValueError("a.fits: no such band")


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), PermissionError("locked"), Refused("table: which one?")])
def test_what_is_not_damage_passes_unchanged(error):
    with pytest.raises(type(error), match=str(error)), whole("a.fits", "frame", "Again."):
        raise error


def test_a_long_reason_is_one_short_line():
    with pytest.raises(ValueError, match=r"^a\.fits: .{,400}$"), whole("a.fits", "frame"):
        raise KeyError("line\n" * 1000)
