"""A run that has learned from every object: its page shows that nothing is left to judge it by, and does not break."""

import pytest

from galviz.pages.results.pretext import View as BandsView
from galviz.pages.results.regression import View as PredictionsView
from galviz.runs.predictions import Predictions
from galviz.tools.selection.core import Selection


@pytest.mark.parametrize("view", [PredictionsView, BandsView])
def test_a_run_without_held_out_objects_is_shown(view, estimates, told_bands, sky):
    given = estimates if view is PredictionsView else told_bands
    seen = Predictions(given.table.assign(fold=-1), given.target)
    shown = view(seen, Selection(), sky)
    assert shown.__panel__().get_root()
    assert "0 " in shown.about()
