import numpy as np
import pytest

from galviz.sky.mass_metallicity import metallicity_of


def test_the_relation_is_that_of_tremonti():
    assert metallicity_of([9.0, 10.0, 11.0]).tolist() == pytest.approx([8.62994, 8.952, 9.11354])
    assert np.isnan(metallicity_of([np.nan]))
    assert metallicity_of(10.0).shape == ()
