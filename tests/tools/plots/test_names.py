"""Names of columns, runs and bands are drawn as they are written, whatever they mean to HoloViews or Bokeh."""

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from bokeh.models import HoverTool
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import sampled_from

from galviz.tools.plots import figure as explore
from galviz.tools.plots.colouring import Colouring
from galviz.tools.style import JOINER, frame, plain
from galviz.tools.training.figure import run_curves

SIGNS = ["}", "{", "{x}", "@", "@{x}", "]", "$$a$$", "\\(a\\)", "x", "y", "", "two\nlines", "object_id", "n" * 300]


def clean(text):
    return text.replace(JOINER, "")


@settings(deadline=None, max_examples=40)
@given(st.text(sampled_from("{}@$xy\\([])a ")), st.text(sampled_from("{}@$xy\\([])a ")))
def test_a_title_is_what_it_is(first, second):
    words = f"{first} against {second}"
    shown = hv.render(frame(hv.Points([(1, 1)]), title=words)).title.text
    assert clean(shown) == words.strip()
    assert "$$" not in shown


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("other", ["x", "y", "z"])
def test_axes_and_tooltips_are_called_as_they_are(name, other):
    places, selected = np.array([[1.0, 5.0], [2.0, 7.0]]), hv.streams.Pipe(data=np.empty((0, 2)))
    colour = Colouring(np.array([0.0, 1.0]), name)
    _, plot = explore.point_cloud(
        *places.T, np.array(["a", "b"], dtype=object), axes=(name, other), selected=selected, colour=colour
    )
    figure = hv.render(plot)
    assert (clean(figure.xaxis.axis_label), clean(figure.yaxis.axis_label)) == (name, other)
    (hover,) = figure.select(HoverTool)
    assert hover.tooltips[:3] == [(name, "@{x}"), (other, "@{y}"), ("object_id", "@{object_id}")]


@pytest.mark.parametrize("name", SIGNS)
def test_a_column_against_itself(name):
    counts = pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"], columns=["a", "b"])
    figure = hv.render(explore.count_matrix(counts, axes=(name, name))[1])
    assert clean(figure.xaxis.axis_label) == name == clean(figure.yaxis.axis_label)


@pytest.mark.parametrize("name", [name for name in SIGNS if name])
def test_a_run_is_called_as_it_is(name):
    rows = pd.DataFrame({"epoch": [1, 2], "val_loss": [2.0, 1.0]})
    figure = hv.render(run_curves({name: rows, "other": rows}))
    assert clean(figure.legend[0].items[0].label.value) == name


def test_other_names_stay():
    assert [plain(name) for name in ("ln λ", "u - g", "a $ b", "z_phot")] == ["ln λ", "u - g", "a $ b", "z_phot"]
