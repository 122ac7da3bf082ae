"""The plot of the error against image size."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from galviz.tools.training.figure import size_plot

TABLE = pd.DataFrame(
    {
        "pixels": [64, 1, 16],
        "rmse": [0.08, 0.12, 0.1],
        "low": [0.07, 0.11, np.nan],
        "high": [0.10, 0.14, np.nan],
    }
)


def test_errors_are_where_they_belong_in_the_order_of_the_sizes():
    figure = size_plot(TABLE, "dex")
    bars, line, dots = figure
    assert line.array().tolist() == dots.array().tolist() == [[1, 0.12], [16, 0.1], [64, 0.08]]
    assert bars.array() == pytest.approx(np.array([[1, 0.12, 0.01, 0.02], [64, 0.08, 0.01, 0.02]]))
    drawn = hv.render(figure)
    assert type(drawn.x_scale).__name__ == "LogScale"
    assert drawn.xaxis[0].axis_label == "Image size (pixels on a side)"
    assert drawn.xaxis[0].ticker.ticks == [1, 16, 64]
    assert drawn.yaxis[0].axis_label == "RMSE (dex)"
    assert drawn.title.text == "Error against image size, held-out objects, with 95 % intervals"
    assert drawn.y_range.start < 0.07
    assert drawn.y_range.end > 0.14


@pytest.mark.parametrize("table", [TABLE.tail(1), TABLE.head(0)])
def test_no_interval_is_promised_where_none_is_known(table):
    drawn = hv.render(size_plot(table))
    assert drawn.title.text == "Error against image size, held-out objects"
    assert drawn.yaxis[0].axis_label == "RMSE"
