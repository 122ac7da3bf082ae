"""Figures in the colours of what shows them."""

import holoviews as hv
import numpy as np
import pytest
from bokeh.models import ColorBar

from galviz.tools.style import frame


@pytest.mark.parametrize("mode", ["default", "server"])
def test_a_figure_in_a_notebook_takes_jupyterlabs_colours_and_one_on_a_page_does_not(mode):
    image = hv.Image(np.eye(3)).opts(colorbar=True) * hv.Curve([0, 1], label="a") * hv.Curve([1, 0], label="b")
    renderer = hv.renderer("bokeh").instance(mode=mode)
    plot = renderer.get_plot(frame(image))
    plot.initialize_plot()
    plot.update(())  # it may be drawn more than once
    css = [each for each in plot.state.stylesheets if "--jp-" in each]
    legend = [each for each in plot.state.legend[0].stylesheets if "--jp-" in str(each)]
    assert len(css) == len(legend) == (mode == "default")
    (bar,) = plot.state.select({"type": ColorBar})
    assert (bar.title_text_color == "#7a7a7a") == (mode == "default")
