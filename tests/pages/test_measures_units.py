"""Errors of a run in ln λ, dex, % and λ, whatever was learned."""

import asyncio

import numpy as np
import pandas as pd
import pytest

from galviz.measure.unit_errors import in_all_units
from galviz.pages.results.measures import MeasuresView
from galviz.studies.richness import TARGETS

TRUTH = np.linspace(20, 90, 40)
ESTIMATE = TRUTH * np.exp(0.2 * np.sin(np.arange(40)))


def shown(view):
    async def last():
        return [html async for html in view.table()][-1]

    return asyncio.run(last())


@pytest.mark.parametrize("name", ["richness", "log10_richness", "linear_richness", "z_richness"])
def test_the_errors_in_lambda_do_not_depend_on_what_was_learned(name):
    target = TARGETS[name].fitted(pd.DataFrame({"richness": TRUTH}))
    html = shown(MeasuresView(target.forward(TRUTH), target.forward(ESTIMATE), target=target))
    table = in_all_units(TRUTH, ESTIMATE)
    for unit, written in (("ln", "ln λ"), ("dex", "dex"), ("percent", "%"), ("value", "λ")):
        row = table.loc[unit]
        assert f"<th scope='row'>{written}</th><td>{row['mae']:.4g}</td>" in html
        assert f"{row['sigma_low']:.4g} to {row['sigma_high']:.4g}" in html


def test_estimates_below_zero_have_no_logarithm_and_truths_below_zero_no_table():
    target = TARGETS["linear_richness"]
    html = shown(MeasuresView(TRUTH, TRUTH - 30, target=target))
    assert html.count("not all estimates are positive") == 4
    assert "other units" not in shown(MeasuresView(TRUTH - 30, TRUTH, target=target))
    assert "other units" not in shown(MeasuresView(TRUTH, ESTIMATE))
