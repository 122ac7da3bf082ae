"""One small SDSS field for all tests of the readers."""

import pytest
from sdss_files import STARS, write_field

from galviz.sky.readers import sdss


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_field(tmp_path_factory.mktemp("sdss") / "001035-6-0017", STARS)


@pytest.fixture(scope="module")
def field(folder):
    return sdss.read_field(folder)
