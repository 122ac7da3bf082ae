"""The plot of a range test of the learning rate."""

import holoviews as hv
import numpy as np
import pytest

from galviz.measure.rate_test import rate_table, suggested_rate
from galviz.tools.training.figure import rate_plot

RATES = np.geomspace(1e-6, 10, 120)


def test_the_suggestion_is_marked_on_the_smoothed_loss_and_a_burst_does_not_hide_it():
    losses = 1 / (1 + (RATES / 1e-2) ** 2) + 1 + (RATES / 0.5) ** 4
    table = rate_table(RATES, losses)
    figure = hv.render(rate_plot(table))
    assert figure.title.text == f"The loss falls most steeply at a learning rate of {suggested_rate(table):.2g}"
    ring = figure.renderers[-1].data_source.data
    assert ring["rate"] == [pytest.approx(suggested_rate(table))]
    assert type(figure.xaxis[0].ticker).__name__ == "LogTicker"
    assert figure.y_range.start < 1 < ring["loss"][0] < 2 < figure.y_range.end < 3 < losses.max()


@pytest.mark.parametrize("losses", [np.ones(0), np.arange(120.0)])
def test_without_a_suggestion_it_says_so(losses):
    figure = hv.render(rate_plot(rate_table(RATES[: len(losses)], losses)))
    assert figure.title.text == "The loss never fell: no learning rate is suggested"
