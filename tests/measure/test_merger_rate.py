import pytest

from galviz.measure import merger_rate as rates


def test_the_published_fraction_as_a_rate():
    """0.029 seen over 0.2 to 0.9 Gyr is 0.03 to 0.15 a Gyr."""
    found = rates.merger_rate(0.029, [0.9, 0.2])
    assert found == pytest.approx([0.032, 0.145], abs=1e-3)
    assert rates.merger_rate(0.02, 0.3, merging=1.5) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="t_obs: expected positive times in Gyr, got 0"):
        rates.merger_rate(0.02, 0)


def test_every_published_number_says_how_far_it_was_read():
    assert {one.status for one in rates.PUBLISHED} == {"paper", "abstract only"}
    assert all(one.source and one.method for one in rates.PUBLISHED)
    assert all(not one.low > one.high for one in rates.PUBLISHED)
