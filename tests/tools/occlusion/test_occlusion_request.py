"""The settings of an occlusion map, as the address of a page keeps them."""

from types import SimpleNamespace

import pytest

from galviz.tasks.target import Target
from galviz.tools.occlusion.request import RequestControls


@pytest.fixture
def controls(tiny_sky):
    return RequestControls(SimpleNamespace(target=Target("band", "pretext", (), "band")), tiny_sky)


@pytest.mark.parametrize("name", ["shown_band", "seen"])
def test_an_address_sets_the_band_under_its_new_and_its_old_name(controls, name):
    output = list(controls.param.output.objects)[1]
    controls.restore({"output": list(output), name: "r", "patch": 5, "unknown": 1})
    assert (controls.output, controls.shown_band, controls.patch) == (output, "r", 5)
    assert controls.names[1] == "shown_band"


def test_a_band_that_the_sky_lacks_is_refused(controls):
    with pytest.raises(ValueError, match="shown_band"):
        controls.restore({"seen": "K"})
