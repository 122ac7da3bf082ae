import time
from itertools import pairwise

import holoviews as hv
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.sky.galaxy_zoo import COLUMNS, MERGER, NAMES, SLICES
from galviz.tools.display import default_stretch
from galviz.tools.gallery.figure import contact_sheet
from galviz.tools.votes import figure as figures
from galviz.tools.votes.panels import PLACES

hv.extension("bokeh")
AT = COLUMNS.index(MERGER)


@pytest.fixture
def votes():
    return np.random.default_rng(1).random((60, 37))


def drawn(plot, kind):
    """Data of the renderers of one kind of glyph that bear more than their place."""
    return [r.data_source.data for r in hv.render(plot).renderers if type(r.glyph).__name__ == kind]


def texts(plot):
    """Place → text."""
    return {(x, y): t for d in drawn(plot, "Text") for x, y, t in zip(d["x"], d["y"], d["text"], strict=True)}


def table(votes, first=1237658493878337640):
    return pd.DataFrame(votes, columns=COLUMNS, index=pd.Index([str(first + k) for k in range(len(votes))]))


def test_histograms_count_every_label_and_prediction(votes):
    plot = figures.vote_histograms(votes, votes**2, bins=10)
    bars = drawn(plot, "Quad")[-1]
    mine = np.array(bars["Answer"]) == "merger"
    counts = np.histogram(votes[:, AT], 10, (0, 1))[0]
    np.testing.assert_array_equal(np.array(bars["Labels"])[mine], counts)
    received = np.histogram(votes[:, AT] ** 2, 10, (0, 1))[0]
    np.testing.assert_array_equal(np.array(bars["Predictions"])[mine], received)
    (x, y), (steps,) = PLACES[AT], drawn(plot, "MultiLine")
    np.testing.assert_allclose(np.array(bars["left"])[mine], x + np.arange(10) / 10)
    np.testing.assert_allclose(steps["xs"][AT][::2], x + np.arange(10) / 10)
    tall = dict(zip(counts, np.array(bars["top"])[mine], strict=True))
    tall |= dict(zip(received, np.array(steps["ys"][AT])[::2], strict=True))  # one scale for both: logarithmic
    several = sorted(n for n in tall if n)
    slopes = [(tall[b] - tall[a]) / np.log10(b / a) for a, b in pairwise(several)]
    np.testing.assert_allclose(slopes, slopes[0])
    assert all(y <= height <= y + 1 for height in tall.values())
    assert not drawn(figures.vote_histograms(votes), "MultiLine")


def test_the_ticks_of_the_histograms_stand_where_such_bars_end(votes):
    votes[:, AT] = 0.05
    votes[:10, AT] = 0.95
    plot = figures.vote_histograms(votes, bins=10)
    bars = drawn(plot, "Quad")[-1]
    top = np.array(bars["top"])[(np.array(bars["Answer"]) == "merger") & (np.array(bars["Labels"]) == 10)]
    at = next(
        y for (_, y), text in texts(plot).items() if text == "10 " and y - PLACES[AT, 1] < 1 and y > PLACES[AT, 1]
    )
    assert top == pytest.approx(at)


def test_labels_that_are_not_known_are_not_counted(votes):
    votes[:5, AT] = np.nan
    bars = drawn(figures.vote_histograms(votes), "Quad")[-1]
    assert np.array(bars["Labels"])[np.array(bars["Answer"]) == "merger"].sum() == 55


def test_panels_stand_by_question_and_do_not_overlap(votes):
    for part in SLICES:
        assert len(set(PLACES[part, 1])) == 1  # a question is not broken
    apart = np.abs(PLACES[:, None] - PLACES[None]).max(axis=2)
    assert apart[~np.eye(37, dtype=bool)].min() >= 1.2
    shown = list(texts(figures.vote_histograms(votes)).values())
    assert shown.count("yes") == 4
    assert {"merger", "Question 3: bar", "Question 8"} <= set(shown)


def test_predicted_against_true_with_the_rmse_of_each(votes):
    estimate = votes + 0.1
    plot = figures.truth_panels(votes, estimate)
    (points,) = drawn(plot, "Scatter")
    place = np.column_stack([points["x"], points["y"]]).reshape(60, 37, 2) - PLACES
    np.testing.assert_allclose(place[..., 0], votes)
    np.testing.assert_allclose(place[..., 1], estimate)
    (line,) = drawn(plot, "Segment")
    np.testing.assert_allclose(np.column_stack([line["x0"], line["y0"]]), PLACES)
    np.testing.assert_allclose(np.column_stack([line["x1"], line["y1"]]), PLACES + 1)
    x, y = PLACES[AT]
    assert texts(plot)[x, y + 1.04] == f"merger\nRMSE 0.100, guess {votes[:, AT].std():.3f}"


def test_the_rmse_of_the_guess_is_that_by_hand(votes):
    votes[0, 3] = np.nan
    mean = np.full(37, 0.25)
    found = figures.answer_rmse(votes, votes * 0, mean)
    assert found.loc["Class1.1", "rmse"] == pytest.approx(np.sqrt((votes[:, 0] ** 2).mean()))
    assert found.loc["Class1.1", "guess"] == pytest.approx(np.sqrt(((votes[:, 0] - 0.25) ** 2).mean()))
    assert found.loc["Class2.1", "n"] == 59
    assert found.loc["Class2.1", "guess"] == pytest.approx(np.sqrt(((votes[1:, 3] - 0.25) ** 2).mean()))
    own = figures.answer_rmse(votes, votes * 0)  # the mean of the truth: the scatter
    assert own.loc["Class2.1", "guess"] == pytest.approx(votes[1:, 3].std())
    votes[:, 5] = np.nan
    assert np.isnan(figures.answer_rmse(votes, votes * 0).loc["Class3.1", ["rmse", "guess"]].astype(float)).all()
    assert list(texts(figures.truth_panels(votes, votes)).values()).count("yes\nno labels") == 1


def test_many_objects_are_drawn_as_density_quickly_and_all_count():
    votes = np.random.default_rng(0).random((120_000, 37))
    start = time.process_time()
    plot = figures.truth_panels(votes, votes[::-1])
    assert time.process_time() - start < 10
    (image,) = [element for element in plot if isinstance(element, hv.Image)]
    assert np.nansum(image.dimension_values("objects")) == 37 * 120_000


def test_a_cell_of_the_density_lies_where_its_objects_are():
    truth, estimate = np.linspace(0.1, 0.9, 37), np.linspace(0.95, 0.05, 37)
    plot = figures.truth_panels(np.tile(truth, (2000, 1)), np.tile(estimate, (2000, 1)))
    (image,) = [element for element in plot if isinstance(element, hv.Image)]
    counts = image.dimension_values("objects")
    found = np.column_stack([image.dimension_values(name)[counts == 2000] for name in "xy"])
    expected = PLACES + np.column_stack([truth, estimate])
    away = np.abs(found[:, None] - expected[None]).max(axis=2)
    assert len(found) == 37
    assert (away.min(axis=0) < 0.02).all()


def test_correlation_equals_numpys(votes):
    found = figures.correlation(votes)
    np.testing.assert_allclose(found, np.corrcoef(votes, rowvar=False))
    assert list(found.index) == list(found.columns) == list(COLUMNS)


@given(st.sets(st.integers(0, 36)))
def test_answers_that_do_not_vary_have_no_correlation(constant):
    votes = np.random.default_rng(0).random((20, 37))
    votes[:, list(constant)] = 0.1
    found = figures.correlation(votes).to_numpy()
    silent = np.isin(np.arange(37), list(constant))
    assert np.isnan(found[silent]).all()
    assert np.isnan(found[:, silent]).all()
    assert np.isfinite(found[np.ix_(~silent, ~silent)]).all()


def test_objects_without_labels_do_not_count_in_the_correlation(votes):
    known = np.vstack([votes, np.full((3, 37), np.nan)])
    np.testing.assert_array_equal(figures.correlation(known), figures.correlation(votes))
    assert figures.correlation(votes[:0]).isna().all(axis=None)


def test_the_matrix_bears_names_and_borders_and_says_what_is_missing(votes):
    votes[:, :2] = 0.5
    matrix = figures.correlation(votes)
    plot = hv.render(figures.correlation_matrix(matrix, "Labels"))
    assert plot.title.text == "Labels; grey: 2 of 37 answers do not vary and have none"
    assert plot.xaxis[0].major_label_overrides[AT] == plot.yaxis[0].major_label_overrides[AT] == "merger"
    cells, lines = (r.data_source.data for r in plot.renderers)
    row = (np.array(cells["one"]) == "merger") & (np.array(cells["other"]) == "smooth")
    assert np.isnan(np.array(cells["r"])[row]).all()
    row = (np.array(cells["one"]) == "merger") & (np.array(cells["other"]) == NAMES[5])
    assert np.array(cells["r"])[row] == pytest.approx(matrix.loc[MERGER, COLUMNS[5]])
    assert sorted(set(lines["x0"]) - {-0.5}) == [part.stop - 0.5 for part in SLICES[:-1]]
    assert hv.render(figures.correlation_matrix(matrix * np.nan))
    assert hv.render(figures.correlation_matrix(matrix - matrix)).title.text.startswith("Correlation of the labels")


def test_prototypes_are_the_surest_objects(votes):
    given_votes = table(votes)
    given_votes.iloc[[7, 9], AT] = 2.0  # equals: the first
    given_votes.iloc[:, 0] = 0.0  # nobody said smooth
    given_votes.iloc[3, 1] = np.nan
    found = figures.prototypes(given_votes)
    assert found.loc[MERGER, "object_id"] == given_votes.index[7]
    assert found.loc[MERGER, "fraction"] == 2.0
    assert "Class1.1" not in found.index
    assert len(found) == 36
    for answer, row in found.iterrows():
        assert row["object_id"] == given_votes[answer].idxmax()
        assert row["name"] == NAMES[COLUMNS.index(answer)]
    assert figures.prototypes(given_votes.iloc[:0]).empty
    assert figures.prototypes(given_votes * np.nan).empty


def test_the_sheet_shows_prototypes_in_their_order(tiny_sky):
    ids = tiny_sky.object_ids[[5, 2, 5]]
    found = pd.DataFrame({"object_id": ids})
    look = default_stretch(tiny_sky.bands, tiny_sky.unit)
    expected = contact_sheet(tiny_sky.images[:][[5, 2, 5]], None, tiny_sky.bands, look)
    assert figures.prototype_sheet(tiny_sky, found) == expected
    with pytest.raises(KeyError, match=r"object_id: expected objects of the sky, got '17'"):
        figures.prototype_sheet(tiny_sky, pd.DataFrame({"object_id": [ids[0], "17"]}))


def test_votes_of_another_shape_are_refused(votes):
    with pytest.raises(ValueError, match=r"votes: expected shape \(N, 37\), got \(60, 36\)"):
        figures.correlation(votes[:, 1:])
