from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from galviz.sky.surveys import SURVEYS, Survey, survey


def test_sdss_has_the_published_numbers():
    sdss = survey("sdss")
    assert sdss.bands == ("u", "g", "r", "i", "z")
    assert sdss.pixel_scale == pytest.approx(0.396)
    assert sdss.zero_point == 22.5
    assert sdss.of("softening", "g") == 0.9e-10
    assert sdss.of("ab_offsets", "u") == -0.04
    assert sdss.of("ab_offsets", "z") == 0.02
    assert np.all(np.diff(sdss.wavelengths) > 0)


def test_values_come_in_the_order_asked_for():
    np.testing.assert_array_equal(survey("sdss").of("wavelengths", ("z", "u")), [8932.0, 3551.0])
    assert list(survey("sdss").of("band_labels", ["g"])) == ["SDSS g"]


def test_unknown_survey_names_the_known_ones():
    with pytest.raises(ValueError, match=r"survey: expected one of 'sdss', got 'sdds'"):
        survey("sdds")


def test_unknown_band_names_the_known_ones():
    with pytest.raises(ValueError, match=r"bands: expected names among \('u', 'g', 'r', 'i', 'z'\).*got \('Y',\)"):
        survey("sdss").of("softening", ("g", "Y"))


def test_a_survey_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        survey("sdss").pixel_scale = 1.0
    assert isinstance(hash(survey("sdss")), int)


@pytest.mark.parametrize("field", ["softening", "ab_offsets", "wavelengths", "band_labels"])
def test_every_per_band_field_has_one_value_a_band(field):
    with pytest.raises(ValueError, match=rf"{field}: expected 5 values, one a band"):
        replace(survey("sdss"), **{field: (1.0, 2.0)})


def test_every_survey_is_known_by_its_own_name():
    assert all(isinstance(entry, Survey) and entry.name == name for name, entry in SURVEYS.items())
