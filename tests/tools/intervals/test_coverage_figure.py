import holoviews as hv
import numpy as np
import pytest

from galviz.measure.intervals import coverage
from galviz.tools.intervals.figure import coverage_curve


@pytest.fixture(autouse=True)
def bokeh():
    hv.extension("bokeh")


def test_the_curve_is_what_was_counted_beside_what_should_be():
    pulls = np.random.default_rng(0).normal(0, 2, 500)
    found = coverage(pulls, np.zeros(500), np.ones(500), [0.25, 0.5, 0.75])
    figure = coverage_curve(found)
    lines = {each.label: each.array() for each in figure if isinstance(each, hv.Curve)}
    assert lines["measured"][:, 0].tolist() == [0.25, 0.5, 0.75]
    assert lines["measured"][:, 1].tolist() == found["share"].tolist()
    assert (lines["measured"][:, 1] < lines["measured"][:, 0]).all()  # twice too narrow
    assert lines["as they say"].tolist() == [[0, 0], [1, 1]]
    (band,) = [each.array() for each in figure if isinstance(each, hv.Area)]
    assert band[:, 1:].tolist() == found[["low", "high"]].to_numpy().tolist()
    assert hv.renderer("bokeh").get_plot(figure).state.height == 300
