"""Curves of errors against labels: what is drawn where."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from galviz.measure.label_efficiency import published
from galviz.tools.label_curves.figure import label_curves

CURVES = pd.DataFrame(
    {
        "method": ["base", "base", "ours", "ours"],
        "fraction": [1.0, 0.1, 0.1, 1.0],
        "mean": [0.2, 0.4, 0.3, 0.15],
        "std": [0.01, 0.5, np.nan, np.nan],
    }
)


@pytest.fixture(autouse=True)
def bokeh():
    hv.extension("bokeh")


def drawn(figure, kind):
    return {element.label: element.data for element in figure if isinstance(element, kind)}


def test_points_are_where_they_belong_in_the_order_of_labels():
    lines = drawn(label_curves(CURVES, "ln λ", "MAE"), hv.Curve)
    assert lines.keys() == {"Base", "Ours"}
    assert lines["Base"].to_numpy().tolist() == [[10, 0.4], [100, 0.2]]


def test_bars_are_standard_deviations_that_stay_above_zero():
    bars = [e for e in label_curves(CURVES, "ln λ", "MAE") if isinstance(e, hv.ErrorBars)]
    rows = np.vstack([each.array() for each in bars if len(each)])
    assert rows.tolist() == [[10, 0.4, pytest.approx(0.396), 0.5], [100, 0.2, 0.01, 0.01]]


def test_the_paper_is_behind_and_grey():
    figure = label_curves(CURVES, "ln λ", "MAE", published().rename(columns={"mae": "mean"}))
    names = [e.label for e in figure if isinstance(e, hv.Curve)]
    assert names == ["Base, the paper's", "Ours, the paper's", "Base", "Ours"]
    assert drawn(figure, hv.Curve)["Ours, the paper's"].to_numpy()[-1].tolist() == [100, 0.1615]


@pytest.mark.parametrize("curves", [CURVES, CURVES.head(1), CURVES.head(0)])
def test_it_can_be_drawn_with_logarithmic_axes_that_say_their_unit(curves):
    plot = hv.render(label_curves(curves, "dex", "Sigma"))
    assert (plot.xaxis[0].axis_label, plot.yaxis[0].axis_label) == ("Labels used (%)", "Sigma (dex)")
    assert type(plot.y_scale).__name__ == "LogScale"
    assert plot.y_range.start > 0


def test_accuracies_have_an_axis_without_a_unit_that_is_not_logarithmic():
    plot = hv.render(label_curves(CURVES, "", "Accuracy", logarithmic=False))
    assert plot.yaxis[0].axis_label == "Accuracy"
    assert type(plot.y_scale).__name__ == "LinearScale"


@pytest.mark.parametrize("least", [0.01, 0.11, 3.3, 36.0, 990.0])
@pytest.mark.parametrize("ratio", [1.0, 1.1, 2.0, 50.0])
def test_any_range_of_errors_has_places_that_are_written(least, ratio):
    curves = CURVES.assign(mean=[least * ratio, least, least, least], std=np.nan)
    axis = hv.render(label_curves(curves, "%", "MAE")).yaxis[0]
    written = [tick for tick in axis.ticker.ticks if 0.8 * least <= tick <= 1.2 * least * ratio]
    assert 3 <= len(written) <= 20


def test_bars_are_inside_and_the_legend_is_outside():
    curves = CURVES.assign(mean=0.3, std=[0.25, 0.2, 0.01, 0.01])
    plot = hv.render(label_curves(curves, "%", "MAE"))
    assert plot.y_range.end > 0.55
    assert plot.legend[0] in plot.below
