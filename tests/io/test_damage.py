"""Whatever a library raises for a damaged file names the file in the end."""

import pytest

from galviz.io.damage import whole


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


def test_a_missing_file_stays_missing():
    with pytest.raises(FileNotFoundError), whole("a.fits", "frame", "Again."):
        raise FileNotFoundError
