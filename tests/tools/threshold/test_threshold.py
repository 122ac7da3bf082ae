import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from galviz.measure.score_columns import answers, bin_column, meaning, truths
from galviz.measure.threshold_stats import ThresholdCurve
from galviz.sky.galaxy_zoo import COLUMNS, NAMES
from galviz.tools.labels.core import Labels
from galviz.tools.threshold.core import Scored, labels_of


def table_of(scores, **more):
    ids = pd.Index([f"id-{k}" for k in range(len(scores))], name="object_id", dtype=str)
    return pd.DataFrame({"p": scores, **more}, index=ids)


def test_scores_are_found_by_name_the_likeliest_first():
    half = [0.1, 0.9]
    table = table_of(half, flux=[3.0, 40.0], truth=half, **{"Class8.6": half, "Class4.1": half, "estimate": half})
    table = table.assign(is_merger=[0, 1], fold=[0, 1], spread=half, empty=np.nan)
    assert list(answers(table).values()) == ["estimate", "Class8.6", "p", "Class4.1", "truth"]
    assert answers(table)["spiral: yes (Class4.1)"] == "Class4.1"
    assert "own_name" in answers(table_of(half).rename(columns={"p": "own_name"}))


@pytest.mark.parametrize(
    ("column", "name"),
    [
        *zip(COLUMNS, NAMES, strict=True),
        ("has-spiral-arms-gz2_yes_fraction", "has spiral arms: yes"),
        ("merging_major-disturbance_fraction", "merging: major disturbance"),
        ("p_merger", "merger"),
        ("estimate", "merger"),
        ("spiral_prob", "spiral_prob"),
    ],
)
def test_what_a_score_means(column, name):
    assert meaning(column) == name


def test_the_truth_of_another_answer_is_not_taken():
    half = [0.1, 0.9]
    table = table_of(half, is_merger=[True, False], **{"Class4.1": half, "Class4.1_true": half, "Class1.1": half})
    assert next(iter(truths(table, "p").values())) == "is_merger"
    assert next(iter(truths(table, "Class4.1").values())) == "Class4.1_true"
    assert next(iter(truths(table, "Class1.1").values())) == ""
    assert "is_merger" in truths(table, "Class1.1").values()


def test_bins_are_a_redshift_or_a_colour():
    assert bin_column(table_of([0.5], z=[0.1])) == "z"
    assert bin_column(table_of([0.5], z=[19.0], g=[1.0], r=[1.0])) == "g - r"
    assert bin_column(table_of([0.5], z=[19.0], g=[1.0], z_spec=[1.0])) == "z_spec"
    assert bin_column(table_of([0.5, 0.5], z=[0.1, np.nan], g=[17.0, 17.0], r=[16.0, 16.0])) == "z"
    assert bin_column(table_of([0.5])) == ""


SCORES = st.lists(st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0, np.nan]), st.floats(0, 1)), min_size=1, max_size=40)


@given(SCORES, st.one_of(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.floats(0, 1)), st.integers(1, 6))
def test_a_threshold_counts_and_its_neighbours_are_the_nearest(scores, threshold, count):
    table = table_of(np.array(scores, dtype=float))
    scored, values = Scored(table, "p"), np.array(scores)
    assert scored.at(threshold).above == (values > threshold).sum()
    assert scored.known.missing == np.isnan(values).sum()
    assert list(scored.above(threshold)) == list(table.index[values > threshold])
    above, below = scored.near(threshold, count)
    assert sorted(values[above]) == list(values[above]) == sorted(values[values > threshold])[:count]
    assert list(values[below]) == sorted(values[values <= threshold], reverse=True)[:count]
    assert scored.histogram(10)[1].sum() == np.isfinite(values).sum()


def test_bars_end_where_a_threshold_does():
    scored = Scored(table_of([0.0, 0.1, 0.2, 0.2, 0.35, 1.0]), "p")
    edges, every, _, _ = scored.histogram(10)
    for k, edge in enumerate(edges[1:-1]):
        assert scored.at(edge).above == every[k + 1 :].sum()


@pytest.mark.parametrize(("objects", "bins"), [(0, 10), (60, 10), (500, 20), (10_000, 50), (200_000, 100)])
def test_few_objects_have_wide_bars(objects, bins):
    edges, every, _, _ = Scored(table_of(np.linspace(0, 1, objects)), "p").histogram()
    assert (len(edges) - 1, every.sum()) == (bins, objects)


@pytest.fixture
def judged():
    rng = np.random.default_rng(3)
    p = rng.uniform(0, 1, 500)
    truth = np.where(rng.random(500) < 0.4, rng.random(500) < p, np.nan).astype(float)
    return table_of(p, truth=truth)


def test_labels_override_the_truth_and_move_the_correction(judged):
    before = Scored(judged, "p", "truth")
    known = np.flatnonzero(judged["truth"] == 0)[1:41]
    labels = dict.fromkeys(judged.index[known], "merger") | {"id-0": "not a merger", "nobody": "merger", "id-1": "odd"}
    after = before.relabelled(labels)
    truth = judged["truth"].to_numpy().copy()
    truth[known], truth[0] = 1, 0
    expected = ThresholdCurve(judged["p"].to_numpy(), truth).at(0.5)
    assert after.at(0.5).corrected == expected.corrected != before.at(0.5).corrected
    assert after.known.by_hand == 41
    assert (after.known.yes, after.known.no) == ((truth == 1).sum(), (truth == 0).sum())
    fresh = Scored(judged, "p", "truth", labels=labels)
    assert fresh.at(0.5).corrected == expected.corrected
    assert before.relabelled({}).at(0.5).corrected == before.at(0.5).corrected


def test_a_vote_fraction_is_true_above_the_cut(judged):
    table = judged.assign(votes=np.linspace(0, 1, len(judged)))
    assert Scored(table, "p", "votes").known.yes == (table["votes"] > 0.5).sum()
    assert Scored(table, "p", "votes", cut=0.8).known.yes == (table["votes"] > 0.8).sum()


def test_without_both_kinds_nothing_is_corrected(judged):
    scored = Scored(judged, "p")
    assert scored.resampled(0.5) == {}
    assert scored.expected() is None
    total = scored.plain_sum()
    assert total.value == pytest.approx(judged["p"].mean())
    assert total.low < total.value < total.high
    assert total.high - total.low == pytest.approx(2 * 1.96 * judged["p"].std(ddof=0) / 500**0.5)


def test_bins_of_a_column_or_an_expression(judged):
    table = judged.assign(z=np.linspace(0, 0.3, 500), g=1.0, kind="a")
    rows = Scored(table, "p", "truth").by("z", bins=5).at(0.5)
    assert list(rows["n"]) == [100] * 5
    assert rows["above"].sum() == (table["p"] > 0.5).sum()
    assert Scored(table, "p").by("2 * z - g").at(0.5)["n"].sum() == 500
    for wrong, why in (("kind", "expected numbers"), ("g", "different values"), ("nothing", "expected a column")):
        with pytest.raises(ValueError, match=why):
            Scored(table, "p").by(wrong)


@pytest.mark.parametrize(("name", "why"), [("none", "expected columns"), ("flux", "within 0…1, got 0 … 3")])
def test_what_cannot_be_cut_is_refused(name, why):
    with pytest.raises(ValueError, match=why):
        Scored(table_of([0.5, 1.0], flux=[0.0, 3.0]), name)


def test_labels_are_kept_apart_by_answer(galviz_home):
    assert labels_of("p_merger").path == galviz_home / "mergers.csv"
    assert labels_of("Class4.1").path == galviz_home / "mergers-Class4.1.csv"
    assert labels_of("p_bar", lambda score: Labels.of("sky", score)).path == Labels.of("sky", "p_bar").path


def test_a_few_values_that_are_no_probabilities_are_left_out_and_named():
    values = np.linspace(0, 1, 40)
    values[[3, 9]], values[[20, 21]] = (1.7, -0.2), np.nan
    table = table_of(values, other=np.linspace(0, 1, 40)).rename(columns={"p": "p_merger"})
    assert next(iter(answers(table).values())) == "p_merger"  # not another column, without a word
    scored, fair = Scored(table, "p_merger"), values[(values >= 0) & (values <= 1)]
    assert scored.outside.to_dict() == {"id-3": 1.7, "id-9": -0.2}
    assert (scored.known.scored, scored.known.missing) == (36, 4)
    assert scored.at(0.5).above == (fair > 0.5).sum()
    values[:6] = 3
    table = table.assign(p_merger=values)
    assert next(iter(answers(table).values())) == "other"
    with pytest.raises(ValueError, match=r"p_merger: expected scores within 0…1, got -0.2 … 3"):
        Scored(table, "p_merger")
    assert list(answers(table_of([0.1, 0.2, 1.4] * 20, good=0.5)).values()) == ["good"]


@pytest.mark.parametrize(
    ("columns", "shown_text"),
    [
        ({"p": [10.0, 75.5]}, "p (10 … 75.5)"),
        ({"p": ["0.3", "bad"]}, "p (text: 'bad' of id-1)"),
        ({"is_merger": [0, 1]}, "is_merger (only 0 and 1)"),
        ({"p": [np.nan, np.nan], "z": [0.1, 0.2]}, "p (no values), z (a redshift)"),
        ({"fold": [0.5, 0.5]}, "fold (beside a score)"),
        ({f"c{k}": [5, 6] for k in range(9)}, "c5 (5 … 6) and 3 others"),
        ({}, "got no column"),
    ],
)
def test_a_table_without_a_score_is_told_why_of_each_column(columns, shown_text):
    ids = pd.Index(["id-0", "id-1"], name="object_id", dtype=str)
    with pytest.raises(ValueError, match=r"expected a column of numbers within 0 … 1, got .*Divide") as error:
        answers(pd.DataFrame(columns, index=ids))
    assert shown_text in str(error.value)
