"""What the figures that judge predictions draw."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import GlyphRenderer, Slope

from galviz.measure.compare import disagreement
from galviz.measure.intervals import pit_histogram
from galviz.measure.metrics import bias
from galviz.measure.ranges import in_ranges
from galviz.measure.score_curves import purity_completeness, roc
from galviz.tools.diagnostics.figure import against, density_plot, ends_of, purity_plot, ranges_plot, roc_plot
from galviz.tools.intervals.figure import pit_plot

TRUTH, SCORE = [1, 0, 1, 0], [0.9, 0.8, 0.4, 0.1]


def drawn(plot):
    """The Bokeh figure of a plot, and the data of its renderers."""
    figure = hv.render(plot)
    return figure, [one.data_source.data for one in figure.renderers if isinstance(one, GlyphRenderer)]


def test_curves_have_their_band_their_area_and_the_class_in_their_labels():
    figure, data = drawn(roc_plot(roc(TRUTH, SCORE), "spiral"))
    assert figure.title.text.startswith("ROC of spiral: area 0.750 (")
    assert "completeness of spiral" in figure.yaxis[0].axis_label
    assert any(list(each.get("threshold", [])) == [np.inf, 0.9, 0.8, 0.4, 0.1] for each in data)
    figure, data = drawn(purity_plot(purity_completeness(TRUTH, SCORE), "spiral"))
    assert figure.xaxis[0].axis_label == "Completeness of spiral"
    assert any(list(each.get("y", []))[:2] == [0.5, 0.5] and len(each["y"]) == 2 for each in data)  # half are positive


def test_ranges_have_their_labels_and_their_intervals():
    rng = np.random.default_rng(0)
    truth = np.arange(40.0)
    found = in_ranges(truth, truth, truth + rng.normal(1, 0.1, 40), {"bias": bias}, ranges=4)
    figure, data = drawn(ranges_plot(found, "z_spec", "Bias (mag)", zero=True))
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("z_spec", "Bias (mag)")
    dots = next(each for each in data if "n" in each)
    assert dots["value"] == pytest.approx(found["value"].to_numpy())
    assert dots["n"].tolist() == [10] * 4


def test_the_pit_histogram_has_its_band():
    figure, data = drawn(pit_plot(pit_histogram(np.linspace(0.01, 0.99, 100), bins=10)))
    bars = next(each for each in data if "top" in each)
    assert bars["top"].sum() == 100
    assert figure.y_range.end > 10
    drawn(pit_plot(pit_histogram([])))  # nothing, and no error


def test_one_prediction_against_another():
    index = pd.Index(["a", "b", "c"], name="object_id")
    first = pd.DataFrame({"truth": [1.0, 2, 3], "estimate": [1.0, 2, 4]}, index=index)
    pairs = disagreement(first, first.assign(estimate=[1.5, 2, 3]))
    _, plot = against(pairs, ("z by A", "z by B"), hv.streams.Pipe(data=np.array([[1.0, 1.5]])))
    figure, data = drawn(plot)
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("z by A", "z by B")
    points = next(each for each in data if "object_id" in each)
    assert list(points["object_id"]) == ["a", "b", "c"]
    assert any(len(each.get("x", [])) == 1 for each in data)  # the selected one
    assert (figure.x_range.start, figure.x_range.end) == (figure.y_range.start, figure.y_range.end)


def test_a_density_counts_all_objects_in_its_limits_and_has_its_median():
    rng = np.random.default_rng(0)
    x = rng.uniform(8, 9, 4000)
    limits = ((8.0, 9.0), (8.0, 9.0))
    plot = density_plot(x, x, ("True Z", "Predicted Z"), "Z", limits=limits, line="1:1", fit=(0.5, 4.0))
    figure, data = drawn(plot)
    assert (figure.xaxis[0].axis_label, figure.yaxis[0].axis_label) == ("True Z", "Predicted Z")
    assert (figure.x_range.start, figure.x_range.end) == (8.0, 9.0)
    image = next(each["image"][0] for each in data if "image" in each)
    assert np.nansum(image) == 4000
    assert sorted(slope.gradient for slope in figure.select({"type": Slope})) == [0.5, 1]
    median = next(each for each in data if len(each.get("x", [])) == 40)
    assert list(median["x"]) == pytest.approx(list(median["y"]))
    drawn(density_plot(x, x + 5, ("a", "b"), "outside", limits=limits, line="zero"))  # nothing to see


def test_few_objects_are_points_and_not_a_density():
    x = np.random.default_rng(0).uniform(8, 9, 60)
    _, data = drawn(density_plot(x, x, ("a", "b"), "Z", limits=((8.0, 9.0), (8.0, 9.0))))
    assert not [each for each in data if "image" in each]
    assert any(len(each.get("x", [])) == 60 for each in data)


def test_axes_hold_nearly_all_values():
    low, high = ends_of(np.append(np.linspace(0, 1, 10_000), 50.0))
    assert (low, high) == pytest.approx((-0.08, 1.08), abs=0.01)
    assert ends_of(np.array([-3.0, 1.0]), symmetric=True)[0] == -ends_of(np.array([-3.0, 1.0]), symmetric=True)[1]
    assert ends_of(np.ones(3)) == (0.5, 1.5)
