"""Classes of the Perseus catalogue, and cuts with their edges."""

import numpy as np
import pytest

from galviz.sky import perseus


def test_seven_classes_become_two():
    assert perseus.membership(range(7)).tolist() == pytest.approx([0, 0, 0, 1, np.nan, 1, 0], nan_ok=True)
    assert set(perseus.CLASSES) - set(perseus.MEMBER) == {4}
    assert all(("dE/ETG" in name) == (perseus.MEMBER.get(k) == 1) for k, name in perseus.CLASSES.items())


def test_an_unknown_class_has_no_membership():
    assert np.isnan(perseus.membership([np.nan])).all()
    with pytest.raises(ValueError, match="classes: expected whole numbers from 0 to 6 or NaN, got 7"):
        perseus.membership([0, 7])


def test_classes_may_be_numbers_or_names():
    found = perseus.class_numbers([3, "3", 3.0, " 6 ", perseus.CLASSES[5], "0 LTG", None, np.nan, ""])
    assert found.tolist() == pytest.approx([3, 3, 3, 6, 5, 0, np.nan, np.nan, np.nan], nan_ok=True)
    with pytest.raises(ValueError, match=r"classes: expected numbers from 0 to 6, or names such as .* got 'dwarf'"):
        perseus.class_numbers(["3", "dwarf"])


def test_redshifts_at_the_edges():
    z = [-0.001, 0.0, np.nextafter(0.01, 0), 0.01, 0.0179, np.nextafter(0.033, 0), 0.033, 1.0, np.nan, np.inf]
    found = perseus.spectroscopic_class(z).tolist()
    assert found == ["star"] * 3 + ["member"] * 3 + ["background"] * 2 + [None] * 2


def test_edges_of_another_cluster():
    assert perseus.spectroscopic_class([0.04, 0.06], (0.05, 0.07)).tolist() == ["star", "member"]
    with pytest.raises(ValueError, match="member: expected two redshifts, the smaller one first"):
        perseus.spectroscopic_class([0.02], (0.033, 0.01))


def test_the_limit_is_not_bright():
    r = [19.4, np.nextafter(19.4, 0), 12.0, np.nan, -np.inf]
    assert perseus.brighter(r).tolist() == [False, True, True, False, False]
    assert perseus.brighter([18.0], limit=18).tolist() == [False]


def test_objects_left_after_each_cut():
    first, second = np.array([True, True, True, False]), np.array([False, True, True, True])
    kept, table = perseus.after_cuts({"r < 19.4": first, "not too red": second})
    assert kept.tolist() == [False, True, True, False]
    assert table.to_dict("index") == {"r < 19.4": {"passed": 3, "left": 3}, "not too red": {"passed": 3, "left": 2}}
