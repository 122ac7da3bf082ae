import holoviews as hv
import numpy as np
import pandas as pd
import pytest

from galviz.measure.merger_rate import PUBLISHED, merger_rate
from galviz.measure.metrics import Interval
from galviz.measure.threshold_stats import BinnedFractions, ThresholdCurve, reliability
from galviz.tools.threshold import figure as figures

hv.extension("bokeh")


@pytest.fixture
def sample():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 1, 400)
    return scores, (rng.random(400) < scores).astype(float)


def rendered(plot):
    return hv.renderer("bokeh").get_plot(plot)


def sources(plot):
    """What is drawn now, a dict a renderer."""
    return [dict(renderer.data_source.data) for renderer in plot.state.renderers]


def test_the_point_of_the_threshold_moves_on_the_curve(sample):
    curve = ThresholdCurve(*sample)
    now, line = hv.streams.Pipe(data=curve.at(0.2)), hv.streams.Pipe(data=curve.curve(50))
    plot = rendered(figures.purity_curve(line, now))
    for threshold in (0.2, 0.7):
        now.send(curve.at(threshold))
        found = curve.at(threshold)
        points = [data for data in sources(plot) if set(data) == {"completeness", "purity"}]
        assert len(points) == 1
        assert points[0]["completeness"][0] == pytest.approx(found.completeness.value)
        assert points[0]["purity"][0] == pytest.approx(found.purity.value)
    (drawn,) = [data for data in sources(plot) if "threshold" in data]
    np.testing.assert_allclose(drawn["purity"], curve.curve(50)["purity"])
    now.send(curve.at(1.0))  # nothing lies above: no purity
    assert sources(plot)


def test_reliability_is_drawn_where_there_are_objects(sample):
    table = reliability(*sample)
    (drawn,) = [
        data
        for data in sources(rendered(figures.reliability_plot(hv.streams.Pipe(data=table), "merger")))
        if "n" in data
    ]
    np.testing.assert_allclose(drawn["observed"], table["observed"])
    assert list(drawn["n"]) == list(table["n"])


def curves(plot):
    return [one for one in plot.last.traverse(lambda one: one, [hv.Curve]) if type(one) is hv.Curve]


def test_fractions_by_bins_follow_the_threshold(sample):
    scores, truth = sample
    bins = BinnedFractions(np.linspace(0, 0.2, 400), [0, 0.1, 0.2], scores, truth)
    now = hv.streams.Pipe(data=bins.at(0.5))
    plot = figures.binned_fractions(now, "z", "merger", published=True)
    shown = rendered(plot)
    assert shown.state.legend[0] in shown.state.below  # not over the points
    now.send(bins.at(0.8))
    (drawn,) = [data for data in sources(shown) if "n" in data and "above" in data]
    np.testing.assert_allclose(drawn["fraction"], bins.at(0.8)["fraction"])
    lines = curves(plot)
    pairs, goh = (line.label for line in lines)
    assert pairs == "0.02 (1+z)^0.7: Keenan et al. (2014), close pairs"  # no rate on an axis of fractions
    assert goh == "Goh (2022): P(merger) > 0.3, an upper bound; of all redshifts"
    assert lines[1]["fraction"].tolist() == [0.029, 0.029]


def test_rates_by_bins_follow_and_evolve_from_the_first_bin(sample):
    scores, truth = sample
    bins = BinnedFractions(np.linspace(0, 0.2, 400), [0, 0.1, 0.2], scores, truth).at(0.5)
    rates = figures.rates_in_bins(bins, 0.4, 1.5)
    np.testing.assert_allclose(rates["fraction"], bins["fraction"] * 1.5 / 0.4)
    np.testing.assert_allclose(rates["corrected"], bins["corrected"] * 1.5 / 0.4)
    now = hv.streams.Pipe(data=rates)
    plot = figures.binned_rates(now, "z")
    shown = rendered(plot)
    assert shown.state.legend[0] in shown.state.below
    fast, slow = curves(plot)
    assert fast.label == "(1+z)^3: Lotz et al. (2011), major, fixed number density"
    at = np.interp(0.05, fast["bin"], fast["fraction"])
    assert at == pytest.approx(rates["fraction"].iloc[0], rel=1e-3)
    assert fast["fraction"][-1] / fast["fraction"][0] == pytest.approx(8)
    assert slow["fraction"][-1] / slow["fraction"][0] == pytest.approx(2**0.1)
    empty = figures.binned_rates(hv.streams.Pipe(data=rates.assign(fraction=0.0)), "z")
    assert rendered(empty) is not None


def test_rates_are_fractions_over_the_same_time():
    ours = {"corrected": Interval(0.03, 0.02, 0.04)}
    rows = figures.rate_rows(ours, 0.5, 1.5)
    np.testing.assert_allclose(rows["rate"], merger_rate(rows["fraction"], 0.5, 1.5))
    np.testing.assert_allclose(rows.loc[rows["ours"], ["rate_low", "rate_high"]], [[0.06, 0.12]])
    assert set(rows.loc[~rows["ours"], "status"]) == {"paper", "abstract only"}
    published = [p.value for p in PUBLISHED if p.quantity in {"merger fraction", "pair fraction"}]
    assert rows.loc[~rows["ours"], "fraction"].tolist() == published  # powers of 1 + z are no fractions
    assert isinstance(rows, pd.DataFrame)


def test_numbers_in_words(sample):
    curve = ThresholdCurve(*sample)
    found = curve.at(0.5)
    lines = dict(figures.numbers(found, curve.resampled(0.5), "merger"))
    assert lines["Above the line"] == f"{found.above} of 400"
    assert lines["Raw fraction"].startswith(f"{100 * found.fraction.value:.2f} % (")
    assert lines["Corrected fraction (merger)"].startswith(f"{100 * found.corrected:.2f} % (")
    assert list(dict(figures.numbers(found, {}, "merger"))) == ["Above the line", "Raw fraction"]
    assert figures.percent(None) == figures.percent(Interval(np.nan, 0, 1)) == "–"
    assert figures.percent(Interval(0.029, np.nan, np.nan)) == "2.90 %"


def test_the_axes_of_bins_go_with_the_fractions():
    def bins(fraction):
        ends = {"low": fraction - 0.01, "high": fraction + 0.01, "corrected": 0.1, "purity": 0.5, "completeness": 0.5}
        return pd.DataFrame({"left": [0, 1], "right": [1, 2], "n": 10, "above": 5, "fraction": fraction} | ends)

    pipe = hv.streams.Pipe(data=bins(0.05))
    plot = hv.renderer("bokeh").get_plot(figures.binned_fractions(pipe, "z", "merger"))
    axis = plot.handles["y_range"]
    assert axis.start < 0.04
    assert 0.1 < axis.end < 0.5
    pipe.send(bins(0.95))
    assert axis.start < 0.1
    assert axis.end > 0.96
